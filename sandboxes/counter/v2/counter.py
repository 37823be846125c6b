"""A counter that many clients share. Version 2 keeps a record of each client.

Clients number what they send (1, 2, 3, …), so the counter can tell whether something was lost,
came twice or was overtaken on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import otpy
from otpy import ChildSpec, From, NoReply, Ok, Reply, SupFlags

__vsn__ = "2"


@dataclass
class Client:
    """One client: how many messages of it were counted, and the number of the last."""

    counted: int = 0
    last: int = 0


@dataclass
class State:
    """What the counter knows. New: a record of each client in place of its last number."""

    total: int = 0
    clients: dict[str, Client] = field(default_factory=dict)
    out_of_order: int = 0


class Counter(otpy.GenServer[State]):
    """Counts what clients send, and answers with the total or the busiest client."""

    def init(self, arg: int) -> Ok[State]:
        """Start at *arg*."""
        return Ok(State(total=arg))

    def handle_cast(self, request: Any, state: State) -> NoReply[State]:
        """Count one message of a client."""
        match request:
            case ("count", str(name), int(number)):
                client = state.clients.setdefault(name, Client())
                state.out_of_order += number != client.last + 1
                client.last = number
                client.counted += 1
                state.total += 1
                return NoReply(state)
            case _:
                raise ValueError(f'the counter takes ("count", client, number), not {request!r}')

    def handle_call(self, request: Any, from_: From, state: State) -> Reply[Any, State]:
        """Answer the total, who sent how much, or (new) who sent most."""
        match request:
            case "total":
                return Reply(state.total, state)
            case "clients":
                counted = {name: client.counted for name, client in state.clients.items()}
                return Reply((counted, state.out_of_order), state)
            case "busiest":
                name = max(state.clients, key=lambda each: state.clients[each].counted, default=None)
                return Reply(name, state)
            case _:
                raise ValueError(f'the counter answers "total", "clients" and "busiest", not {request!r}')

    def code_change(self, old_vsn: object, state: Any, extra: object = None) -> Ok[State]:
        """Make a record of each client out of the last number that version 1 kept; or, going back, the reverse."""
        if isinstance(old_vsn, otpy.upgrade.DownTo):
            state.last = {name: client.last for name, client in state.clients.items()}
            return Ok(state)
        clients = {name: Client(counted=last, last=last) for name, last in state.last.items()}
        return Ok(State(state.total, clients, state.out_of_order))


class Root(otpy.Supervisor):
    """One counter, started anew if it crashes."""

    def init(self, arg: object) -> tuple[SupFlags, list[ChildSpec]]:
        """Describe the counter, which starts at zero."""
        return SupFlags(), [Counter.child_spec(0, id="counter", name="counter")]
