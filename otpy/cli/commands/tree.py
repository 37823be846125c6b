"""`otpy tree`: what runs in a node."""

from __future__ import annotations

from otpy.cli.client import ask_node
from otpy.cli.exits import OK
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where
from otpy.cli.show import say, say_json


def tree(*, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Print the processes of a node as a tree."""
    answer = ask_node(where.node, where.run_dir, "tree")
    if output.json:
        say_json(answer)
    else:
        say(answer["text"])
    return OK
