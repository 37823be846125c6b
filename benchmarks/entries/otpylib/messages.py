"""Messages and calls between otpylib's servers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from benchmarks.entries.otpylib.servers import Called, Counter, Handled, ignore, inside, no_call, no_cleanup, rate
from benchmarks.entries.shape import EACH, LIMIT, RING, ROUND, SENDERS, bursts, micros, warm_up
from benchmarks.peers import otpylib_api as otp
from benchmarks.peers.otpylib_api import GEN_SERVER, NoReply, OTPModule, Pid, Reply
from benchmarks.values import Contest, Figure


def tell(size: int) -> Figure:
    """Casts from a process to a server, each burst ended by a call."""

    async def main() -> Figure:
        counter = await otp.start(Counter, 0, name="counter")

        async def send(size: int) -> None:
            for burst in bursts(size):
                for _ in range(burst):
                    await otp.cast(counter, 1)
                await otp.call("counter", "get")

        return await rate(send, size)

    return inside(main)


class Caller(metaclass=OTPModule, behavior=GEN_SERVER, version="1.0.0"):
    """Its state is a target's name; calls it as often as it is told to, and answers with the seconds that took."""

    async def init(self, arg: str) -> str:
        """The target."""
        return arg

    async def handle_call(self, request: int, _from: object, state: str) -> Called:
        """Call."""
        begun = time.perf_counter()
        for _ in range(request):
            await otp.call(state, "get", LIMIT)
        return (Reply(time.perf_counter() - begun), state)

    handle_cast = ignore
    handle_info = ignore
    terminate = no_cleanup


class Link(metaclass=OTPModule, behavior=GEN_SERVER, version="1.0.0"):
    """Its state is a target's name; answers with what the target answers."""

    async def init(self, arg: str) -> str:
        """The target."""
        return arg

    async def handle_call(self, request: object, _from: object, state: str) -> Called:
        """Call on."""
        return (Reply(await otp.call(state, request, LIMIT)), state)

    handle_cast = ignore
    handle_info = ignore
    terminate = no_cleanup


async def _calls(target: str, size: int) -> Figure:
    await otp.start(Caller, target, name="caller")
    await otp.call("caller", warm_up(size))
    seconds: float = await otp.call("caller", size)
    return micros(size, seconds)


def call(size: int) -> Figure:
    """A server that calls another."""

    async def main() -> Figure:
        await otp.start(Counter, 0, name="counter")
        return await _calls("counter", size)

    return inside(main)


def chain(size: int) -> Figure:
    """As `call`, by way of two that call on."""

    async def main() -> Figure:
        await otp.start(Counter, 0, name="counter")
        await otp.start(Link, "counter", name="second")
        await otp.start(Link, "second", name="first")
        return await _calls("first", size)

    return inside(main)


class Member(metaclass=OTPModule, behavior=GEN_SERVER, version="1.0.0"):
    """Its state is the next member; passes tokens on, and tells the one who waits of the last."""

    async def init(self, arg: object) -> object:
        """No next member yet."""
        return arg

    async def handle_cast(self, request: Pid, _state: Pid) -> Handled:
        """Take the next member."""
        return (NoReply(), request)

    async def handle_info(self, message: tuple[int, Pid], state: Pid) -> Handled:
        """Pass the token on."""
        hops, boss = message
        if hops:
            await otp.send(state, (hops - 1, boss))
        else:
            await otp.send(boss, "done")
        return (NoReply(), state)

    handle_call = no_call
    terminate = no_cleanup


def ring(size: int) -> Figure:
    """One token round the ring."""

    async def main() -> Figure:
        members = [await otp.start(Member) for _ in range(RING)]
        for index, member in enumerate(members):
            await otp.cast(member, members[(index + 1) % RING])

        async def hops(count: int) -> None:
            await otp.send(members[0], (count, otp.self_pid()))
            await otp.receive()

        return await rate(hops, size)

    return inside(main)


class Collector(metaclass=OTPModule, behavior=GEN_SERVER, version="1.0.0"):
    """Its state is the one who waits and a count; says when it has had a round of messages."""

    async def init(self, arg: Pid) -> tuple[Pid, int]:
        """Nothing yet."""
        return (arg, 0)

    async def handle_info(self, _message: object, state: tuple[Pid, int]) -> Handled:
        """Count."""
        boss, got = state
        if got + 1 == ROUND:
            await otp.send(boss, "done")
            return (NoReply(), (boss, 0))
        return (NoReply(), (boss, got + 1))

    handle_call = no_call
    handle_cast = ignore
    terminate = no_cleanup


class Sender(metaclass=OTPModule, behavior=GEN_SERVER, version="1.0.0"):
    """Its state is the collector, to which it sends as many messages as it is told to."""

    async def init(self, arg: Pid) -> Pid:
        """The collector."""
        return arg

    async def handle_info(self, message: int, state: Pid) -> Handled:
        """Send."""
        for _ in range(message):
            await otp.send(state, 1)
        return (NoReply(), state)

    handle_call = no_call
    handle_cast = ignore
    terminate = no_cleanup


def fan_in(size: int) -> Figure:
    """Rounds of messages from many to one."""

    async def main() -> Figure:
        collector = await otp.start(Collector, otp.self_pid())
        senders = [await otp.start(Sender, collector) for _ in range(SENDERS)]

        async def rounds(size: int) -> None:
            for _ in range(size // ROUND):
                for sender in senders:
                    await otp.send(sender, EACH)
                await otp.receive()

        return await rate(rounds, size)

    return inside(main)


CONTESTS: Final[Mapping[str, Contest]] = {
    "tell": tell,
    "call": call,
    "chain": chain,
    "ring": ring,
    "fan-in": fan_in,
}
