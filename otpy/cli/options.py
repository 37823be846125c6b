"""What several commands take: how to print, and which node is meant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from cyclopts import Parameter

_FOLDER_HELP: Final = (
    "Folder of the control sockets. [default: $XDG_RUNTIME_DIR/otpy, or otpy-UID among the temporary files]"
)

RunDir: TypeAlias = Annotated[Path | None, Parameter(help=_FOLDER_HELP)]
Flag: TypeAlias = Annotated[bool, Parameter(negative=(), show_default=False)]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Output:
    """What every command takes."""

    json: Flag = False
    """Print the result as JSON."""
    debug: Flag = False
    """Show the traceback of an error."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Where:
    """Which node a command is for."""

    node: str | None = None
    """Name of the node. [default: the only one that runs]"""
    run_dir: RunDir = None


AS_TEXT: Final = Output()
ANY_NODE: Final = Where()
