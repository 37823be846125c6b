"""Timers: send_after, cancel_timer, and every wait with a timeout. A test moves the clock by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

import otpy
from otpy.errors import CallTimeout
from tests.support import (
    DEADLINE,
    Echo,
    HandClock,
    ThreadEcho,
    down,
    eventually,
    eventually_outside,
    get,
    inside,
    status,
)


@pytest.fixture
def advance() -> Iterator[Callable[[float], None]]:
    """Start a runtime whose clock stands still, and return what lets time pass."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        yield lambda seconds: clock.advance(seconds, runtime)


def test_what_is_no_time_is_refused(advance: Callable[[float], None]) -> None:
    """NaN comes neither before nor after any other: in the heap, nobody's timer would ever be due again."""
    me = otpy.self_pid()
    with pytest.raises(ValueError, match="seconds is nan"):
        otpy.send_after(me, "never", float("nan"))
    otpy.send_after(me, "later", 1.0)
    advance(1.0)
    assert get() == "later"


def test_a_message_comes_when_its_time_has_come(advance: Callable[[float], None]) -> None:
    """Not before, and in the order of their times."""
    me = otpy.self_pid()
    for seconds in (3.0, 1.0, 2.0):
        otpy.send_after(me, seconds, seconds)
    advance(0.5)
    advance(0.5)
    assert get(timeout=None) == 1.0
    advance(2.0)
    assert [get(timeout=None), get(timeout=None)] == [2.0, 3.0]


def test_a_cancelled_timer_tells_what_it_had_left(advance: Callable[[float], None]) -> None:
    """And None where there is nothing left to cancel."""
    timer = otpy.send_after(otpy.self_pid(), "never", 10.0)
    marker = otpy.send_after(otpy.self_pid(), "marker", 4.0)
    advance(4.0)
    assert get(timeout=None) == "marker"
    assert otpy.cancel_timer(timer) == 6.0
    assert otpy.cancel_timer(timer) is None
    assert otpy.cancel_timer(marker) is None
    otpy.send_after(otpy.self_pid(), "last", 10.0)
    advance(20.0)
    assert get(timeout=None) == "last"
    assert otpy.flush() == []


def test_a_name_is_looked_up_when_the_timer_fires(advance: Callable[[float], None]) -> None:
    """Whoever has it then gets the message; nobody is no error."""
    otpy.send_after("later", "hello", 1.0)
    otpy.send_after("nobody", "lost", 1.0)
    otpy.register("later", otpy.self_pid())
    advance(1.0)
    assert get(timeout=None) == "hello"


def test_a_lookup_that_fails_does_not_stop_the_timers(advance: Callable[[float], None]) -> None:
    """It is somebody else's code, and runs on the scheduler."""

    class Broken:
        """A registry whose lookup raises."""

        def whereis_name(self, key: object, /) -> otpy.Pid | None:
            raise LookupError(key)

        register_name = unregister_name = send = whereis_name

    otpy.send_after(otpy.Via(cast("Any", Broken()), "key"), "lost", 1.0)
    otpy.send_after(otpy.self_pid(), "found", 2.0)
    advance(2.0)
    assert get(timeout=None) == "found"


def test_a_call_times_out_by_the_clock(advance: Callable[[float], None]) -> None:
    """With the default of five seconds, and the error says what was asked of whom."""
    server = Echo.start()
    failed: list[CallTimeout] = []

    def ask() -> None:
        try:
            otpy.call(server, otpy.receive)
        except CallTimeout as error:
            failed.append(error)

    caller, ref = otpy.spawn_monitor(ask)
    eventually_outside(lambda: status(caller) == "waiting")
    advance(4.999)
    assert otpy.is_alive(caller)
    advance(0.001)
    assert down(ref, timeout=None) == otpy.Normal()
    assert (failed[0].server, failed[0].timeout) == (server, 5.0)
    assert isinstance(failed[0], TimeoutError)


def test_one_entry_serves_all_waits_of_a_process(advance: Callable[[float], None]) -> None:
    """Call after call with a timeout leaves one entry among the timers, not one each."""
    server = Echo.start()

    def ask() -> None:
        for number in range(500):
            assert otpy.call(server, number) == number
        otpy.send(me, otpy.self_pid())
        with pytest.raises(CallTimeout):
            otpy.call(server, otpy.receive)

    me: Any = otpy.self_pid()
    pid, ref = otpy.spawn_monitor(ask)
    assert get(timeout=None) is pid
    eventually_outside(lambda: status(pid) == "waiting")
    timers: Any = me.runtime.timers
    assert len(timers._heap) + len(timers.incoming) < 5
    advance(5.0)
    assert down(ref, timeout=None) == otpy.Normal()


def test_a_shorter_wait_after_a_longer_one_ends_in_its_own_time(advance: Callable[[float], None]) -> None:
    """The entry of the longer one is in the heap already, and too late for it."""
    me = otpy.self_pid()

    def wait() -> None:
        otpy.receive(timeout=100.0)
        otpy.send(me, "now the shorter one")
        with pytest.raises(otpy.ReceiveTimeout):
            otpy.receive(timeout=1.0)
        otpy.send(me, "done")

    pid = otpy.spawn(wait)
    eventually_outside(lambda: status(pid) == "waiting")
    otpy.send(pid, "go on")
    assert get(timeout=None) == "now the shorter one"
    eventually_outside(lambda: status(pid) == "waiting")
    advance(1.0)
    assert get(timeout=None) == "done"


def test_many_cancelled_timers_are_swept(advance: Callable[[float], None]) -> None:
    """They would otherwise lie in the heap until their time."""
    me: Any = otpy.self_pid()
    for _ in range(5000):
        otpy.cancel_timer(otpy.send_after(me, "never", 1000.0))
    otpy.send_after(me, "now", 0.0)
    advance(0.0)
    assert get(timeout=None) == "now"
    timers = me.runtime.timers
    assert len(timers._heap) < 2500


@inside
def test_cancelling_races_with_firing_and_one_of_them_wins() -> None:
    """Either the message comes and cancel says None, or it says what was left and no message comes."""
    for _ in range(300):
        timer = otpy.send_after(otpy.self_pid(), "fired", 0.0005)
        left: list[float | None] = []
        thread = threading.Thread(target=_cancel, args=(timer, left))
        thread.start()
        thread.join()
        if left == [None]:
            assert get() == "fired"
        else:
            otpy.sleep(0.001)
        assert otpy.flush() == []


def _cancel(timer: otpy.TimerRef, left: list[float | None]) -> None:
    left.append(otpy.cancel_timer(timer))


@pytest.mark.parametrize("server", [Echo, ThreadEcho])
@inside
def test_sleep_lets_everybody_else_run(server: type[Echo]) -> None:
    """A hundred processes sleep at the same time, not one after the other."""
    began = time.monotonic()
    requests = [otpy.send_request(server.start(), lambda: otpy.sleep(0.2)) for _ in range(20)]
    for request in requests:
        otpy.wait_response(request, timeout=DEADLINE)
    assert 0.2 <= time.monotonic() - began < 2.0


@inside
def test_a_timeout_of_a_thread_is_on_time_beside_a_longer_one() -> None:
    """Deadlines of processes on threads of their own change while others fire; none may come late."""
    worst = 0.0
    for number in range(20):
        seconds = 0.001 * (number % 5)
        began = time.monotonic()
        with pytest.raises(otpy.ReceiveTimeout):
            otpy.receive(timeout=seconds)
        worst = max(worst, time.monotonic() - began - seconds)
    assert worst < 2.0


@inside
def test_a_late_reply_is_dropped() -> None:
    """The caller has gone on; it must not find an answer to a question it has forgotten."""
    server = Echo.start()
    go_on = threading.Event()
    with pytest.raises(CallTimeout):
        otpy.call(server, lambda: otpy.blocking(go_on.wait, DEADLINE), timeout=0.01)
    go_on.set()
    assert otpy.call(server, "next") == "next"
    assert otpy.flush() == []


def test_timers_of_a_stopped_runtime_never_fire() -> None:
    """And waiting for them is over too."""
    with otpy.runtime():
        gone = otpy.self_pid()
        otpy.send_after(gone, "never", 0.001)
    with otpy.runtime():
        eventually(lambda: not otpy.is_alive(gone))
        assert otpy.flush() == []
