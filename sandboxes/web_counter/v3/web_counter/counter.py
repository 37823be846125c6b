"""The counter. Version 3 is for a display with three digits.

Its `code_change` refuses a counter that has counted too far, so the upgrade takes itself back, and version 2 goes on as
if nothing had been.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import otpy
from otpy import From, Ok, Reply
from web_counter.messages import Clients, Count, Counted, Total

__vsn__ = "3"

LIMIT = 999


@dataclass(frozen=True)
class Busiest(otpy.Request[str | None]):
    """To the counter: who has counted most? None if nobody has."""


@dataclass
class Client:
    """One client: how often it counted, and the last number that it sent."""

    counted: int = 0
    last: int = 0


@dataclass
class State:
    """What the counter knows. New: the total as the digits that the display shows."""

    digits: str = "000"
    clients: dict[str, Client] = field(default_factory=dict)
    out_of_order: int = 0


def shown(total: int) -> str:
    """Return *total* as the display shows it, or refuse one that does not fit."""
    if total > LIMIT:
        raise ValueError(f"the counter stands at {total}, but the display ends at {LIMIT}; keep version 2")
    return f"{total:03}"


class Counter(otpy.GenServer[State]):
    """Counts, and tells the news."""

    def init(self, arg: int) -> Ok[State]:
        """Start at *arg*."""
        return Ok(State(digits=shown(arg)))

    def handle_call(self, request: Any, from_: From, state: State) -> Reply[Any, State]:
        """Count, or answer."""
        match request:
            case Count(name, number):
                total = int(state.digits) + 1
                state.digits = shown(total)
                client = state.clients.setdefault(name, Client())
                state.out_of_order += number != client.last + 1
                client.last = number
                client.counted += 1
                otpy.cast("news", Counted(total, name))
                return Reply(total, state)
            case Total():
                return Reply(int(state.digits), state)
            case Clients():
                counted = {name: client.counted for name, client in state.clients.items()}
                return Reply((counted, state.out_of_order), state)
            case Busiest():
                return Reply(max(state.clients, key=lambda name: state.clients[name].counted, default=None), state)
            case _:
                raise ValueError(f"the counter answers Count, Total, Clients and Busiest, not {request!r}")

    def code_change(self, old_vsn: object, state: Any, extra: object = None) -> Ok[State]:
        """Put the total of version 2 on the display, if it fits."""
        return Ok(State(shown(state.total), state.clients, state.out_of_order))
