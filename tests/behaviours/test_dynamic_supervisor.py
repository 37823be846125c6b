"""DynamicSupervisor. The rules of Elixir's are held by tests/oracle; here is what those cannot see."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from otpy.behaviours import dynamic_supervisor as dynamic
from otpy.behaviours import gen, supervisor
from otpy.behaviours.child_spec import ChildCounts, ChildSpec, Fun
from otpy.behaviours.children_state import children_of
from otpy.behaviours.dynamic_supervisor import DynamicFlags, DynamicSupervisor
from otpy.behaviours.results import Ignore, Ok, Stop
from otpy.behaviours.supervisor_server import CountChildren, WhichChildren
from otpy.errors import (
    AlreadyStarted,
    BadChildSpec,
    BadReturn,
    BadSupFlags,
    ChildNotFound,
    InitStopped,
    MaxChildren,
    NotSupported,
    StartFailed,
    StartIgnored,
)
from otpy.kernel.here import current
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import exit as send_exit
from otpy.kernel.primitives import is_alive, self_pid, sleep, trap_exit, whereis
from otpy.kernel.reasons import Crash, Kill, Killed, Normal, Shutdown
from tests.behaviours.supervisor_kit import Plan, Worker, end, exit_reason, inside, kill


def spec(name: str = "x", **changed: Any) -> ChildSpec:
    """Return the spec of a worker."""
    return Plan(name).spec(**changed)


def children(sup: Any) -> list[Any]:
    """Return the children, oldest first."""
    return [info.child for info in reversed(dynamic.which_children(sup))]


# case: dynamic_supervisor_test.exs: terminate_child/2
@inside
def test_children_come_and_go_by_their_pids() -> None:
    """Ids do not matter: all may have the same."""
    sup = DynamicSupervisor.start_link()
    a, b = dynamic.start_child(sup, spec()), dynamic.start_child(sup, replace(spec(), type="supervisor"))
    assert children(sup) == [a, b]
    assert [info.id for info in dynamic.which_children(sup)] == [None, None]
    assert dynamic.count_children(sup) == ChildCounts(2, 2, 1, 1)
    dynamic.terminate_child(sup, a)
    assert not is_alive(a)
    for gone in (a, self_pid(), "x"):
        with pytest.raises(ChildNotFound):
            dynamic.terminate_child(sup, gone)  # type: ignore[arg-type]
    assert children(sup) == [b]


# case: dynamic_supervisor_test.exs: temporary
# case: dynamic_supervisor_test.exs: transient
# case: dynamic_supervisor_test.exs: permanent
@inside
def test_each_child_keeps_its_own_rules() -> None:
    """Restart and shutdown are those of its spec."""
    sup = DynamicSupervisor.start_link(max_restarts=100)
    permanent, transient, temporary = (
        dynamic.start_child(sup, spec(name, restart=name)) for name in ("permanent", "transient", "temporary")
    )
    end(transient, Normal())
    end(temporary, ValueError("boom"))
    end(permanent, Shutdown())
    (restarted,) = children(sup)
    assert restarted not in (permanent, transient, temporary)


# case: dynamic_supervisor_test.exs: max_children
@inside
def test_no_more_than_max_children() -> None:
    """One that is being restarted counts, one that is ignored does not."""
    sup = DynamicSupervisor.start_link(1, 100)
    plan = Plan("x", starts=[Ok(None), Stop("not yet")])
    assert dynamic.start_child(sup, Plan("y", starts=[Ignore()]).spec()) is None
    pid = dynamic.start_child(sup, ChildSpec("x", Fun(Worker.start_link, (plan,))))
    send_exit(pid, Kill())
    asked = [gen.send_request(sup, request) for request in (WhichChildren(), CountChildren())]
    with pytest.raises(MaxChildren) as refused:
        dynamic.start_child(sup, spec())
    assert refused.value.max_children == 1
    listed, counted = [gen.wait_response(each) for each in asked]
    assert [info.child for info in listed] == ["restarting"]
    assert counted == ChildCounts(1, 0, 0, 1)


# case: dynamic_supervisor_test.exs: terminate_child/2
@inside
def test_a_child_that_is_being_restarted_can_be_terminated_by_its_last_pid() -> None:
    """The retry that is on its way finds nothing."""
    sup = DynamicSupervisor.start_link(max_restarts=100)
    plan = Plan("x")
    pid = dynamic.start_child(sup, plan.spec())
    plan.starts = [Stop("not yet")]
    send_exit(pid, Kill())
    dynamic.terminate_child(sup, pid)
    assert dynamic.count_children(sup) == ChildCounts(0, 0, 0, 0)
    assert plan.log == [("start", "x"), ("start", "x")]


# case: dynamic_supervisor_test.exs: restarted with different values
# case: dynamic_supervisor_test.exs: try again until it works
@inside
def test_a_restart_that_is_ignored_drops_the_child() -> None:
    """And one that fails is tried again."""
    sup = DynamicSupervisor.start_link(max_restarts=100)
    a = dynamic.start_child(sup, Plan("a", starts=[Ok(Plan("a")), Ignore()]).spec())
    b = dynamic.start_child(sup, Plan("b", starts=[Ok(Plan("b")), Stop("no"), Stop("no")]).spec())
    kill(a)
    kill(b)
    while "restarting" in children(sup):
        pass
    (left,) = children(sup)
    assert left.state.name == "b"


# case: dynamic_supervisor_test.exs: start_child/2
@inside
def test_what_start_child_gives() -> None:
    """A pid with info, or the reason why there is none, as it is."""
    sup = DynamicSupervisor.start_link()
    pid = Worker.start_link(Plan("elsewhere"), name="elsewhere")
    boom = ValueError("boom")
    assert dynamic.start_child(sup, ChildSpec("i", lambda: (pid, "info"))) == (pid, "info")
    with pytest.raises(StartFailed) as failed:
        dynamic.start_child(sup, Plan("f", starts=[Stop("why")]).spec())
    assert failed.value.reason == "why"
    with pytest.raises(AlreadyStarted):
        dynamic.start_child(sup, Worker.child_spec(Plan("n"), name="elsewhere"))

    def crash() -> Pid:
        raise boom

    with pytest.raises(StartFailed) as failed:
        dynamic.start_child(sup, ChildSpec("c", crash))
    assert failed.value.reason == Crash(boom)
    assert children(sup) == [pid]


# case: dynamic_supervisor_test.exs: start_child/2
def test_a_bad_spec_is_refused_in_the_caller() -> None:
    """Before anything is sent, so also if there is nobody to send it to."""
    with pytest.raises(BadChildSpec) as refused:
        dynamic.start_child("nobody", spec(restart="bogus"))
    assert refused.value.reason == ("invalid_restart_type", "bogus")


@inside
def test_the_general_requests_are_understood_too() -> None:
    """As Elixir's answers those of OTP's supervisor."""
    sup = DynamicSupervisor.start_link()
    pid = supervisor.start_child(sup, spec())
    with pytest.raises(BadChildSpec):
        supervisor.start_child(sup, "hej")
    assert supervisor.get_childspec(sup, pid).id == "x"
    with pytest.raises(ChildNotFound):
        supervisor.get_childspec(sup, "x")
    with pytest.raises(NotSupported):
        supervisor.restart_child(sup, pid)
    with pytest.raises(NotSupported):
        supervisor.delete_child(sup, pid)
    assert supervisor.which_children(sup) == dynamic.which_children(sup)


# case: dynamic_supervisor_test.exs: start_child/2
# case: dynamic_supervisor_test.exs: restart with extra_arguments
@inside
def test_extra_arguments_come_before_those_of_the_child() -> None:
    """At each start and restart."""
    seen: list[Any] = []

    def start(*args: str) -> Pid:
        seen.append(args)
        return Worker.start_link(Plan("x"))

    sup = DynamicSupervisor.start_link(extra_arguments=("e",))
    kill(dynamic.start_child(sup, ChildSpec("x", Fun(start, ("a",)))))
    children(sup)
    assert seen == [("e", "a"), ("e", "a")]


class Small(DynamicSupervisor):
    """Allows one child whatever it is told."""

    def init(self, flags: DynamicFlags) -> DynamicFlags | Ignore:
        """Return the flags that hold."""
        return DynamicFlags(1, flags.max_restarts, flags.max_seconds)


# case: dynamic_supervisor_test.exs: start_link/3
@inside
def test_a_subclass_can_say_more() -> None:
    """Its init sees what start_link was given."""
    sup = Small.start_link(max_children=5, name="small")
    assert whereis("small") is sup
    dynamic.start_child("small", spec())
    with pytest.raises(MaxChildren):
        dynamic.start_child("small", spec())


# case: dynamic_supervisor_test.exs: start_link/3
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_restarts": -1}, ("invalid_intensity", -1)),
        ({"max_seconds": 0}, ("invalid_period", 0)),
        ({"max_children": -1}, ("invalid_max_children", -1)),
        ({"max_children": "infinity"}, ("invalid_max_children", "infinity")),
        ({"extra_arguments": "ab"}, ("invalid_extra_arguments", "ab")),
    ],
)
def test_bad_flags_are_refused(options: dict[str, Any], reason: object) -> None:
    """In Elixir's words."""

    @inside
    def test() -> None:
        with pytest.raises(InitStopped) as stopped:
            DynamicSupervisor.start_link(**options)
        assert isinstance(stopped.value.reason, BadSupFlags)
        assert stopped.value.reason.reason == reason

    test()


# case: dynamic_supervisor_test.exs: start_link/3
@inside
def test_an_init_that_ignores_or_returns_junk() -> None:
    """The first is no failure."""

    class Junk(DynamicSupervisor):
        def init(self, flags: DynamicFlags) -> Any:
            return flags.extra_arguments[0]

    with pytest.raises(StartIgnored):
        Junk.start_link(extra_arguments=[Ignore()])
    with pytest.raises(InitStopped) as stopped:
        Junk.start_link(extra_arguments=["junk"])
    assert stopped.value.reason == BadReturn("init", "junk")


# case: dynamic_supervisor_test.exs: max restarts
@inside
def test_too_many_restarts_end_it() -> None:
    """Counted over all children."""
    trap_exit(True)
    sup = DynamicSupervisor.start_link(max_restarts=1)
    a, b = dynamic.start_child(sup, spec()), dynamic.start_child(sup, spec())
    kill(a)
    kill(b)
    assert exit_reason(sup) == Shutdown()


# case: dynamic_supervisor_test.exs: terminate/2
@inside
def test_all_children_end_at_once_each_within_its_own_time() -> None:
    """The slow are killed, the quick are not."""
    slow = Plan("slow", ending=lambda: sleep(3600))
    sup = DynamicSupervisor.start_link()
    limits: list[Any] = [1.0, 2.0, "brutal_kill"] * 10
    pids = [dynamic.start_child(sup, slow.spec(shutdown=limit)) for limit in limits]
    quick = dynamic.start_child(sup, spec(shutdown=1.0))
    before = current().runtime.clock.now()
    gen.stop(sup)
    assert current().runtime.clock.now() - before == pytest.approx(2.0)
    assert {pid.exit_reason for pid in pids} == {Killed()}
    assert quick.exit_reason == Shutdown()


@inside
def test_the_arguments_of_a_temporary_child_are_not_kept() -> None:
    """Elixir does not keep them either."""
    sup: Any = DynamicSupervisor.start_link()
    dynamic.start_child(sup, spec(restart="temporary"))
    (row,) = children_of(sup)
    assert getattr(row.spec.start, "args", None) == ()
    (child,) = sup.state.running.values()
    assert child.args == ()


# case: dynamic_supervisor_test.exs: can be supervised directly
@inside
def test_it_can_be_supervised_itself() -> None:
    """As a supervisor, with all the time that its children need."""
    below = DynamicSupervisor.child_spec(id="pool", name="pool")
    top = supervisor.start_link([below])
    pid = dynamic.start_child("pool", spec())
    assert supervisor.get_childspec(top, "pool").type == "supervisor"
    assert supervisor.get_childspec(top, "pool").shutdown == "infinity"
    gen.stop(top)
    assert pid.exit_reason == Shutdown()


@inside
def test_ten_thousand_children() -> None:
    """Each step takes the same time however many there are: all of this in a moment."""
    sup = DynamicSupervisor.start_link(max_restarts=20_000)
    one = spec()
    pids = [dynamic.start_child(sup, one) for _ in range(10_000)]
    for pid in pids[::2]:
        send_exit(pid, Kill())
    assert dynamic.count_children(sup) == ChildCounts(10_000, 10_000, 0, 10_000)
    assert len({*children(sup)} - {*pids}) == 5_000
    for pid in pids[1:200:2]:
        dynamic.terminate_child(sup, pid)
    assert dynamic.count_children(sup).specs == 9_900
