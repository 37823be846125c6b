"""Running one process for a while: a slice.

A runner is an OS thread that runs processes. The scheduler's workers run many, each for a slice; a thread of a
process's own, or one of the pool, runs one. What they share is here.

Invariant of a slice: `bar` is RUNNING from the claim until the runner has left, so nobody else runs the process; the
runner then puts `bar` back *before* it clears `scheduled` and looks at the mailbox once more.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit

from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.clock import FOREVER
from otpy.kernel.here import here
from otpy.kernel.messages import TIMEOUT
from otpy.kernel.process import RUNNING, Process
from otpy.kernel.reasons import Reason, reason_of
from otpy.kernel.reports import report_crash
from otpy.kernel.signals import end

if TYPE_CHECKING:
    from otpy.kernel.runtime import Runtime

SLICE_SECONDS = 0.002
_MESSAGES_PER_LOOK = range(16)


class Runner:
    """An OS thread that runs processes. Subclasses say how a process waits (`stand`, `park`, `resume`)."""

    __slots__ = ("attention", "current", "ident", "runtime", "slices")

    may_be_interrupted = True
    """Whether the code of the dead may be ended here from outside: it stands on a thread of otpy's."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.current: Process | None = None  # set while code of a process runs here; the monitor looks at it
        self.slices = 0  # changes before `current` is set: tells one slice from the next
        self.attention = False  # somebody wants this runner to look up at the next message
        self.ident = 0

    def is_this_thread(self) -> bool:
        """Whether the caller runs on this runner."""
        return self.ident == threading.get_ident()

    def stand(self) -> Any:
        """Return what `parked` is set to while the running process waits."""
        raise NotImplementedError

    def park(self, process: Process) -> None:
        """Wait until somebody submits *process*; its `parked` is set already. May return for no reason."""
        raise NotImplementedError

    def resume(self, process: Process) -> None:
        """Let *process*, which waits on this runner, go on. Called by the holder of the token."""
        raise NotImplementedError

    @runs_callbacks
    def turn(self, process: Process) -> None:
        """As `slice`, with the context variables of *process*, for a gate that lets it in."""
        self.slice(process)

    @runs_callbacks
    def slice(self, process: Process) -> None:
        """Run *process* until its mailbox is empty, its time is up, or somebody asks for attention."""
        process.bar = RUNNING
        process.runner = self
        here.process = process
        self.slices += 1
        self.current = process
        try:
            box = process.mailbox
            if not box or process.boot is not None or process.fenced:
                self._begin(process)
            else:
                process.handle(process, box.popleft())
                process.reductions += 1
                if box:
                    self._go_on(process, box)
        except GreenletExit:  # the interpreter is taking the stack down: nothing of the process is left to end
            raise
        except BaseException as error:  # noqa: BLE001 - whatever leaves a process is its exit reason
            self._left(process, error)
        self.current = None
        here.process = None
        if process.fenced:
            _obey(process)
        process.bar = process.gate
        process.scheduled = False  # from here on others may run it: nothing of it is set any more
        if process.mailbox or process.fenced:
            _look_again(process)

    @runs_callbacks
    def _begin(self, process: Process) -> None:
        """Run what comes before messages: an order to die, the boot, or a deadline that has passed."""
        if process.fenced:
            _obey(process)
            return
        boot = process.boot
        if boot is not None:
            process.boot = None
            boot(process)
            if process.mailbox:
                self._go_on(process, process.mailbox)
        elif process.deadline != FOREVER and process.deadline <= self.runtime.clock.now():
            process.deadline = FOREVER
            process.handle(process, TIMEOUT)

    @runs_callbacks
    def _go_on(self, process: Process, box: deque[Any]) -> None:
        """Handle more messages while there are any and nobody else is waiting for too long."""
        until = 0.0
        while True:
            for _ in _MESSAGES_PER_LOOK:
                if not box or self.attention or (process.gate is not None and process.gate.one_at_a_time):
                    return
                process.handle(process, box.popleft())
            process.reductions += len(_MESSAGES_PER_LOOK)
            now = time.monotonic()  # the machine's time: this is about fairness, whatever clock the processes see
            until = until or now + SLICE_SECONDS
            if now > until:
                return

    def _left(self, process: Process, error: BaseException) -> None:
        """An exception left the process. One that was told to die ends with that reason, and it is not its crash."""
        if not process.fenced:
            finish(process, reason_of(error))


def finish(process: Process, reason: Reason) -> None:
    """End *process* from its own code, reporting a crash once."""
    if process.exit_reason is None:
        report_crash(process, reason)
        end(process, reason)


def _obey(process: Process) -> None:
    """Carry out a death that was ordered while the process ran."""
    if process.exit_reason is None:
        end(process, process.dying)


def leave_slice(process: Process) -> None:
    """Give *process* free again, and have it run once more if something has come meanwhile."""
    process.bar = process.gate  # a suspension that sets the gate between the two sees for itself that this has left
    process.scheduled = False
    _look_again(process)


def _look_again(process: Process) -> None:
    if process.exit_reason is not None:
        process.scheduled = True  # nobody submits the dead
    elif process.mailbox:
        process.scheduled = True
        process.executor.submit(process)
