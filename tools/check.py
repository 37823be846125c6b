"""Run every check of the project, one `make` target after another, and sum them up.

Goes on after a failure, so that one run shows all that is wrong. The tests come last: their closing
line ends the output but for the summary, which repeats the closing line of each suite.

    python -m tools.check              all of them
    python -m tools.check lint test    some
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from typing import NamedTuple

STEPS = (
    *("lint", "types", "layers", "docs", "demo", "conformance", "pykka-suite"),
    *("reload-every", "stress", "soak", "bench", "test"),
)
"""The targets of `make check`."""

SMALL = {"bench": "--smoke", "stress": "--seconds 15", "soak": "--seconds 15"}
"""`ARGS` for the targets that take too long in full for every change."""

TIME_LIMIT = 900.0
"""Seconds after which a step counts as hung, and is ended together with its children."""

CLOSING_LINE = re.compile(r"^=* ?(?P<counts>\d+ (passed|failed|skipped)\b.*?) ?=*$")
"""How a suite ends: its counts, in pytest's case between rules of equal signs."""


class Outcome(NamedTuple):
    """How one step went; `closing` holds the counts of its suite, if it is one."""

    step: str
    passed: bool
    seconds: float
    closing: str


def main(steps: list[str]) -> int:
    """Run the steps named, or all of them; return 0 if each passed."""
    outcomes = [run(step) for step in steps or STEPS]
    print("\n==> summary")
    for step, passed, seconds, closing in outcomes:
        print(f"{step:12} {'ok' if passed else 'FAILED':7} {seconds:6.1f} s  {closing}".rstrip())
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def run(step: str) -> Outcome:
    """Run one target, passing its output on as it comes."""
    print(f"\n==> make {step}", flush=True)
    begun = time.monotonic()
    closing = ""
    with subprocess.Popen(
        [os.environ.get("MAKE", "make"), "--no-print-directory", step, f"ARGS={SMALL.get(step, '')}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        limit = threading.Timer(TIME_LIMIT, end, [process])
        limit.start()
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if found := CLOSING_LINE.match(line):
                closing = found["counts"]
    limit.cancel()
    return Outcome(step, process.returncode == 0, time.monotonic() - begun, closing)


def end(process: subprocess.Popen[str]) -> None:
    """End a step that hangs, and all that it started."""
    print(f"the step took longer than {TIME_LIMIT:.0f} s and is ended", flush=True)
    os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
