"""For how long will processes pause? Learnt from past upgrades; a sane guess for a node that has none. Pure.

The pause of an upgrade grows with the number of processes, and how steeply depends on what is done with them. The guess
for each kind is a straight line, measured once; what a node has lived through since says by which factor this node is
faster or slower. The median makes one bad moment harmless, and few records count for little.

Source: RUNTIME.md sections 4 and 6; PEERS.md, goals.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Final, Literal, TypeAlias

import msgspec

from otpy.code.verdicts import HARMLESS, DefinitionChange

PauseKind: TypeAlias = Literal["nobody", "edit", "migrate"]

_GUESSES: Final[dict[PauseKind, tuple[float, float]]] = {
    "nobody": (0.0, 0.0),
    "edit": (0.002, 10e-6),
    "migrate": (0.003, 40e-6),
}
"""Seconds for an upgrade of the kind, and seconds more for each process."""

_DOUBT: Final = 3
"""So many records count as much as the guess."""


class PauseRecord(msgspec.Struct, frozen=True):
    """How long the processes of one past upgrade paused: `pause_s`, the longest of them, in seconds."""

    kind: PauseKind
    processes: int
    pause_s: float


def pause_kind(changes: Iterable[DefinitionChange]) -> PauseKind:
    """Return what an upgrade with these changes does with its processes.

    "nobody": code objects are exchanged, nobody is suspended. "edit": they are held while definitions change.
    "migrate": their states are looked through and converted.
    """
    verdicts = {change.verdict for change in changes}
    if verdicts <= HARMLESS:
        return "nobody"
    return "migrate" if verdicts & {"shape", "behaviour"} else "edit"


def expected_pause(kind: PauseKind, processes: int, history: Iterable[PauseRecord] = ()) -> float:
    """Return for how many seconds *processes* are expected to pause in an upgrade of that *kind*."""
    if processes <= 0 or kind == "nobody":
        return 0.0
    factors = [
        r.pause_s / _guess(kind, r.processes) for r in history if r.kind == kind and r.processes > 0 and r.pause_s >= 0
    ]
    factor = median(factors) if factors else 1.0
    weight = len(factors) / (len(factors) + _DOUBT)
    return _guess(kind, processes) * (1.0 + weight * (factor - 1.0))


def _guess(kind: PauseKind, processes: int) -> float:
    once, each = _GUESSES[kind]
    return once + each * processes
