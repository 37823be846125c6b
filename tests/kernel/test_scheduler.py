"""The scheduler: everybody gets a turn, wherever a handler gets stuck, however deep things go."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import otpy
from otpy.kernel import events
from tests.support import DEADLINE, Echo, Listener, ThreadEcho, down, eventually, get, idle_process, inside, outside

DEEP = 10_000


@pytest.fixture(autouse=True)
def _same_switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    assert sys.getswitchinterval() == pytest.approx(before)


# -- take-over -------------------------------------------------------------------------------------


def compute_until(stop: threading.Event) -> None:
    """Hold the interpreter as much as a thread can."""
    while not stop.is_set():
        pass


@pytest.mark.parametrize("how", ["blocking", "computing"])
@outside
def test_others_are_served_while_a_handler_is_stuck(how: str) -> None:
    """The monitor gives the token to another thread; messages, new processes, timers and waits go on."""
    stop = threading.Event()
    server = Echo.start()
    stuck = otpy.spawn((lambda: stop.wait(DEADLINE)) if how == "blocking" else (lambda: compute_until(stop)))
    for _ in range(3):
        assert otpy.call(server, "hello", timeout=DEADLINE) == "hello"
    assert otpy.call(Echo.start(), "new", timeout=DEADLINE) == "new"
    otpy.send_after(otpy.self_pid(), "timer", 0.01)
    assert get() == "timer"
    assert otpy.is_alive(stuck)
    assert not stop.is_set()
    stop.set()


@outside
def test_a_computing_handler_is_taken_over_soon_though_it_holds_the_interpreter() -> None:
    """The monitor gets the interpreter late then, and must not take that as an excuse: with two who compute, too."""
    stop = threading.Event()
    other = threading.Thread(target=compute_until, args=(stop,))
    other.start()
    server = Echo.start()
    otpy.call(server, "warm")
    longest = 0.0
    for _ in range(3):
        otpy.spawn(lambda: compute_until(stop))
        began = time.monotonic()
        otpy.call(server, "hello", timeout=DEADLINE)
        longest = max(longest, time.monotonic() - began)
    stop.set()
    other.join()
    assert longest < 5


@outside
def test_a_class_seen_blocking_runs_on_threads_from_then_on(caplog: pytest.LogCaptureFixture) -> None:
    """It says so in the log and by events, once, and where it stood; afterwards it holds up nobody."""

    class Blocking(Echo):
        """Blocks when asked to."""

    server = Blocking.start()
    with (
        caplog.at_level(logging.WARNING, "otpy.scheduler"),
        Listener("runtime.blocked", "runtime.promoted") as listener,
    ):

        def promoted() -> object:
            # a busy machine makes the monitor late, and then it blames nobody; so ask again
            otpy.call(server, lambda: threading.Event().wait(0.1), timeout=DEADLINE)
            return listener.facts("runtime.promoted")

        eventually(promoted)
        ident = otpy.call(server, threading.get_ident)
        assert otpy.call(Echo.start(), threading.get_ident) != ident
    blocked = listener.facts("runtime.blocked")
    assert blocked[0]["pid"] is server
    assert "threading.py" in blocked[0]["where"]
    assert [facts["kind"] for facts in listener.facts("runtime.promoted")] == [Blocking]
    assert [record.name for record in caplog.records].count("otpy.scheduler") == 1
    assert "otpy.blocking" in caplog.text


@outside
def test_a_hook_that_blocks_does_not_stop_the_monitor() -> None:
    """It may wait for what the stuck handler holds, as a log handler may; others are taken care of all the same."""
    gate, hooked = threading.Event(), threading.Event()

    def hook(**_: Any) -> None:
        hooked.set()
        gate.wait(DEADLINE)

    detach = events.attach("runtime.blocked", hook)
    server = Echo.start()

    def blocked() -> bool:
        otpy.spawn(lambda: gate.wait(0.1))
        otpy.call(server, "hello", timeout=DEADLINE)
        return hooked.is_set()

    eventually(blocked)
    for _ in range(3):
        otpy.spawn(lambda: gate.wait(DEADLINE))
        assert otpy.call(server, "hello", timeout=DEADLINE) == "hello"
    assert not gate.is_set()
    detach()
    gate.set()


@outside
def test_a_stuck_handler_goes_on_undisturbed() -> None:
    """It loses the token, not its work: it may even wait afterwards, on its own thread."""
    stop = threading.Event()
    server, other = Echo.start(), Echo.start()

    def work() -> Any:
        stop.wait(DEADLINE)
        before = threading.get_ident()
        answers = [otpy.call(other, number) for number in range(10)]
        assert threading.get_ident() == before
        return answers

    request = otpy.send_request(server, work)
    assert otpy.call(other, "meanwhile", timeout=DEADLINE) == "meanwhile"
    stop.set()
    assert otpy.wait_response(request, timeout=DEADLINE) == list(range(10))


@outside
def test_many_who_are_stuck_at_once_all_come_back() -> None:
    """Each take-over takes a further thread; nobody's continuation is lost among them."""
    stop = threading.Event()
    other = Echo.start()
    count = 8

    class Stuck(Echo):
        """A class of its own for each test run, so that it is not yet known as blocking."""

    def work() -> Any:
        stop.wait(DEADLINE)
        return otpy.call(other, "answer", timeout=DEADLINE)

    requests = [otpy.send_request(Stuck.start(), work) for _ in range(count)]
    assert otpy.call(other, "meanwhile", timeout=DEADLINE) == "meanwhile"
    stop.set()
    assert [otpy.wait_response(request, timeout=DEADLINE) for request in requests] == ["answer"] * count


@outside
def test_a_thread_lock_held_across_a_call_stops_only_those_who_want_it() -> None:
    """The docs forbid it. It must not hang the system: those stuck on the lock lose the token, everybody else goes on.

    Who holds the lock stands on the stuck thread and cannot go on; killing who waits for it does not help either, but
    everybody else's life goes on, and that is all a runtime can do for them.
    """
    lock = threading.Lock()
    slow, bystander = Echo.start(), Echo.start()
    go_on = threading.Event()

    def hold() -> None:
        with lock:
            otpy.call(slow, otpy.receive, timeout=None)

    holder = otpy.spawn(hold)
    eventually(lock.locked)

    def want() -> None:
        if lock.acquire(timeout=DEADLINE):
            go_on.set()

    otpy.spawn(want)
    for number in range(5):
        assert otpy.call(bystander, number, timeout=DEADLINE) == number
    assert otpy.is_alive(holder)
    assert not go_on.is_set()
    lock.release()  # by hand, as a test can
    eventually(go_on.is_set)
    otpy.exit(holder, otpy.Kill())


# -- fairness --------------------------------------------------------------------------------------


@inside
def test_a_flooded_process_does_not_starve_others() -> None:
    """A slice ends by time, so the flood is cut; others come in between."""
    flooded, other = Echo.start(), Echo.start()
    count = 20_000
    for number in range(count):
        otpy.cast(flooded, number % 2)
    assert otpy.call(other, "hello") == "hello"
    info = otpy.process_info(flooded)
    assert info is not None
    assert info.message_queue_len > 0
    otpy.exit(flooded, otpy.Kill())


@inside
def test_a_process_that_sends_to_itself_does_not_starve_others() -> None:
    """Its mailbox is never empty."""
    stopped = [False]

    class Restless(otpy.GenServer[None]):
        """Always has something to do."""

        def init(self, arg: object) -> otpy.Ok[None]:
            otpy.cast(otpy.self_pid(), "again")
            return otpy.Ok(None)

        def handle_cast(self, request: object, state: None) -> Any:
            if stopped[0]:
                return otpy.Stop(otpy.Normal(), state)
            otpy.cast(otpy.self_pid(), "again")
            return otpy.NoReply(state)

    restless, other = [Restless.start() for _ in range(2)], Echo.start()
    for number in range(20):
        assert otpy.call(other, number) == number
    stopped[0] = True
    for pid in restless:
        down(otpy.monitor(pid))


@inside
def test_reductions_tell_how_much_a_process_has_done() -> None:
    """Roughly: they are added up slice by slice."""
    pid = Echo.start()
    for number in range(1000):
        otpy.cast(pid, number)
    assert len(otpy.call(pid, "casts")) == 1000
    info = otpy.process_info(pid)
    assert info is not None
    assert 900 <= info.reductions <= 1100


# -- depth -----------------------------------------------------------------------------------------


class Matryoshka(otpy.GenServer[Any]):
    """Starts the next one in its init."""

    def init(self, arg: int) -> otpy.Ok[Any]:
        """Start one less."""
        return otpy.Ok(Matryoshka.start_link(arg - 1) if arg else None)

    def handle_call(self, request: str, from_: otpy.From, state: Any) -> Any:
        """Ask the next one how deep it goes."""
        return otpy.Reply(0 if state is None else 1 + otpy.call(state, request, timeout=None), state)


@inside
def test_ten_thousand_starts_and_calls_inside_one_another() -> None:
    """Each init starts the next and each handler calls the next: no stack may grow with that."""
    otpy.trap_exit(True)
    outermost = Matryoshka.start_link(DEEP)
    assert otpy.call(outermost, "how deep?", timeout=None) == DEEP
    otpy.exit(outermost, otpy.Kill())
    eventually(lambda: len(otpy.processes()) == 1)


@inside
def test_ten_thousand_spawns_inside_one_another() -> None:
    """Plain processes, each waiting for the next."""

    def nest(depth: int) -> None:
        if depth:
            _, ref = otpy.spawn_monitor(nest, depth - 1)
            assert down(ref) == otpy.Normal()

    _, ref = otpy.spawn_monitor(nest, DEEP)
    assert down(ref, timeout=50) == otpy.Normal()


@inside
def test_ten_thousand_wait_at_once() -> None:
    """More than the pool of idle loops holds: the others end, and are made anew when they are needed."""
    pids = [idle_process() for _ in range(DEEP)]
    refs = [otpy.monitor(pid) for pid in pids]
    assert otpy.call(Echo.start(), "hello") == "hello"
    for pid in pids:
        otpy.send(pid, "go")
    assert {down(ref) for ref in refs} == {otpy.Normal()}


# -- stale and doubled entries ---------------------------------------------------------------------


@inside
def test_spurious_wake_ups_do_no_harm() -> None:
    """A process may be submitted for nothing, at any moment; what is found when it is taken decides."""
    server: Any = Echo.start()
    me: Any = otpy.self_pid()
    waiter: Any = idle_process()
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            if len(me.runtime.scheduler.ready) < 100:  # a flood would only take time
                for process in (server, me, waiter):
                    process.executor.submit(process)

    thread = threading.Thread(target=disturb)
    thread.start()
    for number in range(300):
        assert otpy.call(server, number) == number
    with pytest.raises(otpy.ReceiveTimeout):
        otpy.receive(timeout=0.01)
    stop.set()
    thread.join()
    assert otpy.is_alive(waiter)
    ended: Any = otpy.spawn(lambda: None)
    down(otpy.monitor(ended))
    ended.executor.submit(ended)
    assert otpy.call(server, "still here") == "still here"


@pytest.mark.parametrize("interval", [1e-5, 5e-3])
@outside
def test_nothing_is_lost_between_threads(interval: float) -> None:
    """Callers on threads of their own, on the scheduler and outside, with the interpreter switching all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        servers = [Echo.start(), ThreadEcho.start(), Echo.start()]
        calls = 200

        def ask() -> None:
            for number in range(calls):
                for server in servers:
                    assert otpy.call(server, number, timeout=DEADLINE) == number

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        refs = [otpy.spawn_monitor(ask)[1] for _ in range(3)]
        assert [down(ref, timeout=50) for ref in refs] == [otpy.Normal()] * 3
        for thread in threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()
    finally:
        sys.setswitchinterval(before)


# -- debugging -------------------------------------------------------------------------------------


def test_debug_changes_threads_between_messages() -> None:
    """Code that counts on its thread fails at once, not in production."""
    with otpy.runtime(debug=True):
        server = Echo.start()
        idents = {otpy.call(server, threading.get_ident) for _ in range(5)}
        assert len(idents) > 1
        other = Echo.start()
        assert otpy.call(server, lambda: otpy.call(other, "nested")) == "nested"
        assert otpy.run(lambda: [otpy.call(server, number) for number in range(50)]) == list(range(50))


def test_debug_shows_what_a_thread_local_hides() -> None:
    """The classical case: a value left in a threading.local, found again only by luck."""
    with otpy.runtime(debug=True):
        hidden = threading.local()
        server = Echo.start()
        otpy.call(server, lambda: setattr(hidden, "value", 1))
        assert False in [otpy.call(server, lambda: hasattr(hidden, "value")) for _ in range(3)]
