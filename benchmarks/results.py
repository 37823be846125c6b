"""A whole run as a value, and its forms: the tables of a terminal, a page of Markdown, a document of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, final

from benchmarks.goals import Verdict, judge
from benchmarks.machine import Machine
from benchmarks.tables import OUTCOME_HEAD, VERDICT_HEAD, markdown, outcome_rows, plain, title, verdict_rows
from benchmarks.values import Outcome, Series

PREFACE: Final = """\
Written by `python -m benchmarks --record`; `benchmarks/README.md` tells how each figure is taken. Medians of rounds in
which the contestants took turns, each in a process of its own; a ratio is the median of the rounds' ratios."""


@final
@dataclass(frozen=True, slots=True)
class Results:
    """Where a run took place and what came out; the sizes of a `smoke` run are too small to judge goals by."""

    machine: Machine
    outcomes: tuple[Outcome, ...]
    smoke: bool

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The goals of the measures that ran; none in a smoke run."""
        return () if self.smoke else judge(self.outcomes)

    @property
    def failures(self) -> tuple[str, ...]:
        """The contestants that are installed and yet gave no figure."""
        return tuple(
            f"{outcome.measure.name}: {series.contestant}: {series.failure}"
            for outcome in self.outcomes
            for series in outcome.series
            if series.failure and not series.absent
        )


def as_text(results: Results) -> str:
    """The table of the goals, as the end of a run shows it."""
    if results.smoke:
        return "A smoke run: its sizes are too small for figures that mean anything, so no goal is judged."
    return "Goals\n" + plain(VERDICT_HEAD, verdict_rows(results.verdicts))


def outcome_text(outcome: Outcome) -> str:
    """The table of one measure."""
    return f"{title(outcome.measure)}\n{plain(OUTCOME_HEAD, outcome_rows(outcome))}\n"


def as_markdown(results: Results) -> str:
    """The page to keep: the machine, the goals, and each measure."""
    parts = [
        "# Benchmarks",
        PREFACE,
        str(results.machine).replace("\n", "  \n"),
        "## Goals",
        markdown(VERDICT_HEAD, verdict_rows(results.verdicts)),
        "## Measures",
    ]
    for outcome in results.outcomes:
        parts += [f"### {outcome.measure.title}"]
        parts += [f"{outcome.measure.unit}, {outcome.measure.better} is better: {outcome.measure.what}."]
        parts += [markdown(OUTCOME_HEAD, outcome_rows(outcome))]
    return "\n\n".join(parts) + "\n"


def as_json(results: Results) -> str:
    """Everything, figure by figure."""
    document: dict[str, Any] = {
        "machine": asdict(results.machine),
        "smoke": results.smoke,
        "measures": {outcome.measure.name: _measure(outcome) for outcome in results.outcomes},
        "goals": [asdict(verdict) for verdict in results.verdicts],
    }
    return json.dumps(document, indent=2) + "\n"


def _measure(outcome: Outcome) -> dict[str, Any]:
    measure = outcome.measure
    return {
        "title": measure.title,
        "unit": measure.unit,
        "better": measure.better,
        "contestants": {series.contestant: _series(series) for series in outcome.series},
    }


def _series(series: Series) -> dict[str, Any]:
    if not series.figures:
        return {"failure": series.failure}
    return {"median": series.median, "values": list(series.values), "extra": series.extra()}
