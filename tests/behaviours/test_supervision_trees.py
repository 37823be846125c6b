"""Supervisors of supervisors, and supervisors of very many."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from typing import Any

import pytest

from otpy.behaviours import gen, supervisor
from otpy.behaviours.child_spec import ChildCounts, ChildSpec, Fun, SupFlags
from otpy.behaviours.supervisor import Supervisor
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import process_info
from otpy.kernel.reasons import Killed, Normal, Shutdown
from tests.behaviours.supervisor_kit import Plan, Worker, end, exit_reason, inside, kill, pids

MANY = 2000


def below(name: str, *children: str, intensity: int = 1) -> ChildSpec:
    """Return the spec of a supervisor of workers."""
    specs = [Plan(child).spec() for child in children]
    start = Fun(supervisor.start_link, (specs,), {"flags": SupFlags(intensity=intensity)})
    return ChildSpec(name, start, type="supervisor")


def pool(start: Any, **changed: Any) -> Pid:
    """Start a pool that allows any number of restarts."""
    return supervisor.start_link(
        [ChildSpec("t", Fun(start), **changed)], flags=SupFlags("simple_one_for_one", 1_000_000)
    )


def start_worker() -> Pid:
    """Start a worker."""
    return Worker.start_link(Plan("x"))


# case: supervisor_SUITE: tree
@inside
def test_a_tree_is_restarted_as_far_up_as_it_needs() -> None:
    """A worker alone; all supervisors if one of them gives up. What was added is lost, what was stopped comes back."""
    top = supervisor.start_link([below("a", "x"), below("b", "y", "z"), below("c")], flags=SupFlags("one_for_all", 10))
    before = pids(top)
    leaves = pids(before["b"])
    kill(leaves["y"])
    assert pids(top) == before
    assert pids(before["b"])["z"] is leaves["z"]
    supervisor.start_child(before["c"], Plan("added").spec())
    supervisor.terminate_child(before["a"], "x")
    kill(pids(before["b"])["y"])
    assert exit_reason(before["b"]) == Shutdown()
    after = pids(top)
    assert not set(before.values()) & set(after.values())
    assert {name: list(pids(sup)) for name, sup in after.items()} == {"a": ["x"], "b": ["y", "z"], "c": []}
    assert isinstance(pids(after["a"])["x"], Pid)


# case: supervisor_SUITE: simple_global_supervisor
@inside
def test_what_is_below_a_killed_supervisor_goes_with_it_and_comes_back_with_the_next() -> None:
    """And so does what is done to a child of it: killed, ended, or ended and started again by request."""
    top = supervisor.start_link([below("s", "x", intensity=10)], flags=SupFlags(intensity=10))
    first = pids(top)["s"]
    worker = pids(first)["x"]
    kill(first)
    assert exit_reason(worker) == Killed()
    second = pids(top)["s"]
    assert second is not first
    worker = pids(second)["x"]
    kill(worker)
    killed, worker = worker, pids(second)["x"]
    assert worker is not killed
    end(worker, Normal())
    ended, worker = worker, pids(second)["x"]
    assert worker is not ended
    supervisor.terminate_child(second, "x")
    assert supervisor.restart_child(second, "x") is pids(second)["x"]
    assert pids(top)["s"] is second


# case: supervisor_SUITE: get_callback_module
@inside
def test_the_class_of_a_supervisor_can_be_asked_for() -> None:
    """Without asking the supervisor itself."""

    class Mine(Supervisor):
        """Has no children."""

        def init(self, arg: object) -> Any:
            return SupFlags(), []

    info = process_info(Mine.start_link())
    assert info is not None
    assert info.current_behaviour is Mine


# case: supervisor_SUITE: count_children
# case: supervisor_SUITE: count_children_supervisor
@pytest.mark.parametrize("kind", ["worker", "supervisor"])
@inside
def test_thousands_of_dynamic_children_are_counted(kind: Any) -> None:
    """Whether they are workers or supervisors, and when they have ended."""
    sup = pool(start_worker if kind == "worker" else lambda: supervisor.start_link([]), type=kind)
    children = [supervisor.start_child(sup) for _ in range(MANY)]
    of_kind = (0, MANY) if kind == "worker" else (MANY, 0)
    assert supervisor.count_children(sup) == ChildCounts(1, MANY, *of_kind)
    for pid in children:
        supervisor.terminate_child(sup, pid)
    assert supervisor.count_children(sup) == ChildCounts(1, 0, 0, 0)


@pytest.fixture
def no_collections() -> Iterator[None]:
    """A collection costs what all the objects of all tests so far say."""
    gc.disable()
    yield
    gc.enable()


# case: supervisor_SUITE: scale_start_stop_many_children
# case: supervisor_SUITE: simple_one_for_one_scale_many_temporary_children
@pytest.mark.usefixtures("no_collections")
@pytest.mark.parametrize("restart", ["permanent", "temporary"])
@inside
def test_starting_and_ending_many_costs_what_their_number_says(restart: Any) -> None:
    """Eight times as many take no more than 24 times as long; if each looked at all others it would be 64 times."""

    def seconds(number: int) -> float:
        sup = pool(start_worker, restart=restart)
        begun = time.process_time()
        children = [supervisor.start_child(sup) for _ in range(number)]
        for pid in children[::2]:
            kill(pid) if restart == "temporary" else supervisor.terminate_child(sup, pid)
        gen.stop(sup)
        return time.process_time() - begun

    seconds(100)
    few, many = min(seconds(500) for _ in range(3)), min(seconds(4000) for _ in range(2))
    assert many < 24 * few
