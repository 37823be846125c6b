"""Processes on OS threads: one's own, the pool's, or a thread that otpy did not make.

On a thread a process waits by blocking it. The bell is a lock used as a binary semaphore: rung twice, it wakes once,
and whoever is woken looks for itself what there is to do.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import Failed
from otpy.kernel.here import here
from otpy.kernel.process import RUNNING, Process
from otpy.kernel.reasons import Normal
from otpy.kernel.runner import Runner
from otpy.kernel.signals import end

if TYPE_CHECKING:
    from otpy.kernel.calls import Call
    from otpy.kernel.runtime import Runtime

_IDLE_SECONDS = 2.0


class ThreadRunner(Runner):
    """A runner whose processes wait by blocking its thread."""

    __slots__ = ("bell",)

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.bell = threading.Lock()
        self.bell.acquire()

    def ring(self) -> None:
        """Wake the thread, now or at its next wait."""
        try:  # noqa: SIM105 - contextlib.suppress would double the price of a wake-up
            self.bell.release()
        except RuntimeError:  # rung already
            pass

    def stand(self) -> Any:
        """See Runner.stand."""
        return self.bell

    def park(self, process: Process) -> None:
        """See Runner.park."""
        self.current = None
        try:
            self.bell.acquire()
        finally:  # also when Ctrl-C ends the wait
            process.parked = None
            process.scheduled = True
            self.slices += 1
            self.current = process

    def resume(self, process: Process) -> None:
        """See Runner.resume."""
        self.ring()


@final
class OwnThread(ThreadRunner):
    """The thread of one process with runs_on = "thread", and its executor. It starts with the first thing to do."""

    __slots__ = ("_started", "process", "thread")

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.process: Process | None = None
        self.thread = threading.Thread(target=self._run, name="otpy-process", daemon=True)
        self._started = threading.Lock()

    def submit(self, process: Process) -> None:
        """See Executor.submit."""
        if self._started.acquire(blocking=False):
            self.process = process
            self.thread.name = f"otpy-{process.display_name}"
            self.thread.start()
        self.ring()

    def buried(self, process: Process) -> None:
        """See Executor.buried."""
        self.ring()

    @runs_callbacks
    def _run(self) -> None:
        self.ident = threading.get_ident()
        here.resident = self.runtime.system
        process = self.process
        assert process is not None
        while process.exit_reason is None:
            self.bell.acquire()
            self.attention = False
            if process.bar is not None:
                process.bar.admit(self, process)
                continue
            process.bar = RUNNING  # claimed, before the look at the gate; see suspension.py
            gate = process.gate
            if gate is None:
                self.slice(process)
            else:
                gate.admit(self, process)
        self.process = None


@final
class Pool:
    """Threads for the processes whose class was seen blocking, and for `blocking`. It is the gate of the former.

    The token's holder alone admits, so a process is handed to one thread only.
    """

    one_at_a_time = False

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._work: queue.SimpleQueue[Process | Callable[[], None] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0
        self.stopped = False

    def admit(self, runner: Runner, process: Process) -> None:
        """See Gate.admit: hand *process* to a thread."""
        process.bar = RUNNING
        self._put(process)

    def buried(self, process: Process) -> None:
        """See Gate.buried: nothing was planned."""

    def keeps_exit(self, dead: Process, process: Process, reason: Any) -> bool:
        """See Gate.keeps_exit."""
        return False

    def run(self, call: Call, fn: Callable[[], Any]) -> None:
        """Run *fn* on a thread and put what it returns or raises as the answer of *call*."""
        context = contextvars.copy_context()

        def job() -> None:
            try:
                answer = context.run(fn)
            except BaseException as error:  # noqa: BLE001 - handed to the process that waits for it
                answer = Failed(error)
            call.put(answer)

        self._put(job)

    def stop(self) -> None:
        """Let the threads go as they become idle."""
        self.stopped = True
        for _ in range(self._threads):
            self._work.put(None)

    def _put(self, work: Process | Callable[[], None]) -> None:
        if not self._idle.acquire(blocking=False):
            self._threads += 1
            threading.Thread(target=self._run, name=f"otpy-pool-{self._threads}", daemon=True).start()
        self._work.put(work)

    @runs_callbacks
    def _run(self) -> None:
        runner = ThreadRunner(self.runtime)
        runner.ident = threading.get_ident()
        here.resident = self.runtime.system
        while True:
            work = self._next()
            if work is None:
                return
            if isinstance(work, Process):
                runner.attention = False  # asked of the last one
                context = work.context or contextvars.Context()
                context.run(runner.slice, work)
                work.context = context
            else:
                here.helps = True
                work()
                here.helps = False
            self._idle.release()

    def _next(self) -> Process | Callable[[], None] | None:
        """Return the next thing to do; None when this thread is not needed any more."""
        while True:
            try:
                return self._work.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                if self._idle.acquire(blocking=False):  # nobody has counted on this thread
                    return None


@final
class ForeignThread(ThreadRunner):
    """A thread that otpy did not make: the runner and executor of its process, which never runs in slices."""

    __slots__ = ()

    may_be_interrupted = False

    def submit(self, process: Process) -> None:
        """See Executor.submit."""
        self.ring()

    def buried(self, process: Process) -> None:
        """See Executor.buried."""
        self.ring()


@final
class Ward:
    """Ends the process of a foreign thread when the thread ends and its locals are dropped."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def __del__(self) -> None:
        process = self._process
        if process.exit_reason is None and not process.runtime.stopped:
            reason = process.dying if process.fenced else Normal()
            process.runtime.scheduler.between_slices(lambda: end(process, reason))
