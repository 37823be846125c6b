"""Verdicts are computed from ratios of one round, in the direction of the measure."""

from __future__ import annotations

import pytest

from benchmarks.catalog import MEASURES, named
from benchmarks.goals import GOALS, AtMost, Beats, Condition, Goal, Verdict, judge
from benchmarks.values import Figure, Measure, Outcome, Series, advantages


def outcome(measure: Measure, **values: list[float]) -> Outcome:
    """An outcome with these values of each contestant."""
    series = tuple(Series(name, tuple(Figure(value) for value in found)) for name, found in values.items())
    return Outcome(measure, series)


def verdict(condition: Condition, found: Outcome) -> Verdict:
    """The one verdict on `condition`."""
    (only,) = judge([found], [Goal(found.measure.name, "goal", condition)])
    return only


@pytest.mark.parametrize(
    ("measure", "otpy", "pykka", "ratio"),
    [("tell", 1000.0, 200.0, 5.0), ("tell", 100.0, 200.0, 0.5), ("call", 2.0, 20.0, 10.0), ("call", 40.0, 20.0, 0.5)],
)
def test_an_advantage_counts_in_the_direction_of_the_measure(
    measure: str, otpy: float, pykka: float, ratio: float
) -> None:
    """More messages a second are better, more microseconds are not."""
    assert advantages(outcome(named(measure), otpy=[otpy], pykka=[pykka]), "otpy", "pykka") == (ratio,)


def test_the_ratio_is_the_median_of_the_rounds() -> None:
    """A round on a slow machine is slow for both: the ratio of the medians would be 4, that of most rounds is 10."""
    found = outcome(named("tell"), otpy=[1000, 100, 400], pykka=[100, 10, 100])
    assert verdict(Beats("pykka", 10), found) == Verdict(Goal("tell", "goal", Beats("pykka", 10)), 10.0, reached=True)


@pytest.mark.parametrize(("factor", "reached"), [(4.9, True), (5.0, True), (5.1, False)])
def test_a_goal_is_reached_at_its_bound(factor: float, reached: bool) -> None:
    """Exactly five times is five times."""
    assert verdict(Beats("pykka", factor), outcome(named("tell"), otpy=[500], pykka=[100])).reached is reached


def test_a_bound_is_compared_with_the_median() -> None:
    """One slow round does not miss a bound."""
    found = outcome(named("memory"), otpy=[500, 550, 9_000])
    assert verdict(AtMost(600), found).reached is True
    assert verdict(AtMost(540), found).reached is False


def test_a_bound_may_be_that_of_a_figure_beside_the_value() -> None:
    """A million servers have a time and a size."""
    series = Series("otpy", (Figure(8.0, {"resident MB": 1200.0}),))
    found = Outcome(named("million"), (series,))
    assert verdict(AtMost(10), found).reached is True
    assert verdict(AtMost(1_000, extra="resident MB"), found).reached is False


def test_without_a_figure_there_is_no_verdict() -> None:
    """A peer that is not installed neither helps nor harms."""
    missing = Series("beam", (), "not installed", absent=True)
    ours = Series("otpy", (Figure(1.0),))
    assert verdict(Beats("beam", 0.4), Outcome(named("call"), (ours, missing))).reached is None
    assert verdict(AtMost(5), outcome(named("call"))).reached is None


def test_every_goal_is_about_a_measure_and_its_entrants() -> None:
    """A goal that names another peer would never be judged."""
    entrants = {measure.name: measure.entrants for measure in MEASURES}
    for goal in GOALS:
        assert "otpy" in entrants[goal.measure]
        if isinstance(goal.condition, Beats):
            assert goal.condition.peer in entrants[goal.measure]
