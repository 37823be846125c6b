"""`otpy history`: what was upgraded so far."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from otpy.cli.client import ask_node
from otpy.cli.exits import OK
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where
from otpy.cli.show import console, print_history, say_json

Module = Annotated[str | None, Parameter(help="Only the upgrades of this module.")]


def history(module: Module = None, /, *, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """List the upgrades of a node, done and refused, oldest first."""
    records = ask_node(where.node, where.run_dir, "history", {"module": module})
    if output.json:
        say_json(records)
    else:
        print_history(console(), records)
    return OK
