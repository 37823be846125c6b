"""`otpy rollback`: the way back."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from otpy.cli.change import change
from otpy.cli.exits import BadInput
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where

Module = Annotated[
    str | None,
    Parameter(help="Name of the module. [default: all that the last upgrade has changed]", show_default=False),
]
To = Annotated[
    str | None, Parameter(help="Version of the module to go back to. [default: the one before]", show_default=False)
]


def rollback(module: Module = None, /, *, to: To = None, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Take a module of a node back to an earlier version, or the last upgrade as a whole, while it runs."""
    if module is None and to is not None:
        raise BadInput(f"--to {to} is a version of a module; say which: otpy rollback MODULE --to {to}")
    return change(where, output, "rollback", {"module": module, "to": to})
