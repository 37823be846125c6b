"""A node that follows its files: what is saved is taken over, what cannot be is said; Ctrl-C ends only the watch."""

from __future__ import annotations

import json
import queue
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import DEADLINE, SANDBOXES, Shell, one_line

VERSION_1 = (SANDBOXES / "counter" / "v1" / "counter.py").read_text()
VERSION_2 = (SANDBOXES / "counter" / "v2" / "counter.py").read_text()


@pytest.fixture
def file(otpy: Shell, tmp_path: Path) -> Iterator[Path]:
    """Give the file of a node's module."""
    found = tmp_path / "counter.py"
    found.write_text(VERSION_1)
    process, _ = otpy.node(f"{found}:Root")
    yield found
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


class Watching:
    """A running `otpy watch`, and what it prints."""

    def __init__(self, otpy: Shell, *args: object) -> None:
        self.process = otpy.popen("watch", *args)
        otpy.nodes.append(self.process)
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def until(self, said: str) -> str:
        """Return the first line from here on that has *said* in it."""
        while True:
            line = self._lines.get(timeout=DEADLINE)
            if said in line:
                return line

    def event(self, name: str) -> dict[str, Any]:
        """Return the next event *name*, of a watch with --json."""
        found: dict[str, Any] = json.loads(self.until(f'{{"event": "{name}"'))
        return found

    def end(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(DEADLINE) == 130


def vsn(otpy: Shell) -> str:
    """Return the version that the counter runs."""
    found: str = otpy.json("tree")["tree"][0]["children"][0]["vsn"]
    return found


def test_what_is_saved_is_upgraded_and_what_cannot_be_is_said(otpy: Shell, file: Path) -> None:
    """Without a path, the files of the program; an error leaves everything as it was, and the watch goes on."""
    watching = Watching(otpy)
    assert watching.until("watching") == f"watching {file.parent}; Ctrl-C ends it"
    file.write_text("def broken(:\n")
    assert "invalid syntax" in watching.until("refused: ")
    assert vsn(otpy) == "1"
    file.write_text(VERSION_2)
    assert "counter → 2" in watching.until("completed")
    assert vsn(otpy) == "2"
    watching.end()
    assert [record["trigger"] for record in otpy.json("history")] == ["files", "files"]


def test_it_can_only_say_what_would_happen(otpy: Shell, file: Path) -> None:
    """As JSON, one event a line, for editors."""
    watching = Watching(otpy, file, "--plan-only", "--json")
    assert watching.event("watching")["paths"] == [str(file.parent)]
    file.write_text(VERSION_2)
    assert watching.event("saved") == {"event": "saved", "modules": ["counter"], "deleted": []}
    planned = watching.event("planned")
    assert (planned["refused"], "counter (vsn 1 -> 2)" in planned["text"]) == (False, True)
    assert vsn(otpy) == "1"
    watching.end()


def test_a_reader_that_leaves_ends_the_watch_without_a_word(otpy: Shell, file: Path) -> None:
    """As in `otpy watch | head -1`: that is no failure of the node."""
    with otpy.popen("watch") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        file.write_text(VERSION_2)
        assert process.stderr.read() == ""


def test_the_watch_ends_with_its_node(otpy: Shell, tmp_path: Path) -> None:
    """A command that waits for ever for a node that is gone would be a riddle."""
    found = tmp_path / "counter.py"
    found.write_text(VERSION_1)
    node, _ = otpy.node(f"{found}:Root")
    watching = Watching(otpy)
    watching.until("watching")
    node.send_signal(signal.SIGTERM)
    assert node.wait(DEADLINE) == 0
    assert watching.process.wait(DEADLINE) in (0, 1)


def test_a_path_that_is_not_there_is_bad_input(otpy: Shell) -> None:
    """Told before a node is asked."""
    refused = otpy("watch", "nothing")
    assert (refused.code, refused.out) == (2, "")
    assert "nothing is not there; give files or folders" in one_line(refused.err)


def test_without_watchfiles_it_says_what_to_install(otpy: Shell, tmp_path: Path) -> None:
    """It is an extra."""
    found = tmp_path / "counter.py"
    found.write_text(
        VERSION_1.replace("import otpy\n", 'import sys\n\nimport otpy\n\nsys.modules["watchfiles"] = None\n', 1)
    )
    otpy.node(f"{found}:Root")
    refused = otpy("watch")
    assert refused.code == 2
    assert "pip install otpy[watch]" in one_line(refused.err)


def test_a_client_that_leaves_ends_its_watch_in_the_node(otpy: Shell, file: Path) -> None:
    """Else each of them would go on upgrading, unseen."""
    watching = Watching(otpy)
    watching.until("watching")
    watching.process.kill()
    watching.process.wait(DEADLINE)
    other = Watching(otpy, "--plan-only")
    other.until("watching")
    file.write_text(VERSION_2)
    other.until("Plan: ")
    assert vsn(otpy) == "1"
    other.end()
