"""One upgrade told step by step, what all of them teach, and how far one is that takes a while."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
from functools import partial
from pathlib import Path

from rich.console import Console

from otpy.cli import progress
from otpy.cli.frames import Event
from otpy.upgrade import STEPS
from tests.cli.conftest import DEADLINE, VERSION_2, Shell
from tests.support import eventually_outside


def test_one_upgrade_is_told_with_its_steps_and_states(node: Shell, tmp_path: Path) -> None:
    """When, by whom, how long each step took, and what the states were before and after."""
    node.json("upgrade", "counter", VERSION_2)
    told = node("history", "--id", 1)
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0] == "upgrade 1: counter 1 → 2"
    assert "committed" in lines[1]
    assert "(command)" in lines[2]
    steps = [line.split()[0] for line in lines if "█" in line or "▏" in line]
    assert steps == [step.split()[0] for step in (*STEPS, "resume")]
    assert "    - State(total=0, last={}, out_of_order=0)" in lines
    assert "    + State(total=0, clients={}, out_of_order=0)" in lines
    as_json = node.json("history", "--id", 1)
    assert as_json["record"]["modules"][0]["after"] == "2"
    assert "'clients'" not in as_json["states"][0]["before"]


def test_one_that_was_refused_is_told_with_its_error_and_advice(node: Shell, tmp_path: Path) -> None:
    """Also later, when who asked for it has forgotten."""
    bad = tmp_path / "counter.py"
    bad.write_text("raise LookupError('at import')\n")
    assert node("upgrade", "counter", bad).code == 1
    told = node("history", "--id", 1)
    assert "rolled_back (refused)" in told.out
    assert "LookupError: at import" in told.out
    assert "Import the new source on its own" in told.out
    listed = node("history").out.splitlines()
    assert listed[1].split()[0] == "1"
    missing = node("history", "--id", 7)
    assert (missing.code, missing.out) == (1, "")
    assert "7" in missing.err


def test_one_that_does_not_parse_is_told_with_the_version_that_runs(node: Shell, tmp_path: Path) -> None:
    """It is of a module that is there; that it is new would be wrong."""
    bad = tmp_path / "counter.py"
    bad.write_text("def :\n")
    assert node("upgrade", "counter", bad).code == 1
    assert node("history", "--id", 1).out.splitlines()[0] == "upgrade 1: counter 1"
    assert "counter 1 " in node("history").out.splitlines()[1]


def test_insights_have_a_plot(node: Shell) -> None:
    """In the terminal; and all of it is JSON for scripts."""
    assert "no upgrade" in node("insights").out.lower()
    node.json("upgrade", "counter", VERSION_2)
    shown = node("insights", "--last", "7d")
    assert (shown.code, shown.err) == (0, "")
    assert "1 upgrade: 1 completed, 0 failed (100% success)" in shown.out
    assert "███" in shown.out
    assert "\x1b" not in shown.out
    found = node.json("insights")
    assert (found["success_rate"], found["rate"]["attempts"]) == (1.0, 1)


def test_what_takes_long_has_a_bar_on_a_terminal_and_what_does_not_has_none() -> None:
    """A flash of a bar, or a bar in a log file, would be noise."""
    for after, terminal, drawn in ((0.0, True, True), (60.0, True, False), (0.0, False, False)):
        text = io.StringIO()
        out = Console(file=text, force_terminal=terminal, width=100)
        with progress.Progress(out=out, after=after) as bar:
            bar(Event("step", {"step": "convert"}))
            bar(Event("step", {"step": "of a newer node"}))
            bar(Event("accepted"))
            if drawn:
                eventually_outside(partial(_has, text, "newer node"))
        assert ("newer node" in text.getvalue()) == drawn


def _has(text: io.StringIO, what: str) -> bool:
    return what in text.getvalue()


def test_the_bar_is_on_standard_error(otpy: Shell, tmp_path: Path) -> None:
    """So that the report can go through a pipe. The upgrade here waits for a handler that takes its time."""
    app, new = tmp_path / "slow.py", tmp_path / "new.py"
    app.write_text(SLOW)
    new.write_text(SLOW.replace('"1"', '"2"').replace("pass\n", "more: int = 0\n"))
    otpy.node(app)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "import sys; from otpy.cli import main; sys.exit(main())"]
    with subprocess.Popen(
        [*command, "upgrade", "slow", str(new)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        text=True,
    ) as process:
        os.close(theirs)
        seen = ""
        while "suspend" not in seen:
            assert select.select([ours], [], [], DEADLINE)[0], seen
            seen += os.read(ours, 4096).decode(errors="replace")
        (tmp_path / "go").touch()
        out, _ = process.communicate(timeout=DEADLINE)
    os.close(ours)
    assert process.returncode == 0
    assert "completed" in out
    assert "\x1b" not in out


SLOW = """
import pathlib
import time
from dataclasses import dataclass

import otpy
from otpy import NoReply, Ok, SupFlags

__vsn__ = "1"
GO = pathlib.Path(__file__).with_name("go")


@dataclass
class State:
    pass


class Slow(otpy.GenServer[State]):
    runs_on = "thread"

    def init(self, arg):
        otpy.send(otpy.self_pid(), "go slowly")
        return Ok(State())

    def handle_info(self, message, state):
        while not GO.exists():
            time.sleep(0.01)
        return NoReply(state)


class Root(otpy.Supervisor):
    def init(self, arg):
        return SupFlags(), [Slow.child_spec(None, id="slow")]
"""
