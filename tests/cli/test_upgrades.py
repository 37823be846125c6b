"""Upgrading a node from outside: what is sent, what comes back, and what is left after a failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import COUNTER, VERSION_2, Shell


def test_a_module_is_upgraded_from_a_file(node: Shell) -> None:
    """The same process goes on with the new code."""
    before = node.json("tree")["tree"][0]["children"]
    report = node.json("upgrade", "counter", VERSION_2)
    after = node.json("tree")["tree"][0]["children"]
    assert report["reloaded_modules"] == ["counter"]
    assert [child["pid"] for child in before] == [child["pid"] for child in after]
    assert [child["vsn"] for child in before + after] == ["1", "2"]


def test_a_sandbox_is_upgraded_to_a_version(node: Shell) -> None:
    """And prints for people what was done."""
    done = node("upgrade", COUNTER, "--to", "v2")
    assert (done.code, done.err) == (0, "")
    assert "counter" in done.out
    assert "paused" in done.out
    assert "\x1b" not in done.out


def test_modules_of_a_sandbox_are_upgraded_as_one(otpy: Shell) -> None:
    """With a child that only the new version has."""
    otpy.node("shop")
    report = otpy.json("upgrade", "shop", "--to", "v2")
    assert {"shop.stock", "shop.ledger", "shop.cart", "shop.audit", "shop.supervisor"} <= set(
        report["reloaded_modules"]
    )
    children = otpy.json("tree")["tree"][0]["children"]
    assert [child["name"] for child in children] == ["stock", "ledger", "cart", "audit"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ([], "refused in the step 'rehearse'; nobody was paused"),
        (["--no-rehearse"], "failed in the step 'convert', and was rolled back"),
    ],
    ids=["rehearsed", "not rehearsed"],
)
def test_a_refused_upgrade_says_why_and_changes_nothing(node: Shell, tmp_path: Path, how: list[str], said: str) -> None:
    """Exit code 1, the reason in the first line, and the tree as before."""
    broken = tmp_path / "counter.py"
    broken.write_text(VERSION_2.read_text().replace("clients = {", "clients = 1 / 0 * {"))
    before = node("tree").out
    failed = node("upgrade", "counter", broken, *how)
    assert (failed.code, failed.out) == (1, "")
    assert failed.err.startswith("otpy: ")
    assert "ZeroDivisionError" in failed.err
    assert said in failed.err
    assert "Nothing has changed" in failed.err
    assert node("tree").out == before


def test_a_refused_upgrade_is_json_for_scripts(node: Shell, tmp_path: Path) -> None:
    """With the kind of error and the exit code of a failure."""
    broken = tmp_path / "counter.py"
    broken.write_text("def counter(:\n")
    failed = node("upgrade", "counter", broken, "--json")
    assert failed.code == 1
    found = json.loads(failed.out)
    assert (found["status"], found["error"]) == ("failed", "CompilationFailed")


def test_a_syntax_error_names_the_file_that_was_given(node: Shell, tmp_path: Path) -> None:
    """An editor, and whoever wrote it, finds it there; also in a release."""
    broken = tmp_path / "release" / "counter.py"
    broken.parent.mkdir()
    broken.write_text("import otpy\ndef counter(:\n")
    for given in (["counter", broken], ["--release", broken.parent]):
        for command in ("plan", "upgrade"):
            failed = node(command, *given)
            assert failed.code == 1
            assert f"{broken}:2:" in failed.err or f"{broken}, line 2" in failed.err, failed.err


def test_groups_canaries_and_tries_are_options(node: Shell, tmp_path: Path) -> None:
    """They reach the node, and are kept by a plan."""
    kept = tmp_path / "plan.json"
    more = ["--strategy", "rolling", "--group-size", 2, "--canaries", 3, "--retries", 4]
    node("plan", "counter", VERSION_2, *more, "--out", kept)
    options = json.loads(kept.read_text())["options"]
    assert (options["group_size"], options["canaries"], options["retries"]) == (2, 3, 4)
    refused = node("upgrade", "counter", VERSION_2, "--group-size", 0)
    assert (refused.code, refused.err) == (2, "otpy: group_size is 0; give a whole number, 1 or more\n")


def test_debug_shows_the_traceback_of_the_node(node: Shell, tmp_path: Path) -> None:
    """The error happened there, not in the command."""
    broken = tmp_path / "counter.py"
    broken.write_text("raise LookupError('at import')\n")
    failed = node("upgrade", "counter", broken, "--debug")
    assert failed.code == 1
    assert "Traceback" in failed.err
    assert "LookupError: at import" in failed.err


def test_a_rollback_takes_the_module_back(node: Shell) -> None:
    """To the version before, with its shape of state."""
    node.json("upgrade", "counter", VERSION_2)
    back = node("rollback", "counter")
    assert (back.code, back.err) == (0, "")
    assert [child["vsn"] for child in node.json("tree")["tree"][0]["children"]] == ["1"]


def test_a_rollback_with_nothing_before_it_is_refused(node: Shell) -> None:
    """Version 1 is the first."""
    back = node("rollback", "counter")
    assert (back.code, back.out) == (1, "")
    assert back.err.startswith("otpy: counter has no version before the one that runs; known: 1\n")
    assert node("rollback").err.startswith("otpy: the node has no version before the one that runs")


def test_the_history_lists_what_was_done_and_what_was_refused(node: Shell, tmp_path: Path) -> None:
    """For people and for scripts."""
    assert node("history").out == "no upgrade so far\n"
    broken = tmp_path / "counter.py"
    broken.write_text("def counter(:\n")
    node("upgrade", "counter", broken)
    node("upgrade", "counter", VERSION_2)
    records = node.json("history", "counter")
    assert len(records) == 2
    assert len({record["status"] for record in records}) == 2
    assert all(record["modules"] == ["counter"] for record in records)
    shown = node("history")
    assert len(shown.out.splitlines()) == 3
    assert node.json("history", "another") == []
    assert node("history", "another").out == "no upgrade of another so far\n"


@pytest.mark.parametrize("command", [["upgrade", "conuter", VERSION_2], ["rollback", "conuter"]])
def test_a_module_that_the_node_does_not_know_is_bad_input(node: Shell, command: list[object]) -> None:
    """With the name that was meant."""
    refused = node(*command)
    assert (refused.code, refused.out) == (2, "")
    assert "did you mean 'counter'?" in refused.err
    assert len(refused.err.splitlines()) == 1
