"""Which state is converted how, for all processes of one upgrade.

What runs a user's code (`code_change`, registered steps, a function given) runs inside its process, on a copy. What is
automatic is done here afterwards, one process after the other while they rest, with one migration for all: so it is
several times quicker than visiting each, and what processes shared they go on sharing.

There may be a hundred thousand of them, and they rest. So what is the same for all of a class and a version is decided
once, as their `Course`, and whether anything old is left in their states is asked of all of them together first.

Going up, the new class converts, after the new definitions are installed. Going down, the running class does, before
the old ones are: it alone knows both versions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, final

import msgspec

from otpy.behaviours.events.installed import Installed
from otpy.behaviours.migrations import Copies, Migration, Shape, shapes_of
from otpy.behaviours.migrations.compatibility import current_successors
from otpy.behaviours.vsn import PRESERVE
from otpy.errors import IncompatibleUpgrade, MigrationFailed, ServerExited
from otpy.kernel.calls import PENDING, Failed
from otpy.kernel.process import Process
from otpy.kernel.rehearsal import rehearsing
from otpy.upgrade.check_upgrade import check_upgrade, may_ask
from otpy.upgrade.children import brought_along
from otpy.upgrade.conversion import Conversion, Course, DownTo, Migrations, Part, finished
from otpy.upgrade.handlers import HandlersCourse, HandlersPart, exchanged, has_handlers
from otpy.upgrade.options import Options
from otpy.upgrade.preparation import Preparation
from otpy.upgrade.resting import Resting
from otpy.upgrade.steps import Steps
from otpy.upgrade.users_part import Changed, UsersPart
from otpy.upgrade.versions import PerVersion, Versions
from otpy.upgrade.ways import Way, Ways

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
        self._kept: Mapping[Process, Any] = options.kept or {}
        self._courses = PerVersion(self._course_there)
        self._courses_back = PerVersion(self._course_back)
        self._parts = PerVersion(self._part_there)
        self.parts_down = PerVersion(self._part_down)
        """How states go down, of processes of a class and a version; None: they do not."""
        self.versions = Versions(preparation)

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
        if not self._options.down_to:
            return
        parts: dict[Process, Part] = {}
        for process in resting.started():
            part: Part | None
            if has_handlers(type(process.actor)):
                part = HandlersPart(self._handler_down)  # also of those that get states of before: some may be new
            else:
                part = None if process in self._kept else self.parts_down.of(type(process.actor), process.vsn)
            if part is not None and part.way.runs_code:
                parts[process] = part
        self._down = self._run(resting, list(parts), lambda process: parts[process].change(process, process.state))

    def _part_down(self, kind: type, vsn: Any) -> UsersPart | None:
        down_to = self._options.down_to
        module = next((base.__module__ for base in kind.__mro__ if base.__module__ in down_to), None)
        if module is None or getattr(kind, "supervises", False):
            return None
        target, old = down_to[module], self.versions.running(kind, vsn)
        way = self._ways_down.of(kind, old_vsn=old, new_vsn=target)
        return UsersPart(way, kind, DownTo(target), self._options.extra_for(kind), copies=self._copies)

    def _handler_down(self, process: Process, installed: Installed) -> Changed | Coroutine[Any, Any, Changed]:
        part = self.parts_down.of(installed.kind, installed.vsn)
        if part is None or not part.way.runs_code:
            return Changed(installed, installed)
        return exchanged(installed, installed.kind, part.change(process, installed.state, installed.arg))

    # -- converting

    def convert(self, resting: Resting) -> list[Conversion]:
        """Return what each process shall be; nothing is put in place yet. Raises MigrationFailed."""
        courses = self._courses_of(resting.started())
        supervisors = [process for process, course in courses.items() if course.supervises]
        self._brought_along = {each: brought_along(each.state, self.migrations.here()) for each in supervisors}
        running = {course for course in {*courses.values()} if course.part.way.runs_code}
        inside = [process for process, course in courses.items() if course in running]
        done = self._run(resting, inside, lambda process: self._asked(process, courses[process]))
        done |= {process: self._left(process, course) for process, course in courses.items() if course not in running}
        current = self._current(courses, done)
        conversions = []
        for process, course in courses.items():
            if process in done:
                conversion = self._finished(process, course, done[process], is_current=course in current)
                if conversion is not None:
                    conversions.append(conversion)
        self._refuse_changed_shapes(conversions)
        self._say_what_is_lost(conversions)
        return conversions

    def convert_here(self, process: Process) -> Conversion | None:
        """Return what *process*, which runs this itself, shall be; None if it was ended. Raises MigrationFailed."""
        course = self._course(process)
        done: Changed = (self._asked if course.part.way.runs_code else self._left)(process, course)
        conversion = self._finished(process, course, done)
        if conversion is not None:
            self._refuse_changed_shapes([conversion])
        return conversion

    def converts_here(self, process: Process) -> bool:
        """Whether `convert_here` is for *process*: it is on the scheduler, has a state, and does not begin anew."""
        course = self._course(process)
        runs_on = getattr(course.new_class, "runs_on", "scheduler")
        return runs_on == type(process.actor).runs_on == "scheduler" and course.part.way.kind != "reset"

    def state_before(self, process: Process) -> Any:
        """Return the state that *process* is converted from: that of a supervisor has its specs in the new classes."""
        return self._brought_along.get(process, process.state)

    def _courses_of(self, processes: Collection[Process]) -> dict[Process, Course]:
        if self._down or self._kept:
            return {process: self._course(process) for process in processes}
        course_of = self._courses.of
        return {process: course_of(type(process.actor), process.vsn) for process in processes}

    def _course(self, process: Process) -> Course:
        is_back = process in self._down or process in self._kept
        return (self._courses_back if is_back else self._courses).of(type(process.actor), process.vsn)

    def _course_there(self, kind: type, vsn: Any) -> Course:
        if has_handlers(kind):
            return self._course_of_handlers(kind, HandlersPart(self._handler_there))
        new_class = self._new_class(kind)
        part = self._parts.of(kind, vsn)
        return Course(kind, new_class, vsn=self.versions.after(new_class, vsn), part=part, migrations=self.migrations)

    def _part_there(self, kind: type, vsn: Any) -> UsersPart:
        new_class = self._new_class(kind)
        old = self.versions.before(kind, vsn, new_class)
        way = self._ways.of(new_class, old_vsn=old, new_vsn=self.versions.new(new_class))
        return UsersPart(way, new_class, old, self._options.extra_for(new_class), copies=self.migrations.copies)

    def _handler_there(self, process: Process, installed: Installed) -> Changed | Coroutine[Any, Any, Changed]:
        part, new_class = self._parts.of(installed.kind, installed.vsn), self._new_class(installed.kind)
        return exchanged(installed, new_class, part.change(process, installed.state, installed.arg))

    def _course_back(self, kind: type, vsn: Any) -> Course:
        """Return what is left to do for those whose user's part was done before, going down, or is not wanted."""
        new_class = self._new_class(kind)
        part = UsersPart(Way("automatic"), new_class)
        if has_handlers(kind):
            return self._course_of_handlers(kind, part)
        return Course(kind, new_class, vsn=self.versions.after(new_class, vsn), part=part, migrations=self.migrations)

    def _course_of_handlers(self, kind: type, part: Part) -> Course:
        return HandlersCourse(
            kind,
            part=part,
            migrations=self.migrations,
            after=self.versions.after,
            keeps=lambda kind: self._options.state_for(kind) == PRESERVE,
        )

    def _new_class(self, kind: type) -> type:
        return self._preparation.replaced.get(kind) or kind

    def _asked(self, process: Process, course: Course) -> Any:
        """Return what the user's part makes of the state; runs in *process*."""
        if not course.supervises:
            return course.part.change(process, course.state_of(process))
        with rehearsing(allow=self._allowed):  # the `init` of a supervisor has to be pure
            done: Any = course.part.change(process, self.state_before(process))
        return msgspec.structs.replace(done, before=process.state)

    def _left(self, process: Process, course: Course) -> Changed:
        """Return what the automatic part gets, where no code of the user's runs (any more)."""
        state = course.state_of(process)
        changed = self._down.get(process) or Changed(state, state)
        if process not in self._kept:
            return changed
        kept = self._kept[process]  # of the classes of before the upgrade, which may have been replaced, there and back
        again = Migration(current_successors(kept)).migrate(kept).value
        return Changed(state, course.restored(changed.state, again))

    def _current(self, courses: Mapping[Process, Course], done: Mapping[Process, Changed]) -> set[Course]:
        """Return the courses in whose states nothing of the old classes is left."""
        states: dict[Course, list[Any]] = defaultdict(list)
        for process, changed in done.items():
            states[courses[process]].append(changed.state)
        migration = self.migrations.here()
        return {course for course, found in states.items() if migration.are_current(found)}

    def _finished(
        self, process: Process, course: Course, done: Changed, *, is_current: bool = False
    ) -> Conversion | None:
        """Return the Conversion of *process*; None if it was ended instead."""
        try:
            return finished(process, course, self.migrations, done, is_current=is_current)
        except MigrationFailed as error:
            self._failed(process, error)
            return None

    def _run(self, resting: Resting, processes: list[Process], job: Job) -> dict[Process, Any]:
        """Run *job* in each process; a process that dies on the way just leaves the set. Raises what a job raised."""
        done: dict[Process, Any] = {}
        outcomes = resting.run(processes, job, may_break_off=True)
        for process, outcome in zip(processes, outcomes, strict=True):
            if outcome is PENDING:
                self._steps.in_time("convert")
                late = f"{process!r}: code_change did not end within {self._options.code_change_timeout} s"
                self._failed(process, MigrationFailed(late, process))
            elif type(outcome) is not Failed:
                done[process] = outcome
            elif not isinstance(outcome.error, ServerExited) and not process.fenced:
                self._failed(process, outcome.error)
        return done

    def _failed(self, process: Process, error: BaseException) -> None:
        """Raise *error*; but when it is lenient, just end the process, so that its supervisor starts it anew."""
        if not self._options.lenient:
            raise error
        self._warnings.append(f"{process!r} was ended, since its state could not be taken back: {error}")
        process.runtime.kill(process)

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
        if self._kept:
            count = sum(1 for conversion in conversions if conversion.process in self._kept)
            self._warnings.append(f"{count} states are those of before the upgrade: what was done since is lost")

    def check(self, resting: Resting) -> None:
        """Ask each behaviour that has a `check_upgrade` whether it can live with its new state. Raises CheckFailed."""
        started = resting.started()
        asking = {kind for kind in {type(process.actor) for process in started} if may_ask(kind)}
        if asking:
            self._run(resting, [process for process in started if type(process.actor) in asking], check_upgrade)
