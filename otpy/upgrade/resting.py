"""A set of processes at rest, for the length of a block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

from otpy.kernel.clock import FOREVER
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime
from otpy.kernel.suspension import Suspension
from otpy.upgrade.collector import FullCollections
from otpy.upgrade.members import Concerned
from otpy.upgrade.options import Options
from otpy.upgrade.steps import Steps

Levels = Iterable[Iterable[Process]]


@final
class Resting:
    """Processes that an upgrade has brought to rest; without a suspension, an empty set."""

    def __init__(
        self,
        options: Options,
        steps: Steps,
        suspension: Suspension | None = None,
        *,
        collections: FullCollections | None = None,
    ) -> None:
        self.suspension = suspension
        self.processes = [] if suspension is None else [p for p in tuple(suspension.members) if p.exit_reason is None]
        self._options = options
        self._steps = steps
        self._collections = collections

    def started(self) -> list[Process]:
        """Return the living ones that have a state."""
        return [process for process in self.processes if process.boot is None and process.exit_reason is None]

    def run(
        self, processes: Sequence[Process], job: Callable[[Process], Any], *, may_break_off: bool = False
    ) -> list[Any]:
        """Run *job* in each of *processes*, within the time for conversions; see Suspension.run."""
        if not processes:
            return []
        assert self.suspension is not None
        seconds, until = self._options.code_change_timeout, self._steps.until
        return self.suspension.run(processes, job, seconds, until, may_break_off=may_break_off)

    def holds(self, process: Process) -> bool:
        """Whether *process* is one of them."""
        return self.suspension is not None and self.suspension.holds(process)

    def hand_out(self) -> None:
        """Put what has been sent in `run` into the mailboxes."""
        if self.suspension is not None:
            self.suspension.hand_out()

    def take_back_jobs(self) -> None:
        """Forget what `run` has led to outside the processes themselves."""
        if self.suspension is not None:
            self.suspension.take_back_jobs()

    def resume(self) -> None:
        """Let everybody go on."""
        try:
            if self.suspension is not None:
                self.suspension.resume()
        finally:
            if self._collections is not None:
                self._collections.allow()

    def pause(self) -> float:
        """Return for how many seconds they rested."""
        suspension = self.suspension
        return 0.0 if suspension is None or suspension.ended == FOREVER else suspension.ended - suspension.began

    def members(self) -> tuple[Process, ...]:
        """Return all of them, those too that have been started meanwhile."""
        return () if self.suspension is None else tuple(self.suspension.members)


def bring_to_rest(
    runtime: Runtime, find: Callable[[], Levels], concerned: Concerned, *, options: Options, steps: Steps
) -> Resting:
    """Bring whom *find* returns to rest, level by level. Raises SuspendTimeout; then everybody goes on.

    Processes of *concerned* classes that are started meanwhile belong to it.
    """
    suspension, collections = Suspension(runtime, concerned), FullCollections()
    try:
        suspension.suspend(find, min(options.suspend_timeout, steps.seconds_left()))
        return Resting(options, steps, suspension, collections=collections)
    except BaseException:  # whoever asked may have been ended meanwhile
        try:
            suspension.resume()
        finally:
            collections.allow()
        raise
