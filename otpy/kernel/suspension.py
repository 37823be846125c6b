"""Bringing a set of processes to rest, for an upgrade, and letting them go on.

A suspension is a gate: a process that is held keeps receiving and runs nothing. Processes in the middle of a handler
finish it, and for that they may need others of the set: so the set is *drained*. While it drains, a held process
handles its messages, in their order, as long as one of them is a request that a handler of the set waits for, directly
or through others. No other work begins. When no handler of the set is under way any more, the set is at rest.

The set is given in levels, callers first: each level is at rest before the next one is held. Where the calls between
the processes are not known, the whole set is one level.

Invariants:

- Whether a process is held is changed only between slices, by the holder of the token (`Scheduler.between_slices`).
- Whoever runs a process sets `bar` to RUNNING and then looks at `gate`; the suspension sets `gate` and then looks at
  `bar`. So it is never at rest and running.
- A message is never taken out of its order, so none can overtake another of the same sender.
- Who starts a process enters it into the table and then looks for a suspension; a suspension makes itself known and
  then looks into the table. So whoever is started meanwhile is seen by one of the two.
- A suspension that ends, whatever the reason, lets everybody go.
- What jobs send to members comes when the suspension ends, or never (`take_back_jobs`); see keeping_back.py.

Source: RUNTIME.md §6 (measurements); OTP sys:suspend/1 and release_handler.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeAlias, final

from otpy.errors import CallTimeout, ServerExited, SuspendTimeout
from otpy.kernel import signals
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import PENDING, Failed, pause, wait_for_answer
from otpy.kernel.clock import FOREVER
from otpy.kernel.here import here, waiting
from otpy.kernel.jobs import Job, Jobs
from otpy.kernel.keeping_back import KeptBack
from otpy.kernel.process import RUNNING, Gate, Process

if TYPE_CHECKING:
    from otpy.kernel.calls import Call
    from otpy.kernel.runner import Runner
    from otpy.kernel.runtime import Runtime
    from otpy.kernel.timers import TimerRef

Levels: TypeAlias = Iterable[Iterable[Process]]

_LOOK_SECONDS = 0.0005
_LOOK_AT_JOBS_SECONDS = 0.02
_VAIN_LOOKS = 3
_HOPS = 1000
_NOT_THE_PROGRAM = (str(Path(__file__).parents[1]), str(Path(asyncio.__file__).parent))


def _nobody(_kind: type) -> bool:
    return False


@final
class Suspension:
    """One suspension; use it once: `suspend`, and `resume` on every path.

    *concerns* says whether a process of this class has to be held if it is started meanwhile.
    """

    one_at_a_time = True

    def __init__(self, runtime: Runtime, concerns: Callable[[type], object] = _nobody) -> None:
        self.runtime = runtime
        self.concerns = concerns
        self.members: dict[Process, Gate | None] = {}  # with the gate that each had before
        self._past: frozenset[int] = frozenset()  # the ids of those who were members, when it has ended
        self.began = FOREVER
        self.ended = FOREVER
        self._active: set[Process] = set()
        self._draining = False
        self._thaw: list[Process] = []  # callers whose time stands still
        self._jobs: dict[Process, Jobs] = {}  # that have not begun
        self._running: dict[Process, Jobs] = {}
        self._let_in: set[Process] = set()  # started by a job, for the upgrade: they run as they like
        self._timers: list[TimerRef] = []  # set by these, and by jobs
        self._kept = KeptBack(self.is_insider, is_started=self._let_in.__contains__, is_at_work=self._is_at_work)
        self._here: Process | None = None

    # -- for the coordinator

    def suspend(self, find: Callable[[], Levels], timeout: float) -> None:
        """Bring all whom *find* returns to rest, level by level, within *timeout* seconds in all.

        *find* is called when everybody who starts a process knows of the suspension, so that nobody is missed; it is
        asked for a level when the one before is at rest.
        Raises SuspendTimeout, naming the process that does not come to rest and where it stands; then all run again.
        """
        me = waiting()
        self.began = self.runtime.clock.now()
        until = self.began + timeout
        self.runtime.suspension = self
        for level in find():
            rest = pause(me)
            self._between_slices(lambda level=level, rest=rest: self._hold(level, rest, until))  # type: ignore[misc]
            stuck: Process | None = wait_for_answer(rest, None)
            if stuck is not None:
                where = stands_at(stuck)
                self.resume()
                raise SuspendTimeout(stuck, timeout, where)

    def run(
        self,
        processes: Sequence[Process],
        job: Job,
        timeout: float,
        until: float = FOREVER,
        *,
        may_break_off: bool = False,
    ) -> list[Any]:
        """Run `job(process)` inside each of the held *processes*, where it always runs; return what came of each.

        A job may return a coroutine if the process is on the event loop. What it raises is returned as Failed(error);
        so is the end of a process, as ServerExited. When none has ended for *timeout* seconds, or it is *until*, or all
        that are left wait for processes that are held (see `waits_for`), what is left is PENDING; of that, nothing
        begins any more, and with *may_break_off* what has begun is ended where it stands (see giving_up.py).
        """
        done = pause(waiting())
        outcomes: dict[Process, Any] = dict.fromkeys(processes, PENDING)
        left = deque(processes)  # popped once for each outcome: whoever takes the last one wakes the coordinator

        def report(process: Process, outcome: Any) -> None:
            outcomes[process] = outcome
            left.pop()
            if not left:
                done.put(None)

        jobs = Jobs(self._running, job, report)
        self._between_slices(lambda: self._start_jobs(processes, jobs))
        try:
            self._wait_for_jobs(done, left, timeout, until)
        finally:  # also when the coordinator is ended
            if left:
                for process in processes if may_break_off else ():
                    if outcomes[process] is PENDING:
                        jobs.give_up(process)
                self._between_slices(self._forget_jobs)
        return list(outcomes.values())

    def _wait_for_jobs(self, done: Call, left: deque[Process], timeout: float, until: float) -> None:
        now = self.runtime.clock.now
        before, moment, vain = -1, FOREVER, 0
        while left and vain < _VAIN_LOOKS and not (len(left) == before and now() >= moment):
            if len(left) != before:
                before, moment, vain = len(left), min(now() + timeout, until), 0
            else:
                vain = vain + 1 if self._in_vain() else 0
            with contextlib.suppress(CallTimeout):
                wait_for_answer(done, max(min(moment - now(), _LOOK_AT_JOBS_SECONDS), 0.0))

    def _in_vain(self) -> bool:
        """Whether all jobs that have not ended wait for processes that are held, so that nobody will answer them."""
        begun = tuple(self._running)
        return bool(begun) and not self._jobs and all(self.waits_for(process) is not None for process in begun)

    def waits_for(self, process: Process) -> Process | None:
        """Return the held process that *process*, in a job or let in by one, waits for, directly or through others."""
        target = process.wait_on
        for _ in range(_HOPS):
            if target is None or (target in self.members and target not in self._running):
                break
            target = target.wait_on
        return target if target in self.members else None

    def resume(self) -> None:
        """Let all members go on with what has come meanwhile. Returns when they may.

        Also works for a coordinator that has been killed on the way: everybody else goes on all the same.
        """
        if self.ended != FOREVER:
            return
        me = here.process
        done = pause(me if me is not None else self.runtime.system)
        self._between_slices(lambda: self._release(done))
        if me is not None and not me.fenced:
            wait_for_answer(done, None)

    def hand_out(self) -> None:
        """Put what jobs have sent to members into their mailboxes, before the end: it will not be taken back."""
        self._kept.end()

    def take_back_jobs(self) -> None:
        """End whom jobs have started and who still lives, and forget what they all have sent to members."""
        for process in tuple(self._let_in):
            if process.exit_reason is None:
                signals.sever(process, self.members)
                self.runtime.kill(process)
        for timer in self._timers:
            self.runtime.timers.cancel(timer)
        self._kept.forget()

    def hold_here(self, process: Process) -> None:
        """Count *process*, which runs now and works for an upgrade, as held: the time of its callers stands still.

        What it does is that of a job, and may be taken back.
        """
        self.members[process] = process.gate
        self._here = process
        self._kept.guard(self.members)
        self.began = self.runtime.clock.now()
        self.runtime.suspension = self

    def release_here(self) -> None:
        """End what `hold_here` has begun; a second time does nothing."""
        if self.ended == FOREVER:
            self._release(pause(self.runtime.system))

    def newborn(self, process: Process) -> None:
        """Take in a process that is about to be launched, if it is of an affected behaviour.

        Called by who starts it, when it is in the table and claimed (`bar` is RUNNING). What is part of the upgrade is
        free.
        """
        if self.ended != FOREVER or self.lets_in(process) or not self.concerns(type(process.actor)):
            return
        self.members[process] = None
        process.gate = self
        if self.ended != FOREVER:  # it has ended meanwhile, perhaps without having seen this one
            process.gate = None

    def lets_in(self, process: Process) -> bool:
        """Whether *process*, about to be launched, is part of the upgrade: a job starts it, or whom one has started."""
        is_part = self.ended == FOREVER and self.is_insider(process.starter)
        if is_part:
            self._let_in.add(process)
        return is_part

    def has_set(self, timer: TimerRef) -> None:
        """Take down that an insider has set *timer*."""
        self._timers.append(timer)

    def keeps_back(self, process: Process, message: Any) -> bool:
        """Whether *message*, from the timer of an insider, is kept back like what that sends itself."""
        return process in self.members and self._kept.keep(process, message)

    def is_insider(self, process: Process | None) -> bool:
        """Whether *process* runs a job now, or has been started by one."""
        return process is not None and (self._is_at_work(process) or process in self._let_in)

    def _is_at_work(self, process: Process) -> bool:
        return process in self._running or process is self._here

    # -- while it lasts

    @runs_callbacks
    def admit(self, runner: Runner, process: Process) -> None:
        """See Gate.admit: its job, or one more message if a handler of the set waits for it; else it stays as it is."""
        process.bar = RUNNING  # claimed, before the look at what others change meanwhile
        if self.ended == FOREVER and (self._takes_job(process) or self._takes_part(process)):
            process.scheduled = True
            before = self.members.get(process)
            if before is not None:
                before.admit(runner, process)
            else:
                runner.turn(process)
            return
        before = self.members.get(process)
        if self.ended != FOREVER and process.gate is self:  # `_release` has not come to it yet
            process.gate = before
        process.bar = process.gate
        process.scheduled = False
        if self.ended != FOREVER:  # `_release` may have found it claimed, and left it alone
            _go_on(process)

    def _takes_job(self, process: Process) -> bool:
        """Give *process* its job, if it has one. It is among the running ones before it leaves those that wait."""
        jobs = self._jobs.get(process)
        if jobs is None:
            return False
        self._running[process] = jobs
        if self._jobs.pop(process, None) is None:  # it has died in between
            self._running.pop(process, None)
            return False
        process.boot = jobs.begin
        return True

    def _takes_part(self, process: Process) -> bool:
        """Whether *process* has to work so that the set comes to rest. Then it is active before anybody can look."""
        self._active.add(process)
        if self._draining and _has_work(process) and any(target is process for target in self._awaited()):
            return True
        self._active.discard(process)
        return False

    def buried(self, process: Process) -> None:
        """See Gate.buried."""
        jobs = self._jobs.pop(process, None) or self._running.pop(process, None)
        if jobs is not None:
            jobs.report(process, Failed(ServerExited(process.exit_reason, process)))

    def keeps_exit(self, dead: Process, process: Process, reason: Any) -> bool:
        """See Gate.keeps_exit: the end of who is part of the upgrade, until it is known whether that stands."""
        if dead not in self._let_in or (process.trapping and self._is_at_work(process)):
            return False  # who is at work may wait for the message that tells of it
        return self._kept.keep_exit(dead, process, reason)

    def _start_jobs(self, processes: Sequence[Process], jobs: Jobs) -> None:
        waiting = self._jobs
        self._kept.guard(self.members)
        for process in processes:
            waiting[process] = jobs
            if process.exit_reason is not None:  # looked at last: who dies from now on is told to `buried`
                self.buried(process)
            else:
                process.executor.submit(process)

    def _forget_jobs(self) -> None:
        self._jobs.clear()
        self._running.clear()

    @property
    def is_under_way(self) -> bool:
        """Whether it has begun, and has not ended."""
        return self.began != FOREVER and self.ended == FOREVER

    def holds(self, process: Process) -> bool:
        """Whether *process* is held now."""
        return self.ended == FOREVER and process in self.members

    def delays(self, server: Process) -> bool:
        """Whether *server* is held now, or waits for one that is."""
        return self.ended == FOREVER and self._leads_here(server)

    def _between_slices(self, operation: Callable[[], None]) -> None:
        self.runtime.scheduler.between_slices(operation)

    def _hold(self, level: Iterable[Process], rest: Call, until: float) -> None:
        if not self.members:
            self.began = self.runtime.clock.now()  # to find out who belongs to the set has held nobody yet
        self._draining = True
        for process in level:
            gate = process.gate
            if process.exit_reason is not None or gate is self:
                continue
            self.members[process] = gate
            process.gate = self
            if process.bar is RUNNING:
                self._active.add(process)
            else:
                process.bar = self
        self._look(rest, until)

    def _look(self, rest: Call, until: float) -> None:
        """See whether the members are at rest, now or a little later."""
        if self.ended != FOREVER:
            return  # the coordinator has been ended, and everybody goes on
        if self._at_rest():
            rest.put(None)
            return
        stuck = self._stuck() if self.runtime.clock.now() >= until else None
        if stuck is not None:
            rest.put(stuck)
            return
        for process in {target for target in self._awaited() if target in self.members} - self._active:
            process.executor.submit(process)
        self.runtime.timers.after(_LOOK_SECONDS, lambda: self._look(rest, until))

    def _at_rest(self) -> bool:
        """Whether no handler is under way; if so, none begins any more.

        A process is put among the active ones before `_draining` is read; here `_draining` is cleared before the
        active ones are read. So one of the two sees the other.
        """
        for process in tuple(self._active):
            if process.bar is not RUNNING and process.exit_reason is None:
                process.bar = self  # it has left its slice, perhaps without having seen the gate
            if process.bar is self or process.exit_reason is not None:
                self._active.discard(process)
        if self._active:
            return False
        self._draining = False
        self._draining = bool(self._active)
        return not self._draining

    def _awaited(self) -> Iterator[Process]:
        """Yield whom the handlers of the set wait for, directly or through others."""
        return awaited_by(tuple(self._active))

    def _stuck(self) -> Process | None:
        """Return an active process that waits for no other one: those that wait for it are not to blame."""
        process = next(iter(tuple(self._active)), None)
        for _ in range(_HOPS):  # a ring of calls has no end
            if process is None or process.wait_on not in self._active:
                break
            process = process.wait_on
        return process

    def _release(self, done: Call) -> None:
        if self.ended != FOREVER:
            done.put(None)
            return
        self.ended = self.runtime.clock.now()
        self._draining = False
        self._kept.end()
        for process in list(self.members):
            gate = process.gate = self.members[process]
            if process.bar is self:
                process.bar = gate
            if process.bar is RUNNING or process.exit_reason is not None:
                continue
            if process.mailbox or process.boot is not None:
                _go_on(process)
            elif process.idle_after is not None and not process.suspended:
                # Its time begins anew, as after sys.resume.
                self.runtime.timers.arm(process, self.ended + process.idle_after)
        for caller in self._thaw:
            caller.executor.submit(caller)
        self._forget_jobs()
        self._here = None
        # Whoever called one of them meanwhile may ask for long how long it stood still, and they may be dead by then.
        self._past = frozenset(process.id for process in self.members)
        self.members.clear()
        for nobodys in (self._thaw, self._active, self._let_in, self._timers):
            nobodys.clear()
        done.put(None)

    # -- callers

    def stands_still(self, caller: Process, server: Process) -> bool:
        """Whether the time of *caller* stands still, since *server* is held, or waits for one that is.

        The caller is woken at the end.
        """
        if not self.delays(server):
            return False
        self._thaw.append(caller)
        return self.ended == FOREVER  # else it has ended meanwhile, and perhaps nobody wakes the caller

    def stood_still(self, server: Process, since: float) -> float:
        """Return for how many seconds of a wait that began at *since* the *server* was held, or waited for one."""
        if self.ended == FOREVER or not self._leads_here(server):
            return 0.0
        return max(self.ended - max(self.began, since), 0.0)

    def _leads_here(self, server: Process | None) -> bool:
        for _ in range(_HOPS):
            if server is None or server in self.members or server.id in self._past:
                return server is not None
            server = server.wait_on
        return False


def awaited_by(processes: Iterable[Process]) -> Iterator[Process]:
    """Yield whom the handlers of *processes* wait for, directly or through others, each once."""
    seen: set[Process] = set()
    for process in processes:
        target = process.wait_on
        while target is not None and target not in seen:
            seen.add(target)
            yield target
            target = target.wait_on


def _has_work(process: Process) -> bool:
    return bool(process.mailbox) or process.boot is not None


def _go_on(process: Process) -> None:
    """Have *process*, which is not held any more, run if it has something to do."""
    if process.exit_reason is None and _has_work(process):
        process.scheduled = True
        process.executor.submit(process)


def stands_at(process: Process) -> str:
    """Return where the code of *process* stands: file, line and function.

    Of the innermost frame that is neither otpy's nor asyncio's.
    """
    task_of = getattr(process.executor, "task_of", None)
    frames = _frames_of_thread(process) if task_of is None else _frames_of_task(task_of(process))
    for code, line in frames:
        if not code.co_filename.startswith(_NOT_THE_PROGRAM):
            return f"{code.co_filename}:{line} in {code.co_name}"
    return "an unknown place"


def _frames_of_thread(process: Process) -> Iterator[tuple[CodeType, int]]:
    """Yield the code and the line of each frame of a process on a thread, innermost first."""
    frame: Any = getattr(process.parked, "gr_frame", None)
    if frame is None and process.runner is not None:
        frame = sys._current_frames().get(process.runner.ident)  # noqa: SLF001 - the documented way to see another thread's stack
    while frame is not None:
        yield frame.f_code, frame.f_lineno
        frame = frame.f_back


def _frames_of_task(task: Any) -> Iterator[tuple[CodeType, int]]:
    """Yield those of the coroutines that await one another in *task*, innermost first."""
    coroutine: Any = None if task is None else task.get_coro()
    frames: list[tuple[CodeType, int]] = []
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        frames.append((frame.f_code, frame.f_lineno))
        coroutine = coroutine.cr_await
    yield from reversed(frames)
