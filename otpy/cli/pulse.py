"""Whether a node works, as far as it can be told from outside its processes: whether its scheduler turns.

A stuck process is none of it: the scheduler goes on beside it. What is noticed is an interpreter in which nobody gets
to run any more, such as one held by a C function.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from otpy.cli.notify import ServiceManager
    from otpy.kernel.runtime import Runtime

_log = logging.getLogger("otpy.node")

_PARTS: Final = 2
"""How often the service manager is told in the time that it allows; sd_watchdog_enabled(3) says: twice."""


def turns(runtime: Runtime, seconds: float) -> bool:
    """Whether the scheduler of *runtime* comes round within so many seconds. It is looked at by another thread."""
    came_round = threading.Event()
    runtime.scheduler.between_slices(came_round.set)
    return came_round.wait(seconds)


@final
class Pulse:
    """Tells the service manager that the node works, as long as it does, from `start` to `stop`."""

    def __init__(self, runtime: Runtime, manager: ServiceManager) -> None:
        self._runtime = runtime
        self._manager = manager
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otpy-watchdog", daemon=True)

    def start(self) -> None:
        """Begin, if the service manager wants it."""
        if self._manager.watchdog_seconds is not None:
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        assert self._manager.watchdog_seconds is not None
        pause = self._manager.watchdog_seconds / _PARTS
        while True:
            if turns(self._runtime, pause):
                self._manager.alive()
            else:
                _log.error("the scheduler did not turn for %g s; the watchdog is not told that all is well", pause)
            if self._ended.wait(pause):
                return
