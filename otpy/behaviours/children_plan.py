"""What new specs and flags ask of the children that a supervisor has, as a value. Pure.

In come the specs of before and of after, and what is known of the running children; out comes who is started, ended,
exchanged, or just treated otherwise from now on. Nothing here knows how it is done (see otpy/upgrade/children.py).

A child is the same if its id is. If its start function is the same, by name and by arguments, it is the same process,
whatever became of the code behind the name.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

import msgspec

from otpy.behaviours.child_spec import MFA, ChildSpec, Fun, SpecChange, SupFlags, diff, diff_flags

__all__ = ["ChildrenPlan", "children_plan"]


class ChildrenPlan(msgspec.Struct, frozen=True):
    """What becomes of the children of one supervisor."""

    added: tuple[ChildSpec, ...] = ()
    """Started, in this order."""
    removed: tuple[ChildSpec, ...] = ()
    """Ended, in the reverse of this order."""
    changed: tuple[SpecChange, ...] = ()
    """The running process stays; from now on it is restarted, ended and so on as the new spec says."""
    replaced: tuple[SpecChange, ...] = ()
    """Started otherwise: another process takes its place."""
    irreversible: dict[Hashable, str] = {}
    """The ids of added and replaced ones that cannot run beside who leaves, each with the reason. They are started
    when that one has ended, and so after the point up to which everything can be taken back."""
    order: tuple[Hashable, ...] = ()
    """The ids in their new order."""
    reordered: bool = False
    """Whether those that stay come in another order."""
    flags: dict[str, tuple[object, object]] = {}
    """The flags that differ, each with its old and its new value."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.replaced or self.reordered or self.flags)

    def __str__(self) -> str:
        return "\n".join(_lines(self)) or "nothing changes"


def children_plan(
    old: Iterable[ChildSpec],
    new: Iterable[ChildSpec],
    *,
    flags: tuple[SupFlags, SupFlags] | None = None,
    idle: Collection[Hashable] = (),
    names: Mapping[Any, Collection[str]] | None = None,
) -> ChildrenPlan:
    """Return what leads from the checked specs *old* to *new*.

    *flags* are those of before and after. *idle* has the ids of children that do not run: for them another start is
    just another spec. *names* says which names the running ones have registered, by their ids.
    """
    before, after = list(old), list(new)
    difference = diff(before, after)
    replaced = tuple(c for c in difference.changed if c.start_changed and c.new.id not in idle)
    changed = tuple(c for c in difference.changed if c not in replaced)
    leaving = [*difference.removed, *(change.old for change in replaced)]
    starting = [*difference.added, *(change.new for change in replaced)]
    return ChildrenPlan(
        added=difference.added,
        removed=difference.removed,
        changed=changed,
        replaced=replaced,
        irreversible=_irreversible(starting, _names_of(leaving, names or {})),
        order=tuple(spec.id for spec in after),
        reordered=difference.reordered,
        flags={} if flags is None else diff_flags(*flags),
    )


def _names_of(leaving: Iterable[ChildSpec], names: Mapping[Any, Collection[str]]) -> dict[str, Hashable]:
    """Return which of the names in use belong to whom of those that leave."""
    taken: dict[str, Hashable] = {}
    for spec in leaving:
        own = _name_given(spec)
        for name in (*names.get(spec.id, ()), *(() if own is None else (own,))):
            taken[name] = spec.id
    return taken


def _irreversible(starting: Iterable[ChildSpec], taken: Mapping[str, Hashable]) -> dict[Hashable, str]:
    found: dict[Hashable, str] = {}
    for spec in starting:
        name = _name_given(spec)
        if name is not None and name in taken:
            found[spec.id] = f"it registers the name {name!r}, which {taken[name]!r} has until it has ended"
    return found


def _name_given(spec: ChildSpec) -> str | None:
    """Return the name that the start function is told to register, if it says so as behaviours do: `name=`."""
    start = spec.start
    given = dict(start.kwargs) if isinstance(start, MFA | Fun) else {}
    if isinstance(start, Fun) and isinstance(start.function, functools.partial):
        given = {**start.function.keywords, **given}
    name = given.get("name")
    return name if isinstance(name, str) else None


def _lines(plan: ChildrenPlan) -> Iterable[str]:
    for spec in plan.added:
        yield f"+ {spec.id}{_late(plan, spec.id)}"
    for spec in plan.removed:
        yield f"- {spec.id}"
    for change in plan.replaced:
        yield f"-/+ {change.new.id}: start changes{_late(plan, change.new.id)}"
    for change in plan.changed:
        yield f"~ {change.new.id}: {', '.join(change.fields)}"
    for flag, (was, now) in plan.flags.items():
        yield f"~ {flag}: {was!r} → {now!r}"
    if plan.reordered:
        yield f"~ order: {', '.join(map(str, plan.order))}"


def _late(plan: ChildrenPlan, ident: Hashable) -> str:
    why = plan.irreversible.get(ident)
    return "" if why is None else f" (irreversible, done last: {why})"
