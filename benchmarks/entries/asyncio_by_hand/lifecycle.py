"""Start, idling and fairness of actors by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from benchmarks.entries.asyncio_by_hand.actors import Actor, Counter, rate
from benchmarks.entries.shape import HOGS, PAUSE, answers, burn, idle, resident
from benchmarks.values import Contest, Figure


class Started(Actor):
    """Says when its first step has come."""

    def __init__(self) -> None:
        super().__init__()
        self.up = asyncio.Event()

    async def run(self) -> None:
        """Announce, then handle messages."""
        self.up.set()
        await super().run()


def spawn(size: int) -> Figure:
    """Tasks with a callback for their end, each begun before the next is made."""

    async def main() -> Figure:
        ended: list[asyncio.Task[None]] = []
        live: list[Started] = []

        async def start(count: int) -> None:
            for _ in range(count):
                actor = Started()
                actor.task.add_done_callback(ended.append)
                await actor.up.wait()
                live.append(actor)

        return await rate(start, size)

    return asyncio.run(main())


def task(size: int) -> Figure:
    """Coroutines as tasks of the loop. None is linked, and an error waits until somebody asks."""

    async def work() -> int:
        return 0

    async def main() -> Figure:
        async def run(count: int) -> None:
            for _ in range(count):
                await asyncio.create_task(work())

        return await rate(run, size)

    return asyncio.run(main())


def memory(size: int) -> Figure:
    """Idle actors."""

    async def main() -> Figure:
        before = resident()
        actors = [Counter() for _ in range(size)]
        await actors[-1].call("get", limit=None)
        return idle(len(actors), before)

    return asyncio.run(main())


class Hog(Actor):
    """Burns CPU and tells itself to go on."""

    async def handle_cast(self, message: Any) -> None:
        """Burn. Without the sleep its queue would never be empty, and nobody else would ever have a turn."""
        burn()
        await asyncio.sleep(0)
        self.cast(message)


def fairness(size: int) -> Figure:
    """A coroutine that calls an actor while the hogs burn."""

    async def main() -> Figure:
        echo = Counter()
        for hog in [Hog() for _ in range(HOGS)]:
            hog.cast("burn")
        seconds: list[float] = []
        end = time.perf_counter() + size / 1e3
        while (begun := time.perf_counter()) < end:
            await echo.call("get", limit=None)
            seconds.append(time.perf_counter() - begun)
            await asyncio.sleep(PAUSE)
        return answers(seconds)

    return asyncio.run(main())


CONTESTS: Final[Mapping[str, Contest]] = {"spawn": spawn, "task": task, "memory": memory, "fairness": fairness}
