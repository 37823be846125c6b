"""What a result of a callback means: decided from the result alone, before anything is done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from otpy.behaviours.results import Hibernate, Stop, Unset
from otpy.behaviours.statem.results import (
    CANCEL,
    UPDATE,
    Event,
    EventTimeout,
    GenericTimeout,
    KeepState,
    NextEvent,
    NextState,
    Postpone,
    RepeatState,
    ReplyTo,
    StateTimeout,
    StopAndReply,
    Timeout,
)
from otpy.errors import BadReturn
from otpy.kernel.calls import Call
from otpy.kernel.reasons import Reason

TIMEOUTS: Final = (StateTimeout, EventTimeout, GenericTimeout)
WORDS: Final = ("cast", "info", "internal", "timeout", "state_timeout")
"""The kinds of events that `NextEvent` can insert, besides `("call", from_)` and `("timeout", name)`."""


class Transition(msgspec.Struct):
    """What follows a callback: where the machine is then, and what it does on the way."""

    state: Any
    data: Any
    changed: bool = False
    entered: bool = False
    """Whether an enter call is due, in a machine that has them."""
    postpone: bool = False
    replies: list[ReplyTo] = []
    inserted: list[Event] = []
    timeouts: list[Timeout] = []


class Leaving(msgspec.Struct):
    """The machine ends."""

    reason: Reason
    data: Any
    replies: list[ReplyTo] = []


def transition_of(callback: str, result: Any, state: Any, data: Any, *, entering: bool = False) -> Transition | Leaving:
    """Return what *result*, which *callback* gave in *state* with *data*, means.

    *entering*: it was an enter call, which may neither change the state nor postpone or insert events. What is no
    result, or has an action that is none, ends the machine with BadReturn; what came before it counts.
    """
    bad = BadReturn(callback, result)
    match result:
        case NextState(new, new_data, actions):
            changed = not same(new, state)
            if entering and changed:
                return Leaving(bad, data)
            made = Transition(new, new_data, changed, entered=changed)
        case KeepState(new_data, actions):
            made = Transition(state, _given(new_data, data))
        case RepeatState(new_data, actions):
            made = Transition(state, _given(new_data, data), entered=True)
        case Stop(reason, new_data, Unset()):
            return Leaving(reason, _given(new_data, data))
        case StopAndReply(reason, replies, new_data) if all(map(_is_reply, _sequence(replies))):
            return Leaving(reason, _given(new_data, data), list(_sequence(replies)))
        case _:
            return Leaving(bad, data)
    wrong = _take_actions(made, actions, entering=entering)
    if not wrong:
        return made
    bad.add_note(f"{wrong[0]!r} is no action that is allowed here; see otpy.GenStatem for those that are")
    return Leaving(bad, made.data, made.replies)


def same(state: Any, other: Any) -> bool:
    """Whether two states are the same one: equal, and of one type."""
    return state is other or (type(state) is type(other) and bool(state == other))


def _given(new: Any, old: Any) -> Any:
    return old if isinstance(new, Unset) else new


def _take_actions(made: Transition, actions: Any, *, entering: bool) -> Sequence[Any]:
    """Put *actions* into *made*, as far as they are some; return the first that is none, if there is one."""
    for action in _sequence(actions):
        match action:
            case ReplyTo() if _is_reply(action):
                made.replies.append(action)
            case StateTimeout() | EventTimeout() | GenericTimeout() if _is_time(action):
                made.timeouts.append(action)
            case Hibernate():
                pass
            case Postpone() if not entering:
                made.postpone = True
            case NextEvent(kind, content) if not entering and _is_kind(kind):
                made.inserted.append(Event(kind, content, _request(kind)))
            case _:
                return (action,)
    return ()


def _request(kind: Any) -> Call | None:
    match kind:
        case ("call", Call() as call):
            return call
        case _:
            return None


def _is_reply(action: Any) -> bool:
    return isinstance(action, ReplyTo) and isinstance(action.from_, Call)


def _sequence(actions: Any) -> Sequence[Any]:
    return actions if isinstance(actions, list | tuple) else (actions,)


def _is_time(timeout: Timeout) -> bool:
    match timeout.seconds:
        case bool():
            return False
        case int() | float() as seconds:
            return not math.isnan(seconds) and (timeout.absolute or seconds >= 0)
        case other:
            return other is None or other is CANCEL or other is UPDATE


def _is_kind(kind: Any) -> bool:
    match kind:
        case str():
            return kind in WORDS
        case ("call", from_):
            return isinstance(from_, Call)
        case ("timeout", _):
            return True
        case _:
            return False
