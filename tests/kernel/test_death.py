"""Ending processes, wherever they are, and what the dead can still do: nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.kernel.here import current
from otpy.kernel.runtime import spawn_process
from tests.support import (
    DEADLINE,
    Echo,
    Listener,
    ThreadEcho,
    down,
    eventually,
    idle_process,
    inside,
    outside,
    reason_of,
    status,
)

MANY = 100_000


# -- kill, wherever the victim is ------------------------------------------------------------------


@inside
def test_a_parked_process_is_killed_and_leaves_its_code() -> None:
    """Its `finally` runs, in which it can do nothing any more."""
    left: list[str] = []

    def wait() -> None:
        try:
            otpy.receive()
        finally:
            left.append("finally")
            otpy.send(watcher, "from the grave")

    watcher = otpy.self_pid()
    pid, ref = otpy.spawn_monitor(wait)
    eventually(lambda: status(pid) == "waiting")
    otpy.exit(pid, otpy.Kill())
    assert down(ref) == otpy.Killed()
    eventually(lambda: left)
    assert otpy.flush() == []


@inside
def test_a_process_that_was_not_yet_run_is_killed() -> None:
    """It never runs then."""
    ran: list[bool] = []
    pid, ref = otpy.spawn_monitor(ran.append, True)
    otpy.exit(pid, otpy.Kill())
    assert down(ref) == otpy.Killed()
    otpy.call(Echo.start(), "one more slice")
    assert ran == []


@inside
def test_a_process_that_is_ended_before_it_is_launched_leaves_nothing() -> None:
    """Its name and its links are known before: somebody may be that quick."""
    before = len(otpy.processes())
    made: Any = spawn_process(otpy.receive, starter=current(), before=lambda made: otpy.exit(made, otpy.Kill()))
    assert not otpy.is_alive(made)
    assert len(otpy.processes()) == before


@inside
def test_an_idle_server_is_killed_without_terminate() -> None:
    """Nothing of it runs."""
    pid = Echo.start()
    ref = otpy.monitor(pid)
    otpy.exit(pid, otpy.Kill())
    assert down(ref) == otpy.Killed()


@pytest.mark.parametrize("server", [Echo, ThreadEcho])
@outside
def test_a_computing_server_is_killed_within_the_grace_period(server: type[Echo]) -> None:
    """Down comes though the handler goes on: death is logical first."""
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            pass

    pid = server.start()
    ref = otpy.monitor(pid)
    otpy.cast(pid, compute)
    eventually(lambda: status(pid) == "running")
    otpy.exit(pid, otpy.Kill())
    assert down(ref) == otpy.Killed()
    assert not stop.is_set()
    stop.set()


@pytest.mark.parametrize("server", [Echo, ThreadEcho])
@outside
def test_a_blocking_server_is_killed_within_the_grace_period(server: type[Echo]) -> None:
    """As above, in a call to the system."""
    go_on = threading.Event()
    pid = server.start()
    ref = otpy.monitor(pid)
    otpy.cast(pid, lambda: go_on.wait(DEADLINE))
    eventually(lambda: status(pid) == "running")
    otpy.exit(pid, otpy.Kill())
    assert down(ref) == otpy.Killed()
    assert not go_on.is_set()
    go_on.set()


@pytest.mark.parametrize("server", [Echo, ThreadEcho])
@inside
def test_a_waiting_server_is_killed(server: type[Echo]) -> None:
    """In a call to somebody who does not answer."""
    pid = server.start()
    ref = otpy.monitor(pid)
    otpy.cast(pid, otpy.receive)
    eventually(lambda: status(pid) == "waiting")
    otpy.exit(pid, otpy.Kill())
    assert down(ref) == otpy.Killed()


@outside
def test_a_process_inside_blocking_is_killed() -> None:
    """What runs on the helper thread goes on, and its result is dropped."""
    go_on = threading.Event()
    pid, ref = otpy.spawn_monitor(otpy.blocking, go_on.wait, DEADLINE)
    eventually(lambda: status(pid) == "waiting")
    otpy.exit(pid, otpy.Kill())
    assert down(ref) == otpy.Killed()
    go_on.set()


@inside
def test_random_kills_hurt_only_their_victims() -> None:
    """At whatever moment they strike."""
    bystander = Echo.start()
    for number in range(300):
        pid, ref = otpy.spawn_monitor(_worker, bystander)
        killer = threading.Thread(target=otpy.exit, args=(pid, otpy.Kill()))
        if number % 2:
            otpy.send(pid, "go")
        killer.start()
        assert down(ref) in (otpy.Killed(), otpy.Normal())
        killer.join()
    assert otpy.call(bystander, "alive?") == "alive?"


def _worker(server: otpy.Pid) -> None:
    otpy.receive()
    for number in range(5):
        assert otpy.call(server, number) == number


# -- zombies ---------------------------------------------------------------------------------------


class Zombie(otpy.GenServer[None]):
    """Is killed while it runs, and then tries everything."""

    def init(self, arg: object) -> otpy.Ok[None]:
        """Start with nothing."""
        return otpy.Ok(None)

    def handle_call(self, request: tuple[threading.Event, threading.Event, Any], from_: otpy.From, state: None) -> Any:
        """Say that it runs, wait until it is dead, act, and note what came of it."""
        runs, dead, act = request
        runs.set()
        dead.wait(DEADLINE)
        act(from_)
        return otpy.Reply("from the grave", state)


ACTS: dict[str, Callable[[otpy.From], object]] = {
    "send": lambda _: otpy.send("watcher", "from the grave"),
    "reply": lambda from_: otpy.reply(from_, "from the grave"),
    "call": lambda _: otpy.call("bystander", "from the grave"),
    "cast": lambda _: otpy.cast("bystander", "from the grave"),
    "exit": lambda _: otpy.exit(bystander(), otpy.Kill()),
    "spawn": lambda _: otpy.spawn(otpy.receive),
    "start": lambda _: Echo.start(),
    "send_after": lambda _: otpy.send_after("watcher", "from the grave", 0),
    "receive": lambda _: otpy.receive(timeout=0),
    "sleep": lambda _: otpy.sleep(0),
    "register": lambda _: otpy.register("ghost", otpy.self_pid()),
    "link": lambda _: otpy.link(bystander()),
    "return": lambda _: None,
}


def bystander() -> otpy.Pid:
    """Return who must not be hurt."""
    found = otpy.whereis("bystander")
    assert found is not None
    return found


@pytest.mark.parametrize("act", ACTS)
@outside
def test_a_zombie_can_do_nothing(act: str) -> None:
    """It is dead for everybody; its code, still running somewhere, must not be heard of again."""
    otpy.register("watcher", otpy.self_pid())
    server = Echo.start(name="bystander")
    zombie = Zombie.start()
    ref = otpy.monitor(zombie)
    before = len(otpy.processes())
    runs, dead, tried = threading.Event(), threading.Event(), threading.Event()
    outcome: list[str] = []

    def do(from_: otpy.From) -> None:
        try:
            ACTS[act](from_)
            outcome.append("went through")
        except Exception:  # noqa: BLE001 - not even a careless `except Exception` may keep a zombie going
            outcome.append("caught")
        finally:
            tried.set()

    request = otpy.send_request(zombie, (runs, dead, do))
    eventually(runs.is_set)
    otpy.exit(zombie, otpy.Kill())
    assert down(ref) == otpy.Killed()
    with pytest.raises(otpy.ServerExited):
        otpy.wait_response(request, timeout=DEADLINE)
    dead.set()
    eventually(tried.is_set)
    otpy.sleep(0)
    assert outcome == (["went through"] if act == "return" else [])
    assert otpy.flush() == []
    assert otpy.call(server, "casts") == []
    assert otpy.whereis("ghost") is None
    assert len(otpy.processes()) == before - 1


# -- many deaths -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["chain", "star"])
@inside
def test_a_hundred_thousand_linked_processes_die_together(shape: str) -> None:
    """However they are linked: deaths are worked off from a queue, not by recursion, and others go on meanwhile."""
    from otpy.kernel import signals

    bystander = Echo.start()
    pids: list[Any] = [Mute.start() for _ in range(MANY)]
    for number in range(1, MANY):
        signals.link(pids[number - 1] if shape == "chain" else pids[0], pids[number])
    last = otpy.monitor(pids[-1])
    began = time.monotonic()
    otpy.exit(pids[0], "the end")
    assert down(last, timeout=50) == "the end"
    eventually(lambda: not any(map(otpy.is_alive, pids)))
    assert time.monotonic() - began < 50
    assert otpy.call(bystander, "alive?") == "alive?"
    assert len(otpy.processes()) == 2


class Mute(otpy.GenServer[None]):
    """Does nothing."""

    def init(self, arg: object) -> otpy.Ok[None]:
        """Start with nothing."""
        return otpy.Ok(None)


# -- what leaves a process -------------------------------------------------------------------------


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), BaseException("odd"), ValueError("usual")])
@inside
def test_whatever_a_callback_raises_ends_that_process_only(error: BaseException) -> None:
    """SystemExit too: a server must not take the interpreter down."""

    def fail() -> None:
        raise error

    bystander = Echo.start()
    pid = Echo.start()
    with pytest.raises(otpy.ServerExited) as exited:
        otpy.call(pid, fail)
    assert exited.value.reason == otpy.Crash(error)
    _, ref = otpy.spawn_monitor(fail)
    assert down(ref) == otpy.Crash(error)
    assert otpy.call(bystander, "alive?") == "alive?"


# case: proc_lib_SUITE: crash
@inside
def test_a_crash_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """By the one who crashed, not by those who die of it; through logging and as an event."""
    pids = [idle_process() for _ in range(3)]

    def crash() -> None:
        for pid in pids:
            otpy.link(pid)
        raise ValueError("boom")

    with caplog.at_level(logging.ERROR, "otpy.process"), Listener("process.crash") as listener:
        pid, ref = otpy.spawn_monitor(crash)
        reason = down(ref)
        for partner in pids:
            reason_of(partner)
    told = listener.facts("process.crash")
    assert [facts["pid"] for facts in told] == [pid]
    assert [facts["reason"] for facts in told] == [reason]
    assert len(caplog.records) == 1
    assert "boom" in caplog.text


@pytest.mark.parametrize("server", [Echo, ThreadEcho])
@outside
def test_who_dies_of_anothers_crash_while_running_reports_nothing(
    server: type[Echo], caplog: pytest.LogCaptureFixture
) -> None:
    """The crash is not its own, even if it has to obey from within its code."""
    dead = threading.Event()
    pid = server.start()
    ref = otpy.monitor(pid)

    def obey() -> None:
        dead.wait(DEADLINE)
        otpy.self_pid()

    otpy.cast(pid, obey)
    eventually(lambda: status(pid) == "running")
    otpy.exit(pid, otpy.Crash(ValueError("another's")))
    dead.set()
    assert isinstance(down(ref), otpy.Crash)
    otpy.call(Echo.start(), "one more slice")
    assert caplog.records == [r for r in caplog.records if r.name != "otpy.process"]


# case: proc_lib_SUITE: crash
@inside
def test_normal_and_shutdown_are_no_crashes(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is reported."""
    for reason in (otpy.Normal(), otpy.Shutdown(), otpy.Shutdown("detail")):
        _, ref = otpy.spawn_monitor(_leave, reason)
        assert down(ref) == reason
    assert caplog.records == []


def _leave(reason: Any) -> None:
    raise otpy.ExitProcess(reason)


@inside
def test_a_call_of_a_server_that_shuts_down_shuts_its_caller_down() -> None:
    """OTP: `{shutdown, {gen_server, call, _}}`; an orderly end is not a crash for those who wait."""

    def shut_down() -> None:
        otpy.exit(otpy.self_pid(), otpy.Shutdown())

    _, ref = otpy.spawn_monitor(otpy.call, Echo.start(), shut_down)
    reason = down(ref)
    assert isinstance(reason, otpy.Shutdown)
    assert isinstance(reason.detail, otpy.ServerExited)


@inside
def test_nothing_is_kept_of_the_dead() -> None:
    """A pid may be kept for long; what its process had is let go."""
    pid = Echo.start()
    otpy.cast(pid, "state")
    otpy.call(pid, "done")
    otpy.exit(pid, otpy.Kill())
    process: Any = pid
    assert (process.actor, process.state, process.links, process.watchers, process.names) == (
        None,
        None,
        None,
        None,
        None,
    )
    assert "Echo" in repr(pid)
