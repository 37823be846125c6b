"""Killed handlers that compute on: their code ends, and nobody else is hurt.

`python -m tests.kernel.test_interrupts --kills 6000` kills at random moments for longer.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, final

import pytest

import otpy
from otpy import gen_event
from otpy.kernel import interrupts, signals
from otpy.kernel.process import Process
from otpy.kernel.reasons import Killed
from otpy.kernel.runtime import spawn_process
from tests.support import DEADLINE, Echo, Listener, ThreadEcho, eventually, eventually_outside, outside, status

left: list[str] = []
"""Who has gone through its `finally`."""


def count_for_ever() -> None:
    """Never end by itself."""
    n = 0
    try:
        while True:
            n += 1
    finally:
        left.append("count")


def wait_for_ever() -> None:
    """Wait for what never comes, looking all the time."""
    n = 0
    try:
        while n >= 0:
            n += 1
            n += 1
    finally:
        left.append("wait")


def go_through_for_ever() -> None:
    """Have a loop without an end."""
    try:
        for _ in iter(int, 1):
            len("abc")
    finally:
        left.append("for")


def call_for_ever() -> None:
    """Spend the time in other functions."""
    try:
        while True:
            _called(1)
    finally:
        left.append("call")


def _called(n: int) -> int:
    m = n + 1
    return m + n


def spin_for_ever() -> None:
    """Have the loop on one line."""
    try:
        _spin()
    finally:
        left.append("spin")


# fmt: off
def _spin() -> None:
    while True: pass  # noqa: E701
# fmt: on


def sum_for_ever() -> None:
    """Have the loop in a generator, called from C."""
    try:
        sum(1 for _ in iter(int, 1))
    finally:
        left.append("sum")


OFTEN = 12
"""Starts after which CPython 3.11 has specialised a function that loops."""

LOOPS = [count_for_ever, wait_for_ever, go_through_for_ever, call_for_ever, spin_for_ever, sum_for_ever]


def _in_a_server(loop: Callable[[], None]) -> otpy.Pid:
    pid = Echo.start()
    otpy.cast(pid, loop)
    return pid


def _in_a_thread(loop: Callable[[], None]) -> otpy.Pid:
    pid = ThreadEcho.start()
    otpy.cast(pid, loop)
    return pid


class _Machine(otpy.GenStatem[str, Any]):
    """Calls what it is sent, at the moment that it is told."""

    callback_mode = "state_functions"
    state_enter = True

    def init(self, arg: Any) -> Any:
        return otpy.NextState("waiting", None)

    def waiting(self, kind: Any, content: Any, data: Any) -> Any:
        match content:
            case "entering", loop:
                return otpy.NextState("calling", loop)
            case "ending", loop:
                return otpy.Stop(otpy.Normal(), loop)
            case _:
                return otpy.KeepState() if kind == "enter" else content()

    def calling(self, kind: Any, content: Any, data: Any) -> Any:
        return data()

    def terminate(self, reason: Any, state: str, data: Any) -> Any:
        return data and data()


class _Ending(otpy.GenServer[Any]):
    """Calls in its `terminate` what it is sent."""

    def init(self, arg: Any) -> Any:
        return otpy.Ok(None)

    def handle_cast(self, request: Any, state: Any) -> Any:
        return otpy.Stop(otpy.Normal(), request)

    def terminate(self, reason: Any, state: Any) -> Any:
        return state()


def _at_the_end(loop: Callable[[], None]) -> otpy.Pid:
    pid = _Ending.start()
    otpy.cast(pid, loop)
    return pid


def _in_a_machine(loop: Callable[[], None]) -> otpy.Pid:
    pid = _Machine.start()
    otpy.cast(pid, loop)
    return pid


def _entering_a_state(loop: Callable[[], None]) -> otpy.Pid:
    pid = _Machine.start()
    otpy.cast(pid, ("entering", loop))
    return pid


def _at_the_end_of_a_machine(loop: Callable[[], None]) -> otpy.Pid:
    pid = _Machine.start()
    otpy.cast(pid, ("ending", loop))
    return pid


class _Handler(otpy.GenEvent[Any]):
    """Calls what it is sent, when it is asked, or when it goes."""

    def init(self, arg: Any) -> Any:
        return otpy.Ok(None)

    def handle_event(self, event: Any, state: Any) -> Any:
        return otpy.RemoveHandler() if event == "go" else event()

    def handle_call(self, request: Any, state: Any) -> Any:
        return request()

    def terminate(self, arg: Any, state: Any) -> Any:
        return arg() if callable(arg) else None


def _in_a_handler(loop: Callable[[], None]) -> otpy.Pid:
    manager = gen_event.start()
    gen_event.add_handler(manager, _Handler)
    gen_event.notify(manager, loop)
    return manager


def _in_a_call_of_a_handler(loop: Callable[[], None]) -> otpy.Pid:
    manager = gen_event.start()
    gen_event.add_handler(manager, _Handler)
    otpy.spawn(lambda: gen_event.call(manager, _Handler, loop))
    return manager


def _at_the_end_of_a_handler(loop: Callable[[], None]) -> otpy.Pid:
    manager = gen_event.start()
    gen_event.add_handler(manager, _Handler)
    otpy.spawn(lambda: gen_event.delete_handler(manager, _Handler, loop))
    return manager


CALLBACKS = [_in_a_server, _in_a_thread, _at_the_end, _in_a_machine, _entering_a_state, _at_the_end_of_a_machine]
IN_HANDLERS = [_in_a_handler, _in_a_call_of_a_handler, _at_the_end_of_a_handler]


@pytest.mark.parametrize("start", [otpy.spawn, *CALLBACKS])
@pytest.mark.parametrize("loop", LOOPS)
@outside
def test_an_endless_loop_of_the_dead_ends(loop: Callable[[], None], start: Callable[[Any], otpy.Pid]) -> None:
    """Its `finally` runs; its thread is free again, and the processor with it."""
    _ends(loop, start)


@pytest.mark.parametrize("loop", LOOPS)
@outside
def test_an_endless_loop_that_has_run_often_ends(loop: Callable[[], None]) -> None:
    """The interpreter has other instructions for such code by then: a comparison and its jump are one."""
    for _ in range(OFTEN):
        _ends(loop, _in_a_server)


@pytest.mark.parametrize("start", IN_HANDLERS)
@pytest.mark.parametrize("loop", [count_for_ever, sum_for_ever])
@outside
def test_an_endless_loop_of_a_handler_ends_with_its_manager(
    loop: Callable[[], None], start: Callable[[Any], otpy.Pid]
) -> None:
    """What it raises then does not count as a failure of the handler."""
    with Listener("handler.crash") as listener:
        _ends(loop, start)
    assert listener.heard == []


def _begun(loop: Callable[[], None], start: Callable[[Any], otpy.Pid]) -> Any:
    """Start *loop* and return when it runs: whoever is killed before never comes to it."""
    begun = threading.Event()

    def run() -> None:
        begun.set()
        loop()

    pid = start(run)
    assert begun.wait(DEADLINE)
    return pid


def _ends(loop: Callable[[], None], start: Callable[[Any], otpy.Pid]) -> None:
    left.clear()
    pid = _begun(loop, start)
    runner = pid.runner
    otpy.exit(pid, otpy.Kill())
    eventually(lambda: left)
    eventually(lambda: runner.current is not pid)
    assert otpy.call(Echo.start(), "goes on") == "goes on"


@outside
def test_what_it_holds_is_given_back() -> None:
    """A lock in a `with` is not held by the dead for ever."""
    lock = threading.Lock()

    def hold() -> None:
        n = 0
        with lock:
            while True:
                n += 1

    pid = ThreadEcho.start()
    otpy.cast(pid, hold)
    eventually(lock.locked)
    otpy.exit(pid, otpy.Kill())
    eventually(lambda: not lock.locked())


@outside
def test_code_that_catches_everything_is_asked_again() -> None:
    """A careless `except` in the loop is no way to live on."""
    caught: list[str] = []

    def stay() -> None:
        n = 0
        while len(caught) < 2:
            try:
                while True:
                    n += 1
                    n -= 1
            except BaseException as error:  # noqa: BLE001 - as careless code does
                caught.append(type(error).__name__)

    pid = ThreadEcho.start()
    otpy.cast(pid, stay)
    eventually(lambda: status(pid) == "running")
    otpy.exit(pid, otpy.Kill())
    eventually(lambda: len(caught) == 2)
    assert set(caught) == {"Unwound"}


@outside
def test_the_living_with_the_same_code_are_left_alone() -> None:
    """Whose thread it is decides, not which function."""
    stop = threading.Event()
    rounds: list[int] = []

    def compute() -> None:
        n = 0
        while not stop.is_set():
            n += 1
        rounds.append(n)

    dead, alive = ThreadEcho.start(), ThreadEcho.start()
    for pid in (dead, alive):
        otpy.cast(pid, compute)
        eventually(lambda pid=pid: status(pid) == "running")  # type: ignore[misc]
    runner: Any = dead.runner  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    otpy.exit(dead, otpy.Kill())
    eventually(lambda: runner.current is not dead)
    stop.set()
    assert otpy.call(alive, "goes on", timeout=20) == "goes on"
    assert len(rounds) == 1


# -- at random moments -------------------------------------------------------------------------------


@final
class Hunt:
    """Kills at random moments, far more often than the monitor would, beside others that run the same code."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(seed)  # noqa: S311 - a game
        self.lock = threading.Lock()
        self.table = otpy.Table(access="public")
        self.server = Echo.start()
        self.over = threading.Event()
        self.hurt: list[BaseException] = []
        self.served = 0
        self.ended_by_interrupt = 0
        self.struck = 0

    def work(self, seed: int) -> None:
        """Compute, hold a lock, call, and change a table, in turn and for a while."""
        dice = random.Random(seed)  # noqa: S311 - a game
        try:
            for number in range(dice.randrange(1, 60)):
                with self.lock:
                    total = 0
                    for step in range(dice.randrange(300)):
                        total += step
                if not dice.randrange(16):
                    self.table.insert((number, total))
                    otpy.call(self.server, number, timeout=60)
                for step in range(dice.randrange(20000)):
                    total += _called(step)
        except BaseException as error:
            innermost = traceback.extract_tb(error.__traceback__)[-1]
            self.ended_by_interrupt += "interrupts" in innermost.filename  # else otpy has refused it something
            raise

    def live_on(self) -> None:
        """Run the same code all the time, and be hurt by nothing."""
        seed = self.seed
        try:
            while not self.over.is_set():
                seed += 1
                self.work(seed)
                self.served += 1
        except BaseException as error:
            self.hurt.append(error)
            raise

    def run(self, kills: int) -> None:
        """Kill so many; then see that all others are well."""
        starter: Any = otpy.self_pid()
        bystanders = [spawn_process(self.live_on, starter=starter, runs_on="thread") for _ in range(2)]
        for number in range(kills):
            self._hunt(spawn_process(self.work, self.seed + number, starter=starter, runs_on="thread"))
        self.over.set()
        for pid in bystanders:
            eventually(lambda pid=pid: not otpy.is_alive(pid))  # type: ignore[misc]
            assert pid.exit_reason == otpy.Normal()
        assert not self.hurt
        assert self.served
        assert not self.lock.locked()
        assert otpy.call(self.server, "goes on", timeout=60) == "goes on"
        assert otpy.call(Echo.start(), "goes on", timeout=60) == "goes on"
        self.table.insert(("done", 1))

    def _hunt(self, victim: Process) -> None:
        """Declare *victim* dead at a random moment, and have its code ended."""
        self.over.wait(self.dice.random() * 0.006)
        signals.end(victim, Killed())
        runner, deadline = victim.runner, time.monotonic() + 60
        while runner is not None and runner.current is victim:
            if interrupts.interrupt(runner, victim):
                self.struck += 1
                cleaned_up = time.monotonic() + 0.5
                while runner.current is victim and time.monotonic() < cleaned_up:
                    pass
            assert time.monotonic() < deadline
        interrupts.forget(victim)


@pytest.mark.parametrize("seed", range(2))
@outside
def test_kills_at_random_moments_hurt_nobody(seed: int) -> None:
    """Neither who runs the same code, nor who serves them, nor the runtime; no lock is left held."""
    hunt = Hunt(seed)
    hunt.run(40)
    assert hunt.ended_by_interrupt


def main() -> None:
    """Hunt for as long as is asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernel.test_interrupts")
    parser.add_argument("--kills", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    options = parser.parse_args()
    with otpy.runtime():
        hunt = Hunt(options.seed)
        hunt.run(options.kills)
        sys.stdout.write(
            f"seed {options.seed}: {options.kills} kills, {hunt.struck} interrupted, {hunt.ended_by_interrupt} of them "
            f"ended by it, {hunt.served} rounds of others unhurt\n"
        )


if __name__ == "__main__":
    main()


@pytest.mark.parametrize("start", [_in_a_server, _in_a_thread])
def test_an_endless_loop_ends_although_the_runtime_does(start: Callable[[Any], otpy.Pid]) -> None:
    """It would take its time from all that comes afterwards."""
    left.clear()
    with otpy.runtime():
        otpy.exit(_begun(count_for_ever, start), otpy.Kill())
    eventually_outside(lambda: left)
