"""What the tests of the command line share: a private run folder, waiting for facts, and nodes as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from otpy.cli import main

ROOT = Path(__file__).parents[2]
SANDBOXES = ROOT / "sandboxes"
COUNTER = SANDBOXES / "counter"
VERSION_2 = COUNTER / "v2" / "counter.py"
DEADLINE = 60.0


class Finished(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs `otpy` with a run folder of its own, and ends the nodes that are left over."""

    run_dir: Path
    cwd: Path = ROOT
    nodes: list[subprocess.Popen[str]] = field(default_factory=list["subprocess.Popen[str]"])

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment in which this checkout is found and the terminal is plain."""
        kept = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "COLUMNS"}}
        own = {"XDG_RUNTIME_DIR": str(self.run_dir.parent), "XDG_STATE_HOME": str(self.state_dir)}
        return {**kept, "PYTHONPATH": str(ROOT), **own, **more}

    @property
    def state_dir(self) -> Path:
        """Where the nodes keep their stores."""
        return self.run_dir.parent.parent / "state"

    def popen(self, *args: object, **more: str) -> subprocess.Popen[str]:
        """Start a command with pipes to its output."""
        command = [sys.executable, "-c", "import sys; from otpy.cli import main; sys.exit(main())", *map(str, args)]
        env = self.environment(**more)
        return subprocess.Popen(
            command, cwd=self.cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def __call__(self, *args: object, **more: str) -> Finished:
        """Run a command to its end."""
        with self.popen(*args, **more) as process:
            try:
                out, err = process.communicate(timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            return Finished(process.returncode, out, err)

    def json(self, *args: object) -> Any:
        """Run a command that has to succeed, with --json, and return what it printed."""
        finished = self(*args, "--json")
        assert finished.code == 0, finished
        return json.loads(finished.out)

    def node(self, *args: object) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        """Start a node and wait until it is ready; return its process and what it says of itself."""
        process = self.popen("run", *args, "--json")
        self.nodes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=DEADLINE)
        return process, json.loads(line)

    def end(self) -> None:
        """Kill what still runs."""
        for process in self.nodes:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=DEADLINE)


@pytest.fixture
def otpy(tmp_path: Path) -> Iterator[Shell]:
    """Give the command, with a run folder that nobody else uses."""
    runtime_dir = tmp_path / "run"
    runtime_dir.mkdir()
    shell = Shell(runtime_dir / "otpy")
    yield shell
    shell.end()


@pytest.fixture
def node(otpy: Shell) -> Iterator[Shell]:
    """Give the command, with a node that runs version 1 of the counter."""
    process, _ = otpy.node(COUNTER)
    yield otpy
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


class Here(Protocol):
    """Runs `otpy` in this process: much quicker, for commands that start nothing."""

    def __call__(self, *args: str) -> Finished:
        """Run a command to its end."""
        ...


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Give the command in this process, with a run folder that nobody else uses."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*args: str) -> Finished:
        code = main(args)
        said = capsys.readouterr()
        return Finished(code, said.out, said.err)

    return call


def wait_until(fact: Callable[[], object], what: str, seconds: float = 10.0) -> None:
    """Wait until *fact* is true, looking again every hundredth of a second; fail with *what* at the deadline."""
    pause = threading.Event()
    for _ in range(int(seconds * 100)):
        if fact():
            return
        pause.wait(0.01)
    pytest.fail(f"not within {seconds} s: {what}")


def one_line(text: str) -> str:
    """Return the only line of *text*, which starts as all our errors do."""
    lines = text.splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("otpy: ")
    return lines[0]
