"""What counts as a difference between a recorded step and one seen."""

from __future__ import annotations

import pytest

from tests.oracle.compare import Event, difference, log_difference
from tests.oracle.forms import Form

A = ["exit", "a", 1, "shutdown"]
B1, B2 = ["terminate", "b", 1, "shutdown"], ["exit", "b", 1, "shutdown"]
ROOT = ["exit", "root", 1, "shutdown"]
PAR = ["par", [[A], [B1, B2]]]


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param([A, B1, B2, ROOT], id="one after the other"),
        pytest.param([B1, B2, A, ROOT], id="the other way round"),
        pytest.param([B1, A, B2, ROOT], id="interleaved"),
    ],
)
def test_groups_of_a_par_come_in_any_interleaving(seen: list[Event]) -> None:
    """Children that are ended at once end in any order."""
    assert log_difference([PAR, ROOT], seen) is None


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        pytest.param([B2, A, B1, ROOT], "(in any order), got", id="a group out of its own order"),
        pytest.param([A, B1, ROOT, B2], "(in any order), got", id="an event after the par"),
        pytest.param([B1, B2], "missing", id="a group that does not come"),
        pytest.param([A, A, B1, B2, ROOT], "(in any order), got", id="an event twice"),
        pytest.param([A, B1, B2], "missing", id="nothing after the par"),
        pytest.param([A, B1, B2, ROOT, ROOT], "unexpected", id="one event too many"),
    ],
)
def test_a_par_is_no_licence(seen: list[Event], message: str) -> None:
    """Each group keeps its own order, and the par ends before what follows it."""
    assert message in (log_difference([PAR, ROOT], seen) or "")


def test_events_outside_a_par_come_in_order() -> None:
    """Supervisors start and end their children one at a time."""
    assert log_difference([A, B1], [B1, A]) == f"expected {_json(A)}, got {_json(B1)}"


def test_an_empty_log_is_compared() -> None:
    """That nothing happened is an observation."""
    assert log_difference([], [A]) == f"unexpected {_json(A)}"
    assert log_difference([A], []) == f"missing {_json(A)}"


@pytest.mark.parametrize(
    ("recorded", "seen"),
    [
        pytest.param({"result": "ok"}, {"result": "not_running"}, id="another result"),
        pytest.param({"result": 1}, {"result": True}, id="true is no 1"),
        pytest.param({"children": [["a", "a#1", "worker"]]}, {"children": None}, id="nothing for something"),
        pytest.param({"children": None}, {"children": []}, id="something for nothing"),
        pytest.param({"count": [1, 1, 0, 1]}, {}, id="not looked at"),
        pytest.param(
            {"children": [["b", "b#1", "worker"], ["a", "a#1", "worker"]]},
            {"children": [["a", "a#1", "worker"], ["b", "b#1", "worker"]]},
            id="children with ids have an order",
        ),
    ],
)
def test_any_other_key_has_to_be_equal(recorded: dict[str, Form], seen: dict[str, Form]) -> None:
    """The first key that differs is named."""
    assert (difference(recorded, seen) or "").startswith(next(iter(recorded)))


def test_children_without_ids_have_no_order() -> None:
    """Nor have they below another supervisor, or in a list of results."""
    rows = [["undefined", "k1#1", "worker"], ["undefined", "restarting", "worker"]]
    assert difference({"children": rows}, {"children": rows[::-1]}) is None
    below = {"children": [["d", "d#1", "supervisor", rows]]}
    assert difference(below, {"children": [["d", "d#1", "supervisor", rows[::-1]]]}) is None
    assert difference({"result": ["ok", rows]}, {"result": ["ok", rows[::-1]]}) is None


def _json(event: Event) -> str:
    return str(event).replace("'", '"')
