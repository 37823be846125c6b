"""Every recording of Erlang/OTP and Elixir goes on otpy as it was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle.recording import Recording, read
from tests.oracle.replay import replay

FILES = sorted((Path(__file__).parent / "traces").glob("*.jsonl"))
RECORDINGS = [pytest.param(recording, id=f"{file.stem}-{recording.name}") for file in FILES for recording in read(file)]


@pytest.mark.parametrize("recording", RECORDINGS)
def test_otpy_does_what_was_recorded(recording: Recording) -> None:
    """OTP's behaviour to the letter is what users of OTP count on."""
    found = replay(recording)
    assert found is None, found


def test_no_recording_is_lost() -> None:
    """Files that are read in part would go unnoticed."""
    assert {file.stem: len(read(file)) for file in FILES} == {
        "dynamic_supervisor": 40,
        "gen_event": 300,
        "ets": 80,
        "gen_server": 67,
        "gen_statem": 298,
        "links": 27,
        "pg": 100,
        "supervisor": 300,
    }
