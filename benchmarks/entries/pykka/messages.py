"""Messages and calls between pykka's actors."""

from __future__ import annotations

import time
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any, Final

import pykka

from benchmarks.entries.pykka.actors import Counter, Ref, inside
from benchmarks.entries.shape import EACH, LIMIT, RING, ROUND, SENDERS, bursts, micros, per_second, warm_up
from benchmarks.values import Contest, Figure


def tell(size: int) -> Figure:
    """`tell` from actor to actor, each burst ended by an `ask`."""

    def main() -> Figure:
        counter = Counter.start()

        def send(size: int) -> None:
            for burst in bursts(size):
                for _ in range(burst):
                    counter.tell(1)
                counter.ask("get")

        send(warm_up(size))
        begun = time.perf_counter()
        send(size)
        return per_second(size, begun)

    return inside(main)


class Caller(pykka.ThreadingActor):
    """Asks its target as often as it is told to, and answers with the seconds that took."""

    def __init__(self, target: Ref) -> None:
        super().__init__()
        self.target = target

    def on_receive(self, message: int) -> float:
        """Ask."""
        begun = time.perf_counter()
        for _ in range(message):
            self.target.ask("get", timeout=LIMIT)
        return time.perf_counter() - begun


class Link(pykka.ThreadingActor):
    """Answers with what the next one answers."""

    def __init__(self, target: Ref) -> None:
        super().__init__()
        self.target = target

    def on_receive(self, message: Any) -> Any:
        """Ask on."""
        return self.target.ask(message, timeout=LIMIT)


def _calls(target: Ref, size: int) -> Figure:
    caller = Caller.start(target)
    caller.ask(warm_up(size))
    seconds: float = caller.ask(size, block=True)
    pykka.ActorRegistry.stop_all()
    return micros(size, seconds)


def call(size: int) -> Figure:
    """`ask` from actor to actor."""
    return _calls(Counter.start(), size)


def chain(size: int) -> Figure:
    """As `call`, by way of two that ask on."""
    return _calls(Link.start(Link.start(Counter.start())), size)


def outside(size: int) -> Figure:
    """`ask` from the main thread."""
    counter = Counter.start()

    def ask(count: int) -> float:
        begun = time.perf_counter()
        for _ in range(count):
            counter.ask("get", timeout=LIMIT)
        return time.perf_counter() - begun

    ask(warm_up(size))
    seconds = ask(size)
    counter.stop()
    return micros(size, seconds)


class Member(pykka.ThreadingActor):
    """Passes the token on to the next; the one that gets it with no hop left says so."""

    def __init__(self, done: SimpleQueue[None]) -> None:
        super().__init__()
        self.done = done
        self.following: Ref | None = None

    def on_receive(self, message: int | Ref) -> None:
        """Take the next member, or a token."""
        if isinstance(message, pykka.ActorRef):
            self.following = message
        elif message and self.following:
            self.following.tell(message - 1)
        else:
            self.done.put(None)


def ring(size: int) -> Figure:
    """One token round the ring."""
    done: SimpleQueue[None] = SimpleQueue()
    members = [Member.start(done) for _ in range(RING)]
    for index, member in enumerate(members):
        member.tell(members[(index + 1) % RING])

    def hops(count: int) -> None:
        members[0].tell(count)
        done.get()

    hops(warm_up(size))
    begun = time.perf_counter()
    hops(size)
    figure = per_second(size, begun)
    pykka.ActorRegistry.stop_all(block=False)
    return figure


class Collector(pykka.ThreadingActor):
    """Says when it has had a round of messages."""

    def __init__(self, done: SimpleQueue[None]) -> None:
        super().__init__()
        self.done = done
        self.got = 0

    def on_receive(self, message: Any) -> None:
        """Count."""
        self.got += 1
        if self.got % ROUND == 0:
            self.done.put(None)


class Sender(pykka.ThreadingActor):
    """Tells the collector as many messages as it is told to."""

    def __init__(self, collector: Ref) -> None:
        super().__init__()
        self.collector = collector

    def on_receive(self, message: int) -> None:
        """Tell."""
        for _ in range(message):
            self.collector.tell(1)


def fan_in(size: int) -> Figure:
    """Rounds of messages from many to one."""
    done: SimpleQueue[None] = SimpleQueue()
    collector = Collector.start(done)
    senders = [Sender.start(collector) for _ in range(SENDERS)]

    def rounds(size: int) -> None:
        for _ in range(size // ROUND):
            for sender in senders:
                sender.tell(EACH)
            done.get()

    rounds(warm_up(size))
    begun = time.perf_counter()
    rounds(size)
    figure = per_second(size, begun)
    pykka.ActorRegistry.stop_all(block=False)
    return figure


CONTESTS: Final[Mapping[str, Contest]] = {
    "tell": tell,
    "call": call,
    "chain": chain,
    "outside": outside,
    "ring": ring,
    "fan-in": fan_in,
}
