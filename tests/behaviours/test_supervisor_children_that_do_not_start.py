"""What becomes of children that ignore, fail or give more than a pid when they are started, by whichever way."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from otpy.behaviours import gen, supervisor
from otpy.behaviours.child_spec import AUTO_SHUTDOWNS, CHILD_TYPES, RESTARTS, ChildCounts, ChildSpec, Fun, SupFlags
from otpy.behaviours.results import Ignore, Ok, Stop
from otpy.errors import BadChildSpec, InitStopped, NoProcess, StartFailed
from otpy.kernel.pid import Pid
from tests.behaviours.supervisor_kit import Plan, Worker, inside, kill, pids

POOL = SupFlags("simple_one_for_one", 1000)


def pool(start: Callable[..., Any], **changed: Any) -> Pid:
    """Start a pool whose children *start* starts."""
    return supervisor.start_link([ChildSpec("template", Fun(start), **changed)], flags=POOL)


def start_as(result: Any) -> Any:
    """Start a worker whose init gives *result*."""
    return Worker.start_link(Plan("x", starts=[result]))


# case: supervisor_SUITE: sup_start_ignore_temporary_child
@inside
def test_a_temporary_child_of_the_list_that_ignores_leaves_no_spec() -> None:
    """It would never be started again; a permanent one might."""
    gone, kept = Plan("gone", starts=[Ignore()]), Plan("kept", starts=[Ignore()])
    sup = supervisor.start_link([gone.spec(restart="temporary"), kept.spec(), Plan("runs").spec()])
    assert list(pids(sup)) == ["kept", "runs"]
    assert supervisor.count_children(sup) == ChildCounts(2, 1, 0, 2)


# case: supervisor_SUITE: sup_start_ignore_temporary_child_start_child_simple
# case: supervisor_SUITE: sup_start_ignore_permanent_child_start_child_simple
@pytest.mark.parametrize("restart", RESTARTS)
@inside
def test_a_pool_keeps_no_child_that_ignores(restart: Any) -> None:
    """Whatever its restart type: there is no pid to know it by. The pool ends in order afterwards."""
    sup = pool(start_as, restart=restart)
    assert supervisor.start_child(sup, Ignore()) is None
    running = supervisor.start_child(sup, Ok(Plan("x")))
    assert [info.child for info in supervisor.which_children(sup)] == [running]
    assert supervisor.count_children(sup) == ChildCounts(1, 1, 0, 1)
    gen.stop(sup)


# case: supervisor_SUITE: sup_start_child_returns_error
# case: supervisor_SUITE: sup_start_child_returns_error_simple
@pytest.mark.parametrize("result", [Stop("reason"), "junk"])
@inside
def test_start_child_of_what_fails_keeps_nothing(result: object) -> None:
    """Neither in a list nor in a pool; the reason is what was returned."""
    reason = result.reason if isinstance(result, Stop) else result

    def start() -> Any:
        return start_as(result) if isinstance(result, Stop) else result

    ordered, simple = supervisor.start_link([]), pool(start)
    with pytest.raises(StartFailed) as failed:
        supervisor.start_child(ordered, ChildSpec("a", Fun(start)))
    assert failed.value.reason == reason
    with pytest.raises(StartFailed) as failed:
        supervisor.start_child(simple)
    assert failed.value.reason == reason
    assert supervisor.count_children(ordered) == ChildCounts(0, 0, 0, 0)
    assert supervisor.count_children(simple) == ChildCounts(1, 0, 0, 0)


# case: supervisor_SUITE: sup_start_map_faulty_specs
@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"start": Worker}, ("missing_id",)),
        ({"id": "a"}, ("missing_start",)),
        ("no spec", ("invalid_child_spec", "no spec")),
        ({"id": "a", "start": ("otpy", "no tuple of three")}, ("invalid_mfa", ("otpy", "no tuple of three"))),
    ],
)
@inside
def test_a_faulty_spec_in_the_list_fails_the_start(spec: object, reason: tuple[object, ...]) -> None:
    """No child of the list is started."""
    plan = Plan("first")
    with pytest.raises(InitStopped) as stopped:
        supervisor.start_link([plan.spec(), spec])  # type: ignore[list-item]
    assert isinstance(stopped.value.reason, BadChildSpec)
    assert stopped.value.reason.reason == reason
    assert plan.log == []


# case: supervisor_SUITE: sup_start_map_faulty_specs
@inside
def test_keys_that_no_spec_has_are_ignored() -> None:
    """A spec may hold what its author needs for other things."""
    sup = supervisor.start_link([])
    pid = supervisor.start_child(sup, {"id": "a", "start": lambda: start_as(Ok(Plan("x"))), "owner": "me"})
    assert pids(sup) == {"a": pid}


# case: supervisor_SUITE: extra_return
# case: supervisor_SUITE: simple_one_for_one_extra
@inside
def test_information_beside_the_pid_is_given_to_who_asked() -> None:
    """By start_child and restart_child, in a pool too; a restart by itself has nobody to give it to, and works."""

    def start(word: str = "info") -> tuple[Pid, str]:
        return Worker.start_link(Plan("x")), word

    sup = supervisor.start_link([ChildSpec("listed", Fun(start))], flags=SupFlags(intensity=10))
    pid, info = supervisor.start_child(sup, ChildSpec("a", Fun(start, ("own",))))
    assert (pid, info) == (pids(sup)["a"], "own")
    supervisor.terminate_child(sup, "a")
    assert supervisor.restart_child(sup, "a") == (pids(sup)["a"], "own")
    before = pids(sup)
    kill(before["a"])
    kill(before["listed"])
    after = pids(sup)
    assert all(isinstance(after[name], Pid) and after[name] is not before[name] for name in ("a", "listed"))

    sup = pool(start)
    pid, info = supervisor.start_child(sup, "extra")
    assert info == "extra"
    kill(pid)
    assert supervisor.count_children(sup) == ChildCounts(1, 1, 0, 1)


# case: supervisor_SUITE: child_specs
# case: supervisor_SUITE: child_specs_map
@pytest.mark.parametrize("auto_shutdown", AUTO_SHUTDOWNS)
def test_all_that_is_legal_passes(auto_shutdown: Any) -> None:
    """Each combination of restart, shutdown, type and modules; significant ones where they make sense."""
    choices: Any = itertools.product(RESTARTS, [0, 1.5, "brutal_kill", "infinity"], CHILD_TYPES, ["dynamic", ["m"], []])
    significant = [False] if auto_shutdown == "never" else [False, True]
    specs = [
        ChildSpec(number, Fun(start_as), restart, matters, shutdown, kind, modules)
        for number, (restart, shutdown, kind, modules) in enumerate(choices)
        for matters in significant
        if not (matters and restart == "permanent")
    ]
    for spec in specs:
        supervisor.check_childspecs([spec], auto_shutdown)
        supervisor.check_childspecs([spec])


# case: supervisor_SUITE: child_adm
@inside
def test_every_request_to_nobody_says_so() -> None:
    """Whether the name was never there or the supervisor has ended."""
    ended = supervisor.start_link([])
    gen.stop(ended)
    requests: list[Callable[[Any], Any]] = [
        lambda sup: supervisor.start_child(sup, Plan("a").spec()),
        lambda sup: supervisor.terminate_child(sup, "a"),
        lambda sup: supervisor.restart_child(sup, "a"),
        lambda sup: supervisor.delete_child(sup, "a"),
        lambda sup: supervisor.get_childspec(sup, "a"),
        supervisor.which_children,
        supervisor.count_children,
    ]
    for request in requests:
        for nobody in ("nobody", ended):
            with pytest.raises(NoProcess):
                request(nobody)
