"""ETS scenarios: a table and what is asked of it. The words are those of the recordings.

Positions count from 0. In rows a list is a tuple; in patterns "_" matches everything, and "$1" and "$2" are variables.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

Row: TypeAlias = list[Any]

Action: TypeAlias = list[Any]
"""The operation and its arguments: `["lookup", 1]`, `["insert", [[1, 2], [3, 4]]]`, `["match", ["_", "$1"]]`."""


class Kind(msgspec.Struct, forbid_unknown_fields=True):
    """What table it is."""

    kind: Literal["set", "ordered_set", "bag", "duplicate_bag"]
    keypos: int


class TableScenario(msgspec.Struct):
    """One table and what is asked of it."""

    table: Kind
    actions: list[Action]

    def steps(self) -> int:
        """Return the number of recorded steps."""
        return len(self.actions)
