"""All about one process, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from otpy.cli.top.model import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpy.cli.rows import Details

_NAME_WIDTH = 12


def detail_text(details: Details | str) -> Text:
    """Return *details* with a line for each fact; a text is why there are none."""
    if isinstance(details, str):
        return Text(details, style="yellow")
    return Text("\n").join(_line(name, value) for name, value in _facts(details))


def _line(name: str, value: str) -> Text:
    return Text().append(f"{name:<{_NAME_WIDTH}}", style="dim").append(printable(value))


def _facts(of: Details) -> Iterator[tuple[str, str]]:
    version = f", version {of.vsn}" if of.vsn else ""
    yield "process", of.pid
    if of.label is not None and of.name is not None:
        yield "label", of.label
    yield "behaviour", f"{of.module}.{of.behaviour}{version}"
    waits = f", for an answer of {of.waits_for}" if of.waits_for else ""
    trap = "; traps exits" if of.trap_exit else ""
    yield "status", f"{of.status}{waits}{trap}"
    yield "messages", f"{of.queue:,} wait, {of.reductions:,} handled"
    yield "links", ", ".join(of.links) or "none"
    if of.monitors:
        yield "monitors", ", ".join(of.monitors)
    yield "started by", " < ".join(of.ancestors) or "nobody who lives"
    yield "state", "press v for a copy of it, for which the process rests a moment" if of.state is None else ""
    if of.state is not None:
        yield "", f"\n{of.state}"
