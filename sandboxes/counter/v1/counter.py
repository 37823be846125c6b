"""A counter that many clients share. Version 1 keeps one total.

Clients number what they send (1, 2, 3, …), so the counter can tell whether something was lost,
came twice or was overtaken on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import otpy
from otpy import ChildSpec, From, NoReply, Ok, Reply, SupFlags

__vsn__ = "1"


@dataclass
class State:
    """What the counter knows: the total, and the last number that each client sent."""

    total: int = 0
    last: dict[str, int] = field(default_factory=dict)
    out_of_order: int = 0


class Counter(otpy.GenServer[State]):
    """Counts what clients send, and answers with the total."""

    def init(self, arg: int) -> Ok[State]:
        """Start at *arg*."""
        return Ok(State(total=arg))

    def handle_cast(self, request: Any, state: State) -> NoReply[State]:
        """Count one message of a client."""
        match request:
            case ("count", str(client), int(number)):
                state.out_of_order += number != state.last.get(client, 0) + 1
                state.last[client] = number
                state.total += 1
                return NoReply(state)
            case _:
                raise ValueError(f'the counter takes ("count", client, number), not {request!r}')

    def handle_call(self, request: Any, from_: From, state: State) -> Reply[Any, State]:
        """Answer the total, or who sent how much."""
        match request:
            case "total":
                return Reply(state.total, state)
            case "clients":
                return Reply((dict(state.last), state.out_of_order), state)
            case _:
                raise ValueError(f'the counter answers "total" and "clients", not {request!r}')


class Root(otpy.Supervisor):
    """One counter, started anew if it crashes."""

    def init(self, arg: object) -> tuple[SupFlags, list[ChildSpec]]:
        """Describe the counter, which starts at zero."""
        return SupFlags(), [Counter.child_spec(0, id="counter", name="counter")]
