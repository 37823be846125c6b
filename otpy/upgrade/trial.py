"""Trying conversions on copies, with the new definitions that have been run but not installed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, final

from otpy.behaviours.migrations import shape_of
from otpy.kernel.process import Process
from otpy.upgrade.conversion import Conversion, Course, Migrations, finished
from otpy.upgrade.standin import NewNames
from otpy.upgrade.users_part import Changed, UsersPart
from otpy.upgrade.versions import Versions
from otpy.upgrade.ways import Way, Ways

if TYPE_CHECKING:
    from otpy.upgrade.transaction import Transaction


@final
class Trial:
    """Conversions of copies. The new version of each class stands in for the live one, which is not touched."""

    def __init__(self, transaction: Transaction) -> None:
        preparation = transaction.preparation
        assert preparation.prepared is not None
        self._preparation = preparation
        self._options = transaction.options
        self._parts_down = transaction.converting.parts_down
        self._ghosts = preparation.prepared.ghosts
        self._versions = Versions(preparation)
        self._ways = Ways(transaction.options.state_for, namespaces=preparation.namespaces)
        self.names = NewNames(preparation.prepared)
        shapes = {ghost: shape_of(live) for live, ghost in self._ghosts.items()}
        self._migrations = Migrations({**preparation.replaced, **self._ghosts}, shapes, as_classes=self._ghosts)

    def ghost_of(self, kind: type) -> type:
        """Return the new version of the class *kind*; where only bodies change, something that does the same."""
        return self._ghosts.get(kind) or self.names.class_of(kind)

    def part(self, kind: type, vsn: Any) -> UsersPart:
        """Return what a user's code would do to a state of class *kind* whose process says that it is of *vsn*.

        A class that has no new version of its own, though a base of it has, cannot be tried: nothing is done then.
        """
        down = self._parts_down.of(kind, vsn)
        if down is not None:
            return down
        if kind not in self._ghosts and any(base.__module__ in self._preparation.new for base in kind.__mro__[1:]):
            return UsersPart(Way("preserve"), kind)
        ghost = self.ghost_of(kind)
        old = self._versions.before(kind, vsn, ghost)
        way = self._ways.of(ghost, old_vsn=old, new_vsn=self._versions.new(ghost))
        return UsersPart(way, ghost, old, self._options.extra_for(ghost), copies=self._migrations.copies)

    def convert(self, process: Process, state: Any, *, kind: type) -> Conversion:
        """Return what *process*, of class *kind*, would be if *state* were its state. Raises MigrationFailed."""
        part = self.part(kind, process.vsn)
        done = part.change(process, state)
        settled = done if isinstance(done, Changed) else asyncio.run(done)
        course = Course(kind, self.ghost_of(kind), vsn=None, part=part, migrations=self._migrations)
        return finished(process, course, self._migrations, settled)
