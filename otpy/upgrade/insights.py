"""Insights: what the records of upgrades teach. Pure: records in, a value out, whichever store they are from.

How a trend is told: the time range is cut into twelve parts of one length (`BUCKETS`). An error is *rising* if the
later half of them has at least two more of it than the earlier half, and at least half as many again; *falling* the
other way round; else *steady*. So one or two errors make no trend, and neither does a difference that is small for its
number.

What makes a module a problem: at least two of its upgrades failed, and these are a quarter or more of all; or the watch
has rolled back one; or half of its upgrades paused somebody for a second or longer.

Percentiles are of the nearest rank: values that were measured, none in between.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, final

import msgspec

from otpy.store.values import Record
from otpy.upgrade.insight_advice import recommendations
from otpy.upgrade.insight_text import plain_text, rich_text
from otpy.upgrade.insight_values import (
    Bucket,
    ErrorPattern,
    Findings,
    ModuleInsight,
    Rate,
    Spread,
    StepTiming,
    TimeRange,
    Timings,
    Trend,
)

BUCKETS: Final = 12
"""Parts of the time range."""

COMPLETED: Final = frozenset({"committed", "permanent"})
BY_WATCH: Final = "rolled_back_by_watch"
BY_HAND: Final = "rollback"
"""The trigger of an upgrade that goes back to an earlier version."""

INTERRUPTED: Final = "Interrupted"
"""Stands for the error of an upgrade that its node did not survive."""

THROWN_OUT: Final = "RolledBackByWatch"
"""Stands for the error of an upgrade that was completed and did not stand the test of use."""

_RISE: Final = 1.5
_RISE_LEAST: Final = 2
_FAILURES: Final = 2
_FAILURE_RATE: Final = 0.25
_LONG_PAUSE_S: Final = 1.0


@final
class ReloadInsights(Findings, frozen=True, kw_only=True):
    """What the upgrades of a time range teach; prints itself, with a plot, and goes through JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, for JSON; `msgspec.convert(data, ReloadInsights)` is the way back."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data | {"success_rate": self.success_rate, "slowest_step": self.timings.slowest_step}

    def __str__(self) -> str:
        return plain_text(self)

    def __rich__(self) -> Any:
        """Return the same in colours, for rich's print."""
        return rich_text(self)


def insights(records: Iterable[Record], time_range: TimeRange | None = None) -> ReloadInsights:
    """Return what *records* teach, of those that were begun in *time_range*; of all, without one."""
    wanted = time_range or TimeRange()
    found = sorted((record for record in records if _within(record, wanted)), key=lambda record: record.started)
    ended = [record for record in found if record.state != "prepared"]
    since = wanted.since or (found[0].started if found else None)
    until = wanted.until or (found[-1].started if found else None)
    starts = bucket_starts(since, until)
    timings = _timings(ended)
    patterns = _patterns(ended, starts)
    modules = _modules(ended)
    return ReloadInsights(
        since=since,
        until=until,
        rate=_rate(ended),
        under_way=len(found) - len(ended),
        outcomes=dict(Counter(record.outcome or record.state for record in ended).most_common()),
        strategies=_rates((record.strategy, record) for record in ended),
        triggers=_rates((record.trigger, record) for record in ended),
        buckets=_buckets(ended, starts),
        error_patterns=patterns,
        timings=timings,
        modules=modules,
        processes_affected=sum(record.processes for record in ended),
        processes_affected_at_most=max((record.processes for record in ended), default=0),
        recommendations=recommendations(ended, patterns=patterns, timings=timings, modules=modules),
    )


def trend(counts: Sequence[int]) -> Trend:
    """Return how the counts of equal parts of a time range develop, by the rule at the head of this module."""
    half = (len(counts) + 1) // 2
    early, late = sum(counts[: len(counts) // 2]), sum(counts[half:])
    if late - early >= _RISE_LEAST and late >= _RISE * early:
        return "rising"
    if early - late >= _RISE_LEAST and early >= _RISE * late:
        return "falling"
    return "steady"


def spread(values: Iterable[float]) -> Spread:
    """Return how *values* are spread; those that are not above zero were not measured, and do not count."""
    measured = sorted(value for value in values if value > 0)
    if not measured:
        return Spread()
    return Spread(len(measured), _percentile(measured, 0.5), _percentile(measured, 0.95), measured[-1])


def bucket_starts(since: datetime | None, until: datetime | None) -> tuple[datetime, ...]:
    """Return where the parts of a time range begin: none of an unknown one, one of a moment."""
    if since is None or until is None:
        return ()
    length = (until - since) / BUCKETS
    return tuple(since + length * number for number in range(BUCKETS)) if length > timedelta() else (since,)


def _within(record: Record, wanted: TimeRange) -> bool:
    after = wanted.since is None or record.started >= wanted.since
    return after and (wanted.until is None or record.started < wanted.until)


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _rate(records: Sequence[Record]) -> Rate:
    return Rate(len(records), sum(record.state in COMPLETED for record in records))


def _rates(named: Iterable[tuple[str, Record]]) -> dict[str, Rate]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for name, record in named:
        groups[name].append(record)
    return {name: _rate(groups[name]) for name in sorted(groups)}


def _bucket_of(moment: datetime, starts: Sequence[datetime]) -> int:
    return max(number for number, start in enumerate(starts) if start <= moment)


def _buckets(records: Sequence[Record], starts: Sequence[datetime]) -> tuple[Bucket, ...]:
    groups: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        groups[_bucket_of(record.started, starts)].append(record)
    return tuple(Bucket(start, _rate(groups[number])) for number, start in enumerate(starts))


def _error_class(record: Record) -> str | None:
    """The class of the error that ended an upgrade; None if it was completed, or no error was recorded."""
    if record.state == "interrupted":
        return INTERRUPTED
    if record.outcome == BY_WATCH:
        return THROWN_OUT
    return None if record.state in COMPLETED else record.error_class


def _patterns(records: Sequence[Record], starts: Sequence[datetime]) -> tuple[ErrorPattern, ...]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if (error_class := _error_class(record)) is not None:
            groups[error_class].append(record)
    found = (_pattern(error_class, group, starts) for error_class, group in groups.items())
    return tuple(sorted(found, key=lambda pattern: (-pattern.count, pattern.error_class)))


def _pattern(error_class: str, group: Sequence[Record], starts: Sequence[datetime]) -> ErrorPattern:
    in_bucket = Counter(_bucket_of(record.started, starts) for record in group)
    counts = tuple(in_bucket[number] for number in range(len(starts)))
    last = group[-1]
    return ErrorPattern(
        error_class=error_class,
        count=len(group),
        counts=counts,
        trend=trend(counts),
        modules=tuple(sorted({change.module for record in group for change in record.modules})),
        last=last.started,
        example=last.error or "the node ended while the upgrade was under way",
    )


def _timings(records: Sequence[Record]) -> Timings:
    by_step: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for step in record.steps:
            by_step[step.name].append(step.seconds)
    all_steps = sum(map(sum, by_step.values()))
    steps = [
        StepTiming(name, spread(seconds), sum(seconds) / all_steps if all_steps else 0.0)
        for name, seconds in by_step.items()
    ]
    return Timings(
        total=spread(record.seconds for record in records),
        pause=_pauses(records),
        steps=tuple(sorted(steps, key=lambda step: (-step.seconds.p95, step.name))),
    )


def _pauses(records: Iterable[Record]) -> Spread:
    return spread(record.paused_s.get("max", 0.0) for record in records)


def _modules(records: Sequence[Record]) -> tuple[ModuleInsight, ...]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        for change in record.modules:
            groups[change.module].append(record)
    found = (_module(name, group) for name, group in groups.items())
    return tuple(sorted(found, key=lambda one: (not one.problems, -one.rate.failed, -one.rate.attempts, one.module)))


def _module(name: str, group: Sequence[Record]) -> ModuleInsight:
    rate = _rate(group)
    by_watch = sum(record.outcome == BY_WATCH for record in group)
    pause = _pauses(group)
    return ModuleInsight(
        module=name,
        rate=rate,
        rolled_back_by_watch=by_watch,
        rolled_back_by_hand=sum(record.trigger == BY_HAND and record.state in COMPLETED for record in group),
        pause=pause,
        errors=dict(Counter(filter(None, map(_error_class, group))).most_common()),
        problems=tuple(_problems(rate, by_watch, pause)),
    )


def _problems(rate: Rate, by_watch: int, pause: Spread) -> Iterable[str]:
    if rate.failed >= _FAILURES and rate.failed >= _FAILURE_RATE * rate.attempts:
        yield f"{rate.failed} of {rate.attempts} upgrades failed"
    if by_watch:
        yield f"{by_watch} rolled back by the watch"
    if pause.p50 >= _LONG_PAUSE_S:
        yield f"half of the upgrades paused a process for {pause.p50:.1f} s or longer"
