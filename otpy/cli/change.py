"""What the commands that take a while have in common: ask the node, show how far it is, say why it did not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otpy.cli.client import ask_node
from otpy.cli.exits import OK, Failed
from otpy.cli.progress import Progress
from otpy.cli.show import refusal_lines, say, say_json

if TYPE_CHECKING:
    from otpy.cli.options import Output, Where


def change(where: Where, output: Output, verb: str, args: dict[str, Any]) -> int:
    """Carry out *verb* in the node, print its report and return the exit code; raises Failed if it did not happen."""
    done = asked(where, output, verb, args)
    if output.json:
        say_json(done["report"])
    else:
        say(done["text"])
    return OK


def asked(where: Where, output: Output, verb: str, args: dict[str, Any]) -> Any:
    """Have the node carry out *verb* and return its answer; raises Failed, with advice, if it did not happen."""
    try:
        with Progress() as progress:
            return ask_node(where.node, where.run_dir, verb, args, progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the node goes on with the {verb}; see `otpy history`") from None
    except Failed as error:
        if output.json:
            say_json({"status": "failed", "message": str(error), **error.detail})
        error.hints = refusal_lines(error.detail)
        raise
