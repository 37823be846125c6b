"""What the measures on otpy share: a server that counts, and the rate of a run."""

from __future__ import annotations

import time
from collections.abc import Callable

import otpy
from benchmarks.entries.shape import per_second, warm_up
from benchmarks.values import Figure


def rate(run: Callable[[int], None], size: int) -> Figure:
    """The rate of `run` with `size`, after a warm-up."""
    run(warm_up(size))
    begun = time.perf_counter()
    run(size)
    return per_second(size, begun)


class Counter(otpy.GenServer[int]):
    """Counts casts, and answers a call with the count."""

    def init(self, arg: int) -> otpy.Ok[int]:
        """The count to begin with."""
        return otpy.Ok(arg)

    def handle_call(self, request: object, from_: otpy.From, state: int) -> otpy.Reply[int, int]:
        """Answer with the count."""
        return otpy.Reply(state, state)

    def handle_cast(self, request: object, state: int) -> otpy.NoReply[int]:
        """Count."""
        return otpy.NoReply(state + 1)
