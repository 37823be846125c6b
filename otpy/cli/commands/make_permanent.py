"""`otpy make-permanent`: what upgrades have brought outlives the node."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from otpy.cli.client import ask_node
from otpy.cli.exits import OK
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where
from otpy.cli.show import say, say_json

Modules = Annotated[str, Parameter(help="Names of modules. [default: all that were upgraded]")]


def make_permanent(*modules: Modules, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Have a restarted node run what upgrades have brought since this one started."""
    made = ask_node(where.node, where.run_dir, "make-permanent", {"modules": list(modules)})
    if output.json:
        say_json(made)
    else:
        for each in made:
            say(f"a restarted node runs {each['module']} {each['vsn']} (upgrade {each['upgrade']})")
        if not made:
            say("nothing was upgraded since this node started")
    return OK
