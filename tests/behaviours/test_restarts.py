"""What a supervisor decides when a child has ended."""

from __future__ import annotations

from collections import deque
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.behaviours import child_spec
from otpy.behaviours.child_spec import SupFlags
from otpy.behaviours.restarts import allows, ended_well, ends_supervisor, group, is_reported, is_restarted
from otpy.kernel.reasons import Crash, Killed, Normal, Shutdown

BOOM = Crash(ValueError("boom"))
ORDERLY = [Normal(), Shutdown(), Shutdown("x")]
REASONS = [*ORDERLY, Killed(), BOOM, "any"]


# case: supervisor_SUITE: permanent_normal
# case: supervisor_SUITE: permanent_shutdown
# case: supervisor_SUITE: permanent_abnormal
# case: supervisor_SUITE: transient_normal
# case: supervisor_SUITE: transient_shutdown
# case: supervisor_SUITE: transient_abnormal
# case: supervisor_SUITE: temporary_normal
# case: supervisor_SUITE: temporary_shutdown
# case: supervisor_SUITE: temporary_abnormal
@pytest.mark.parametrize("reason", REASONS)
def test_who_is_restarted(reason: object) -> None:
    """Permanent: always. Transient: unless it ended in order. Temporary: never."""
    assert is_restarted("permanent", reason)
    assert is_restarted("transient", reason) == (reason not in ORDERLY)
    assert not is_restarted("temporary", reason)


@pytest.mark.parametrize("restart", get_args(child_spec.Restart))
@pytest.mark.parametrize("reason", REASONS)
def test_only_the_orderly_end_of_what_may_end_is_not_reported(restart: Any, reason: object) -> None:
    """A permanent child that ends in order has ended all the same."""
    assert is_reported(restart, reason) == (restart == "permanent" or reason not in ORDERLY)


@pytest.mark.parametrize(
    ("restart", "shutdown", "reason", "well"),
    [
        ("permanent", 5.0, Shutdown(), True),
        ("permanent", 5.0, Shutdown("x"), False),
        ("permanent", 5.0, Normal(), False),
        ("transient", 5.0, Normal(), True),
        ("temporary", "infinity", Shutdown("x"), True),
        ("temporary", 5.0, Killed(), False),
        ("transient", 5.0, BOOM, False),
        ("permanent", "brutal_kill", Killed(), True),
        ("permanent", "brutal_kill", Shutdown(), False),
        ("transient", "brutal_kill", Shutdown(), True),
        ("transient", "brutal_kill", Normal(), True),
        ("transient", "brutal_kill", BOOM, False),
    ],
)
def test_who_ended_as_it_was_told(restart: Any, shutdown: Any, reason: object, well: bool) -> None:
    """The rest is worth a report."""
    assert ended_well(restart, shutdown, reason) is well


@given(st.lists(st.floats(0, 5)), st.integers(0, 4), st.floats(0.1, 10))
def test_the_intensity_counts_the_restarts_of_the_last_period(
    pauses: list[float], intensity: int, period: float
) -> None:
    """Compared with a count over all restarts ever made."""
    flags = SupFlags(intensity=intensity, period=period)
    remembered: deque[float] = deque()
    ever: list[float] = []
    now = 0.0
    for pause in pauses:
        now += pause
        ever.append(now)
        recent = [moment for moment in ever if moment >= now - period]
        assert allows(remembered, now, flags) == (len(recent) <= intensity)
        assert list(remembered) == recent


def test_no_restart_is_allowed_with_intensity_0() -> None:
    """The first is one too many."""
    assert not allows(deque(), 0.0, SupFlags(intensity=0))


@given(st.lists(st.integers(), min_size=1, unique=True), st.data())
def test_the_strategy_says_who_is_restarted_together(ids: list[int], data: st.DataObject) -> None:
    """The failed one alone; it and the later ones; all. Always in start order."""
    failed = data.draw(st.sampled_from(ids))
    assert list(group("one_for_one", ids, failed)) == [failed]
    assert list(group("simple_one_for_one", ids, failed)) == [failed]
    assert list(group("one_for_all", ids, failed)) == ids
    rest = list(group("rest_for_one", ids, failed))
    assert rest[0] == failed
    assert ids[-len(rest) :] == rest


@pytest.mark.parametrize("others_left", [True, False])
def test_only_significant_children_end_their_supervisor(others_left: bool) -> None:
    """Any of them, or the last, or none, as auto_shutdown says."""
    for mode in get_args(child_spec.AutoShutdown):
        assert not ends_supervisor(mode, significant=False, others_left=others_left)
    assert not ends_supervisor("never", significant=True, others_left=others_left)
    assert ends_supervisor("any_significant", significant=True, others_left=others_left)
    assert ends_supervisor("all_significant", significant=True, others_left=others_left) is not others_left
