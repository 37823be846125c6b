"""A supervisor whose code changes: `init` runs again, and its flags and specs hold for the children that are there."""

from __future__ import annotations

from typing import Any

import pytest

from otpy.behaviours import supervisor, sys
from otpy.behaviours.child_spec import ChildSpec, Fun, SupFlags
from otpy.behaviours.dynamic_supervisor import DynamicFlags, DynamicSupervisor
from otpy.behaviours.results import Ignore, Stop
from otpy.behaviours.supervisor import Supervisor
from otpy.errors import BadChildSpec, BadReturn, BadSupFlags, ChangeCodeFailed
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import is_alive, trap_exit
from otpy.kernel.reasons import Normal, Shutdown
from tests.behaviours.supervisor_kit import Plan, Worker, end, exit_reason, inside, kill, pids


class Changing(Supervisor):
    """Its init returns what is the last item of its argument by then."""

    def init(self, arg: list[Any]) -> Any:
        """Return the last item."""
        return arg[-1]


def change(sup: Pid) -> None:
    """Have *sup* change its code."""
    sys.suspend(sup)
    try:
        sys.change_code(sup, Changing.__module__, None, None)
    finally:
        sys.resume(sup)


def spec(name: str, **changed: Any) -> ChildSpec:
    """Return the spec of a worker."""
    return Plan(name).spec(**changed)


MANY = SupFlags(intensity=1000)


# case: supervisor_SUITE: code_change
@inside
def test_children_stay_new_ones_wait_and_left_out_ones_are_kept_as_the_newest() -> None:
    """Old a, b and new c, a gives, newest first: b, a, c."""
    script: list[Any] = [(MANY, [spec("a"), spec("b")])]
    sup = Changing.start_link(script)
    before = pids(sup)
    script.append((MANY, [spec("c"), spec("a", restart="transient")]))
    change(sup)
    assert [(info.id, info.child) for info in supervisor.which_children(sup)] == [
        ("b", before["b"]),
        ("a", before["a"]),
        ("c", None),
    ]
    assert isinstance(supervisor.restart_child(sup, "c"), Pid)
    end(before["a"], Normal())
    assert pids(sup)["a"] is None  # its new spec says transient


# case: supervisor_SUITE: code_change
# case: supervisor_SUITE: significant_upgrade_never_any
@inside
def test_new_flags_hold_for_the_children_that_are_there() -> None:
    """Here: one may not be restarted any more, and the significant one is looked at."""
    trap_exit(True)
    script: list[Any] = [(MANY, [spec("a", restart="transient")])]
    sup = Changing.start_link(script)
    flags = SupFlags(auto_shutdown="any_significant")
    script.append((flags, [spec("a", restart="transient", significant=True)]))
    change(sup)
    end(pids(sup)["a"], Normal())
    assert exit_reason(sup) == Shutdown()


@inside
def test_restarts_made_before_count_after() -> None:
    """A change of code is no pardon."""
    trap_exit(True)
    script: list[Any] = [(SupFlags(intensity=2), [spec("a")])]
    sup = Changing.start_link(script)
    kill(pids(sup)["a"])
    kill(pids(sup)["a"])
    pids(sup)
    change(sup)
    kill(pids(sup)["a"])
    assert exit_reason(sup) == Shutdown()


@inside
def test_a_child_that_is_being_restarted_is_so_afterwards() -> None:
    """The retry that is on its way finds it."""
    plan = Plan("a")
    script: list[Any] = [(MANY, [plan.spec()])]
    sup = Changing.start_link(script)
    a = pids(sup)["a"]
    plan.starts = [Stop("not yet")] * 3
    sys.suspend(sup)
    kill(a)
    sys.change_code(sup, Changing.__module__, None, None)
    sys.resume(sup)
    change(sup)
    while pids(sup)["a"] == "restarting":
        pass
    assert is_alive(pids(sup)["a"])


# case: supervisor_SUITE: code_change
# case: supervisor_SUITE: code_change_map
@pytest.mark.parametrize(
    ("result", "refusal"),
    [
        (({"period": 0}, []), BadSupFlags),
        ((MANY, [spec("a"), spec("a")]), BadChildSpec),
        ((SupFlags(), [spec("a", significant=True, restart="transient")]), BadChildSpec),
        ((SupFlags("simple_one_for_one"), [spec("a")]), BadSupFlags),
        ("junk", BadReturn),
    ],
)
def test_what_cannot_be_changes_nothing(result: object, refusal: type[Exception]) -> None:
    """The children do not even notice."""

    @inside
    def test() -> None:
        script: list[Any] = [(MANY, [spec("a")])]
        sup = Changing.start_link(script)
        before = pids(sup)
        script.append(result)
        with pytest.raises(ChangeCodeFailed) as failed:
            change(sup)
        assert refusal.__name__ in repr(failed.value.reason)
        assert pids(sup) == before
        kill(before["a"])
        assert is_alive(pids(sup)["a"])

    test()


# case: supervisor_SUITE: code_change
@inside
def test_ignore_changes_nothing() -> None:
    """As in OTP."""
    script: list[Any] = [(MANY, [spec("a")])]
    sup = Changing.start_link(script)
    before = pids(sup)
    script.append(Ignore())
    change(sup)
    assert pids(sup) == before


# case: supervisor_SUITE: code_change_simple
@inside
def test_the_template_of_a_pool_can_change() -> None:
    """Its rules hold for all children, its start for new ones and for restarts; a second template is refused."""

    def template(name: str, **changed: Any) -> ChildSpec:
        return ChildSpec("t", Fun(Worker.start_link, (Plan(name),)), **changed)

    simple = SupFlags("simple_one_for_one", 1000)
    script: list[Any] = [(simple, [template("old")])]
    sup = Changing.start_link(script)
    first, second = supervisor.start_child(sup), supervisor.start_child(sup)
    script.append((simple, [template("new", restart="transient")]))
    change(sup)
    end(first, Normal())
    assert [info.child for info in supervisor.which_children(sup)] == [second]
    kill(second)
    third = supervisor.start_child(sup)
    names = [getattr(info.child, "state", Plan("none")).name for info in supervisor.which_children(sup)]
    assert names == ["new", "old"]  # newest first: what is restarted keeps its arguments
    script.append((simple, [template("a"), template("b")]))
    with pytest.raises(ChangeCodeFailed):
        change(sup)
    assert is_alive(third)


# case: supervisor_SUITE: code_change_simple
# case: supervisor_SUITE: code_change_simple_map
@pytest.mark.parametrize("templates", [0, 2])
@inside
def test_a_pool_has_one_template_after_an_upgrade_too(templates: int) -> None:
    """None or another one beside it is refused, and nothing has changed."""
    one = {"id": "t", "start": Fun(Worker.start_link, (Plan("x"),))}
    simple = {"strategy": "simple_one_for_one", "intensity": 1000}
    script: list[Any] = [(simple, [one])]
    sup = Changing.start_link(script)
    child = supervisor.start_child(sup)
    script.append((simple, [one, {**one, "id": "u"}][:templates]))
    with pytest.raises(ChangeCodeFailed):
        change(sup)
    assert [info.child for info in supervisor.which_children(sup)] == [child]
    assert supervisor.get_childspec(sup, child).id == "t"
    script.append((simple, [{**one, "restart": "transient"}]))
    change(sup)
    assert supervisor.get_childspec(sup, child).restart == "transient"


class ChangingPool(DynamicSupervisor):
    """Its init returns what is in the last place of the extra arguments by then."""

    def init(self, flags: DynamicFlags) -> Any:
        """Return the last item."""
        return flags.extra_arguments[-1]


# case: dynamic_supervisor_test.exs: code_change/3
@inside
def test_the_flags_of_a_dynamic_supervisor_can_change() -> None:
    """Children above a new max_children stay."""
    from otpy.behaviours import dynamic_supervisor as dynamic

    script: list[Any] = [DynamicFlags()]
    sup = ChangingPool.start_link(extra_arguments=script)
    children = [dynamic.start_child(sup, spec("a")) for _ in range(2)]
    script.append({"max_children": 1})
    change(sup)
    assert {info.child for info in dynamic.which_children(sup)} == set(children)
    script.append(DynamicFlags(max_restarts=-1))
    with pytest.raises(ChangeCodeFailed):
        change(sup)
    script.append(Ignore())
    change(sup)
    assert dynamic.count_children(sup).active == 2
