"""Event managers do the same wherever they run."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import otpy
from tests.oracle.managers.play import play_on
from tests.oracle.managers.scenario import ManagerScenario
from tests.oracle.recording import Recording, Step, read

RECORDINGS = read(Path(__file__).parent / "traces" / "gen_event.jsonl")


@pytest.mark.parametrize("runs_on", ["thread", "asyncio"])
@pytest.mark.parametrize("recording", [pytest.param(one, id=one.name) for one in RECORDINGS[::4]])
def test_a_manager_does_what_was_recorded_wherever_it_runs(recording: Recording, runs_on: str) -> None:
    """The order of handlers and of what owners hear is the manager's, whoever drives it."""
    assert isinstance(recording.scenario, ManagerScenario)
    scenario = recording.scenario
    seen: list[Step] = []
    with otpy.runtime():
        otpy.run(lambda: seen.extend(play_on(runs_on, scenario)))
    assert msgspec.to_builtins(seen) == recording.trace
