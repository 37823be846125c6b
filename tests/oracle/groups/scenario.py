"""pg scenarios: some processes, groups, and who watches them. The words are those of the recordings.

Processes are numbers, and so are the monitors, in the order in which they were made.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Action: TypeAlias = list[Any]
"""`["join", group, [0, 1]]`, `["join", group, 0]`, `["leave", …]`, `["kill", 0]`, `["monitor", group]`,
`["monitor_scope"]`, `["demonitor", 0]`."""


class GroupsScenario(msgspec.Struct):
    """How many processes there are, and what is done."""

    members: int
    actions: list[Action]

    def steps(self) -> int:
        """Return the number of recorded steps."""
        return len(self.actions)
