"""What outlives a node that `otpy run` runs: its history, its permanent versions, and what was under way."""

from __future__ import annotations

import resource
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from otpy.cli.nodestore import place_of, state_folder
from otpy.store import Planned, Source, Step, open_store
from tests.cli.conftest import DEADLINE, Shell, one_line

TILL = """
from dataclasses import dataclass

import otpy
from otpy import Ok, Reply, SupFlags

__vsn__ = "1"


@dataclass
class Money:
    euros: int


class Till(otpy.GenServer):
    def init(self, arg):
        return Ok(Money(arg))


class Root(otpy.Supervisor):
    def init(self, arg):
        return SupFlags(), [Till.child_spec(10, id="till", name="till")]
"""
TILL_2 = TILL.replace('"1"', '"2"').replace("euros: int", 'euros: int\n    currency: str = "EUR"')


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give the file of a system; version 2 of it is in till2.py beside."""
    (tmp_path / "till.py").write_text(TILL)
    (tmp_path / "till2.py").write_text(TILL_2)
    return tmp_path / "till.py"


def stop(process: subprocess.Popen[str]) -> str:
    """Stop a node, and return its log."""
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    return err


def vsn(otpy: Shell) -> str:
    """Return the version that the till runs."""
    found: str = otpy.json("tree")["tree"][0]["children"][0]["vsn"]
    return found


# case: release_handler_SUITE: upgrade
# case: release_handler_SUITE: release_handler_which_releases
def test_a_node_keeps_its_history_over_a_restart(otpy: Shell, app: Path) -> None:
    """In a folder of its own that nobody else may enter; what was not made permanent is not run again."""
    process, ready = otpy.node(app)
    place = Path(ready["store"])
    assert place == otpy.state_dir / "otpy" / "till" / "otpy.db"
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    otpy.json("upgrade", "till", app.with_name("till2.py"))
    stop(process)
    process, _ = otpy.node(app)
    assert vsn(otpy) == "1"
    (record,) = otpy.json("history")
    assert (record["status"], record["to_version"], record["processes"]) == ("completed", {"till": "2"}, 2)
    assert otpy.json("insights")["rate"] == {"attempts": 1, "completed": 1}
    stop(process)


# case: release_handler_SUITE: upgrade
def test_a_restarted_node_runs_what_is_permanent_until_the_file_is_newer(otpy: Shell, app: Path) -> None:
    """And logs which it was, and why."""
    process, _ = otpy.node(app)
    assert otpy("make-permanent").out == "nothing was upgraded since this node started\n"
    otpy.json("upgrade", "till", app.with_name("till2.py"))
    said = otpy("make-permanent")
    assert (said.code, said.out) == (0, "a restarted node runs till 2 (upgrade 1)\n")
    stop(process)
    process, _ = otpy.node(app)
    assert vsn(otpy) == "2"
    assert otpy("plan", "till", app.with_name("till2.py")).out == "Plan: nothing to do\n"
    assert "till 2 runs from the store, made permanent at" in stop(process)
    app.write_text(TILL.replace('"1"', '"3"'))
    process, _ = otpy.node(app)
    assert vsn(otpy) == "3"
    assert "the file is newer, and runs" in stop(process)


def test_an_upgrade_can_be_made_permanent_at_once(otpy: Shell, app: Path) -> None:
    """With one command, for those who have tried it elsewhere."""
    process, _ = otpy.node(app)
    said = otpy("upgrade", "till", app.with_name("till2.py"), "--permanent")
    assert (said.code, said.out.splitlines()[-1]) == (0, "  permanent: till 2")
    stop(process)
    process, _ = otpy.node(app)
    assert vsn(otpy) == "2"
    stop(process)


def test_a_node_without_a_store_forgets(otpy: Shell, app: Path) -> None:
    """It leaves no file, and says what cannot be had without one."""
    process, ready = otpy.node(app, "--store", "none")
    assert ready["store"] is None
    otpy.json("upgrade", "till", app.with_name("till2.py"))
    assert len(otpy.json("history")) == 1
    refused = otpy("make-permanent")
    assert (refused.code, refused.out) == (1, "")
    assert "this node has no store" in refused.err
    stop(process)
    assert not otpy.state_dir.exists()


def test_what_was_under_way_when_the_node_ended_is_told_at_the_next_start(otpy: Shell, app: Path) -> None:
    """In the log, and in the history with how far it came."""
    place = app.with_name("kept") / "till.db"
    with open_store(place) as store:
        number = store.begin(Planned(sources=(Source("till", "2", TILL_2),), running=(Source("till", "1", TILL),)))
        store.step(number, Step("suspend", 0.002))
        process = otpy.popen("run", app, "--store", place)
        taken = process.communicate(timeout=DEADLINE)[1]
        assert process.returncode == 1
        assert "otpy: the store" in taken
        assert "--store none" in taken
    process, _ = otpy.node(app, "--store", place)
    assert otpy.json("history")[0]["status"] == "interrupted"
    shown = otpy("history", "--id", number)
    assert shown.code == 0
    assert "the node ended while this was under way; the last step that it finished was 'suspend'" in shown.out
    log = stop(process)
    assert "till 1 → 2" in log
    assert "To have the upgrade, ask for it again." in log


def corrupt(place: Path) -> None:
    """Put something else in the place of the database."""
    place.write_bytes(b"no database" * 1000)


def make_folder(place: Path) -> None:
    """Put a folder there."""
    place.mkdir()


def open_to_others(place: Path) -> None:
    """Let others read the folder."""
    place.parent.chmod(0o755)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [(corrupt, "no database of otpy"), (make_folder, "store"), (open_to_others, "others")],
    ids=["corrupt", "a folder", "open to others"],
)
def test_a_store_that_cannot_be_used_is_said_in_one_line(
    otpy: Shell, app: Path, break_it: Callable[[Path], None], said: str
) -> None:
    """With what to do, and the node does not start: its upgrades would be lost."""
    place = app.with_name("kept") / "till.db"
    place.parent.mkdir(mode=0o700)
    break_it(place)
    refused = otpy("run", str(app), "--store", str(place))
    assert (refused.code, refused.out) == (1, "")
    assert said in one_line(refused.err)
    assert "--store none" in refused.err


def test_an_upgrade_is_refused_when_the_store_is_full(otpy: Shell, app: Path) -> None:
    """Nothing was touched: an upgrade of which nobody would know is worse than none."""
    process, ready = otpy.node(app)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
    refused = otpy("upgrade", "till", app.with_name("till2.py"))
    assert (refused.code, refused.out) == (1, "")
    assert ready["store"] in refused.err
    assert "Nothing has changed" in refused.err
    assert vsn(otpy) == "1"


@pytest.mark.parametrize(
    ("told", "expected"),
    [("/var/state", "/var/state/otpy"), ("", "HOME/.local/state/otpy"), ("relative", "HOME/.local/state/otpy")],
)
def test_the_store_is_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str, expected: str) -> None:
    """A relative folder is to be ignored, says the XDG specification."""
    monkeypatch.setenv("XDG_STATE_HOME", told)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(state_folder()) == expected.replace("HOME", str(tmp_path))
    assert place_of(None, "shop") == state_folder() / "shop" / "otpy.db"
    assert place_of("none", "shop") is None
    assert place_of("postgresql://u@h/d", "shop") == "postgresql://u@h/d"
