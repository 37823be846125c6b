"""What `upgrade` and `rollback` have in common: ask the node, and print its report or why it did not happen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from otpy.cli.client import ask_node
from otpy.cli.exits import OK, Failed
from otpy.cli.show import refusal_lines, say, say_json

if TYPE_CHECKING:
    from otpy.cli.frames import Event
    from otpy.cli.options import Output, Where


def change(where: Where, output: Output, verb: str, args: dict[str, Any]) -> int:
    """Carry out *verb* in the node and return the exit code; raises Failed if it did not happen."""
    try:
        done = ask_node(where.node, where.run_dir, verb, args, _progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the node goes on with the {verb}; see `otpy history`") from None
    except Failed as error:
        if output.json:
            say_json({"status": "failed", "message": str(error), **error.detail})
        error.hints = refusal_lines(error.detail)
        raise
    if output.json:
        say_json(done["report"])
    else:
        say(done["text"])
    return OK


def _progress(event: Event) -> None:
    """Tell a person who waits what the node is doing."""
    modules = event.facts.get("modules")
    if modules and sys.stderr.isatty():
        sys.stderr.write(f"{event.name} {', '.join(modules)} …\n")
