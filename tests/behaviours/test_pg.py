"""Process groups. What joins, leaves and deaths do in which order is compared with OTP in tests/oracle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy import pg
from otpy.kernel.plane import in_plane
from otpy.kernel.runtime import current_runtime
from tests.support import DEADLINE, down, eventually, get, idle_process, inside, reason_of

Joined, Left = pg.Joined, pg.Left


@inside
def test_the_default_scope_needs_no_start() -> None:
    """The running process joins unless others are given."""
    me, other = otpy.self_pid(), idle_process()
    pg.join("rooms")
    pg.join("rooms", other)
    pg.join(("room", 1), [me, other])
    assert pg.members("rooms") == pg.get_members("rooms") == pg.get_local_members("rooms") == [other, me]
    assert pg.members(("room", 1)) == [me, other]
    assert pg.members("absent") == []
    assert set(pg.which_groups()) == set(pg.which_local_groups()) == {"rooms", ("room", 1)}


@inside
def test_who_joins_twice_leaves_twice() -> None:
    """As in OTP; who is not in the group gets False."""
    pg.join("g")
    pg.join("g")
    assert pg.members("g") == [otpy.self_pid()] * 2
    assert pg.leave("g")
    assert pg.members("g") == [otpy.self_pid()]
    assert pg.leave("g")
    assert not pg.leave("g")
    assert not pg.leave("never")
    assert pg.which_groups() == []


@inside
def test_the_dead_have_left_when_their_monitors_hear() -> None:
    """That is more than OTP promises, where the scope hears of it when everybody does."""
    for _ in range(50):
        pid = idle_process()
        pg.join("a", [pid, pid])
        pg.join("b", pid)
        ref = otpy.monitor(pid)
        otpy.exit(pid, otpy.Kill())
        down(ref)
        assert pg.which_groups() == []
        pg.join("a", pid)
        assert pg.members("a") == []


@inside
def test_a_monitor_of_a_group_hears_of_its_changes_only() -> None:
    """From the members of the moment on; until demonitor, which takes out what has come meanwhile."""
    me, other = otpy.self_pid(), idle_process()
    pg.join("g", other)
    ref, members = pg.monitor("g")
    assert members == [other]
    pg.join("h", me)
    pg.join("g", [me, other])
    pg.leave("g", me)
    otpy.exit(other, otpy.Kill())
    assert [get() for _ in range(4)] == [
        Joined(ref, "g", (me, other)),
        Left(ref, "g", (me,)),
        Left(ref, "g", (other,)),
        Left(ref, "g", (other,)),
    ]
    pg.join("g", me)
    otpy.send(me, "mine")
    assert pg.demonitor(ref)
    assert not pg.demonitor(ref)
    pg.leave("g", me)
    assert otpy.flush() == ["mine"]


@inside
def test_a_monitor_of_a_scope_hears_of_all_groups() -> None:
    """And is told who is in which at the start."""
    me, other = otpy.self_pid(), idle_process()
    pg.join("g", [me, other])
    ref, groups = pg.monitor_scope()
    assert groups == {"g": [me, other]}
    pg.join("h", other)
    pg.leave("g", me)
    assert [get(), get()] == [Joined(ref, "h", (other,)), Left(ref, "g", (me,))]
    assert pg.demonitor(ref)


@inside
def test_who_watches_and_ends_is_forgotten() -> None:
    """Nothing is kept for the dead."""
    asker = otpy.self_pid()
    watcher = otpy.spawn(lambda: (pg.monitor("g"), pg.monitor_scope(), otpy.send(asker, "watches"), otpy.receive()))
    assert get() == "watches"
    watchers = current_runtime().scopes["pg"].watchers
    assert len(watchers.entries()) == 2
    otpy.exit(watcher, otpy.Kill())
    reason_of(watcher)
    assert watchers.entries() == []
    assert watchers.by_ref == {}
    pg.join("g")
    assert pg.leave("g")


@inside
def test_a_group_that_was_empty_is_still_watched() -> None:
    """Who watches a group hears of its first member, however often it was empty in between."""
    ref, members = pg.monitor("g")
    assert members == []
    for _ in range(3):
        pg.join("g")
        pg.leave("g")
    assert [type(get()) for _ in range(6)] == [Joined, Left] * 3
    assert pg.demonitor(ref)


# -- scopes ----------------------------------------------------------------------------------------


@inside
def test_scopes_know_nothing_of_each_other() -> None:
    """The same group in two scopes is two groups."""
    pid = pg.start_link("other")
    assert otpy.whereis("other") is pid
    pg.join("g", scope="other")
    assert pg.members("g") == []
    assert pg.members("g", scope="other") == [otpy.self_pid()]
    assert pg.which_groups(scope="other") == ["g"]
    with pytest.raises(otpy.AlreadyStarted) as error:
        pg.start("other")
    assert error.value.pid is pid


@inside
def test_the_groups_of_a_scope_end_with_it() -> None:
    """Its members live on: they are not linked with it, as in OTP."""
    pid = pg.start("other")
    pg.join("g", scope="other")
    pg.monitor("g", scope="other")
    otpy.exit(pid, otpy.Kill())
    reason_of(pid)
    with pytest.raises(otpy.NoProcess):
        pg.members("g", scope="other")
    otpy.supervisor.start_link([pg.child_spec("other")])
    assert pg.which_groups(scope="other") == []
    pg.join("g", scope="other")
    assert pg.members("g", scope="other") == [otpy.self_pid()]


@inside
def test_a_scope_may_be_in_its_own_groups() -> None:
    """It leaves them without forgetting what it is."""
    pid = pg.start("other")
    pg.join("g", pid, scope="other")
    assert pg.leave("g", pid, scope="other")
    otpy.exit(pid, otpy.Kill())
    reason_of(pid)
    with pytest.raises(otpy.NoProcess):
        pg.members("g", scope="other")


@inside
def test_the_default_scope_may_be_started() -> None:
    """For who wants it in a tree: what has joined before stays."""
    pg.join("g")
    pid = pg.start_link()
    assert pg.members("g") == [otpy.self_pid()]
    otpy.unlink(pid)
    otpy.stop(pid)
    assert pg.members("g") == []
    pg.join("g")
    assert pg.members("g") == [otpy.self_pid()]


UNKNOWN: dict[str, Callable[[], object]] = {
    "join": lambda: pg.join("g", scope="nowhere"),
    "leave": lambda: pg.leave("g", scope="nowhere"),
    "members": lambda: pg.members("g", scope="nowhere"),
    "which_groups": lambda: pg.which_groups(scope="nowhere"),
    "monitor": lambda: pg.monitor("g", scope="nowhere"),
    "monitor_scope": lambda: pg.monitor_scope(scope="nowhere"),
    "demonitor": lambda: pg.demonitor(otpy.Ref(), scope="nowhere"),
}


@pytest.mark.parametrize("verb", UNKNOWN)
@inside
def test_a_scope_that_was_not_started_is_refused(verb: str) -> None:
    """Most often it is a typing error."""
    with pytest.raises(otpy.NoProcess, match="nowhere"):
        UNKNOWN[verb]()


@inside
def test_bad_input_is_refused() -> None:
    """Where it is given, and nobody has joined."""
    for pids in ("name", [otpy.self_pid(), "name"], 5):
        with pytest.raises(TypeError):
            pg.join("g", pids)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unhashable"):
        pg.join(["g"])
    for scope in ("", None, 1):
        with pytest.raises(TypeError, match="scope"):
            pg.start(scope)  # type: ignore[arg-type]
    assert pg.which_groups() == []


@inside
def test_names_of_groups_are_told_apart_strictly() -> None:
    """As Erlang does: 1, 1.0 and True are three."""
    for group in (1, 1.0, True):
        pg.join(group)
    assert [pg.members(group) for group in (1, 1.0, True)] == [[otpy.self_pid()]] * 3
    assert len(pg.which_groups()) == 3


def test_all_that_is_told_adds_up() -> None:
    """However many threads join, leave and end at once: members are what the messages say, in their order."""
    with otpy.runtime():
        ref, members = pg.monitor("g")
        assert members == []

        def work() -> None:
            for _ in range(100):
                pid = idle_process()
                pg.join("g", [pid, pid])
                if not pg.leave("g", pid):
                    raise AssertionError
                otpy.exit(pid, otpy.Kill())

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        eventually(lambda: pg.members("g") == [])
        there: dict[Any, int] = {}
        for message in otpy.flush():
            for pid in message.pids:
                there[pid] = there.get(pid, 0) + (1 if type(message) is Joined else -1)
                assert there[pid] >= 0
        assert len(there) == 400
        assert set(there.values()) == {0}
        assert pg.demonitor(ref)


@inside
def test_joining_and_leaving_takes_no_longer_in_a_large_group() -> None:
    """Names of groups are compared with one member's, not with everybody's."""
    compared: list[int] = []

    class Name:
        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            compared.append(1)
            return isinstance(other, Name)

    pids = [idle_process() for _ in range(100)]
    for pid in pids:
        pg.join(Name(), pid)
    assert len(compared) <= len(pids)
    compared.clear()
    for pid in pids:
        assert pg.leave(Name(), pid)
    assert len(compared) <= len(pids)


class Wary:
    """A group whose hash and comparison are not to run inside the plane."""

    def __hash__(self) -> int:
        assert not in_plane()
        return 1

    def __eq__(self, other: object) -> bool:
        assert not in_plane()
        return isinstance(other, Wary)


@inside
def test_no_code_of_a_group_runs_under_a_lock() -> None:
    """It may take its time, or use otpy itself."""
    pg.monitor(Wary())
    pg.join(Wary())
    ref, members = pg.monitor(Wary())
    assert members == pg.members(Wary()) == [otpy.self_pid()]
    assert pg.leave(Wary())
    assert pg.demonitor(ref)


@pytest.mark.parametrize("pids", ["name", 5, ["name"], {}.get])
@inside
def test_what_is_no_process_does_not_join(pids: Any) -> None:
    """A name is looked up first, and the error says how."""
    for change in (pg.join, pg.leave):
        with pytest.raises(TypeError, match=r"otpy\.whereis\(name\)"):
            change("g", pids)
    assert pg.which_groups() == []


@pytest.mark.parametrize("scope", [5, None, [], ""])
@inside
def test_what_is_no_scope_is_refused_wherever_it_is_given(scope: Any) -> None:
    """As where it would be started."""
    for use in (pg.join, pg.leave, pg.members, pg.monitor):
        with pytest.raises(TypeError, match="a scope is a non-empty str"):
            use("g", scope=scope)
