"""import: how long the import statement takes in a fresh interpreter that has done nothing else."""

from __future__ import annotations

import sys

from benchmarks.processes import output_of
from benchmarks.values import Contest, Figure

_TIMED = "import time; begun = time.perf_counter(); import {name}; print(time.perf_counter() - begun)"


def contest(name: str) -> Contest:
    """The contest of importing `name`, after a first import that writes the byte code."""

    def run(size: int) -> Figure:
        output_of([sys.executable, "-c", f"import {name}"], timeout=60)
        seconds = [float(output_of([sys.executable, "-c", _TIMED.format(name=name)], timeout=60)) for _ in range(size)]
        return Figure(min(seconds) * 1e3)

    return run
