"""What is known of other reloaders in this matrix: notes from their sources and runs of them, not measured here.

The totals are of a run of all 31 rows with each; of single rows only those are here that the notes speak of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final


@final
@dataclass(frozen=True, slots=True)
class Peer:
    """A reloader: how many rows it holds (None: not counted), and which rows are known to hold and to fail."""

    name: str
    total: int | None
    holds: frozenset[int] = frozenset()
    fails: Mapping[int, str] = field(default_factory=dict[int, str])

    def cell(self, number: int) -> str:
        """What stands in its column for a row."""
        if number in self.holds:
            return "holds"
        return f"fails: {self.fails[number]}" if number in self.fails else ""


_TWO_CLASSES: Final = "two class objects"
_HALF: Final = "half applied"

PEERS: Final = (
    Peer(
        "jurigged",
        22,
        fails={
            10: "enums",
            11: "enums",
            12: "dataclasses",
            13: "`__init__` is not run again",
            20: _HALF,
            21: _HALF,
        },
    ),
    Peer(
        "IPython",
        20,
        fails={
            6: _TWO_CLASSES,
            9: _TWO_CLASSES,
            20: "names leak",
            25: _TWO_CLASSES,
            26: "dependents are not run again",
        },
    ),
    Peer("limeade", None, holds=frozenset({5, 6, 9, 24, 25}), fails={3: "removed members stay"}),
    Peer("hmr", 8, holds=frozenset({8, 26})),
    Peer("importlib", 4),
)
