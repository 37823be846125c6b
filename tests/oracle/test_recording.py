"""Reading recordings, and refusing what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.gen_servers.scenario import CallServer, GenServerScenario, SignalServer
from tests.oracle.recording import BadRecording, parse, read
from tests.oracle.supervisors.scenario import Behaviour, Gated, Spec, SupervisorScenario


def line(scenario: dict[str, Any], steps: int, **more: Any) -> str:
    """Return a line with *scenario* and a trace of so many steps."""
    return json.dumps({"name": "n", "scenario": scenario, "trace": [{}] * steps, **more})


def test_a_supervisor_scenario_is_read_with_its_defaults() -> None:
    """What a file leaves out has OTP's default, or is known to be left out."""
    scenario = parse(line({"supervisor": {"children": [{"id": "a"}]}, "actions": []}, 1, covers="more")).scenario
    assert isinstance(scenario, SupervisorScenario)
    assert scenario.supervisor.init == "ok"
    assert scenario.supervisor.children == [Spec(id="a")]


def test_actions_are_read_by_their_op() -> None:
    """Calls inside calls, too."""
    trigger = {"op": "restart_child", "id": "a"}
    gated = {"op": "gated", "gate": "a", "trigger": trigger, "calls": [{"op": "which_children"}]}
    scenario = parse(line({"supervisor": {}, "actions": [gated]}, 2)).scenario
    assert isinstance(scenario, SupervisorScenario)
    (action,) = scenario.actions
    assert isinstance(action, Gated)
    assert (action.gate, len(action.calls)) == ("a", 1)


def test_words_that_python_keeps_for_itself_are_read() -> None:
    """`from` is a key of signals."""
    actions = [{"op": "signal", "reason": "boom", "from": "other"}, {"op": "call", "tag": "m", "ret": ["noreply"]}]
    scenario = parse(line({"servers": {"s": {}}, "actions": actions}, 2)).scenario
    assert isinstance(scenario, GenServerScenario)
    signal, call = scenario.actions
    assert isinstance(signal, SignalServer)
    assert signal.from_ == "other"
    assert isinstance(call, CallServer)
    assert call.timeout == 5000


def test_attempts_take_the_last_outcome_when_there_are_no_more() -> None:
    """Attempt n takes element min(n, len)."""
    behaviour = Behaviour(init=["ok", "ignore"])
    assert [behaviour.outcome(n) for n in (1, 2, 3)] == ["ok", "ignore", "ignore"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", ":1: "),
        ('{"name": "n"}', "missing required field `scenario`"),
        (
            '{"name": "n", "scenario": {}, "trace": []}',
            "a scenario needs one of supervisor, servers, machine, manager, procs",
        ),
        (line({"supervisor": {}, "actions": []}, 2), "2 recorded steps, but the scenario has 1"),
        (line({"supervisor": {}, "actions": [{"op": "dance"}]}, 2), "Invalid value 'dance'"),
        (line({"procs": [], "actions": [{"op": "link", "p": "a"}]}, 1), "missing required field `to`"),
        ("\n", "no recordings"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    """It says where, and what is wrong."""
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadRecording, match=r"bad\.jsonl") as refusal:
        read(path)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder without recordings, and bytes that are no text."""
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(b"\xff\xfe\x00")
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (tmp_path / "missing.jsonl", binary, empty):
        with pytest.raises(BadRecording):
            read(path)


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    """In the order of their names."""
    for name in ("b", "a"):
        text = line({"procs": [], "actions": []}, 0).replace('"n"', f'"{name}"')
        (tmp_path / f"{name}.jsonl").write_text(f"\n{text}\n", encoding="utf-8")
    assert [recording.name for recording in read(tmp_path)] == ["a", "b"]
