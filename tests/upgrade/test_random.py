"""Upgrades at random, under load: nothing is lost, the order is kept, and afterwards all run one version.

Servers stand in levels, each level in a module of its own. A server calls only into the next level, and casts to
whomever it likes; it keeps books of what it got and sent, in states that are never changed in place, so a state that an
upgrade loses shows as a gap. Every handler looks whether its state has the version of its code. Meanwhile, supervised
servers are killed, and modules go up and down, alone and together; some conversions fail, and some are taken back.

`python -m tests.upgrade.test_random --seconds 60` does it for longer.
"""

from __future__ import annotations

import argparse
import logging
import random
import secrets
import sys
import threading
import time
from collections import Counter
from typing import Any, Final, final

import pytest

import otpy
from otpy import code, upgrade
from otpy.code.history import histories
from otpy.upgrade import STEPS
from tests.support import eventually
from tests.upgrade.sources import source

LEVELS: Final = 3
WIDTH: Final = 4
VICTIMS: Final = 3
PATIENCE: Final = 60.0
KINDS: Final = ("scheduler", "scheduler", "thread", "asyncio")

TEXT: Final = source("""
    import random
    import otpy

    __vsn__ = VSN
    HERE = LEVEL
    FAILS = RATE

    class Server(otpy.GenServer):
        version = VSN

        def init(self, arg):
            return otpy.Ok({"vsn": __vsn__, "me": arg[0], "peers": arg[1], "seen": {}, "sent": {}, "wrong": ()})

        def handle_cast(self, request, state):
            sender, number, hops = request
            state = checked(state, state["seen"].get(sender, 0) + 1 == number, request)
            state = {**state, "seen": {**state["seen"], sender: number}}
            if hops:
                peer = random.choice(state["peers"][random.randrange(len(state["peers"]))])
                number = state["sent"].get(peer, 0) + 1
                otpy.cast(peer, (state["me"], number, hops - 1))
                state = {**state, "sent": {**state["sent"], peer: number}}
            return otpy.NoReply(state)

        def handle_call(self, request, from_, state):
            state = checked(state, True, request)
            if request == "book":
                return otpy.Reply(state, state)
            below = state["peers"][HERE + 1 : HERE + 2]
            if below:
                request = otpy.call(random.choice(below[0]), request, timeout=PATIENCE)
            elif random.random() < 0.1:
                otpy.sleep(0.001)
            if random.random() < 0.1:
                otpy.spawn(otpy.reply, from_, request)
                return otpy.NoReply(state)
            return otpy.Reply(request, state)

        def code_change(self, old_vsn, state, extra):
            if random.random() < FAILS:
                state.clear()
                raise ValueError("at random")
            match old_vsn:
                case otpy.DownTo(vsn):
                    right, now = state["vsn"] == __vsn__, vsn
                case _:
                    right, now = state["vsn"] == old_vsn, __vsn__
            return otpy.Ok({**checked(state, right, old_vsn, False), "vsn": now})

    class OnThread(Server):
        runs_on = "thread"

    class OnLoop(Server):
        runs_on = "asyncio"

        async def handle_cast(self, request, state):
            return super().handle_cast(request, state)

        async def handle_call(self, request, from_, state):
            state = checked(state, True, request)
            if request != "book":
                below = state["peers"][HERE + 1 : HERE + 2]
                if below:
                    request = await otpy.acall(random.choice(below[0]), request, timeout=PATIENCE)
                return otpy.Reply(request, state)
            return otpy.Reply(state, state)

    class Top(otpy.Supervisor):
        def init(self, arg):
            children = [Server.child_spec((name, ((),)), id=name, name=name) for name in arg]
            return otpy.SupFlags(intensity=1_000_000), children

    def checked(state, right, what, running=True):
        if right and (state["vsn"] == __vsn__ == Server.version or not running):
            return state
        return {**state, "wrong": (*state["wrong"], (__vsn__, state["vsn"], what))}
""")
CLASSES: Final = {"scheduler": "Server", "thread": "OnThread", "asyncio": "OnLoop"}


def name_of(level: int) -> str:
    """Return the name of the module of a level."""
    return f"m_random_{level}"


def text_of(level: int, vsn: int, fails: float = 0.0) -> str:
    """Return version *vsn* of the module of a level; *fails* is the share of conversions that fail."""
    text = TEXT.replace("VSN", str(vsn)).replace("LEVEL", str(level)).replace("RATE", str(fails))
    return text.replace("PATIENCE", str(PATIENCE))


@final
class Weather:
    """One run in a runtime of its own."""

    def __init__(self, seed: int, seconds: float, kinds: tuple[str, ...] = KINDS) -> None:
        self.random = random.Random(seed)  # noqa: S311 - dice, not secrets
        self.seconds = seconds
        self.kinds = kinds
        self.names = [[f"r {level} {n}" for n in range(WIDTH)] for level in range(LEVELS)]
        self.victims = [f"victim {level} {n}" for level in range(LEVELS) for n in range(VICTIMS)]
        self.vsns = [1] * LEVELS
        self.newest = 1
        self.over = False
        self.counts: Counter[str] = Counter()
        self.posted: list[Counter[str]] = []
        self.errors: list[BaseException] = []

    def run(self) -> Counter[str]:
        """Do it, look what it has left, and return how much was done."""
        try:
            with otpy.runtime():
                self._start()
                threads = [threading.Thread(target=self._guarded, args=(self._drive, n)) for n in range(2)]
                threads.append(threading.Thread(target=self._guarded, args=(self._kill,)))
                for thread in threads:
                    thread.start()
                drivers = [otpy.spawn_monitor(self._guarded, self._drive, n) for n in (2, 3)]
                try:
                    self._upgrade_for_a_while()
                finally:
                    self.over = True
                    for thread in threads:
                        thread.join(PATIENCE)
                    for _, ref in drivers:
                        otpy.receive(lambda m, ref=ref: isinstance(m, otpy.Down) and m.ref is ref, timeout=PATIENCE)  # type: ignore[misc]
                self._look()
        finally:
            for level in range(LEVELS):
                sys.modules.pop(name_of(level), None)
                histories.forget(name_of(level))
        return self.counts

    def _start(self) -> None:
        self.posted = [Counter() for _ in range(4)]
        peers = tuple(map(tuple, self.names))
        for level, names in enumerate(self.names):
            code.load(text_of(level, 1), name=name_of(level))
            module: Any = sys.modules[name_of(level)]
            for name in names:
                kind = getattr(module, CLASSES[self.random.choice(self.kinds)])
                kind.start((name, peers), name=name)
            module.Top.start([name for name in self.victims if name.startswith(f"victim {level} ")])

    # -- load

    def _guarded(self, work: Any, *args: Any) -> None:
        try:
            work(*args)
        except BaseException as error:
            self.errors.append(error)
            raise

    def _drive(self, driver: int) -> None:
        dice, posted = random.Random(driver), self.posted[driver]  # noqa: S311 - dice, not secrets
        while not self.over:
            for _ in range(10):
                name = dice.choice(dice.choice(self.names))
                posted[name] += 1
                otpy.cast(name, (f"driver {driver}", posted[name], 2))
            question = dice.random()
            assert otpy.call(dice.choice(dice.choice(self.names)), question, timeout=PATIENCE) == question
            try:
                assert otpy.call(dice.choice(self.victims), question, timeout=PATIENCE) == question
            except otpy.CallError:
                self.counts["victims that did not answer"] += 1
            self.counts["rounds"] += 1

    def _kill(self) -> None:
        dice = random.Random(9)  # noqa: S311 - dice, not secrets
        while not self.over:
            pid = otpy.whereis(dice.choice(self.victims))
            if pid is not None:
                otpy.exit(pid, otpy.Kill())
                self.counts["kills"] += 1
            otpy.sleep(0.002)

    # -- upgrades

    def _upgrade_for_a_while(self) -> None:
        until = time.monotonic() + self.seconds
        while time.monotonic() < until and not self.errors:
            self.random.choice((self._all, self._one, self._one, self._failing, self._taken_back, self._back))()

    def _reload(self, levels: range | list[int], fails: float = 0.0, **options: Any) -> None:
        vsn = self.newest = self.newest + 1
        sources = {name_of(level): text_of(level, vsn, fails) for level in levels}
        upgrade.reload_modules(sources, **options, suspend_timeout=PATIENCE, timeout=PATIENCE)
        for level in levels:
            self.vsns[level] = vsn

    def _all(self) -> None:
        self._reload(range(LEVELS))
        self.counts["upgrades"] += 1

    def _one(self) -> None:
        self._reload([self.random.randrange(LEVELS)])
        self.counts["upgrades"] += 1

    def _failing(self) -> None:
        """Some conversions of two levels fail, or none does by chance."""
        try:
            self._reload(self.random.sample(range(LEVELS), 2), self.random.choice((0.05, 0.5)))
        except otpy.MigrationFailed:
            self.counts["failures"] += 1

    def _taken_back(self) -> None:
        step = self.random.choice([step for step in STEPS if step != "go down"])
        with pytest.raises(otpy.errors.ForcedRollback):
            self._reload(range(LEVELS), force_rollback_at=step)
        self.counts["taken back"] += 1

    def _back(self) -> None:
        """Go back by one version; the running one may have conversions that fail."""
        level = self.random.randrange(LEVELS)
        try:
            report = upgrade.rollback_module(name_of(level), suspend_timeout=PATIENCE, timeout=PATIENCE)
        except otpy.NoSuchVersion:
            return
        except otpy.MigrationFailed:
            self.counts["failures"] += 1
            return
        self.vsns[level] = report.version[name_of(level)]
        self.counts["rollbacks"] += 1

    # -- afterwards

    def _look(self) -> None:
        assert not self.errors, self.errors
        eventually(lambda: self._expected(self._books()) == self._seen(self._books()), within=PATIENCE)
        for name, book in self._books().items():
            assert book["wrong"] == (), name
        for level, names in enumerate(self.names):
            module: Any = sys.modules[name_of(level)]
            mine = [name for name in self.victims if name.startswith(f"victim {level} ")]
            assert module.__vsn__ == self.vsns[level]
            eventually(lambda mine=mine: all(otpy.whereis(name) for name in mine))  # type: ignore[misc]
            for name in (*names, *mine):
                pid = otpy.whereis(name)
                info = otpy.process_info(pid) if pid is not None else None
                assert info is not None
                assert info.vsn == self.vsns[level]
                assert info.current_behaviour in (module.Server, module.OnThread, module.OnLoop)

    def _books(self) -> dict[str, Any]:
        return {name: otpy.call(name, "book", timeout=PATIENCE) for names in self.names for name in names}

    def _expected(self, books: dict[str, Any]) -> Counter[tuple[str, str]]:
        found = Counter(
            {(f"driver {n}", to): count for n, posted in enumerate(self.posted) for to, count in posted.items()}
        )
        found.update({(name, to): count for name, book in books.items() for to, count in book["sent"].items()})
        return found

    def _seen(self, books: dict[str, Any]) -> Counter[tuple[str, str]]:
        return Counter(
            {(sender, name): count for name, book in books.items() for sender, count in book["seen"].items()}
        )


@pytest.mark.timeout(200)
def test_upgrades_at_random(caplog: pytest.LogCaptureFixture) -> None:
    """See above for what has to hold. The seed is printed, for `python -m tests.upgrade.test_random --seed`."""
    caplog.set_level(logging.CRITICAL, "otpy")
    seed = secrets.randbelow(2**32)
    sys.stdout.write(f"seed {seed}\n")
    counts = Weather(seed, 3.0).run()
    assert counts["rounds"] > 0
    assert counts["upgrades"] + counts["failures"] + counts["taken back"] + counts["rollbacks"] > 0


def main() -> int:
    """Run until the time is up, and print what each run has done."""
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade.test_random", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--seed", type=int, help="the first run's seed; each further one has the next number")
    parser.add_argument("--kinds", default=",".join(KINDS), help="where servers run (default %(default)s)")
    options = parser.parse_args()
    logging.getLogger("otpy").setLevel(logging.CRITICAL)
    seed = options.seed if options.seed is not None else secrets.randbelow(2**32)
    until = time.monotonic() + options.seconds
    while time.monotonic() < until:
        sys.stdout.write(f"seed {seed}: ")
        sys.stdout.flush()
        counts = Weather(seed, 5.0, tuple(options.kinds.split(","))).run()
        sys.stdout.write(", ".join(f"{number} {what}" for what, number in sorted(counts.items())) + "\n")
        seed += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
