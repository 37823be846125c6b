"""Random children, random new specs, and a random end: what stands afterwards is all new, or all as before."""

from __future__ import annotations

from typing import Any, final

from hypothesis import given, settings
from hypothesis import strategies as st

import otpy
from otpy.behaviours.child_spec import ChildSpec, SupFlags, check_spec
from otpy.behaviours.children_ordered import OrderedChildren
from otpy.kernel.runtime import run_on_thread
from otpy.kernel.suspension import Suspension
from otpy.upgrade import children
from tests.support import DEADLINE

journal: list[tuple[str, str]] = []


class Worker(otpy.GenServer[str]):
    """Writes down its beginning and its end."""

    def init(self, arg: str) -> otpy.Ok[str]:
        """Begin."""
        otpy.trap_exit(True)
        journal.append(("start", arg))
        return otpy.Ok(arg)

    def handle_call(self, request: object, from_: otpy.From, state: str) -> Any:
        """Tell what it was started with."""
        return otpy.Reply(state, state)

    def terminate(self, reason: object, state: str) -> None:
        """End."""
        journal.append(("end", state))


class Top(otpy.Supervisor):
    """Its init returns the last of what it was given."""

    def init(self, arg: Any) -> Any:
        """Return flags and specs."""
        return arg[-1]


def _spec(ident: str, version: int, shutdown: int, named: bool) -> ChildSpec:
    name = f"random {ident}" if named else None
    found = check_spec(Worker.child_spec(f"{ident}{version}", id=ident, shutdown=shutdown, name=name))
    assert isinstance(found, ChildSpec)
    return found


_SPECS = st.lists(st.sampled_from("abcdef"), unique=True).flatmap(
    lambda idents: st.tuples(
        *(st.builds(_spec, st.just(i), st.integers(1, 2), st.integers(1, 2), st.booleans()) for i in idents)
    )
)
_FLAGS = st.builds(SupFlags, st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]), st.integers(50, 51))


@final
class Upgrade:
    """What a transaction does with one supervisor, up to a step."""

    def __init__(self, top: Any, ends_after: str) -> None:
        self.top = top
        self.ends_after = ends_after

    def run(self) -> list[str]:
        """Return what went wrong after the commit."""
        top = self.top
        plan, _ = children.proposal(top, Top)
        old = top.state
        suspension = Suspension(top.runtime)
        suspension.suspend(lambda: [[top, *children.leaving(top, plan)]], DEADLINE)
        try:
            succession = children.succession(top, old, _converted(top))
            if succession is None:
                return []
            top.state = succession._state
            assert suspension.run([top], succession.start, DEADLINE) == [None]
            if self.ends_after != "commit":
                assert suspension.run([top], succession.end, DEADLINE) == [None]
                top.state = old
                return []
            succession.hand_over()
        finally:
            suspension.resume()
        return succession.finish(timeout=DEADLINE)


def _converted(top: Any) -> Any:
    return top.actor.code_change(None, top.state).state


@settings(deadline=None)  # a busy machine is no failure
@given(_SPECS, _SPECS, _FLAGS, _FLAGS, st.sampled_from(["commit", "rollback"]))
def test_all_new_or_all_as_before(
    old: tuple[ChildSpec, ...], new: tuple[ChildSpec, ...], was: SupFlags, now: SupFlags, ends_after: str
) -> None:
    """And each child that may live on is the same process, before, meanwhile and after."""
    with otpy.runtime():
        script: list[Any] = [(was, old)]
        top = Top.start(script)
        before = _running(top)
        script.append((now, new))
        journal.clear()
        assert run_on_thread(Upgrade(top, ends_after).run, label="upgrade") == []
        after, state = _running(top), otpy.sys.get_state(top)
        assert isinstance(state, OrderedChildren)
        assert (state.leaving, set(state.running)) == ([], set(after.values()))
        if ends_after == "rollback":
            assert (list(after.items()), state.flags) == (list(before.items()), was)
            assert [who for what, who in journal if what == "end"] == _reversed_starts()
            return
        assert (list(after), state.flags) == ([spec.id for spec in new], now)
        assert [otpy.call(pid, "") for pid in after.values()] == [_started_with(spec) for spec in new]
        _check_who_lives(old, new, before, after)


def _check_who_lives(
    old: tuple[ChildSpec, ...], new: tuple[ChildSpec, ...], before: dict[Any, Any], after: dict[Any, Any]
) -> None:
    starts = {spec.id: spec.start for spec in old}
    same = [spec.id for spec in new if starts.get(spec.id) == spec.start]
    assert {ident: after[ident] for ident in same} == {ident: before[ident] for ident in same}
    gone = [spec for spec in old if spec.id not in same]
    assert not any(otpy.is_alive(before[spec.id]) for spec in gone)
    ends = [who for what, who in journal if what == "end"]
    removed = [_started_with(spec) for spec in gone if spec.id not in after]
    assert [who for who in ends if who in removed] == removed[::-1]
    assert sorted(ends) == sorted(_started_with(spec) for spec in gone)


def _started_with(spec: ChildSpec) -> Any:
    start: Any = spec.start
    return start.args[0]


def _reversed_starts() -> list[str]:
    return [who for what, who in journal if what == "start"][::-1]


def _running(top: otpy.Pid) -> dict[Any, Any]:
    return {info.id: info.child for info in reversed(otpy.supervisor.which_children(top))}
