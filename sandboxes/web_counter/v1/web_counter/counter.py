"""The counter. Version 1 keeps the last number that each client sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import otpy
from otpy import From, Ok, Reply
from web_counter.messages import Clients, Count, Counted, Total

__vsn__ = "1"


@dataclass
class State:
    """What the counter knows: the total, and the last number of each client."""

    total: int = 0
    last: dict[str, int] = field(default_factory=dict)
    out_of_order: int = 0


class Counter(otpy.GenServer[State]):
    """Counts, and tells the news."""

    def init(self, arg: int) -> Ok[State]:
        """Start at *arg*."""
        return Ok(State(total=arg))

    def handle_call(self, request: Any, from_: From, state: State) -> Reply[Any, State]:
        """Count, or answer."""
        match request:
            case Count(client, number):
                state.out_of_order += number != state.last.get(client, 0) + 1
                state.last[client] = number
                state.total += 1
                otpy.cast("news", Counted(state.total, client))
                return Reply(state.total, state)
            case Total():
                return Reply(state.total, state)
            case Clients():
                return Reply((dict(state.last), state.out_of_order), state)
            case _:
                raise ValueError(f"the counter answers Count, Total and Clients, not {request!r}")
