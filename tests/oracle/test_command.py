"""`python -m tests.oracle`: what it prints, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.oracle.__main__ import main

HERE = Path(__file__).parent
LINKS = HERE / "traces" / "links.jsonl"


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """Return a file with two recordings, of which the first is not what happens."""
    texts = LINKS.read_text(encoding="utf-8").splitlines()[:2]
    first = json.loads(texts[0])
    first["trace"][1]["alive"] = []
    path = tmp_path / "spoilt.jsonl"
    path.write_text(f"{json.dumps(first)}\n{texts[1]}\n", encoding="utf-8")
    return path


def test_all_passed(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said of what passes."""
    assert main([str(LINKS)]) == 0
    assert capsys.readouterr().out == "27 passed, 0 failed\n"


def test_the_first_difference_of_each_failure(spoilt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its name, the step, the action and what differs, on one line."""
    assert main([str(spoilt)]) == 1
    failure, total = capsys.readouterr().out.splitlines()
    action = '{"op": "exit", "p": "b", "reason": "normal"}'
    assert failure == f'FAILED pair_notrap_peer_exits_normal: step 1, {action}: alive: expected [], got ["a"]'
    assert total == "1 passed, 1 failed"


def test_only_what_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """With the time that it took, if asked for."""
    assert main([str(LINKS.parent), "--only", "ring", "--only", "link_self", "-v"]) == 0
    *passed, total = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in passed] == [["passed", "ring"], ["passed", "link_self"]]
    assert total == "2 passed, 0 failed"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jsonl"], "missing.jsonl"),
        ([str(HERE / "README.md")], "README.md:1"),
        ([str(LINKS), "--only", "nothing"], "no recording is named nothing"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, and an exit code of its own."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(("option", "code", "said"), [("--help", 0, "usage: "), ("--nonsense", 2, "")])
def test_the_command_line(option: str, code: int, said: str) -> None:
    """As a command of its own."""
    command = [sys.executable, "-m", "tests.oracle", option]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert done.stdout.startswith(said)
