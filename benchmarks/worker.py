"""One run of one contestant, in an interpreter of its own: `python -m benchmarks.worker ENTRY MEASURE SIZE`.

Prints the figure as one line of JSON. What a contestant prints or logs meanwhile goes nowhere: some print at
each crash, and a terminal would be part of their time.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict

from benchmarks.values import Contest


def main(entry: str, measure: str, size: int) -> None:
    """Run `measure` of the module `entry` and print its figure."""
    out = os.dup(sys.stdout.fileno())
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a descriptor is wanted, not a path
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    logging.disable(logging.CRITICAL)
    contests: Mapping[str, Contest] = importlib.import_module(entry).CONTESTS
    gc.collect()
    figure = contests[measure](size)
    os.write(out, json.dumps(asdict(figure)).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
