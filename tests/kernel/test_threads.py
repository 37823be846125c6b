"""Threads that are processes, and processes that have a thread."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.errors import BlockingRefused, NotRunning
from otpy.kernel.here import here
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime, current_runtime
from otpy.kernel.table import table
from otpy.kernel.threads import ForeignThread, ThreadRunner
from tests.support import (
    DEADLINE,
    Echo,
    ThreadEcho,
    down,
    eventually,
    eventually_outside,
    get,
    inside,
    reason_of,
    status,
)

MANY = 10_000


def test_ten_thousand_short_lived_threads_leave_nothing() -> None:
    """Each is a process while it lives; afterwards there is no process, no thread, and nothing in the tables."""
    with otpy.runtime():
        server = Echo.start()
        runtime: Any = here.process.runtime  # type: ignore[union-attr]
        otpy.call(server, "warm")
        threads, entries, foreign = threading.active_count(), len(table.processes()), len(runtime._foreign)
        done: list[int] = []

        def use() -> None:
            done.append(otpy.call(server, 1, timeout=DEADLINE))

        for _ in range(MANY // 20):
            batch = [threading.Thread(target=use) for _ in range(20)]
            for thread in batch:
                thread.start()
            for thread in batch:
                thread.join()
        assert len(done) == MANY
        gc.collect()
        eventually(lambda: len(runtime._foreign) == foreign)
        eventually(lambda: threading.active_count() <= threads + 1)
        assert len(table.processes()) == entries


def test_the_end_of_a_thread_is_the_end_of_its_process() -> None:
    """Links and monitors are told, as of any other: Normal()."""
    with otpy.runtime():
        pids: list[otpy.Pid] = []
        go_on = threading.Event()

        def live() -> None:
            pids.append(otpy.self_pid())
            go_on.wait(DEADLINE)

        thread = threading.Thread(target=live)
        thread.start()
        eventually(lambda: pids)
        ref = otpy.monitor(pids[0])
        assert otpy.is_alive(pids[0])
        go_on.set()
        thread.join()
        assert down(ref) == otpy.Normal()


def test_a_thread_can_be_killed_as_a_process_and_goes_on_as_a_thread() -> None:
    """It cannot be stopped, but its next use of otpy tells it, and what it waits for ends."""
    with otpy.runtime():
        pids: list[otpy.Pid] = []
        told: list[Any] = []

        def live() -> None:
            pids.append(otpy.self_pid())
            try:
                otpy.receive()
            except otpy.ExitProcess as order:
                told.append(order.reason)
            pids.append(otpy.self_pid())

        thread = threading.Thread(target=live)
        thread.start()
        eventually(lambda: pids)
        otpy.exit(pids[0], otpy.Kill())
        thread.join()
        assert told == [otpy.Killed()]
        assert pids[1] is not pids[0]


def test_a_thread_that_waits_while_the_runtime_stops_is_told() -> None:
    """Else it would wait for ever."""
    told: list[Exception] = []
    pids: list[otpy.Pid] = []

    def wait() -> None:
        pids.append(otpy.self_pid())
        try:
            otpy.receive()
        except NotRunning as error:
            told.append(error)

    thread = threading.Thread(target=wait)
    with otpy.runtime():
        thread.start()
        eventually(lambda: pids and otpy.process_info(pids[0]).status == "waiting")  # type: ignore[union-attr]
    thread.join(DEADLINE)
    assert len(told) == 1


def test_a_thread_that_outlives_a_runtime_is_at_home_in_the_next() -> None:
    """Thread pools live longer than systems in tests."""
    answers: list[Any] = []
    server: list[otpy.Pid] = []
    turn = [threading.Event() for _ in range(2)]
    done = threading.Semaphore(0)

    def work() -> None:
        for event in turn:
            event.wait(DEADLINE)
            answers.append(otpy.call(server[-1], "hello"))
            done.release()

    thread = threading.Thread(target=work)
    thread.start()
    for event in turn:
        with otpy.runtime():
            server.append(Echo.start())
            event.set()
            assert done.acquire(timeout=DEADLINE)
    thread.join()
    assert answers == ["hello", "hello"]


@inside
def test_runs_on_thread_is_one_thread_for_the_whole_life() -> None:
    """sqlite3 and thread-locals count on it: init, messages, sys functions, timeouts and terminate."""
    idents: list[int] = []

    class Server(otpy.GenServer[None]):
        """Notes where each callback runs."""

        runs_on = "thread"

        def init(self, arg: object) -> otpy.Ok[None]:
            idents.append(threading.get_ident())
            return otpy.Ok(None, then=otpy.Continue())

        def handle_continue(self, arg: object, state: None) -> Any:
            idents.append(threading.get_ident())
            return otpy.NoReply(state, then=otpy.After(0.001))

        def handle_info(self, message: object, state: None) -> Any:
            idents.append(threading.get_ident())
            return otpy.NoReply(state)

        def handle_call(self, request: object, from_: otpy.From, state: None) -> Any:
            otpy.sleep(0.001)
            idents.append(threading.get_ident())
            return otpy.Reply(None, state)

        def terminate(self, reason: object, state: None) -> None:
            idents.append(threading.get_ident())

    pid = Server.start()
    eventually(lambda: len(idents) == 3)
    otpy.call(pid, None)
    otpy.sys.replace_state(pid, lambda _: idents.append(threading.get_ident()))
    otpy.stop(pid)
    assert len(idents) == 6
    assert len(set(idents)) == 1
    assert threading.get_ident() not in idents


@inside
def test_two_processes_on_threads_block_without_hurting_each_other() -> None:
    """That is what the threads are for."""
    both = threading.Barrier(2)
    requests = [otpy.send_request(ThreadEcho.start(), lambda: both.wait(DEADLINE)) for _ in range(2)]
    assert sorted(otpy.wait_response(request, timeout=DEADLINE) for request in requests) == [0, 1]


@inside
def test_the_thread_of_a_process_ends_with_it() -> None:
    """Normally, killed while idle, killed while waiting."""
    before = set(threading.enumerate())
    stopped, idle, waiting = (ThreadEcho.start() for _ in range(3))
    otpy.cast(waiting, otpy.receive)
    eventually(lambda: otpy.process_info(waiting).status == "waiting")  # type: ignore[union-attr]
    own = [thread for thread in set(threading.enumerate()) - before if "ThreadEcho" in thread.name]
    assert len(own) == 3
    otpy.stop(stopped)
    otpy.exit(idle, otpy.Kill())
    otpy.exit(waiting, otpy.Kill())
    eventually(lambda: not any(thread.is_alive() for thread in own))


# -- blocking --------------------------------------------------------------------------------------


@inside
def test_blocking_holds_up_only_who_asked() -> None:
    """All of them block at the same time, and messages are handled meanwhile."""
    count = 10
    all_of_them = threading.Barrier(count)
    refs = [otpy.spawn_monitor(otpy.blocking, all_of_them.wait, DEADLINE)[1] for _ in range(count)]
    assert otpy.call(Echo.start(), "meanwhile") == "meanwhile"
    assert [down(ref) for ref in refs] == [otpy.Normal()] * count


@inside
def test_blocking_returns_and_raises_what_the_function_does() -> None:
    """SystemExit included."""
    assert otpy.blocking(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        otpy.blocking(divmod, 1, 0)
    with pytest.raises(SystemExit):
        otpy.blocking(exit, 1)


def test_blocking_in_a_thread_just_calls() -> None:
    """A thread of one's own may block."""
    with otpy.runtime():
        assert otpy.blocking(threading.get_ident) == threading.get_ident()


@inside
def test_waiting_inside_blocking_code_is_refused() -> None:
    """It is no process there; the message of the error is all that a user has."""
    with pytest.raises(BlockingRefused, match="a function given to"):
        otpy.blocking(otpy.receive)
    otpy.blocking(otpy.send, otpy.self_pid(), "sent")
    assert get() == "sent"


@inside
def test_helper_threads_are_used_again() -> None:
    """Not one for each call."""
    idents = {otpy.blocking(threading.get_ident) for _ in range(50)}
    assert len(idents) < 25


@inside
def test_a_trapped_parent_thread_hears_of_its_children() -> None:
    """start_link from a process on a thread links with that process."""
    parent = ThreadEcho.start()
    child = otpy.call(parent, Echo.start_link)
    otpy.exit(parent, "gone")
    assert reason_of(child) in ("gone", otpy.NoProc())
    assert otpy.flush() == []
    otpy.send(otpy.self_pid(), "end")
    assert get() == "end"


# -- Ctrl-C, at moments that no signal can be aimed at


def interrupted(*_: object) -> None:
    """Stand in for what the signal comes in the middle of."""
    raise KeyboardInterrupt


WAITS: dict[str, Callable[[otpy.Pid], object]] = {
    "call": lambda server: otpy.call(server, 1),
    "sleep": lambda _server: otpy.sleep(100),
    "receive": lambda _server: otpy.receive(),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
@pytest.mark.usefixtures("otp_runtime")
def test_ctrl_c_just_before_a_thread_waits_leaves_nothing_of_the_wait(
    monkeypatch: pytest.MonkeyPatch, wait: Callable[[otpy.Pid], object]
) -> None:
    """Else the thread could not wait any more: a runtime that ends would kill its servers without a word."""
    server = Echo.start()
    with monkeypatch.context() as patch:
        patch.setattr(ThreadRunner, "park", interrupted)
        with pytest.raises(KeyboardInterrupt):
            wait(server)
    assert status(otpy.self_pid()) == "running"
    assert otpy.call(server, 2) == 2


def test_ctrl_c_before_a_timer_is_set_leaves_the_next_to_set_its_own(
    monkeypatch: pytest.MonkeyPatch, otp_runtime: Runtime
) -> None:
    """A process sets no timer where it has an earlier one, so it must not count on one that never was."""
    with monkeypatch.context() as patch:
        patch.setattr(otp_runtime.timers, "_put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            otpy.sleep(0.001)
    otpy.sleep(0.001)


def test_an_answer_that_came_before_the_runtime_stopped_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread may wake up only when all is over; whoever answered it has done so."""
    woken = ForeignThread.park

    def wake_late(self: ForeignThread, process: Process) -> None:
        woken(self, process)
        if process is not me:
            return
        eventually_outside(lambda: process.runtime.stopped)

    def halting() -> str:
        otpy.spawn(current_runtime().halt, otpy.Shutdown("over"))
        return "answered"

    with otpy.runtime():
        me, pid = otpy.self_pid(), Echo.start()
        monkeypatch.setattr(ForeignThread, "park", wake_late)
        assert otpy.call(pid, halting) == "answered"
        monkeypatch.undo()
