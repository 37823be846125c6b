"""A server that does what its messages say, on each kind of executor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import otpy


class Scripted(otpy.GenServer[Any]):
    """Runs the function that it gets, with the state; what it returns is the callback's result.

    What is called and with which arguments goes to the process that started it, as a tuple.
    """

    def init(self, arg: Any) -> Any:
        """Keep the arg as state, or return what it makes."""
        return arg() if callable(arg) else otpy.Ok(arg)

    def handle_call(self, request: Any, from_: otpy.From, state: Any) -> Any:
        """Run the request, with `from_` and state."""
        return request(from_, state)

    def handle_cast(self, request: Any, state: Any) -> Any:
        """Run the request."""
        return request(state)

    def handle_info(self, message: Any, state: Any) -> Any:
        """Run the message, or report it."""
        if callable(message):
            return message(state)
        self._report("info", message, state)
        return otpy.NoReply(state)

    def handle_continue(self, arg: Any, state: Any) -> Any:
        """Run the arg, or report it."""
        if callable(arg):
            return arg(state)
        self._report("continue", arg, state)
        return otpy.NoReply(state)

    def terminate(self, reason: Any, state: Any) -> None:
        """Report it."""
        self._report("terminate", reason, state)

    def _report(self, *what: Any) -> None:
        if otpy.whereis("test") is not None:
            otpy.send("test", what)


class OnThread(Scripted):
    """On a thread of its own."""

    runs_on = "thread"


class OnLoop(Scripted):
    """On the event loop."""

    runs_on = "asyncio"

    async def handle_call(self, request: Any, from_: otpy.From, state: Any) -> Any:
        """See Scripted."""
        return super().handle_call(request, from_, state)

    async def handle_cast(self, request: Any, state: Any) -> Any:
        """See Scripted."""
        return super().handle_cast(request, state)


KINDS: tuple[type[Scripted], ...] = (Scripted, OnThread, OnLoop)


def as_init(fn: Callable[[], Any]) -> Any:
    """Return what init runs."""
    return fn


def on_call(fn: Callable[[otpy.From, Any], Any]) -> Any:
    """Return a request that runs *fn* with its `from_` and the state."""
    return fn


def on_message(fn: Callable[[Any], Any]) -> Any:
    """Return a cast, or another message, that runs *fn* with the state."""
    return fn


def add(amount: int) -> Any:
    """Return a cast that adds *amount* to the state."""
    return on_message(lambda state: otpy.NoReply(state + amount))


def append(value: Any) -> Any:
    """Return a cast that appends *value* to the state."""
    return on_message(lambda state: otpy.NoReply([*state, value]))


def answer(value: Any) -> Any:
    """Return a request that is answered with *value*."""
    return on_call(lambda _from, state: otpy.Reply(value, state))


def look(_from: otpy.From, state: Any) -> Any:
    """As a request: reply with the state."""
    return otpy.Reply(state, state)


def state_of(pid: otpy.Pid) -> Any:
    """Return the state of a Scripted."""
    return otpy.call(pid, look, timeout=20.0)
