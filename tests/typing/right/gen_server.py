"""Servers as users write them, with annotations and without."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, assert_type

import otpy
from otpy import After, Continue, From, Hibernate, Ignore, NoReply, Ok, Reply, Stop


@dataclass
class State:
    """What a counter keeps."""

    total: int = 0
    waiting: list[From] = field(default_factory=list[From])


@dataclass(frozen=True)
class Get(otpy.Request[int]):
    """Asks for the total."""


@dataclass(frozen=True)
class Add(otpy.Request[None]):
    """Adds."""

    amount: int


class Counter(otpy.GenServer[State]):
    """Every callback, with the results that it may have."""

    __vsn__ = "1"

    def init(self, arg: int) -> Ok[State] | Ignore | Stop[State]:
        """Begin, or not."""
        if arg < 0:
            return Stop(ValueError(arg))
        return Ok(State(arg), then=Continue("begin")) if arg else Ignore()

    def handle_call(
        self, request: Get | Add, from_: From, state: State
    ) -> Reply[int | None, State] | NoReply[State] | Stop[State]:
        """Answer now, later, or with the end."""
        match request:
            case Get():
                return Reply(state.total, state)
            case Add(0):
                return Stop(otpy.Normal(), state, reply=None)
            case Add(amount) if amount > 0:
                state.total += amount
                return Reply(None, state, then=After(1.0))
            case _:
                state.waiting.append(from_)
                return NoReply(state)

    def handle_cast(self, request: str, state: State) -> NoReply[State] | Stop[State]:
        """Go on, or end."""
        return NoReply(state, then=Hibernate()) if request else Stop(otpy.Shutdown("done"), state)

    def handle_info(self, message: object, state: State) -> NoReply[State]:
        """Go on."""
        for from_ in state.waiting:
            otpy.reply(from_, state.total)
        return NoReply(state)

    def handle_continue(self, arg: str, state: State) -> NoReply[State]:
        """Go on."""
        return NoReply(state)

    def terminate(self, reason: object, state: State) -> None:
        """End."""

    def code_change(self, old_vsn: object, state: Any, extra: object = None) -> Ok[State]:
        """Take over what another version left."""
        return Ok(State(state))

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        """Hide something."""
        return {**status, "state": "hidden"}


class Narrow(otpy.GenServer[list[int]]):
    """Callbacks that promise less than they might."""

    def init(self, arg: object) -> Ok[list[int]]:
        """Begin."""
        return Ok([])

    def handle_call(self, request: str, from_: From, state: list[int]) -> Reply[int, list[int]]:
        """Answer."""
        return Reply(len(state), [*state, len(request)])


class Plain(otpy.GenServer[Any]):
    """A state of any kind."""

    def init(self, arg: Any) -> Any:
        """Begin."""
        return Ok(arg)

    def handle_call(self, request: Any, from_: From, state: Any) -> Any:
        """Answer."""
        return Reply(request, state)


class Loop(otpy.GenServer[State]):
    """Callbacks that are awaited."""

    runs_on = "asyncio"

    async def init(self, arg: int) -> Ok[State]:
        """Begin."""
        await asyncio.sleep(0)
        return Ok(State(arg))

    async def handle_call(self, request: Get, from_: From, state: State) -> Reply[int, State]:
        """Answer."""
        return Reply(await otpy.acall("counter", Get()), state)

    async def handle_cast(self, request: str, state: State) -> NoReply[State]:
        """Go on."""
        return NoReply(state)

    def handle_info(self, message: object, state: State) -> NoReply[State]:
        """Go on."""
        return NoReply(state)

    async def terminate(self, reason: object, state: State) -> None:
        """End."""

    async def code_change(self, old_vsn: object, state: Any, extra: object = None) -> Ok[State]:
        """Take over."""
        return Ok(State(state))


def use() -> None:
    """What users ask of it."""
    pid = Counter.start_link(1, name="counter", timeout=1.0)
    assert_type(pid, otpy.Pid)
    assert_type(otpy.call(pid, Get()), int)
    assert_type(otpy.call("counter", Add(1), timeout=None), None)
    assert_type(otpy.call(pid, "anything"), Any)
    request = otpy.send_request(pid, Get())
    assert_type(request, otpy.RequestId[int])
    assert_type(otpy.wait_response(request, timeout=1.0), int)
    response = otpy.check_response(request)
    if response is not None:
        assert_type(response.value, int)
    assert_type(otpy.wait_response(otpy.send_request(pid, "anything")), Any)
    otpy.cast(pid, "anything")
    otpy.stop(pid, otpy.Shutdown("enough"), timeout=None)
    pid, ref = Counter.start_monitor(1)
    assert_type(ref, otpy.Ref)


async def use_awaiting() -> None:
    """The same on an event loop."""
    assert_type(await otpy.acall("counter", Get(), timeout=1.0), int)
    async with otpy.Mailbox(limit=None, label="stream") as box:
        assert_type(box.pid, otpy.Pid)
        async for message in box:
            assert_type(message, Any)
