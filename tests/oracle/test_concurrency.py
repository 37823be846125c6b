"""Which events of a recorded step come in no fixed order."""

from __future__ import annotations

import pytest

from tests.oracle.compare import Event
from tests.oracle.supervisors.concurrency import pools, together
from tests.oracle.supervisors.scenario import (
    Batch,
    ExitChild,
    Flags,
    Gated,
    Spec,
    StartChild,
    StopSup,
    Sup,
    SupervisorScenario,
    WhichChildren,
)

ROOT = frozenset({"root"})
SIMPLE = Flags(strategy="simple_one_for_one")


def ends(label: str, number: int = 1, reason: str = "shutdown") -> list[Event]:
    """Return the events of a process that traps exits and ends."""
    return [["terminate", label, number, reason], ["exit", label, number, reason]]


def end_of(pool: str) -> Event:
    """Return the exit of a supervisor."""
    return ["exit", pool, 1, "shutdown"]


def test_supervisors_that_end_their_children_at_once_are_found() -> None:
    """At the root, below it, and among the children that the actions start."""
    inner = Spec(id="d", sup=Sup(flags=SIMPLE))
    scenario = SupervisorScenario(
        Sup(children=[inner, Spec(id="s", sup=Sup(children=[inner])), Spec(id="w")]),
        [Batch([StartChild(Spec(id="n", sup=Sup(flags=SIMPLE)), sup="s")]), StartChild(Spec(id="x"))],
    )
    assert pools(scenario) == {"d", "s/d", "s/n"}
    assert pools(SupervisorScenario(Sup(flags=Flags(strategy="dynamic")), [])) == {"root"}


def test_a_child_that_survived_the_action_ends_with_the_others() -> None:
    """The recording has it outside the `par`, for the action names it; its end was the supervisor's doing."""
    action = Batch([ExitChild("k1", "signal", "shutdown"), ExitChild("k2", "stop", "shutdown")])
    info: Event = ["info", "k1", 1, ["EXIT", "shutdown"]]
    recorded = [info, *ends("k2"), *ends("k1"), ["par", [ends("k3"), ends("k4")]], end_of("root")]
    merged: Event = ["par", [ends("k1"), ends("k3"), ends("k4")]]
    assert together(recorded, action, ROOT) == [info, *ends("k2"), merged, end_of("root")]


def test_a_child_that_was_started_again_ends_with_the_others() -> None:
    """Only its first death was the action's doing."""
    action = ExitChild("k1", "signal", "kill")
    before: list[Event] = [["exit", "k1", 1, "killed"], ["init", "k1", 2, "ok"]]
    recorded = [*before, *ends("k2"), *ends("k1", 2), end_of("root")]
    assert together(recorded, action, ROOT) == [*before, ["par", [ends("k2"), ends("k1", 2)]], end_of("root")]


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(ExitChild("k1", "crash", "shutdown"), id="crash"),
        pytest.param(ExitChild("k1", "stop", "shutdown"), id="stop"),
        pytest.param(ExitChild("k1", "signal", "shutdown"), id="signal"),
        pytest.param(Batch([ExitChild("k1", "stop", "shutdown")]), id="batch"),
        pytest.param(Gated("k9", ExitChild("k1", "stop", "shutdown"), [WhichChildren()]), id="gated"),
    ],
)
def test_the_child_that_the_action_ended_came_first(action: ExitChild | Batch | Gated) -> None:
    """A supervisor cannot end others for it before it is dead."""
    recorded = [*ends("k1"), ["par", [ends("k2"), ends("k3")]], end_of("root")]
    assert together(recorded, action, ROOT) == recorded


def test_a_signal_that_ends_nobody_is_no_end() -> None:
    """`normal` is ignored, so the child ended with the others."""
    recorded = [*ends("k1"), *ends("k2"), end_of("root")]
    merged: list[Event] = [["par", [ends("k1"), ends("k2")]], end_of("root")]
    assert together(recorded, ExitChild("k1", "signal", "normal"), ROOT) == merged


def test_children_of_other_supervisors_keep_their_order() -> None:
    """One after the other is what those supervisors promise; one child alone needs no `par`."""
    recorded = [*ends("a"), *ends("d/k1"), *ends("d/k2"), end_of("d"), *ends("b"), end_of("root")]
    merged: Event = ["par", [ends("d/k1"), ends("d/k2")]]
    stop = StopSup("stop")
    assert together(recorded, stop, frozenset({"d"})) == [*ends("a"), merged, end_of("d"), *ends("b"), end_of("root")]
    assert together(recorded, stop, frozenset()) == recorded
    assert together([*ends("k1"), end_of("root")], stop, ROOT) == [*ends("k1"), end_of("root")]
