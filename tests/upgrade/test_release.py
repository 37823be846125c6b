"""Releases: a folder of sources as one upgrade, and one step back for all of it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.code.history import histories
from tests.support import inside
from tests.upgrade.sources import source

NAMES = ("m_release", "m_release.server", "m_release.rates", "m_release.gone", "m_release.extra")
SERVER = source("""
    import otpy
    from m_release.rates import RATE

    class Till(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)

        def handle_call(self, request, from_, state):
            return otpy.Reply((RATE, state), state)
""")
FIRST = {"__init__": "", "server": SERVER, "rates": "RATE = 1\n", "gone": "OLD = 1\n"}
SECOND = {
    "__init__": "",
    "server": SERVER.replace("(RATE, state)", "(RATE * MORE, state)").replace(
        "import RATE\n", "import RATE\nfrom m_release.extra import MORE\n"
    ),
    "rates": "RATE = 2\n",
    "extra": "MORE = 10\n",
    "unused": "raise RuntimeError('nobody imports this')\n",
}


def written(folder: Path, files: dict[str, str]) -> Path:
    """Write a release and return the folder that an import path would have."""
    package = folder / "m_release"
    package.mkdir(parents=True)
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    return folder


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[otpy.GenServer[Any]]]:
    """Import the first release, and return its server."""
    monkeypatch.syspath_prepend(written(tmp_path / "first", FIRST))
    importlib.import_module("m_release.gone")
    yield importlib.import_module("m_release.server").Till
    for name in NAMES:
        sys.modules.pop(name, None)
        histories.forget(name)


# case: release_handler_SUITE: otp_9417
@inside
def test_a_folder_brings_what_is_loaded_and_what_that_imports(till: type[otpy.GenServer[Any]], tmp_path: Path) -> None:
    """What nobody imports stays a file, and what the folder does not have stays as it is, with a word about it."""
    pid = till.start("state")
    report = upgrade.release(written(tmp_path / "second", SECOND))
    assert otpy.call(pid, "rate") == (20, "state")
    assert "m_release.unused" not in sys.modules
    assert sum("m_release.gone is loaded" in warning for warning in report.warnings) == 1


@inside
def test_a_release_goes_back_as_one(till: type[otpy.GenServer[Any]], tmp_path: Path) -> None:
    """Modules whose text was the same in both have nothing to go back to, and that is no reason to refuse."""
    pid = till.start("state")
    upgrade.release(written(tmp_path / "second", SECOND))
    report = upgrade.rollback()
    assert otpy.call(pid, "rate") == (1, "state")
    assert set(report.reloaded_modules) == {"m_release.server", "m_release.rates"}


@inside
def test_a_release_that_fails_leaves_no_module_behind(till: type[otpy.GenServer[Any]], tmp_path: Path) -> None:
    """Neither the new ones nor half of the old ones."""
    pid = till.start("state")
    broken = written(tmp_path / "second", {**SECOND, "rates": "RATE = 1 / 0\n"})
    with pytest.raises(otpy.LoadFailed):
        upgrade.release(broken)
    assert otpy.call(pid, "rate") == (1, "state")
    assert "m_release.extra" not in sys.modules


@inside
def test_a_folder_with_nothing_that_is_loaded_is_refused(tmp_path: Path) -> None:
    """It is most likely the wrong folder; what it has is told."""
    (tmp_path / "m_stranger.py").write_text("")
    with pytest.raises(ValueError, match="m_stranger"):
        upgrade.release(tmp_path)
    with pytest.raises(ValueError, match="no folder"):
        upgrade.release(tmp_path / "nowhere")
