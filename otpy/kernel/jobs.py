"""Jobs: what held processes do for an upgrade, each inside itself, where it always runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, final

from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.giving_up import GIVEN_UP, Work
from otpy.kernel.process import Process

Job: TypeAlias = Callable[[Process], Any]
Report: TypeAlias = Callable[[Process, Any], None]


@final
class Jobs:
    """One job for many processes, and to whom their outcomes go, each once.

    *running*: those that are at it. Who reports takes them out: the process, or who buries it.
    """

    def __init__(self, running: dict[Process, Jobs], do: Job, report: Report) -> None:
        self._running = running
        self._do = do
        self._work = Work()
        self.report = report

    @runs_callbacks
    def begin(self, process: Process) -> Any:
        """Run in the process, as its boot."""
        outcome = self._work.run(process, self._do)
        if inspect.iscoroutine(outcome):
            return self._settle(process, outcome)
        self._finish(process, outcome)
        return None

    def give_up(self, process: Process) -> None:
        """Have *process* leave it where it stands."""
        self._work.give_up(process)

    async def _settle(self, process: Process, outcome: Coroutine[Any, Any, Any]) -> None:
        self._finish(process, await outcome)

    def _finish(self, process: Process, outcome: Any) -> None:
        """Report the outcome; the end of the process may come at the same time, and one of the two is first."""
        mine = self._running.get(process) is self and self._running.pop(process, None) is not None
        if mine and outcome is not GIVEN_UP:
            self.report(process, outcome)
