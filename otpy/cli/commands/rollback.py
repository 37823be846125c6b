"""`otpy rollback`: the way back."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from otpy.cli.change import change
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where

Module = Annotated[str, Parameter(help="Name of the module.")]
To = Annotated[str | None, Parameter(help="Version to go back to. [default: the one before]")]


def rollback(module: Module, /, *, to: To = None, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Take a module of a node back to an earlier version, while it runs."""
    return change(where, output, "rollback", {"module": module, "to": to})
