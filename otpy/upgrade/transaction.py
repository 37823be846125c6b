"""One upgrade as a transaction: it completes, or it never happened.

The steps stand in `Transaction.run`, in their order. Whatever changes something that others can see goes through the
journal, which has the inverse first; on any failure, the journal is walked back and everybody goes on. Nothing that a
program sees is touched before `install`, and from `suspend` to `resume` no process of the set runs but for its own
conversion.

Source: OTP release_handler: suspend all, load, code_change each, resume. The way back is ours.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, final

import msgspec

from otpy.behaviours.vsn import vsn_of
from otpy.code import versions
from otpy.code.compiler import parse
from otpy.code.journal import Journal
from otpy.code.loader import LoadedVersion, prepare_all
from otpy.code.version import Version
from otpy.errors import (
    ForcedRollback,
    IncompatibleUpgrade,
    MigrationFailed,
    ReloadTimeout,
    ServerExited,
    UpgradeFromWithin,
)
from otpy.kernel.calls import PENDING, Failed
from otpy.kernel.clock import FOREVER
from otpy.kernel.here import here
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime
from otpy.kernel.suspension import Suspension
from otpy.upgrade import children, classes
from otpy.upgrade.affected import concerns, dependents, processes_of
from otpy.upgrade.children import AddedChildren
from otpy.upgrade.commit import commit, commit_messages
from otpy.upgrade.conversion import Changed, Conversion, DownTo, Migrations, changed, convert, migrated
from otpy.upgrade.order import in_import_order
from otpy.upgrade.report import Step, SupervisorChange, UpgradeReport

log = logging.getLogger("otpy.upgrade")

_SAME: Any = object()
STEPS = ("compile", "load", "suspend", "go down", "install", "convert", "commit", "children")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How an upgrade is done; times in seconds."""

    extra: Any = None
    suspend_timeout: float = 5.0
    code_change_timeout: float = 5.0
    timeout: float = 30.0
    force_rollback_at: str | None = None
    down_to: Mapping[str, Any] | None = None
    """Set when going back: the vsn of each module that is gone back to."""

    def __post_init__(self) -> None:
        for name in ("suspend_timeout", "code_change_timeout", "timeout"):
            seconds = getattr(self, name)
            if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds <= 0:
                msg = f"{name} is {seconds!r}; give seconds, more than 0"
                raise ValueError(msg)
        if self.force_rollback_at is not None and self.force_rollback_at not in STEPS:
            msg = f"force_rollback_at is {self.force_rollback_at!r}; the steps are {', '.join(STEPS)}"
            raise ValueError(msg)


@final
class Transaction:
    """The upgrade of some modules, given as name → source. Use it once: `run`."""

    def __init__(self, runtime: Runtime, sources: Mapping[str, str], options: Options, asked_by: Process) -> None:
        self.runtime = runtime
        self.sources = dict(sources)
        self.options = options
        self.asked_by = asked_by
        self.steps: list[Step] = []
        self.warnings: list[str] = []
        self.old_vsns: dict[str, Any] = {}
        self.dependents: tuple[str, ...] = ()
        self.processes: list[Process] = []
        self.converted = 0
        self.changes: list[SupervisorChange] = []
        self.committed = False
        self._began = runtime.clock.now()
        self._until = self._began + options.timeout
        self._journal = Journal()
        self._running: dict[str, Version | None] = {}
        self._loaded: list[LoadedVersion] = []
        self._vsns: dict[str, Any] = {}  # of the new versions
        self._changed: set[str] = set()  # the modules that define something else than before
        self._classes: dict[type, type | None] = {}
        self._suspension: Suspension | None = None
        self._places: dict[type, str] = {}
        self._conversions: list[Conversion] = []
        self._down: dict[Process, Changed] = {}
        self._added: list[AddedChildren] = []

    def run(self) -> UpgradeReport:
        """Do it. On any failure everything is as before when this raises."""
        try:
            with self._step("compile"):
                self._compile()
            with self._step("load"):
                self._load()
            with self._step("suspend"):
                self._suspend()
            if self.options.down_to is not None:
                with self._step("go down"):
                    self._go_down()
            with self._step("install"):
                self._install()
            with self._step("convert"):
                self._convert()
            with self._step("commit"):
                self._commit()
            with self._step("children"):
                self._start_children()
        except BaseException as error:
            self._undo(error)
            raise
        self._journal.commit()
        self.committed = True
        self._resume()
        for change in self.changes:
            self.warnings += children.end_removed(change)
        return self.report("completed")

    # -- the steps

    def _compile(self) -> None:
        """Parse every source, put the modules in the order of their imports, and leave out what is the same already."""
        trees = {name: parse(source, f"<new version of {name}>") for name, source in self.sources.items()}
        imports = in_import_order(trees)
        given, self.sources = self.sources, {}
        for name, imported in imports.items():
            running = self._running[name] = (versions(name) or (None,))[-1]
            if name in sys.modules:
                self.old_vsns[name] = running.vsn if running is not None else None
            if running is None or running.source != given[name] or not imported.isdisjoint(self.sources):
                self.sources[name] = given[name]

    def _load(self) -> None:
        """Run the new versions beside the live modules: most of what can go wrong shows while all still runs."""
        self._loaded = prepare_all(self.sources) if self.sources else []
        self._vsns = {loaded.name: loaded.version.vsn for loaded in self._loaded}
        for loaded in self._loaded:
            self._classes.update(loaded.classes)
            self.warnings += loaded.warnings
            if loaded.live is None or loaded.scratch.changed:
                self._changed.add(loaded.name)
        self.dependents = dependents(self._changed)

    def _suspend(self) -> None:
        """Bring to rest whoever runs code of the changed modules or of modules that use them."""
        concerned = concerns({*self._changed, *self.dependents})
        self._suspension = Suspension(self.runtime, concerned)
        self._suspension.suspend(
            lambda: [self._members(concerned)], min(self.options.suspend_timeout, self._seconds_left())
        )
        self.processes = [p for p in tuple(self._suspension.members) if p.exit_reason is None]
        for process in self.processes:
            kind = type(process.actor)
            if kind not in self._places and process.exit_reason is None:
                classes.check(process, kind, self._classes.get(kind, kind))
                self._places[kind] = kind.runs_on

    def _members(self, concerned: Callable[[type], bool]) -> list[Process]:
        members = processes_of(concerned, self.runtime.processes())
        if self.asked_by in members:
            raise UpgradeFromWithin(self.asked_by)
        return members

    def _install(self) -> None:
        """Put the new definitions in place, module after module."""
        for loaded in self._loaded:
            loaded.install(self._journal)
        classes.supersede(self._classes, self._journal)
        classes.rebase(self._classes, self.sources, self._journal)
        for kind, place in self._places.items():
            self.warnings += classes.check_place(kind, place, (self._classes.get(kind) or kind).runs_on)  # type: ignore[attr-defined]

    def _go_down(self) -> None:
        """Going back: have the running classes convert the states, while their modules are still what they were.

        Not supervisors: what they are to be says the `init` of the version that is gone back to.
        """
        down_to = self.options.down_to or {}
        extra = self.options.extra
        targets: dict[type, DownTo] = {}
        for kind in self._places:
            module = next((base.__module__ for base in kind.__mro__ if base.__module__ in down_to), None)
            if module is not None and not getattr(kind, "supervises", False):
                targets[kind] = DownTo(down_to[module])
        going = [process for process in self._started() if type(process.actor) in targets]
        self._down = dict(self._run(going, lambda p: changed(p, type(p.actor), targets[type(p.actor)], extra)))

    def _convert(self) -> None:
        """Have each process convert its state, inside itself; nothing is put in place yet."""
        migrations = Migrations(self._classes)
        done = self._run(self._started(), lambda process: self._conversion_of(process, migrations))
        self._conversions = [conversion for _, conversion in done]
        self._refuse_changed_shapes()

    def _refuse_changed_shapes(self) -> None:
        """Refuse another shape of a class whose module says that its version is as before: no step could tell."""
        same = tuple(f"{name}." for name in self.sources if _keeps_its_version(name, self.old_vsns.get(name)))
        for conversion in self._conversions if same else ():
            shapes = {**conversion.report.filled, **conversion.report.dropped}
            for changed_class in shapes:
                if changed_class.startswith(same):
                    msg = (
                        f"{changed_class}, in the state of {conversion.process!r}, has a new shape, but the __vsn__ of "
                        f"its module is as before; give it a new one ({'; '.join(conversion.report.lines())})"
                    )
                    raise IncompatibleUpgrade(msg)

    def _started(self) -> list[Process]:
        """Return the processes that have a state."""
        return [process for process in self.processes if process.boot is None and process.exit_reason is None]

    def _run(self, processes: list[Process], job: Callable[[Process], Any]) -> list[tuple[Process, Any]]:
        """Run *job* in each process; a process that dies on the way just leaves the set. Raises what a job raised."""
        done = []
        for process, outcome in zip(processes, self._run_all(processes, job), strict=True):
            if outcome is PENDING:
                self._in_time("convert")
                seconds = self.options.code_change_timeout
                raise MigrationFailed(f"{process!r}: code_change did not end within {seconds} s", process)
            if type(outcome) is not Failed:
                done.append((process, outcome))
            elif not isinstance(outcome.error, ServerExited):
                raise outcome.error
        return done

    def _run_all(self, processes: list[Process], job: Callable[[Process], Any]) -> list[Any]:
        if not processes:
            return []
        assert self._suspension is not None
        return self._suspension.run(processes, job, self.options.code_change_timeout, self._until)

    def _conversion_of(self, process: Process, migrations: Migrations) -> Any:
        """Convert *process*, in it. Its code_change is run only if its version changes: never twice on one state."""
        kind = type(process.actor)
        new_class = self._classes.get(kind) or kind
        if process in self._down:
            return migrated(process, migrations, new_class, self._down[process].state)
        old = self._version_before(process, new_class)
        if old is _SAME and not getattr(new_class, "supervises", False):
            return migrated(process, migrations, new_class, process.state)
        return convert(process, migrations, old, self.options.extra)

    def _version_before(self, process: Process, new_class: type) -> Any:
        """Return the version that *process* comes from, its own or that of a base class; _SAME if none changes."""
        own = new_class.__module__
        if own in self._changed:
            before = process.vsn if process.vsn is not None else self.old_vsns.get(own)
            if before != self._new_vsn(new_class):
                return before
        for base in new_class.__mro__:
            module = base.__module__
            if module != own and module in self._changed:
                before = self.old_vsns.get(module)
                if before != self._vsns[module]:
                    return before
        return _SAME

    def _commit(self) -> None:
        """Give every process its new class, state and version, and its messages their new classes."""
        for conversion in self._conversions:
            self._note_children(conversion.process, conversion.state)
            self.converted += conversion.converted
        commit(self._conversions, self._vsn_after, self._journal)
        if self._classes and self._suspension is not None:
            commit_messages(tuple(self._suspension.members), self._classes, self._journal)

    def _note_children(self, process: Process, state: Any) -> None:
        change = children.change_of(process, process.state, state)
        if change is not None:
            self.changes.append(change)
            if change.added:
                self._added.append(AddedChildren(process, state, change.added))

    def _vsn_after(self, kind: type, old: Any) -> Any:
        return self._new_vsn(kind) if kind.__module__ in self._changed else old

    def _new_vsn(self, kind: type) -> Any:
        explicit = vsn_of(kind)
        return explicit if explicit is not None else self._vsns[kind.__module__]

    def _start_children(self) -> None:
        """Start what the new specs add, inside the supervisors, while everybody else is still at rest."""
        for added in self._added:
            self._journal.write(f"children of {added.supervisor!r}", partial(self._end_children, added))
            (outcome,) = self._run_all([added.supervisor], added.start)
            if outcome is PENDING:
                raise self._deadlock(added)
            if type(outcome) is Failed:
                raise outcome.error

    def _end_children(self, added: AddedChildren) -> None:
        if _can_wait():
            self._run_all([added.supervisor], added.end)
        else:
            added.kill()

    def _deadlock(self, added: AddedChildren) -> MigrationFailed:
        """The start of an added child does not come back: say on whom it waits, and end it."""
        child = added.starting()
        if child is None:
            return MigrationFailed(f"{added.supervisor!r}: its added children did not start in time", added.supervisor)
        whom = child.wait_on
        message = f"{added.supervisor!r}: the added child {child!r} did not start in time"
        if whom is not None and self._suspension is not None and self._suspension.holds(whom):
            message += (
                f": its init waits for {whom!r}, which the upgrade has suspended. Return Ok(state, then=Continue(…)) "
                "from init and make the call in handle_continue"
            )
        self.runtime.kill(child)
        return MigrationFailed(message, child)

    # -- the end

    def _undo(self, cause: BaseException) -> None:
        """Walk back, and let everybody go on, whatever happens on the way."""
        try:
            self._journal.undo()
            for loaded in self._loaded:
                loaded.discard()
        except Exception as error:  # what failed for *cause* is to be said first
            log.exception("an upgrade could not be taken back as a whole")
            cause.add_note(f"and it could not be taken back as a whole: {error}")
        finally:
            self._resume()

    def _resume(self) -> None:
        if self._suspension is not None:
            with self._step("resume", forced=False):
                self._suspension.resume()

    @contextlib.contextmanager
    def _step(self, name: str, *, forced: bool = True) -> Generator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.steps.append(Step(name, time.perf_counter() - began))
        if forced:
            self._in_time(name)
            if self.options.force_rollback_at == name:
                raise ForcedRollback(name)

    def _in_time(self, step: str) -> None:
        if self._seconds_left() < 0:
            raise ReloadTimeout(self.options.timeout, step)

    def _seconds_left(self) -> float:
        return self._until - self.runtime.clock.now()

    def report(self, status: str) -> UpgradeReport:
        """Return what was done so far."""
        suspension = self._suspension
        paused = suspension is not None and suspension.ended != FOREVER and bool(self.processes)
        pause = suspension.ended - suspension.began if suspension is not None and paused else 0.0
        return UpgradeReport(
            status=status,
            reloaded_modules=tuple(self._running or self.sources),
            affected_processes=tuple(self.processes),
            migrated=self.converted if self.committed else 0,
            dependency_chain=self.dependents,
            steps=tuple(self.steps),
            paused_s={"p50": pause, "p99": pause, "max": pause},
            reload_time_s=self.runtime.clock.now() - self._began,
            version=self._versions(),
            supervisor_changes=tuple(self.changes) if self.committed else (),
            warnings=tuple(self.warnings),
        )

    def _versions(self) -> dict[str, Any]:
        found = dict(self.old_vsns)
        if self.committed:
            found.update(self._vsns)
        return found


def _can_wait() -> bool:
    """Whether the process that runs here has not been ended."""
    return here.process is not None and not here.process.fenced


def _keeps_its_version(name: str, before: Any) -> bool:
    """Whether module *name* says its version itself, and says the same as *before*."""
    explicit = vars(sys.modules[name]).get("__vsn__") if name in sys.modules else None
    return explicit is not None and explicit == before
