"""What a process was at one moment, and going back to it: the parts of `preserve_process_state` that do nothing.

A snapshot is a copy: what the process does afterwards does not reach it, and it can be gone back to more than once.
"""

from __future__ import annotations

from typing import Any

import msgspec

from otpy.behaviours.events.manager import EventManager, installed_in
from otpy.behaviours.migrations import Copies, Migration
from otpy.behaviours.migrations.compatibility import current_successors
from otpy.behaviours.migrations.plain import Stored, to_bytes
from otpy.behaviours.migrations.steps import name_of
from otpy.errors import MigrationFailed
from otpy.kernel.process import Process
from otpy.upgrade.conversion import Conversion, state_of


class Snapshot(msgspec.Struct, frozen=True):
    """The state of one process at one moment."""

    process: str
    """Which process, for people."""
    behaviour: str
    """The name of its class: "shop.orders.Orders"."""
    vsn: Any
    state: Any
    """A copy; locks, sockets, pids and the like in it are those of the process."""
    kept: tuple[str, ...] = ()
    """The names of the classes of which objects are in it themselves, not copies."""

    def stored(self) -> Stored:
        """Return the state as bytes, or what stands in the way."""
        return to_bytes(self.state)


def snapshot_of(process: Process) -> Snapshot:
    """Return what *process* is now. It has to be at rest, or what is called from inside it. Raises MigrationFailed."""
    copied = Copies().copy(state_of(process))
    return Snapshot(repr(process), _name(process), _vsn(process), copied.value, tuple(copied.report.kept))


def restored(process: Process, snapshot: Snapshot) -> Conversion:
    """Return what *process* is to be, to be again what *snapshot* says; a commit puts it in place.

    Raises MigrationFailed, if the process runs another class or version than it did then.
    """
    if (_name(process), _vsn(process)) != (snapshot.behaviour, snapshot.vsn):
        msg = (
            f"{process!r} runs {_name(process)} in version {_vsn(process)!r}, and the snapshot is of "
            f"{snapshot.behaviour} in version {snapshot.vsn!r}; bring the module there first, see rollback_module"
        )
        raise MigrationFailed(msg, process)
    copied = Copies().copy(snapshot.state).value
    # The same version may have been loaded anew since, with other class objects.
    done = Migration(current_successors(copied)).migrate(copied)
    state, handlers = done.value, installed_in(process)
    if handlers:  # who owns them, and what they are called by, is as it is now
        state = tuple(now.with_state(then.state) for now, then in zip(handlers, state, strict=True))
    return Conversion(process, process.actor, type(process.actor), state, process.vsn, True, done.report)


def _vsn(process: Process) -> Any:
    """Return of which version the state of *process* is; of an event manager, which handlers it has, each in which."""
    if not isinstance(process.actor, EventManager):
        return process.vsn
    return tuple((name_of(each.kind), each.id, each.vsn) for each in installed_in(process))


def _name(process: Process) -> str:
    kind = type(process.actor)
    return f"{kind.__module__}.{kind.__qualname__}"
