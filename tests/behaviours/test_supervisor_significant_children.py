"""auto_shutdown: whose end takes the supervisor along, in each mode, and after an upgrade to another."""

from __future__ import annotations

from typing import Any

import pytest

from otpy.behaviours import supervisor
from otpy.behaviours.child_spec import AUTO_SHUTDOWNS, ChildSpec, Fun, SupFlags, check_flags
from otpy.errors import BadSupFlags, ChangeCodeFailed
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import is_alive, trap_exit
from otpy.kernel.reasons import Killed, Normal, Shutdown
from tests.behaviours.supervisor_kit import Plan, end, exit_reason, inside, kill, pids
from tests.behaviours.test_supervisor_code_change import Changing, change

BOOM = ValueError("boom")
ENDS = [Normal(), Shutdown(), Shutdown("x"), Killed(), BOOM]
ends = pytest.mark.parametrize("how", ENDS, ids=repr)


def flags(auto_shutdown: Any, strategy: Any = "one_for_one") -> SupFlags:
    """Return flags that allow many restarts."""
    return SupFlags(strategy, 1000, auto_shutdown=auto_shutdown)


def spec(name: str, restart: Any = "permanent", *, significant: bool = False) -> ChildSpec:
    """Return the spec of a worker."""
    return Plan(name).spec(restart=restart, significant=significant)


def start(auto_shutdown: Any, *specs: ChildSpec, strategy: Any = "one_for_one") -> Pid:
    """Start a supervisor whose end does not end the test."""
    trap_exit(True)
    return supervisor.start_link(specs, flags=flags(auto_shutdown, strategy))


def leave(pid: Any, how: Any) -> None:
    """Have a worker end, and wait until it has."""
    if how == Killed():
        kill(pid)
    else:
        end(pid, how)


def goes_on(sup: Pid) -> bool:
    """Whether the supervisor still runs when it has dealt with what was sent to it so far."""
    return is_alive(sup) and bool(supervisor.count_children(sup))


# case: supervisor_SUITE: nonsignificant_temporary
# case: supervisor_SUITE: nonsignificant_transient
@pytest.mark.parametrize("auto_shutdown", AUTO_SHUTDOWNS)
@pytest.mark.parametrize("restart", ["temporary", "transient"])
@ends
@inside
def test_the_end_of_a_child_that_is_not_significant_ends_nobody_else(
    auto_shutdown: Any, restart: Any, how: Any
) -> None:
    """In no mode, however it ends."""
    sup = start(auto_shutdown, spec("a", restart), spec("b"))
    before = pids(sup)
    leave(before["a"], how)
    assert goes_on(sup)
    assert pids(sup)["b"] is before["b"]


# case: supervisor_SUITE: significant_temporary
@ends
@inside
def test_any_end_of_a_significant_temporary_child_counts(how: Any) -> None:
    """It is never started again, so that each end is its last; an end by request does not count."""
    specs = [spec(name, "temporary", significant=True) for name in "abc"]
    sup = start("any_significant", *specs, spec("other"))
    found = pids(sup)
    supervisor.terminate_child(sup, "a")
    assert goes_on(sup)
    leave(found["b"], how)
    assert exit_reason(sup) == Shutdown()
    assert found["c"].exit_reason == found["other"].exit_reason == Shutdown()

    sup = start("all_significant", *specs, spec("other"))
    found = pids(sup)
    supervisor.terminate_child(sup, "a")
    leave(found["b"], how)
    assert goes_on(sup)
    leave(found["c"], how)
    assert exit_reason(sup) == Shutdown()


# case: supervisor_SUITE: significant_transient
@ends
@inside
def test_only_an_orderly_end_of_a_significant_transient_child_counts(how: Any) -> None:
    """After any other it is started again."""
    is_final = isinstance(how, Normal | Shutdown)
    specs = [spec(name, "transient", significant=True) for name in "ab"]
    sup = start("any_significant", *specs, spec("other"))
    before = pids(sup)
    leave(before["a"], how)
    if is_final:
        assert exit_reason(sup) == Shutdown()
        assert before["other"].exit_reason == Shutdown()
    else:
        assert goes_on(sup)
        assert pids(sup)["a"] not in (before["a"], None)

    sup = start("all_significant", *specs, spec("other"))
    for name in "ab":
        assert goes_on(sup)
        leave(pids(sup)[name], how)
    assert exit_reason(sup) == Shutdown() if is_final else goes_on(sup)


# case: supervisor_SUITE: significant_simple
@pytest.mark.parametrize("auto_shutdown", ["any_significant", "all_significant"])
def test_a_pool_has_no_auto_shutdown(auto_shutdown: Any) -> None:
    """Its children are all alike. As in OTP since 26."""
    refusal = check_flags(flags(auto_shutdown, "simple_one_for_one"))
    assert isinstance(refusal, BadSupFlags)
    assert refusal.reason == ("bad_combination", [("auto_shutdown", auto_shutdown), ("strategy", "simple_one_for_one")])


# case: supervisor_SUITE: significant_bystander
@pytest.mark.parametrize("auto_shutdown", ["any_significant", "all_significant"])
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
@inside
def test_significant_children_that_a_group_restart_ends_do_not_count(auto_shutdown: Any, strategy: Any) -> None:
    """The supervisor has ended them itself, a temporary one for good."""
    others = [spec("transient", "transient", significant=True), spec("temporary", "temporary", significant=True)]
    sup = start(auto_shutdown, spec("a"), *others, strategy=strategy)
    before = pids(sup)
    kill(before["a"])
    assert goes_on(sup)
    after = pids(sup)
    assert ("temporary" in after) is (strategy == "one_for_one")
    assert (after["transient"] is before["transient"]) is (strategy == "one_for_one")
    leave(after["transient"], Normal())
    if strategy != "one_for_one" or auto_shutdown == "any_significant":
        assert exit_reason(sup) == Shutdown()
    else:
        assert goes_on(sup)


# case: supervisor_SUITE: significant_escalation
@pytest.mark.parametrize("significant", [True, False])
@inside
def test_the_auto_shutdown_of_a_supervisor_is_an_orderly_end_for_the_one_above(significant: bool) -> None:
    """If it is significant there, that one ends too."""
    inner = [spec("x", "transient", significant=True)]
    below = ChildSpec(
        "below",
        Fun(supervisor.start_link, (inner,), {"flags": flags("any_significant")}),
        "transient",
        significant,
        type="supervisor",
    )
    top = start("any_significant", below, spec("other"))
    found = pids(top)
    leave(pids(found["below"])["x"], Normal())
    assert exit_reason(found["below"]) == Shutdown()
    if significant:
        assert exit_reason(top) == Shutdown()
    else:
        assert pids(top) == {"below": None, "other": found["other"]}


# -- upgrades --------------------------------------------------------------------------------------


# case: supervisor_SUITE: significant_upgrade_never_any
# case: supervisor_SUITE: significant_upgrade_any_never
# case: supervisor_SUITE: significant_upgrade_never_all
# case: supervisor_SUITE: significant_upgrade_all_never
# case: supervisor_SUITE: significant_upgrade_any_all
# case: supervisor_SUITE: significant_upgrade_all_any
@pytest.mark.parametrize("old", AUTO_SHUTDOWNS)
@pytest.mark.parametrize("new", AUTO_SHUTDOWNS)
@inside
def test_after_an_upgrade_the_new_mode_holds_for_the_children_that_are_there(old: Any, new: Any) -> None:
    """Nobody is touched by the upgrade itself."""

    def version(auto_shutdown: Any) -> Any:
        specs = [spec(name, "transient", significant=auto_shutdown != "never") for name in "ab"]
        return flags(auto_shutdown), [*specs, spec("other")]

    trap_exit(True)
    script = [version(old)]
    sup = Changing.start_link(script)
    before = pids(sup)
    script.append(version(new))
    change(sup)
    assert pids(sup) == before
    leave(before["a"], Normal())
    if new != "any_significant":
        assert goes_on(sup)
        leave(before["b"], Normal())
    if new != "never":
        assert exit_reason(sup) == Shutdown()
    else:
        assert pids(sup) == {"a": None, "b": None, "other": before["other"]}


# case: supervisor_SUITE: significant_upgrade_child
@inside
def test_an_upgrade_makes_a_child_significant_or_not() -> None:
    """Where the mode is "never" it cannot, and nothing changes."""
    trap_exit(True)
    script: list[Any] = [(flags("any_significant"), [spec("a", "transient"), spec("b", "transient", significant=True)])]
    sup = Changing.start_link(script)
    before = pids(sup)
    script.append((flags("any_significant"), [spec("a", "transient", significant=True), spec("b", "transient")]))
    change(sup)
    leave(before["b"], Normal())
    assert goes_on(sup)
    script.append((flags("never"), [spec("a", "transient", significant=True), spec("b", "transient")]))
    with pytest.raises(ChangeCodeFailed):
        change(sup)
    leave(before["a"], Normal())
    assert exit_reason(sup) == Shutdown()
