"""Which state is converted how, for all processes of one upgrade.

What runs a user's code (`code_change`, registered steps, a function given) runs inside its process, on a copy. What is
automatic is done here afterwards, one process after the other while they rest, with one migration for all: so it is
several times quicker than visiting each, and what processes shared they go on sharing.

Going up, the new class converts, after the new definitions are installed. Going down, the running class does, before
the old ones are: it alone knows both versions.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping
from typing import Any, final

from otpy.behaviours.migrations import Copies, Migration, Shape, shape_of, shapes_of
from otpy.behaviours.migrations.compatibility import current_successors
from otpy.behaviours.vsn import vsn_of
from otpy.errors import CheckFailed, IncompatibleUpgrade, MigrationFailed, ServerExited
from otpy.kernel.calls import PENDING, Failed
from otpy.kernel.process import Process
from otpy.kernel.reasons import ExitProcess
from otpy.kernel.rehearsal import rehearsing
from otpy.upgrade.children import brought_along
from otpy.upgrade.conversion import Changed, Conversion, DownTo, Migrations, changed, finished, state_of
from otpy.upgrade.options import Options
from otpy.upgrade.preparation import Preparation
from otpy.upgrade.resting import Resting
from otpy.upgrade.standin import NewNames
from otpy.upgrade.steps import Steps
from otpy.upgrade.ways import UNCHANGED, Way, Ways

Job = Callable[[Process], Any]


@final
class Converting:
    """The conversions of one upgrade. *warnings* is where it puts what an operator should know."""

    def __init__(
        self,
        preparation: Preparation,
        options: Options,
        *,
        steps: Steps,
        warnings: list[str],
        allowed_effects: Collection[str] = (),
    ) -> None:
        self._allowed = allowed_effects
        self._preparation = preparation
        self._options = options
        self._steps = steps
        self._warnings = warnings
        self._shapes: Mapping[type, Shape] = {}
        self._down: dict[Process, Changed] = {}
        self._migrations: Migrations | None = None
        self._brought_along: dict[Process, Any] = {}
        self._copies = Copies()
        self._ways = Ways(options.state_for)
        self._ways_down = Ways(options.state_for)
        self._trial_ways: Ways | None = None

    @property
    def migrations(self) -> Migrations:
        """The automatic migration of this upgrade; ask when the new definitions are installed."""
        if self._migrations is None:
            self._migrations = Migrations(self._preparation.replaced, self._shapes)
        return self._migrations

    def forget(self) -> None:
        """Let go of the states of before, which migrations keep as long as they may meet them again."""
        self._migrations = None
        self._brought_along, self._down = {}, {}

    def note_shapes(self, classes: Mapping[type, type]) -> None:
        """Remember what instances of *classes* have, before the classes are edited."""
        self._shapes = shapes_of(classes)

    # -- going down

    def go_down(self, resting: Resting) -> None:
        """Going back: have the running classes convert the states, while their modules are still what they were.

        Not supervisors: what they are to be says the `init` of the version that is gone back to.
        """
        kept = self._options.kept or {}
        ways = {p: self._way_down(p) for p in resting.started() if p not in kept}
        going = [process for process, way in ways.items() if way is not None and way.runs_code]
        self._down = dict(self._run(resting, going, lambda process: self._changed_down(process, ways[process])))

    def _target(self, kind: type) -> Any:
        """Return the vsn that processes of class *kind* go down to; UNCHANGED if they do not."""
        down_to = self._options.down_to
        if getattr(kind, "supervises", False):
            return UNCHANGED
        module = next((base.__module__ for base in kind.__mro__ if base.__module__ in down_to), None)
        return UNCHANGED if module is None else down_to[module]

    def _way_down(self, process: Process) -> Way | None:
        kind = type(process.actor)
        target = self._target(kind)
        if target is UNCHANGED:
            return None
        return self._ways_down.of(kind, old_vsn=self._running_vsn(process), new_vsn=target)

    def _changed_down(self, process: Process, way: Way | None) -> Any:
        kind = type(process.actor)
        down, extra = DownTo(self._target(kind)), self._options.extra_for(kind)
        return changed(process, kind, down, extra, way=way, copies=self._copies)

    # -- converting

    def convert(self, resting: Resting) -> list[Conversion]:
        """Return what each process shall be; nothing is put in place yet. Raises MigrationFailed."""
        ways = {process: self._way(process) for process in resting.started()}
        supervisors = [process for process in ways if getattr(process.actor, "supervises", False)]
        self._brought_along = {each: brought_along(each.state, self.migrations.here()) for each in supervisors}
        inside = [process for process, way in ways.items() if way.runs_code]
        done = dict(self._run(resting, inside, lambda process: self._changed(process, ways[process])))
        conversions = []
        for process, way in ways.items():
            if process in done or not way.runs_code:
                conversion = self._finished(process, way, done.get(process))
                if conversion is not None:
                    conversions.append(conversion)
        self._refuse_changed_shapes(conversions)
        self._say_what_is_lost(conversions)
        return conversions

    def convert_here(self, process: Process) -> Conversion | None:
        """Return what *process*, which runs this itself, shall be; None if it was ended. Raises MigrationFailed."""
        way = self._way(process)
        done: Changed | None = self._changed(process, way) if way.runs_code else None
        conversion = self._finished(process, way, done)
        if conversion is not None:
            self._refuse_changed_shapes([conversion])
        return conversion

    def converts_here(self, process: Process) -> bool:
        """Whether `convert_here` is for *process*: it is on the scheduler, has a state, and does not begin anew."""
        runs_on = getattr(self._new_class(process), "runs_on", "scheduler")
        return runs_on == type(process.actor).runs_on == "scheduler" and self._way(process).kind != "reset"

    def _way(self, process: Process) -> Way:
        if process in self._down or process in (self._options.kept or {}):
            return Way("automatic")
        new_class = self._new_class(process)
        old, new = self._version_before(process, new_class), self._new_vsn(new_class)
        return self._ways.of(new_class, old_vsn=old, new_vsn=new)

    def _changed(self, process: Process, way: Way) -> Any:
        new_class = self._new_class(process)
        old = self._version_before(process, new_class)
        extra = self._options.extra_for(new_class)
        if process not in self._brought_along:
            return changed(process, new_class, old, extra, way=way, copies=self.migrations.copies)
        with rehearsing(allow=self._allowed):  # the `init` of a supervisor has to be pure
            return changed(process, new_class, old, extra, way=way, state=self.state_before(process))

    def state_before(self, process: Process) -> Any:
        """Return the state that *process* is converted from: that of a supervisor has its specs in the new classes."""
        return self._brought_along.get(process, process.state)

    def _finished(self, process: Process, way: Way, done: Changed | None) -> Conversion | None:
        """Return the Conversion of *process*; None if it was ended instead."""
        kept = self._options.kept or {}
        if process in kept:  # it is of the classes of before the upgrade, which may have been replaced, there and back
            done = Changed(Migration(current_successors(kept[process])).migrate(kept[process]).value)
        elif done is None:
            done = self._down.get(process) or changed(process, self._new_class(process), None, way=way)  # type: ignore[assignment]
        assert done is not None
        try:
            return finished(process, self.migrations, self._new_class(process), done, way=way, before=state_of(process))
        except MigrationFailed as error:
            self._failed(process, error)
            return None

    def _new_class(self, process: Process) -> type:
        kind = type(process.actor)
        return self._preparation.replaced.get(kind) or kind

    def _run(self, resting: Resting, processes: list[Process], job: Job) -> list[tuple[Process, Any]]:
        """Run *job* in each process; a process that dies on the way just leaves the set. Raises what a job raised."""
        done = []
        for process, outcome in zip(processes, resting.run(processes, job), strict=True):
            if outcome is PENDING:
                self._steps.in_time("convert")
                late = f"{process!r}: code_change did not end within {self._options.code_change_timeout} s"
                self._failed(process, MigrationFailed(late, process))
            elif type(outcome) is not Failed:
                done.append((process, outcome))
            elif not isinstance(outcome.error, ServerExited):
                self._failed(process, outcome.error)
        return done

    def _failed(self, process: Process, error: BaseException) -> None:
        """Raise *error*; but when it is lenient, just end the process, so that its supervisor starts it anew."""
        if not self._options.lenient:
            raise error
        self._warnings.append(f"{process!r} was ended, since its state could not be taken back: {error}")
        process.runtime.kill(process)

    # -- versions

    def _running_vsn(self, process: Process) -> Any:
        """Return the version of the state that *process* has."""
        if process.vsn is not None:
            return process.vsn
        return self._preparation.old_vsns().get(type(process.actor).__module__)

    def _version_before(self, process: Process, new_class: type) -> Any:
        """Return the version that *process* comes from, its own or that of a base class; UNCHANGED if none changes."""
        changing, before = self._preparation.new, self._preparation.old_vsns()
        own = new_class.__module__
        if own in changing and self._running_vsn(process) != self._new_vsn(new_class):
            return self._running_vsn(process)
        for base in new_class.__mro__:
            module = base.__module__
            if module != own and module in changing and before.get(module) != changing[module].vsn:
                return before.get(module)
        return UNCHANGED

    def vsn_after(self, kind: type, old: Any) -> Any:
        """Return the version of a state of class *kind* that was *old*."""
        return self._new_vsn(kind) if kind.__module__ in self._preparation.new else old

    def vsn_before(self, kind: type) -> Any:
        """Return the version of a state of class *kind* that goes back to what runs."""
        own = getattr(kind, "__vsn__", None)
        return own if own is not None else self._preparation.old_vsns().get(kind.__module__)

    def _new_vsn(self, kind: type) -> Any:
        own = getattr(kind, "__vsn__", None)
        if own is not None:
            return own
        version = self._preparation.new.get(kind.__module__)
        return vsn_of(kind) if version is None else version.vsn

    # -- judging

    def _refuse_changed_shapes(self, conversions: list[Conversion]) -> None:
        """Refuse another shape of a class whose module says that its version is as before: no step could tell."""
        before = self._preparation.old_vsns()
        same = tuple(
            f"{name}."
            for name, version in self._preparation.new.items()
            if version.vsn == before.get(name) and any("__vsn__" in each.binds for each in version.definitions)
        )
        for conversion in conversions if same else ():
            shapes = {**conversion.report.filled, **conversion.report.dropped}
            for changed_class in shapes:
                if changed_class.startswith(same):
                    msg = (
                        f"{changed_class}, in the state of {conversion.process!r}, has a new shape, but the __vsn__ of "
                        f"its module is as before; give it a new one ({'; '.join(conversion.report.lines())})"
                    )
                    raise IncompatibleUpgrade(msg)

    def _say_what_is_lost(self, conversions: list[Conversion]) -> None:
        lost = sum(1 for conversion in conversions if conversion.lost)
        if lost:
            self._warnings.append(f'state="reset": {lost} states were made anew, the old ones are lost')
        if self._options.kept:
            count = sum(1 for conversion in conversions if conversion.process in self._options.kept)
            self._warnings.append(f"{count} states are those of before the upgrade: what was done since is lost")

    def check(self, resting: Resting) -> None:
        """Ask each behaviour that has a `check_upgrade` whether it can live with its new state. Raises CheckFailed."""
        asked = [process for process in resting.started() if hasattr(process.actor, "check_upgrade")]
        self._run(resting, asked, check_upgrade)

    # -- trying

    def trial(self) -> Trial:
        """Return what converts copies with the new definitions before they are installed."""
        return Trial(self, self._preparation, self._options)

    def trial_way(self, process: Process, ghost: type) -> tuple[Way, Any, type]:
        """Return how *process* would go over to *ghost*, its new class: the way, from what, and which class does it.

        A class that has no new version of its own, though a base of it has, cannot be tried: nothing is done then.
        """
        kind = type(process.actor)
        if self._target(kind) is not UNCHANGED:
            return self._way_down(process) or Way("automatic"), DownTo(self._target(kind)), kind
        assert self._preparation.prepared is not None
        derived = any(base.__module__ in self._preparation.new for base in kind.__mro__[1:])
        if derived and kind not in self._preparation.prepared.ghosts:
            return Way("preserve"), UNCHANGED, kind
        if self._trial_ways is None:
            self._trial_ways = Ways(self._options.state_for, namespaces=self._preparation.namespaces)
        old = self._version_before(process, ghost)
        return self._trial_ways.of(ghost, old_vsn=old, new_vsn=self._new_vsn(ghost)), old, ghost


@final
class Trial:
    """Conversions of copies. The new version of each class stands in for the live one, which is not touched."""

    def __init__(self, converting: Converting, preparation: Preparation, options: Options) -> None:
        assert preparation.prepared is not None
        self._converting = converting
        self._options = options
        self._ghosts = preparation.prepared.ghosts
        self.names = NewNames(preparation.prepared)
        shapes = {ghost: shape_of(live) for live, ghost in self._ghosts.items()}
        self._migrations = Migrations({**preparation.replaced, **self._ghosts}, shapes, as_classes=self._ghosts)

    def ghost_of(self, kind: type) -> type:
        """Return the new version of the class *kind*; where only bodies change, something that does the same."""
        return self._ghosts.get(kind) or self.names.class_of(kind)

    def convert(self, process: Process, state: Any) -> Conversion:
        """Return what *process* would be if *state* were its state. Raises MigrationFailed."""
        ghost = self.ghost_of(type(process.actor))
        way, old, converter = self._converting.trial_way(process, ghost)
        copies = self._migrations.copies if converter is ghost else None
        extra = self._options.extra_for(ghost)
        done = changed(process, converter, old, extra, way=way, state=state, copies=copies)
        settled = done if isinstance(done, Changed) else asyncio.run(done)
        return finished(process, self._migrations, ghost, settled, way=way, before=state)


def check_upgrade(process: Process) -> Any:
    """Run `check_upgrade` in *process*: False, or anything raised, says no. Raises CheckFailed.

    Returns a coroutine that does so, if the behaviour's own is one.
    """
    with _objections(process):
        answer = process.actor.check_upgrade(process.state)
    return _awaited(process, answer) if inspect.isawaitable(answer) else _judged(process, answer)


async def _awaited(process: Process, answer: Awaitable[Any]) -> None:
    with _objections(process):
        settled = await answer
    _judged(process, settled)


def _judged(process: Process, answer: object) -> None:
    if answer is False:
        raise CheckFailed(process, answer)


@contextlib.contextmanager
def _objections(process: Process) -> Generator[None]:
    try:
        yield
    except (Exception, ExitProcess, SystemExit) as error:
        if process.fenced:  # it has been ended meanwhile, and says nothing any more
            raise
        raise CheckFailed(process, error) from error
