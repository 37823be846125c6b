"""The counter. Version 2 keeps a record of each client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import otpy
from otpy import From, Ok, Reply
from web_counter.messages import Clients, Count, Counted, Total

__vsn__ = "2"


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
    """What the counter knows. New: a record of each client in place of its last number."""

    total: int = 0
    clients: dict[str, Client] = field(default_factory=dict)
    out_of_order: int = 0


class Counter(otpy.GenServer[State]):
    """Counts, and tells the news."""

    def init(self, arg: int) -> Ok[State]:
        """Start at *arg*."""
        return Ok(State(total=arg))

    def handle_call(self, request: Any, from_: From, state: State) -> Reply[Any, State]:
        """Count, or answer."""
        match request:
            case Count(name, number):
                client = state.clients.setdefault(name, Client())
                state.out_of_order += number != client.last + 1
                client.last = number
                client.counted += 1
                state.total += 1
                otpy.cast("news", Counted(state.total, name))
                return Reply(state.total, state)
            case Total():
                return Reply(state.total, state)
            case Clients():
                counted = {name: client.counted for name, client in state.clients.items()}
                return Reply((counted, state.out_of_order), state)
            case Busiest():
                return Reply(max(state.clients, key=lambda name: state.clients[name].counted, default=None), state)
            case _:
                raise ValueError(f"the counter answers Count, Total, Clients and Busiest, not {request!r}")

    def code_change(self, old_vsn: object, state: Any, extra: object = None) -> Ok[State]:
        """Make a record of each client out of the last number that version 1 kept; or, going back, the reverse."""
        if isinstance(old_vsn, otpy.DownTo):
            state.last = {name: client.last for name, client in state.clients.items()}
            return Ok(state)
        clients = {name: Client(counted=last, last=last) for name, last in state.last.items()}
        return Ok(State(state.total, clients, state.out_of_order))
