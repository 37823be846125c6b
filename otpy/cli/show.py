"""Printing: what a node answers, for people and as JSON.

Rich leaves out control codes where the output is no terminal, and colours where NO_COLOR is set. A pipe has no width,
so lines are not broken for it.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PIPE_WIDTH: Final = 250
_MILLISECOND: Final = 1e-3


class Record(msgspec.Struct, frozen=True):
    """What `history` prints of an `UpgradeRecord`."""

    id: str
    started_at: str
    modules: list[str]
    status: str
    from_version: dict[str, Any]
    to_version: dict[str, Any]
    processes: int
    error: str | None = None


class Step(msgspec.Struct, frozen=True):
    """A step of an upgrade."""

    name: str


class Reached(msgspec.Struct, frozen=True):
    """What is printed of the report of an upgrade that did not happen."""

    steps: list[Step] = []


class Advice(msgspec.Struct, frozen=True):
    """What is printed of an `ErrorRecovery`."""

    action: str
    suggested_fixes: list[str] = []


class Refusal(msgspec.Struct, frozen=True):
    """What a node says of an upgrade that did not happen, beside the message."""

    report: Reached = Reached()
    recovery: Advice | None = None


def console(*, pipe_width: int = _PIPE_WIDTH) -> Console:
    """Return a console for standard output; *pipe_width* is for a pipe, unless COLUMNS is set."""
    width = None if sys.stdout.isatty() else shutil.get_terminal_size((pipe_width, 25)).columns
    return Console(width=width, highlight=False, markup=False, emoji=False)


def say(text: str) -> None:
    """Print *text* as it is, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_json(value: object, *, indent: int | None = 2) -> None:
    """Print plain data as JSON."""
    say(json.dumps(value, indent=indent, ensure_ascii=False))


def seconds(value: float) -> str:
    """Return a time in the unit in which it is easy to read."""
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.1f} ms" if value >= _MILLISECOND else f"{value * 1e6:.0f} µs"


def refusal_lines(detail: Mapping[str, Any]) -> list[str]:
    """Return how far an upgrade came that did not happen, and what can be done about it."""
    refusal = msgspec.convert(dict(detail), Refusal)
    steps = [step.name for step in refusal.report.steps if step.name != "resume"]  # which ends a rollback too
    reached = [_how_far(steps)] if steps else []
    advice = [refusal.recovery.action, *refusal.recovery.suggested_fixes] if refusal.recovery else []
    return reached + advice


def _how_far(steps: list[str]) -> str:
    if "suspend" in steps:
        return f"It failed in the step {steps[-1]!r}, and was rolled back."
    return f"It was refused in the step {steps[-1]!r}; nobody was paused."


def print_history(out: Console, found: object, module: str | None = None) -> None:
    """Print past upgrades, those of *module* if it is given, as a table, oldest first."""
    records = msgspec.convert(found, list[Record])
    if not records:
        out.print(f"no upgrade of {module} so far" if module else "no upgrade so far", markup=False)
        return
    table = Table(
        "id", "when", "status", "modules", "processes", "error", box=None, header_style="bold", pad_edge=False
    )
    for record in records:
        modules = ", ".join(changes(record))
        table.add_row(
            record.id,
            record.started_at,
            record.status,
            modules,
            str(record.processes),
            (record.error or "").partition("\n")[0],
        )
    out.print(table)


def changes(record: Record) -> Iterable[str]:
    """Return each module with the versions that it went, or should have gone, between."""
    for module in record.modules:
        before, after = record.from_version.get(module), record.to_version.get(module)
        if after is not None:
            yield f"{module} {'new' if before is None else before} → {after}"
        else:
            yield module if before is None else f"{module} {before}"
