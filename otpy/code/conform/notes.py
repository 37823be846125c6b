"""What an operator should know about a live edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know about one definition.

    *kind*: "replaced", a new object takes the place of the old one, for a reason; "stray", who holds the old one goes
    on with old code; "stuck", a holder does not let go of what was made beside the live module.
    """

    name: str
    kind: Literal["replaced", "stray", "stuck"]
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"
