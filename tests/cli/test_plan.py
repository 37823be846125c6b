"""Plans from outside: what would be done, kept in a file, carried out later; and other ways to ask for an upgrade."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from otpy.cli.plan_text import style_of
from tests.cli.conftest import COUNTER, VERSION_2, Shell, one_line
from tests.support import eventually_outside


def vsn(node: Shell) -> str:
    """Return the version that the counter runs."""
    found: str = node.json("tree")["tree"][0]["children"][0]["vsn"]
    return found


def test_a_plan_says_what_would_be_done_and_touches_nothing(node: Shell, tmp_path: Path) -> None:
    """It is kept in a file, and that file is then carried out: just once, since afterwards it is stale."""
    kept = tmp_path / "plan.json"
    said = node("plan", "counter", VERSION_2, "--out", kept)
    assert (said.code, said.err) == (0, "")
    assert "~ counter (vsn 1 -> 2)" in said.out
    assert "processes pause" in said.out.splitlines()[-1]
    assert "\x1b" not in said.out
    assert vsn(node) == "1"
    done = node("upgrade", "--plan", kept, "--json")
    assert (done.code, json.loads(done.out)["status"]) == (0, "completed")
    assert vsn(node) == "2"
    again = node("upgrade", "--plan", kept)
    assert (again.code, again.out) == (1, "")
    assert "runs another text" in again.err


def test_a_plan_that_would_be_refused_says_why_and_has_code_1(node: Shell, tmp_path: Path) -> None:
    """So that a pipeline stops there; the plan is printed all the same, and is JSON for scripts."""
    bad = tmp_path / "counter.py"
    bad.write_text(VERSION_2.read_text().replace("clients = {", "clients = 1 / 0 * {"))
    said = node("plan", "counter", bad)
    assert said.code == 1
    assert "refused: the rehearsal" in said.out
    assert "ZeroDivisionError" in said.out
    as_json = node("plan", "counter", bad, "--json")
    assert as_json.code == 1
    assert json.loads(as_json.out)["refusals"]
    assert vsn(node) == "1"


def test_a_source_that_cannot_be_looked_at_has_no_plan(node: Shell, tmp_path: Path) -> None:
    """The error names the line."""
    bad = tmp_path / "counter.py"
    bad.write_text("def counter(:\n")
    said = node("plan", "counter", bad)
    assert (said.code, said.out) == (1, "")
    assert ":1:13: invalid syntax" in said.err


def test_a_release_is_a_folder(node: Shell, tmp_path: Path) -> None:
    """All that the node has loaded of it, as one; a dry run pauses nobody and changes nothing."""
    release = tmp_path / "release"
    release.mkdir()
    shutil.copy(VERSION_2, release / "counter.py")
    assert "counter (vsn 1 -> 2)" in node("plan", "--release", release).out
    assert node.json("upgrade", "--release", release, "--dry-run")["status"] == "planned"
    assert vsn(node) == "1"
    assert node.json("upgrade", "--release", release, "--strategy", "rolling")["strategy"] == "rolling"
    assert vsn(node) == "2"
    (release / "counter.py").rename(release / "other.py")
    refused = node("upgrade", "--release", release)
    assert refused.code == 2
    assert "no module that is loaded here; it has other" in one_line(refused.err)


TICKER = """
import otpy
from otpy import NoReply, Ok, SupFlags

class Ticker(otpy.GenServer[int]):
    def init(self, arg):
        otpy.send_after(otpy.self_pid(), "tick", 0.01)
        return Ok(0)

    def handle_info(self, message, state):
        otpy.send_after(otpy.self_pid(), "tick", 0.01)
        return NoReply(state + 1)

class Root(otpy.Supervisor):
    def init(self, arg):
        return SupFlags(intensity=1000), [Ticker.child_spec(None, id="ticker")]
"""


def test_an_upgrade_that_is_watched_goes_back_by_itself(otpy: Shell, tmp_path: Path) -> None:
    """The upgraded processes crash, more often than is allowed; it was one line in one method."""
    app, bad = tmp_path / "ticker.py", tmp_path / "bad.py"
    app.write_text(TICKER)
    bad.write_text(TICKER.replace("state + 1", "state / 0"))
    otpy.node(app)
    assert otpy.json("upgrade", "ticker", bad, "--watch", 30, "--max-crashes", 2)["status"] == "completed"
    eventually_outside(lambda: otpy.json("history")[0]["status"] == "rolled_back_by_watch", within=30)
    first, back = otpy.json("history")
    assert "crashes of upgraded processes" in first["error"]
    assert (back["status"], back["trigger"]) == ("completed", "watch")


def test_the_last_upgrade_is_taken_back_as_a_whole(node: Shell) -> None:
    """Without naming its modules."""
    node.json("upgrade", COUNTER, "--to", "v2")
    back = node("rollback")
    assert (back.code, back.err) == (0, "")
    assert vsn(node) == "1"
    assert [record["trigger"] for record in node.json("history")] == ["command", "rollback"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["plan"], "give a MODULE and a FILE"),
        (["plan", "counter"], "give a MODULE and a FILE"),
        (["plan", "counter", "README.md", "--release", "docs"], "give a MODULE and a FILE"),
        (["plan", "counter", "--strategy", "slow"], "slow"),
        (["plan", "--release", "README.md"], "README.md is no folder"),
        (["upgrade", "--plan", "nothing.json"], "cannot read nothing.json"),
        (["upgrade", "counter", "--plan", "README.md"], "--plan says what is upgraded"),
        (["upgrade", "--plan", "README.md", "--strategy", "canary"], "--plan says how it is done"),
        (["upgrade", "--plan", "README.md", "--dry-run"], "--plan says how it is done"),
        (["upgrade", "counter", "README.md", "--max-crashes", "1"], "give --watch SECONDS too"),
        (["upgrade", "counter"], "or --plan FILE"),
        (["upgrade", "counter", "README.md", "--watch", "0"], "--watch 0; give seconds, more than 0"),
        (["upgrade", "counter", "README.md", "--dry-run", "--permanent"], "--dry-run brings nothing"),
        (["upgrade", "counter", "README.md", "--watch", "inf"], "--watch inf; give seconds"),
        (["upgrade", "counter", "README.md", "--watch", "9", "--max-crashes", "-1"], "--max-crashes -1; give"),
        (["upgrade", "counter", "README.md", "--retries", "1.5"], "'1.5' is no whole number"),
        (["upgrade", "counter", "README.md", "--retries", "some"], "'some' is no whole number"),
        (["rollback", "--to", "1"], "otpy rollback MODULE --to 1"),
        (["history", "--id", "0"], "--id 0 is no upgrade; `otpy history` lists them"),
        (["history", "--id", "99999999999999999999"], "is no upgrade; `otpy history` lists them"),
        (["history", "counter", "--id", "1"], "leave the module out"),
        (["history", "--id", "one"], "one"),
    ],
    ids=str,
)
def test_arguments_that_do_not_go_together_are_bad_input(otpy: Shell, args: list[str], said: str) -> None:
    """Told before a node is asked."""
    finished = otpy(*args)
    assert (finished.code, finished.out) == (2, "")
    assert said in one_line(finished.err)


def test_what_a_node_cannot_use_is_bad_input(node: Shell, tmp_path: Path) -> None:
    """A plan that is none, an option that is no number of seconds, an upgrade that there is not."""
    kept = tmp_path / "plan.json"
    kept.write_text("{}")
    for args, said in (
        (["upgrade", "--plan", kept], f"{kept}: the plan cannot be read"),
        (["upgrade", "counter", VERSION_2, "--timeout", -1], "timeout is -1.0; give seconds"),
        (["insights", "--last", "soon"], "'soon' is no time range"),
    ):
        refused = node(*args)
        assert (refused.code, refused.out) == (2, "")
        assert said in one_line(refused.err)
    assert vsn(node) == "1"


@pytest.mark.parametrize(
    ("line", "style"),
    [
        ("    + Cart.add: added (line 3)", "green"),
        ("    - Cart.drop: removed (line 9)", "red"),
        ("    -/+ child milk", "magenta"),
        ("  ~ shop (vsn 1 -> 2)", "yellow"),
        ("    ! Cart: cannot", "bold red"),
        ("  refused: shop.Cart: why", "bold red"),
        ("  warning: mind", "yellow"),
        ("  risk high: why", "bold red"),
        ("  risk low: why", "dim"),
        ("Plan: nothing to do", "bold"),
        ("      2 states: shop.Order gets euros = 3", ""),
    ],
)
def test_a_terminal_shows_lines_of_a_plan_in_colours(line: str, style: str) -> None:
    """What is added, changed, removed and refused is told apart at a glance."""
    assert style_of(line) == style
