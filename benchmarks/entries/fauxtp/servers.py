"""What the measures on fauxtp share: a task group to run one in, and a server that counts."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup
from fauxtp import GenServer
from fauxtp.primitives.pid import Ref

from benchmarks.entries.shape import per_second, warm_up
from benchmarks.values import Figure

StateT = TypeVar("StateT")


def inside(main: Callable[[TaskGroup], Awaitable[Figure]]) -> Figure:
    """Run `main` with a task group for actors, which it cancels at the end."""

    async def run() -> Figure:
        async with anyio.create_task_group() as group:
            figure = await main(group)
            group.cancel_scope.cancel()
            return figure
        raise AssertionError  # a task group hides from type checkers that it was not cancelled before

    return anyio.run(run)


async def rate(run: Callable[[int], Awaitable[None]], size: int) -> Figure:
    """The rate of `run` with `size`, after a warm-up."""
    await run(warm_up(size))
    begun = time.perf_counter()
    await run(size)
    return per_second(size, begun)


class Given(GenServer[Any, StateT]):
    """A server whose first state is what it is started with."""

    def __init__(self, given: StateT) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # fauxtp's has no annotations
        self.given = given

    async def init(self) -> StateT:
        """What was given."""
        return self.given


class Counter(GenServer[Any, int]):
    """Counts casts, and answers a call with the count."""

    async def init(self) -> int:
        """Nothing counted yet."""
        return 0

    async def handle_call(self, request: Any, from_ref: Ref, state: int) -> tuple[Any, int]:
        """Answer with the count."""
        return state, state

    async def handle_cast(self, request: Any, state: int) -> int:
        """Count."""
        return state + 1
