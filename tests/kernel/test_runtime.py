"""Runtimes: beginning, ending, following one another; and `run`."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import otpy
from otpy.errors import BlockingRefused, NotRunning
from otpy.kernel.table import table
from tests.support import (
    DEADLINE,
    Echo,
    HandClock,
    ThreadEcho,
    down,
    eventually,
    eventually_outside,
    get,
    idle_process,
    reason_of,
)


class Witness(otpy.GenServer[Any]):
    """Writes down its end."""

    def init(self, arg: tuple[list[Any], str]) -> otpy.Ok[Any]:
        """Trap exits, so that terminate is called."""
        otpy.trap_exit(True)
        return otpy.Ok(arg)

    def handle_call(self, request: Any, from_: otpy.From, state: Any) -> Any:
        """Run the request."""
        return otpy.Reply(request(), state)

    def terminate(self, reason: Any, state: Any) -> None:
        """Write it down."""
        ends, name = state
        ends.append((name, reason))


# -- the end ---------------------------------------------------------------------------------------


def test_roots_are_stopped_in_reverse_start_order() -> None:
    """What started later may need what started earlier, to its end."""
    ends: list[Any] = []
    with otpy.runtime():
        for name in "abc":
            Witness.start((ends, name))
    assert ends == [(name, otpy.Shutdown()) for name in "cba"]


def test_a_process_whose_starter_is_gone_is_a_root_too() -> None:
    """It is ended in order, through terminate, not just killed."""
    ends: list[Any] = []
    otpy.run(Witness.start, (ends, "orphan"))
    assert ends == [("orphan", otpy.Shutdown())]


def test_what_a_root_has_started_ends_after_it() -> None:
    """Linked or not."""
    ends: list[Any] = []
    with otpy.runtime():
        root = Witness.start((ends, "root"))
        otpy.call(root, lambda: Witness.start((ends, "child")))
    assert [name for name, _ in ends] == ["root", "child"]


def test_who_does_not_end_in_time_is_killed() -> None:
    """A process that traps exits and ignores them, and one that blocks."""
    go_on = threading.Event()

    def stubborn() -> None:
        otpy.trap_exit(True)
        while True:
            otpy.receive()

    with otpy.runtime(shutdown_timeout=0.05):
        pids = [otpy.spawn(stubborn), ThreadEcho.start()]
        otpy.cast(pids[1], lambda: go_on.wait(DEADLINE))
        eventually(lambda: otpy.process_info(pids[1]).status == "running")  # type: ignore[union-attr]
    assert not any(map(otpy.is_alive, pids))
    go_on.set()


def test_parked_processes_leave_their_code_before_the_runtime_is_gone() -> None:
    """Their `finally` blocks have run when the `with` is left."""
    left: list[int] = []

    def wait(number: int) -> None:
        try:
            otpy.receive()
        finally:
            left.append(number)

    with otpy.runtime():
        for number in range(50):
            otpy.spawn(wait, number)
        otpy.call(Echo.start(), "everybody waits now")
    assert sorted(left) == list(range(50))


def test_nothing_is_left_in_the_table() -> None:
    """Of a runtime that has ended: no process, no name, no thread that still works."""
    before = len(table.processes())
    with otpy.runtime() as runtime:
        for number in range(10):
            Echo.start(name=f"name {number}")
            ThreadEcho.start()
            idle_process()
    assert len(table.processes()) == before
    assert runtime.names == {}
    eventually(lambda: not any(t.name.startswith(("otpy-scheduler", "otpy-monitor")) for t in threading.enumerate()))


def test_a_process_of_a_stopped_runtime_is_dead() -> None:
    """Its pid is still good for asking."""
    with otpy.runtime():
        pid = Echo.start()
    with otpy.runtime():
        assert not otpy.is_alive(pid)
        assert reason_of(pid) == otpy.NoProc()
        with pytest.raises(otpy.NoProcess):
            otpy.call(pid, "hello")


def test_the_thread_that_stops_survives_a_crashing_child() -> None:
    """Even if its own process was ended by a link before."""
    with otpy.runtime():
        server = Echo.start()

        def crash() -> None:
            raise otpy.ExitProcess("boom")

        me = otpy.self_pid()
        otpy.spawn_link(crash)
        process: Any = me
        eventually_outside(lambda: process.exit_reason is not None)
    assert not otpy.is_alive(server)


def test_an_error_in_the_block_is_raised_and_everything_stops_all_the_same() -> None:
    """The `with` hides nothing."""
    ends: list[Any] = []

    def fail() -> None:
        with otpy.runtime():
            Witness.start((ends, "a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(ends) == 1


# -- several ---------------------------------------------------------------------------------------


def test_runtimes_follow_one_another() -> None:
    """Each is fresh, also for the thread that uses them."""
    pids = []
    for _ in range(5):
        with otpy.runtime():
            pids.append(otpy.self_pid())
            assert otpy.call(Echo.start(name="echo"), "hello") == "hello"
    assert len(set(pids)) == 5


def test_runtimes_can_be_nested() -> None:
    """The inner one is the current one; the thread's process in the outer one lives on, with its mailbox."""
    with otpy.runtime():
        outer, server = otpy.self_pid(), Echo.start()
        otpy.send(outer, "kept")
        with otpy.runtime():
            inner = otpy.self_pid()
            assert inner is not outer
            assert otpy.call(server, "across") == "across"
            own = Echo.start()
        assert not otpy.is_alive(own)
        assert otpy.is_alive(outer)
        assert otpy.self_pid() is outer
        assert get() == "kept"
        assert otpy.call(server, "still") == "still"


def test_a_runtime_inside_a_process_is_refused() -> None:
    """It would block the scheduler of the one around it. The error says what to do."""

    def nest() -> None:
        with otpy.runtime():
            pass

    with pytest.raises(BlockingRefused, match="thread of your own"):
        otpy.run(nest)


def test_starting_in_a_stopped_runtime_is_refused() -> None:
    """By name, not by a hang."""
    with otpy.runtime() as runtime:
        process: Any = Echo.start()
    with pytest.raises(NotRunning):
        runtime.launch(process)


# -- run -------------------------------------------------------------------------------------------


def test_run_returns_what_main_returns() -> None:
    """And hands on its arguments."""
    assert otpy.run(divmod, 7, 2) == (3, 1)


@pytest.mark.parametrize("error", [ValueError("usual"), SystemExit(3), KeyboardInterrupt(), BaseException("odd")])
def test_run_raises_what_main_raises(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback, and without a crash report: it has reached somebody."""

    def main() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        otpy.run(main)
    assert raised.value is error
    assert "main" in [entry.name for entry in raised.traceback]
    assert caplog.records == []


def test_run_of_a_main_that_is_killed_says_so() -> None:
    """Or that ends itself, with a reason."""
    with pytest.raises(otpy.ServerExited) as exited:
        otpy.run(lambda: otpy.exit(otpy.self_pid(), otpy.Kill()))
    assert exited.value.reason == otpy.Killed()


def test_run_uses_the_runtime_there_is() -> None:
    """And leaves it running."""
    with otpy.runtime():
        server = Echo.start(name="echo")
        assert otpy.run(otpy.call, "echo", "hello") == "hello"
        assert otpy.is_alive(server)
        assert otpy.run(lambda: otpy.run(otpy.call, "echo", "nested")) == "nested"


def test_run_ends_when_main_ends() -> None:
    """Whatever else still runs is stopped."""
    ends: list[Any] = []

    def main() -> str:
        Witness.start_link((ends, "linked"))
        Witness.start((ends, "free"))
        return "result"

    assert otpy.run(main) == "result"
    assert sorted(name for name, _ in ends) == ["free", "linked"]


def test_main_is_a_process_like_every_other() -> None:
    """It can be sent to, linked and monitored."""

    def main() -> Any:
        me = otpy.self_pid()
        assert me in otpy.processes()
        otpy.spawn(otpy.send, me, "hello")
        _, ref = otpy.spawn_monitor(lambda: None)
        assert down(ref) == otpy.Normal()
        return get()

    assert otpy.run(main) == "hello"


class Sleeper(otpy.GenServer[None]):
    """Takes its time to end, by a clock that does not move."""

    def init(self, arg: object) -> otpy.Ok[None]:
        """Be told to end."""
        otpy.trap_exit(True)
        return otpy.Ok(None)

    def terminate(self, reason: object, state: None) -> None:
        """Sleep."""
        otpy.sleep(1)


def test_a_clock_that_stands_still_does_not_keep_a_runtime_from_its_end() -> None:
    """Who does not end in time is killed, and that time is the machine's."""
    with otpy.runtime(clock=HandClock(), shutdown_timeout=0.05):
        pid = Sleeper.start()
    assert not otpy.is_alive(pid)
