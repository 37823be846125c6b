"""otpy.sys: looking into a server and steering it, on every kind of executor."""

from __future__ import annotations

import sys as python_sys
import types
from typing import Any

import pytest

import otpy
from otpy.behaviours.sys import DONE, In, Out
from otpy.errors import CallbackFailed, CallTimeout, ChangeCodeFailed
from tests.behaviours.server_kit import KINDS, Scripted, add, append, look, on_message, state_of
from tests.support import HandClock, down, eventually, get, inside, reason_of

kinds = pytest.mark.parametrize("kind", KINDS)


# -- suspend and resume ----------------------------------------------------------------------------


# case: gen_server_SUITE: get_state
# case: sys_SUITE: suspend
@kinds
@inside
def test_a_suspended_server_keeps_receiving_and_handles_nothing(kind: type[Scripted]) -> None:
    """At resume it goes on with what came meanwhile, in order."""
    pid = kind.start([])
    otpy.sys.suspend(pid)
    for number in range(5):
        otpy.cast(pid, append(number))
    with pytest.raises(CallTimeout):
        otpy.call(pid, look, timeout=0.01)
    info = otpy.process_info(pid)
    assert info is not None
    assert (info.status, info.message_queue_len) == ("suspended", 6)
    assert otpy.sys.get_state(pid) == []
    otpy.sys.resume(pid)
    otpy.cast(pid, on_message(lambda state: otpy.NoReply([*state, "after"])))
    assert state_of(pid) == [*range(5), "after"]


# case: sys_SUITE: suspend
@inside
def test_suspending_twice_needs_one_resume() -> None:
    """And a resume too many is no error."""
    pid = Scripted.start(1)
    otpy.sys.suspend(pid)
    otpy.sys.suspend(pid)
    otpy.sys.resume(pid)
    otpy.sys.resume(pid)
    assert state_of(pid) == 1


@kinds
@inside
def test_a_suspended_server_can_be_stopped_and_killed(kind: type[Scripted]) -> None:
    """And what waits in it is answered."""
    stopped, killed = kind.start(1), kind.start(1)
    requests = []
    for pid in (stopped, killed):
        otpy.sys.suspend(pid)
        requests.append(otpy.send_request(pid, look))
    otpy.stop(stopped)
    otpy.exit(killed, otpy.Kill())
    for request, reason in zip(requests, (otpy.Normal(), otpy.Killed()), strict=True):
        with pytest.raises(otpy.ServerExited) as error:
            otpy.wait_response(request)
        assert error.value.reason == reason


@kinds
@inside
def test_a_suspended_server_obeys_its_parent(kind: type[Scripted]) -> None:
    """A supervisor must be able to end it."""
    otpy.register("test", otpy.self_pid())
    me = otpy.self_pid()

    def parent() -> None:
        otpy.send(me, kind.start_link(lambda: (otpy.trap_exit(True), otpy.Ok(1))[1]))
        raise otpy.ExitProcess(otpy.receive())

    starter = otpy.spawn(parent)
    pid = get()
    otpy.sys.suspend(pid)
    otpy.send(starter, otpy.Shutdown())
    assert get() == ("terminate", otpy.Shutdown(), 1)
    assert reason_of(pid) in (otpy.Shutdown(), otpy.NoProc())


def test_a_timeout_stands_still_while_suspended_and_begins_anew() -> None:
    """Also when somebody looks at the state meanwhile."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        otpy.register("test", otpy.self_pid())
        pid = Scripted.start(lambda: otpy.Ok(1, otpy.After(10.0)))
        otpy.sys.suspend(pid, timeout=None)
        otpy.sys.get_state(pid, timeout=None)
        clock.advance(100.0, runtime)
        otpy.sys.resume(pid, timeout=None)
        assert otpy.sys.get_state(pid, timeout=None) == 1
        assert otpy.flush() == []
        assert clock.advance_to_message(10.0, runtime) == ("info", otpy.Timeout(), 1)


# -- states ----------------------------------------------------------------------------------------


# case: gen_server_SUITE: get_state
@kinds
@inside
def test_get_state_is_a_barrier(kind: type[Scripted]) -> None:
    """It queues behind what was sent before."""
    pid = kind.start(0)
    for _ in range(100):
        otpy.cast(pid, add(1))
    assert otpy.sys.get_state(pid) == 100


# case: gen_server_SUITE: replace_state
@kinds
@inside
def test_replace_state_returns_the_new_one(kind: type[Scripted]) -> None:
    """The function runs in the server."""
    pid = kind.start(1)
    assert otpy.sys.replace_state(pid, lambda state: (state, otpy.self_pid())) == (1, pid)
    assert otpy.sys.get_state(pid) == (1, pid)


# case: gen_server_SUITE: replace_state
@kinds
@inside
def test_a_replace_state_that_fails_changes_nothing(kind: type[Scripted]) -> None:
    """The caller gets the error; the server lives."""
    pid = kind.start(0)
    with pytest.raises(CallbackFailed) as error:
        otpy.sys.replace_state(pid, lambda state: 1 / state)
    assert isinstance(error.value.error, ZeroDivisionError)
    assert state_of(pid) == 0


# case: gen_server_SUITE: call_format_status
@kinds
@inside
def test_get_status_says_what_it_is(kind: type[Scripted]) -> None:
    """Its state as format_status shows it."""

    class Redacted(kind):  # type: ignore[misc,valid-type]
        """Hides its state."""

        __vsn__ = "7"

        def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
            return {**status, "state": "redacted"}

    pid = Redacted.start("secret", name="named")
    otpy.sys.suspend(pid)
    status = otpy.sys.get_status(pid)
    assert (status["pid"], status["name"], status["behaviour"]) == (pid, "named", Redacted)
    assert (status["vsn"], status["status"], status["state"]) == ("7", "suspended", "redacted")


@inside
def test_terminate_ends_without_waiting() -> None:
    """Through the callback terminate, with the reason."""
    otpy.register("test", otpy.self_pid())
    pid = Scripted.start(1)
    ref = otpy.monitor(pid)
    otpy.sys.terminate(pid, "enough")
    assert get() == ("terminate", "enough", 1)
    assert down(ref) == "enough"


@inside
def test_the_dead_and_unknown_are_no_process() -> None:
    """For every request."""
    for request in (otpy.sys.suspend, otpy.sys.resume, otpy.sys.get_state, otpy.sys.get_status):
        with pytest.raises(otpy.NoProcess):
            request("nobody")


# -- change_code -----------------------------------------------------------------------------------


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module whose class Server a test may replace."""
    made = types.ModuleType("changing")
    monkeypatch.setitem(python_sys.modules, "changing", made)
    return made


def version(module: types.ModuleType, vsn: str, **callbacks: Any) -> type[Scripted]:
    """Put a new version of the class into *module*."""
    body = {"__vsn__": vsn, "__module__": "changing", "__qualname__": "Server", **callbacks}
    made: type[Scripted] = type("Server", (Scripted,), body)
    vars(module)["Server"] = made
    return made


def test_change_code_swaps_class_and_state(module: types.ModuleType) -> None:
    """The pid, the links and the mailbox stay."""

    @inside
    def check() -> None:
        pid = version(module, "1").start(1, name="server")
        seen: list[Any] = []

        def code_change(_self: Any, old_vsn: Any, state: Any, extra: Any) -> Any:
            seen.append((old_vsn, state, extra))
            return otpy.Ok([state])

        new = version(module, "2", code_change=code_change)
        otpy.sys.suspend(pid)
        otpy.cast(pid, on_message(lambda state: otpy.NoReply([*state, "came meanwhile"])))
        otpy.sys.change_code(pid, "changing", "1", "extra")
        assert otpy.sys.get_status(pid)["vsn"] == "2"
        otpy.sys.resume(pid)
        assert state_of(pid) == [1, "came meanwhile"]
        assert seen == [("1", 1, "extra")]
        info = otpy.process_info(pid)
        assert info is not None
        assert (info.current_behaviour, info.vsn, info.registered_name) == (new, "2", "server")

    check()


def test_a_code_change_without_extra_is_accepted(module: types.ModuleType) -> None:
    """The shorter form of API.md."""

    @inside
    def check() -> None:
        pid = version(module, "1").start(1)
        version(module, "2", code_change=_short_code_change)
        otpy.sys.suspend(pid)
        otpy.sys.change_code(pid, "changing")
        otpy.sys.resume(pid)
        assert state_of(pid) == 2

    check()


def _short_code_change(_self: Any, _old: Any, state: Any) -> Any:
    return otpy.Ok(state + 1)


@pytest.mark.parametrize("how", ["raises", "exits", "returns junk"])
def test_a_change_code_that_fails_changes_nothing(module: types.ModuleType, how: str) -> None:
    """The old class, the old state; the server stays suspended, as in OTP."""

    def code_change(_self: Any, _old: Any, _state: Any, _extra: Any) -> Any:
        if how == "raises":
            raise ValueError("no way")
        if how == "exits":
            raise otpy.ExitProcess("no way")
        return "junk"

    @inside
    def check() -> None:
        old = version(module, "1")
        pid = old.start(1)
        version(module, "2", code_change=code_change)
        otpy.sys.suspend(pid)
        with pytest.raises(ChangeCodeFailed):
            otpy.sys.change_code(pid, "changing", "1")
        status = otpy.sys.get_status(pid)
        assert (status["behaviour"], status["vsn"], status["status"]) == (old, "1", "suspended")
        otpy.sys.resume(pid)
        assert state_of(pid) == 1

    check()


@inside
def test_change_code_of_a_running_server_is_refused() -> None:
    """Suspend it first."""
    pid = Scripted.start(1)
    with pytest.raises(ChangeCodeFailed):
        otpy.sys.change_code(pid, __name__)
    assert state_of(pid) == 1


# -- observing -------------------------------------------------------------------------------------


# case: sys_SUITE: log
@kinds
@inside
def test_the_log_keeps_the_last_events(kind: type[Scripted]) -> None:
    """Messages in, replies out; n=0 ends it."""
    pid = kind.start(1)
    assert otpy.sys.log(pid, 3) == []
    otpy.cast(pid, casted := add(1))
    assert state_of(pid) == 2
    kept = otpy.sys.log(pid, 3)
    assert kept == [In(casted), In(look), Out(2, otpy.self_pid())]
    assert otpy.sys.get_status(pid)["log"] == kept
    state_of(pid)
    assert len(otpy.sys.log(pid, 0)) == 3
    state_of(pid)
    assert otpy.sys.log(pid, 0) == []
    with pytest.raises(ValueError, match="number of events"):
        otpy.sys.log(pid, -1)


# case: sys_SUITE: stats
@kinds
@inside
def test_statistics_count_messages_in_and_out(kind: type[Scripted]) -> None:
    """From when they were asked for."""
    pid = kind.start(1)
    assert otpy.sys.statistics(pid, "get") is None
    otpy.sys.statistics(pid, True)
    otpy.cast(pid, add(1))
    state_of(pid)
    counts = otpy.sys.statistics(pid, "get")
    assert counts is not None
    assert (counts.messages_in, counts.messages_out) == (2, 1)
    assert counts.current_time >= counts.start_time
    otpy.sys.statistics(pid, False)
    assert otpy.sys.statistics(pid, "get") is None


# case: sys_SUITE: install
@kinds
@inside
def test_an_installed_function_sees_events_until_it_is_done(kind: type[Scripted]) -> None:
    """Or until it fails, or is taken away; the server is not hurt."""
    seen: list[Any] = []

    def twice(event: Any, state: Any) -> Any:
        seen.append((event, state))
        return DONE if len(seen) == 2 else None

    def fail(event: Any, state: Any) -> Any:
        seen.append("failed")
        raise ValueError

    pid = kind.start(1)
    otpy.sys.install(pid, fail)
    otpy.sys.install(pid, twice)
    for _ in range(3):
        otpy.cast(pid, add(1))
    assert state_of(pid) == 4
    assert seen.count("failed") == 1
    assert [state for entry in seen if entry != "failed" for state in [entry[1]]] in ([1, 2], [1])
    otpy.sys.install(pid, twice)
    otpy.sys.remove(pid, twice)
    before = len(seen)
    state_of(pid)
    assert len(seen) == before


# case: sys_SUITE: install
@kinds
@inside
def test_installed_functions_are_told_apart(kind: type[Scripted]) -> None:
    """Each is there once, however often it is installed, and is taken away alone, or with all."""
    seen: list[Any] = []

    def first(event: Any, state: Any) -> Any:
        seen.append((1, type(event), state))

    def second(event: Any, state: Any) -> Any:
        seen.append((2, type(event), state))

    pid = kind.start("state")
    for function in (first, second, first):
        otpy.sys.install(pid, function)
    state_of(pid)
    assert seen == [(number, event, "state") for event in (In, Out) for number in (1, 2)]
    seen.clear()
    otpy.sys.remove(pid, first)
    state_of(pid)
    assert {number for number, _, _ in seen} == {2}
    seen.clear()
    otpy.sys.no_debug(pid)
    state_of(pid)
    assert seen == []


# case: sys_SUITE: trace
@inside
def test_trace_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output, what comes and what goes."""
    pid = Scripted.start("state")
    otpy.sys.trace(pid, True)
    state_of(pid)
    otpy.sys.trace(pid, False)
    state_of(pid)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("*DBG*") for line in lines)
    assert "got" in lines[0]
    assert "'state'" in lines[1]


# case: sys_SUITE: install
@inside
def test_no_debug_takes_all_away() -> None:
    """At once."""
    pid = Scripted.start(1)
    otpy.sys.log(pid, 10)
    otpy.sys.statistics(pid, True)
    otpy.sys.no_debug(pid)
    state_of(pid)
    assert otpy.sys.log(pid, 0) == []
    assert otpy.sys.statistics(pid, "get") is None


@inside
def test_observing_survives_a_suspension() -> None:
    """What is suspended and resumed is still observed."""
    pid = Scripted.start(1)
    otpy.sys.log(pid, 10)
    otpy.sys.suspend(pid)
    otpy.sys.resume(pid)
    state_of(pid)
    assert [type(event) for event in otpy.sys.log(pid, 0)] == [In, Out]
    eventually(lambda: otpy.is_alive(pid))
