"""Runs measures: every contestant in a fresh process, the contestants in turn, round after round.

In turn (A B A B …), because the speed of a shared machine drifts: what one round's contestants met was alike,
so the ratios of one round hold where its absolute figures do not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from benchmarks.contestants import BY_NAME
from benchmarks.processes import RunFailed, output_of
from benchmarks.values import Figure, Measure, Outcome, Series


@final
@dataclass(frozen=True, slots=True)
class Settings:
    """How to run: `smoke` takes the tiny sizes and one round; `repeats` overrides the measures' own rounds.

    `timeout` is that of one run, in seconds.
    """

    smoke: bool = False
    repeats: int | None = None
    timeout: float = 300.0

    def rounds(self, measure: Measure) -> int:
        """How often each contestant runs `measure`."""
        return 1 if self.smoke else self.repeats or measure.repeats


Say = Callable[[str], None]
"""Takes a line on the progress."""


def run(measure: Measure, settings: Settings, say: Say) -> Outcome:
    """Run one measure with all contestants that are installed."""
    missing = {name: why for name in measure.entrants if (why := BY_NAME[name].missing())}
    failed: dict[str, str] = {}
    figures: dict[str, list[Figure]] = {name: [] for name in measure.entrants}
    for turn in range(settings.rounds(measure)):
        for name, size in measure.entrants.items():
            if name in missing or name in failed:
                continue
            say(f"{measure.name}, round {turn + 1}: {BY_NAME[name].label}")
            try:
                figures[name].append(_once(name, measure, measure.smoke if settings.smoke else size, settings))
            except RunFailed as failure:
                failed[name] = failure.why
    return Outcome(measure, tuple(_series(name, figures[name], missing, failed) for name in measure.entrants))


def _series(name: str, figures: list[Figure], missing: dict[str, str], failed: dict[str, str]) -> Series:
    """The series of one contestant. One that failed once gives no figure: it would be one of other circumstances."""
    if name in missing:
        return Series(name, (), missing[name], absent=True)
    if name in failed:
        return Series(name, (), failed[name])
    return Series(name, tuple(figures))


def _once(name: str, measure: Measure, size: int, settings: Settings) -> Figure:
    output = output_of(BY_NAME[name].command(measure.name, size), timeout=settings.timeout)
    try:
        found: dict[str, Any] = json.loads(output.splitlines()[-1])
        return Figure(float(found["value"]), found["extra"])
    except (IndexError, ValueError, KeyError, TypeError):
        raise RunFailed(f"printed no figure but {output[-80:]!r}") from None
