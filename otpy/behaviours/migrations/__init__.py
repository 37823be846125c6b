"""The automatic migration of states: what an upgrade makes of the objects that processes hold.

A state goes in, with the classes that have successors and those that were edited in place; out comes the state as it
shall be, and a report. What has to change is copied, and so is what leads to it; all else stays the very same object,
so that whoever shares it goes on sharing it. The originals are never touched, so a migration that fails needs no
undoing.

`copy_state` gives a whole copy by the same rules: that is what `code_change` is handed.

Every kind of object that a state may have is handled: `instances.handler_for` tells them apart.
Source: RUNTIME.md §4 has the measurements that led to this design; the facts that the report gives are CLOS's
`update-instance-for-redefined-class`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, final

from otpy.behaviours.migrations.callables import functions_of
from otpy.behaviours.migrations.copier import LATER, Copier, Plans
from otpy.behaviours.migrations.flat import FLAT
from otpy.behaviours.migrations.instances import handler_for
from otpy.behaviours.migrations.kinds import ATOMIC
from otpy.behaviours.migrations.renames import renamed, with_renames
from otpy.behaviours.migrations.report import NOTHING, Ledger, Migrated, Report
from otpy.behaviours.migrations.scan import Scan, reaches
from otpy.behaviours.migrations.shapes import Difference, Shape, current_test, difference, shape_of, shapes_of
from otpy.behaviours.migrations.steps import Step, migration, path
from otpy.errors import MigrationFailed

__all__ = [
    "Copies",
    "Difference",
    "Migrated",
    "Migration",
    "Report",
    "Shape",
    "Step",
    "copy_state",
    "difference",
    "migrate",
    "migration",
    "path",
    "reaches",
    "renamed",
    "shape_of",
    "shapes_of",
    "with_renames",
]

ValueT = TypeVar("ValueT")


@final
class Migration:
    """One upgrade: states migrated by it share one memo, so that what they shared they go on sharing.

    *replaced*: old class (or function) → its successor; None for one that is gone. *reshaped*: a class that was edited
    in place, and is so by now → the shape that it had before, as `shapes_of` gave it. Use it from one thread at a time.
    """

    def __init__(self, replaced: Mapping[Any, Any], reshaped: Mapping[type, Shape] | None = None) -> None:
        changed = {
            cls: before
            for cls, before in (reshaped or {}).items()
            if cls not in replaced and difference(before, shape_of(cls))
        }
        tests = {cls: current_test(cls, old=before, new=shape_of(cls)) for cls, before in changed.items()}
        replaced = {**replaced, **functions_of(replaced)}
        self._scan = Scan(replaced, tests)
        self._nothing = not replaced and not changed
        self._ledger = Ledger()
        plans = Plans(handler_for, replaced=replaced, reshaped=changed, scan=self._scan)
        self._copier = Copier(plans, self._ledger)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has changed, so that there is nothing to do for any state."""
        return self._nothing

    def are_current(self, states: Sequence[object]) -> bool:
        """Whether there is nothing to do for any of *states*: one look at all of them, much of it by C code."""
        return self._nothing or not self._scan.reaches(list(states))

    def migrate(self, state: ValueT) -> Migrated[ValueT]:
        """*state* as it shall be, and what was done. If there is nothing to do, it is given back: the same object.

        Raises: MigrationFailed, naming class and field.
        """
        if self._nothing or type(state) in ATOMIC:
            return Migrated(state, NOTHING)
        changing = self._scan.changing(state)
        if not changing:
            return Migrated(state, NOTHING)
        return _copied(self._copier, self._ledger, state, changing)


@final
class Copies:
    """Whole copies of states, each for itself. What is found out about their classes serves all of them.

    *counterparts*: a class or function → what stands for it in the copies, so that a new version can be tried before it
    is installed. Copies of instances get all the attributes that they have; where the counterpart has no place for them
    (other slots), and for a `msgspec.Struct`, the class stays.
    """

    def __init__(self, counterparts: Mapping[Any, Any] | None = None) -> None:
        self._plans = Plans(handler_for, counterparts=counterparts)
        self._plans.flat.update(FLAT)

    def copy(self, state: ValueT) -> Migrated[ValueT]:
        """A copy of *state* that shares nothing with it but what cannot be copied; the report names that as kept.

        Raises: MigrationFailed.
        """
        kind = type(state)
        if kind in ATOMIC:
            return Migrated(state, NOTHING)
        flat = self._plans.flat.get(kind)
        made: Any = LATER if flat is None else flat(state)
        if made is not LATER:
            return Migrated(made, NOTHING)
        ledger = Ledger()
        return _copied(Copier(self._plans, ledger), ledger, state, None)


def _copied(copier: Copier, ledger: Ledger, state: ValueT, changing: Any) -> Migrated[ValueT]:
    ledger.clear()
    try:
        made = copier.copy(state, changing)
    except MigrationFailed:
        raise
    except Exception as error:
        message = f"a {type(state).__qualname__} could not be migrated: {type(error).__name__}: {error}"
        raise MigrationFailed(message, reason=error) from error
    return Migrated(made, ledger.report())


def migrate(
    state: ValueT, replaced: Mapping[Any, Any], *, reshaped: Mapping[type, Shape] | None = None
) -> Migrated[ValueT]:
    """One state alone; see `Migration`."""
    return Migration(replaced, reshaped).migrate(state)


def copy_state(state: ValueT, *, counterparts: Mapping[Any, Any] | None = None) -> Migrated[ValueT]:
    """One copy; see `Copies`."""
    return Copies(counterparts).copy(state)
