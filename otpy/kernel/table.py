"""The table of living processes, which is pykka's ActorRegistry at the same time.

pykka keeps a list, in which removing an actor takes time in proportion to all that live. The table stands in for that
list: the same operations, each in constant time, on plain pykka actors and on otpy's processes alike. A process needs
no ActorRef for that; it is made when pykka asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, SupportsIndex

from pykka import ActorRef, ActorRegistry

from otpy.kernel.process import Process


class Table:
    """Processes and foreign ActorRefs in the order of their start. Every method is atomic under the interpreter's lock.

    pykka takes an actor out before its on_stop runs; otpy still has to see that process, so it is only hidden.
    """

    def __init__(self) -> None:
        self._shown: dict[Any, bool] = {}

    def add(self, process: Process) -> None:
        """Enter *process*."""
        self._shown.setdefault(process, True)

    def hide(self, process: Process) -> None:
        """Enter *process* so that pykka does not see it."""
        self._shown[process] = False

    def discard(self, process: Process) -> None:
        """Take *process* out, if it is there."""
        self._shown.pop(process, None)

    def processes(self) -> list[Process]:
        """Return all of otpy's processes, oldest first."""
        return [entry for entry in list(self._shown) if isinstance(entry, Process)]

    # what ActorRegistry does with its list

    def append(self, ref: ActorRef[Any]) -> None:
        """Enter an actor, by its ref."""
        self._shown[_entry(ref)] = True

    def remove(self, ref: ActorRef[Any]) -> None:
        """Take an actor out, by its ref."""
        entry = _entry(ref)
        if entry in self._shown and isinstance(entry, Process) and entry.exit_reason is None:
            self.hide(entry)
        else:
            self._shown.pop(entry, None)

    def __contains__(self, ref: object) -> bool:
        return self._shown.get(_entry(ref), False)

    def __iter__(self) -> Iterator[ActorRef[Any]]:
        return iter(self[:])

    def __getitem__(self, index: slice | SupportsIndex) -> Any:
        """Return refs in an order whose reverse stops supervisors before their children, and else youngest first."""
        shown = [entry for entry, is_shown in list(self._shown.items()) if is_shown]
        refs = [entry.ref if isinstance(entry, Process) else entry for entry in _children_first(shown)]
        return refs[index]


def _entry(ref: Any) -> Any:
    inbox = getattr(ref, "actor_inbox", None)
    return inbox if isinstance(inbox, Process) else ref


def _children_first(entries: list[Any]) -> list[Any]:
    """Move supervised processes right before the root of their tree."""
    below: dict[Process, list[Process]] = {}
    rest: list[Any] = []
    for entry in entries:
        root = _root(entry)
        if root is entry:
            rest.append(entry)
        else:
            below.setdefault(root, []).append(entry)
    if not below:
        return entries
    ordered: list[Any] = []
    for entry in rest:
        ordered += reversed(below.pop(entry, ())) if isinstance(entry, Process) else ()
        ordered.append(entry)
    return [*(entry for group in below.values() for entry in group), *ordered]


def _root(entry: Any) -> Any:
    """Return the topmost supervisor above *entry*, or *entry*."""
    while isinstance(entry, Process) and entry.parent is not None and getattr(entry.parent.actor, "supervises", False):
        entry = entry.parent
    return entry


table = Table()
for _ref in ActorRegistry.get_all():  # actors that were started before otpy was imported
    table.append(_ref)
ActorRegistry._actor_refs = table  # type: ignore[assignment]  # noqa: SLF001 - pykka has no other way in
