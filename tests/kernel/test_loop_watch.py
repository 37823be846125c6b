"""What blocks the event loop is noticed and named."""

from __future__ import annotations

import asyncio
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Self

import pytest

import otpy
from tests.support import DEADLINE, Listener, eventually_outside, python

SLOW = 0.02


class Blocks(otpy.GenServer[None]):
    """Does what it is asked to, on the event loop."""

    runs_on = "asyncio"

    async def init(self, arg: Any) -> Any:
        """Keep nothing."""
        return otpy.Ok(None)

    async def handle_call(self, request: Callable[[], Any], from_: otpy.From, state: None) -> Any:
        """Run it, and wait for it if that is what it wants."""
        done = request()
        return otpy.Reply(await done if asyncio.iscoroutine(done) else done, state)


def hold_until(fact: threading.Event) -> None:
    """Block the loop until *fact*."""
    assert fact.wait(DEADLINE)


class Heard:
    """Is told of blocked loops; `once` is set by the first."""

    def __init__(self) -> None:
        self.once = threading.Event()
        self.facts: list[dict[str, Any]] = []
        self._detach = otpy.events.attach("loop.blocked", self._hear)

    def _hear(self, **facts: Any) -> None:
        self.facts.append(facts)
        self.once.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._detach()


def test_a_handler_that_blocks_is_named_while_it_does(caplog: pytest.LogCaptureFixture) -> None:
    """The process, its behaviour, the line of the program (and not of the library that it calls), and what to do."""
    with caplog.at_level(logging.WARNING, "otpy.loop"), otpy.runtime(slow_callback_duration=SLOW), Heard() as heard:
        pid = Blocks.start(name="blocks")
        otpy.call(pid, lambda: hold_until(heard.once), timeout=DEADLINE)
    facts = heard.facts[0]
    assert (facts["pid"], facts["behaviour"]) == (pid, Blocks)
    assert f"{__file__}:" in facts["where"]
    assert facts["where"].endswith("in hold_until")
    assert facts["seconds"] >= SLOW
    (record,) = caplog.records
    said = record.getMessage()
    assert "blocks> (Blocks) has blocked the event loop" in said
    assert "in hold_until" in said
    assert "await otpy.acall" in said
    assert "asyncio.to_thread" in said
    assert "runs_on = 'thread'" in said


def test_the_same_place_is_warned_of_once_and_each_time_an_event(caplog: pytest.LogCaptureFixture) -> None:
    """A log that repeats itself is not read; what counts is counted."""
    with caplog.at_level(logging.WARNING, "otpy.loop"), otpy.runtime(slow_callback_duration=SLOW):
        pid = Blocks.start()
        for _ in range(3):
            with Heard() as heard:
                otpy.call(pid, lambda heard=heard: hold_until(heard.once), timeout=DEADLINE)
                assert len(heard.facts) == 1
    assert len(caplog.records) == 1


def test_a_task_that_blocks_is_told_with_the_process_that_has_started_it() -> None:
    """Its context says whose it is."""

    async def block(heard: Heard) -> None:
        await asyncio.sleep(0)
        hold_until(heard.once)

    async def start(heard: Heard) -> None:
        await asyncio.create_task(block(heard))

    with otpy.runtime(slow_callback_duration=SLOW), Heard() as heard:
        pid = Blocks.start()
        otpy.call(pid, lambda: start(heard), timeout=DEADLINE)
    assert heard.facts[0]["pid"] is pid


def test_many_short_steps_in_a_row_are_no_blocking() -> None:
    """The loop is busy, and everybody has his turn."""

    async def busy() -> None:
        until = time.monotonic() + 0.6
        while True:
            await asyncio.sleep(0)
            if time.monotonic() >= until:
                return

    async def crowd() -> None:
        await asyncio.gather(*[busy() for _ in range(100)])

    with otpy.runtime(slow_callback_duration=0.2), Listener("loop.blocked") as listener:
        otpy.call(Blocks.start(), crowd, timeout=DEADLINE)
        assert listener.heard == []


def test_it_sleeps_while_the_loop_waits_and_wakes_with_it() -> None:
    """What blocks after a long idle time is noticed too."""
    with otpy.runtime(slow_callback_duration=SLOW) as runtime, Heard() as heard:
        pid = Blocks.start()
        selector: Any = runtime.loop_thread().loop._selector  # type: ignore[attr-defined]
        eventually_outside(lambda: bool(selector.asleep))
        otpy.call(pid, lambda: hold_until(heard.once), timeout=DEADLINE)


def test_under_a_debugger_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who reads at a breakpoint is not told that he does."""
    looks: queue.SimpleQueue[None] = queue.SimpleQueue()

    def stand() -> None:
        for _ in range(10):
            looks.get(timeout=DEADLINE)

    def traced() -> object:
        looks.put(None)
        return stand

    monkeypatch.setattr(sys, "gettrace", traced)
    with otpy.runtime(slow_callback_duration=SLOW), Listener("loop.blocked") as listener:
        otpy.call(Blocks.start(), stand, timeout=DEADLINE)
    assert listener.heard == []


def test_it_may_be_turned_off() -> None:
    """Then nobody looks."""
    with otpy.runtime(slow_callback_duration=None):
        Blocks.start()
        assert "otpy-loop-watch" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("given", [0, -1.0, True, "0.1", float("nan")])
def test_what_is_no_duration_is_refused(given: Any) -> None:
    """With what is accepted."""
    with pytest.raises(ValueError, match="more than 0, or None"), otpy.runtime(slow_callback_duration=given):
        pass


def test_a_loop_of_another_kind_is_used_and_not_watched() -> None:
    """Where an event loop policy gives one, as uvloop does."""
    code = """
        import asyncio, threading, warnings, otpy
        warnings.simplefilter("ignore")

        class Other(asyncio.SelectorEventLoop):
            pass

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self):
                return Other()

        asyncio.set_event_loop_policy(Policy())

        class Server(otpy.GenServer):
            runs_on = "asyncio"
            async def init(self, arg):
                return otpy.Ok(type(asyncio.get_running_loop()).__name__)
            async def handle_call(self, request, from_, state):
                return otpy.Reply(state, state)

        with otpy.runtime():
            print(otpy.call(Server.start(), 0))
            print([t.name for t in threading.enumerate() if "watch" in t.name])
    """
    done = python(code)
    assert (done.stdout.split("\n")[:2], done.stderr) == (["Other", "[]"], "")
