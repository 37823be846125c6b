"""The demo: it tells what happened, and fails if anything that it claims does not hold."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import DEADLINE, SANDBOXES, Finished, Shell


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    """Give a copy of the counter that a test may spoil."""
    return Path(shutil.copytree(SANDBOXES / "counter", tmp_path / "counter"))


def test_the_demo_of_all_examples_tells_the_story_and_holds(otpy: Shell) -> None:
    """The first thing that a stranger runs."""
    finished = otpy.process("demo")
    assert (finished.code, finished.err) == (0, "")
    for said in ("v1 → v2, live", "v2 → v3, refused", "nothing lost, nothing twice", "the display ends at 999"):
        assert said in finished.out
    assert finished.out.count("nothing lost") == 2
    assert "FAIL" not in finished.out
    assert "\x1b" not in finished.out


@pytest.mark.parametrize("name", ["counter", "shop"])
def test_the_figures_of_the_demo_add_up(otpy: Shell, name: str) -> None:
    """What was sent was handled, client by client, and the upgrade converted states in between."""
    started, upgraded, refused, finished = told(otpy, name)
    assert [chapter["chapter"] for chapter in (started, upgraded, refused, finished)] == [
        "started",
        "upgraded",
        "refused",
        "finished",
    ]
    assert {tally["client"]: tally["sent"] for tally in finished["tallies"]} == finished["handled"]
    assert all(check["holds"] for check in finished["checks"])
    assert min(finished["handled"].values()) > 0
    assert upgraded["shown"]
    assert refused["error"] == "RehearsalFailed"
    assert [chapter["version"] for chapter in (started, upgraded, refused, finished)] == ["v1", "v2", "v3", "v2"]


def test_the_shops_tree_grows_by_the_new_child(otpy: Shell) -> None:
    """Version 2 has a child more, and the upgrade starts it."""
    chapters = told(otpy, "shop")
    assert "audit" not in chapters[0]["tree"]
    assert "audit" in chapters[-1]["tree"]


def test_a_message_that_is_not_handled_fails_the_demo(otpy: Shell, counter: Path) -> None:
    """Here a client claims more than it sends."""
    change(counter / "load.py", "sent + CASTS + 1):", "sent + CASTS):")
    change(counter / "load.py", "if total < sent + CASTS:", "if total < 0:")
    finished = otpy.process("demo", counter)
    assert finished.code == 1
    assert "FAIL nothing lost, nothing twice" in finished.out
    assert "FAIL order kept" in finished.out


def test_a_call_that_fails_fails_the_demo(otpy: Shell, counter: Path) -> None:
    """The clients say why."""
    change(counter / "load.py", "if total < sent + CASTS:", "if sent >= 50:")
    finished = otpy.process("demo", counter)
    assert finished.code == 1
    assert "FAIL every call answered: ann: RuntimeError" in finished.out


def test_a_version_that_refuses_unannounced_fails_the_demo(otpy: Shell, counter: Path) -> None:
    """The upgrade should have been taken over."""
    change(counter / "sandbox.toml", "refuses = true\n", "")
    assert_only_fails(otpy.process("demo", counter), "v3 was refused")


def test_a_version_that_should_refuse_and_does_not_fails_the_demo(otpy: Shell, counter: Path) -> None:
    """A rollback is part of the demo."""
    change(counter / "v3" / "counter.py", "LIMIT = 999", "LIMIT = 999_999_999")
    assert_only_fails(otpy.process("demo", counter), "v3 took over")


def test_a_restarted_process_fails_the_demo(otpy: Shell, counter: Path) -> None:
    """An upgrade that only restarts things would lose their state; a pid that changed gives it away."""
    wait = 'while otpy.whereis("counter") is None:\n        otpy.sleep(0.001)'
    change(counter / "load.py", 'return f"busiest', f'otpy.stop("counter")\n    {wait}\n    return f"busiest')
    finished = otpy.process("demo", counter)
    assert finished.code == 1
    assert "FAIL same processes all along" in finished.out


def test_ctrl_c_ends_the_demo_cleanly(otpy: Shell) -> None:
    """In the middle of the load, with 130 and without a traceback."""
    with otpy.popen("demo") as process:
        assert process.stdout is not None
        while "clients send and call" not in process.stdout.readline():
            continue
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err) == (130, "otpy: interrupted\n")


def told(otpy: Shell, name: str) -> list[dict[str, Any]]:
    """Return what a demo that holds says of itself."""
    finished = otpy.process("demo", name, "--json")
    assert finished.code == 0, finished
    found: list[dict[str, Any]] = json.loads(finished.out)
    return found


def change(file: Path, old: str, new: str) -> None:
    """Replace the only *old* in *file*."""
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def assert_only_fails(finished: Finished, rule: str) -> None:
    """Check that the demo failed by *rule* and no other."""
    assert finished.code == 1
    failed = [line for line in finished.out.splitlines() if "FAIL" in line]
    assert len(failed) == 1
    assert rule in failed[0]


def test_the_chapters_are_plain_json(otpy: Shell, counter: Path) -> None:
    """A failed demo prints its figures all the same."""
    change(counter / "sandbox.toml", "refuses = true\n", "")
    finished = otpy.process("demo", counter, "--json")
    chapters: list[dict[str, Any]] = json.loads(finished.out)
    assert finished.code == 1
    assert [check["rule"] for check in chapters[-1]["checks"] if not check["holds"]] == ["v3 was refused"]
