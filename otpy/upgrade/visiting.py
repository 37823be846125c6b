"""Upgrading one idle process in a slice of its own: nobody has to bring it to rest, so no thread waits for another.

Between two of its messages a process on the scheduler is at rest anyway. So it is given something to do before the
next message, and that does all: it converts the state, puts it in place and checks it. The pause is what that takes.
Callers wait as for a process that is held: their time stands still.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

from otpy.errors import CallTimeout
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import pause, wait_for_answer
from otpy.kernel.giving_up import GIVEN_UP, Work
from otpy.kernel.here import waiting
from otpy.kernel.process import Process
from otpy.kernel.suspension import Suspension
from otpy.upgrade.between import between_slices

LOOK_SECONDS: Final = 0.1
"""How often is looked whether the process has been ended before it could begin."""


@final
class Visit:
    """One job, done by *process* in a slice of its own. Use it once: `run`."""

    def __init__(self, process: Process, job: Callable[[Visit], Any]) -> None:
        self.process = process
        self.pause = 0.0
        """For how many seconds the process did nothing else."""
        self._job = job
        self._held = Suspension(process.runtime)
        self._work = Work()
        self._done = pause(waiting())
        self._may_commit = [True]  # popped by whoever is first: the process to commit, or who gives up to forbid it

    def run(self, timeout: float) -> bool:
        """Have it done, and return whether it was: not if the process is busy, held or ended.

        Raises: what the job raises; CallTimeout after *timeout* seconds, and then nothing is committed any more.
        """
        if not between_slices(self.process.runtime, self._enter):
            return False
        clock = self.process.runtime.clock
        until = clock.now() + timeout
        try:
            while not self._is_done():
                if self.process.exit_reason is not None:
                    return False
                if clock.now() >= until:
                    self._give_up(timeout)
        except BaseException:  # whoever asked may have been ended meanwhile
            if self.claim():
                self._work.give_up(self.process)
                self._let_go()
            raise
        return True

    def _give_up(self, timeout: float) -> None:
        """Raise CallTimeout; but a job that has committed takes that back first, and is done then."""
        self._work.give_up(self.process)
        if self.claim():
            self._let_go()
            raise CallTimeout(self.process, timeout)

    def _let_go(self) -> None:
        """Take back what the job has led to, and let others call the process: where it is at it, it leaves it soon."""
        self._held.take_back_jobs()
        between_slices(self.process.runtime, self._held.release_here)

    def _is_done(self) -> bool:
        """Wait a little. Raises what the job raised; CallTimeout if it was given up."""
        try:
            outcome = wait_for_answer(self._done, LOOK_SECONDS)
        except CallTimeout:
            return False
        if outcome is GIVEN_UP:
            raise CallTimeout(self.process, None)
        return True

    def claim(self) -> bool:
        """Whether the caller may decide what becomes of the process: only the first one who asks."""
        try:
            return self._may_commit.pop()
        except IndexError:
            return False

    def _enter(self) -> bool:
        process = self.process
        at_rest = process.bar is None and process.gate is None and process.boot is None
        if not at_rest or process.suspended or process.fenced or process.exit_reason is not None:
            return False
        process.boot = self._begin
        process.scheduled = True
        process.executor.submit(process)
        return True

    @runs_callbacks
    def _begin(self, process: Process) -> None:
        """Run in the process, before its next message."""
        outcome: Any = None
        self._held.hold_here(process)
        try:
            outcome = self._work.run(process, self._do)
        finally:
            self._leave()
            self.pause = self._held.ended - self._held.began
            self._done.put(outcome)

    def _do(self, _process: Process) -> None:
        try:
            self._job(self)
        except BaseException:
            self._held.take_back_jobs()
            raise

    def _leave(self) -> None:
        self._held.release_here()
