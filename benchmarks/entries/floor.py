"""The floor: the least that actors on greenlets can be, without links, monitors, timeouts, names or supervisors.

An actor is a mailbox and a handler. One loop handles messages; a handler that calls parks its greenlet, and
another greenlet goes on with the loop. What otpy costs above this is what its processes can do more.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, final

from greenlet import getcurrent, greenlet

from benchmarks.entries.shape import (
    EACH,
    RING,
    ROUND,
    SENDERS,
    bursts,
    idle,
    micros,
    per_second,
    resident,
    warm_up,
)
from benchmarks.values import Contest, Figure

Handler = Callable[[Any], None]


@final
class Actor:
    """A mailbox, made at the first message, and what handles its messages."""

    __slots__ = ("handle", "mailbox", "queued")

    def __init__(self, handle: Handler) -> None:
        self.handle = handle
        self.mailbox: deque[Any] | None = None
        self.queued = False


@final
class Loop:
    """The ready actors and parked greenlets, the greenlets that have nothing to do, and the one they stop for."""

    __slots__ = ("done", "hub", "ready", "spare")

    def __init__(self) -> None:
        self.ready: deque[Actor | greenlet] = deque()
        self.spare: list[greenlet] = []
        self.hub: greenlet = getcurrent()
        self.done = False

    def send(self, actor: Actor, message: Any) -> None:
        """Put `message` into the mailbox of `actor`."""
        if actor.mailbox is None:
            actor.mailbox = deque()
        actor.mailbox.append(message)
        if not actor.queued:
            actor.queued = True
            self.ready.append(actor)

    def call(self, actor: Actor, request: Any) -> Any:
        """Send `request` with a cell for the answer, and park until the cell is filled."""
        cell: list[Any] = [getcurrent(), None]
        self.send(actor, (cell, request))
        (self.spare.pop() if self.spare else greenlet(self.work, self.hub)).switch()
        return cell[1]

    def reply(self, cell: list[Any], value: Any) -> None:
        """Fill the cell and wake the caller."""
        cell[1] = value
        self.ready.append(cell[0])

    def work(self) -> None:
        """Handle what is ready; when nothing is, or the loop is done, go back to the hub."""
        while not self.done and self.ready:
            item = self.ready.popleft()
            if not isinstance(item, Actor):
                self.spare.append(getcurrent())
                item.switch()
                continue
            item.queued = False
            mailbox, handle = item.mailbox, item.handle
            while mailbox:
                handle(mailbox.popleft())
        self.hub.switch()

    def run(self, main: Callable[[], Figure]) -> Figure:
        """Run `main` as an actor until it returns."""
        figures: list[Figure] = []

        def handle(_message: Any) -> None:
            figures.append(main())
            self.done = True

        self.send(Actor(handle), None)
        greenlet(self.work).switch()
        return figures[0]


LOOP: Final = Loop()


def _echo(message: Any) -> None:
    cell, request = message
    LOOP.reply(cell, request)


def tell(size: int) -> Figure:
    """Bursts of messages from one actor to another, each burst ended by a call."""
    count = 0

    def handle(message: Any) -> None:
        nonlocal count
        if type(message) is tuple:
            _echo(message)
        else:
            count += 1

    counter = Actor(handle)

    def send(size: int) -> None:
        for burst in bursts(size):
            for _ in range(burst):
                LOOP.send(counter, 1)
            LOOP.call(counter, 0)

    def main() -> Figure:
        send(warm_up(size))
        begun = time.perf_counter()
        send(size)
        return per_second(size, begun)

    return LOOP.run(main)


def _calls(target: Actor, size: int) -> Figure:
    def handle(message: Any) -> None:
        cell, count = message
        begun = time.perf_counter()
        for _ in range(count):
            LOOP.call(target, 1)
        LOOP.reply(cell, time.perf_counter() - begun)

    caller = Actor(handle)

    def main() -> Figure:
        LOOP.call(caller, warm_up(size))
        return micros(size, LOOP.call(caller, size))

    return LOOP.run(main)


def call(size: int) -> Figure:
    """An actor that calls another from its handler."""
    return _calls(Actor(_echo), size)


def _passing_on(target: Actor) -> Actor:
    def handle(message: Any) -> None:
        cell, request = message
        LOOP.reply(cell, LOOP.call(target, request))

    return Actor(handle)


def chain(size: int) -> Figure:
    """As `call`, by way of two that call on."""
    return _calls(_passing_on(_passing_on(Actor(_echo))), size)


def ring(size: int) -> Figure:
    """One token round the ring."""
    cells: list[list[Any]] = []

    def member(following: list[Actor]) -> Handler:
        def handle(hops: Any) -> None:
            if hops:
                LOOP.send(following[0], hops - 1)
            else:
                LOOP.reply(cells.pop(), None)

        return handle

    nexts: list[list[Actor]] = [[] for _ in range(RING)]
    actors = [Actor(member(following)) for following in nexts]
    for index, following in enumerate(nexts):
        following.append(actors[(index + 1) % RING])

    def start(message: Any) -> None:
        cell, hops = message
        cells.append(cell)
        LOOP.send(actors[0], hops)

    starter = Actor(start)

    def main() -> Figure:
        LOOP.call(starter, warm_up(size))
        begun = time.perf_counter()
        LOOP.call(starter, size)
        return per_second(size, begun)

    return LOOP.run(main)


def fan_in(size: int) -> Figure:
    """Rounds of messages from many to one."""
    cells: list[list[Any]] = []
    got = 0

    def collect(_message: Any) -> None:
        nonlocal got
        got += 1
        if got % ROUND == 0:
            LOOP.reply(cells.pop(), None)

    collector = Actor(collect)

    def send(count: Any) -> None:
        for _ in range(count):
            LOOP.send(collector, 1)

    senders = [Actor(send) for _ in range(SENDERS)]

    def start(message: Any) -> None:
        cells.append(message[0])
        for sender in senders:
            LOOP.send(sender, EACH)

    starter = Actor(start)

    def rounds(size: int) -> None:
        for _ in range(size // ROUND):
            LOOP.call(starter, None)

    def main() -> Figure:
        rounds(warm_up(size))
        begun = time.perf_counter()
        rounds(size)
        return per_second(size, begun)

    return LOOP.run(main)


def spawn(size: int) -> Figure:
    """Actors made, and asked for nothing: there is no supervisor here."""
    begun = time.perf_counter()
    actors = [Actor(_echo) for _ in range(size)]
    return per_second(len(actors), begun)


def memory(size: int) -> Figure:
    """Actors held without a message."""
    before = resident()
    actors = [Actor(_echo) for _ in range(size)]
    return idle(len(actors), before)


CONTESTS: Final[Mapping[str, Contest]] = {
    "tell": tell,
    "call": call,
    "chain": chain,
    "ring": ring,
    "fan-in": fan_in,
    "spawn": spawn,
    "memory": memory,
}
