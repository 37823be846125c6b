"""What the callbacks of event handlers return besides Ok, Reply and Stop, and what their owners are told.

Source: OTP gen_event.erl: the types of its callbacks, and add_sup_handler/3.
"""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from otpy.behaviours.events.handler import Handler, check_handler
from otpy.behaviours.results import UNSET
from otpy.kernel.reasons import Reason

StateT_co = TypeVar("StateT_co", covariant=True)


class RemoveHandler(msgspec.Struct, frozen=True):
    """Remove this handler, after its `terminate("remove_handler", state)`. From `handle_call`, with a *reply*."""

    reply: Any = UNSET


class SwapHandler(msgspec.Struct, Generic[StateT_co], frozen=True):
    """Have *new* take the place of this handler: `terminate(arg, state)` runs, then `init` of *new*.

    What `terminate` returns goes to `init` in `HandOver(new_arg, left)`. The owner of a supervised handler owns the new
    one. From `handle_call`, with a *reply*.
    """

    arg: Any
    state: StateT_co
    new: Handler
    new_arg: Any = None
    reply: Any = UNSET

    def __post_init__(self) -> None:
        """Refuse what is no handler where it was written, in the callback."""
        check_handler(self.new)


class HandOver(NamedTuple):
    """The *arg* of `init` when a handler takes over: what it was given, and what the `terminate` of the other left.

    *left* is "error" if there was no such handler, and Crash(error) if its `terminate` raised.
    """

    arg: Any
    left: Any


class GenEventExit(msgspec.Struct, frozen=True):
    """The message to the owner of a supervised handler that has gone.

    *reason* is Normal() when it was deleted or has removed itself, Shutdown() when the manager ends,
    `("swapped", new, owner)` when *new* has taken over (*owner* None: that one is not supervised), and Crash(error) or
    BadReturn(callback, value) when it has failed.
    """

    handler: Handler
    reason: Reason
