"""Servers whose callbacks do not fit their state, or each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import otpy
from otpy import After, Continue, From, Ignore, NoReply, Ok, Reply, Stop


@dataclass(frozen=True)
class Get(otpy.Request[int]):
    """Asks for a number."""


class WrongState(otpy.GenServer[int]):
    """Callbacks that take another state than the class says."""

    def handle_call(self, request: object, from_: From, state: str) -> Any: ...  # error: state is an int
    def handle_cast(self, request: object, state: str) -> Any: ...  # error: state is an int
    def handle_info(self, message: object, state: str) -> Any: ...  # error: state is an int
    def handle_continue(self, arg: object, state: str) -> Any: ...  # error: state is an int
    def terminate(self, reason: object, state: str) -> None: ...  # error: state is an int
    def code_change(self, old_vsn: object, state: str, extra: object = None) -> Any: ...  # error: state is an int


class WrongNewState(otpy.GenServer[int]):
    """Callbacks that give another state than the class says."""

    def init(self, arg: object) -> Ok[str]: ...  # error: state is an int
    def handle_call(self, request: object, from_: From, state: int) -> Reply[int, str]: ...  # error: state is an int
    def handle_cast(self, request: object, state: int) -> NoReply[str]: ...  # error: state is an int
    def handle_info(self, message: object, state: int) -> Stop[str]: ...  # error: state is an int
    def handle_continue(self, arg: object, state: int) -> NoReply[str]: ...  # error: state is an int
    def code_change(self, old_vsn: object, state: int, extra: object = None) -> Ok[str]: ...  # error: state is an int


class WrongNewStateAwaited(otpy.GenServer[int]):
    """The same in callbacks that are awaited."""

    runs_on = "asyncio"

    async def init(self, arg: object) -> Ok[str]: ...  # error: state is an int
    async def handle_call(self, request: object, from_: From, state: int) -> Reply[int, str]: ...  # error: state
    async def handle_cast(self, request: object, state: int) -> NoReply[str]: ...  # error: state is an int


class WrongResult(otpy.GenServer[int]):
    """Callbacks that give what is none of their results."""

    def init(self, arg: object) -> int: ...  # error: Ok, Ignore or Stop
    def handle_call(self, request: object, from_: From, state: int) -> int: ...  # error: Reply, NoReply or Stop
    def handle_cast(self, request: object, state: int) -> Reply[int, int]: ...  # error: nobody waits for a reply
    def handle_info(self, message: object, state: int) -> Ignore: ...  # error: NoReply or Stop
    def handle_continue(self, arg: object, state: int) -> None: ...  # error: NoReply or Stop
    def code_change(self, old_vsn: object, state: int, extra: object = None) -> int: ...  # error: Ok


class WrongBodies(otpy.GenServer[int]):
    """Bodies that do not give what their callbacks promise."""

    runs_on = "moon"  # error: scheduler, thread or asyncio

    def init(self, arg: object) -> Ok[int]:
        """Begin."""
        return Ok("none")  # error: state is an int

    def handle_call(self, request: object, from_: From, state: int) -> Reply[str, int]:
        """Answer."""
        return Reply(state, state)  # error: the value is a str

    def handle_cast(self, request: object, state: int) -> NoReply[int]:
        """Go on."""
        return NoReply(state, then="later")  # error: Continue, After or Hibernate

    def handle_info(self, message: object, state: int) -> NoReply[int]:
        """Go on."""
        return NoReply()  # error: no state

    def handle_continue(self, arg: object, state: int) -> NoReply[int]:
        """Go on."""
        return NoReply(state, then=After("soon"))  # error: seconds are a number


def wrong_replies(pid: otpy.Pid) -> None:
    """Uses of replies as what they are not."""
    name: str = otpy.call(pid, Get())  # error: the reply is an int
    otpy.call(pid, Get()).upper()  # error: the reply is an int
    request = otpy.send_request(pid, Get())
    word: str = otpy.wait_response(request)  # error: the reply is an int
    response = otpy.check_response(request)
    response.value  # error: it may be None
    del name, word


async def wrong_awaited_replies(pid: otpy.Pid) -> None:
    """The same on an event loop."""
    (await otpy.acall(pid, Get())).upper()  # error: the reply is an int
    # Here mypy looks for an overload that gives what is wanted, and finds the one for requests of any kind.
    name: str = await otpy.acall(pid, Get())  # pyright error: the reply is an int
    total: int = otpy.acall(pid, Get())  # error: it is not awaited
    del name, total


def wrong_arguments(pid: otpy.Pid) -> None:
    """Arguments that are none."""
    otpy.call(7, Get())  # error: who?
    otpy.call(pid, Get(), timeout="5")  # error: seconds are a number
    otpy.call(pid, Get(), 5.0)  # error: timeout is given by name
    otpy.cast(pid)  # error: what?
    otpy.wait_response(pid)  # error: a request id
    otpy.stop(pid, timeout="5")  # error: seconds are a number
    WrongState.start_link(1, name=7)  # error: a name is a str
    WrongState.start_link(1, nmae="x")  # error: no such argument
    otpy.register(pid, "name")  # error: the name comes first
    otpy.Mailbox(limit="many")  # error: a number of messages
    Continue("a", "b")  # error: one argument
