"""The states of event handlers: each is converted by its own class, those of one manager together.

To an upgrade a manager is a process of a class that does not change, whose state is its handlers. What is converted
inside it is put together from the handlers' own parts, and what is automatic is done for all of them at once, so that
what they share they go on sharing.

Any manager may be told to add a handler of a class that changes while that is under way. So all of them rest as soon as
such a class is concerned, and those that are started meanwhile wait: see `with_managers`.

Source: OTP gen_event.erl: system_code_change/4; release_handler suspends those that have a handler of the module.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeAlias, final

import msgspec

from otpy.behaviours.events.handler import GenEvent
from otpy.behaviours.events.installed import Handlers, Installed
from otpy.behaviours.events.manager import EventManager
from otpy.behaviours.migrations import Migrated, Migration
from otpy.behaviours.migrations.steps import name_of
from otpy.kernel.process import Process
from otpy.upgrade.conversion import Course, Migrations, Part
from otpy.upgrade.users_part import Changed
from otpy.upgrade.ways import Way

Convert: TypeAlias = Callable[[Process, Installed], Changed | Coroutine[Any, Any, Changed]]
"""Makes of a handler of a manager what it shall be: another Installed, as the state of Changed."""


def has_handlers(kind: type) -> bool:
    """Whether processes of class *kind* are event managers."""
    return issubclass(kind, EventManager)


def with_managers(concerned: Callable[[type], bool]) -> Callable[[type], bool]:
    """Return *concerned*, which says whom an upgrade concerns, for all whom it has to bring to rest."""

    def rests(kind: type) -> bool:
        return concerned(kind) or (has_handlers(kind) and any(map(concerned, _all_below(GenEvent))))

    return rests


def _all_below(kind: type) -> Iterator[type]:
    derived: type
    for derived in kind.__subclasses__():
        yield derived
        yield from _all_below(derived)


def exchanged(
    installed: Installed, kind: type, done: Changed | Coroutine[Any, Any, Changed]
) -> Changed | Coroutine[Any, Any, Changed]:
    """Return what becomes of a handler, of class *kind* then, whose own part makes *done* of its state."""
    return _exchanged(installed, kind, done) if isinstance(done, Changed) else _awaited(installed, kind, done)


async def _awaited(installed: Installed, kind: type, done: Coroutine[Any, Any, Changed]) -> Changed:
    return _exchanged(installed, kind, await done)


def _exchanged(installed: Installed, kind: type, done: Changed) -> Changed:
    if kind is installed.kind and done.state is installed.state:
        return Changed(installed, installed)
    return Changed(installed, msgspec.structs.replace(installed, kind=kind, state=done.state), lost=done.lost)


@final
class HandlersPart:
    """As UsersPart, for a manager: *convert* converts each of its handlers."""

    __slots__ = ("_convert", "way")

    def __init__(self, convert: Convert) -> None:
        self.way = Way("handlers")
        self._convert = convert

    def change(self, process: Process, state: Handlers) -> Changed | Coroutine[Any, Any, Changed]:
        """Return what becomes of *state*, or a coroutine of it; see UsersPart.change."""
        if process.actor.runs_on == "asyncio":
            return self._settled(process, state)
        return _together(state, [self._convert(process, each) for each in state])

    async def _settled(self, process: Process, state: Handlers) -> Changed:
        done: list[Any] = []
        for each in state:
            made = self._convert(process, each)
            done.append(await made if inspect.isawaitable(made) else made)
        return _together(state, done)


def _together(before: Handlers, done: list[Any]) -> Changed:
    if all(each.state is each.before for each in done):
        return Changed(before, before)
    return Changed(before, tuple(each.state for each in done), lost=any(each.lost for each in done))


@final
class HandlersCourse(Course):
    """How managers go over. *after* says of which version a state of a class is then, *keeps* whose is left alone."""

    __slots__ = ("_after", "_keeps", "_migrations")

    def __init__(
        self,
        kind: type,
        *,
        part: Part,
        migrations: Migrations,
        after: Callable[[type, Any], Any],
        keeps: Callable[[type], bool],
    ) -> None:
        super().__init__(kind, kind, vsn=None, part=part, migrations=migrations)
        self._migrations = migrations
        self._after = after
        self._keeps = keeps

    def migrate(self, migration: Migration, state: Handlers) -> Migrated[Handlers]:
        """See Course."""
        kept = {index for index, each in enumerate(state) if self._keeps(each.kind)}
        done = migration.migrate(tuple(each.with_state(None) if i in kept else each for i, each in enumerate(state)))
        back = (each.with_state(state[i].state) if i in kept else each for i, each in enumerate(done.value))
        return Migrated(tuple(back), done.report) if kept else done

    def labelled(self, state: Handlers) -> Handlers:
        """See Course."""
        made = tuple(self._labelled(each) for each in state)
        return state if all(one is other for one, other in zip(made, state, strict=True)) else made

    def _labelled(self, installed: Installed) -> Installed:
        vsn = self._after(installed.kind, installed.vsn)
        return installed if vsn is installed.vsn else msgspec.structs.replace(installed, vsn=vsn)

    def is_other(self, before: Handlers, after: Handlers) -> bool:
        """See Course."""
        return any(True for _ in self._others(before, after))

    def wrong(self, before: Handlers, after: Handlers) -> tuple[type, str] | None:
        """See Course."""
        for each in self._others(before, after):
            check = self._migrations.check_of(each.kind)
            wrong = None if check is None or self._keeps(each.kind) else check(each.state)
            if wrong is not None:
                return each.kind, wrong
        return None

    def _others(self, before: Handlers, after: Handlers) -> Iterator[Installed]:
        return (new for old, new in zip(before, after, strict=True) if new.state is not old.state)

    def restored(self, now: Handlers, kept: Handlers) -> Handlers:
        """See Course: those that were there before get their states of then, and those added since keep theirs."""
        left = list(kept)
        made = [_restored(each, left) for each in reversed(now)]
        return tuple(reversed(made))


def _restored(installed: Installed, left: list[Installed]) -> Installed:
    """Give a handler the state of the oldest of *left* that is called as it is, and take that out."""
    for index in reversed(range(len(left))):
        kept = left[index]
        if name_of(kept.kind) == name_of(installed.kind) and kept.id == installed.id:
            return installed.with_state(left.pop(index).state)
    return installed
