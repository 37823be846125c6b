"""`otpy pid`: the process of a node."""

from __future__ import annotations

from otpy.cli.client import the_node
from otpy.cli.exits import OK
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where
from otpy.cli.show import say, say_json


def pid(*, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Print the id of the node's process, for `kill` and the like. The node is not asked, so it may be stuck."""
    node, process = the_node(where.node, where.run_dir)
    if output.json:
        say_json({"node": node, "process": process})
    else:
        say(str(process))
    return OK
