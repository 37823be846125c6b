"""Who runs next, and on which thread.

One thread at a time holds the *token*; it alone takes processes from the ready queue. A monitor thread looks every few
milliseconds whether the holder still makes progress. A slice that lasts is first asked to end at its next message; if
it does not, its thread loses the token to another one, and the class of its process is run on threads of its own from
then on. The thread that was stuck finishes its handler undisturbed, and gets the token back only if greenlets stand on
it that have to go on.

Invariants:

- Only the holder claims processes, fires timers and runs operations.
- The token is taken only from a worker whose `current` is set, that is, from inside user code. Worker: clears
  `current`, then tests `attention`. Monitor: sets `attention`, then tests `current`. So either the monitor sees that
  the worker has left its slice and desists, or the worker sees that it must ask whether the token is still its own.
- Nothing that could wait, and no user code, runs under the token's lock.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from otpy.kernel import events, interrupts
from otpy.kernel.actors import FunctionProcess
from otpy.kernel.giving_up import GIVEN_UP
from otpy.kernel.process import Process
from otpy.kernel.signals import end
from otpy.kernel.timers import Timers
from otpy.kernel.worker import Worker

if TYPE_CHECKING:
    from otpy.kernel.runner import Runner
    from otpy.kernel.runtime import Runtime

log = logging.getLogger("otpy.scheduler")

TICK_SECONDS = 0.005
_LATE_SECONDS = 2 * TICK_SECONDS
_IDLE_TICKS = 200  # after a second without work the monitor sleeps too
_GRACE_TICKS = 2
_ZOMBIE_TICKS = 10
_LATEST_TICKS = 40
_CLEANUP_TICKS = 200
_LEAVING_SECONDS = 5.0  # for what is dead and goes on computing when the scheduler has stopped
_SWITCH_SECONDS = 0.0005


class Scheduler:
    """The ready queue and the threads that work on it. It is the executor of all processes that run there."""

    def __init__(self, runtime: Runtime, *, debug: bool = False) -> None:
        self.runtime = runtime
        self.debug = debug
        self.ready: deque[Process] = deque()
        self.timers = Timers(runtime.clock, self.wake_before)
        self.blocking: set[object] = set()  # classes and functions seen blocking
        self.operations: deque[Callable[[], None]] = deque()
        self.sleeping = False
        self.sleeping_until = 0.0
        self._bell = threading.Lock()
        self._bell.acquire()
        self._token = threading.Lock()
        self._workers: list[Worker] = []
        self._requests: deque[Worker] = deque()
        self._stopped = False
        self._switch_interval: float | None = None
        self._doomed: deque[tuple[Process, int]] = deque()
        self._zombies: dict[Process, _Zombie] = {}  # dead, and their code computes on
        self._ticks = 0
        self._monitor_bell = threading.Lock()
        self._monitor_bell.acquire()
        self._monitor_sleeps = False
        self.holder = self._add_worker()
        self._monitor = threading.Thread(target=self._watch, name="otpy-monitor", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self.holder.thread.start()
        self._monitor.start()

    def _add_worker(self) -> Worker:
        worker = Worker(self, len(self._workers) + 1)
        self._workers.append(worker)
        return worker

    # -- giving it work; from any thread

    def submit(self, process: Process) -> None:
        """See Executor.submit."""
        self.ready.append(process)
        if self.sleeping:
            self.ring()

    def buried(self, process: Process) -> None:
        """See Executor.buried: a process of the scheduler keeps nothing here."""

    def ring(self) -> None:
        """Wake the holder if it sleeps."""
        self.sleeping = False
        try:  # noqa: SIM105 - contextlib.suppress would double the price of a wake-up
            self._bell.release()
        except RuntimeError:  # rung already
            pass

    def wake_before(self, moment: float) -> None:
        """Wake the holder if it would sleep beyond *moment*."""
        if self.sleeping and moment < self.sleeping_until:
            self.ring()

    def between_slices(self, operation: Callable[[], None]) -> None:
        """Run *operation* soon on the holder's thread, while no process runs there. It must not wait."""
        self.operations.append(operation)
        self.holder.attention = True
        if self.sleeping:
            self.ring()

    # -- the holder's side

    def look(self, worker: Worker) -> bool:
        """Do what is due between two slices; False if *worker* does not hold the token (any more)."""
        worker.attention = False
        with self._token:
            if self.holder is not worker or self._stopped:
                return False
            if self._requests:
                self._grant(self._requests.popleft())
                return False
        while self.operations:
            self.operations.popleft()()
        self.timers.fire_due()
        return True

    def idle(self, worker: Worker) -> None:
        """Sleep until there is something to do."""
        self.sleeping_until = self.timers.next_moment()
        self.sleeping = True
        if self.ready or worker.attention or self.operations or self.timers.incoming:
            self.sleeping = False  # it came before anybody could know that we sleep
            return
        self._bell.acquire(timeout=self.runtime.clock.wait_for(self.sleeping_until))
        self.sleeping = False
        if self._monitor_sleeps:
            self._wake_monitor()

    def await_token(self, worker: Worker) -> bool:
        """Wait until *worker* holds the token; False when the scheduler has stopped."""
        while True:
            with self._token:
                if self._stopped:
                    return False
                if self.holder is worker:
                    worker.waiting = False
                    self.ready.extendleft(reversed(worker.pinned))
                    worker.pinned.clear()
                    return True
                if (worker.pinned or worker.handed is not None) and worker not in self._requests:
                    self._requests.append(worker)
                    self.holder.attention = True
                    self.ring()
                worker.waiting = True
            worker.wake.acquire()

    def pass_to(self, worker: Worker) -> None:
        """Give the token, which the caller holds, to *worker* as soon as it can take it."""
        with self._token:
            if worker.waiting:
                self.holder.attention = True
                self._grant(worker)

    def rotate(self, worker: Worker) -> None:
        """Give the token to another thread (debugging: code that counts on its thread must fail at once)."""
        with self._token:
            if self.holder is not worker:
                return
            other = self._spare()
            worker.attention = True
            self._grant(other)

    def _grant(self, worker: Worker) -> None:
        """Under the token's lock: make *worker* the holder."""
        self.holder = worker
        worker.attention = True  # whatever is due, it looks first
        if worker.ident == 0 and not worker.thread.is_alive():
            worker.thread.start()
        elif worker.waiting:
            worker.waiting = False
            worker.wake.release()

    def _spare(self) -> Worker:
        """Under the token's lock: a worker that waits, or a new one."""
        for worker in self._workers:
            if worker.waiting and worker is not self.holder:
                return worker
        return self._add_worker()

    # -- the monitor

    def _watch(self) -> None:
        seen = -1
        strikes = on_time = idle_ticks = 0
        while not self._stopped:
            before = time.monotonic()
            self._monitor_bell.acquire(timeout=TICK_SECONDS)
            late = time.monotonic() - before > _LATE_SECONDS
            self._ticks += 1
            worker = self.holder
            process, slices = worker.current, worker.slices
            self._reap()
            if slices != seen or process is None:
                idle_ticks = idle_ticks + 1 if slices == seen else 0
                seen, strikes, on_time = slices, 0, 0
                if idle_ticks > _IDLE_TICKS and self.sleeping and not self._doomed and not self._zombies:
                    self._sleep_until_work()
                    idle_ticks = 0
                continue
            strikes += 1
            on_time += not late
            worker.attention = True
            if strikes > 1 and self._take_over(worker, process, slices) and on_time > 1:
                self._learn(worker, process, slices)  # a monitor that is late can blame nobody: the machine is busy
        self._leave()

    def _leave(self) -> None:
        """End what the dead still compute when all is over: it would take the time of whatever comes next."""
        until = time.monotonic() + _LEAVING_SECONDS
        while (self._doomed or self._zombies) and time.monotonic() < until:
            self._monitor_bell.acquire(timeout=TICK_SECONDS)
            self._ticks += 1
            self._reap()

    def _sleep_until_work(self) -> None:
        self._monitor_sleeps = True
        if self.sleeping and not self._doomed and not self._stopped:
            self._monitor_bell.acquire()
        self._monitor_sleeps = False

    def _wake_monitor(self) -> None:
        try:  # noqa: SIM105 - contextlib.suppress would double the price of a wake-up
            self._monitor_bell.release()
        except RuntimeError:
            pass

    def _take_over(self, worker: Worker, process: Process, slices: int) -> bool:
        """Take the token from *worker*, stuck in a handler of *process*; False if it is not stuck any more."""
        with self._token:
            worker.attention = True
            if self.holder is not worker or worker.current is not process or worker.slices != slices or self._stopped:
                return False  # it came back in time
            self._grant(self._spare())
        if self._switch_interval is None:  # a handler that computes holds the interpreter: others must get it sooner
            self._switch_interval = sys.getswitchinterval()
            sys.setswitchinterval(min(_SWITCH_SECONDS, self._switch_interval))
        return True

    def _learn(self, worker: Worker, process: Process, slices: int) -> None:
        """Run the class of *process* on threads from now on, and say so."""
        if sys.gettrace() is not None or threading.gettrace() is not None:
            return  # somebody stands in a debugger
        kind = kind_of(process)
        if process.fenced or getattr(kind, "supervises", False):
            return  # it dies, or ends or starts many children: work of our own, which a thread would not make quicker
        if self.runtime.suspension is not None and self.runtime.suspension.holds(process):
            return  # what it does for an upgrade tells nothing of its handlers
        where = _where(worker.ident)
        if where is None or worker.slices != slices or worker.current is not process:
            return  # it has come back while we looked
        new = kind is not None and kind not in self.blocking
        if new:
            self.blocking.add(kind)
        if new or events.listened("runtime.blocked"):
            # a hook or a log handler may block, perhaps on what the stuck handler holds: not on the monitor's thread
            threading.Thread(target=_announce, args=(process, where, kind if new else None), daemon=True).start()

    def blocks(self, process: Process) -> bool:
        """Whether *process* is of a kind that was seen blocking."""
        return kind_of(process) in self.blocking

    def move_to_thread(self, process: Process) -> None:
        """Run *process* on the pool's threads, now and from now on."""
        gate = self.runtime.pool
        if process.gate is None:
            process.gate = gate
        process.bar = gate
        gate.admit(self.holder, process)

    def reap_later(self, process: Process) -> None:
        """See to it that *process*, which is fenced, obeys: declare it dead, or end the code that it shall leave."""
        self._doomed.append((process, self._ticks + _GRACE_TICKS))
        if self._monitor_sleeps:
            self._wake_monitor()

    def _reap(self) -> None:
        while self._doomed and self._doomed[0][1] <= self._ticks:
            process, _ = self._doomed.popleft()
            reason = process.dying  # None if it has left what it was to leave, and goes on
            if process.exit_reason is None and reason is not None and reason is not GIVEN_UP:
                end(process, reason)
            runner = process.runner
            if process.fenced and runner is not None and runner.current is process and runner.may_be_interrupted:
                self._zombies[process] = _Zombie(runner, self._ticks)
        if self._zombies:
            for process, zombie in tuple(self._zombies.items()):
                if not self._lay_to_rest(process, zombie):
                    del self._zombies[process]
                    interrupts.forget(process)

    def _lay_to_rest(self, process: Process, zombie: _Zombie) -> bool:
        """Try to end the code of the fenced *process*, ever more rarely; False if it has ended."""
        runner = zombie.runner
        if runner.current is not process or not process.fenced:
            return False
        is_apart = self._stopped or runner is not self.holder
        if zombie.due <= self._ticks and is_apart and sys.gettrace() is None:
            zombie.put_off(struck=interrupts.interrupt(runner, process))
        return True

    # -- the end

    def stop(self) -> None:
        """End the threads; those that are stuck in user code are left behind (they are daemons)."""
        with self._token:
            self._stopped = True
            for worker in self._workers:
                worker.attention = True
                try:  # noqa: SIM105 - contextlib.suppress would double the price of a wake-up
                    worker.wake.release()
                except RuntimeError:
                    pass
        self.ring()
        self._wake_monitor()
        if self._switch_interval is not None:
            sys.setswitchinterval(self._switch_interval)
        monitor = () if self._doomed or self._zombies else (self._monitor,)  # else it has something left to do
        for thread in (*monitor, *(w.thread for w in self._workers if w.current is None)):
            if thread is not threading.current_thread() and thread.is_alive():
                thread.join(timeout=1.0)

    def abandon(self) -> None:
        """In the child of a fork: if it was one of the workers that forked, it must not go on as if all were well."""
        self._token = threading.Lock()  # whoever held it does not exist here
        self._stopped = True
        self.ready.clear()
        for worker in self._workers:
            worker.attention = True


class _Zombie:
    """A process that is dead, whose code still runs on *runner*."""

    __slots__ = ("_pause", "due", "runner")

    def __init__(self, runner: Runner, now: int) -> None:
        self.runner = runner
        self.due = now + _ZOMBIE_TICKS  # most leave by themselves
        self._pause = 1

    def put_off(self, *, struck: bool) -> None:
        """Let it clean up before it is *struck* again; else let ever longer pass, as it may wait for long."""
        self.due += _CLEANUP_TICKS if struck else self._pause
        self._pause = min(2 * self._pause, _LATEST_TICKS)


def _announce(process: Process, where: str, promoted: object) -> None:
    """Say that *process* has blocked, and that its kind runs on threads from now on if it is given."""
    if events.listened("runtime.blocked"):
        events.emit("runtime.blocked", pid=process, where=where)
    if promoted is None:
        return
    log.warning(
        "%r blocked the scheduler in %s; %s runs on threads from now on. Declare runs_on = 'thread' to spare "
        "others the wait, or wrap the call in otpy.blocking(fn, …)",
        process,
        where,
        getattr(promoted, "__qualname__", None) or getattr(promoted, "co_qualname", promoted),
    )
    if events.listened("runtime.promoted"):
        events.emit("runtime.promoted", kind=promoted, where=where)


def kind_of(process: Process) -> object:
    """Return what is remembered as blocking: the code of a plain process, else the behaviour's class."""
    actor: Any = process.actor
    if isinstance(actor, FunctionProcess):
        return actor.kind
    return type(actor) if actor is not None else None


def _where(ident: int) -> str | None:
    """Return where the thread stands: the innermost frame outside otpy's kernel, None if there is none."""
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - the documented way to see another thread's stack
    while frame is not None and "otpy/kernel" in frame.f_code.co_filename.replace("\\", "/"):
        frame = frame.f_back
    if frame is None:
        return None
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
