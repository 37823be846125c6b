"""What processes own besides their states and messages: rows of tables, entries in registries and groups.

They are brought to the new classes, keys too. Servers that own some rest meanwhile, as they do for their states; the
rows and entries of plain processes and of threads, which cannot, are exchanged while these go on, each as a whole.

They are taken back when all else has been: hashes and comparisons of the old keys are those of the old classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import is_
from typing import Any

from otpy.behaviours.migrations import Migration
from otpy.code.journal import Journal
from otpy.errors import MigrationFailed
from otpy.kernel.ets import Table, rows_of
from otpy.kernel.ets_sweep import KeysCollide
from otpy.kernel.process import Process
from otpy.kernel.roster import Roster


def content_of(process: Process) -> Iterator[Any]:
    """Find what *process* has in its tables and its entries, as it is now."""
    for belonging in tuple(process.belongings or ()):
        if isinstance(belonging, Table):
            yield rows_of(belonging)
        elif isinstance(belonging, Roster):
            yield [(entry.key, entry.value) for entry in belonging.entries_by(process)]
            if process is belonging.owner:
                yield belonging.own()


def convert_belongings(process: Process, migration: Migration, journal: Journal) -> None:
    """Bring what *process* owns to the new classes. Raises MigrationFailed."""
    for belonging in tuple(process.belongings or ()):
        try:
            if isinstance(belonging, Table):
                _convert_rows(belonging, migration, journal)
            elif isinstance(belonging, Roster):
                _convert_entries(belonging, process, migration, journal)
                if process is belonging.owner:
                    _convert_own(belonging, migration, journal)
        except KeysCollide as error:
            message = (
                f"two keys of {belonging!r} are equal after the migration: a field that told them apart is gone; "
                "keep the field, or take one of them out before"
            )
            raise MigrationFailed(message, process, error) from error


def _convert_rows(table: Table, migration: Migration, journal: Journal) -> None:
    """The rows of a table. Rows that others add meanwhile are brought over with the rest."""
    exchange = _Exchange(migration)
    journal.write_last(f"rows of {table!r}", partial(table.replace_rows, exchange.back))
    table.replace_rows(exchange.forward)


def _convert_entries(roster: Roster, process: Process, migration: Migration, journal: Journal) -> None:
    """The entries of *process* in a registry, or its memberships of groups."""
    for entry in roster.entries_by(process):
        exchange = _Exchange(migration)
        journal.write_last(f"an entry of {roster!r}", partial(roster.replace, entry, exchange.back))
        roster.replace(entry, exchange.forward)


def _convert_own(roster: Roster, migration: Migration, journal: Journal) -> None:
    """What *roster* keeps beside entries: the values of a registry itself."""
    exchange = _Exchange(migration)
    journal.write_last(f"what {roster!r} keeps", partial(roster.replace_own, exchange.back))
    roster.replace_own(exchange.forward)


class _Exchange:
    """Tuples of the new classes for tuples of the old ones, and back. What somebody has put in since stays."""

    def __init__(self, migration: Migration) -> None:
        self._migrate = migration.migrate
        self._made: dict[tuple[int, ...], tuple[tuple[Any, ...], Any]] = {}  # by the identities of what is in the new
        self._parts: dict[int, tuple[Any, Any]] = {}  # what is in them, new and old, by the identity of the new

    def forward(self, old: Any) -> Any:
        """Return *old* as it is with the new classes; itself if nothing of it changes."""
        new = self._migrate(old).value
        if new is not old:
            self._made[tuple(map(id, new))] = new, old
            self._parts.update((id(part), (part, was)) for part, was in zip(new, old, strict=True) if part is not was)
        return new

    def back(self, now: Any) -> Any:
        """Return what *now* was made from: all of it, or what is left of that; itself if nothing of it was made here.

        A counter may have been raised meanwhile, under a key that was made here.
        """
        made = self._made.get(tuple(map(id, now)))
        if made is not None:
            return made[1]
        was = [self._parts.get(id(part), (part, part))[1] for part in now]
        return now if all(map(is_, was, now)) else tuple.__new__(type(now), was)
