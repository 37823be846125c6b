"""How long others wait beside handlers that burn CPU: asked by a process, and asked by the main thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import otpy
from benchmarks.entries.otpy.servers import Counter
from benchmarks.entries.shape import HOGS, PAUSE, answers, burn
from benchmarks.values import Contest, Figure


class Hog(otpy.GenServer[None]):
    """Burns CPU and tells itself to go on."""

    def init(self, arg: None) -> otpy.Ok[None]:
        """Nothing to hold."""
        return otpy.Ok(None)

    def handle_cast(self, request: object, state: None) -> otpy.NoReply[None]:
        """Burn."""
        burn()
        otpy.cast(otpy.self_pid(), request)
        return otpy.NoReply(state)


def beside_hogs(size: int, sleep: Callable[[float], None]) -> Figure:
    """Call an echo server for `size` milliseconds while the hogs burn; `sleep` is how the asker waits in between."""
    echo = Counter.start(0)
    for _ in range(HOGS):
        otpy.cast(Hog.start(), "burn")
    seconds: list[float] = []
    end = time.perf_counter() + size / 1e3
    while (begun := time.perf_counter()) < end:
        otpy.call(echo, "get", timeout=None)
        seconds.append(time.perf_counter() - begun)
        sleep(PAUSE)
    return answers(seconds)


def inside(size: int) -> Figure:
    """Asked by a process."""
    return otpy.run(lambda: beside_hogs(size, otpy.sleep))


CONTESTS: Final[Mapping[str, Contest]] = {"fairness": inside}
