"""Two threads: one hands the other values through queues, or functions as a ThreadPoolExecutor does."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final

from benchmarks.entries.shape import micros, per_second, warm_up
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


def task(size: int) -> Figure:
    """Functions for the one thread of an executor, which is there already."""

    def run(count: int) -> None:
        for _ in range(count):
            executor.submit(int).result()

    with ThreadPoolExecutor(1) as executor:
        run(warm_up(size))
        begun = time.perf_counter()
        run(size)
        return per_second(size, begun)


CONTESTS: Final[Mapping[str, Contest]] = {"outside": outside, "task": task}
