"""State machines do the same wherever they run."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import otpy
from tests.oracle.recording import Recording, read
from tests.oracle.statems.play import play_on, wait_until_quiet
from tests.oracle.statems.scenario import STEP, StatemScenario
from tests.support import Echo, HandClock

RECORDINGS = read(Path(__file__).parent / "traces" / "gen_statem.jsonl")


@pytest.mark.parametrize("runs_on", ["thread", "asyncio"])
@pytest.mark.parametrize("recording", [pytest.param(one, id=one.name) for one in RECORDINGS[::4]])
def test_a_machine_does_what_was_recorded_wherever_it_runs(recording: Recording, runs_on: str) -> None:
    """The order of events is the loop's, whoever drives it."""
    assert isinstance(recording.scenario, StatemScenario)
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        on_scheduler = Echo.start()

        def wait(pid: otpy.Pid, milliseconds: int) -> None:
            for _ in range(milliseconds // STEP):
                clock.advance(STEP / 1000, runtime)
                otpy.call(on_scheduler, "looked what is due?", timeout=None)
                wait_until_quiet(pid)

        seen = list(play_on(runs_on, recording.scenario, wait))
    assert msgspec.to_builtins(seen) == recording.trace
