"""The scripted handlers."""

from __future__ import annotations

import asyncio
from typing import Any, final

import otpy
from otpy import HandOver, RemoveHandler, SwapHandler
from tests.oracle.managers.scenario import Entry, Handler


@final
class World:
    """What the handlers of a manager and its play share: the script, as far as it is to come, and what was noted."""

    def __init__(self, script: list[Entry], runs_on: str = "scheduler") -> None:
        self.script = list(script)
        self.log: list[Any] = []
        base: type[Scripted] = Awaiting if runs_on == "asyncio" else Scripted
        self._classes: dict[str, Any] = {name: type(name, (base,), {"world": self}) for name in ("h1", "h2")}

    def handler(self, handler: Handler) -> Any:
        """Return what otpy calls *handler*."""
        return self._classes[handler] if isinstance(handler, str) else (self._classes[handler[0]], handler[1])

    def next(self, kind: str, callback: str, content: Any, state: Any) -> Entry:
        """Note that a callback was called, and return what it does."""
        self.log.append([kind, callback, form(content), state])
        return self.script.pop(0) if self.script else ["default", 0]


class Scripted(otpy.GenEvent[Any]):
    """Does what its world says."""

    world: World

    def init(self, arg: Any) -> Any:
        """Do the next entry."""
        match self._next("init", arg, None):
            case ["ok" | "default", n]:
                return otpy.Ok(n)
            case ["hibernate", n]:
                return otpy.Ok(n, otpy.Hibernate())
            case ["error", n]:
                return otpy.Stop(("error", n))
            case entry:
                return ("junk", entry[1])

    def handle_event(self, event: Any, state: Any) -> Any:
        """Do the next entry."""
        return self._told("handle_event", event, state)

    def handle_info(self, message: Any, state: Any) -> Any:
        """Do the next entry."""
        shown = ("exit", message.reason) if isinstance(message, otpy.Exit) else message
        return self._told("handle_info", shown, state)

    def _told(self, callback: str, content: Any, state: Any) -> Any:
        match self._next(callback, content, state):
            case ["default", _]:
                return otpy.Ok(state)
            case ["ok", n]:
                return otpy.Ok(n)
            case ["hibernate", n]:
                return otpy.Ok(n, otpy.Hibernate())
            case ["remove", _]:
                return RemoveHandler()
            case ["swap", n, handler]:
                return SwapHandler(n, n, self.world.handler(handler), n)
            case entry:
                return (entry[0], entry[1])

    def handle_call(self, request: Any, state: Any) -> Any:
        """Do the next entry; replies are ("r", n)."""
        match self._next("handle_call", request, state):
            case ["default", _]:
                return otpy.Reply(("r", state), state)
            case ["ok", n]:
                return otpy.Reply(("r", n), n)
            case ["hibernate", n]:
                return otpy.Reply(("r", n), n, otpy.Hibernate())
            case ["remove", n]:
                return RemoveHandler(("r", n))
            case ["swap", n, handler]:
                return SwapHandler(n, n, self.world.handler(handler), n, reply=("r", n))
            case entry:
                return (entry[0], entry[1])

    def terminate(self, arg: Any, state: Any) -> Any:
        """Do the next entry."""
        match self._next("terminate", arg, state):
            case ["junk" | "error" as word, n]:
                return (word, n)
            case entry:
                return entry[1]

    def _next(self, callback: str, content: Any, state: Any) -> Entry:
        entry = self.world.next(type(self).__name__, callback, content, state)
        match entry:
            case ["crash", n]:
                msg = f"boom {n}"
                raise ArithmeticError(msg)
            case ["exit", n]:
                raise otpy.ExitProcess(("bye", n))
            case _:
                return entry


class Awaiting(Scripted):
    """The same with callbacks that are awaited."""

    runs_on = "asyncio"

    async def init(self, arg: Any) -> Any:
        """See Scripted."""
        await asyncio.sleep(0)
        return super().init(arg)

    async def handle_event(self, event: Any, state: Any) -> Any:
        """See Scripted."""
        await asyncio.sleep(0)
        return super().handle_event(event, state)

    async def handle_call(self, request: Any, state: Any) -> Any:
        """See Scripted."""
        await asyncio.sleep(0)
        return super().handle_call(request, state)

    async def terminate(self, arg: Any, state: Any) -> Any:
        """See Scripted."""
        await asyncio.sleep(0)
        return super().terminate(arg, state)


# -- as the recordings have it ---------------------------------------------------------------------


def form(value: Any) -> Any:
    """Return *value* as the recordings have it."""
    match value:
        case HandOver(arg, left):
            return [arg, form(left)]
        case tuple():
            return [form(part) for part in value]
        case otpy.Crash():
            return "crash"
        case otpy.BadReturn():
            return ["bad", form(value.value)]
        case otpy.Normal():
            return "normal"
        case otpy.Shutdown():
            return "shutdown"
        case type():
            return value.__name__
        case _:
            return value


def told(reason: Any) -> Any:
    """Return the reason that an owner was told, as the recordings have it.

    Of a handler that could not take over OTP says no more than "crash".
    """
    match reason:
        case otpy.BadReturn(callback="init") | ("error", int()):
            return "crash"
        case ("swapped", handler, owner):
            return ["swapped", form(handler), "none" if owner is None else owner]
        case _:
            return form(reason)
