"""`otpy versions`: what a node runs."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from otpy.cli.client import ask_node
from otpy.cli.exits import OK
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where
from otpy.cli.show import console, say_json


def versions(*, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Print the versions of applications and modules."""
    answer = ask_node(where.node, where.run_dir, "versions")
    if output.json:
        say_json(answer)
        return OK
    out = console()
    if answer["applications"]:
        out.print(_table("application", "vsn", "type", rows=[_application(each) for each in answer["applications"]]))
        out.print()
    rows = [[each["module"], each["vsn"], each["permanent"] or "the file"] for each in answer["modules"]]
    out.print(_table("module", "vsn", "after a restart", rows=rows))
    return OK


def _application(each: dict[str, Any]) -> list[str]:
    kind = each["type"] or "loaded"
    return [each["name"], str(each["vsn"]), kind if each["running"] or not each["type"] else f"{kind}, ended"]


def _table(*names: str, rows: list[list[str]]) -> Table:
    table = Table(*names, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    return table
