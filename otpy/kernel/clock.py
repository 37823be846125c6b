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
    return None if timeout is None else _checked("timeout", timeout, ", or None to wait for ever")


def check_seconds(seconds: float) -> float:
    """Return *seconds*, or raise TypeError or ValueError for what is no time, 0 or more."""
    return _checked("seconds", seconds, "")


def _checked(what: str, given: float, instead: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"{what} is {given!r}; give seconds{instead}")
    if not given >= 0:  # NaN is not
        raise ValueError(f"{what} is {given!r}; give seconds, 0 or more{instead}")
    return given


def moment_in(clock: Clock, timeout: float) -> float:
    """Return the moment in *timeout* seconds, or raise as `check_timeout`: to be called before anything is done."""
    if type(timeout) is not float or not timeout >= 0:  # quick for the usual
        check_timeout(timeout)
    return clock.now() + timeout


@final
class SystemClock:
    """The machine's monotonic clock."""

    now = staticmethod(time.monotonic)

    def wait_for(self, moment: float) -> float:
        """Return the seconds until *moment*, at most an hour (a lock takes no more than some days)."""
        if moment == FOREVER:
            return -1
        return min(max(moment - time.monotonic(), 0.0), _LONGEST)
