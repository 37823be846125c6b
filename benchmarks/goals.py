"""The goals, and whether a run reached them. Pure: outcomes in, verdicts out.

A goal is a set of conditions on one measure: to be so many times better than a peer *of the same run*
(`Beats`; below 1 it is how close to stay), or to stay under a bound (`AtMost`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal, assert_never, final

from benchmarks.values import SUBJECT, Outcome, advantages

Level = Literal["goal", "stretch"]


@final
@dataclass(frozen=True, slots=True)
class Beats:
    """To be `factor` times better than `peer`; `factor` 0.4 is to stay within 2.5 times of it."""

    peer: str
    factor: float


@final
@dataclass(frozen=True, slots=True)
class AtMost:
    """To stay at or below `bound`, in the measure's unit, or in that of the figure `extra` beside it."""

    bound: float
    extra: str | None = None


Condition = Beats | AtMost


@final
@dataclass(frozen=True, slots=True)
class Goal:
    """One condition of one measure, and whether it belongs to the goal or to the stretch goal."""

    measure: str
    level: Level
    condition: Condition


@final
@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured against a goal; `measured` and `reached` are None where a contestant gave no figure."""

    goal: Goal
    measured: float | None
    reached: bool | None


def _goals(measure: str, *, goal: Iterable[Condition] = (), stretch: Iterable[Condition] = ()) -> tuple[Goal, ...]:
    first: tuple[Goal, ...] = tuple(Goal(measure, "goal", condition) for condition in goal)
    return first + tuple(Goal(measure, "stretch", condition) for condition in stretch)


_NOTHING_LOST: Final = AtMost(0, extra="lost")

GOALS: Final[tuple[Goal, ...]] = (
    *_goals("tell", goal=[Beats("pykka", 5)], stretch=[Beats("pykka", 10), Beats("asyncio", 1)]),
    *_goals(
        "call",
        goal=[Beats("pykka", 5), Beats("otpylib", 5)],
        stretch=[Beats("pykka", 10), Beats("otpylib", 10), Beats("beam", 0.4)],
    ),
    *_goals("outside", goal=[Beats("pykka", 1)], stretch=[Beats("threads", 1 / 1.3)]),
    *_goals("ring", goal=[Beats("otpylib", 5)], stretch=[Beats("otpylib", 10), Beats("beam", 0.5)]),
    *_goals("fan-in", goal=[Beats("otpylib", 5)], stretch=[Beats("otpylib", 10), Beats("beam", 0.5)]),
    *_goals("spawn", goal=[Beats("pykka", 30)], stretch=[Beats("beam", 1)]),
    *_goals("memory", goal=[AtMost(1_200)], stretch=[AtMost(600)]),
    *_goals("million", stretch=[AtMost(10), AtMost(1_000, extra="resident MB")]),
    *_goals("restart", goal=[Beats("otpylib", 2)], stretch=[Beats("beam", 1)]),
    *_goals("fairness", goal=[Beats("pykka", 1)], stretch=[AtMost(10)]),
    *_goals("import", goal=[AtMost(150)]),
    *_goals("upgrade-bodies", goal=[AtMost(5), _NOTHING_LOST], stretch=[AtMost(1)]),
    *_goals("upgrade-bodies-few", goal=[AtMost(5), _NOTHING_LOST], stretch=[AtMost(1)]),
    *_goals("upgrade-state", goal=[AtMost(150), _NOTHING_LOST], stretch=[Beats("beam", 1)]),
    *_goals("upgrade-state-many", goal=[AtMost(1_500), _NOTHING_LOST], stretch=[Beats("beam", 1)]),
    *_goals("upgrade-rolling", goal=[AtMost(50), _NOTHING_LOST], stretch=[AtMost(10)]),
    *_goals("reload", goal=[AtMost(15)], stretch=[AtMost(8)]),
    *_goals("reload-cached", goal=[AtMost(2)], stretch=[AtMost(1)]),
    *_goals("dependents", goal=[AtMost(40), AtMost(0, extra="dependents left behind")], stretch=[AtMost(20)]),
)


def judge(outcomes: Iterable[Outcome], goals: Iterable[Goal] = GOALS) -> tuple[Verdict, ...]:
    """A verdict for each goal of the measures that ran, in the order of `goals`."""
    by_name = {outcome.measure.name: outcome for outcome in outcomes}
    return tuple(_verdict(goal, by_name) for goal in goals if goal.measure in by_name)


def _verdict(goal: Goal, outcomes: Mapping[str, Outcome]) -> Verdict:
    outcome = outcomes[goal.measure]
    match goal.condition:
        case Beats(peer, factor):
            ratios = advantages(outcome, SUBJECT, peer)
            if not ratios:
                return Verdict(goal, None, None)
            ratio = median(ratios)
            return Verdict(goal, ratio, ratio >= factor)
        case AtMost(bound, extra):
            value = _value(outcome, extra)
            return Verdict(goal, value, None if value is None else value <= bound)
        case _:
            assert_never(goal.condition)


def _value(outcome: Outcome, extra: str | None) -> float | None:
    series = outcome.of(SUBJECT)
    if series is None:
        return None
    return series.median if extra is None else series.extra().get(extra)
