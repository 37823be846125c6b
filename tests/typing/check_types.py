"""What mypy and pyright find in code that uses otpy: all that is wrong, and nothing else.

`make types` runs this; it is no part of `make test`, which does not install the checkers. `right/` has code as users
write it, `wrong/` code in which each wrong line is marked (see there).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
FILES = sorted(str(path.relative_to(ROOT)) for folder in ("right", "wrong") for path in (HERE / folder).glob("*.py"))
MARK = re.compile(r"# (?P<who>pyright )?error: (?P<why>.+)$")


class Line(NamedTuple):
    """A line of a file."""

    file: str
    number: int


def marked(*, pyright: bool) -> set[Line]:
    """Return the lines that are marked as wrong, for pyright or for mypy."""
    return {
        Line(file, number)
        for file in FILES
        for number, line in enumerate((ROOT / file).read_text().splitlines(), 1)
        if (found := MARK.search(line)) and (pyright or not found["who"])
    }


def mypy() -> dict[Line, str]:
    """Return what mypy says, by line. `...` stands for a body, which it would not have."""
    said = _run("mypy", "--disable-error-code=empty-body", "--no-error-summary", "--no-pretty", *FILES)
    found = re.finditer(r"^(?P<file>[^:\n]+):(?P<number>\d+): error: (?P<what>.+)$", said, re.MULTILINE)
    return {Line(each["file"], int(each["number"])): each["what"] for each in found}


def pyright() -> dict[Line, str]:
    """Return what pyright says, by line. Its settings are the project's, which leave out what is wrong on purpose."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]
    settings |= {"include": [str(ROOT / file) for file in FILES], "extraPaths": [str(ROOT)]}
    del settings["exclude"], settings["executionEnvironments"]
    with tempfile.NamedTemporaryFile("w", dir=HERE, prefix=".pyright-", suffix=".json") as project:
        json.dump(settings, project)
        project.flush()
        said = json.loads(_run("pyright", "--outputjson", "--pythonpath", sys.executable, "--project", project.name))
    return {
        Line(str(Path(each["file"]).relative_to(ROOT)), each["range"]["start"]["line"] + 1): each["message"]
        for each in said["generalDiagnostics"]
        if each["severity"] == "error"
    }


def _run(checker: str, *arguments: str) -> str:
    command = shutil.which(checker, path=str(Path(sys.executable).parent))
    assert command is not None, f"{checker} is not installed beside {sys.executable}; `make types` does that"
    done = subprocess.run([command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(170)
@pytest.mark.parametrize("check", [mypy, pyright], ids=["mypy", "pyright"])
def test_what_is_wrong_is_found_and_nothing_else(check: Callable[[], dict[Line, str]]) -> None:
    """A wrong line that is not seen is a type that is too wide; a right one that is blamed, one that is too narrow."""
    wrong, found = marked(pyright=check is pyright), check()
    unseen = [f"{file}:{number}" for file, number in sorted(wrong - found.keys())]
    blamed = [f"{file}:{number}: {found[Line(file, number)]}" for file, number in sorted(found.keys() - wrong)]
    assert (unseen, blamed) == ([], [])


def test_there_is_something_to_find() -> None:
    """An empty folder would pass as well. No line that is right may be marked."""
    assert len(marked(pyright=False)) > 100
    assert {Path(line.file).parent.name for line in marked(pyright=True)} == {"wrong"}
