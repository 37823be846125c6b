"""Run the test suite: each folder of it in a Python of its own, two at a time, and sum them up.

An upgrade searches the heap for who holds what it replaces, and so do tests of upgrades. In a Python that has collected
all tests and run half of them, that takes several times as long as where only those of one folder are.

    python -m tools.suite               all of it
    python -m tools.suite -k child -x   a part of it: the arguments are pytest's, and there is one Python
"""

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent.parent / "tests"

AT_ONCE = 2
"""Many tests wait more than they compute; more of them at once would have to wait for a processor."""

LONGEST = ("system", "upgrade", "kernel", "cli", "behaviours", "code")
"""The folders to begin with: one that takes long and comes last would run alone."""

PYTEST = (sys.executable, "-m", "pytest")

COUNTS = re.compile(r"(\d+) (passed|failed|skipped|xfailed|xpassed|errors?)\b")


class Outcome(NamedTuple):
    """How one part went: the exit code of pytest, and what it printed."""

    part: str
    code: int
    seconds: float
    output: str

    @property
    def counts(self) -> Counter[str]:
        """What pytest counted: its last line."""
        last = self.output.rstrip().rpartition("\n")[2]
        return Counter({what.rstrip("s"): int(number) for number, what in COUNTS.findall(last)})


def main(arguments: list[str]) -> int:
    """Run all tests in parts, or those that the arguments of pytest select; return 0 if all passed."""
    if arguments:
        return subprocess.call([*PYTEST, *arguments])
    begun = time.monotonic()
    counts: Counter[str] = Counter()
    failed = False
    for outcome in outcomes(parts(TESTS)):
        print(f"\n==> {outcome.part} ({outcome.seconds:.0f} s)\n{outcome.output}", flush=True)
        counts += outcome.counts
        failed |= outcome.code != 0
    print(f"\n{', '.join(f'{number} {what}' for what, number in counts.items())} in {time.monotonic() - begun:.0f} s")
    return int(failed)


def parts(tests: Path) -> list[str]:
    """Return the folders and files directly in *tests* that pytest finds tests in, the longest first."""
    found = {path.parent.relative_to(tests).parts[:1] for path in tests.rglob("test_*.py")}
    folders = sorted(folder for (folder,) in filter(None, found))
    folders.sort(key=lambda folder: LONGEST.index(folder) if folder in LONGEST else len(LONGEST))
    return [*folders, *sorted(path.name for path in tests.glob("test_*.py"))]


def outcomes(wanted: list[str]) -> Iterator[Outcome]:
    """Run pytest on each part, and give what came of them as they end."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for done in as_completed([pool.submit(run, part) for part in wanted]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)  # Ctrl-C ends what runs, and nothing more is begun


def run(part: str) -> Outcome:
    """Run one part."""
    begun = time.monotonic()
    command = [*PYTEST, "-q", str(TESTS / part)]
    # Into a file: a pipe has no end as long as a process that a test has left behind holds it.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        code = subprocess.call(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        output.seek(0)
        return Outcome(part, code, time.monotonic() - begun, output.read())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
