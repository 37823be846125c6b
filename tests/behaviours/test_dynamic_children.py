"""Children of a DynamicSupervisor: starts that fail, restarts with other results, slow ends, and what is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from otpy.behaviours import dynamic_supervisor as dynamic
from otpy.behaviours import gen, supervisor
from otpy.behaviours.child_spec import ChildCounts, ChildSpec, Fun
from otpy.behaviours.dynamic_supervisor import DynamicFlags, DynamicSupervisor
from otpy.behaviours.results import Ok, Stop
from otpy.behaviours.supervisor_server import CountChildren
from otpy.errors import (
    AlreadyStarted,
    BadChildSpec,
    ChangeCodeFailed,
    InitStopped,
    MaxChildren,
    StartFailed,
    StartIgnored,
)
from otpy.kernel.here import current
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import exit as send_exit
from otpy.kernel.primitives import is_alive, process_info, sleep, trap_exit
from otpy.kernel.reasons import Crash, ExitProcess, Kill, Killed, Normal, Shutdown
from tests.behaviours.supervisor_kit import Plan, Worker, end, exit_reason, inside, kill
from tests.behaviours.test_supervisor_code_change import ChangingPool, change

BOOM = ValueError("boom")


def children(sup: Any) -> list[Any]:
    """Return the children, oldest first."""
    return [info.child for info in reversed(dynamic.which_children(sup))]


def restarting(sup: Any, starts: list[Callable[[], Any]], **options: Any) -> Pid:
    """Start a child whose starts are these, one after the other; the last one again and again."""

    def start() -> Any:
        return (starts.pop(0) if len(starts) > 1 else starts[0])()

    pid: Pid = dynamic.start_child(sup, ChildSpec("x", Fun(start), **options))
    return pid


def work() -> Pid:
    """Start a worker."""
    return Worker.start_link(Plan("x"))


def fail() -> Pid:
    """Start nothing, and say so."""
    raise InitStopped("why")


def ignore() -> Pid:
    """Start nothing, and that is no failure."""
    raise StartIgnored


# case: dynamic_supervisor_test.exs: can be supervised directly
@inside
def test_several_stand_side_by_side_under_their_names() -> None:
    """A name that is taken is refused; in one supervisor each needs an id of its own."""
    named = [DynamicSupervisor.child_spec(id=name, name=name) for name in ("a", "b")]
    top = supervisor.start_link(named)
    pid = dynamic.start_child("a", ChildSpec("x", Fun(work)))
    assert children("a") == [pid]
    assert children("b") == []
    with pytest.raises(AlreadyStarted):
        DynamicSupervisor.start_link(name="a")
    with pytest.raises(AlreadyStarted):
        supervisor.start_child(top, named[0])
    with pytest.raises(InitStopped) as stopped:
        supervisor.start_link([DynamicSupervisor.child_spec(), DynamicSupervisor.child_spec()])
    assert stopped.value.reason.reason == ("duplicate_child_name", "DynamicSupervisor")


# case: dynamic_supervisor_test.exs: init/1
def test_the_defaults_are_those_of_elixir() -> None:
    """Three restarts in five seconds, any number of children, no arguments for all."""
    assert DynamicFlags() == DynamicFlags(max_children=None, max_restarts=3, max_seconds=5.0, extra_arguments=())


# case: dynamic_supervisor_test.exs: init/1
@inside
def test_three_restarts_are_allowed_if_nothing_is_said() -> None:
    """The fourth ends it."""
    trap_exit(True)
    sup = DynamicSupervisor.start_link()
    dynamic.start_child(sup, ChildSpec("x", Fun(work)))
    for _ in range(3):
        kill(children(sup)[0])
        assert is_alive(children(sup)[0])
    kill(children(sup)[0])
    assert exit_reason(sup) == Shutdown()


# case: dynamic_supervisor_test.exs: start_link/3
@inside
def test_it_is_linked_and_known_by_its_class() -> None:
    """It ends with who has started it, and when it is told to."""
    trap_exit(True)
    sup = DynamicSupervisor.start_link()
    info = process_info(sup)
    assert info is not None
    assert info.current_behaviour is DynamicSupervisor
    assert sup in process_links()
    gen.stop(sup)
    assert exit_reason(sup) == Normal()


def process_links() -> Any:
    """Return who is linked with the running process."""
    info = process_info(current())
    assert info is not None
    return info.links


# case: dynamic_supervisor_test.exs: code_change/3
@inside
def test_an_init_that_is_wrong_at_an_upgrade_changes_nothing() -> None:
    """Neither the limits nor the children; one that is right holds from then on."""
    script: list[Any] = [DynamicFlags(max_children=2)]
    sup = ChangingPool.start_link(extra_arguments=script)
    spec = ChildSpec("x", Fun(work_among_others))
    there = [dynamic.start_child(sup, spec) for _ in range(2)]
    for result in (DynamicFlags(max_children=-1), DynamicFlags(max_seconds=0), {"max_restarts": "x"}, "junk"):
        script.append(result)
        with pytest.raises(ChangeCodeFailed):
            change(sup)
        with pytest.raises(MaxChildren):
            dynamic.start_child(sup, spec)
        assert children(sup) == there
    script.append(DynamicFlags(max_children=3))
    change(sup)
    assert children(sup) == there
    dynamic.start_child(sup, ChildSpec("x", Fun(work)))
    with pytest.raises(MaxChildren):
        dynamic.start_child(sup, spec)


def work_among_others(*_: object) -> Pid:
    """Start a worker, whatever the arguments."""
    return work()


# case: dynamic_supervisor_test.exs: start_child/2
@pytest.mark.parametrize(
    ("how", "reason"), [(BOOM, Crash(BOOM)), (ExitProcess("gone"), "gone"), (InitStopped("why"), "why")]
)
@inside
def test_a_start_that_raises_is_a_failed_start(how: BaseException, reason: object) -> None:
    """The supervisor goes on, whatever it was."""
    sup = DynamicSupervisor.start_link()

    def start() -> Pid:
        raise how

    with pytest.raises(StartFailed) as failed:
        dynamic.start_child(sup, ChildSpec("x", Fun(start)))
    assert failed.value.reason == reason
    assert dynamic.count_children(sup) == ChildCounts(0, 0, 0, 0)


# case: dynamic_supervisor_test.exs: start_child/2
@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("word", ("invalid_child_spec", "word")),
        ({"id": 1}, ("missing_start",)),
        ({"id": 1, "start": "x"}, ("invalid_mfa", "x")),
        ({"id": 1, "start": work, "restart": "never"}, ("invalid_restart_type", "never")),
        ({"id": 1, "start": work, "shutdown": -1}, ("invalid_shutdown", -1)),
        ({"id": 1, "start": work, "type": "robot"}, ("invalid_child_type", "robot")),
        ({"id": 1, "start": work, "modules": "m"}, ("invalid_modules", "m")),
    ],
)
def test_a_wrong_spec_is_refused_without_asking_anybody(spec: Any, reason: object) -> None:
    """There is nobody to ask, and it is not missed."""
    with pytest.raises(BadChildSpec) as refused:
        dynamic.start_child("nobody", spec)
    assert refused.value.reason == reason


# case: dynamic_supervisor_test.exs: temporary
# case: dynamic_supervisor_test.exs: transient
# case: dynamic_supervisor_test.exs: permanent
@pytest.mark.parametrize("how", [Normal(), Shutdown(), Shutdown("x"), "own word", BOOM, Killed()], ids=repr)
@inside
def test_who_comes_back(how: Any) -> None:
    """Permanent ones always, transient ones unless they ended in order, temporary ones never."""
    sup = DynamicSupervisor.start_link(max_restarts=100)
    for restart in ("temporary", "transient", "permanent"):
        pid = dynamic.start_child(sup, Plan(restart).spec(restart=restart))
        kill(pid) if how == Killed() else end(pid, how)
        came_back = children(sup) != []
        assert came_back == (
            restart == "permanent" or (restart == "transient" and not isinstance(how, Normal | Shutdown))
        )
        for child in children(sup):
            dynamic.terminate_child(sup, child)


# case: dynamic_supervisor_test.exs: restarted with different values
@pytest.mark.parametrize(
    ("restart", "left"), [(work, 1), (lambda: (work(), "info"), 1), (ignore, 0)], ids=["pid", "pid and info", "ignore"]
)
@inside
def test_a_restart_may_give_something_else_than_the_start(restart: Any, left: int) -> None:
    """A pid, a pid with information that nobody asked for, or nothing: then the child is dropped."""
    sup = DynamicSupervisor.start_link(max_restarts=1)
    kill(restarting(sup, [work, restart]))
    assert dynamic.count_children(sup) == ChildCounts(left, left, 0, left)
    assert all(is_alive(pid) for pid in children(sup))


# case: dynamic_supervisor_test.exs: restarted with different values
# case: dynamic_supervisor_test.exs: try again until it works
# case: dynamic_supervisor_test.exs: max_children
@pytest.mark.parametrize("bad", [fail, lambda: "junk"], ids=["failure", "junk"])
@inside
def test_a_restart_that_fails_is_tried_again_and_counts_meanwhile(bad: Any) -> None:
    """As a child, but not as an active one."""
    sup = DynamicSupervisor.start_link(1, 1000)
    pid = restarting(sup, [work, bad, bad, work])
    send_exit(pid, Kill())
    counted = gen.send_request(sup, CountChildren())
    with pytest.raises(MaxChildren):
        dynamic.start_child(sup, ChildSpec("y", Fun(work)))
    assert gen.wait_response(counted) == ChildCounts(1, 0, 0, 1)
    while "restarting" in children(sup):
        pass
    (again,) = children(sup)
    assert again is not pid


# case: dynamic_supervisor_test.exs: max restarts
@pytest.mark.parametrize("bad", [fail, lambda: "junk"], ids=["failure", "junk"])
@inside
def test_a_restart_that_fails_each_time_ends_it(bad: Any) -> None:
    """In order, and with all others."""
    trap_exit(True)
    sup = DynamicSupervisor.start_link(max_restarts=3)
    other = dynamic.start_child(sup, ChildSpec("y", Fun(work)))
    kill(restarting(sup, [work, bad]))
    assert exit_reason(sup) == Shutdown()
    assert other.exit_reason == Shutdown()


# case: dynamic_supervisor_test.exs: restart with extra_arguments
@inside
def test_the_arguments_for_all_are_there_at_each_try() -> None:
    """Also when a restart has failed."""
    seen: list[Any] = []

    def start(*args: object) -> Pid:
        seen.append(args)
        return fail() if len(seen) == 2 else work()

    sup = DynamicSupervisor.start_link(max_restarts=100, extra_arguments=("all", 1))
    kill(dynamic.start_child(sup, ChildSpec("x", Fun(start, ("own",)))))
    while "restarting" in children(sup):
        pass
    assert seen == [("all", 1, "own")] * 3


# case: dynamic_supervisor_test.exs: terminate/2
@inside
def test_each_child_ends_by_its_own_rule_and_keeps_its_reason() -> None:
    """Killed without a word, killed after its time, or with what it says itself, also where it would be restarted."""

    def odd() -> None:
        raise ExitProcess("odd")

    sup = DynamicSupervisor.start_link()

    def slow() -> None:
        sleep(100)

    rules: list[tuple[Any, Any, object]] = [
        ("brutal_kill", slow, Killed()),
        ("infinity", slow, Shutdown()),
        (1.0, slow, Killed()),
        (200.0, slow, Shutdown()),
        (1.0, odd, "odd"),
        (1.0, lambda: None, Shutdown()),
    ]
    pids = [dynamic.start_child(sup, Plan("x", ending=ending).spec(shutdown=limit)) for limit, ending, _ in rules]
    before = current().runtime.clock.now()
    gen.stop(sup)
    assert current().runtime.clock.now() - before == pytest.approx(100.0)
    assert [pid.exit_reason for pid in pids] == [reason for _, _, reason in rules]


# case: dynamic_supervisor_test.exs: terminate/2
@inside
def test_a_permanent_child_that_ends_normally_when_it_is_told_to_end_is_no_hindrance() -> None:
    """It is not started again."""

    def leave() -> None:
        raise ExitProcess(Normal())

    plan = Plan("x", starts=[Ok(None), Stop("again")], ending=leave)
    plan.starts[0] = Ok(plan)
    sup = DynamicSupervisor.start_link()
    pid = dynamic.start_child(sup, plan.spec())
    gen.stop(sup)
    assert pid.exit_reason == Normal()
    assert plan.log.count(("start", "x")) == 1
