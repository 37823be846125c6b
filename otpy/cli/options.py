"""What several commands take: how to print, which node is meant, how an upgrade is done."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cyclopts import Token

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


def whole(_type: Any, tokens: Sequence[Token]) -> int:
    """Return the whole number that was given; 1.5 is none. Raises ValueError."""
    try:
        return int(tokens[0].value)
    except ValueError:
        msg = f"{tokens[0].value!r} is no whole number."
        raise ValueError(msg) from None


def positive(_type: Any, tokens: Sequence[Token]) -> float:
    """Return the seconds that were given, more than 0. Raises ValueError."""
    try:
        found = float(tokens[0].value)
    except ValueError:
        found = math.nan
    if not found > 0:
        msg = f"{tokens[0].value!r} is no time; give seconds, more than 0."
        raise ValueError(msg)
    return found


Patience: TypeAlias = Annotated[float, Parameter(help="Seconds to wait.", converter=positive)]
Seconds: TypeAlias = Annotated[float | None, Parameter(show_default=False)]
Count: TypeAlias = Annotated[int | None, Parameter(show_default=False, converter=whole)]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class How:
    """How an upgrade is done; what is not given is as `otpy.upgrade` has it. Goes to the node as it is."""

    strategy: Annotated[Literal["atomic", "rolling", "canary"] | None, Parameter(show_default=False)] = None
    """All processes together (atomic, the default), group after group, or a few first."""
    group_size: Count = None
    """With rolling: how many processes pause together. [default: 1]"""
    canaries: Count = None
    """With canary: how many processes of each behaviour go first. [default: 1]"""
    retries: Count = None
    """How often to try again when somebody does not come to rest. [default: 0]"""
    no_rehearse: Flag = False
    """Do not try it on copies of states first."""
    allow_dangerous: Flag = False
    """Only warn of what the safety policy refuses."""
    suspend_timeout: Seconds = None
    """Seconds for the processes to finish what they are doing. [default: 5]"""
    code_change_timeout: Seconds = None
    """Seconds for converting one state. [default: 5]"""
    timeout: Seconds = None
    """Seconds for all of it, tries together. [default: 30]"""


AS_TEXT: Final = Output()
ANY_NODE: Final = Where()
AS_USUAL: Final = How()
