"""The floor of a call from outside: two threads that hand each other a value through queues."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Final

from benchmarks.entries.shape import micros, warm_up
from benchmarks.values import Contest, Figure


def outside(size: int) -> Figure:
    """The round trip of a value to another thread and back."""
    there: SimpleQueue[int | None] = SimpleQueue()
    back: SimpleQueue[int] = SimpleQueue()

    def echo() -> None:
        while (value := there.get()) is not None:
            back.put(value)

    def trips(count: int) -> float:
        begun = time.perf_counter()
        for value in range(count):
            there.put(value)
            back.get()
        return time.perf_counter() - begun

    thread = threading.Thread(target=echo)
    thread.start()
    trips(warm_up(size))
    seconds = trips(size)
    there.put(None)
    thread.join()
    return micros(size, seconds)


CONTESTS: Final[Mapping[str, Contest]] = {"outside": outside}
