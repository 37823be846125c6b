"""What callbacks return.

Each is a frozen value that matches by position and by name. What it causes stands in its docstring;
`then` is what the server does before it takes the next message.

Source: OTP gen_server.erl, the return types of Module:init/1, handle_call/3 and so on.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from otpy.kernel.reasons import check_reason

T = TypeVar("T")
StateT = TypeVar("StateT")
StateT_co = TypeVar("StateT_co", covariant=True)
ValueT_co = TypeVar("ValueT_co", covariant=True)


class Unset:
    """The type of UNSET: nothing was given, where None could have been."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


class Continue(msgspec.Struct, frozen=True):
    """Run `handle_continue(arg, state)` before any other message."""

    arg: Any = None


class After(msgspec.Struct, frozen=True):
    """If no message comes within *seconds*, `handle_info(Timeout(), state)` runs. Any message cancels it."""

    seconds: float


class Hibernate(msgspec.Struct, frozen=True):
    """Nothing is expected for long. Accepted for OTP's sake: an idle process of otpy has nothing left to give back."""


Then: TypeAlias = Continue | After | Hibernate | None


class Ok(msgspec.Struct, Generic[StateT_co], frozen=True):
    """From `init` and `code_change`: go on with this state."""

    state: StateT_co
    then: Then = None


class Ignore(msgspec.Struct, frozen=True):
    """From `init`: do not start, and that is no failure."""


class Reply(msgspec.Struct, Generic[ValueT_co, StateT_co], frozen=True):
    """From `handle_call`: the caller gets *value*."""

    value: ValueT_co
    state: StateT_co
    then: Then = None


class NoReply(msgspec.Struct, Generic[StateT_co], frozen=True):
    """Go on with this state. After `handle_call` the caller waits until `reply(from_, value)`."""

    state: StateT_co
    then: Then = None


class Stop(msgspec.Struct, Generic[StateT_co], frozen=True):
    """End with *reason*: `terminate(reason, state)` runs first. From `handle_call`, *reply* is sent before.

    `init` gives the reason alone.
    """

    reason: Any
    state: StateT_co | Unset = UNSET
    reply: Any = UNSET

    def __post_init__(self) -> None:
        """Refuse what cannot be a reason where it was written, in the callback."""
        check_reason(self.reason)


Awaited: TypeAlias = T | Awaitable[T]
"""A result, or something to await that gives one: a callback may be `async def` where its class runs on asyncio."""

InitResult: TypeAlias = Awaited[Ok[StateT] | Ignore | Stop[StateT]]
CallResult: TypeAlias = Awaited[Reply[Any, StateT] | NoReply[StateT] | Stop[StateT]]
CastResult: TypeAlias = Awaited[NoReply[StateT] | Stop[StateT]]
CodeChangeResult: TypeAlias = Awaited[Ok[StateT]]
