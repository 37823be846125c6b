"""The automatic migration of states: from instances of old classes to instances of their successors.

A state goes in, with a table of old classes and their successors; out comes a migrated *copy* and a report. The
original is never touched, so a migration that fails needs no undoing. `copy_state` gives a copy by the same rules with
nothing replaced: that is what `code_change` is handed.

Every kind of object that a state may have is handled: `instances.handler_for` tells them apart.
Source: RUNTIME.md §4 has the measurements that led to this design; the four facts that the report gives are CLOS's
`update-instance-for-redefined-class`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, final

from otpy.behaviours.migrations.copier import Copier
from otpy.behaviours.migrations.instances import handler_for
from otpy.behaviours.migrations.report import Ledger, Migrated, Report
from otpy.behaviours.migrations.scan import reaches
from otpy.errors import MigrationFailed

__all__ = ["Migrated", "Migration", "Report", "copy_state", "migrate", "reaches"]

ValueT = TypeVar("ValueT")


@final
class Migration:
    """One transaction: states migrated by it share one memo, so that what they shared they go on sharing.

    *replaced*: old class (or function) → its successor; None for one that is gone. Use it from one thread at a time.
    """

    def __init__(self, replaced: Mapping[Any, Any]) -> None:
        self._copier = Copier(replaced, handler_for)

    def migrate(self, state: ValueT, *, scan: bool = True) -> Migrated[ValueT]:
        """A migrated copy of *state*, and what was done.

        With *scan*, a state from which nothing old can be reached is given back as it is: the same object. Without, it
        is copied in any case; do so when another state of this transaction shares objects with it.

        Raises: MigrationFailed, naming class and field.
        """
        copier = self._copier
        if scan and not reaches(state, copier.replaced):
            return Migrated(state, Report())
        copier.ledger = Ledger()
        try:
            made = copier.copy(state)
        except MigrationFailed:
            raise
        except Exception as error:
            message = f"a {type(state).__qualname__} could not be migrated: {type(error).__name__}: {error}"
            raise MigrationFailed(message, reason=error) from error
        return Migrated(made, copier.ledger.report())


def migrate(state: ValueT, replaced: Mapping[Any, Any]) -> Migrated[ValueT]:
    """One state alone; see `Migration.migrate`."""
    return Migration(replaced).migrate(state)


def copy_state(state: ValueT) -> Migrated[ValueT]:
    """A copy of *state* that shares nothing with it but what cannot be copied; the report names that as kept.

    Raises: MigrationFailed.
    """
    return Migration({}).migrate(state, scan=False)
