"""How risky is a change? A level, and every reason for it, so that nobody has to guess what the word means. Pure.

The level is that of the worst reason:

| reason | level |
| --- | --- |
| nothing changes, or docstrings only | none |
| bodies, new definitions, class attributes | low |
| signatures, decorators, properties, values, what is derived from them | medium |
| definitions are removed | medium |
| a removed name is still used by a module that stays | high |
| states get another shape | medium |
| a behaviour class is exchanged under its processes | high |
| something cannot be done | high |
| supervisors get a new `init` | medium |
| modules in a ring are loaded anew | medium |
| more than 1,000 processes pause / more than 10,000 | medium / high |
| expected pause over 0.1 s / over 1 s | medium / high |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from otpy.code.verdicts import DefinitionChange, Verdict

RiskLevel: TypeAlias = Literal["none", "low", "medium", "high"]

RISK_LEVELS: Final[tuple[RiskLevel, ...]] = get_args(RiskLevel)
"""From harmless to dangerous."""

MANY: Final = 1_000
VERY_MANY: Final = 10_000
"""Numbers of processes that pause, from which an upgrade is medium or highly risky."""

LONG: Final = 0.1
VERY_LONG: Final = 1.0
"""Expected pauses in seconds, as above."""

_OF_VERDICTS: Final[dict[Verdict, tuple[RiskLevel, str]]] = {
    "unchanged": ("none", ""),
    "documented": ("none", ""),
    "kept": ("low", "keeps the value that the program has"),
    "body": ("low", "new body"),
    "added": ("low", "added"),
    "attribute": ("low", "class attribute"),
    "signature": ("medium", "other arguments"),
    "decorator": ("medium", "other decorators"),
    "property": ("medium", "property or not"),
    "value": ("medium", "other value"),
    "derived": ("medium", "made anew, from what has changed"),
    "removed": ("medium", "removed"),
    "shape": ("medium", "other shape: states that have it are migrated"),
    "behaviour": ("high", "exchanged under the processes that run it"),
    "cannot": ("high", "cannot be done"),
}

_SHOWN = 3


class Risk(msgspec.Struct, frozen=True, order=False):
    """A level and one reason for it."""

    level: RiskLevel
    reason: str

    def __str__(self) -> str:
        return f"{self.level}: {self.reason}"


def worst(risks: Iterable[Risk]) -> RiskLevel:
    """Return the highest level among *risks*."""
    levels = {risk.level for risk in risks}
    for level in reversed(RISK_LEVELS):
        if level in levels:
            return level
    return "none"


def risks_of_changes(changes: Sequence[DefinitionChange]) -> Iterator[Risk]:
    """Yield what the verdicts alone say, one risk for each verdict that occurs."""
    for verdict, (level, what) in _OF_VERDICTS.items():
        those = (c for c in changes if c.verdict == verdict and c.name != "__vsn__")
        names = dict.fromkeys(f"{change.module}.{change.name}" for change in those)
        if names and what:
            yield Risk(level, f"{_few(list(names))} ({what})")


def risks_of_use(still_used: Collection[str], rings: Iterable[Sequence[str]]) -> Iterator[Risk]:
    """Yield what the graph of modules says. *still_used*: sentences on removed names that others use."""
    yield from (Risk("high", sentence) for sentence in still_used)
    yield from (Risk("medium", f"{' ↔ '.join(ring)} need each other, and are loaded as one") for ring in rings)


def risks_of_processes(pausing: int, supervisors: Iterable[str], pause: float) -> Iterator[Risk]:
    """Yield what numbers say: *pausing* processes, new code under *supervisors*, an expected *pause* in seconds."""
    named = list(supervisors)
    if named:
        yield Risk("medium", f"{_few(named)} (init is asked again which children there are)")
    if pausing > MANY:
        yield Risk("high" if pausing > VERY_MANY else "medium", f"{pausing} processes pause")
    if pause > LONG:
        yield Risk("high" if pause > VERY_LONG else "medium", f"the pause is expected to last {pause:.1f} s")


def _few(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
