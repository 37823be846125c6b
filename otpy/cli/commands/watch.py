"""`otpy watch`: a node that follows its files."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from otpy.cli.client import ask_node
from otpy.cli.exits import OK, BadInput
from otpy.cli.options import ANY_NODE, AS_TEXT, AS_USUAL, Flag, How, Output, Where
from otpy.cli.plan_text import print_plan
from otpy.cli.show import console, say, say_json

if TYPE_CHECKING:
    from otpy.cli.frames import Event

Paths = Annotated[Path, Parameter(help="Files and folders to watch. [default: those of all modules of the program]")]
PlanOnly = Annotated[Flag, Parameter(help="Only say what an upgrade to what was saved would do.")]


def watch(
    *paths: Paths,
    plan_only: PlanOnly = False,
    how: How = AS_USUAL,
    where: Where = ANY_NODE,
    output: Output = AS_TEXT,
) -> int:
    """Have the node upgrade itself on every save, and print what becomes of it, until Ctrl-C."""
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise BadInput(f"{missing} is not there; give files or folders that are")
    args = {"paths": [str(path.resolve()) for path in paths], "plan_only": plan_only, "how": asdict(how)}
    ask_node(where.node, where.run_dir, "watch", args, partial(_tell, output))
    return OK


def _tell(output: Output, event: Event) -> None:
    """Print one event of the watch; as JSON, one line each."""
    facts = event.facts
    if output.json:
        if event.name != "accepted":
            say_json({"event": event.name, **facts}, indent=None)
        return
    match event.name:
        case "watching":
            say(f"watching {', '.join(facts['paths'])}; Ctrl-C ends it")
        case "saved":
            for module in facts["deleted"]:
                say(f"the file of {module} is gone; the module stays as it is")
        case "planned":
            print_plan(console(), facts["text"])
        case "upgraded":
            say(facts["text"])
        case "refused":
            say(f"refused: {facts['message']}")
            say("\n".join(f"  {line}" for line in facts["advice"]) or "  mend it and save again")
        case _:
            pass
    sys.stdout.flush()
