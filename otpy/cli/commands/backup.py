"""`otpy backup`: a copy of what outlives a node."""

from __future__ import annotations

from pathlib import Path

from otpy.cli.client import ask_node
from otpy.cli.exits import OK
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where
from otpy.cli.show import say, say_json


def backup(file: Path, /, *, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Have the node copy its store."""
    made = ask_node(where.node, where.run_dir, "backup", {"file": str(file.absolute())})
    if output.json:
        say_json(made)
    else:
        say(f"the store of node {made['node']!r} is copied to {made['file']}")
    return OK
