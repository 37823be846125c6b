"""Insights on a terminal: a plot of attempts over time, bars and lists; plain, or in rich's colours.

The plot has a column for each part of the time range: what was completed below, what failed above it. It is drawn with
characters, so that it can be read in a log as well.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from otpy.upgrade.insight_values import (
    Bucket,
    ErrorPattern,
    Findings,
    ModuleInsight,
    Recommendation,
    Spread,
    Timings,
)

Line: TypeAlias = tuple[tuple[str, str], ...]
"""Pieces of text, each with its style."""

GOOD: Final = "green"
BAD: Final = "red"
QUIET: Final = "dim"
HEAD: Final = "bold"

_ROWS: Final = 6
"""Height of the plot in lines."""

_COLUMN: Final = 4
"""Width of a column with its gap."""

_WIDTH: Final = 100
"""Of lines of prose."""

_BAR: Final = 20
"""Length of the longest bar."""

_SPARKS: Final = " ▁▂▃▄▅▆▇█"
_MARKS: Final = {"rising": "↑ rising", "falling": "↓ falling", "steady": "→ steady"}
_MILLISECOND: Final = 1e-3


def plain_text(insights: Findings) -> str:
    """Return *insights* for people, without colours."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines(insights))


def rich_text(insights: Findings) -> Any:
    """Return *insights* for rich's print: the same lines in colours."""
    from rich.text import Text  # noqa: PLC0415 - only who prints with rich needs it

    text = Text(no_wrap=True)
    for number, line in enumerate(lines(insights)):
        if number:
            text.append("\n")
        for piece, style in line:
            text.append(piece, style=style)
    return text


def lines(insights: Findings) -> Iterator[Line]:
    """Yield the lines of the whole page."""
    yield from _summary(insights)
    if not insights.rate.attempts:
        return
    yield from _section("Upgrades over time", plot(insights))
    yield from _section("Errors", _errors(insights.error_patterns))
    yield from _section("Times", _times(insights.timings))
    yield from _section("Modules with problems", _modules(insights.problematic_modules))
    yield from _section("What to do", _advice(insights.recommendations))


def plot(insights: Findings) -> Iterator[Line]:
    """Yield the plot of attempts in each part of the time range; nothing, if there were none."""
    buckets = insights.buckets
    top = max((bucket.rate.attempts for bucket in buckets), default=0)
    if not top or insights.since is None or insights.until is None:
        return
    rows = min(_ROWS, top)
    for row in range(rows, 0, -1):
        label = f"{top:>5} ┤" if row == rows else f"{'':>5} │"
        yield ((label, QUIET), *(_cell(bucket, row, rows=rows, top=top) for bucket in buckets))
    yield ((f"{0:>5} └{'─' * (_COLUMN * len(buckets))}", QUIET),)
    first, last = in_utc(insights.since), in_utc(insights.until)
    gap = " " * max(2, _COLUMN * len(buckets) - len(first) - len(last))
    yield ((f"{'':>7}{first}" if len(buckets) == 1 else f"{'':>7}{first}{gap}{last}", QUIET),)
    yield ((f"{'':>7}", ""), ("███", GOOD), (" completed  ", ""), ("░░░", BAD), (" failed", ""))


def sparkline(counts: Sequence[int]) -> str:
    """Return *counts* as a line of blocks, the highest as high as a line is."""
    top = max(counts, default=0)
    return "".join(_SPARKS[-(-count * (len(_SPARKS) - 1) // top) if top else 0] for count in counts)


def duration(seconds: float) -> str:
    """Return *seconds* in the unit in which they are easy to read."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.1f} ms" if seconds >= _MILLISECOND else f"{seconds * 1e6:.0f} µs"


def in_utc(moment: datetime) -> str:
    """Return *moment* for people, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _section(head: str, body: Iterable[Line]) -> Iterator[Line]:
    """Yield a section with its head, nothing if it is empty."""
    found = list(body)
    if found:
        yield ()
        yield ((head, HEAD),)
        yield from found


def _summary(insights: Findings) -> Iterator[Line]:
    rate = insights.rate
    if insights.since is not None and insights.until is not None:
        yield ((f"{in_utc(insights.since)} to {in_utc(insights.until)} UTC", QUIET),)
    if not rate.attempts:
        yield (("no upgrade has ended in this time", ""),)
        return
    yield (
        (f"{rate.attempts} upgrade{'s' if rate.attempts > 1 else ''}: ", HEAD),
        (f"{rate.completed} completed", GOOD),
        (", ", ""),
        (f"{rate.failed} failed", BAD if rate.failed else ""),
        (f" ({rate.completed / rate.attempts:.0%} success)", ""),
    )
    yield ((f"  {', '.join(f'{name} {count}' for name, count in insights.outcomes.items())}", QUIET),)
    touched, most = insights.processes_affected, insights.processes_affected_at_most
    yield ((f"  {touched} processes affected, at most {most} by one upgrade", QUIET),)
    if insights.under_way:
        yield ((f"  {insights.under_way} under way", QUIET),)


def _cell(bucket: Bucket, row: int, *, rows: int, top: int) -> tuple[str, str]:
    """One line of one column. What there is at all is seen: it takes at least one line."""
    good = _height(bucket.rate.completed, rows=rows, top=top)
    whole = max(_height(bucket.rate.attempts, rows=rows, top=top), good + (bucket.rate.failed > 0))
    if whole > rows:
        good, whole = rows - 1, rows
    if row <= good:
        return " ███", GOOD
    return (" ░░░", BAD) if row <= whole else (" " * _COLUMN, "")


def _height(count: int, *, rows: int, top: int) -> int:
    return 0 if not count else max(1, round(count * rows / top))


def _errors(patterns: Sequence[ErrorPattern]) -> Iterator[Line]:
    width = max((len(pattern.error_class) for pattern in patterns), default=0)
    for pattern in patterns:
        style = BAD if pattern.trend == "rising" else ""
        yield (
            (f"  {pattern.error_class:<{width}} {pattern.count:>4}  ", ""),
            (sparkline(pattern.counts), style),
            (f"  {_MARKS[pattern.trend]}", style),
            (f"  {', '.join(pattern.modules)}", QUIET),
        )


def _times(timings: Timings) -> Iterator[Line]:
    width = max((len(step.name) for step in timings.steps), default=0)
    width = max(width, len("longest pause"))
    for name, spread in (("whole upgrade", timings.total), ("longest pause", timings.pause)):
        if spread.count:
            yield ((f"  {name:<{width}}  {_spread(spread)}", ""),)
    top = timings.steps[0].seconds.p95 if timings.steps else 0.0
    for step in timings.steps:
        if top > 0 and step.seconds.count:
            bar = "█" * max(1, round(step.seconds.p95 / top * _BAR))
            yield ((f"  {step.name:<{width}}  {_spread(step.seconds)}  ", ""), (bar, GOOD))


def _spread(spread: Spread) -> str:
    parts = (("p50", spread.p50), ("p95", spread.p95), ("max", spread.max))
    return "  ".join(f"{name} {duration(value):>9}" for name, value in parts)


def _modules(modules: Sequence[ModuleInsight]) -> Iterator[Line]:
    for module in modules:
        yield ((f"  {module.module}: ", HEAD), ("; ".join(module.problems), BAD))


def _advice(recommendations: Sequence[Recommendation]) -> Iterator[Line]:
    for number, advice in enumerate(recommendations, 1):
        yield from _wrapped(f"  {number}. ", advice.what, style="")
        for fact in advice.facts:
            yield from _wrapped("     - ", fact, style=QUIET)


def _wrapped(lead: str, text: str, *, style: str) -> Iterator[Line]:
    """Yield *text* in lines that are not too long, below each other."""
    for line in textwrap.wrap(text, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)):
        yield ((line, style),)
