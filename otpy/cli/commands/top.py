"""`otpy top`: the processes of a node, as they change."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from otpy.cli.client import find_node
from otpy.cli.exits import OK, BadInput, Failed
from otpy.cli.options import ANY_NODE, AS_TEXT, Count, Flag, Output, Where
from otpy.cli.rows import Row
from otpy.cli.show import console, say_json
from otpy.cli.top.link import all_processes
from otpy.cli.top.model import Column, Line, Processes, column_named, largest_first
from otpy.cli.top.once import print_table

if TYPE_CHECKING:
    from pathlib import Path

Interval = Annotated[float, Parameter(help="Seconds from one look to the next.")]
Sort = Annotated[str, Parameter(help="Column to sort by, such as queue; numbers with the largest first.")]
Filter = Annotated[str, Parameter(help="Only processes whose pid, name, behaviour, version or status contains this.")]
Once = Annotated[Flag, Parameter(help="Print a table, and end.")]
Limit = Annotated[Count, Parameter(help="With --once: at most so many processes. [default: all]")]

_INSTALL: Final = "the screen of `otpy top` needs Textual: pip install 'otpy[top]'; `otpy top --once` does without"


def top(
    *,
    interval: Interval = 1.0,
    sort: Sort = "pid",
    filter: Filter = "",  # noqa: A002 - what people see is --filter
    once: Once = False,
    limit: Limit = None,
    where: Where = ANY_NODE,
    output: Output = AS_TEXT,
) -> int:
    """Show the screen until somebody leaves it; or print what is there once."""
    by = column_named(sort)
    if not 0 < interval < math.inf:
        raise BadInput(f"--interval {interval:g}; give seconds, more than 0")
    if limit is not None and (limit < 1 or not once):
        raise BadInput(f"--limit {limit}; give a number from 1, together with --once")
    if output.json and not once:
        raise BadInput("--json prints the processes once; give --once too")
    path = find_node(where.node, where.run_dir)
    if once:
        return _print(path, by, filter, limit, json=output.json)
    return _watch(path, interval, by, filter)


def _print(path: Path, by: Column[Line], containing: str, limit: int | None, *, json: bool) -> int:
    if by.title == "Red/s":
        raise BadInput("reductions per second take two looks; with --once, sort by reductions")
    known = Processes()
    known.take(all_processes(path))
    lines = known.lines(by=by, descending=largest_first(by), containing=containing)
    shown = lines[:limit]
    if json:
        say_json([{name: getattr(line.row, name) for name in Row.__struct_fields__} for line in shown])
    else:
        print_table(console(), shown, len(lines))
    return OK


def _watch(path: Path, interval: float, by: Column[Line], containing: str) -> int:
    try:
        from otpy.cli.top.app import Top  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "textual":
            raise
        raise Failed(_INSTALL) from error
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("the screen of `otpy top` needs a terminal; give --once to print a table")
    Top(path, path.stem, interval=interval, by=by, containing=containing).run()
    return OK
