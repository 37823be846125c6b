"""A failure at every step: afterwards all is as before, and no message is lost or handled twice."""

from __future__ import annotations

from typing import Any

import pytest

import otpy
from otpy import code, upgrade
from otpy.errors import ForcedRollback
from otpy.upgrade import STEPS
from tests.support import down, inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import BROKEN, V1, V2, source

TREE_V1 = source("""
    import otpy

    class Child(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)

        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)

    class Top(otpy.Supervisor):
        def init(self, arg):
            return otpy.SupFlags(), [Child.child_spec(n, id=n, name=n) for n in ("a", "b")]
""")


@pytest.mark.parametrize("step", [step for step in STEPS if step != "go down"])
def test_forced_at_every_step_under_load(otp_runtime: object, module: Make, step: str) -> None:
    """Objects, states, versions and the order of messages are those of before."""

    def main() -> None:
        counter = module("m_counter", V1)
        pids = [counter.Counter.start(0) for _ in range(20)]
        states = [otpy.sys.get_state(pid)["seen"] for pid in pids]
        namespace = list(vars(counter).items())
        known = code.versions("m_counter")
        senders = [otpy.spawn_monitor(_send, pids, 200)[1] for _ in range(3)]
        with pytest.raises(ForcedRollback):
            upgrade.reload_module("m_counter", V2, force_rollback_at=step)
        assert [(n, id(v)) for n, v in vars(counter).items()] == [(n, id(v)) for n, v in namespace]
        assert code.versions("m_counter") == known
        for ref in senders:
            down(ref)
        for pid, seen in zip(pids, states, strict=True):
            assert otpy.call(pid, "n") == ("v1", 600)
            assert otpy.sys.get_state(pid)["seen"] is seen
            _assert_in_order(seen)

    otpy.run(main)


def _send(pids: list[otpy.Pid], count: int) -> None:
    me = otpy.self_pid()
    for number in range(count):
        for pid in pids:
            otpy.cast(pid, (me, number))
        otpy.sleep(0)


def _assert_in_order(seen: list[Any]) -> None:
    numbers: dict[otpy.Pid, int] = {}
    for sender, number in seen:
        assert number == numbers.get(sender, -1) + 1
        numbers[sender] = number


@inside
def test_the_second_module_fails_and_the_first_is_as_before(module: Make) -> None:
    """Several modules are one transaction."""
    one = module("m_one", V1)
    two = module("m_two", V1)
    pids = one.Counter.start(1), two.Counter.start(2)
    before = dict(vars(one)), dict(vars(two))
    with pytest.raises(otpy.MigrationFailed):
        upgrade.reload_modules({"m_one": V2, "m_two": BROKEN})
    assert (dict(vars(one)), dict(vars(two))) == before
    assert [otpy.call(pid, "n") for pid in pids] == [("v1", 1), ("v1", 2)]
    upgrade.reload_modules({"m_one": V2, "m_two": V2})
    assert [otpy.call(pid, "n") for pid in pids] == [("v2", 1), ("v2", 2)]


@inside
def test_added_children_are_started_in_order_and_removed_ones_ended(module: Make) -> None:
    """The supervisor's init is run again, and its children follow."""
    top = module("m_tree", TREE_V1).Top.start()
    kept = otpy.whereis("b")
    report = upgrade.reload_module("m_tree", TREE_V1.replace('("a", "b")', '("b", "c", "d")'))
    assert [info.id for info in otpy.supervisor.which_children(top)] == ["d", "c", "b"]
    assert otpy.whereis("b") is kept
    assert otpy.whereis("a") is None
    assert otpy.call("d", "arg") == "d"
    assert report.supervisor_changes[0].added == ("c", "d")
    assert report.supervisor_changes[0].removed == ("a",)


@inside
def test_an_added_child_that_fails_undoes_everything(module: Make) -> None:
    """Children that were started before it are ended again; those that were to be removed were never touched."""
    tree = module("m_tree", TREE_V1)
    top = tree.Top.start()
    before = otpy.whereis("a"), otpy.whereis("b")
    failing = TREE_V1.replace('("a", "b")', '("b", "c", "d")').replace(
        "return otpy.Ok(arg)", 'return otpy.Ok(arg) if arg != "d" else otpy.Stop("no d here")'
    )
    with pytest.raises(otpy.MigrationFailed, match="no d here"):
        upgrade.reload_module("m_tree", failing)
    assert (otpy.whereis("a"), otpy.whereis("b")) == before
    assert otpy.whereis("c") is None
    assert [info.id for info in otpy.supervisor.which_children(top)] == ["b", "a"]
    assert tree.Top is otpy.sys.get_status(top)["behaviour"]


@inside
def test_an_added_child_whose_init_waits_for_a_suspended_sibling(module: Make) -> None:
    """It could wait for ever: the upgrade is given up, naming both, with what to write instead."""
    module("m_tree", TREE_V1).Top.start()
    waiting = TREE_V1.replace('("a", "b")', '("a", "b", "c")').replace(
        "return otpy.Ok(arg)", 'return otpy.Ok(otpy.call("a", "arg") if arg == "c" else arg)'
    )
    with pytest.raises(otpy.MigrationFailed, match=r"(?s)<\d+ c>.*waits for .*<\d+ a>.*then=Continue"):
        upgrade.reload_module("m_tree", waiting, code_change_timeout=0.3)
    assert otpy.call("a", "arg") == "a"
    assert otpy.whereis("c") is None


@inside
def test_a_class_that_living_processes_need_is_not_taken_away(module: Make) -> None:
    """Refused, with the process named."""
    counter = module("m_counter", V1)
    pid = counter.Counter.start(1)
    with pytest.raises(otpy.IncompatibleUpgrade, match="does not define any more"):
        upgrade.reload_module("m_counter", "import otpy\n")
    assert otpy.call(pid, "n") == ("v1", 1)


@inside
def test_going_back_ends_the_children_that_the_upgrade_added(module: Make) -> None:
    """A supervisor goes by the init of the version that is gone back to."""
    top = module("m_tree", TREE_V1).Top.start()
    upgrade.reload_module("m_tree", TREE_V1.replace('("a", "b")', '("b", "c")'))
    report = upgrade.rollback_module("m_tree")
    assert [info.id for info in otpy.supervisor.which_children(top)] == ["b", "a"]
    assert report.supervisor_changes[0].added == ("a",)
    assert report.supervisor_changes[0].removed == ("c",)
