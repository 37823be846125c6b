"""What the tests of the command line share: a private run folder, waiting for facts, and nodes as processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from otpy.cli import main
from otpy.cli.control import ControlServer
from otpy.cli.runfolder import prepare_folder
from otpy.cli.verbs import handler
from otpy.kernel.runtime import runtime

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
    """Runs `otpy` with a run folder of its own, and ends the nodes that are left over.

    A command runs in this process, which takes a hundredth of the time; as a process of its own where that is
    what the test is about: signals, pipes, systems that run.
    """

    run_dir: Path
    captured: pytest.CaptureFixture[str]
    cwd: Path = ROOT
    nodes: list[subprocess.Popen[str]] = field(default_factory=list["subprocess.Popen[str]"])

    @property
    def state_dir(self) -> Path:
        """Where the nodes keep their stores."""
        return self.run_dir.parent.parent / "state"

    def __call__(self, *args: object) -> Finished:
        """Run a command to its end, here."""
        with contextlib.chdir(self.cwd):
            code = main([*map(str, args)])
        said = self.captured.readouterr()
        return Finished(code, said.out, said.err)

    def popen(self, *args: object, **environment: str) -> subprocess.Popen[str]:
        """Start a command with pipes to its output."""
        command = [sys.executable, "-c", "import sys; from otpy.cli import main; sys.exit(main())", *map(str, args)]
        env = {**os.environ, **environment}
        return subprocess.Popen(
            command, cwd=self.cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def process(self, *args: object, **environment: str) -> Finished:
        """Run a command to its end, as a process."""
        with self.popen(*args, **environment) as process:
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
def otpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    """Give the command, with folders that nobody else uses, this checkout, and a plain terminal."""
    runtime_dir = tmp_path / "run"
    runtime_dir.mkdir()
    shell = Shell(runtime_dir / "otpy", capsys)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime_dir))
    monkeypatch.setenv("XDG_STATE_HOME", str(shell.state_dir))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield shell
    shell.end()


@dataclass
class Here:
    """A node in this process: the runtime of the test, behind a control socket."""

    otpy: Shell
    runtime: Any
    name: str = "here"

    @property
    def socket(self) -> Path:
        """Where its control socket is."""
        return self.otpy.run_dir / f"{self.name}.sock"

    def start(self) -> None:
        """Open the socket."""
        self.server = ControlServer(self.socket, handler(self.name))
        self.server.start()

    def stop(self) -> None:
        """Close the socket."""
        self.server.stop()
        self.socket.unlink()


@pytest.fixture
def here(otpy: Shell) -> Iterator[Here]:
    """Give a node in this process, which takes a hundredth of the time of one that is a process."""
    prepare_folder(otpy.run_dir)
    with runtime() as made:
        found = Here(otpy, made)
        found.start()
        try:
            yield found
        finally:
            found.stop()


@pytest.fixture
def node(otpy: Shell) -> Iterator[Shell]:
    """Give the command, with a node that runs version 1 of the counter."""
    process, _ = otpy.node(COUNTER)
    yield otpy
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


def one_line(text: str) -> str:
    """Return the only line of *text*, which starts as all our errors do."""
    lines = text.splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("otpy: ")
    return lines[0]
