"""The engine: one upgrade at a time, on a thread of its own, recorded, and watched afterwards.

Code belongs to the interpreter, so there is one engine in it, whatever the number of runtimes. Who asks for an upgrade
waits for it without keeping anybody else waiting.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from typing import Final, TypeAlias, final

import msgspec

from otpy.analysis.pauses import PauseRecord
from otpy.errors import CallError, NotRunning, ServerExited, SuspendTimeout, UpgradeError, UpgradeInProgress
from otpy.kernel import events
from otpy.kernel.here import waiting
from otpy.kernel.primitives import sleep
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime, run_on_thread, spawn_process
from otpy.safety.policy import Policy
from otpy.store.memory import MemoryStore
from otpy.store.recorder import Recorder
from otpy.store.values import Ending
from otpy.upgrade.forecast import pauses_in
from otpy.upgrade.lineage import Lineage
from otpy.upgrade.options import Options
from otpy.upgrade.preparation import Preparation
from otpy.upgrade.recording import Recording
from otpy.upgrade.recovery import recovery
from otpy.upgrade.report import UpgradeReport
from otpy.upgrade.transaction import Transaction
from otpy.upgrade.watch import Watch

log = logging.getLogger("otpy.upgrade")

_REPORTS: Final = 100
_PIDS_IN_REPORTS: Final = 100_000
"""Processes that are named in the reports that are kept: each keeps its record, also when it has ended."""
Tried: TypeAlias = list[UpgradeReport]
"""What was tried so far, for one who asked, with how it ended."""

_ENDED_AT_MOST: Final = 20
"""Processes that are ended, one after the other, because an upgrade cannot go back while they are busy."""


@final
class Engine:
    """What lasts from one upgrade to the next."""

    def __init__(self) -> None:
        self.recorder: Recorder = MemoryStore()
        self.policy = Policy()
        self.lineage = Lineage()
        self.watches: dict[Watch, frozenset[str]] = {}
        """The watches that go on, each with the modules that its upgrade has reached. No two have one in common: what
        crashes is watched on account of one upgrade, and going back with that one is the cure."""
        self.reports: dict[int, UpgradeReport] = {}
        """What upgrades of this life of the node have reported, by their id in the store."""
        self._busy = threading.Lock()

    def use(self, recorder: Recorder) -> Recorder:
        """Record in *recorder* from now on, and return the one before. Raises UpgradeInProgress."""
        with self.alone():
            before, self.recorder = self.recorder, recorder
            self.reports = {}  # known by ids of the store before
        return before

    # -- one upgrade ---------------------------------------------------------------------------------

    def upgrade(self, sources: Mapping[str, str], options: Options) -> UpgradeReport:
        """Bring modules to new sources, or leave everything as it is and raise an UpgradeError that explains itself."""
        check_sources(sources)
        me = waiting()
        done = self._carried_out(me.runtime, partial(self._run, me.runtime, sources, options, me), sources)
        assert done is not None
        return done

    def refuse(self, sources: Mapping[str, str], options: Options, error: UpgradeError) -> None:
        """Record that an upgrade was refused before it began, for *error*, which gets the report."""
        recording = Recording(self.recorder, Preparation(sources, options), asked_by=repr(waiting()))
        events.emit("upgrade.start", modules=tuple(sources))
        report = UpgradeReport("rolled_back", tuple(sources))
        error.report = run_on_thread(self._record, recording, report, error, label="refused upgrade")

    def _run(
        self, runtime: Runtime, sources: Mapping[str, str], options: Options, asked_by: Process, tried: Tried
    ) -> UpgradeReport:
        """Try, and again where somebody did not come to rest, as often as the options say.

        In between, everybody goes on for as long as they were kept waiting; and all of it has the one `timeout`.
        """
        until, pause = runtime.clock.now() + options.timeout, options.suspend_timeout
        with self.alone():
            for _ in range(options.retries):
                try:
                    return self._once(runtime, sources, options, asked_by, tried, until=until)
                except SuspendTimeout:
                    if runtime.clock.now() + pause >= until:
                        raise
                sleep(pause)
            return self._once(runtime, sources, options, asked_by, tried, until=until)

    def _carried_out(
        self, runtime: Runtime, job: Callable[[Tried], UpgradeReport | None], modules: Iterable[str]
    ) -> UpgradeReport | None:
        """Run *job* as a process on a thread of its own; every UpgradeError says what was tried and what can be done.

        If that process is ended from outside, what it has begun is brought to an end all the same: see what came of it.
        """
        tried: Tried = []
        with explained(tuple(modules)):
            try:
                return run_on_thread(job, tried, label="upgrade")  # type: ignore[no-any-return]
            except ServerExited as ended:
                if ended.server is not runtime.system:
                    raise
                self._outlast()
                told = f"who carried out the upgrade was ended with {ended.reason!r}"
                if tried and tried[-1].status == "completed":
                    return tried[-1].with_warnings([f"{told} when it was done: the upgrade stands"])
                raise _with_report(UpgradeError(f"{told}, in the middle of it"), tried) from ended
            except UpgradeError:
                raise
            except Exception as error:
                if tried and tried[-1].status == "completed":
                    raise
                msg = f"the upgrade failed in a way that nobody has foreseen: {type(error).__name__}: {error}"
                raise _with_report(UpgradeError(msg), tried) from error

    def _outlast(self) -> None:
        """Return when what is under way has come to its end, also if the runtime stops meanwhile."""
        try:
            run_on_thread(self._wait_for_the_end, label="end of an upgrade")
        except (CallError, NotRunning):  # it has stopped, and this is a thread that otpy did not make
            self._wait_for_the_end()

    def _wait_for_the_end(self) -> None:
        with self.alone(wait=True):
            pass

    def pauses(self) -> Iterator[PauseRecord]:
        """Yield how long processes paused in past upgrades."""
        return pauses_in(self.recorder.history())

    @property
    def busy(self) -> bool:
        """Whether an upgrade, or something that excludes one, is under way."""
        return self._busy.locked()

    @contextlib.contextmanager
    def alone(self, *, wait: bool = False) -> Generator[None]:
        """Let nothing else load, or prepare, new versions; *wait* for who does. Raises UpgradeInProgress if not."""
        if not self._busy.acquire(blocking=wait):
            raise UpgradeInProgress
        try:
            yield
        finally:
            self._busy.release()

    def _once(
        self,
        runtime: Runtime,
        sources: Mapping[str, str],
        options: Options,
        asked_by: Process,
        tried: Tried,
        *,
        until: float | None = None,
    ) -> UpgradeReport:
        """Try once, record it, and note the report in *tried*. *until*: the end of its time; None: as options say."""
        transaction = Transaction(
            runtime, sources, options, asked_by=asked_by, policy=self.policy, pauses=self.pauses, until=until
        )
        recording = Recording(self.recorder, transaction.preparation, asked_by=repr(asked_by))
        transaction.listen(recording.begin, recording.heard, recording.states)
        events.emit("upgrade.start", modules=tuple(sources))
        try:
            report = transaction.run()
        except BaseException as error:  # also when this process has been ended: what was done is recorded all the same
            report = transaction.report("completed" if transaction.committed else "rolled_back")
            tried.append(self._record(recording, report, error))
            if isinstance(error, UpgradeError):
                error.report = tried[-1]
            raise
        else:
            tried.append(self._record(recording, report, None))
            return tried[-1]
        finally:
            if transaction.committed:
                self.lineage.note(transaction.preparation)
                self._watch_instead(transaction, recording)

    def _watch_instead(self, transaction: Transaction, recording: Recording) -> None:
        """End the watches of upgrades that have reached the same modules, and begin that of *transaction*."""
        reached = transaction.preparation.reached
        for watch in [watch for watch, modules in tuple(self.watches.items()) if modules & reached]:
            watch.stop()
            self.watches.pop(watch, None)
        if transaction.watch is not None:
            self.watches[transaction.watch] = reached
            job, system = partial(self._watch, transaction.watch, transaction, recording), transaction.runtime.system
            spawn_process(job, starter=system, label="upgrade watch", runs_on="thread")

    def _record(self, recording: Recording, report: UpgradeReport, error: BaseException | None) -> UpgradeReport:
        if not recording.is_dry_run:  # else nothing was to be done, so nothing has failed either
            report = self._recorded(recording, report, error)
        events.emit("upgrade.end", report=report, error=error)
        return report

    def _recorded(self, recording: Recording, report: UpgradeReport, error: BaseException | None) -> UpgradeReport:
        problem = recording.end(report, error)
        if problem is not None:
            log.error("%s", problem)
            report = msgspec.structs.replace(report, warnings=(*report.warnings, problem))
        if recording.id is not None:
            report = msgspec.structs.replace(report, id=str(recording.id))
            self.reports[recording.id] = report
        _forget_oldest(self.reports)
        return report

    # -- afterwards ----------------------------------------------------------------------------------

    def _watch(self, watch: Watch, transaction: Transaction, recording: Recording) -> None:
        """Watch what *transaction* has brought, and take it back if that does badly."""
        try:
            why = watch.wait()
            if why is not None and not watch.stopped:
                self._go_back(transaction, recording, why)
            elif not watch.stopped:
                events.emit("upgrade.watched", health=watch.health())
        finally:
            self.watches.pop(watch, None)

    def _go_back(self, transaction: Transaction, recording: Recording, why: str) -> None:
        """Take a committed upgrade back, because its processes do badly."""
        me, modules = waiting(), tuple(transaction.preparation.new)
        try:
            report = self._carried_out(me.runtime, partial(self._back, transaction, why, me), modules)
        except UpgradeError:
            log.exception("the upgrade of %s could not be taken back", ", ".join(modules))
            return
        if report is None:
            return
        assert recording.id is not None
        ended = Ending(state="rolled_back", outcome="rolled_back_by_watch", error_class="Watch", error=why)
        problem = recording.recorder.end(recording.id, ended)
        if problem is not None:
            log.error("%s", problem)
        events.emit("upgrade.rolled_back_by_watch", report=report, why=why)

    def _back(self, transaction: Transaction, why: str, asked_by: Process, tried: Tried) -> UpgradeReport | None:
        """Do that when no other upgrade is under way; None if another one has come in between, which ends the watch.

        A process that does not come to rest cannot be saved: it is ended, and its supervisor acts.
        """
        modules = tuple(transaction.preparation.new)
        with self.alone(wait=True):
            if transaction.watch not in self.watches:
                return None
            log.error("the upgrade of %s goes back: %s", ", ".join(modules), why)
            events.emit("upgrade.going_back", modules=modules, why=why)
            sources, options = transaction.way_back()
            if not sources:
                msg = f"nothing is known of {', '.join(modules)} to go back to: there was no such module before"
                raise UpgradeError(msg)
            for _ in range(_ENDED_AT_MOST):
                try:
                    return self._once(transaction.runtime, sources, options, asked_by, tried)
                except SuspendTimeout as busy:
                    log.error("%r is ended, since it does not come to rest: %s", busy.pid, busy)  # noqa: TRY400
                    transaction.runtime.kill(busy.pid)
            return self._once(transaction.runtime, sources, options, asked_by, tried)


engine: Final = Engine()


def _forget_oldest(reports: dict[int, UpgradeReport]) -> None:
    """Drop what is too much, but never the newest."""
    pids = sum(len(report.affected_processes) for report in reports.values())
    while len(reports) > _REPORTS or (pids > _PIDS_IN_REPORTS and len(reports) > 1):
        pids -= len(reports.pop(next(iter(reports))).affected_processes)


@contextlib.contextmanager
def explained(names: tuple[str, ...]) -> Generator[None]:
    """Have every UpgradeError say what was tried and what can be done."""
    try:
        yield
    except UpgradeError as error:
        if error.report is None:
            error.report = UpgradeReport("rolled_back", names)
        error.recovery = recovery(error)
        raise


def _with_report(error: UpgradeError, tried: Tried) -> UpgradeError:
    """Return *error* with the report of the last try, if there was one."""
    error.report = tried[-1] if tried else None
    return error


def check_sources(sources: Mapping[str, str]) -> None:
    """Refuse what is no module name → source. Raises ValueError, TypeError."""
    if not sources:
        msg = "no sources: give the name and the new source of at least one module"
        raise ValueError(msg)
    for name, source in sources.items():
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            msg = f"{name!r} is no module name; give it as in `import`, such as 'shop.cart'"
            raise ValueError(msg)
        if not isinstance(source, str):
            msg = f"the source of {name} is {type(source).__name__}; give its text (str)"
            raise TypeError(msg)
