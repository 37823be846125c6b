"""One upgrade as a transaction: it completes, or it never happened.

The steps stand in `Transaction.run`, in their order. Whatever changes something that others can see goes through the
journal, which has the inverse first; on any failure, the journal is walked back and everybody goes on. Nothing that a
program sees is touched before `install`, and from `suspend` to `resume` no process of the set runs but for its own
conversion.

Source: OTP release_handler: suspend all, load, code_change each, resume. The way back is ours.
"""

from __future__ import annotations

import ast
import contextlib
import graphlib
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import partial
from typing import Any, final

import msgspec

from otpy.behaviours.migrations import Migration
from otpy.behaviours.vsn import vsn_of
from otpy.code import vsn as module_vsn
from otpy.code.compiler import parse
from otpy.code.journal import Journal
from otpy.code.loader import LoadedVersion, prepare
from otpy.errors import (
    ForcedRollback,
    IncompatibleUpgrade,
    LoadFailed,
    MigrationFailed,
    NoSuchVersion,
    ReloadTimeout,
    ServerExited,
    UpgradeFromWithin,
)
from otpy.kernel.actors import Actor
from otpy.kernel.calls import PENDING, Failed
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime
from otpy.kernel.suspension import Suspension
from otpy.upgrade import children
from otpy.upgrade.affected import dependents, is_upgradable, processes_of
from otpy.upgrade.conversion import Conversion, DownTo, Migrations, changed, convert, migrated
from otpy.upgrade.mailboxes import convert_mailbox
from otpy.upgrade.report import Step, SupervisorChange, UpgradeReport

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
        self.processes: list[Process] = []
        self.converted = 0
        self.changes: list[SupervisorChange] = []
        self._until = runtime.clock.now() + options.timeout
        self._began = runtime.clock.now()
        self._journal = Journal()
        self._classes: dict[type, type | None] = {}
        self._loaded: list[LoadedVersion] = []
        self._suspension: Suspension | None = None
        self._conversions: list[Conversion] = []
        self._migrations = Migrations({})
        self._down: dict[Process, Any] = {}

    def run(self) -> UpgradeReport:
        """Do it. On any failure everything is as before when this raises."""
        try:
            with self._step("compile"):
                self._compile()
            with self._step("load"):
                self._load_first()
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
        except BaseException:
            self._undo()
            raise
        self._journal.commit()
        self._resume()
        for change in self.changes:
            self.warnings += children.end_removed(change)
        return self.report("completed")

    # -- the steps

    def _compile(self) -> None:
        """Parse every source, and put the modules in the order of their imports."""
        trees = {name: parse(source, f"<new version of {name}>") for name, source in self.sources.items()}
        self.sources = {name: self.sources[name] for name in in_import_order(trees)}
        for name in self.sources:
            if name in sys.modules:
                self.old_vsns[name] = _vsn_of_module(name)

    def _load_first(self) -> None:
        """Run the first new version beside the live module: most of what can go wrong shows while all still runs."""
        name, source = next(iter(self.sources.items()))
        self._loaded.append(prepare(name, source))

    def _suspend(self) -> None:
        """Bring to rest whoever runs code of the modules or of modules that use them."""
        modules = {*self.sources, *dependents(self.sources)}
        self.processes = processes_of(modules, self.runtime.processes())
        if self.asked_by in self.processes:
            raise UpgradeFromWithin(self.asked_by)
        kinds = tuple({kind for name in modules for kind in _behaviours(name)})
        self._suspension = Suspension(self.runtime, kinds)
        self._suspension.suspend([self.processes], self.options.suspend_timeout)
        self.processes = [p for p in self._suspension.members if p.exit_reason is None]

    def _install(self) -> None:
        """Put the new definitions in place, module after module: a later one may import from an earlier one."""
        for name, source in self.sources.items():
            loaded = self._loaded[0] if self._loaded[0].name == name else prepare(name, source)
            if loaded not in self._loaded:
                self._loaded.append(loaded)
            self._classes.update(loaded.classes)
            self.warnings += loaded.warnings
            loaded.install(self._journal)
        self._rebase()
        assert self._suspension is not None
        self._suspension.kinds = ()  # what is started from now on runs the new code

    def _rebase(self) -> None:
        """Have classes of other modules that were derived from a replaced class derive from its successor."""
        for old, new in tuple(self._classes.items()):
            derived: type
            for derived in old.__subclasses__():
                if new is not None and derived not in self._classes and derived.__module__ not in self.sources:
                    self._give_bases(derived, tuple(self._classes.get(base) or base for base in derived.__bases__))

    def _give_bases(self, derived: type, bases: tuple[type, ...]) -> None:
        self._journal.write(
            f"bases of {derived.__qualname__}", partial(setattr, derived, "__bases__", derived.__bases__)
        )
        try:
            derived.__bases__ = bases
        except TypeError as error:
            msg = f"{derived.__module__}.{derived.__qualname__} cannot take new bases while it lives: {error}"
            raise IncompatibleUpgrade(msg) from error

    def _go_down(self) -> None:
        """Going back: have the running classes convert the states, while their modules are still what they were."""
        started, vsns = self._started()
        extra = self.options.extra
        states = self._run(
            started, lambda process: changed(process, type(process.actor), vsns[type(process.actor)], extra)
        )
        self._down = dict(states)

    def _convert(self) -> None:
        """Have each process convert its state, inside itself; nothing is put in place yet."""
        self._refuse_orphans()
        started, vsns = self._started()
        self._migrations = Migrations(self._classes)
        self._conversions = [done for _, done in self._run(started, lambda process: self._conversion_of(process, vsns))]

    def _started(self) -> tuple[list[Process], dict[type, Any]]:
        """Return the processes that have a state, and what their classes' code_change is told."""
        started = [process for process in self.processes if process.boot is None and process.exit_reason is None]
        return started, self._old_vsns(started)

    def _run(self, processes: list[Process], job: Callable[[Process], Any]) -> list[tuple[Process, Any]]:
        """Run *job* in each process; a process that dies on the way just leaves the set. Raises what a job raised."""
        assert self._suspension is not None
        seconds = self.options.code_change_timeout
        done = []
        for process, outcome in zip(processes, self._suspension.run(processes, job, seconds), strict=True):
            if outcome is PENDING:
                raise MigrationFailed(f"{process!r}: code_change did not end within {seconds} s", process)
            if type(outcome) is not Failed:
                done.append((process, outcome))
            elif not isinstance(outcome.error, ServerExited):
                raise outcome.error
        return done

    def _conversion_of(self, process: Process, vsns: Mapping[type, Any]) -> Any:
        """Convert *process*, in it; code_change is told its own version, else that of its class."""
        kind = type(process.actor)
        if isinstance(vsns[kind], DownTo):
            state = self._down.get(process, process.state)
            return migrated(process, self._migrations, self._classes.get(kind) or kind, state)
        vsn = process.vsn if process.vsn is not None else vsns[kind]
        return convert(process, self._migrations, vsn, self.options.extra)

    def _old_vsns(self, processes: Iterable[Process]) -> dict[type, Any]:
        """Return, by class, the version that its processes come from, or DownTo(version) going back."""
        down_to = self.options.down_to or {}
        found: dict[type, Any] = {}
        for kind in {type(process.actor) for process in processes}:
            module = next(
                (base.__module__ for base in kind.__mro__ if base.__module__ in self.sources), kind.__module__
            )
            found[kind] = DownTo(down_to[module]) if module in down_to else self.old_vsns.get(module)
        return found

    def _refuse_orphans(self) -> None:
        """Refuse to take away the class of a living process."""
        for process in self.processes:
            kind = type(process.actor)
            if kind in self._classes and self._classes[kind] is None:
                msg = (
                    f"{process!r} runs {kind.__module__}.{kind.__qualname__}, which the new version does not define "
                    "any more; end the process first, or keep the class in this version"
                )
                raise IncompatibleUpgrade(msg)

    def _commit(self) -> None:
        """Give every process its new class, state and version, and its messages their new classes."""
        vsns: dict[type, Any] = {}
        mailboxes = Migration(self._classes)
        for conversion in self._conversions:
            process, kind = conversion.process, conversion.new_class
            if process.exit_reason is not None:
                continue
            if kind not in vsns:
                vsns[kind] = self._new_vsn(kind)
            self._change(conversion, vsns[kind])
            if process.mailbox or process.held:
                convert_mailbox(process, mailboxes, self._journal)
        for process in self.processes:
            if process.boot is not None and process.exit_reason is None:  # not started yet: it begins as the new class
                self._set_class(process.actor, self._classes.get(type(process.actor)) or type(process.actor))

    def _change(self, conversion: Conversion, vsn: Any) -> None:
        process, actor = conversion.process, conversion.process.actor
        change = children.change_of(process, process.state, conversion.state)
        if change is not None:
            self.changes.append(change)
        self._set_class(actor, conversion.new_class)
        if isinstance(actor, Actor):
            for name, value in conversion.state.items():
                self._journal.set_item(vars(actor), name, value)
        elif process.state is not conversion.state:
            self._journal.set_attribute(process, "state", conversion.state, "state")
        if process.vsn != vsn:
            self._journal.set_attribute(process, "vsn", vsn, "vsn")
        self.converted += conversion.converted

    def _set_class(self, actor: Any, new: type) -> None:
        old = type(actor)
        if old is not new:
            self._journal.write("class", partial(object.__setattr__, actor, "__class__", old))
            object.__setattr__(actor, "__class__", new)

    def _new_vsn(self, kind: type) -> Any:
        explicit = vsn_of(kind)
        return explicit if explicit is not None else _vsn_of_module(kind.__module__)

    def _start_children(self) -> None:
        """Start what the new specs add, inside the supervisors, while everybody else is still at rest."""
        assert self._suspension is not None
        for change in self.changes:
            if not change.added:
                continue
            supervisor = change.supervisor
            assert isinstance(supervisor, Process)
            self._journal.write(f"children of {supervisor!r}", partial(self._end_children, supervisor, change))
            (outcome,) = self._suspension.run(
                [supervisor], partial(children.start_added, change=change), self.options.code_change_timeout
            )
            if outcome is PENDING:
                raise self._deadlock(supervisor)
            if type(outcome) is Failed:
                raise outcome.error

    def _end_children(self, supervisor: Process, change: SupervisorChange) -> None:
        assert self._suspension is not None
        ending = partial(children.end_added, change=change)
        self._suspension.run([supervisor], ending, self.options.code_change_timeout)

    def _deadlock(self, supervisor: Process) -> MigrationFailed:
        """The start of an added child does not come back: say on whom it waits, and end it."""
        child = supervisor.wait_on
        whom = child.wait_on if child is not None else None
        message = f"{supervisor!r}: the added child {child!r} did not start in time"
        if whom is not None:
            message += (
                f": its init waits for {whom!r}, which the upgrade has suspended. Return Ok(state, then=Continue(…)) "
                "from init and make the call in handle_continue"
            )
        if child is not None:
            self.runtime.kill(child)
        return MigrationFailed(message, child)

    # -- the end

    def _undo(self) -> None:
        """Walk back, and let everybody go on, whatever happens on the way."""
        try:
            self._journal.undo()
            for loaded in self._loaded:
                loaded.preparation.undo()
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
        if self.runtime.clock.now() > self._until:
            raise ReloadTimeout(self.options.timeout, step)

    def report(self, status: str) -> UpgradeReport:
        """Return what was done so far."""
        completed = status == "completed"
        suspension = self._suspension
        pause = suspension.ended - suspension.began if suspension is not None and self.processes else 0.0
        return UpgradeReport(
            status=status,
            reloaded_modules=tuple(self.sources),
            affected_processes=tuple(self.processes),
            migrated=self.converted if completed else 0,
            dependency_chain=dependents(self.sources),
            steps=tuple(self.steps),
            paused_s={"p50": pause, "p99": pause, "max": pause},
            reload_time_s=self.runtime.clock.now() - self._began,
            version={name: _vsn_of_module(name) for name in self.sources if name in sys.modules},
            supervisor_changes=tuple(self.changes) if completed else (),
            warnings=tuple(self.warnings),
        )


def in_import_order(trees: Mapping[str, ast.Module]) -> list[str]:
    """Return the modules with those that others import before them; a ring of imports keeps the order given."""
    sorter = graphlib.TopologicalSorter(
        {name: _imports(name, tree) & trees.keys() - {name} for name, tree in trees.items()}
    )
    try:
        order = list(sorter.static_order())
    except graphlib.CycleError:
        return list(trees)
    return order


def _imports(name: str, tree: ast.Module) -> set[str]:
    """Return the modules that *tree* imports, by absolute name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name.split(".")[: -node.level]
                base = ".".join([*package, base] if base else package)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return found


def _behaviours(name: str) -> list[type]:
    """Return the behaviour classes that module *name* defines."""
    values = tuple(vars(sys.modules[name]).values()) if name in sys.modules else ()
    return [v for v in values if isinstance(v, type) and v.__module__ == name and is_upgradable(v)]


def _vsn_of_module(name: str) -> Any:
    try:
        return module_vsn(name)
    except (NoSuchVersion, LoadFailed):
        return None
