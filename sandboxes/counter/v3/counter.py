"""A counter that many clients share. Version 3 is for a display with three digits.

Its `code_change` refuses a counter that has counted too far, so the upgrade rolls itself back
and version 2 goes on as if nothing had been.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import otpy
from otpy import ChildSpec, From, NoReply, Ok, Reply, SupFlags

__vsn__ = "3"

LIMIT = 999


@dataclass
class State:
    """What the counter knows. New: the total as the digits that the display shows."""

    digits: str = "000"
    last: dict[str, int] = field(default_factory=dict)
    out_of_order: int = 0


def shown(total: int) -> str:
    """Return *total* as the display shows it, or refuse one that does not fit."""
    if total > LIMIT:
        raise ValueError(f"the counter stands at {total}, but the display ends at {LIMIT}; keep version 2")
    return f"{total:03}"


class Counter(otpy.GenServer[State]):
    """Counts what clients send, as far as three digits go."""

    def init(self, arg: int) -> Ok[State]:
        """Start at *arg*."""
        return Ok(State(digits=shown(arg)))

    def handle_cast(self, request: Any, state: State) -> NoReply[State]:
        """Count one message of a client."""
        match request:
            case ("count", str(client), int(number)):
                state.digits = shown(int(state.digits) + 1)
                state.out_of_order += number != state.last.get(client, 0) + 1
                state.last[client] = number
                return NoReply(state)
            case _:
                raise ValueError(f'the counter takes ("count", client, number), not {request!r}')

    def handle_call(self, request: Any, from_: From, state: State) -> Reply[Any, State]:
        """Answer the total, who sent how much, or what the display shows."""
        match request:
            case "total":
                return Reply(int(state.digits), state)
            case "clients":
                return Reply((dict(state.last), state.out_of_order), state)
            case "display":
                return Reply(state.digits, state)
            case _:
                raise ValueError(f'the counter answers "total", "clients" and "display", not {request!r}')

    def code_change(self, old_vsn: object, state: Any, extra: object = None) -> Ok[State]:
        """Put the total of version 2 on the display, if it fits."""
        last = {name: client.last for name, client in state.clients.items()}
        return Ok(State(shown(state.total), last, state.out_of_order))


class Root(otpy.Supervisor):
    """One counter, started anew if it crashes."""

    def init(self, arg: object) -> tuple[SupFlags, list[ChildSpec]]:
        """Describe the counter, which starts at zero."""
        return SupFlags(), [Counter.child_spec(0, id="counter", name="counter")]
