"""The clock of a runtime. Nothing else in otpy reads the time for waiting; tests hand in another one."""

from __future__ import annotations

import time
from typing import Protocol, final


class Clock(Protocol):
    """Monotonic seconds, and how long to really wait for a moment of them."""

    def now(self) -> float:
        """Return seconds since some fixed moment."""
        ...

    def wait_for(self, moment: float) -> float:
        """Return the real seconds until *moment*; -1 waits until woken."""
        ...


FOREVER = float("inf")
_LONGEST = 3600.0


def check_timeout(timeout: float | None) -> float | None:
    """Return *timeout*, or raise TypeError or ValueError for what is neither seconds, 0 or more, nor None."""
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
        raise TypeError(f"timeout is {timeout!r}; give seconds, or None to wait for ever")
    if timeout is not None and not timeout >= 0:  # NaN is not
        raise ValueError(f"timeout is {timeout!r}; give seconds, 0 or more, or None to wait for ever")
    return timeout


@final
class SystemClock:
    """The machine's monotonic clock."""

    now = staticmethod(time.monotonic)

    def wait_for(self, moment: float) -> float:
        """Return the seconds until *moment*, at most an hour (a lock takes no more than some days)."""
        if moment == FOREVER:
            return -1
        return min(max(moment - time.monotonic(), 0.0), _LONGEST)
