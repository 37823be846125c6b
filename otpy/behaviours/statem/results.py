"""What the callbacks of a state machine return, and the actions that go with it.

Each result is a frozen value that matches by position and by name; `actions` is one action or a sequence of them.

Source: OTP gen_statem.erl, the types event_handler_result, state_enter_result and action.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from otpy.behaviours.results import UNSET, Hibernate, Stop, Unset
from otpy.kernel.calls import Call, From
from otpy.kernel.reasons import Reason, check_reason

StateT = TypeVar("StateT")
DataT = TypeVar("DataT")
StateT_co = TypeVar("StateT_co", covariant=True)
DataT_co = TypeVar("DataT_co", covariant=True)

Insertable: TypeAlias = (
    Literal["cast", "info", "internal", "timeout", "state_timeout"]
    | tuple[Literal["call"], From]
    | tuple[Literal["timeout"], Any]
)
"""The kinds of events that `NextEvent` can insert."""

EventType: TypeAlias = Insertable | Literal["enter"]
"""What kind of event it is: `("call", from_)`, `("timeout", name)`, or one of the words."""


class _Word:
    """A word that stands where a time could."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


CANCEL: Final = _Word("CANCEL")
"""In place of the seconds of a timeout: end it, if it runs."""

UPDATE: Final = _Word("UPDATE")
"""In place of the seconds of a timeout: give it another content, at the same time; if none runs, it is due at once."""

Seconds: TypeAlias = float | _Word | None
"""A time: seconds; None never comes, as CANCEL does; UPDATE keeps the time that runs."""


# -- actions ---------------------------------------------------------------------------------------


class Postpone(msgspec.Struct, frozen=True):
    """Keep the event, and handle it again after the next change of state."""


class NextEvent(msgspec.Struct, frozen=True):
    """Handle this event before any other that waits. Several come in the order in which they are given."""

    kind: Insertable
    content: Any = None


class ReplyTo(msgspec.Struct, frozen=True):
    """Answer the request of *from_*, which came with `("call", from_)`."""

    from_: From
    value: Any = None


class StateTimeout(msgspec.Struct, frozen=True):
    """An event `"state_timeout"` after *seconds*, unless the state changes before. A new one takes its place.

    *absolute*: the moment instead, in the runtime's seconds.
    """

    seconds: Seconds
    content: Any = None
    absolute: bool = False

    @property
    def key(self) -> Literal["state_timeout"]:
        """The kind of its event, which tells it from the other timeouts."""
        return "state_timeout"


class EventTimeout(msgspec.Struct, frozen=True):
    """An event `"timeout"` after *seconds*, unless any other event comes before. See StateTimeout."""

    seconds: Seconds
    content: Any = None
    absolute: bool = False

    @property
    def key(self) -> Literal["timeout"]:
        """The kind of its event."""
        return "timeout"


class GenericTimeout(msgspec.Struct, frozen=True):
    """An event `("timeout", name)` after *seconds*, whatever else happens. Each name is a timer. See StateTimeout."""

    name: Any
    seconds: Seconds
    content: Any = None
    absolute: bool = False

    @property
    def key(self) -> tuple[Literal["timeout"], Any]:
        """The kind of its event."""
        return "timeout", self.name


Timeout: TypeAlias = StateTimeout | EventTimeout | GenericTimeout
EnterAction: TypeAlias = ReplyTo | Timeout | Hibernate
Action: TypeAlias = EnterAction | Postpone | NextEvent
Actions: TypeAlias = Action | Sequence[Action]


# -- results ---------------------------------------------------------------------------------------


class NextState(msgspec.Struct, Generic[StateT_co, DataT_co], frozen=True):
    """Go to *state*, which may be the same, with *data*. From `init`: begin there; from `code_change`: be there."""

    state: StateT_co
    data: DataT_co
    actions: Actions = ()


class KeepState(msgspec.Struct, Generic[DataT_co], frozen=True):
    """Stay in the state; with *data*, or the same data if it is not given."""

    data: DataT_co | Unset = UNSET
    actions: Actions = ()


class RepeatState(msgspec.Struct, Generic[DataT_co], frozen=True):
    """As KeepState, but the state is entered anew: with `state_enter`, its enter call comes again."""

    data: DataT_co | Unset = UNSET
    actions: Actions = ()


class StopAndReply(msgspec.Struct, Generic[DataT_co], frozen=True):
    """As Stop, after *replies* (one ReplyTo or several) have been sent."""

    reason: Reason
    replies: ReplyTo | Sequence[ReplyTo]
    data: DataT_co | Unset = UNSET

    def __post_init__(self) -> None:
        """Refuse what cannot be a reason where it was written, in the callback."""
        check_reason(self.reason)


Result: TypeAlias = NextState[StateT, DataT] | KeepState[DataT] | RepeatState[DataT] | Stop[DataT] | StopAndReply[DataT]
EnterResult: TypeAlias = NextState[StateT, DataT] | KeepState[DataT] | Stop[DataT] | StopAndReply[DataT]


# -- what the loop works with ----------------------------------------------------------------------


class Event(msgspec.Struct, eq=False):
    """Something to be handled. *call*: the request that waits for an answer, if it is one."""

    kind: EventType
    content: Any
    call: Call | None = None
