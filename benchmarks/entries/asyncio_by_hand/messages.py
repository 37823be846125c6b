"""Messages and calls between actors by hand."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final

from benchmarks.entries.asyncio_by_hand.actors import Actor, Counter, rate
from benchmarks.entries.shape import EACH, LIMIT, RING, ROUND, SENDERS, bursts, micros, warm_up
from benchmarks.values import Contest, Figure


def tell(size: int) -> Figure:
    """Casts to an actor, each burst ended by a call."""

    async def main() -> Figure:
        counter = Counter()

        async def send(size: int) -> None:
            for burst in bursts(size):
                for _ in range(burst):
                    counter.cast(1)
                await counter.call("get")

        return await rate(send, size)

    return asyncio.run(main())


class Caller(Actor):
    """Calls its target as often as it is told to, and answers with the seconds that took."""

    def __init__(self, target: Actor) -> None:
        super().__init__()
        self.target = target

    async def handle_call(self, message: int) -> float:
        """Call."""
        begun = time.perf_counter()
        for _ in range(message):
            await self.target.call("get")
        return time.perf_counter() - begun


class Link(Actor):
    """Answers with what its target answers."""

    def __init__(self, target: Actor) -> None:
        super().__init__()
        self.target = target

    async def handle_call(self, message: Any) -> Any:
        """Call on."""
        return await self.target.call(message)


async def _calls(target: Actor, size: int) -> Figure:
    caller = Caller(target)
    await caller.call(warm_up(size), limit=None)
    seconds: float = await caller.call(size, limit=None)
    return micros(size, seconds)


def call(size: int) -> Figure:
    """An actor that calls another."""

    async def main() -> Figure:
        return await _calls(Counter(), size)

    return asyncio.run(main())


def chain(size: int) -> Figure:
    """As `call`, by way of two that call on."""

    async def main() -> Figure:
        return await _calls(Link(Link(Counter())), size)

    return asyncio.run(main())


def outside(size: int) -> Figure:
    """Calls from the main thread into a loop that runs in another."""
    served: Future[tuple[Counter, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        served.set_result((Counter(), asyncio.get_running_loop(), stop))
        await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    counter, loop, stop = served.result(LIMIT)

    def calls(count: int) -> float:
        begun = time.perf_counter()
        for _ in range(count):
            asyncio.run_coroutine_threadsafe(counter.call("get"), loop).result(LIMIT)
        return time.perf_counter() - begun

    calls(warm_up(size))
    seconds = calls(size)
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    return micros(size, seconds)


class Member(Actor):
    """Passes the token on to the next; the one that gets it with no hop left sets the event."""

    def __init__(self) -> None:
        super().__init__()
        self.following: Actor = self

    async def handle_cast(self, message: tuple[int, asyncio.Event]) -> None:
        """Pass the token on."""
        hops, done = message
        if hops:
            self.following.cast((hops - 1, done))
        else:
            done.set()


def ring(size: int) -> Figure:
    """One token round the ring."""

    async def main() -> Figure:
        members = [Member() for _ in range(RING)]
        for index, member in enumerate(members):
            member.following = members[(index + 1) % RING]

        async def hops(count: int) -> None:
            done = asyncio.Event()
            members[0].cast((count, done))
            await done.wait()

        return await rate(hops, size)

    return asyncio.run(main())


class Collector(Actor):
    """Sets the event when it has had a round of messages."""

    def __init__(self) -> None:
        super().__init__()
        self.got = 0
        self.done = asyncio.Event()

    async def handle_cast(self, message: Any) -> None:
        """Count."""
        self.got += 1
        if self.got % ROUND == 0:
            self.done.set()


class Sender(Actor):
    """Casts to the collector as often as it is told to."""

    def __init__(self, collector: Collector) -> None:
        super().__init__()
        self.collector = collector

    async def handle_cast(self, message: int) -> None:
        """Cast."""
        for _ in range(message):
            self.collector.cast(1)


def fan_in(size: int) -> Figure:
    """Rounds of messages from many to one."""

    async def main() -> Figure:
        collector = Collector()
        senders = [Sender(collector) for _ in range(SENDERS)]

        async def rounds(size: int) -> None:
            for _ in range(size // ROUND):
                collector.done.clear()
                for sender in senders:
                    sender.cast(EACH)
                await collector.done.wait()

        return await rate(rounds, size)

    return asyncio.run(main())


CONTESTS: Final[Mapping[str, Contest]] = {
    "tell": tell,
    "call": call,
    "chain": chain,
    "outside": outside,
    "ring": ring,
    "fan-in": fan_in,
}
