"""State machines with runs_on = "asyncio": every callback a coroutine, in both modes, through all of a life."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import otpy
from otpy import EventTimeout, GenericTimeout, KeepState, NextEvent, NextState, Postpone, ReplyTo, StateTimeout
from tests.support import DEADLINE, down, eventually, get, inside


class Door(otpy.GenStatem[str, Any]):
    """A door whose callbacks all wait for something. Its data is who is told."""

    callback_mode = "state_functions"
    state_enter = True
    runs_on = "asyncio"

    async def init(self, arg: Any) -> Any:
        """Begin locked."""
        await asyncio.sleep(0)
        return NextState("locked", arg)

    async def locked(self, kind: Any, content: Any, data: Any) -> Any:
        """Open on request; what cannot be done waits."""
        await asyncio.sleep(0)
        match kind, content:
            case "enter", before:
                otpy.send(data, ("locked after", before))
                return KeepState()
            case ("call", from_), "open":
                return NextState("opened", data, (ReplyTo(from_, "open"), NextEvent("internal", "opened")))
            case ("call", _), "walk":
                return KeepState(actions=Postpone())
            case _, wait if asyncio.iscoroutine(wait):
                await wait
                return KeepState()
            case _:
                return KeepState()

    async def opened(self, kind: Any, content: Any, data: Any) -> Any:
        """Let through, and lock again."""
        await asyncio.sleep(0)
        match kind, content:
            case "enter", before:
                otpy.send(data, ("opened after", before))
                return KeepState()
            case ("call", from_), "walk":
                return KeepState(actions=(ReplyTo(from_, "inside"), StateTimeout(0.001, "lock")))
            case "state_timeout", "lock":
                return NextState("locked", data)
            case "internal", content:
                otpy.send(data, content)
                return KeepState(actions=(EventTimeout(3600.0), GenericTimeout("tick", 0.001, "tock")))
            case ("timeout", "tick"), content:
                otpy.send(data, content)
                return KeepState()
            case _:
                return KeepState()

    async def terminate(self, reason: Any, state: str, data: Any) -> None:
        """Tell."""
        await asyncio.sleep(0)
        otpy.send(data, ("ended", state, reason))


@inside
def test_a_life_of_callbacks_that_are_awaited() -> None:
    """Enter calls, replies, postponed and inserted events, each kind of timeout, and terminate; in their order."""
    door = Door.start(otpy.self_pid())
    assert get() == ("locked after", "locked")
    walk = otpy.send_request(door, "walk")
    assert otpy.call(door, "open") == "open"
    assert otpy.wait_response(walk, timeout=DEADLINE) == "inside"
    told = [get() for _ in range(4)]
    assert told[:2] == [("opened after", "locked"), "opened"]
    assert sorted(map(str, told[2:])) == ["('locked after', 'opened')", "tock"]
    otpy.stop(door, otpy.Shutdown())
    assert get() == ("ended", "locked", otpy.Shutdown())


@inside
def test_a_kill_in_the_middle_of_an_await() -> None:
    """The coroutine is cancelled, callers are answered, postponed requests too, and no terminate runs."""
    door = Door.start(otpy.self_pid())
    assert get() == ("locked after", "locked")
    cancelled: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append("wait")

    postponed = otpy.send_request(door, "walk")
    otpy.sys.get_state(door)
    waiting, queued = otpy.send_request(door, wait()), otpy.send_request(door, "open")
    ref = otpy.monitor(door)
    eventually(lambda: _is_running(door))
    otpy.exit(door, otpy.Kill())
    assert down(ref) == otpy.Killed()
    for request in (postponed, waiting, queued):
        with pytest.raises(otpy.ServerExited):
            otpy.wait_response(request, timeout=DEADLINE)
    eventually(lambda: cancelled == ["wait"])
    assert otpy.flush() == []


def _is_running(pid: otpy.Pid) -> bool:
    info = otpy.process_info(pid)
    return info is not None and info.status == "running" and info.message_queue_len == 1
