"""The way in: runs a command and turns whatever happens into an exit code and at most one line on standard error."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import TYPE_CHECKING

from cyclopts import CycloptsError

from otpy.cli.app import app
from otpy.cli.exits import FAILED, INTERRUPTED, OK, BadInput, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `otpy` with *argv* (None is the command line) and return its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    _write_anything()
    try:
        return _run(args)
    except CommandError as error:
        return _explain(error, error.code, str(error), debug=debug)
    except KeyboardInterrupt as error:
        return _explain(error, INTERRUPTED, ": ".join(["interrupted", *map(str, error.args)]), debug=debug)
    except BrokenPipeError:
        # The reader, such as `head`, has gone. What is still buffered would raise once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last line of defence: one line, not a traceback
        return _explain(error, FAILED, f"{type(error).__name__}: {error}", debug=debug)


def _run(args: list[str]) -> int:
    try:
        code = app(args, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise BadInput(f"{error} See `otpy --help`.") from error
    sys.stdout.flush()
    return OK if code is None else int(code)


def _explain(error: BaseException, code: int, message: str, *, debug: bool) -> int:
    if debug:
        trace = getattr(error, "trace", "") or "".join(traceback.format_exception(error))
        sys.stderr.write(f"{trace.rstrip()}\n")
    lines = [f"otpy: {message}", *getattr(error, "hints", ())]
    sys.stderr.write("\n  ".join(lines) + "\n")
    return code


def _write_anything() -> None:
    """Let a terminal or pipe that cannot show a character get a substitute for it, rather than an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
