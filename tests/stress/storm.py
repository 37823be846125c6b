"""One storm: who takes part, what they do, and what must hold when it is over.

- *Parties* are servers on the scheduler, on threads and on the event loop. They keep books of what every driver has
  posted to them, by number, and notice when one is missing, double or out of order. Now and then a handler blocks or
  computes, so that the scheduler has to be taken over; their classes are new in each storm, so that none is known yet.
- *Drivers*, processes and outside threads, post, ask, start short-lived processes and wait, at random.
- *Victims* are workers of a supervisor, and a crowd of waiting processes. The killer kills some of them at random.

Afterwards: every book has exactly what was posted; every answer was the right one or, from victims, a CallError; each
monitor told once; the parties live; of the crowd, those and only those who were killed are missing; nothing is left.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, final

import otpy
from tests.support import down, eventually

PATIENCE = 60.0
"""Seconds for what must happen at some time; a storm that needs them hangs."""

_SWITCH_INTERVALS = (5e-3, 5e-4, 1e-5)
_NAPS = 0.004  # the share of messages whose handler blocks or computes
_KILLS_EACH_SECOND = 300


@dataclass
class Book:
    """What a party has got."""

    last: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Party(otpy.GenServer[Book]):
    """Keeps a book of what drivers post."""

    def init(self, arg: object) -> otpy.Ok[Book]:
        """Begin an empty book."""
        return otpy.Ok(Book())

    def handle_cast(self, request: tuple[int, int, float], state: Book) -> Any:
        """Enter (driver, number); block or compute for *nap* seconds."""
        driver, number, nap = request
        if number != state.last[driver] + 1:
            state.wrong.append(f"{self.actor_inbox!r}: after {state.last[driver]} of driver {driver} came {number}")
        state.last[driver] = number
        if nap > 0:
            time.sleep(nap)
        elif nap < 0:
            compute(-nap)
        return otpy.NoReply(state)

    def handle_call(self, request: Any, from_: otpy.From, state: Book) -> Any:
        """Return the book, or what was asked, at once or later."""
        if request == "book":
            return otpy.Reply(state, state)
        if request % 7 == 0:
            otpy.spawn(otpy.reply, from_, request)
            return otpy.NoReply(state)
        return otpy.Reply(request, state)


class ThreadParty(Party):
    """The same on a thread of its own."""

    runs_on = "thread"


class AsyncParty(Party):
    """The same on the event loop, letting others run in the middle of a message."""

    runs_on = "asyncio"

    async def handle_cast(self, request: tuple[int, int, float], state: Book) -> Any:
        """See Party."""
        await asyncio.sleep(abs(request[2]))
        return super().handle_cast((*request[:2], 0.0), state)


def compute(seconds: float) -> None:
    """Hold the interpreter as a calculation does."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


class Victim(otpy.GenServer[None]):
    """Answers as long as it lives."""

    def init(self, arg: object) -> otpy.Ok[None]:
        """Start with nothing."""
        return otpy.Ok(None)

    def handle_call(self, request: int, from_: otpy.From, state: None) -> Any:
        """Answer; sometimes wait before, sometimes block."""
        if request % 5 == 0:
            otpy.sleep(0.001)
        elif request % 97 == 0:
            time.sleep(0.02)
        return otpy.Reply(request, state)


def crowd_member(crier: otpy.Pid) -> None:
    """Wait for the roll call, passing over everything else."""
    otpy.receive(lambda message: message == "roll call")
    otpy.send(crier, ("here", otpy.self_pid()))


@final
class Storm:
    """One storm in a runtime of its own."""

    def __init__(self, seed: int, *, seconds: float, crowd: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - dice, not secrets
        self.seconds = seconds
        self.crowd_size = crowd
        self.until = 0.0
        self.parties: list[otpy.Pid] = []
        self.posted: list[Counter[int]] = []  # by driver: party -> last number
        self.errors: list[BaseException] = []
        self.counts: Counter[str] = Counter()

    def rage(self) -> Counter[str]:
        """Let it rage, look what it has left, and return how much was done. Raises what was found wrong."""
        with _switch_interval(self.random.choice(_SWITCH_INTERVALS)), otpy.runtime():
            at_first = set(otpy.processes())
            self.parties = self._start_parties()
            supervisor = otpy.supervisor.start_link(
                [Victim.child_spec(id=number, name=f"victim {number}", shutdown="brutal_kill") for number in range(10)],
                flags=otpy.SupFlags(intensity=1_000_000),
            )
            crowd = [otpy.spawn(crowd_member, otpy.self_pid()) for _ in range(self.crowd_size)]
            killed = self._let_rage(crowd)
            self._check_books()
            self._check_crowd(crowd, killed)
            assert otpy.supervisor.count_children(supervisor).active == 10
            otpy.unlink(supervisor)
            otpy.stop(supervisor, otpy.Shutdown())
            for party in self.parties:
                otpy.stop(party, timeout=PATIENCE)
            eventually(lambda: set(otpy.processes()) == at_first)
            assert otpy.flush() == []
        return self.counts

    def _start_parties(self) -> list[otpy.Pid]:
        bases: list[type[Party]] = [*[Party] * 6, AsyncParty, ThreadParty]
        kinds: list[type[Party]] = [_kind(base, number) for number, base in enumerate(bases)]
        return [kind.start() for kind in kinds for _ in range(self.random.randint(1, 4))]

    def _let_rage(self, crowd: list[otpy.Pid]) -> set[otpy.Pid]:
        """Run drivers and killer until the time is up; return who of *crowd* was killed."""
        self.until = time.monotonic() + self.seconds
        work: list[Callable[[], None]] = []
        for number in range(self.random.randint(4, 30)):
            self.posted.append(Counter())
            work.append(Driver(self, number, self.random.random()).drive)
        outside = self.random.randint(1, 4)
        killed: set[otpy.Pid] = set()
        threads = [threading.Thread(target=self._guarded, args=(fn,)) for fn in work[:outside]]
        threads.append(threading.Thread(target=self._guarded, args=(lambda: self._kill(crowd, killed),)))
        for thread in threads:
            thread.start()
        refs = [otpy.spawn_monitor(self._guarded, fn)[1] for fn in work[outside:]]
        for ref in refs:
            assert down(ref, timeout=self.seconds + PATIENCE) == otpy.Normal()
        for thread in threads:
            thread.join(self.seconds + PATIENCE)
            assert not thread.is_alive(), f"{thread} hangs"
        if self.errors:
            raise self.errors[0]
        return killed

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised again where the storm is judged
            self.errors.append(error)

    def _kill(self, crowd: list[otpy.Pid], killed: set[otpy.Pid]) -> None:
        dice = random.Random(self.random.random())  # noqa: S311 - dice, not secrets
        while time.monotonic() < self.until:
            otpy.sleep(dice.random() * 2 / _KILLS_EACH_SECOND)
            victim = otpy.whereis(f"victim {dice.randrange(10)}") if dice.random() < 0.5 else None
            if victim is None:
                victim = dice.choice(crowd)
                killed.add(victim)
            otpy.exit(victim, dice.choice([otpy.Kill(), otpy.Shutdown(), "stormed"]))
            self.counts["kills"] += 1

    def _check_books(self) -> None:
        for number, party in enumerate(self.parties):
            book: Book = otpy.call(party, "book", timeout=PATIENCE)
            assert book.wrong == []
            posted = {driver: counts[number] for driver, counts in enumerate(self.posted) if counts[number]}
            assert dict(book.last) == posted
            self.counts["messages"] += sum(posted.values())

    def _check_crowd(self, crowd: list[otpy.Pid], killed: set[otpy.Pid]) -> None:
        for pid in crowd:
            otpy.send(pid, "roll call")
        missing = set(crowd) - killed
        while missing:
            _, pid = otpy.receive(lambda m: m[0] == "here", timeout=PATIENCE)
            assert pid not in killed, f"{pid} was killed and is here"
            missing.remove(pid)


@final
class Driver:
    """Does things at random, and remembers what it has posted."""

    def __init__(self, storm: Storm, number: int, seed: float) -> None:
        self.storm = storm
        self.number = number
        self.dice = random.Random(seed)  # noqa: S311 - dice, not secrets

    def drive(self) -> None:
        """Go on until the storm is over."""
        deeds = [self.post, self.post, self.ask, self.ask_victim, self.bear, self.wait, self.remember]
        while time.monotonic() < self.storm.until:
            self.dice.choice(deeds)()

    def post(self) -> None:
        """Cast a burst to one party."""
        posted = self.storm.posted[self.number]
        which = self.dice.randrange(len(self.storm.parties))
        for _ in range(self.dice.randint(1, 30)):
            posted[which] += 1
            nap = self.dice.choice((-1, 1)) * self.dice.random() * 0.03 if self.dice.random() < _NAPS else 0.0
            otpy.cast(self.storm.parties[which], (self.number, posted[which], nap))

    def ask(self) -> None:
        """Call a party, which lives, so the answer comes."""
        number = self.dice.randrange(1000)
        assert otpy.call(self.dice.choice(self.storm.parties), number, timeout=PATIENCE) == number
        self.storm.counts["calls"] += 1

    def ask_victim(self) -> None:
        """Call somebody who may be killed at any moment: the answer, or a CallError."""
        number = self.dice.randrange(1000)
        try:
            assert otpy.call(f"victim {self.dice.randrange(10)}", number, timeout=PATIENCE) == number
        except (otpy.NoProcess, otpy.ServerExited):
            self.storm.counts["refused"] += 1

    def bear(self) -> None:
        """Start a process that ends at once, is ended, or waits to be; its Down comes once, with its reason."""
        reason = self.dice.choice([otpy.Normal(), otpy.Shutdown(), "reason"])
        how = self.dice.randrange(3)
        if how == 0:
            pid, ref = otpy.spawn_monitor(_leave, reason)
        else:
            pid, ref = otpy.spawn_monitor(otpy.receive)
            reason = otpy.Killed() if how == 1 else otpy.Normal()
            if how == 1:
                otpy.exit(pid, otpy.Kill())
            else:
                otpy.send(pid, "go")
        assert otpy.receive(lambda m: isinstance(m, otpy.Down), timeout=PATIENCE) == otpy.Down(ref, pid, reason)
        self.storm.counts["births"] += 1

    def wait(self) -> None:
        """Sleep a little, or for nothing."""
        otpy.sleep(self.dice.choice((0.0, 0.0005, 0.002)))

    def remember(self) -> None:
        """Set a timer for oneself, and perhaps cancel it."""
        timer = otpy.send_after(otpy.self_pid(), "remember", self.dice.random() * 0.002)
        if self.dice.random() < 0.5 and otpy.cancel_timer(timer) is not None:
            return
        assert otpy.receive(lambda m: m == "remember", timeout=PATIENCE) == "remember"


def _kind(base: type[Party], number: int) -> type[Party]:
    return type(f"{base.__name__}{number}", (base,), {})


def _leave(reason: Any) -> None:
    raise otpy.ExitProcess(reason)


@contextmanager
def _switch_interval(seconds: float) -> Generator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
