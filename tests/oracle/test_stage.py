"""The stage that scenarios are played on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

import otpy
from tests.oracle.recording import Step
from tests.oracle.stage import Errand, Play, Stuck, perform, settle

HOUR = 3600.0


def collected(play: Play) -> list[Step]:
    """Return what *play* yields."""
    steps: list[Step] = []
    perform(play, steps.append)
    return steps


def relay(left: int, notes: list[int]) -> None:
    """Note the number, and have another process go on with the next."""
    notes.append(left)
    if left:
        otpy.spawn(relay, left - 1, notes)


def test_settle_waits_for_all_that_needs_no_time() -> None:
    """However many processes it goes through."""

    def play() -> Iterator[Step]:
        notes: list[int] = []
        otpy.spawn(relay, 500, notes)
        settle()
        yield {"result": len(notes)}

    assert collected(play) == [{"result": 501}]


def test_settle_lets_no_timer_fire() -> None:
    """A machine that takes its time must not bring a timeout forward."""

    def play() -> Iterator[Step]:
        otpy.send_after(otpy.self_pid(), "late", 0.001)
        for _ in range(10):
            settle()
        yield {"result": otpy.flush()}
        yield {"result": otpy.receive()}

    assert collected(play) == [{"result": []}, {"result": "late"}]


def test_time_that_is_waited_for_costs_none() -> None:
    """And things happen in the order of their times."""

    def play() -> Iterator[Step]:
        notes: list[str] = []

        def sleeper(seconds: float, note: str) -> None:
            otpy.sleep(seconds)
            notes.append(note)

        otpy.spawn(sleeper, 2 * HOUR, "second")
        otpy.spawn(sleeper, HOUR, "first")
        otpy.sleep(3 * HOUR)
        yield {"result": notes}

    start = time.monotonic()
    assert collected(play) == [{"result": ["first", "second"]}]
    assert time.monotonic() - start < HOUR


def test_a_deadlock_is_told() -> None:
    """Nobody can go on, and no time will help: better said at once than waited for."""

    def play() -> Iterator[Step]:
        yield {"result": "ok"}
        otpy.receive()

    steps: list[Step] = []
    with pytest.raises(Stuck, match="will not happen"):
        perform(play, steps.append)
    assert steps == [{"result": "ok"}]


def test_what_the_play_raises_is_raised() -> None:
    """With the steps before it seen."""

    def play() -> Iterator[Step]:
        yield {"result": "ok"}
        raise LookupError

    steps: list[Step] = []
    with pytest.raises(LookupError):
        perform(play, steps.append)
    assert steps == [{"result": "ok"}]


def test_an_errand_is_done_by_another_process() -> None:
    """Its result, or its failure, is there for whoever waits, early or late."""

    def fail() -> str:
        raise LookupError

    def play() -> Iterator[Step]:
        errand = Errand(lambda: otpy.self_pid() is not me)
        me = otpy.self_pid()
        yield {"result": errand.done}
        yield {"result": [errand.wait(), errand.wait(), errand.done]}
        with pytest.raises(LookupError):
            Errand(fail).wait()
        yield {"result": otpy.flush()}

    assert collected(play) == [{"result": False}, {"result": [True, True, True]}, {"result": []}]
