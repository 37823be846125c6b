"""The demo as a story on the screen: one function per chapter of `demo.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from otpy.cli.demo import Chapter, Finished, Refused, Started, Upgraded
from otpy.cli.show import seconds

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_MARGIN: Final = (0, 0, 0, 2)


def print_chapter(out: Console, chapter: Chapter) -> None:
    """Print one chapter."""
    match chapter:
        case Started():
            _started(out, chapter)
        case Upgraded():
            _upgraded(out, chapter)
        case Refused():
            _refused(out, chapter)
        case Finished():
            _finished(out, chapter)
        case _:
            assert_never(chapter)


def _started(out: Console, chapter: Started) -> None:
    out.print()
    out.print(Rule(Text(chapter.name, style="bold")))
    out.print(f"{chapter.description}. {chapter.version}: {chapter.about}.")
    _indented(out, Text(chapter.tree))
    out.print(f"{chapter.clients} clients send and call all the time, before, during and after what follows.")


def _upgraded(out: Console, chapter: Upgraded) -> None:
    out.print()
    out.print(Text.assemble((f"{chapter.before} → {chapter.version}, live: ", "bold green"), chapter.about))
    _indented(out, Text(str(chapter.report)))
    if chapter.shown is not None:
        _indented(out, Text(chapter.shown))


def _refused(out: Console, chapter: Refused) -> None:
    out.print()
    out.print(Text.assemble((f"{chapter.before} → {chapter.version}, refused: ", "bold yellow"), chapter.about))
    _indented(out, Text(f"{chapter.error}: {chapter.message}"))
    _indented(out, Text(f"Rolled back by itself: {chapter.before} goes on with its state."))


def _finished(out: Console, chapter: Finished) -> None:
    out.print()
    out.print(Text(f"The clients leave. What runs now ({chapter.version}):", style="bold"))
    _indented(out, Text(chapter.tree))
    _indented(out, _tallies(chapter))
    for check in chapter.checks:
        mark = Text("ok  ", style="green") if check.holds else Text("FAIL", style="bold red")
        out.print(Text.assemble("  ", mark, f" {check.rule}: {check.found}"))
    broken = sum(not check.holds for check in chapter.checks)
    if broken:
        out.print(Text(f"{broken} of {len(chapter.checks)} checks do not hold.", style="bold red"))
    else:
        out.print(Text(f"All {len(chapter.checks)} checks hold.", style="bold green"))


def _tallies(chapter: Finished) -> Table:
    table = Table("client", box=None, header_style="bold", pad_edge=False)
    for column in ("sent", "handled", "calls answered", "longest round"):
        table.add_column(column, justify="right")
    for tally in chapter.tallies:
        handled = chapter.handled.get(tally.client, 0)
        table.add_row(tally.client, f"{tally.sent:,}", f"{handled:,}", f"{tally.answered:,}", seconds(tally.longest))
    return table


def _indented(out: Console, what: RenderableType) -> None:
    out.print(Padding(what, _MARGIN, expand=False))
