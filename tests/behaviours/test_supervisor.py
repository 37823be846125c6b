"""Supervisors: starting, restarting, ending, and what they can be asked.

The rules of OTP are held by tests/oracle, case by case; here is what those cannot see, and one example of each rule.
"""

from __future__ import annotations

from typing import Any

import pytest

from otpy.behaviours import gen, supervisor
from otpy.behaviours.child_spec import ChildCounts, ChildSpec, Fun, SupFlags
from otpy.behaviours.children_state import children_of, has_child
from otpy.behaviours.dynamic_supervisor import DynamicSupervisor
from otpy.behaviours.results import Ignore, Ok, Stop
from otpy.behaviours.supervisor import FailedToStartChild, Supervisor
from otpy.behaviours.supervisor_server import (
    CountChildren,
    DeleteChild,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from otpy.errors import (
    AlreadyStarted,
    BadChildSpec,
    BadReturn,
    BadSupFlags,
    CallTimeout,
    ChildAlreadyPresent,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    InitStopped,
    NoProcess,
    NotSupported,
    StartFailed,
    StartIgnored,
)
from otpy.kernel.here import current
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import exit as send_exit
from otpy.kernel.primitives import is_alive, receive, self_pid, send, sleep, spawn, spawn_link, trap_exit, whereis
from otpy.kernel.reasons import Crash, Kill, Killed, Normal, Shutdown
from tests.behaviours.supervisor_kit import Plan, Worker, end, exit_reason, inside, kill, pids, plans

MANY = SupFlags(intensity=1000)


def flags(strategy: Any, intensity: int = 1000, **more: Any) -> SupFlags:
    """Return flags of *strategy* that allow many restarts."""
    return SupFlags(strategy, intensity, **more)


# -- starting and ending ---------------------------------------------------------------------------


# case: supervisor_SUITE: order_of_children
@inside
def test_children_start_in_order_and_end_in_reverse() -> None:
    """A later child may need an earlier one, from start to end."""
    children = plans("acb")
    sup = supervisor.start_link([plan.spec() for plan in children])
    gen.stop(sup)
    assert children[0].log == [
        ("start", "a"),
        ("start", "c"),
        ("start", "b"),
        ("end", "b", "Shutdown(detail=None)"),
        ("end", "c", "Shutdown(detail=None)"),
        ("end", "a", "Shutdown(detail=None)"),
    ]


@inside
def test_a_child_that_does_not_start_ends_those_before_it() -> None:
    """The starter is told which child it was, and why."""
    children = plans("abc")
    children[1].starts = [Stop("why")]
    with pytest.raises(InitStopped) as stopped:
        supervisor.start_link([plan.spec() for plan in children])
    assert stopped.value.reason == Shutdown(FailedToStartChild("b", "why"))
    assert [entry[:2] for entry in children[0].log] == [("start", "a"), ("start", "b"), ("end", "a")]


class Scripted(Supervisor):
    """Its argument is what its init returns, or the error that it raises."""

    def init(self, arg: Any) -> Any:
        """Return or raise the argument."""
        if isinstance(arg, Exception):
            raise arg
        return arg


BOOM = ValueError("boom")


# case: supervisor_SUITE: sup_start_error_return
# case: supervisor_SUITE: sup_start_fail
# case: supervisor_SUITE: sup_start_map_faulty_specs
@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ((("one_for_one", 2), []), BadSupFlags(("invalid_type", ("one_for_one", 2)))),
        (({"period": 0}, []), BadSupFlags(("invalid_period", 0))),
        (({}, ["hej"]), BadChildSpec(("invalid_child_spec", "hej"))),
        (({}, 7), BadChildSpec(("bad_start_spec", 7))),
        (({"strategy": "simple_one_for_one"}, []), BadChildSpec(("bad_start_spec", []))),
        ("junk", BadReturn("init", "junk")),
        (Ok(None), BadReturn("init", Ok(None))),
        (BOOM, Crash(BOOM)),
    ],
)
def test_a_bad_init_is_refused_with_its_reason(returned: object, reason: Any) -> None:
    """Before any child is started."""

    @inside
    def test() -> None:
        with pytest.raises(InitStopped) as stopped:
            Scripted.start_link(returned)
        found = stopped.value.reason
        assert type(found) is type(reason)
        assert getattr(found, "reason", found) == getattr(reason, "reason", reason)

    test()


# case: supervisor_SUITE: sup_start_ignore_init
@inside
def test_a_supervisor_may_be_ignored() -> None:
    """Then there is none."""
    with pytest.raises(StartIgnored):
        Scripted.start_link(Ignore())


@inside
def test_a_supervisor_without_init_is_told_what_to_write() -> None:
    """Not everybody reads the manual first."""

    class Empty(Supervisor):
        pass

    with pytest.raises(InitStopped, match="init"):
        Empty.start_link()


# case: supervisor_SUITE: sup_stop_timeout
@inside
def test_a_slow_child_is_killed_after_its_time() -> None:
    """And only that one."""
    children = plans("abc")
    children[1].ending = lambda: sleep(3600)
    sup = supervisor.start_link([plan.spec(shutdown=2.0) for plan in children])
    b = pids(sup)["b"]
    before = current().runtime.clock.now()
    gen.stop(sup)
    assert current().runtime.clock.now() - before == pytest.approx(2.0)
    assert b.exit_reason == Killed()
    assert [entry[:2] for entry in children[0].log][3:] == [("end", "c"), ("end", "b"), ("end", "a")]


# case: supervisor_SUITE: sup_stop_infinity
# case: supervisor_SUITE: sup_stop_brutal_kill
@inside
def test_infinity_waits_and_brutal_kill_does_not_ask() -> None:
    """The two other kinds of shutdown."""
    patient, brutal = plans("pb")
    patient.ending = lambda: sleep(36000)
    sup = supervisor.start_link([patient.spec(shutdown="infinity"), brutal.spec(shutdown="brutal_kill")])
    found = pids(sup)
    gen.stop(sup)
    assert found["p"].exit_reason == Shutdown()
    assert found["b"].exit_reason == Killed()
    assert ("end", "b") not in [entry[:2] for entry in patient.log]


@inside
def test_the_exit_of_its_parent_ends_a_supervisor_with_that_reason() -> None:
    """Whatever the reason; its children get Shutdown()."""
    (plan,) = plans("a")
    me = self_pid()

    def parent() -> None:
        send(me, supervisor.start_link([plan.spec()]))
        receive()

    starter = spawn(parent)
    sup = receive(lambda message: isinstance(message, Pid))
    send_exit(starter, "boom")
    assert exit_reason(sup) == "boom"
    assert plan.log[-1] == ("end", "a", "Shutdown(detail=None)")


# -- restarts --------------------------------------------------------------------------------------


# case: supervisor_SUITE: one_for_one
@inside
def test_one_for_one_restarts_the_one() -> None:
    """In its place in the order."""
    sup = supervisor.start_link([plan.spec() for plan in plans("abc")], flags=MANY)
    before = pids(sup)
    kill(before["b"])
    after = pids(sup)
    assert list(after) == ["a", "b", "c"]
    assert (after["a"], after["c"]) == (before["a"], before["c"])
    assert after["b"] is not before["b"]


# case: supervisor_SUITE: one_for_all
# case: supervisor_SUITE: order_of_children
@inside
def test_one_for_all_ends_the_others_from_the_last_and_starts_all_from_the_first() -> None:
    """They belong together."""
    children = plans("abc")
    sup = supervisor.start_link([plan.spec() for plan in children], flags=flags("one_for_all"))
    del children[0].log[:]
    kill(pids(sup)["b"])
    pids(sup)
    starts = [("start", "a"), ("start", "b"), ("start", "c")]
    assert [entry[:2] for entry in children[0].log] == [("end", "c"), ("end", "a"), *starts]


# case: supervisor_SUITE: rest_for_one
@inside
def test_rest_for_one_restarts_the_later_ones_too() -> None:
    """They were started on top of it."""
    children = plans("abc")
    sup = supervisor.start_link([plan.spec() for plan in children], flags=flags("rest_for_one"))
    del children[0].log[:]
    kill(pids(sup)["b"])
    pids(sup)
    assert [entry[:2] for entry in children[0].log] == [("end", "c"), ("start", "b"), ("start", "c")]


# case: supervisor_SUITE: temporary_bystander
@inside
def test_a_group_restart_drops_temporary_children() -> None:
    """They are ended, and never started again."""
    a, b = plans("ab")
    sup = supervisor.start_link([a.spec(), b.spec(restart="temporary")], flags=flags("one_for_all"))
    kill(pids(sup)["a"])
    assert list(pids(sup)) == ["a"]


@inside
def test_a_restart_that_fails_is_tried_again_until_it_works() -> None:
    """Each attempt counts; in between the supervisor serves others."""
    a, b = plans("ab")
    sup = supervisor.start_link([a.spec(), b.spec()], flags=MANY)
    before = pids(sup)
    a.starts = [Stop("not yet")] * 5
    kill(before["a"])
    while (found := pids(sup))["a"] == "restarting":
        assert found["b"] is before["b"]
    assert isinstance(found["a"], Pid)
    assert a.log.count(("start", "a")) == 7


# case: supervisor_SUITE: one_for_all_other_child_fails_restart
# case: supervisor_SUITE: rest_for_one_other_child_fails_restart
@inside
def test_a_retry_in_a_group_begins_at_the_one_that_failed() -> None:
    """rest_for_one leaves alone what was started again before it; one_for_all ends that once more."""
    for strategy, restarts in (("rest_for_one", "b c c"), ("one_for_all", "a b c a b c")):
        a, b, c = plans("abc")
        sup = supervisor.start_link([plan.spec() for plan in (a, b, c)], flags=flags(strategy))
        del a.log[:]
        c.starts = [Stop("not yet")]
        kill(pids(sup)["b"])
        while "restarting" in pids(sup).values():
            pass
        assert " ".join(entry[1] for entry in a.log if entry[0] == "start") == restarts


# case: supervisor_SUITE: one_for_one
@inside
def test_too_many_restarts_end_the_supervisor() -> None:
    """More than the intensity allows within the period, counted over all children."""
    trap_exit(True)
    sup = supervisor.start_link([plan.spec() for plan in plans("ab")], flags=flags("one_for_one", 2))
    for name in "aba":
        kill(pids(sup)[name])
    assert exit_reason(sup) == Shutdown()


# case: supervisor_SUITE: multiple_restarts
@inside
def test_restarts_older_than_the_period_are_forgotten() -> None:
    """One a while is no loop."""
    (plan,) = plans("a")
    sup = supervisor.start_link([plan.spec()], flags=SupFlags(intensity=1, period=2.0))
    for _ in range(5):
        kill(pids(sup)["a"])
        pids(sup)
        sleep(2.1)
    assert is_alive(sup)


@inside
def test_a_restart_runs_the_start_function_of_that_moment() -> None:
    """A function reference with a name is looked up again."""
    sup = supervisor.start_link([ChildSpec("a", start_worker)], flags=MANY)
    try:
        globals()["start_worker"] = lambda: start_named("new")
        kill(pids(sup)["a"])
        assert gen.call(pids(sup)["a"], "x") == "x"
        assert whereis("new") is pids(sup)["a"]
    finally:
        globals()["start_worker"] = original_start


def start_named(name: str) -> Pid:
    """Start a worker under *name*."""
    return Worker.start_link(Plan(name), name=name)


def start_worker() -> Pid:
    """Start a worker named old."""
    return start_named("old")


original_start = start_worker


# case: supervisor_SUITE: transient_normal
@inside
def test_a_child_that_ends_in_order_stays_away_if_it_is_transient() -> None:
    """Its spec stays, and it can be started by hand."""
    (plan,) = plans("a")
    sup = supervisor.start_link([plan.spec(restart="transient")])
    end(pids(sup)["a"], Normal())
    assert pids(sup) == {"a": None}
    assert isinstance(supervisor.restart_child(sup, "a"), Pid)


# case: supervisor_SUITE: one_for_all
@inside
def test_thousands_of_children_that_die_together_are_restarted_in_one_go() -> None:
    """Whoever is restarted by the first exit is not restarted again by its own."""
    children = plans("".join(chr(0x4E00 + i) for i in range(2000)), trap=False)
    sup = supervisor.start_link([plan.spec() for plan in children], flags=flags("one_for_all", 1))
    for pid in pids(sup).values():
        send_exit(pid, Kill())
    found = pids(sup)
    assert all(isinstance(pid, Pid) and is_alive(pid) for pid in found.values())
    assert len(found) == 2000


# -- significant children --------------------------------------------------------------------------


@inside
def test_any_significant_child_ends_the_supervisor() -> None:
    """But not if the supervisor is asked to end it."""
    trap_exit(True)
    a, b = plans("ab")
    specs = [a.spec(), b.spec(restart="transient", significant=True)]
    sup = supervisor.start_link(specs, flags=flags("one_for_one", auto_shutdown="any_significant"))
    supervisor.terminate_child(sup, "b")
    supervisor.restart_child(sup, "b")
    end(pids(sup)["b"], Normal())
    assert exit_reason(sup) == Shutdown()
    assert a.log[-1] == ("end", "a", "Shutdown(detail=None)")


@inside
def test_all_significant_children_end_the_supervisor() -> None:
    """The last one does. One that is being restarted has not ended."""
    trap_exit(True)
    a, b, c = plans("abc")
    specs = [plan.spec(restart="transient", significant=True) for plan in (a, b)]
    sup = supervisor.start_link([*specs, c.spec()], flags=flags("one_for_one", auto_shutdown="all_significant"))
    end(pids(sup)["a"], Shutdown("done"))
    assert is_alive(sup)
    kill(pids(sup)["b"])
    assert is_alive(sup)
    end(pids(sup)["b"], Normal())
    assert exit_reason(sup) == Shutdown()


# -- requests --------------------------------------------------------------------------------------


# case: supervisor_SUITE: child_adm
# case: supervisor_SUITE: sup_start_restart_child_returns_error
# case: supervisor_test.exs: child life-cycle
@inside
def test_the_life_of_a_child_by_hand() -> None:
    """Every request with every refusal."""
    (plan,) = plans("a")
    sup = supervisor.start_link([])
    a = supervisor.start_child(sup, plan.spec())
    with pytest.raises(AlreadyStarted) as already:
        supervisor.start_child(sup, plan.spec())
    assert already.value.pid is a
    with pytest.raises(ChildRunning):
        supervisor.restart_child(sup, "a")
    with pytest.raises(ChildRunning):
        supervisor.delete_child(sup, "a")
    supervisor.terminate_child(sup, "a")
    supervisor.terminate_child(sup, "a")
    with pytest.raises(ChildAlreadyPresent):
        supervisor.start_child(sup, plan.spec())
    assert supervisor.count_children(sup) == ChildCounts(1, 0, 0, 1)
    assert supervisor.get_childspec(sup, "a").shutdown == 5.0
    plan.starts = [Stop("no")]
    with pytest.raises(StartFailed) as failed:
        supervisor.restart_child(sup, "a")
    assert failed.value.reason == "no"
    assert supervisor.restart_child(sup, "a") is pids(sup)["a"]
    supervisor.terminate_child(sup, "a")
    supervisor.delete_child(sup, "a")
    for request in (
        supervisor.terminate_child,
        supervisor.restart_child,
        supervisor.delete_child,
        supervisor.get_childspec,
    ):
        with pytest.raises(ChildNotFound):
            request(sup, "a")
        with pytest.raises(ChildNotFound):
            request(sup, ["no key"])  # type: ignore[arg-type]
    assert supervisor.which_children(sup) == []


# case: supervisor_SUITE: sup_start_ignore_child
# case: supervisor_SUITE: sup_start_ignore_temporary_child_start_child
# case: supervisor_SUITE: already_started_outside_supervisor
@inside
def test_start_child_gives_what_the_start_function_gives() -> None:
    """A pid, a pid with info, or nothing; what fails is not kept."""
    sup = supervisor.start_link([])
    pid = Worker.start_link(Plan("elsewhere"))

    def refuse() -> Pid:
        raise AlreadyStarted(pid)

    assert supervisor.start_child(sup, ChildSpec("info", lambda: (pid, "info"))) == (pid, "info")
    assert supervisor.start_child(sup, Plan("ignored", starts=[Ignore()]).spec()) is None
    assert supervisor.start_child(sup, Plan("temporary", starts=[Ignore()]).spec(restart="temporary")) is None
    with pytest.raises(StartFailed) as failed:
        supervisor.start_child(sup, ChildSpec("junk", lambda: "junk"))
    assert failed.value.reason == "junk"
    with pytest.raises(AlreadyStarted):
        supervisor.start_child(sup, ChildSpec("elsewhere", refuse))
    with pytest.raises(BadChildSpec):
        supervisor.start_child(sup, "hej")
    with pytest.raises(BadChildSpec):
        supervisor.start_child(sup, "one", "too many")
    assert pids(sup) == {"info": pid, "ignored": None}


# case: supervisor_SUITE: hanging_restart_loop
@inside
def test_a_child_that_is_being_restarted_can_be_ended_but_nothing_else() -> None:
    """That is how an endless loop of restarts is left."""
    (plan,) = plans("a")
    sup = supervisor.start_link([plan.spec()], flags=MANY)
    plan.starts = [Stop("not yet")]
    a = pids(sup)["a"]
    answers = after_kill(
        sup,
        a,
        WhichChildren(),
        CountChildren(),
        RestartChild("a"),
        DeleteChild("a"),
        StartChild((plan.spec(),)),
        TerminateChild("a"),
        WhichChildren(),
    )
    assert [info.child for info in answers[0]] == ["restarting"]
    assert answers[1] == ChildCounts(1, 0, 0, 1)
    assert [type(answer) for answer in answers[2:5]] == [ChildRestarting, ChildRestarting, ChildAlreadyPresent]
    assert answers[5] is None
    assert [info.child for info in answers[6]] == [None]
    assert plan.log == [("start", "a"), ("start", "a")]


def after_kill(sup: Pid, child: Pid, *requests: Any) -> list[Any]:
    """Kill *child* and ask *sup*, all before it can act; return the answers, refusals included."""
    send_exit(child, Kill())
    asked = [gen.send_request(sup, request) for request in requests]
    return [gen.wait_response(request_id) for request_id in asked]


# case: supervisor_SUITE: child_unlink
@inside
def test_a_child_that_unlinked_itself_does_not_hang_anybody() -> None:
    """Its death goes unseen; it is listed, but not counted as active, and can be terminated."""
    sup = supervisor.start_link([ChildSpec("a", lambda: Worker.start(Plan("a")))])
    a = pids(sup)["a"]
    kill(a)
    assert pids(sup) == {"a": a}
    assert supervisor.count_children(sup).active == 0
    supervisor.terminate_child(sup, "a")
    assert pids(sup) == {"a": None}


# case: supervisor_SUITE: do_not_save_start_parameters_for_temporary_children
@inside
def test_the_arguments_of_a_temporary_child_are_not_kept() -> None:
    """There may be many such children, and their arguments may be large."""
    sup = supervisor.start_link([plan.spec(restart="temporary") for plan in plans("a")])
    supervisor.start_child(sup, Plan("b").spec(restart="temporary"))
    supervisor.start_child(sup, Plan("c").spec())
    starts = {row.id: row.spec.start for row in children_of(record(sup))}
    assert [bool(getattr(starts[name], "args", None)) for name in "abc"] == [False, False, True]


def record(pid: Any) -> Any:
    """Return the record of *pid*: it is its own."""
    return pid


@inside
def test_others_can_look_at_the_children_without_asking() -> None:
    """In start order; also at a supervisor that is busy."""
    a, b = plans("ab")
    sup = record(supervisor.start_link([a.spec(), b.spec(restart="transient")], flags=MANY))
    found = pids(sup)
    end(found["b"], Normal())
    a.starts = [Stop("not yet")]
    pids(sup)
    assert [(row.id, row.child, row.spec.type) for row in children_of(sup)] == [
        ("a", found["a"], "worker"),
        ("b", None, "worker"),
    ]
    assert has_child(sup, found["a"])
    assert not has_child(sup, found["b"])
    gen.stop(sup)
    assert children_of(sup) == []


@inside
def test_a_supervisor_survives_what_is_not_meant_for_it(caplog: pytest.LogCaptureFixture) -> None:
    """It notes it; children must not die of a stray message."""
    sup = supervisor.start_link([plan.spec() for plan in plans("a")])
    a = pids(sup)["a"]
    send(sup, "info")
    gen.cast(sup, "cast")
    with pytest.raises(CallTimeout):
        gen.call(sup, "call", timeout=1)
    assert pids(sup) == {"a": a}
    assert [record.levelname for record in caplog.records if record.name == "otpy.supervisor"] == ["ERROR"] * 3


@inside
def test_a_supervisor_that_is_not_there() -> None:
    """As any server that is not there."""
    with pytest.raises(NoProcess):
        supervisor.which_children("nobody")


# case: supervisor_SUITE: child_specs_map
def test_specs_can_be_checked_without_starting_anything() -> None:
    """With the supervisor's auto_shutdown, if it is known."""
    significant = Plan("a").spec(significant=True, restart="transient")
    supervisor.check_childspecs([significant])
    supervisor.check_childspecs([significant], "all_significant")
    with pytest.raises(BadChildSpec):
        supervisor.check_childspecs([significant], "never")
    with pytest.raises(BadChildSpec) as refused:
        supervisor.check_childspecs([], "sometimes")  # type: ignore[arg-type]
    assert refused.value.reason == ("badarg", "sometimes")
    with pytest.raises(BadChildSpec):
        supervisor.check_childspecs("junk")


# -- simple_one_for_one ----------------------------------------------------------------------------


def start_simple(*args: Any, **more: Any) -> Pid:
    """Start a worker that was given *args*: its name comes last."""
    return Worker.start_link(Plan("-".join(args)), **more)


def simple(**changed: Any) -> Pid:
    """Start a simple_one_for_one supervisor."""
    template = ChildSpec("template", Fun(start_simple, ("t",)), **changed)
    return supervisor.start_link([template], flags=flags("simple_one_for_one"))


# case: supervisor_SUITE: simple_one_for_one_extra
@inside
def test_extra_arguments_come_behind_those_of_the_template() -> None:
    """One by one, or in a list as in OTP; a restart has them too."""
    sup = simple()
    for pid in (supervisor.start_child(sup, "x", "y"), supervisor.start_child(sup, ["x", "y"])):
        assert record(pid).state.name == "t-x-y"
        kill(pid)
    found = [record(info.child).state.name for info in supervisor.which_children(sup)]
    assert found == ["t-x-y", "t-x-y"]
    assert isinstance(supervisor.start_child(sup), Pid)


# case: supervisor_SUITE: child_adm_simple
# case: supervisor_SUITE: sup_start_map_simple
@inside
def test_children_without_ids_are_known_by_their_pids() -> None:
    """A dead pid may have been a child, so it is no error; requests that need an id are."""
    sup = simple(restart="transient")
    a, b = supervisor.start_child(sup, "a"), supervisor.start_child(sup, "b")
    supervisor.terminate_child(sup, a)
    supervisor.terminate_child(sup, a)
    with pytest.raises(ChildNotFound):
        supervisor.terminate_child(sup, self_pid())
    with pytest.raises(NotSupported):
        supervisor.terminate_child(sup, "template")
    with pytest.raises(NotSupported):
        supervisor.restart_child(sup, a)
    with pytest.raises(NotSupported):
        supervisor.delete_child(sup, a)
    assert supervisor.get_childspec(sup, b) == supervisor.get_childspec(sup, "template")
    assert supervisor.get_childspec(sup, a).id == "template"
    for unknown in ("other", self_pid()):
        with pytest.raises(ChildNotFound):
            supervisor.get_childspec(sup, unknown)
    assert supervisor.count_children(sup) == ChildCounts(1, 1, 0, 1)


# case: supervisor_SUITE: count_restarting_children
# case: supervisor_SUITE: hanging_restart_loop_simple
@inside
def test_a_pool_whose_restart_fails_keeps_the_child_under_its_last_pid() -> None:
    """It is listed as restarting, is not active, and can be terminated by that pid."""
    plan = Plan("x")
    template = ChildSpec("t", Fun(Worker.start_link, (plan,)))
    sup = supervisor.start_link([template], flags=flags("simple_one_for_one"))
    pid = supervisor.start_child(sup)
    plan.starts = [Stop("not yet")]
    answers = after_kill(sup, pid, WhichChildren(), CountChildren(), TerminateChild(pid), CountChildren())
    assert [info.child for info in answers[0]] == ["restarting"]
    assert answers[1:] == [ChildCounts(1, 0, 0, 1), None, ChildCounts(1, 0, 0, 0)]
    assert plan.log == [("start", "x"), ("start", "x")]


# case: supervisor_SUITE: simple_one_for_one_restart_ignore
@inside
def test_a_pool_forgets_a_child_whose_restart_is_ignored() -> None:
    """It is not wanted any more."""
    template = ChildSpec("t", Fun(Worker.start_link, (Plan("x", starts=[Ok(None), Ignore()]),)))
    sup = supervisor.start_link([template], flags=flags("simple_one_for_one"))
    kill(supervisor.start_child(sup))
    assert supervisor.count_children(sup) == ChildCounts(1, 0, 0, 0)


# case: supervisor_SUITE: simple_one_for_one_shutdown
@inside
def test_a_pool_ends_all_children_at_the_same_time() -> None:
    """The slow ones share one time-out."""
    slow = Plan("slow", ending=lambda: sleep(3600))
    sup = supervisor.start_link(
        [ChildSpec("t", Fun(Worker.start_link, (slow,)), shutdown=3.0)], flags=flags("simple_one_for_one")
    )
    children = [supervisor.start_child(sup) for _ in range(100)]
    before = current().runtime.clock.now()
    gen.stop(sup)
    assert current().runtime.clock.now() - before == pytest.approx(3.0)
    assert {pid.exit_reason for pid in children} == {Killed()}


# -- trees -----------------------------------------------------------------------------------------


# case: supervisor_SUITE: tree
@inside
def test_a_tree_that_gives_up_below_is_rebuilt_from_above() -> None:
    """The inner supervisor comes back with its own children; what was added to it at run time is lost."""
    (inner,) = plans("x")
    below = ChildSpec(
        "below", Fun(supervisor.start_link, ([inner.spec()],), {"flags": flags("one_for_one", 0)}), type="supervisor"
    )
    top = supervisor.start_link([below], flags=MANY)
    first = pids(top)["below"]
    supervisor.start_child(first, Plan("added").spec())
    kill(pids(first)["x"])
    assert exit_reason(first) == Shutdown()
    second = pids(top)["below"]
    assert second is not first
    assert list(pids(second)) == ["x"]


# case: supervisor_SUITE: simple_global_supervisor
@inside
def test_children_of_a_killed_supervisor_go_with_it() -> None:
    """By their links."""
    below = ChildSpec("below", Fun(supervisor.start_link, ([Plan("x").spec()],)), type="supervisor")
    top = supervisor.start_link([below], flags=MANY)
    first = pids(top)["below"]
    x = pids(first)["x"]
    kill(first)
    assert exit_reason(x) == Killed()
    assert pids(top)["below"] is not first


@inside
def test_a_plain_process_can_be_a_child() -> None:
    """Any start function will do that links what it starts."""
    sup = supervisor.start_link([ChildSpec("loop", Fun(spawn_link, (receive,)))], flags=MANY)
    loop = pids(sup)["loop"]
    send(loop, "that is all it waits for")
    assert exit_reason(loop) == Normal()
    assert pids(sup)["loop"] is not loop


@pytest.mark.parametrize("base", [Supervisor, DynamicSupervisor])
def test_a_supervisor_on_the_event_loop_is_refused(base: type) -> None:
    """It waits for its children while they start and end: it would fail at the first child, or stop the loop."""
    with pytest.raises(TypeError, match="would block the event loop"):
        type("Shop", (base,), {"runs_on": "asyncio"})
