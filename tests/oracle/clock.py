"""A clock that stands still until everybody waits.

The scheduler asks `wait_for` only when it has nothing to run. That alone is no leave to move the time: the thread that
watches over the scenario gives it (`allow`) once it has seen every process wait; the next time the scheduler asks,
the clock jumps to the moment that is waited for. So a timer of 30 ms fires after everything that needs no time, however
slow the machine is, and a sleep of 3 s costs none. Source: trio `_core/_mock_clock.py`, `autojump_threshold`.
"""

from __future__ import annotations

import threading
from typing import final

_FOREVER = float("inf")
_LOOK_AGAIN = 0.0005  # seconds of real time after which an idle scheduler asks once more


@final
class StandingClock:
    """Implements otpy's clock. `asked` grows each time the scheduler has nothing to run."""

    def __init__(self) -> None:
        self.asked = 0
        self.deadlocked = False  # nothing to run, and no moment to wait for
        self._now = 0.0
        self._may_jump = False
        self._free = False
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the seconds that scripts have waited for."""
        return self._now

    def wait_for(self, moment: float) -> float:
        """Jump to *moment* if that is allowed, else have the scheduler ask again soon."""
        with self._lock:
            self.asked += 1
            self.deadlocked = moment == _FOREVER
            if self.deadlocked:
                self._may_jump = False
            elif moment > self._now and (self._may_jump or self._free):
                self._may_jump = False
                self._now = moment
            return 0.0 if moment <= self._now else _LOOK_AGAIN

    def allow(self, *, jump: bool) -> None:
        """Let the clock jump once, or not after all."""
        with self._lock:
            self._may_jump = jump

    def run_free(self) -> None:
        """Let it jump whenever there is nothing to run, from now on: the scenario is over."""
        with self._lock:
            self._free = True
