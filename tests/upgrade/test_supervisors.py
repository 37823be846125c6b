"""Supervisors in an upgrade: who is started, ended, exchanged, and who comes back when it fails."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Generator
from types import ModuleType
from typing import Any

import pytest

import otpy
from otpy import supervisor, upgrade
from otpy.behaviours import children_ordered
from otpy.upgrade import STEPS, children
from tests.support import DEADLINE, eventually, inside, status
from tests.upgrade.conftest import Make
from tests.upgrade.sources import source

TREE = source("""
    import otpy
    from otpy import SupFlags

    SEEN = []

    class Child(otpy.GenServer):
        def init(self, arg):
            otpy.trap_exit(True)
            SEEN.append(("start", arg))
            return otpy.Ok((arg, []))

        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)

        def handle_cast(self, request, state):
            return otpy.NoReply((state[0], [*state[1], request]))

        def terminate(self, reason, state):
            SEEN.append(("end", state[0]))

    def child(ident, arg=None, **fields):
        return Child.child_spec(arg or ident, id=ident, **fields)

    class Top(otpy.Supervisor):
        def init(self, arg):
            return SupFlags(), [child("a"), child("b", name="b"), child("c")]
""")
FORCED = [step for step in STEPS if step not in {"compile", "load", "suspend", "go down"}]


@contextlib.contextmanager
def at_step(name: str, do: Callable[[], object]) -> Generator[None]:
    """Upgrades in the block do something when they come to step *name*."""

    def hook(step: str) -> None:
        if step == name:
            do()

    detach = otpy.events.attach("upgrade.step", hook)
    try:
        yield
    finally:
        detach()


def with_init(result: str) -> str:
    """Return the version of TREE whose supervisor's init returns *result*."""
    old = 'SupFlags(), [child("a"), child("b", name="b"), child("c")]'
    assert old in TREE
    return TREE.replace(old, result)


def running(top: otpy.Pid) -> dict[Any, Any]:
    """Return the children by id, in start order."""
    return {info.id: info.child for info in reversed(supervisor.which_children(top))}


def seen_by(tree: ModuleType) -> list[tuple[str, str]]:
    """Return who has been started and ended since the last look."""
    seen = list(tree.SEEN)
    tree.SEEN.clear()
    return seen


# case: release_handler_SUITE: upgrade_supervisor
@inside
def test_each_child_meets_its_fate(module: Make) -> None:
    """Added ones are started in order, what is replaced runs beside its predecessor, and those leave in reverse."""
    tree = module("m_tree", TREE)
    top = tree.Top.start_link()
    before = running(top)
    seen_by(tree)
    new = with_init(
        'SupFlags(intensity=7), [child("x"), child("c", "other"), child("b", name="b", shutdown=9), child("y")]'
    )
    report = upgrade.reload_module("m_tree", new)
    after = running(top)
    assert list(after) == ["x", "c", "b", "y"]
    assert after["b"] is before["b"]
    assert seen_by(tree) == [("start", "x"), ("start", "other"), ("start", "y"), ("end", "c"), ("end", "a")]
    assert supervisor.get_childspec(top, "b").shutdown == 9
    (change,) = report.supervisor_changes
    assert (change.added, change.removed, change.replaced, change.changed) == (("x", "y"), ("a",), ("c",), ("b",))
    assert change.flags == {"intensity": (1, 7)}
    assert (change.reordered, change.irreversible, report.warnings) == (True, {}, ())


@inside
def test_the_same_again_touches_nobody(module: Make) -> None:
    """Also where start functions are lambdas, which init makes anew each time."""
    text = with_init('SupFlags(), [child("a"), otpy.ChildSpec("l", lambda: Child.start_link("l"))]')
    tree = module("m_tree", text)
    top = tree.Top.start_link()
    before = running(top)
    report = upgrade.reload_module("m_tree", "# moved a line down\n" + text.replace('("end", state[0])', '("END", 1)'))
    assert running(top) == before
    assert report.supervisor_changes == ()


@inside
def test_children_that_were_asked_for_stay(module: Make) -> None:
    """No init has ever spoken of them, so a new one that does not is no reason to end them."""
    tree = module("m_tree", TREE)
    top = tree.Top.start_link()
    extra = supervisor.start_child(top, tree.child("extra"))
    upgrade.reload_module("m_tree", with_init('SupFlags(), [child("b", name="b")]'))
    assert running(top) == {"b": otpy.whereis("b"), "extra": extra}
    upgrade.reload_module("m_tree", with_init('SupFlags(), [child("extra"), child("b", name="b")]'))
    assert list(running(top).items()) == [("extra", extra), ("b", otpy.whereis("b"))]
    upgrade.reload_module("m_tree", with_init('SupFlags(), [child("b", name="b")]'))
    assert running(top) == {"b": otpy.whereis("b")}


@pytest.mark.parametrize("step", FORCED)
def test_when_it_fails_all_children_come_back(otp_runtime: object, module: Make, step: str) -> None:
    """The same processes, with their states, their mailboxes, and in their order; what was started is gone."""
    tree = module("m_tree", TREE)
    top = tree.Top.start()
    before = running(top)
    for pid in before.values():
        otpy.cast(pid, "kept")
    new = with_init('SupFlags(intensity=7), [child("x"), child("c", "other"), child("b", "other", name="b")]')
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module("m_tree", new, force_rollback_at=step)
    assert list(running(top).items()) == list(before.items())
    assert [otpy.call(pid, "state") for pid in before.values()] == [(name, ["kept"]) for name in "abc"]
    eventually(lambda: set(otpy.processes()) == {top, *before.values()})  # who carried it out is just leaving
    assert otpy.sys.get_state(top).leaving == []
    upgrade.reload_module("m_tree", new)
    assert list(running(top)) == ["x", "c", "b"]


@inside
def test_a_child_that_needs_the_name_of_its_predecessor_is_exchanged_last(module: Make) -> None:
    """It is irreversible, so it is said in the plan; and whoever asks for the name finds one of the two."""
    tree = module("m_tree", TREE)
    top = tree.Top.start_link()
    before = running(top)
    seen_by(tree)
    report = upgrade.reload_module(
        "m_tree", with_init('SupFlags(), [child("a"), child("b", "B", name="b"), child("x")]')
    )
    assert seen_by(tree) == [("start", "x"), ("end", "b"), ("end", "c"), ("start", "B")]
    assert otpy.whereis("b") is running(top)["b"] is not before["b"]
    assert "name 'b'" in report.supervisor_changes[0].irreversible["b"]


PORT = source("""
    import socket
    import otpy

    class Listener(otpy.GenServer):
        def init(self, arg):
            otpy.trap_exit(True)
            listening = socket.socket()
            try:
                listening.bind(("127.0.0.1", arg[0]))
            except OSError:
                listening.close()
                raise
            listening.listen()
            return otpy.Ok(listening)

        def handle_call(self, request, from_, state):
            return otpy.Reply(state.getsockname()[1], state)

        def terminate(self, reason, state):
            state.close()

    class Top(otpy.Supervisor):
        def init(self, arg):
            return otpy.SupFlags(), [Listener.child_spec((arg, "v1"), id="listener")]
""")


def test_a_child_that_needs_the_port_of_its_predecessor_is_exchanged_last(otp_runtime: object, module: Make) -> None:
    """Nobody can know that beforehand: its start says so, and the upgrade goes on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    top = module("m_port", PORT).Top.start(port)
    before = running(top)["listener"]
    report = upgrade.reload_module("m_port", PORT.replace('"v1"', '"v2"'))
    after = running(top)["listener"]
    assert after is not before
    assert otpy.call(after, "port") == port
    assert "has that address" in report.supervisor_changes[0].irreversible["listener"]


@inside
def test_a_replacement_that_does_not_start_is_the_supervisors_to_restart(module: Make) -> None:
    """The upgrade stands by then; the report says so, and the retries count as restarts."""
    text = TREE.replace("SEEN = []", "SEEN, FAIL = [], [1]").replace(
        'SEEN.append(("start", arg))', 'assert not (arg == "B" and FAIL and FAIL.pop())'
    )
    top = module("m_tree", text).Top.start_link()
    report = upgrade.reload_module("m_tree", text.replace('child("b", name="b")', 'child("b", "B", name="b")'))
    assert "'b' did not start in the place of its predecessor" in report.warnings[0]
    eventually(lambda: isinstance(running(top)["b"], otpy.Pid))
    assert otpy.call("b", "state") == ("B", [])


@inside
def test_children_that_do_not_run_are_not_started_by_a_new_spec(module: Make) -> None:
    """Somebody has ended them; the new start holds for when they are wanted again."""
    tree = module("m_tree", TREE)
    top = tree.Top.start_link()
    supervisor.terminate_child(top, "c")
    report = upgrade.reload_module(
        "m_tree", with_init('SupFlags(), [child("a"), child("b", name="b"), child("c", "C")]')
    )
    assert (running(top)["c"], report.supervisor_changes[0].changed) == (None, ("c",))
    assert otpy.call(supervisor.restart_child(top, "c"), "state") == ("C", [])


@inside
def test_a_supervisor_that_dies_meanwhile_takes_its_children_along(module: Make) -> None:
    """As ever; and the upgrade of the others goes on."""
    otpy.trap_exit(True)
    tree = module("m_tree", TREE)
    top = tree.Top.start_link()
    other = tree.Child.start("other")
    with at_step("convert", lambda: otpy.exit(top, otpy.Kill())):
        report = upgrade.reload_module("m_tree", with_init('SupFlags(), [child("x")]'))
    assert report.status == "completed"
    assert not otpy.is_alive(top)
    eventually(lambda: otpy.whereis("b") is None)
    assert otpy.call(other, "state") == ("other", [])


@inside
def test_a_child_that_dies_meanwhile_is_restarted_afterwards(module: Make) -> None:
    """The supervisor hears of it when it goes on, with the new start."""
    tree = module("m_tree", TREE)
    top = tree.Top.start_link()
    before = running(top)
    text = with_init('SupFlags(), [child("b", name="b"), child("c", "C")]')
    with at_step("convert", lambda: otpy.exit(before["b"], otpy.Kill())):
        upgrade.reload_module("m_tree", text)
    eventually(lambda: isinstance(running(top)["b"], otpy.Pid))
    assert running(top)["b"] is not before["b"]
    assert otpy.call(running(top)["c"], "state") == ("C", [])


def test_a_supervisor_in_the_middle_of_a_restart(otp_runtime: object, module: Make) -> None:
    """The restart under way is finished first: the child in it is needed, and so it is let run."""
    text = TREE.replace("SEEN = []", "import threading\nSEEN = []\nGATES = []\nGATE = threading.Event()").replace(
        'SEEN.append(("start", arg))', 'arg == "a" and GATES and GATES.pop().wait(20)'
    )
    text = text.replace("class Child(otpy.GenServer):", 'class Child(otpy.GenServer):\n    runs_on = "thread"')
    tree = module("m_tree", text)
    top = tree.Top.start()
    before = running(top)
    tree.GATES.append(tree.GATE)
    otpy.exit(before["a"], otpy.Kill())
    eventually(lambda: not tree.GATES)
    done: list[Any] = []
    new = text.replace('child("c")]', 'child("c"), child("x")]')
    asked = otpy.spawn(lambda: done.append(upgrade.reload_module("m_tree", new, suspend_timeout=20)))
    eventually(lambda: status(top) == "suspended")
    tree.GATE.set()
    eventually(lambda: not otpy.is_alive(asked))
    assert done[0].status == "completed"
    after = running(top)
    assert list(after) == ["a", "b", "c", "x"]
    assert after["a"] is not before["a"]
    assert after["b"] is before["b"]
    assert otpy.call(after["a"], "state") == ("a", [])


@inside
def test_an_added_child_whose_init_waits_for_a_suspended_one_is_named(module: Make) -> None:
    """Both are, and what to do instead; nothing has changed."""
    tree = module("m_tree", TREE)
    top = tree.Top.start_link()
    before = running(top)
    text = with_init('SupFlags(), [child("a"), child("b", name="b"), child("c"), child("x")]')
    text = text.replace('SEEN.append(("start", arg))', 'arg == "x" and otpy.call("b", "state", timeout=None)')
    with pytest.raises(otpy.MigrationFailed, match="then=Continue") as failed:
        upgrade.reload_module("m_tree", text, code_change_timeout=DEADLINE)  # seen long before that
    assert repr(before["b"]) in str(failed.value)
    assert "Child" in str(failed.value)
    assert running(top) == before


def _no_problems(_succession: object, *, timeout: float) -> list[str]:
    return []


@inside
def test_the_supervisor_does_the_rest_by_itself(module: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the upgrade stands, whoever carried it out may be gone."""
    otpy.trap_exit(True)
    tree = module("m_tree", TREE)
    top = tree.Top.start_link()
    before = running(top)
    monkeypatch.setattr(children.Succession, "finish", _no_problems)
    upgrade.reload_module("m_tree", with_init('SupFlags(), [child("b", "B", name="b")]'))
    assert list(running(top)) == ["b"]
    assert otpy.call("b", "state") == ("B", [])
    assert not any(map(otpy.is_alive, before.values()))


@inside
def test_who_leaves_ends_with_the_supervisor_at_the_latest(module: Make) -> None:
    """A supervisor that is ended before it could exchange its children ends those, too."""
    otpy.trap_exit(True)
    tree = module("m_tree", TREE)
    top = tree.Top.start_link()
    before = running(top)
    state = otpy.sys.get_state(top)
    assert isinstance(state, children_ordered.OrderedChildren)
    new = state.replaced(state.flags, [])
    new.part_with(state.plan(new))
    otpy.sys.replace_state(top, lambda _state: new)
    assert running(top) == {}
    otpy.stop(top)
    assert not any(map(otpy.is_alive, before.values()))
    assert [who for what, who in tree.SEEN if what == "end"] == ["c", "b", "a"]


POOLS = source("""
    import otpy

    class Child(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)

        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)

    class Simple(otpy.Supervisor):
        def init(self, arg):
            return otpy.SupFlags("simple_one_for_one", 3), [Child.child_spec("old", restart="transient")]

    class Dynamic(otpy.DynamicSupervisor):
        def init(self, flags):
            return otpy.dynamic_supervisor.DynamicFlags(max_children=1)
""")


# case: release_handler_SUITE: upgrade_supervisor
@inside
def test_pools_get_their_new_template_and_flags(module: Make) -> None:
    """Children that run stay; the new template is for those that come."""
    pools = module("m_pools", POOLS)
    simple, dynamic = pools.Simple.start_link(), pools.Dynamic.start_link()
    old = supervisor.start_child(simple)
    other = otpy.dynamic_supervisor.start_child(dynamic, pools.Child.child_spec("d"))
    new = POOLS.replace("max_children=1", "max_children=2").replace('"old"', '"new"').replace('_one", 3', '_one", 4')
    report = upgrade.reload_module("m_pools", new)
    assert [otpy.call(pid, "") for pid in (old, supervisor.start_child(simple))] == ["old", "new"]
    assert otpy.is_alive(other)
    otpy.dynamic_supervisor.start_child(dynamic, pools.Child.child_spec("e"))
    found = {change.supervisor: (change.changed, change.flags) for change in report.supervisor_changes}
    assert found == {simple: (("Child",), {"intensity": (3, 4)}), dynamic: ((), {"max_children": (1, 2)})}


@inside
def test_a_proposal_does_nothing(module: Make) -> None:
    """It is what a plan shows; an init that would do something is refused where it does."""
    tree = module("m_tree", TREE)
    top: Any = tree.Top.start_link()
    before = running(top)
    namespace: dict[str, Any] = {"__name__": "m_ghost"}
    text = with_init('SupFlags(), [child("b", "B", name="b"), child("x")]')
    exec(text, namespace)  # noqa: S102 - the new version beside the live one
    plan, rehearsal = children.proposal(top, namespace["Top"])
    assert [spec.id for spec in plan.removed] == ["a", "c"]
    assert set(plan.irreversible) == {"b"}
    assert rehearsal.effects == []
    assert set(children.leaving(top, plan)) == set(before.values())
    assert running(top) == before
    exec(text.replace("SupFlags(), [", 'otpy.call("b", "state") and SupFlags(), ['), namespace)  # noqa: S102
    with pytest.raises(otpy.EffectRefused, match="call"):
        children.proposal(top, namespace["Top"])


@inside
def test_all_below_a_supervisor_that_leaves_leave_with_it(module: Make) -> None:
    """They are held, too, so that they are what they were if the upgrade fails."""
    tree = module(
        "m_tree",
        TREE
        + source("""
        class Above(otpy.Supervisor):
            def init(self, arg):
                return SupFlags(), [Top.child_spec(None, id="top"), child("d")]
    """),
    )
    above: Any = tree.Above.start_link()
    new = otpy.sys.get_state(above)
    plan = new.plan(new.replaced(new.flags, []))
    assert len(children.leaving(above, plan)) == 5
    otpy.stop(above, timeout=DEADLINE)


@inside
def test_a_supervisor_whose_children_still_start_is_in_nobodys_way(module: Make) -> None:
    """It has no state yet that its new `init` could be compared with; when it has, it is asked like the others."""
    before = source("""
        import otpy

        __vsn__ = "1"

        class Slow(otpy.GenServer):
            def init(self, arg):
                otpy.send("test", otpy.self_pid())
                otpy.receive()
                return otpy.Ok(arg)

        class Top(otpy.Supervisor):
            def init(self, arg):
                return otpy.SupFlags(), [Slow.child_spec(1)]
    """)
    otpy.register("test", otpy.self_pid())
    made = module("m_slow", before)
    starter = otpy.spawn(lambda: otpy.send("test", made.Top.start()))
    child = otpy.receive(timeout=20.0)
    with at_step("suspend", lambda: otpy.send(child, "go on")):
        after = before.replace('"1"', '"2"').replace("SupFlags()", "SupFlags('rest_for_one')")
        report = upgrade.reload_module("m_slow", after)
    assert report.status == "completed"
    top = otpy.receive(timeout=20.0)
    assert otpy.sys.get_state(top).flags.strategy == "rest_for_one"
    otpy.exit(starter, otpy.Kill())


IDS = source("""
    from dataclasses import dataclass
    import otpy

    @dataclass(frozen=True)
    class Key:
        number: int

    class Child(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)

    class Top(otpy.Supervisor):
        def init(self, arg):
            flags = otpy.SupFlags(intensity=100)
            return flags, [Child.child_spec(id=Key(number), restart="transient") for number in range(3)]
""")
OTHER_IDS = {
    "a field more": IDS.replace("number: int", "number: int\n    day: int = 0"),
    "a field more that has no value of its own": IDS.replace(
        "number: int", "number: int\n    day: tuple = field(default_factory=tuple)"
    ).replace("import dataclass", "import dataclass, field"),
    "another class": IDS.replace("frozen=True", "frozen=True, slots=True"),
}


@pytest.mark.parametrize("step", [None, "children"])
@pytest.mark.parametrize("new", OTHER_IDS.values(), ids=OTHER_IDS)
@inside
def test_children_whose_ids_are_of_a_changed_class_stay_the_same(module: Make, new: str, step: str | None) -> None:
    """They are found by the new ids, those too that were asked for; and each stands there once."""
    made = module("m_ids", IDS)
    top = made.Top.start()
    otpy.supervisor.start_child(top, made.Child.child_spec(id=made.Key(3), restart="transient"))
    before = numbered(top)
    if step is None:
        report = upgrade.reload_module("m_ids", new)
        assert report.supervisor_changes == ()
    else:
        with pytest.raises(otpy.UpgradeError):
            upgrade.reload_module("m_ids", new, force_rollback_at=step)
    assert numbered(top) == before
    for number, child in before.items():
        otpy.supervisor.terminate_child(top, made.Key(number))
        assert not otpy.is_alive(child)
        assert otpy.is_alive(otpy.supervisor.restart_child(top, made.Key(number)))
    assert len(otpy.supervisor.which_children(top)) == len(before)


def numbered(top: otpy.Pid) -> dict[int, Any]:
    """Return the children of *top* by the numbers in their ids, of which none may stand there twice."""
    rows = otpy.supervisor.which_children(top)
    ids: list[Any] = [row.id for row in rows]
    found = {ident.number: row.child for ident, row in zip(ids, rows, strict=True)}
    assert len(found) == len(rows)
    return found


@inside
def test_ids_that_would_be_equal_are_refused(module: Make) -> None:
    """One of the two children would be forgotten, and run on."""
    made = module("m_ids", IDS)
    top = made.Top.start()
    before = otpy.supervisor.which_children(top)
    with pytest.raises(otpy.MigrationFailed, match="after the migration"):
        upgrade.reload_module("m_ids", IDS.replace("number: int", "day: int = 0").replace("Key(number)", "number"))
    assert otpy.supervisor.which_children(top) == before
