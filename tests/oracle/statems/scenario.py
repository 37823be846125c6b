"""gen_statem scenarios: a scripted machine and what it is sent. The words are those of the recordings.

The k-th callback does what the k-th entry of the script says; when the script is over, it keeps state and data.
Numbers tell the contents of events, the data and the replies apart.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

Action: TypeAlias = list[Any]
"""`["postpone"]`, `["reply", value]`, `["next_event", kind, content]`, `["timeout", which, time, content]`."""

Result: TypeAlias = list[Any]
"""`["next_state", state, data, actions]`, `["keep_state", data, actions]`, `["keep_state_and_data", actions]`, …"""

Send: TypeAlias = tuple[Literal["cast", "info", "call", "sleep"], int]
"""What is sent, and its content; or for how many milliseconds nothing is."""

SHORT = {"state": 200, "event": 330, "x": 470, "y": 710}
"""What "short" means for each timeout, in milliseconds: no two of one scenario are due at the same time."""

STEP = 10
"""All of these are multiples of it."""

SLEEP = 3000
"""Milliseconds in which all that is short has come."""


class Machine(msgspec.Struct, forbid_unknown_fields=True):
    """A scripted machine: where it begins, and what its callbacks return."""

    mode: Literal["handle_event_function", "state_functions"]
    state_enter: bool
    first: tuple[str, int, list[Action]]
    script: list[Result]


class StatemScenario(msgspec.Struct):
    """One machine and what it is sent."""

    machine: Machine
    actions: list[Send]

    def steps(self) -> int:
        """Return the number of recorded steps: the start is one, too."""
        return 1 + len(self.actions)
