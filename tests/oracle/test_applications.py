"""Applications do what Erlang's application controller and masters do."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.oracle.applications.play import play
from tests.oracle.applications.scenario import ApplicationRecording

FILE = Path(__file__).parent / "applications" / "recordings.jsonl"
RECORDINGS = [msgspec.json.decode(line, type=ApplicationRecording) for line in FILE.read_bytes().splitlines()]


@pytest.mark.parametrize("recording", [pytest.param(one, id=one.name) for one in RECORDINGS])
def test_applications_do_what_was_recorded(recording: ApplicationRecording) -> None:
    """Which callbacks run, in which order and with what; answers, who runs, environments; when the node ends."""
    for number, (expected, seen) in enumerate(zip(recording.trace, play(recording.scenario), strict=True)):
        assert (number, recording.scenario.actions[number], seen) == (
            number,
            recording.scenario.actions[number],
            expected,
        )
