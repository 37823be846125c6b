"""Registered names."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import otpy
from tests.support import idle_process, inside, reason_of


# case: gen_server_test.exs: whereis/1
@inside
def test_a_name_stands_for_its_process() -> None:
    """Everywhere where a pid can stand."""
    me = otpy.self_pid()
    otpy.register("me", me)
    assert otpy.whereis("me") is me
    assert otpy.registered() == ["me"]
    otpy.send("me", "hello")
    assert otpy.flush() == ["hello"]
    otpy.unregister("me")
    assert otpy.whereis("me") is None


@inside
def test_a_taken_name_is_refused_with_its_owner() -> None:
    """The error says who has it."""
    owner = idle_process()
    otpy.register("taken", owner)
    with pytest.raises(otpy.AlreadyRegistered) as error:
        otpy.register("taken", otpy.self_pid())
    assert (error.value.name, error.value.pid) == ("taken", owner)


@inside
def test_the_end_of_a_process_frees_its_names() -> None:
    """Before anybody hears of the end, so that who hears it can take the name."""
    pid = idle_process()
    otpy.register("one", pid)
    otpy.register("two", pid)
    ref = otpy.monitor(pid)
    otpy.exit(pid, otpy.Kill())
    otpy.receive(lambda m: isinstance(m, otpy.Down) and m.ref is ref)
    assert otpy.registered() == []
    otpy.register("one", otpy.self_pid())


@inside
def test_the_dead_get_no_name() -> None:
    """It would never be freed."""
    pid = otpy.spawn(lambda: None)
    reason_of(pid)
    with pytest.raises(otpy.NoProcess):
        otpy.register("ghost", pid)
    assert otpy.whereis("ghost") is None


@inside
def test_unregistering_an_unknown_name_raises() -> None:
    """As in Erlang."""
    with pytest.raises(otpy.NoProcess):
        otpy.unregister("nobody")


@pytest.mark.parametrize("name", ["", None, 42])
@inside
def test_names_are_strings(name: Any) -> None:
    """The error says so."""
    with pytest.raises(TypeError, match="non-empty str"):
        otpy.register(name, otpy.self_pid())


@inside
def test_one_of_many_who_want_a_name_gets_it() -> None:
    """And the name has one owner, who knows of it."""
    for _ in range(20):
        pids = [idle_process() for _ in range(4)]
        won: list[otpy.Pid] = []
        barrier = threading.Barrier(len(pids))

        def want(pid: otpy.Pid, won: list[otpy.Pid] = won, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            try:
                otpy.register("wanted", pid)
            except otpy.AlreadyRegistered:
                return
            won.append(pid)

        threads = [threading.Thread(target=want, args=(pid,)) for pid in pids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [otpy.whereis("wanted")]
        otpy.exit(won[0], otpy.Kill())
        assert otpy.whereis("wanted") is None


def test_each_runtime_has_its_own_names() -> None:
    """Two systems in one interpreter do not get in each other's way."""
    with otpy.runtime():
        otpy.register("name", otpy.self_pid())
        with otpy.runtime():
            assert otpy.whereis("name") is None
            otpy.register("name", otpy.self_pid())
        assert otpy.whereis("name") is otpy.self_pid()
