"""Messages and calls between fauxtp's servers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup
from fauxtp import PID, GenServer, call, cast, send
from fauxtp.primitives.pid import Ref

from benchmarks.entries.fauxtp.servers import Counter, Given, inside, rate
from benchmarks.entries.shape import EACH, LIMIT, PATIENCE, RING, ROUND, SENDERS, bursts, micros, warm_up
from benchmarks.values import Contest, Figure


def tell(size: int) -> Figure:
    """Casts to a server, each burst ended by a call."""

    async def main(group: TaskGroup) -> Figure:
        counter = await Counter.start(task_group=group)

        async def send(size: int) -> None:
            for burst in bursts(size):
                for _ in range(burst):
                    await cast(counter, 1)
                await call(counter, "get", timeout=LIMIT)

        return await rate(send, size)

    return inside(main)


class Caller(Given[PID]):
    """Calls its target as often as it is told to, and answers with the seconds that took."""

    async def handle_call(self, request: Any, from_ref: Ref, state: PID) -> tuple[Any, PID]:
        """Call."""
        begun = time.perf_counter()
        for _ in range(request):
            await call(state, "get", timeout=LIMIT)
        return time.perf_counter() - begun, state


class Link(Given[PID]):
    """Answers with what its target answers."""

    async def handle_call(self, request: Any, from_ref: Ref, state: PID) -> tuple[Any, PID]:
        """Call on."""
        return await call(state, request, timeout=LIMIT), state


async def _calls(group: TaskGroup, target: PID, size: int) -> Figure:
    caller = await Caller.start(target, task_group=group)
    await call(caller, warm_up(size), timeout=PATIENCE)
    seconds: float = await call(caller, size, timeout=PATIENCE)
    return micros(size, seconds)


def call_one(size: int) -> Figure:
    """A server that calls another."""

    async def main(group: TaskGroup) -> Figure:
        return await _calls(group, await Counter.start(task_group=group), size)

    return inside(main)


def chain(size: int) -> Figure:
    """As `call_one`, by way of two that call on."""

    async def main(group: TaskGroup) -> Figure:
        last = await Counter.start(task_group=group)
        middle = await Link.start(last, task_group=group)
        return await _calls(group, await Link.start(middle, task_group=group), size)

    return inside(main)


class Member(GenServer[Any, PID | None]):
    """Its state is the next member; passes the token on, and sets the event when no hop is left."""

    async def init(self) -> PID | None:
        """No next member yet."""
        return None

    async def handle_cast(self, request: Any, state: PID | None) -> PID | None:
        """Take the next member."""
        next_member: PID = request
        return next_member

    async def handle_info(self, message: Any, state: PID | None) -> PID | None:
        """Pass the token on."""
        hops, done = message
        if hops and state:
            await send(state, (hops - 1, done))
        else:
            done.set()
        return state


def ring(size: int) -> Figure:
    """One token round the ring."""

    async def main(group: TaskGroup) -> Figure:
        members = [await Member.start(task_group=group) for _ in range(RING)]
        for index, member in enumerate(members):
            await cast(member, members[(index + 1) % RING])

        async def hops(count: int) -> None:
            done = anyio.Event()
            await send(members[0], (count, done))
            await done.wait()

        return await rate(hops, size)

    return inside(main)


class Collector(Given[tuple[anyio.Event, int]]):
    """Its state is an event and a count; sets the event when it has had a round of messages."""

    async def handle_cast(self, request: Any, state: tuple[anyio.Event, int]) -> tuple[anyio.Event, int]:
        """Take the next round's event."""
        return request, 0

    async def handle_info(self, message: Any, state: tuple[anyio.Event, int]) -> tuple[anyio.Event, int]:
        """Count."""
        done, got = state
        if got + 1 == ROUND:
            done.set()
        return done, got + 1


class Sender(Given[PID]):
    """Sends the collector as many messages as it is told to."""

    async def handle_info(self, message: Any, state: PID) -> PID:
        """Send."""
        for _ in range(message):
            await send(state, 1)
        return state


def fan_in(size: int) -> Figure:
    """Rounds of messages from many to one."""

    async def main(group: TaskGroup) -> Figure:
        collector = await Collector.start((anyio.Event(), 0), task_group=group)
        senders = [await Sender.start(collector, task_group=group) for _ in range(SENDERS)]

        async def rounds(size: int) -> None:
            for _ in range(size // ROUND):
                done = anyio.Event()
                await cast(collector, done)
                for sender in senders:
                    await send(sender, EACH)
                await done.wait()

        return await rate(rounds, size)

    return inside(main)


CONTESTS: Final[Mapping[str, Contest]] = {
    "tell": tell,
    "call": call_one,
    "chain": chain,
    "ring": ring,
    "fan-in": fan_in,
}
