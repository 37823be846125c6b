"""Processes on an event loop: runs_on = "asyncio".

A runtime has one event loop thread, started with the first such process. A process keeps the order of its messages
there: its slice is one task, which awaits what each callback returns before it takes the next message. A process that
dies has its task cancelled.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, Any, final

from otpy.kernel.aio import awaited, slice_task, wakeups
from otpy.kernel.clock import FOREVER
from otpy.kernel.here import here, on_loop
from otpy.kernel.loop_watch import new_loop
from otpy.kernel.messages import TIMEOUT
from otpy.kernel.process import RUNNING, Process, Unwound
from otpy.kernel.reasons import reason_of
from otpy.kernel.runner import Runner, finish, leave_slice
from otpy.kernel.signals import end

if TYPE_CHECKING:
    from otpy.kernel.runtime import Runtime

_MESSAGES_PER_SLICE = 100
_STOP_SECONDS = 5.0


@final
class LoopThread:
    """The runtime's event loop and the executor of its asyncio processes."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.loop, self._watch = new_loop(runtime.slow_callback_duration)
        self._wakeups = wakeups(self.loop)
        self._runner = LoopRunner(self)
        self._tasks: dict[Process, asyncio.Task[None]] = {}
        self._thread = threading.Thread(target=self._run, name="otpy-asyncio", daemon=True)
        self._thread.start()

    def submit(self, process: Process) -> None:
        """See Executor.submit."""
        self._wakeups.submit(Turn(self, process))

    def buried(self, process: Process) -> None:
        """See Executor.buried: stop the coroutine that still runs for the dead."""
        self._wakeups.submit(Turn(self, process))

    def stop(self) -> None:
        """Cancel what still runs and end the thread."""
        if self._watch is not None:
            self._watch.stop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=_STOP_SECONDS)

    # -- on the loop's thread

    def _run(self) -> None:
        self._runner.ident = threading.get_ident()
        here.on_loop = True
        here.resident = self.runtime.system
        asyncio.set_event_loop(self.loop)
        if self._watch is not None:
            self._watch.start(self._runner.ident)
        self.loop.run_forever()
        self.loop.run_until_complete(_cancel_all())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def turn(self, process: Process) -> None:
        """Run *process* if it may be run. The loop's thread alone claims its processes."""
        if process.fenced:  # dead, or it shall leave what it does
            task = self._tasks.get(process)
            if task is not None and task is not asyncio.current_task(self.loop):
                task.cancel()
            return
        if process.bar is not None:
            process.bar.admit(self._runner, process)
            return
        process.bar = RUNNING  # claimed, before the look at the gate; see suspension.py
        gate = process.gate
        if gate is None:
            self.begin(process)
        else:
            gate.admit(self._runner, process)

    def begin(self, process: Process) -> None:
        """Begin a slice of *process*."""
        process.bar = RUNNING
        process.runner = self._runner
        if process.context is None:
            process.context = contextvars.Context()
            process.context.run(_enter, process)
        self._tasks[process] = self.loop.create_task(self._slice(process), context=process.context)

    def task_of(self, process: Process) -> asyncio.Task[None] | None:
        """Return the task that runs a slice of *process*, if one does."""
        return self._tasks.get(process)

    async def _slice(self, process: Process) -> None:
        slice_task.set(asyncio.current_task())
        try:
            await self._work(process)
        except Unwound:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever leaves a process is its exit reason
            finish(process, reason_of(error))
        finally:
            self._tasks.pop(process, None)
            if process.fenced and process.exit_reason is None:
                end(process, process.dying)
            leave_slice(process)

    async def _work(self, process: Process) -> None:
        boot, process.boot = process.boot, None
        if boot is not None:
            await _done(boot(process))
            if process.gate is not None:  # held by a suspension: the boot, or its job, was all
                return
        elif not process.mailbox and process.deadline != FOREVER and process.deadline <= self.runtime.clock.now():
            process.deadline = FOREVER
            await _done(process.handle(process, TIMEOUT))
        for _ in range(_MESSAGES_PER_SLICE):
            box = process.mailbox
            if not box or process.fenced:
                return
            await _done(process.handle(process, box.popleft()))
            process.reductions += 1
            if process.gate is not None:  # held by a suspension: one message only
                return


def _enter(process: Process) -> None:
    """Say in the context of *process* whose it is; its tasks inherit that."""
    on_loop.set(process)
    awaited.set([])


async def _done(pending: Any) -> None:
    """Await what a handler returned, if it is something to await."""
    if pending is not None:
        await pending


async def _cancel_all() -> None:
    """Cancel all tasks but this one, and let them clean up."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@final
class Turn:
    """One entry in the loop's queue."""

    __slots__ = ("_process", "_thread")

    def __init__(self, thread: LoopThread, process: Process) -> None:
        self._thread = thread
        self._process = process

    def wake(self) -> None:
        """Run the process."""
        self._thread.turn(self._process)


@final
class LoopRunner(Runner):
    """Stands for the event loop's thread. Nothing parks there: coroutines await."""

    __slots__ = ("_thread",)

    def __init__(self, thread: LoopThread) -> None:
        super().__init__(thread.runtime)
        self._thread = thread

    def slice(self, process: Process) -> None:
        """See Runner.slice: the slice is a task."""
        self._thread.begin(process)
