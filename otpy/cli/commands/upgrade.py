"""`otpy upgrade`: new code for a node that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from otpy.cli.change import change
from otpy.cli.exits import BadInput
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where
from otpy.cli.sandboxes import open_sandbox, read_source

Target = Annotated[str, Parameter(help="Name of the module; or a sandbox folder, together with --to.")]
File = Annotated[Path | None, Parameter(help="File with the module's new source.")]
To = Annotated[str | None, Parameter(help="Version of the sandbox to upgrade to.")]
SuspendTimeout = Annotated[float, Parameter(help="Seconds for the processes to finish what they are doing.")]
CodeChangeTimeout = Annotated[float, Parameter(help="Seconds for converting one state.")]
Timeout = Annotated[float, Parameter(help="Seconds for all of it.")]


def upgrade(
    target: Target,
    file: File = None,
    /,
    *,
    to: To = None,
    suspend_timeout: SuspendTimeout = 5.0,
    code_change_timeout: CodeChangeTimeout = 5.0,
    timeout: Timeout = 30.0,
    where: Where = ANY_NODE,
    output: Output = AS_TEXT,
) -> int:
    """Read the new sources and hand them to the node."""
    args = {
        "sources": _sources(target, file, to),
        "suspend_timeout": suspend_timeout,
        "code_change_timeout": code_change_timeout,
        "timeout": timeout,
    }
    return change(where, output, "upgrade", args)


def _sources(target: str, file: Path | None, to: str | None) -> dict[str, str]:
    """Read the new sources, by module."""
    match file, to:
        case Path(), None:
            return {target: read_source(file)}
        case None, str():
            return open_sandbox(target).sources(to)
        case _:
            raise BadInput("give either a MODULE and a FILE, or a SANDBOX folder and --to VERSION")
