"""How supervisors end: children that are slow, odd or quicker than the supervisor, and restarts that lead nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from otpy.behaviours import gen, supervisor
from otpy.behaviours.child_spec import RESTARTS, ChildCounts, ChildSpec, Fun, SupFlags
from otpy.behaviours.children_state import children_of
from otpy.behaviours.results import Ok, Stop
from otpy.behaviours.supervisor_server import CountChildren, RestartChild, WhichChildren
from otpy.errors import ChildAlreadyPresent, ChildRestarting
from otpy.kernel.here import current
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import exit as send_exit
from otpy.kernel.primitives import sleep, trap_exit
from otpy.kernel.reasons import Crash, ExitProcess, Kill, Killed, Normal, Shutdown
from tests.behaviours.supervisor_kit import Plan, Worker, end, exit_reason, inside, kill, pids, plans

BOOM = ValueError("boom")
ODD = [Normal(), Shutdown(), Shutdown("x"), "own word", BOOM]
"""Reasons to end with."""


def pool(plan: Plan | None = None, *, intensity: int = 1000, **changed: Any) -> Pid:
    """Start a pool of workers, all with one plan, or each with that which it is given."""
    start = Fun(Worker.start_link) if plan is None else Fun(Worker.start_link, (plan,))
    return supervisor.start_link([ChildSpec("t", start, **changed)], flags=SupFlags("simple_one_for_one", intensity))


def ending_with(reason: object) -> Callable[[], object]:
    """Return what a worker does last: end with *reason*."""

    def leave() -> None:
        if isinstance(reason, Exception):
            raise reason
        raise ExitProcess(reason)

    return leave


def as_exit(reason: object) -> object:
    """Return the exit reason that comes of raising *reason*, or of ending with it."""
    return Crash(reason) if isinstance(reason, Exception) else reason


# -- ending in order -------------------------------------------------------------------------------


# case: supervisor_SUITE: sup_stop_timeout_dynamic
@inside
def test_in_a_pool_only_the_slow_are_killed() -> None:
    """All are told at once, so that the time is over once for all."""
    sup = pool(shutdown=2.0)
    quick = [supervisor.start_child(sup, Plan("quick")) for _ in range(5)]
    slow = [supervisor.start_child(sup, Plan("slow", ending=lambda: sleep(3600))) for _ in range(5)]
    before = current().runtime.clock.now()
    gen.stop(sup)
    assert current().runtime.clock.now() - before == pytest.approx(2.0)
    assert {pid.exit_reason for pid in quick} == {Shutdown()}
    assert {pid.exit_reason for pid in slow} == {Killed()}


# case: supervisor_SUITE: sup_stop_brutal_kill_dynamic
@inside
def test_a_pool_with_brutal_kill_asks_nobody() -> None:
    """Its children do not run their terminate."""
    log: list[tuple[str, ...]] = []
    sup = pool(shutdown="brutal_kill")
    children = [supervisor.start_child(sup, Plan("x", log)) for _ in range(10)]
    gen.stop(sup)
    assert {pid.exit_reason for pid in children} == {Killed()}
    assert {entry[0] for entry in log} == {"start"}


# case: supervisor_SUITE: sup_stop_non_shutdown_exit_dynamic
@pytest.mark.parametrize("restart", RESTARTS)
@inside
def test_children_of_a_pool_that_end_otherwise_than_told_do_not_hinder_its_end(restart: Any) -> None:
    """Each keeps the reason that it has ended with."""
    trap_exit(True)
    sup = pool(restart=restart)
    children = [(supervisor.start_child(sup, Plan("x", ending=ending_with(reason))), reason) for reason in ODD]
    gen.stop(sup, Shutdown())
    assert exit_reason(sup) == Shutdown()
    assert [pid.exit_reason for pid, _ in children] == [as_exit(reason) for _, reason in children]


# case: supervisor_SUITE: sup_stop_race
@pytest.mark.parametrize("restart", RESTARTS)
@inside
def test_children_that_end_by_themselves_while_the_supervisor_ends_are_not_started_again(restart: Any) -> None:
    """It waits for a slow one, the last, while the others go; each keeps its reason, and all ends in order."""
    trap_exit(True)
    log: list[tuple[str, ...]] = []
    quick = [Plan(f"quick {number}", log) for number in range(len(ODD))]

    def outlast_the_others() -> None:
        for plan, reason in zip(quick, ODD, strict=True):
            end(found[plan.name], reason)

    slow = Plan("slow", log, ending=outlast_the_others)
    sup = supervisor.start_link([plan.spec(restart=restart) for plan in (*quick, slow)], flags=SupFlags(intensity=1000))
    found = pids(sup)
    gen.stop(sup, Shutdown())
    assert exit_reason(sup) == Shutdown()
    assert [found[plan.name].exit_reason for plan in quick] == [as_exit(reason) for reason in ODD]
    assert sum(entry[0] == "start" for entry in log) == len(found)


# -- restarts that lead nowhere --------------------------------------------------------------------


# case: supervisor_SUITE: one_for_one_escalation
# case: supervisor_SUITE: one_for_all_escalation
# case: supervisor_SUITE: rest_for_one_escalation
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
@inside
def test_a_restart_that_fails_each_time_ends_the_supervisor(strategy: Any) -> None:
    """Whoever of the group fails: the one that ended, or a later one that was to be started again with it."""
    trap_exit(True)
    for failing in "b" if strategy == "one_for_one" else "bc":
        a, b, c = plans("abc")
        sup = supervisor.start_link([plan.spec() for plan in (a, b, c)], flags=SupFlags(strategy, 4))
        found = pids(sup)
        {"b": b, "c": c}[failing].starts = [Stop("never")] * 100
        send_exit(found["b"], Kill())
        assert exit_reason(sup) == Shutdown()
        assert a.log.count(("start", failing)) == 1 + 4
        assert found["a"].exit_reason == Shutdown()


# case: supervisor_SUITE: simple_one_for_one
@inside
def test_the_intensity_of_a_pool_is_that_of_all_its_children() -> None:
    """One is replaced and the others are left alone; one restart too many of any of them ends the pool."""
    trap_exit(True)
    sup = pool(intensity=2)
    a, b, c = (supervisor.start_child(sup, Plan(name)) for name in "abc")
    kill(a)
    kill(b)
    children = {info.child for info in supervisor.which_children(sup)}
    assert len(children) == 3
    assert c in children
    assert not children & {a, b}
    kill(c)
    assert exit_reason(sup) == Shutdown()


# case: supervisor_SUITE: simple_one_for_one_escalation
@inside
def test_a_child_of_a_pool_whose_restart_fails_each_time_ends_the_pool() -> None:
    """The others end with it."""
    trap_exit(True)
    failing = Plan("failing", starts=[Ok(Plan("x"))])
    sup = pool(intensity=4)
    other = supervisor.start_child(sup, Plan("other"))
    pid = supervisor.start_child(sup, failing)
    failing.starts = [Stop("never")] * 100
    kill(pid)
    assert exit_reason(sup) == Shutdown()
    assert failing.log.count(("start", "failing")) == 1 + 4
    assert other.exit_reason == Shutdown()


# case: supervisor_SUITE: simple_one_for_one_corruption
@inside
def test_a_pool_keeps_no_arguments_of_temporary_children_whoever_has_died() -> None:
    """Neither before the first death nor after it; who is left goes on."""
    sup: Any = pool(restart="temporary")
    children = [supervisor.start_child(sup, Plan(name)) for name in "abc"]
    kill(children[0])
    for left in (children[1:], children[2:]):
        assert supervisor.count_children(sup).active == len(left)
        assert [row.child for row in children_of(sup)] == left
        assert all(child.args == () for child in sup.state.running.values())
        kill(left[0])
    assert supervisor.count_children(sup) == ChildCounts(1, 0, 0, 0)


# case: supervisor_SUITE: hanging_restart_loop_rest_for_one
@inside
def test_while_a_restart_fails_the_later_siblings_do_not_run() -> None:
    """They are listed, and can be neither started again nor deleted away from the one that is waited for."""
    a, b, c = plans("abc")
    sup = supervisor.start_link([plan.spec() for plan in (a, b, c)], flags=SupFlags("rest_for_one", 1000))
    before = pids(sup)
    b.starts = [Stop("not yet")]
    send_exit(before["b"], Kill())
    asked = [gen.send_request(sup, request) for request in (WhichChildren(), CountChildren(), RestartChild("b"))]
    with pytest.raises(ChildAlreadyPresent):
        supervisor.start_child(sup, b.spec())
    listed, counted = (gen.wait_response(each) for each in asked[:2])
    assert {info.id: info.child for info in listed} == {"a": before["a"], "b": "restarting", "c": None}
    assert counted == ChildCounts(3, 1, 0, 3)
    assert isinstance(gen.wait_response(asked[2]), ChildRestarting)


# case: supervisor_SUITE: do_not_save_child_specs_for_temporary_children
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
@pytest.mark.parametrize("how", [Normal(), Shutdown(), BOOM, "killed", "terminated"])
@inside
def test_an_ended_temporary_child_leaves_its_id_free(strategy: Any, how: Any) -> None:
    """However it has ended; the specs of permanent and transient ones stay and bar theirs."""
    (plan,) = plans("t")
    others = [Plan("p").spec(), Plan("r").spec(restart="transient")]
    sup = supervisor.start_link([*others, plan.spec(restart="temporary")], flags=SupFlags(strategy, 1000))
    if how == "killed":
        kill(pids(sup)["t"])
    elif how == "terminated":
        supervisor.terminate_child(sup, "t")
    else:
        end(pids(sup)["t"], how)
    again = supervisor.start_child(sup, plan.spec(restart="temporary"))
    assert pids(sup)["t"] is again
    supervisor.terminate_child(sup, "r")
    with pytest.raises(ChildAlreadyPresent):
        supervisor.start_child(sup, Plan("r").spec(restart="transient"))
