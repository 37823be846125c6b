"""The clock that stands still until it is allowed to jump."""

from __future__ import annotations

from tests.oracle.clock import StandingClock


def test_it_stands_still() -> None:
    """However often the scheduler asks, and however long that takes, no time goes by."""
    clock = StandingClock()
    assert clock.wait_for(0.03) > 0
    assert clock.wait_for(0.03) > 0
    assert clock.now() == 0
    assert clock.asked == 2


def test_it_jumps_once_for_each_leave() -> None:
    """To the moment that is waited for, and no further."""
    clock = StandingClock()
    clock.allow(jump=True)
    assert clock.wait_for(0.03) == 0
    assert clock.now() == 0.03
    assert clock.wait_for(0.05) > 0
    assert clock.now() == 0.03


def test_a_leave_is_not_used_up_by_what_is_due() -> None:
    """A moment that has come needs no jump."""
    clock = StandingClock()
    clock.allow(jump=True)
    assert clock.wait_for(0.0) == 0
    assert clock.wait_for(1.0) == 0
    assert clock.now() == 1.0


def test_nothing_to_wait_for_is_a_deadlock() -> None:
    """Nobody can go on, and no time will help; a later moment ends it."""
    clock = StandingClock()
    clock.allow(jump=True)
    assert clock.wait_for(float("inf")) > 0
    assert clock.deadlocked
    assert clock.now() == 0
    assert clock.wait_for(1.0) > 0
    assert not clock.deadlocked


def test_a_leave_can_be_taken_back() -> None:
    """Somebody was seen to run after all."""
    clock = StandingClock()
    clock.allow(jump=True)
    clock.allow(jump=False)
    assert clock.wait_for(1.0) > 0
    assert clock.now() == 0


def test_it_can_be_set_free() -> None:
    """When the scenario is over, what is left may run to its end."""
    clock = StandingClock()
    clock.run_free()
    assert [clock.wait_for(moment) for moment in (1.0, 2.0)] == [0, 0]
    assert clock.now() == 2.0
