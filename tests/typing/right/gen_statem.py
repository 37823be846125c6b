"""State machines as users write them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import otpy
from otpy import (
    CANCEL,
    EventTimeout,
    GenericTimeout,
    Hibernate,
    KeepState,
    NextEvent,
    NextState,
    Postpone,
    RepeatState,
    ReplyTo,
    StateTimeout,
    Stop,
    StopAndReply,
)

Door: TypeAlias = Literal["open", "locked"]


@dataclass
class Data:
    """What the door remembers."""

    code: str
    typed: str = ""


class ByFunction(otpy.GenStatem[Door, Data]):
    """One callback for all events."""

    state_enter = True

    def init(self, arg: str) -> NextState[Door, Data] | Stop[Data]:
        """Begin locked."""
        return NextState("locked", Data(arg)) if arg else Stop(ValueError("no code"))

    def handle_event(
        self, kind: Any, content: Any, state: Door, data: Data
    ) -> NextState[Door, Data] | KeepState[Data] | RepeatState[Data] | Stop[Data] | StopAndReply[Data]:
        """Every result, and every action."""
        match kind, content:
            case "enter", _:
                return KeepState(actions=StateTimeout(10.0, "lock"))
            case "cast", str(digit):
                typed = data.typed + digit
                return NextState("open", data, (EventTimeout(1.0), NextEvent("internal", typed)))
            case ("call", from_), "again":
                return RepeatState(data, ReplyTo(from_, "again"))
            case ("call", _), "later":
                return KeepState(actions=(Postpone(), GenericTimeout("tick", CANCEL), Hibernate()))
            case ("call", from_), "stop":
                return StopAndReply(otpy.Normal(), ReplyTo(from_, "bye"), data)
            case _:
                return Stop(otpy.Shutdown())

    def terminate(self, reason: object, state: Door, data: Data) -> None:
        """End."""

    def code_change(self, old_vsn: object, state: Door, data: Any, extra: object = None) -> NextState[Door, Data]:
        """Take over what another version left."""
        return NextState(state, Data(data))


class ByState(otpy.GenStatem[str, int]):
    """A callback for each state."""

    callback_mode = "state_functions"

    def init(self, arg: int) -> NextState[str, int]:
        """Begin at rest."""
        return NextState("rest", arg)

    def rest(self, kind: Any, content: Any, data: int) -> NextState[str, int] | KeepState[int]:
        """At rest."""
        return NextState("busy", data + 1) if content else KeepState(data)

    def busy(self, kind: Any, content: Any, data: int) -> KeepState[int]:
        """At work."""
        return KeepState()


class Awaited(otpy.GenStatem[Door, Data]):
    """Callbacks that are awaited."""

    runs_on = "asyncio"

    async def init(self, arg: str) -> NextState[Door, Data]:
        """Begin."""
        await asyncio.sleep(0)
        return NextState("locked", Data(arg))

    async def handle_event(self, kind: Any, content: Any, state: Door, data: Data) -> KeepState[Data]:
        """Stay."""
        await asyncio.sleep(0)
        return KeepState(data)
