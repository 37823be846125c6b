"""The command line, the catalogue, and one small run from end to end."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import benchmarks
from benchmarks.catalog import MEASURES
from benchmarks.cli import BAD_ARGUMENTS, main
from benchmarks.contestants import BY_NAME, CONTESTANTS, Contestant
from benchmarks.runner import Settings, run
from benchmarks.tables import number
from benchmarks.values import Contest, Measure

README = Path(benchmarks.__file__).with_name("README.md")


@pytest.mark.parametrize(
    "arguments",
    [["--only", "tel"], ["--repeat", "0"], ["--repeat", "x"], ["--json", "no/such/folder/file"], ["--fast"], ["extra"]],
)
def test_a_bad_argument_gives_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names it, on the error stream, and exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr()
    assert ended.value.code == BAD_ARGUMENTS
    assert printed.out == ""
    assert re.fullmatch(r"benchmarks: .+\n", printed.err)
    assert arguments[-1] in printed.err or arguments[0] in printed.err


def test_the_listing_and_the_readme_name_every_measure(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads either misses none."""
    assert main(["--list"]) == 0
    listing, readme = capsys.readouterr().out, README.read_text(encoding="utf-8")
    for measure in MEASURES:
        assert re.search(rf"^{measure.name} ", listing, re.MULTILINE)
        assert f"| `{measure.name}` |" in readme


@pytest.mark.parametrize("contestant", [c for c in CONTESTANTS if c.entry and not c.missing()], ids=lambda c: c.name)
def test_an_installed_contestant_has_a_contest_for_each_measure_it_enters(contestant: Contestant) -> None:
    """And no measure is written that no size is given for."""
    assert contestant.entry is not None
    contests: Mapping[str, Contest] = importlib.import_module(contestant.entry).CONTESTS
    assert set(contests) == {measure.name for measure in MEASURES if contestant.name in measure.entrants}


def test_a_smoke_run_measures_and_writes_all_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the command line to the file, with real processes."""
    target = tmp_path / "figures.json"
    assert main(["--smoke", "--only", "outside", "--json", str(target)]) == 0
    printed = capsys.readouterr().out
    written = json.loads(target.read_text(encoding="utf-8"))
    assert "two bare threads" in printed
    assert written["measures"]["outside"]["contestants"]["otpy"]["median"] > 0
    assert written["measures"]["outside"]["contestants"]["threads"]["median"] > 0
    assert written["goals"] == []


def test_a_contestant_that_fails_is_reported_and_the_others_go_on() -> None:
    """Two bare threads have no spawn; the floor has."""
    measure = Measure("spawn", "", "", "higher", "", "", {"threads": 1, "floor": 1}, smoke=1)
    failed, fine = run(measure, Settings(smoke=True), lambda _: None).series
    assert failed.failure == "exit code 1: KeyError: 'spawn'"
    assert not failed.absent
    assert len(fine.figures) == 1


def test_a_contestant_that_is_not_installed_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with what is missing, and does not count as a failure."""
    nobody = Contestant("nobody", "nobody", "benchmarks.entries.nobody", module="no_such_package", package="nobody")
    monkeypatch.setitem(BY_NAME, "nobody", nobody)
    measure = Measure("tell", "", "", "higher", "", "", {"nobody": 1}, smoke=1)
    (absent,) = run(measure, Settings(smoke=True), lambda _: None).series
    assert (absent.failure, absent.absent) == ("the package nobody is not installed", True)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1_948_321.0, "1.95 M"), (359_340.0, "359 k"), (44.28, "44.3"), (0.1427, "0.143"), (5.0, "5"), (127.0, "127")],
)
def test_numbers_have_three_digits(value: float, shown: str) -> None:
    """More would pretend to be steadier than it is."""
    assert number(value) == shown
