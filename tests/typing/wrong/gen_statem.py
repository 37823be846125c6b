"""State machines whose callbacks do not fit their states, their data, or each other."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import otpy
from otpy import GenericTimeout, Ignore, KeepState, NextEvent, NextState, Postpone, ReplyTo, StateTimeout

Door: TypeAlias = Literal["open", "locked"]


class WrongTypes(otpy.GenStatem[Door, int]):
    """Callbacks that take or give another state, or other data, than the class says."""

    def init(self, arg: object) -> NextState[str, int]: ...  # error: a str is not always a state
    def handle_event(self, kind: Any, content: Any, state: Door, data: str) -> Any: ...  # error: data is an int
    def terminate(self, reason: object, state: int, data: int) -> None: ...  # error: state is a Door


class WrongResults(otpy.GenStatem[Door, int]):
    """Callbacks that give what is none of their results."""

    def init(self, arg: object) -> otpy.Ok[int]: ...  # error: NextState, Ignore or Stop
    def handle_event(self, kind: Any, content: Any, state: Door, data: int) -> Ignore: ...  # error: not from here


class WrongData(otpy.GenStatem[Door, int]):
    """Results with other data."""

    async def init(self, arg: object) -> NextState[Door, str]: ...  # error: data is an int
    def handle_event(self, kind: Any, content: Any, state: Door, data: int) -> KeepState[str]: ...  # error: an int
    def code_change(self, old_vsn: object, state: Door, data: int, extra: object = None) -> int: ...  # error: NextState


class WrongBodies(otpy.GenStatem[Door, int]):
    """Bodies that do not give what their callbacks promise."""

    callback_mode = "both"  # error: handle_event_function or state_functions
    state_enter = "yes"  # error: True or False

    def init(self, arg: object) -> NextState[Door, int]:
        """Begin."""
        return NextState("opne", 0)  # error: no such state

    def handle_event(self, kind: Any, content: Any, state: Door, data: int) -> NextState[Door, int]:
        """Go on."""
        match content:
            case 1:
                return NextState("open", "1")  # error: data is an int
            case 2:
                return NextState("open")  # error: no data
            case 3:
                return NextState("open", data, "postpone")  # error: an action
            case 4:
                return NextState("open", data, StateTimeout("soon"))  # error: seconds are a number
            case 5:
                return NextState("open", data, NextEvent("enter"))  # error: an enter call cannot be inserted
            case 6:
                return NextState("open", data, [Postpone(), ReplyTo("ann", 1)])  # error: from_ is a From
            case _:
                return NextState("open", data, GenericTimeout("tick"))  # error: no seconds
