"""`otpy history`: what was upgraded so far."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from otpy.cli.client import ask_node
from otpy.cli.exits import OK, BadInput
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where, whole
from otpy.cli.show import console, print_history, say_json
from otpy.cli.timeline import print_timeline

Module = Annotated[str | None, Parameter(help="Only the upgrades of this module.", show_default=False)]
Id = Annotated[
    int | None,
    Parameter(help="One upgrade: its steps, states before and after, error.", show_default=False, converter=whole),
]


def history(
    module: Module = None,
    /,
    *,
    id: Id = None,  # noqa: A002 - what people see is --id
    where: Where = ANY_NODE,
    output: Output = AS_TEXT,
) -> int:
    """List the upgrades of a node, done and refused, oldest first; or tell one of them step by step."""
    if id is not None:
        if module is not None:
            raise BadInput("--id is one upgrade, whatever its modules; leave the module out")
        if not 0 < id < 2**63:
            raise BadInput(f"--id {id} is no upgrade; `otpy history` lists them")
        found = ask_node(where.node, where.run_dir, "timeline", {"id": id})
    else:
        found = ask_node(where.node, where.run_dir, "history", {"module": module})
    if output.json:
        say_json(found)
    elif id is not None:
        print_timeline(console(), found)
    else:
        print_history(console(), found, module)
    return OK
