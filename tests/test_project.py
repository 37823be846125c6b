"""The frame around the code: locks, Makefile, CI, the wheel, and what the lists in them promise each other."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import otpy
from tools import check, pykka_suite, suite

ROOT = Path(__file__).parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
MAKEFILE = (ROOT / "Makefile").read_text()
PYPROJECT = (ROOT / "pyproject.toml").read_text()
PROJECT: dict[str, Any] = tomllib.loads(PYPROJECT)

HEAVY = ("RestrictedPython", "cyclopts", "fastapi", "nicegui", "rich", "sqlalchemy", "textual")
"""What `import otpy` must not load."""


def locked(lock: Path) -> dict[str, Requirement]:
    """Return the packages of a lock, by name."""
    lines = (line.rstrip(" \\") for line in lock.read_text().splitlines() if re.match(r"\w", line))
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


def declared() -> list[tuple[str, Requirement]]:
    """Return what pyproject.toml asks for, each with the name of the lock that has to hold it."""
    asked = [("base", text) for text in PROJECT["project"]["dependencies"]]
    for group, texts in PROJECT["dependency-groups"].items():
        asked += [("base" if group == "build" else group, text) for text in texts]
    return [(lock, Requirement(text)) for lock, text in asked]


def make_targets() -> set[str]:
    """Return the targets that the Makefile offers."""
    return set(re.findall(r"^\.PHONY: (\S+)$", MAKEFILE, re.MULTILINE))


def run(*command: str) -> str:
    """Run a command in the root of the project and return what it prints."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=True).stdout


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_holds_exact_versions_with_hashes_and_no_host(lock: Path) -> None:
    """A fresh machine gets the very files that were tested, from whatever index it uses."""
    entries = re.split(r"\n(?=\w)", lock.read_text())[1:]
    assert entries
    for entry in entries:
        assert re.match(r"[\w.-]+==[\w.]+( ; .*)? \\\n", entry)
        assert "--hash=sha256:" in entry
    assert "://" not in lock.read_text()


def test_no_package_is_locked_in_two_versions() -> None:
    """The locks are installed into one environment, one after another."""
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, requirement in locked(lock).items():
            versions.setdefault(name, set()).add(str(requirement.specifier))
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize(("lock", "requirement"), declared(), ids=str)
def test_lock_answers_to_pyproject(lock: str, requirement: Requirement) -> None:
    """A requirement that was changed without `make lock` is noticed here."""
    entry = locked(ROOT / "requirements" / f"{lock}.txt")[requirement.name]
    version = next(iter(entry.specifier)).version
    assert requirement.specifier.contains(version)


def test_help_lists_every_target() -> None:
    """A target that nobody can find is not there."""
    shown = re.findall(r"^  make ([a-z-]+) +\S", run("make", "help"), re.MULTILINE)
    assert sorted(shown) == sorted(make_targets())


def test_check_runs_targets_of_the_makefile() -> None:
    """`make check` goes by the same names as a person."""
    assert set(check.STEPS) <= make_targets()
    assert set(check.SMALL) <= set(check.STEPS)
    assert {"lint", "types", "layers", "test", "pykka-suite", "conformance"} <= set(check.STEPS)


def test_check_fails_when_a_step_fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is run, and one that fails makes the whole fail."""
    monkeypatch.setenv("MAKE", "false")
    assert check.main(["lint", "test"]) == 1
    assert re.findall(r"^(\w+) +FAILED", capsys.readouterr().out, re.MULTILINE) == ["lint", "test"]
    monkeypatch.setenv("MAKE", "true")
    assert check.main(["lint", "test"]) == 0


def test_check_ends_a_step_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CI would wait for it; what the step has started ends with it."""
    hanging = tmp_path / "make"
    hanging.write_text("#!/bin/sh\nsleep 1000 & wait\n")
    hanging.chmod(0o700)
    monkeypatch.setenv("MAKE", str(hanging))
    monkeypatch.setattr(check, "TIME_LIMIT", 0.1)
    assert not check.run("test").passed


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("======= 3 passed, 1 skipped in 0.12s =======", "3 passed, 1 skipped in 0.12s"),
        ("434 passed, 0 failed", "434 passed, 0 failed"),
    ],
)
def test_check_knows_the_closing_line_of_a_suite(line: str, counts: str) -> None:
    """The summary repeats it."""
    found = check.CLOSING_LINE.match(line)
    assert found is not None
    assert found["counts"] == counts


def test_suite_has_every_test_in_one_part() -> None:
    """A folder that nobody runs would stay green."""
    found = [part for path in suite.TESTS.rglob("test_*.py") for part in suite.parts(suite.TESTS) if part in path.parts]
    assert len(found) == len(list(suite.TESTS.rglob("test_*.py")))
    assert set(suite.LONGEST) < set(suite.parts(suite.TESTS))


def test_suite_fails_when_a_part_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And goes on with the others, and counts all."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "test_good.py").write_text("def test_a(): pass\ndef test_b(): pass\n")
    (tmp_path / "test_bad.py").write_text("def test_c(): assert 0\n")
    monkeypatch.setattr(suite, "TESTS", tmp_path)
    assert suite.main([]) == 1
    closing = check.CLOSING_LINE.match(capsys.readouterr().out.splitlines()[-1])
    assert closing is not None
    assert sorted(closing["counts"].split(" in ")[0].split(", ")) == ["1 failed", "2 passed"]


def test_ci_runs_what_a_person_runs() -> None:
    """CI has no way of its own to be green."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make check </dev/null"


def test_readme_opens_with_the_two_commands() -> None:
    """A newcomer types the first line and sees what otpy is."""
    first_block = (ROOT / "README.md").read_text().split("```")[1].splitlines()[1:]
    assert [" ".join(line.split()[:2]) for line in first_block] == ["make demo", "make test"]


def test_every_exception_to_a_rule_has_its_reason_beside_it() -> None:
    """An ignored lint or warning without a reason can never be removed again."""
    lists = re.findall(r"^(?:ignore|filterwarnings|\"[^\"]*\") = \[\n(.*?)^\]", PYPROJECT, re.MULTILINE | re.DOTALL)
    entries = [line for text in lists for line in text.splitlines() if line.strip() != '"error",']
    assert entries
    assert [line for line in entries if not re.search(r",? +# \S+ \S+", line)] == []


def test_supported_pythons_are_the_same_everywhere() -> None:
    """The classifiers, `make test-all` and the search for a Python go by one list."""
    listed = [text.rpartition(" ")[2] for text in PROJECT["project"]["classifiers"] if "Python :: 3." in text]
    loop = re.search(r"for version in (.*);", (ROOT / "tools" / "test_all.sh").read_text())
    search = re.search(r'versions="(.*)"', (ROOT / "tools" / "find_python.sh").read_text())
    assert loop is not None
    assert search is not None
    assert loop[1].split() == listed
    assert search[1].split() == listed[::-1]
    assert PROJECT["project"]["requires-python"] == f">={listed[0]}"


def test_search_finds_this_python() -> None:
    """The version asked for is found by its path; a command that is no Python is refused."""
    assert run("sh", "tools/find_python.sh", sys.executable).strip() == sys.executable
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run("sh", "tools/find_python.sh", "false")
    assert "PYTHON=false" in refused.value.stderr


def test_pykka_suite_adds_otpy_to_the_runtimes_before_pytest_takes_them(tmp_path: Path) -> None:
    """A suite that runs without our class would pass as well."""
    conftest = tmp_path / "conftest.py"
    conftest.write_text(f"RUNTIMES = {{}}\n\n\n{pykka_suite.FIXTURE}def runtime(): ...\n")
    pykka_suite.add_runtime(conftest)
    assert conftest.read_text().index('RUNTIMES["otpy"]') < conftest.read_text().index(pykka_suite.FIXTURE)
    conftest.write_text("RUNTIMES = {}\n")
    with pytest.raises(SystemExit, match="adapt pykka_suite"):
        pykka_suite.add_runtime(conftest)


def test_pykka_suite_counts_the_tests_that_ran_on_a_runtime(tmp_path: Path) -> None:
    """Skipped tests and those of other runtimes do not count."""
    report = tmp_path / "report.xml"
    cases = '<testcase name="a[otpy]"/><testcase name="b[otpy-1]"/><testcase name="c[threading]"/>'
    report.write_text(f'<testsuite>{cases}<testcase name="d[otpy]"><skipped/></testcase></testsuite>')
    assert pykka_suite.cases_of("otpy", report) == 2


def test_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    """Users get the types; they do not get a package `tests`."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    run(*pip, "--wheel-dir", str(tmp_path), ".")
    with zipfile.ZipFile(next(tmp_path.glob("otpy-*.whl"))) as wheel:
        names = wheel.namelist()
    assert "otpy/py.typed" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"otpy"}


def test_import_loads_nothing_heavy() -> None:
    """`import otpy` stays quick: what the command line and the extras need is loaded by them."""
    code = f"import sys, otpy; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    assert run(sys.executable, "-c", code).split() == []


def test_changelog_begins_with_what_is_not_released_or_with_this_version() -> None:
    """A release that forgets its heading is noticed."""
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in {"Unreleased", otpy.__version__}
