"""The BEAM as a contestant: its sources beside this file, compiled once into a temporary folder."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.processes import RunFailed, output_of

SOURCES: Final = Path(__file__).parent
PROCESSES: Final = 2_000_000
"""Room for the process table: the default of 262,144 does not hold a million."""

ERL: Final = ("erl", "-noshell", "-env", "ERL_CRASH_DUMP_BYTES", "0")
"""How it is started: one that is ended in the middle leaves no dump behind."""


def command(measure: str, size: int) -> list[str]:
    """The command that runs `measure` once with `size`."""
    return [
        *[*ERL, "+P", str(PROCESSES), "-pa", str(_compiled())],
        *["-run", "bench", "main", measure, str(size)],
    ]


def release() -> str | None:
    """The release of Erlang/OTP that is installed; None without one."""
    if shutil.which("erl") is None:
        return None
    ask = "io:put_chars(erlang:system_info(otp_release)), halt()."
    try:
        return output_of([*ERL, "-eval", ask], timeout=30)
    except RunFailed:
        return None


@cache
def _compiled() -> Path:
    """The folder with the compiled modules; it is removed when the interpreter exits.

    `upgraded.erl` is compiled three times, into folders of their own: as it runs first, with other bodies,
    and with another shape of state.
    """
    folder = Path(tempfile.mkdtemp(prefix="otpy-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    modules = sorted(str(path) for path in SOURCES.glob("*.erl"))
    output_of(["erlc", "-o", str(folder), *modules], timeout=120)
    for change in ("BODIES", "STATE"):
        (folder / change.lower()).mkdir()
        changed = ["erlc", f"-D{change}", "-o", str(folder / change.lower()), str(SOURCES / "upgraded.erl")]
        output_of(changed, timeout=120)
    return folder
