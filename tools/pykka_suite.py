"""Run pykka's own test suite with `otpy.Actor` as a further runtime.

In: the version of pykka that requirements/base.txt locks. Its source distribution, which holds its
tests, is downloaded, checked against the lock's hashes and unpacked into a temporary folder.
Out: pytest's report of those tests, and how many of them ran on otpy; exit code 0 if all passed.

    python -m tools.pykka_suite [PYTEST ARGUMENT...]
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "base.txt"

FIXTURE = '@pytest.fixture(scope="session", params=RUNTIMES.values())\n'
"""Where pykka's `tests/conftest.py` takes its runtimes; pytest copies them when it imports the file,
so ours has to be among them before, and no plugin comes in time."""

OUR_RUNTIME = """\
import otpy

RUNTIMES["otpy"] = pytest.param(
    Runtime("otpy", otpy.Actor, threading.Event, otpy.ActorFuture, time.sleep), id="otpy"
)


"""
"""What is written in front of it, into the unpacked copy."""


def main(arguments: list[str]) -> int:
    """Fetch the suite, add our runtime to it and run it; `arguments` go to pytest."""
    with tempfile.TemporaryDirectory(prefix="pykka-suite-") as name:
        folder = Path(name)
        suite = unpack(download(folder))
        add_runtime(suite / "tests" / "conftest.py")
        report = folder / "report.xml"
        status = run_pytest(suite, report, arguments)
        ours = cases_of("otpy", report) if report.exists() else 0
    print(f"pykka's suite: {ours} of its tests ran on otpy.Actor")
    return status or (0 if ours else 1)


def download(folder: Path) -> Path:
    """Return the source distribution of the locked pykka, fetched into `folder`.

    pip asks a source distribution for its metadata, and so for its build backend: the one that
    requirements/base.txt has installed here.
    """
    locked = re.search(r"^pykka==.*\n(?: .*\n)*", LOCK.read_text(), re.MULTILINE)
    if locked is None:
        sys.exit(f"{LOCK} does not lock pykka; run `make lock`")
    requirement = folder / "pykka.txt"
    requirement.write_text(locked[0])
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--no-build-isolation"]
    options = ["--no-binary", "pykka", "--require-hashes", "--dest", str(folder)]
    subprocess.run([*pip, *options, "--requirement", str(requirement)], check=True)
    return next(folder.glob("pykka-*.tar.gz"))


def unpack(archive: Path) -> Path:
    """Unpack the archive beside itself and return the folder that it holds."""
    with tarfile.open(archive) as tar:
        # Python before 3.11.4 has no filters, and 3.12 warns where none is named.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(archive.parent)  # noqa: S202  the archive was checked against the lock's hashes
    return archive.parent / archive.name.removesuffix(".tar.gz")


def add_runtime(conftest: Path) -> None:
    """Add otpy to the runtimes that pykka's tests go through."""
    text = conftest.read_text()
    if text.count(FIXTURE) != 1:
        sys.exit(f"pykka's {conftest.name} no longer has the line {FIXTURE!r}; adapt {Path(__file__).name}")
    conftest.write_text(text.replace(FIXTURE, OUR_RUNTIME + FIXTURE))


def run_pytest(suite: Path, report: Path, arguments: list[str]) -> int:
    """Run the tests of the folder `suite` and return pytest's exit code.

    The folder is the working directory, so that `tests` means pykka's and not ours.
    """
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    command += ["--timeout=60", "tests", *arguments]
    return subprocess.run(command, cwd=suite, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode


def cases_of(runtime: str, report: Path) -> int:
    """Count the test cases that ran with the runtime of that name and were not skipped."""
    cases = ET.parse(report).iter("testcase")  # noqa: S314  pytest wrote it a moment ago
    return sum(runtime in re.split(r"[\[\]-]", case.get("name", "")) for case in cases if case.find("skipped") is None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
