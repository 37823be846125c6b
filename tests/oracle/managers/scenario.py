"""gen_event scenarios: a script for the callbacks of all handlers, and what is done. The words are those recorded.

The k-th callback does what the k-th entry of the script says; when the script is over, a handler keeps its state.
Numbers tell events, arguments and states apart.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Handler: TypeAlias = str | list[Any]
"""`"h1"`, or `["h1", 7]` with an id."""

Entry: TypeAlias = list[Any]
"""`["ok", n]`, `["hibernate", n]`, `["remove", n]`, `["swap", n, handler]`, `["junk", n]`, `["error", n]`,
`["crash", n]`, `["exit", n]`: what it is in each callback says handlers.py."""

Action: TypeAlias = list[Any]
"""`["notify", n]`, `["sync_notify", n]`, `["info", n]`, `["call", handler, n]`, `["add", handler, arg]`,
`["add_sup", owner, handler, arg]`, `["delete", handler, arg]`, `["swap", old, arg, new, arg]`,
`["swap_sup", owner, old, arg, new, arg]`, `["exit", owner, reason]`, `["stop", reason]`."""

OWNERS = ("p1", "p2")


class Manager(msgspec.Struct, forbid_unknown_fields=True):
    """A manager without handlers, and what those that it will have do."""

    script: list[Entry]


class ManagerScenario(msgspec.Struct):
    """One manager and what is done with it."""

    manager: Manager
    actions: list[Action]

    def steps(self) -> int:
        """Return the number of recorded steps."""
        return len(self.actions)
