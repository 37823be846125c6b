"""The facts that the benchmarks pass around: what is measured, by whom, and what came out.

Everything here is frozen and knows nothing of processes, files or clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Literal, final

Better = Literal["higher", "lower"]
"""Which of two values of a measure is the better one."""

SUBJECT: Final = "otpy"
"""The contestant whose goals are judged."""


@final
@dataclass(frozen=True, slots=True)
class Figure:
    """What one run of one contestant gave: the value in the measure's unit, and figures beside it."""

    value: float
    extra: Mapping[str, float] = field(default_factory=dict[str, float])


Contest = Callable[[int], Figure]
"""A contestant's code for one measure: takes the size, returns the figure."""


@final
@dataclass(frozen=True, slots=True)
class Measure:
    """One question put to all contestants.

    `entrants` gives the size (messages, calls, processes: what the measure counts) for each contestant
    that can answer, chosen so that one run takes some tenths of a second; `smoke` is the size of a smoke run.
    `heavy` measures run only when they are named or asked for.
    """

    name: str
    title: str
    unit: str
    better: Better
    what: str
    steady: str
    entrants: Mapping[str, int]
    smoke: int
    repeats: int = 5
    heavy: bool = False


@final
@dataclass(frozen=True, slots=True)
class Series:
    """All runs of one contestant in one measure, in the order of the rounds.

    `failure` says why there are none; `absent` that the contestant is not installed, which is no error.
    """

    contestant: str
    figures: tuple[Figure, ...]
    failure: str | None = None
    absent: bool = False

    @property
    def values(self) -> tuple[float, ...]:
        """The measure's values, one a round."""
        return tuple(figure.value for figure in self.figures)

    @property
    def median(self) -> float:
        """The value to quote. Raises StatisticsError where the series has no figures."""
        return median(self.values)

    def extra(self) -> dict[str, float]:
        """The medians of the figures beside the value."""
        names = sorted({name for figure in self.figures for name in figure.extra})
        return {name: median(f.extra[name] for f in self.figures if name in f.extra) for name in names}


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """One measure with the series of everyone who took part, in the order of the measure's entrants."""

    measure: Measure
    series: tuple[Series, ...]

    def of(self, contestant: str) -> Series | None:
        """The series of `contestant`; None where it did not take part or gave no figure."""
        return next((s for s in self.series if s.contestant == contestant and s.figures), None)


def advantage(measure: Measure, subject: float, peer: float) -> float:
    """How many times better `subject` is than `peer`; below 1 it is worse.

    A `peer` or `subject` of zero gives infinity or zero rather than an error: a timer may read zero.
    """
    good, bad = (subject, peer) if measure.better == "higher" else (peer, subject)
    return good / bad if bad else float("inf")


def advantages(outcome: Outcome, subject: str, peer: str) -> tuple[float, ...]:
    """The advantage of `subject` over `peer`, round by round, so that a drift of the machine cancels out.

    Empty where either gave no figure.
    """
    ours, theirs = outcome.of(subject), outcome.of(peer)
    if ours is None or theirs is None:
        return ()
    return tuple(advantage(outcome.measure, a, b) for a, b in zip(ours.values, theirs.values, strict=False))
