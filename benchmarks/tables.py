"""Figures, outcomes and verdicts as rows of text. The terminal and the recorded page show the same rows."""

from __future__ import annotations

from statistics import median
from typing import assert_never

from benchmarks.catalog import named
from benchmarks.contestants import BY_NAME
from benchmarks.goals import AtMost, Beats, Goal, Verdict
from benchmarks.values import SUBJECT, Measure, Outcome, Series, advantages

Row = tuple[str, ...]

OUTCOME_HEAD: Row = ("", "median", "min to max", "otpy is better by", "beside")
VERDICT_HEAD: Row = ("measure", "to reach", "measured", "level", "")

_MEGA, _KILO, _WHOLE, _TENTHS = 1e6, 1e3, 100, 10


def number(value: float) -> str:
    """Three digits and what scales them: 1.95 M, 359 k, 44.3, 0.142."""
    for scale, suffix in ((_MEGA, " M"), (_KILO, " k")):
        if abs(value) >= scale:
            return number(value / scale) + suffix
    if abs(value) >= _WHOLE:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= _TENTHS else f"{value:.3g}"


def title(measure: Measure) -> str:
    """The measure's heading."""
    return f"{measure.name}: {measure.title}, {measure.unit} ({measure.better} is better)"


def outcome_rows(outcome: Outcome) -> list[Row]:
    """One row for each contestant."""
    return [_series_row(outcome, series) for series in outcome.series]


def _series_row(outcome: Outcome, series: Series) -> Row:
    label = BY_NAME[series.contestant].label
    if not series.figures:
        return (label, "-", "", "", series.failure or "")
    ratios = advantages(outcome, SUBJECT, series.contestant)
    ratio = "" if series.contestant == SUBJECT or not ratios else f"{number(median(ratios))} x"
    spread = f"{number(min(series.values))} to {number(max(series.values))}" if len(series.values) > 1 else ""
    beside = ", ".join(f"{name} {number(value)}" for name, value in series.extra().items())
    return (label, number(series.median), spread, ratio, beside)


def verdict_rows(verdicts: tuple[Verdict, ...]) -> list[Row]:
    """One row for each condition of each goal."""
    return [_verdict_row(verdict) for verdict in verdicts]


def _verdict_row(verdict: Verdict) -> Row:
    goal = verdict.goal
    what, measured = _condition(goal, verdict.measured)
    answers = {True: "reached", False: "not reached", None: "not measured"}
    return (named(goal.measure).title, what, measured, goal.level, answers[verdict.reached])


def _condition(goal: Goal, measured: float | None) -> tuple[str, str]:
    match goal.condition:
        case Beats(peer, factor):
            label = BY_NAME[peer].label
            what = f"{number(factor)} x {label}" if factor >= 1 else f"within {number(1 / factor)} x of {label}"
            return what, "" if measured is None else f"{number(measured)} x"
        case AtMost(bound, extra):
            unit = extra or named(goal.measure).unit
            return f"at most {number(bound)} {unit}", "" if measured is None else f"{number(measured)} {unit}"
        case _:
            assert_never(goal.condition)


def plain(head: Row, rows: list[Row]) -> str:
    """The rows in columns for a terminal, the first one left-aligned; the last one may be long."""
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join(f"  {line}" for line in lines)


def markdown(head: Row, rows: list[Row]) -> str:
    """The rows as a table of Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
