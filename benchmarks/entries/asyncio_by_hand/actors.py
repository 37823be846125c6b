"""The actor by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.entries.shape import LIMIT, per_second, warm_up
from benchmarks.values import Figure

Reply = asyncio.Future[Any]


class Actor:
    """A task and its queue; subclasses handle what is cast and what is called."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[Reply | None, Any]] = asyncio.Queue()
        self.task = asyncio.get_running_loop().create_task(self.run())

    async def run(self) -> None:
        """Handle message after message."""
        while True:
            reply, message = await self.queue.get()
            if reply is None:
                await self.handle_cast(message)
            else:
                reply.set_result(await self.handle_call(message))

    async def handle_cast(self, message: Any) -> None:
        """Handle a message that wants no answer."""

    async def handle_call(self, message: Any) -> Any:
        """Answer a message."""

    def cast(self, message: Any) -> None:
        """Send without waiting."""
        self.queue.put_nowait((None, message))

    async def call(self, message: Any, limit: float | None = LIMIT) -> Any:
        """Send and wait for the answer, at most `limit` seconds."""
        reply: Reply = asyncio.get_running_loop().create_future()
        self.queue.put_nowait((reply, message))
        return await asyncio.wait_for(reply, limit)


class Counter(Actor):
    """Counts casts, and answers a call with the count."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def handle_cast(self, message: Any) -> None:
        """Count."""
        self.count += 1

    async def handle_call(self, message: Any) -> int:
        """Answer with the count."""
        return self.count


async def rate(run: Callable[[int], Awaitable[None]], size: int) -> Figure:
    """The rate of `run` with `size`, after a warm-up."""
    await run(warm_up(size))
    begun = time.perf_counter()
    await run(size)
    return per_second(size, begun)
