"""Messages and calls between otpy's servers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import otpy
from benchmarks.entries.otpy.servers import Counter, rate
from benchmarks.entries.shape import EACH, LIMIT, RING, ROUND, SENDERS, bursts, micros, warm_up
from benchmarks.values import Contest, Figure


def tell(size: int) -> Figure:
    """Casts from a process to a server, each burst ended by a call."""

    def main() -> Figure:
        counter = Counter.start(0)

        def send(size: int) -> None:
            for burst in bursts(size):
                for _ in range(burst):
                    otpy.cast(counter, 1)
                otpy.call(counter, "get")

        return rate(send, size)

    return otpy.run(main)


class Caller(otpy.GenServer[otpy.Pid]):
    """Its state is a target; calls it as often as it is told to, and answers with the seconds that took."""

    def init(self, arg: otpy.Pid) -> otpy.Ok[otpy.Pid]:
        """The target."""
        return otpy.Ok(arg)

    def handle_call(self, request: int, from_: otpy.From, state: otpy.Pid) -> otpy.Reply[float, otpy.Pid]:
        """Call."""
        begun = time.perf_counter()
        for _ in range(request):
            otpy.call(state, "get", timeout=LIMIT)
        return otpy.Reply(time.perf_counter() - begun, state)


class Link(otpy.GenServer[otpy.Pid]):
    """Its state is a target; answers with what the target answers."""

    def init(self, arg: otpy.Pid) -> otpy.Ok[otpy.Pid]:
        """The target."""
        return otpy.Ok(arg)

    def handle_call(self, request: object, from_: otpy.From, state: otpy.Pid) -> otpy.Reply[object, otpy.Pid]:
        """Call on."""
        return otpy.Reply(otpy.call(state, request, timeout=LIMIT), state)


def _calls(target: otpy.Pid, size: int) -> Figure:
    caller = Caller.start(target)
    otpy.call(caller, warm_up(size), timeout=None)
    seconds: float = otpy.call(caller, size, timeout=None)
    return micros(size, seconds)


def call(size: int) -> Figure:
    """A server that calls another."""
    return otpy.run(lambda: _calls(Counter.start(0), size))


def chain(size: int) -> Figure:
    """As `call`, by way of two that call on."""
    return otpy.run(lambda: _calls(Link.start(Link.start(Counter.start(0))), size))


def outside(size: int) -> Figure:
    """Calls from the main thread into the runtime."""
    with otpy.runtime():
        counter = Counter.start(0)

        def calls(count: int) -> float:
            begun = time.perf_counter()
            for _ in range(count):
                otpy.call(counter, "get", timeout=LIMIT)
            return time.perf_counter() - begun

        calls(warm_up(size))
        return micros(size, calls(size))


class Member(otpy.GenServer[otpy.Pid | None]):
    """Its state is the next member; passes tokens on, and tells the one who waits of the last."""

    def init(self, arg: None) -> otpy.Ok[None]:
        """No next member yet."""
        return otpy.Ok(None)

    def handle_cast(self, request: otpy.Pid, state: otpy.Pid | None) -> otpy.NoReply[otpy.Pid]:
        """Take the next member."""
        return otpy.NoReply(request)

    def handle_info(self, message: tuple[int, otpy.Pid], state: otpy.Pid | None) -> otpy.NoReply[otpy.Pid | None]:
        """Pass the token on."""
        hops, boss = message
        if hops and state is not None:
            otpy.send(state, (hops - 1, boss))
        else:
            otpy.send(boss, "done")
        return otpy.NoReply(state)


def ring(size: int) -> Figure:
    """One token round the ring."""

    def main() -> Figure:
        members = [Member.start() for _ in range(RING)]
        for index, member in enumerate(members):
            otpy.cast(member, members[(index + 1) % RING])

        def hops(count: int) -> None:
            otpy.send(members[0], (count, otpy.self_pid()))
            otpy.receive()

        return rate(hops, size)

    return otpy.run(main)


class Collector(otpy.GenServer[tuple[otpy.Pid, int]]):
    """Its state is the one who waits and a count; says when it has had a round of messages."""

    def init(self, arg: otpy.Pid) -> otpy.Ok[tuple[otpy.Pid, int]]:
        """Nothing yet."""
        return otpy.Ok((arg, 0))

    def handle_info(self, message: object, state: tuple[otpy.Pid, int]) -> otpy.NoReply[tuple[otpy.Pid, int]]:
        """Count."""
        boss, got = state
        if got + 1 == ROUND:
            otpy.send(boss, "done")
            return otpy.NoReply((boss, 0))
        return otpy.NoReply((boss, got + 1))


class Sender(otpy.GenServer[otpy.Pid]):
    """Its state is the collector, to which it sends as many messages as it is told to."""

    def init(self, arg: otpy.Pid) -> otpy.Ok[otpy.Pid]:
        """The collector."""
        return otpy.Ok(arg)

    def handle_info(self, message: int, state: otpy.Pid) -> otpy.NoReply[otpy.Pid]:
        """Send."""
        for _ in range(message):
            otpy.send(state, 1)
        return otpy.NoReply(state)


def fan_in(size: int) -> Figure:
    """Rounds of messages from many to one."""

    def main() -> Figure:
        collector = Collector.start(otpy.self_pid())
        senders = [Sender.start(collector) for _ in range(SENDERS)]

        def rounds(size: int) -> None:
            for _ in range(size // ROUND):
                for sender in senders:
                    otpy.send(sender, EACH)
                otpy.receive()

        return rate(rounds, size)

    return otpy.run(main)


CONTESTS: Final[Mapping[str, Contest]] = {
    "tell": tell,
    "call": call,
    "chain": chain,
    "outside": outside,
    "ring": ring,
    "fan-in": fan_in,
}
