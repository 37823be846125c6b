"""The runner notices: a recording that is not what otpy does fails, at the step and the key that differ."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.forms import Form
from tests.oracle.recording import parse
from tests.oracle.replay import replay

TRACES = Path(__file__).parent / "traces"
CHOSEN = {
    "supervisor": [
        "strategy_rest_for_one",
        "simple_batch",
        "gated_start_child",
        "tree_simple_below",
        "sup_init_ignore",
    ],
    "dynamic_supervisor": ["dynamic_515_000", "dynamic_515_009"],
    "gen_server": ["cast_stop_boom", "suspend_queue", "chain_timeout", "change_code_down"],
    "links": ["tuple_reason", "signal_trap_shutdown"],
}


def lines() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the chosen recordings, as they stand in the files."""
    for file, names in CHOSEN.items():
        for line in (TRACES / f"{file}.jsonl").read_text(encoding="utf-8").splitlines():
            recording = json.loads(line)
            if recording["name"] in names:
                yield recording["name"], recording


LINES = dict(lines())


def altered(form: Form) -> Form:
    """Return something else than *form*, as close to it as may be."""
    match form:
        case [*first, last]:
            return [*first, altered(last)]
        case {}:
            return dict(list(form.items())[1:]) or {"x": 1}
        case bool():
            return not form
        case int():
            return form + 1
        case str():
            return f"{form}x"
        case _:  # null, and an empty array
            return [["exit", "nobody", 1, "normal"]]


def places() -> Iterator[Any]:
    """Return every step and key of the chosen recordings."""
    for name, recording in LINES.items():
        for number, step in enumerate(recording["trace"]):
            for key in step:
                yield pytest.param(name, number, key, id=f"{name}-{number}-{key}")


def test_the_chosen_recordings_pass_as_they_are() -> None:
    """Else their altered copies would prove nothing."""
    assert sorted(LINES) == sorted(name for names in CHOSEN.values() for name in names)
    for recording in LINES.values():
        assert replay(parse(json.dumps(recording))) is None


@pytest.mark.parametrize(("name", "number", "key"), list(places()))
def test_an_altered_recording_fails_where_it_was_altered(name: str, number: int, key: str) -> None:
    """Whatever is recorded is compared."""
    recording = copy.deepcopy(LINES[name])
    step = recording["trace"][number]
    step[key] = altered(step[key])
    found = replay(parse(json.dumps(recording)))
    assert found is not None
    assert found.startswith(f"step {number},")
    assert f": {key}: " in found


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("strategy_rest_for_one", '"rest_for_one"', '"one_for_one"'),
        ("strategy_rest_for_one", '"intensity": 3', '"intensity": 2'),
        ("strategy_rest_for_one", '"trap": false', '"trap": true'),
        ("strategy_rest_for_one", '"how": "crash"', '"how": "signal"'),
        ("tree_simple_below", '"restart": "temporary"', '"restart": "permanent"'),
        ("gated_start_child", '["gate", "ok"]', '["gate", "ignore"]'),
        ("dynamic_515_000", '"intensity": 1', '"intensity": 2'),
        ("dynamic_515_009", '"max_children": 2', '"max_children": 3'),
        ("simple_batch", '"intensity": 2', '"intensity": 3'),
        ("cast_stop_boom", '"link": true', '"link": false'),
        ("chain_timeout", "30]", "5000]"),
        ("tuple_reason", '["a", true]', '["a", false]'),
    ],
)
def test_another_scenario_goes_another_way(name: str, before: str, after: str) -> None:
    """What a scenario says is done, to the option."""
    recording = LINES[name]
    scenario = json.dumps(recording["scenario"])
    assert before in scenario
    other = {**recording, "scenario": json.loads(scenario.replace(before, after))}
    assert replay(parse(json.dumps(other))) is not None
