"""How far an upgrade is: a bar on standard error, where that is a terminal, once it has taken a second."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final, Self, final

from rich import progress as bars
from rich.console import Console

from otpy.cli.frames import Event
from otpy.planning.steps import STEPS

if TYPE_CHECKING:
    from types import TracebackType

AFTER_SECONDS: Final = 1.0
"""What takes no longer needs no bar."""

ALL_STEPS: Final = (*STEPS, "resume")
"""What the bar counts."""


@final
class Progress:
    """Takes the events of a node for the time of a block, and draws."""

    def __init__(self, *, out: Console | None = None, after: float = AFTER_SECONDS) -> None:
        """*out*: where to draw; None is standard error. *after*: seconds before anything is drawn."""
        self._out = out or Console(file=sys.stderr)
        self._bar = bars.Progress(
            bars.SpinnerColumn(),
            bars.BarColumn(bar_width=len(ALL_STEPS) * 2),
            bars.TextColumn("{task.description}"),
            bars.TimeElapsedColumn(),
            console=self._out,
            transient=True,
        )
        self._task = self._bar.add_task("…", total=len(ALL_STEPS))
        self._lock = threading.Lock()
        self._over = self._drawn = False
        self._timer = threading.Timer(after, self._show)
        self._timer.daemon = True

    def __call__(self, event: Event) -> None:
        """Take what the node tells."""
        step = event.facts.get("step")
        if event.name == "step" and isinstance(step, str):
            done = ALL_STEPS.index(step) if step in ALL_STEPS else None
            self._bar.update(self._task, description=step, completed=done)

    def __enter__(self) -> Self:
        if self._out.is_terminal:
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._over = True
            if self._drawn:
                self._bar.stop()

    def _show(self) -> None:
        with self._lock:
            if not self._over:
                self._drawn = True
                self._bar.start()
