"""The processes of a node as a table, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from otpy.cli.top.model import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from otpy.cli.top.model import Line


def print_table(out: Console, lines: Sequence[Line], count: int) -> None:
    """Print *lines*, the first of *count* processes."""
    columns = [column for column in COLUMNS if column.title != "Red/s"]  # for which one look is not enough
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.title, justify="right" if column.number else "left", no_wrap=True)
    for line in lines:
        table.add_row(*(Text(column.shown(line).replace("\n", " ")) for column in columns))
    out.print(table)
    if len(lines) < count:
        out.print(f"{len(lines):,} of {count:,} processes")
