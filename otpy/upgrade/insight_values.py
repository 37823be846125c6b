"""What is learnt from upgrades that were recorded, piece by piece: plain values."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec

Trend: TypeAlias = Literal["rising", "falling", "steady"]

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


class TimeRange(msgspec.Struct, frozen=True):
    """From `since` on, and before `until`; None is open. Moments have a time zone."""

    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for moment in (self.since, self.until):
            if moment is not None and moment.tzinfo is None:
                msg = f"{moment!r} has no time zone; give datetime(…, tzinfo=UTC), or .astimezone() for local time"
                raise ValueError(msg)
        if self.since is not None and self.until is not None and self.since > self.until:
            msg = f"the time range ends at {self.until}, before it begins at {self.since}; swap the two"
            raise ValueError(msg)


def time_range(given: object, *, now: datetime) -> TimeRange:
    """Return the range that *given* means: all time (None), or the last so long before *now* ("90m", "24h", "7d").

    Raises: ValueError, if it is none of these.
    """
    match given:
        case None:
            return TimeRange()
        case TimeRange():
            return given
        case timedelta() if given > timedelta():
            return TimeRange(since=now - given, until=now)
        case str() if found := _LENGTH.fullmatch(given.strip()):
            return TimeRange(since=now - timedelta(**{_UNITS[found[2]]: float(found[1])}), until=now)
        case _:
            msg = f"{given!r} is no time range; give a length such as '90m', '24h' or '7d', a timedelta or a TimeRange"
            raise ValueError(msg)


class Spread(msgspec.Struct, frozen=True):
    """How some durations in seconds are spread; 0 each, if there are none. `p50` and `p95` are among those measured."""

    count: int = 0
    p50: float = 0.0
    p95: float = 0.0
    max: float = 0.0


class Rate(msgspec.Struct, frozen=True):
    """Of so many attempts so many were completed."""

    attempts: int = 0
    completed: int = 0

    @property
    def failed(self) -> int:
        """How many attempts were not completed."""
        return self.attempts - self.completed

    @property
    def success(self) -> float | None:
        """The share that was completed, from 0 to 1; None without attempts."""
        return self.completed / self.attempts if self.attempts else None


class Bucket(msgspec.Struct, frozen=True):
    """The upgrades begun in one part of the time range, all of which are of one length."""

    start: datetime
    rate: Rate


class ErrorPattern(msgspec.Struct, frozen=True):
    """One class of error. `counts` has the number in each bucket; for `trend` see `otpy.upgrade.insights.trend`."""

    error_class: str
    count: int
    counts: tuple[int, ...]
    trend: Trend
    modules: tuple[str, ...]
    last: datetime
    example: str
    """What the last one said."""


class StepTiming(msgspec.Struct, frozen=True):
    """How long a step took, over all upgrades that got through it; `share` is its part of the time of all steps."""

    name: str
    seconds: Spread
    share: float


class Timings(msgspec.Struct, frozen=True):
    """How long upgrades took and paused. `pause` is of the process that paused longest in each upgrade."""

    total: Spread = Spread()
    pause: Spread = Spread()
    steps: tuple[StepTiming, ...] = ()
    """Slowest first, by p95."""

    @property
    def slowest_step(self) -> str | None:
        """The name of the step with the longest p95."""
        return self.steps[0].name if self.steps else None


class ModuleInsight(msgspec.Struct, frozen=True):
    """How the upgrades of one module went. `problems` says in words what is wrong with it, nothing if nothing is."""

    module: str
    rate: Rate
    rolled_back_by_watch: int
    rolled_back_by_hand: int
    pause: Spread
    errors: dict[str, int]
    problems: tuple[str, ...]


class Recommendation(msgspec.Struct, frozen=True):
    """What to do, and the facts that say so."""

    what: str
    facts: tuple[str, ...]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What the upgrades of a time range teach.

    `rate` is of all that have ended; those under way are counted apart. `since` and `until` are the range looked at; of
    an open one, where its first and last upgrade began.
    """

    since: datetime | None
    until: datetime | None
    rate: Rate
    under_way: int
    outcomes: dict[str, int]
    """How often each outcome was, as it was recorded: "completed", "refused", "rolled_back_by_watch", …"""
    strategies: dict[str, Rate]
    triggers: dict[str, Rate]
    buckets: tuple[Bucket, ...]
    error_patterns: tuple[ErrorPattern, ...]
    """Most frequent first."""
    timings: Timings
    modules: tuple[ModuleInsight, ...]
    """Those with problems first, then by attempts."""
    processes_affected: int
    """Processes that upgrades have touched, each counted once per upgrade."""
    processes_affected_at_most: int
    """By one upgrade."""
    recommendations: tuple[Recommendation, ...]

    @property
    def success_rate(self) -> float | None:
        """The share of the attempts that was completed, from 0 to 1; None without attempts."""
        return self.rate.success

    @property
    def problematic_modules(self) -> tuple[ModuleInsight, ...]:
        """The modules that have problems."""
        return tuple(module for module in self.modules if module.problems)
