"""What all entries agree on: the shape of the loads, the warm-up, and how a figure is made from times."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.values import Figure

BURST: Final = 10_000
"""tell: casts sent before the next call."""
RING: Final = 500
"""ring: actors in it."""
SENDERS: Final = 100
"""fan-in: actors that send."""
EACH: Final = 10
"""fan-in: messages that each of them sends in a round."""
ROUND: Final = SENDERS * EACH
"""fan-in: messages of a round."""
HOGS: Final = 4
"""fairness: actors that burn CPU."""
BURN: Final = 0.05
"""fairness: seconds of CPU that a hog burns for one message."""
PAUSE: Final = 0.002
"""fairness: seconds between two questions."""
CASTS: Final = 20
"""upgrades: casts to random servers at each tick."""
TICK: Final = 0.001
"""upgrades: seconds between ticks, so 20,000 casts a second."""
LIMIT: Final = 5.0
"""Seconds after which every call gives up, as OTP's calls do."""
PATIENCE: Final = 300.0
"""Seconds for a call that waits for a whole measure, where there is no waiting for ever."""
RESTARTS: Final = 1_000_000
"""restart: how many restarts a supervisor may make in a second."""


def warm_up(size: int) -> int:
    """The size of the run before the one that counts."""
    return max(1, size // 10)


def bursts(size: int) -> Iterator[int]:
    """`size` in parts of at most `BURST`."""
    while size > 0:
        yield min(size, BURST)
        size -= BURST


def per_second(count: int, begun: float) -> Figure:
    """The rate of `count` things since `begun`, a time of `perf_counter`."""
    return Figure(count / (time.perf_counter() - begun))


def micros(count: int, seconds: float) -> Figure:
    """The microseconds for each of `count` things that took `seconds` together."""
    return Figure(seconds / count * 1e6)


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of all do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def restarts(seconds: list[float]) -> Figure:
    """The median restart in microseconds; beside it p99 and the rate."""
    rate = len(seconds) / sum(seconds)
    extra = {"p99": quantile(seconds, 0.99) * 1e6, "per second": rate}
    return Figure(quantile(seconds, 0.5) * 1e6, extra)


def answers(seconds: list[float]) -> Figure:
    """The p99 of answer times in milliseconds; beside it p50, the longest and their number."""
    extra = {"p50": quantile(seconds, 0.5) * 1e3, "max": max(seconds) * 1e3, "asks": float(len(seconds))}
    return Figure(quantile(seconds, 0.99) * 1e3, extra)


def burn() -> None:
    """Burn `BURN` seconds of this thread's CPU time: a fixed amount of work, however often it is preempted."""
    end = time.thread_time() + BURN
    while time.thread_time() < end:
        pass


def resident() -> int:
    """The bytes of this process that are in memory, after a full collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def idle(count: int, before: int) -> Figure:
    """The bytes that each of `count` idle actors added to the `resident` set since it was `before`."""
    return Figure((resident() - before) / count)
