"""`otpy ping`: whether a node works; for probes."""

from __future__ import annotations

from otpy.cli.client import ask_node
from otpy.cli.exits import OK
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Patience, Where
from otpy.cli.show import say, say_json


def ping(*, timeout: Patience = 5.0, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Print who answers."""
    answer = ask_node(where.node, where.run_dir, "ping", {"seconds": timeout}, seconds=2 * timeout)
    if output.json:
        say_json(answer)
    else:
        say(f"pong from {answer['node']} (process {answer['process']})")
    return OK
