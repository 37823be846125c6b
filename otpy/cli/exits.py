"""How an `otpy` command ends: its exit codes, and the two errors that a user is to read as one line.

| code | meaning |
| --- | --- |
| 0 | done |
| 1 | the operation failed: an upgrade was refused, a system did not start, a check of the demo did not hold |
| 2 | bad input: an unknown option, file, module or node |
| 130 | ended by Ctrl-C |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OK: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130

EXIT_CODES: Final = (
    "Exit codes: 0 done, 1 the operation failed (everything is as before), 2 bad input, 130 ended by Ctrl-C. "
    "Add --debug to see the traceback of an error."
)


class CommandError(Exception):
    """Ends a command with `code`. The message is one line that says what to do."""

    code: int = FAILED

    def __init__(self, message: str, *, detail: Mapping[str, Any] | None = None, trace: str = "") -> None:
        """*detail* is what `--json` prints beside the message, *trace* the node's traceback for `--debug`."""
        super().__init__(message)
        self.detail: Mapping[str, Any] = {} if detail is None else detail
        self.trace = trace
        self.hints: Sequence[str] = ()
        """Further lines for people; set by who knows what was tried."""


class Failed(CommandError):
    """The operation was tried and did not happen."""

    code = FAILED


class BadInput(CommandError):
    """What was given cannot be used: the message names it, and what is accepted instead."""

    code = BAD_INPUT
