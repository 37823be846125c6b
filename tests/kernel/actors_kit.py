"""What the tests of actors and event loops share: actors and servers that do as they are told."""

from __future__ import annotations

from typing import Any

import pykka

import otpy


class Plain(pykka.ThreadingActor):
    """Runs what it is told, on its own thread."""

    use_daemon_thread = True

    def on_receive(self, message: Any) -> Any:
        """Call what can be called, give back the rest."""
        return message() if callable(message) else message

    def double(self, number: int) -> int:
        """Answer through a proxy."""
        return 2 * number


class Own(otpy.Actor):
    """The same on the scheduler."""

    def on_receive(self, message: Any) -> Any:
        """Call what can be called, give back the rest."""
        return message() if callable(message) else message

    def double(self, number: int) -> int:
        """Answer through a proxy."""
        return 2 * number


class LoopEcho(otpy.GenServer[None]):
    """Gives back the request, on the event loop; awaits what it is told to call."""

    runs_on = "asyncio"

    async def init(self, arg: object) -> otpy.Ok[None]:
        """Start with nothing."""
        return otpy.Ok(None)

    async def handle_call(self, request: Any, from_: otpy.From, state: None) -> Any:
        """Await what the request returns, if it is a function."""
        act = as_function(request)
        return otpy.Reply(request if act is None else await act(), state)


def as_function(message: Any) -> Any:
    """Return *message* if it can be called, else None."""
    return message if callable(message) else None


def never(_message: object) -> bool:
    """Select no message."""
    return False


def parked(pid: otpy.Pid) -> bool:
    """Whether *pid* waits inside its code."""
    info = otpy.process_info(pid)
    return info is not None and info.status == "waiting"
