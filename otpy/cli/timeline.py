"""One upgrade as `otpy history --id` tells it: its steps on a time axis, and what it did to states."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.text import Text

from otpy.cli.show import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_WIDTH: Final = 40
"""Characters of the longest bar."""
_STATES: Final = {
    "committed": "green",
    "permanent": "green",
    "rolled_back": "red",
    "interrupted": "bold red",
    "prepared": "yellow",
}


class Module(msgspec.Struct, frozen=True):
    """From which version to which."""

    module: str
    before: str | None
    after: str


class Step(msgspec.Struct, frozen=True):
    """A step that was finished."""

    name: str
    seconds: float


class Record(msgspec.Struct, frozen=True):
    """What is printed of the store's record."""

    id: int
    state: str
    outcome: str
    started: str
    trigger: str
    strategy: str
    asked_by: str
    modules: list[Module]
    processes: int
    migrated: int
    seconds: float
    paused_s: dict[str, float]
    steps: list[Step]
    warnings: list[str]
    dependents: list[str]
    error_class: str | None = None
    error: str | None = None


class StateChange(msgspec.Struct, frozen=True):
    """The state of one process, before and after, as text."""

    process: str
    behaviour: str
    before: str
    after: str


class Timeline(msgspec.Struct, frozen=True):
    """What a node answers."""

    record: Record
    states: list[StateChange] = []
    advice: list[str] = []


def print_timeline(out: Console, found: Any) -> None:
    """Print the timeline of one upgrade."""
    told = msgspec.convert(found, Timeline)
    for text, style in (*_head(told.record), *_steps(told.record.steps), *_states(told.states), *_end(told)):
        out.print(Text(text, style=style), soft_wrap=True)


def _versions(change: Module) -> str:
    """The module, and between which versions it went; a source that did not parse has none."""
    if not change.after:
        return f"{change.module} {change.before or ''}".rstrip()
    return f"{change.module} {change.before or 'new'} → {change.after}"


def _head(record: Record) -> Iterator[tuple[str, str]]:
    modules = ", ".join(map(_versions, record.modules))
    yield f"upgrade {record.id}: {modules}", "bold"
    how = record.state if record.outcome in ("", record.state) else f"{record.state} ({record.outcome})"
    yield f"  {how}, {_moment(record.started)}, took {seconds(record.seconds)}", _STATES.get(record.state, "")
    yield f"  {record.strategy}, asked for by {record.asked_by or 'nobody known'} ({record.trigger})", "dim"
    if record.dependents:
        yield f"  used by {', '.join(record.dependents)}", "dim"
    longest = seconds(record.paused_s.get("max", 0.0))
    if record.processes:
        yield f"  {record.processes} processes paused, at most {longest}; {record.migrated} states converted", ""
    else:
        yield "  nobody was paused", ""


def _steps(steps: list[Step]) -> Iterator[tuple[str, str]]:
    """Yield the steps one after the other, each bar beginning where the one before has ended."""
    if not steps:
        yield "  no step was finished", "yellow"
        return
    whole = sum(step.seconds for step in steps) or 1.0
    begun = 0.0
    for step in steps:
        first = round(begun / whole * _WIDTH)
        begun += step.seconds
        bar = "█" * max(round(begun / whole * _WIDTH) - first, 0) or "▏"
        yield f"  {step.name:<10} {seconds(step.seconds):>9}  {' ' * first}{bar}", ""


def _states(states: list[StateChange]) -> Iterator[tuple[str, str]]:
    for each in states:
        yield f"  {each.process} {each.behaviour}", ""
        if each.before == each.after:
            yield f"      {each.before}", "dim"
        else:
            yield f"    - {each.before}", "red"
            yield f"    + {each.after}", "green"


def _end(told: Timeline) -> Iterator[tuple[str, str]]:
    record = told.record
    yield from ((f"  warning: {warning}", "yellow") for warning in record.warnings)
    if record.error is not None:
        yield f"  {record.error_class}: {record.error}", "red"
    elif record.state == "interrupted":
        last = (
            f"the last step that it finished was {record.steps[-1].name!r}" if record.steps else "no step was finished"
        )
        yield f"  the node ended while this was under way; {last}", "bold red"
        yield "  what was in its memory is gone with it, and no file was written: ask for the upgrade again", ""
    yield from ((f"  {line}", "") for line in told.advice)


def _moment(started: str) -> str:
    return datetime.fromisoformat(started).astimezone().isoformat(sep=" ", timespec="seconds")
