"""Trying conversions on copies, in a mirror of the program as it will be: nothing live is touched. See mirror.py."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any, final

from otpy.behaviours.children_ordered import OrderedChildren
from otpy.behaviours.events.installed import Installed
from otpy.behaviours.migrations import Copies, difference, shape_of, shapes_of
from otpy.behaviours.vsn import PRESERVE
from otpy.code.prepared import Prepared
from otpy.kernel.process import Process
from otpy.upgrade.conversion import Conversion, Course, Migrations, finished
from otpy.upgrade.handlers import HandlersCourse, HandlersPart, exchanged, has_handlers
from otpy.upgrade.looking_past import looks_past
from otpy.upgrade.mirror import Mirror
from otpy.upgrade.users_part import Changed, UsersPart
from otpy.upgrade.versions import PerVersion, Versions
from otpy.upgrade.ways import Ways

if TYPE_CHECKING:
    from otpy.upgrade.transaction import Transaction


@final
class Trial:
    """Conversions of copies by the new versions of classes, as they are in the mirror."""

    def __init__(self, transaction: Transaction) -> None:
        preparation, prepared = transaction.preparation, transaction.preparation.prepared
        assert prepared is not None
        self._options = transaction.options
        self._ghosts = prepared.ghosts
        self._versions = Versions(preparation)
        self._ways = Ways(transaction.options.state_for, namespaces=preparation.namespaces)
        self._parts_down = transaction.converting.parts_down
        self._parts = PerVersion(self._part)
        self._mirror = Mirror(prepared)
        self._copies = Copies(self._mirror.counterparts)
        self._present = Mirror(Prepared(changes=()))
        """Where the classes that run convert, going down."""
        before = shapes_of(prepared.reshaped)
        after = {cls: self.new_class(cls) for cls in before}
        classes = {old: new and self.new_class(new) for old, new in preparation.replaced.items()}
        classes |= {cls: new for cls, new in after.items() if difference(before[cls], shape_of(new))}
        # What a behaviour that was defined anew declares of its state, it says with the classes that were.
        classes |= {ghost: classes.get(live, live) for live, ghost in prepared.ghosts.items()}
        shapes = {self.new_class(cls): shape_of(cls) for cls in preparation.replaced}
        self._migrations = Migrations(classes, {**shapes, **{after[cls]: shape for cls, shape in before.items()}})

    def new_class(self, kind: type) -> Any:
        """Return the counterpart of what the class *kind* will be."""
        return self._mirror.of(kind)

    def doubts(self, errors: Iterable[BaseException]) -> list[str]:
        """Return, in words, for what reasons a conversion may have failed here, with *errors*, that is right."""
        found = dict.fromkeys((*self._mirror.doubts(), *self._present.doubts()))
        return [*(f"{cls.__module__}.{cls.__qualname__} cannot be mirrored" for cls in found), *looks_past(errors)]

    def state_of(self, supervisor: Process) -> Any:
        """Return the state of *supervisor*, with what its `init` is asked and its answer compared with as copies.

        These are of the new shape, as ids of children are looked up. Raises MigrationFailed.
        """
        state = supervisor.state
        if not isinstance(state, OrderedChildren):
            return state
        migration = self._migrations.here()
        return state.renewed(lambda value: migration.migrate(self._copied(value)).value)

    def extra_for(self, kind: type) -> Any:
        """Return a copy of what the upgrade hands on to processes of class *kind*."""
        return self._copied(self._options.extra_for(kind))

    def part(self, kind: type, vsn: Any) -> UsersPart:
        """Return what a user's code would do to a state of class *kind* whose process says that it is of *vsn*."""
        return self._parts.of(kind, vsn)

    def _part(self, kind: type, vsn: Any) -> UsersPart:
        down = self._parts_down.of(kind, vsn)
        if down is not None:
            way, converter = self._present.way(down.way), self._present.of(kind)
            copies = Copies(self._present.counterparts)
            return UsersPart(way, converter, down.old_vsn, self.extra_for(kind), copies=copies)
        new_class = self.new_class(kind)
        old = self._versions.before(kind, vsn, new_class)
        way = self._ways.of(new_class, old_vsn=old, new_vsn=self._versions.new(new_class))
        return UsersPart(self._mirror.way(way), new_class, old, self.extra_for(kind), copies=self._copies)

    def convert(self, process: Process, state: Any, *, kind: type) -> Conversion:
        """Return what *process*, of class *kind*, would be if *state*, a copy, were its state. Raises MigrationFailed.

        Where no code of the user runs, instances become what the mirror has only if they have to become something else.
        """
        if has_handlers(kind):
            handlers = HandlersPart(lambda _, each: self._handler(process, each))
            done = _settled(handlers.change(process, state))
            return finished(process, self._course_of_handlers(kind, handlers), self._migrations, done)
        new_class, done = self._changed(process, kind, process.vsn, state, process.argument)
        part = self.part(kind, process.vsn)
        return finished(
            process, Course(kind, new_class, vsn=None, part=part, migrations=self._migrations), self._migrations, done
        )

    def _changed(self, process: Process, kind: type, vsn: Any, state: Any, argument: Any) -> tuple[Any, Changed]:
        """Return what the user's part makes of *state*, and of which class whose it is is then."""
        part, new_class = self.part(kind, vsn), self.new_class(kind)
        done = _settled(part.change(process, state, argument))
        if not part.way.runs_code:
            new_class = self._ghosts.get(kind, kind)
        elif part.converter is not new_class:  # going down: the state is of the classes of the present
            done.state = self._copied(Copies(self._present.originals()).copy(done.state).value)
        return new_class, done

    def _handler(self, process: Process, installed: Installed) -> Changed | Coroutine[Any, Any, Changed]:
        kind, done = self._changed(process, installed.kind, installed.vsn, installed.state, installed.arg)
        return exchanged(installed, kind, done)

    def _course_of_handlers(self, kind: type, part: HandlersPart) -> HandlersCourse:
        return HandlersCourse(
            kind,
            part=part,
            migrations=self._migrations,
            after=lambda _kind, vsn: vsn,
            keeps=lambda kind: self._options.state_for(kind) == PRESERVE,
        )

    def _copied(self, value: Any) -> Any:
        return self._copies.copy(value).value


def _settled(done: Any) -> Changed:
    if isinstance(done, Changed):
        return done
    # What a loop needs for itself is no effect of the code that is tried.
    with asyncio.Runner(loop_factory=lambda: Context().run(asyncio.new_event_loop)) as runner:
        settled: Changed = runner.run(done)
    return settled
