"""Having the Erlang/OTP that is installed play scenarios, for the recordings that are made here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Scenario = dict[str, Any]


def record(source: Path, seed: int, scenarios: Sequence[Scenario], term_of: Callable[[Scenario], str]) -> None:
    """Print a recording for each of *scenarios*, as `main([File])` of the module in *source* plays them."""
    traces = played(source, [term_of(scenario) for scenario in scenarios])
    for number, (scenario, trace) in enumerate(zip(scenarios, traces, strict=True)):
        line = {"name": f"random_{seed}_{number}", "scenario": scenario, "trace": trace}
        sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")


def played(source: Path, terms: Sequence[str]) -> list[Any]:
    """Return what the module in *source* prints for a file with *terms*: JSON, a line each."""
    folder = Path(tempfile.mkdtemp())
    try:
        subprocess.run(["erlc", "-o", folder, source], check=True)  # noqa: S607 - the one that is installed
        file = folder / "scenarios"
        file.write_text("".join(f"{each}.\n" for each in terms))
        command = ["erl", "-noshell", "-env", "ERL_CRASH_DUMP_BYTES", "0", "-pa", str(folder)]
        command += ["-run", source.stem, "main", str(file)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in printed.splitlines()]
    finally:
        shutil.rmtree(folder)


def term(value: Any) -> str:
    """Return *value* as an Erlang term: a list is a tuple, a string an atom."""
    if isinstance(value, list):
        return f"{{{','.join(map(term, value))}}}"
    return f"'{value}'" if isinstance(value, str) else str(value)
