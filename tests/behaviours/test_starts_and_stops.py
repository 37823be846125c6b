"""Servers and state machines from start to end: with a name, a link, a monitor, a timeout; and their last moments."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.errors import UndefinedCallback
from tests.behaviours.server_kit import KINDS, Scripted, answer, on_call, on_message, state_of
from tests.support import Listener, down, eventually, get, inside, reason_of


class Machine(otpy.GenStatem[str, Any]):
    """Answers with its state, and ends as it is told."""

    def init(self, arg: Any) -> Any:
        """Begin, or do as the argument says."""
        return arg() if callable(arg) else otpy.NextState("on", arg)

    def handle_event(self, kind: Any, content: Any, state: str, data: Any) -> Any:
        """Answer, or end."""
        if isinstance(content, otpy.Stop):
            return otpy.StopAndReply(content.reason, otpy.ReplyTo(kind[1], "stopped"))
        return otpy.KeepState(actions=otpy.ReplyTo(kind[1], content))


class Server(otpy.GenServer[Any]):
    """The same as a server."""

    def init(self, arg: Any) -> Any:
        """Begin, or do as the argument says."""
        return arg() if callable(arg) else otpy.Ok(arg)

    def handle_call(self, request: Any, from_: otpy.From, state: Any) -> Any:
        """Answer, or end."""
        if isinstance(request, otpy.Stop):
            return otpy.Stop(request.reason, state, "stopped")
        return otpy.Reply(request, state)


class ByState(Machine):
    """The machine in the other callback mode."""

    callback_mode = "state_functions"

    def on(self, kind: Any, content: Any, data: Any) -> Any:
        """Answer, or end."""
        return self.handle_event(kind, content, "on", data)


both = pytest.mark.parametrize("kind", [Server, Machine, ByState])
END: Any = otpy.Stop(otpy.Shutdown("enough"))


# case: gen_server_SUITE: start
# case: gen_server_test.exs: start/2
# case: gen_statem_SUITE: start2
@both
@inside
def test_who_is_started_without_a_link_outlives_its_starter(kind: Any) -> None:
    """And its end is nobody's business; who calls it later is told that it is gone."""
    otpy.trap_exit(True)
    me = otpy.self_pid()

    def starter() -> None:
        otpy.send(me, kind.start(1))
        raise otpy.ExitProcess("the starter ends")

    otpy.spawn(starter)
    pid = get()
    assert otpy.call(pid, "hello") == "hello"
    assert otpy.call(pid, END) == "stopped"
    assert reason_of(pid) in (otpy.Shutdown("enough"), otpy.NoProc())
    with pytest.raises(otpy.NoProcess):
        otpy.call(pid, "hello", timeout=0.001)
    assert otpy.flush() == []


# case: gen_server_SUITE: start
# case: gen_server_test.exs: start_link/2
# case: gen_server_test.exs: call/2
# case: gen_statem_SUITE: start1
# case: gen_statem_SUITE: start6
@both
@inside
def test_who_is_started_with_a_link_ends_with_its_starter_and_the_other_way_round(kind: Any) -> None:
    """The reason travels along the link."""
    otpy.trap_exit(True)
    pid = kind.start_link(1)
    assert otpy.call(pid, "hello") == "hello"
    assert otpy.call(pid, END) == "stopped"
    assert get() == otpy.Exit(pid, otpy.Shutdown("enough"))
    assert otpy.flush() == []

    me = otpy.self_pid()

    def starter() -> None:
        otpy.send(me, kind.start_link(1))
        raise otpy.ExitProcess(otpy.receive())

    parent = otpy.spawn(starter)
    pid = get()
    ref = otpy.monitor(pid)
    otpy.send(parent, "the starter ends")
    assert down(ref) == "the starter ends"


# case: gen_server_SUITE: start
@both
@inside
def test_who_is_started_with_a_monitor_tells_its_end_to_that(kind: Any) -> None:
    """And to nobody else."""
    otpy.trap_exit(True)
    pid, ref = kind.start_monitor(1)
    assert otpy.call(pid, END) == "stopped"
    assert down(ref) == otpy.Shutdown("enough")
    assert otpy.flush() == []


# case: gen_server_SUITE: start
# case: gen_statem_SUITE: start3
# case: gen_statem_SUITE: start4
# case: gen_statem_SUITE: start5
@both
@pytest.mark.parametrize(
    ("init", "error"),
    [(otpy.Ignore, otpy.StartIgnored), (lambda: END, otpy.InitStopped), (otpy.receive, otpy.StartTimeout)],
    ids=["ignores", "stops", "takes too long"],
)
@inside
def test_a_start_that_does_not_become_one_leaves_nothing(kind: Any, init: Any, error: type[Exception]) -> None:
    """No name, no message; the next one can have the name. One that is quick enough is not hurt by its timeout."""
    for start in (kind.start, kind.start_monitor):
        with pytest.raises(error):
            start(init, name="name", timeout=0.05)
        assert otpy.whereis("name") is None
        assert otpy.flush() == []
    pid = kind.start(1, name="name", timeout=20.0)
    assert otpy.call("name", "hello") == "hello"
    otpy.stop(pid)


# case: gen_server_SUITE: start
# case: gen_statem_SUITE: start8
# case: gen_statem_SUITE: start9
# case: gen_statem_SUITE: start11
@both
@pytest.mark.parametrize("way", ["start", "start_link"])
@inside
def test_a_name_belongs_to_one_until_it_has_ended(kind: Any, way: str) -> None:
    """Whoever wants it meanwhile is told who has it, by whichever start; the name stands for the pid in each call."""
    for _ in range(2):
        pid = getattr(kind, way)(1, name="name")
        for start in (kind.start, kind.start_link, kind.start_monitor):
            with pytest.raises(otpy.AlreadyStarted) as already:
                start(2, name="name")
            assert already.value.pid is pid
        assert otpy.call("name", "hello") == otpy.call(pid, "hello") == "hello"
        otpy.stop("name")
        assert otpy.whereis("name") is None


class Book:
    """A registry of the user."""

    def __init__(self) -> None:
        self.pids: dict[Any, otpy.Pid] = {}

    def whereis_name(self, key: Any) -> otpy.Pid | None:
        """Return who has the key."""
        return self.pids.get(key)

    def register_name(self, key: Any, pid: otpy.Pid) -> bool:
        """Enter it unless the key is taken."""
        return self.pids.setdefault(key, pid) is pid

    def unregister_name(self, key: Any) -> None:
        """Take it out."""
        del self.pids[key]

    def send(self, key: Any, message: Any) -> Any:
        """Send to who has the key."""
        if key not in self.pids:
            raise otpy.NoProcess(key)
        return otpy.send(self.pids[key], message)


# case: gen_server_SUITE: start
# case: gen_server_SUITE: stop7
# case: gen_statem_SUITE: start12
# case: gen_statem_SUITE: stop7
@both
@inside
def test_a_key_in_a_registry_of_the_user_is_a_name_like_any_other(kind: Any) -> None:
    """A taken one is refused; it is called, and stopped, and then there is nobody."""
    book = Book()
    via = otpy.Via(book, ("key", 1))
    pid = kind.start_link(1, name=via)
    for start in (kind.start, kind.start_link, kind.start_monitor):
        with pytest.raises(otpy.AlreadyStarted) as already:
            start(2, name=via)
        assert already.value.pid is pid
    assert otpy.call(via, "hello") == otpy.call(pid, "hello") == "hello"
    otpy.stop(via)
    assert not otpy.is_alive(pid)
    book.pids.clear()  # it is the registry's task to hear of the end
    with pytest.raises(otpy.NoProcess):
        otpy.stop(via)


# case: gen_server_SUITE: stop1
# case: gen_server_SUITE: stop2
# case: gen_server_SUITE: stop4
# case: gen_server_test.exs: stop/3
# case: gen_statem_SUITE: stop1
# case: gen_statem_SUITE: stop2
# case: gen_statem_SUITE: stop4
@both
@pytest.mark.parametrize("reason", [otpy.Normal(), otpy.Shutdown(), "own word"], ids=repr)
@pytest.mark.parametrize("by_name", [False, True], ids=["by pid", "by name"])
@inside
def test_stop_returns_when_it_has_ended_and_the_second_one_finds_nobody(kind: Any, reason: Any, by_name: bool) -> None:
    """With the reason that was given."""
    pid, ref = kind.start_monitor(1, name="name")
    whom = "name" if by_name else pid
    otpy.stop(whom, reason, timeout=None)
    assert not otpy.is_alive(pid)
    assert down(ref) == reason
    with pytest.raises(otpy.NoProcess):
        otpy.stop(whom)


# case: gen_server_SUITE: stop3
# case: gen_statem_SUITE: stop3
@both
@pytest.mark.parametrize("timeout", ["5", "infinity", [], True, -1.0, float("nan")], ids=repr)
@inside
def test_a_timeout_that_is_none_is_refused_and_nobody_ends(kind: Any, timeout: Any) -> None:
    """The next one ends it."""
    pid = kind.start(1)
    with pytest.raises((TypeError, ValueError)):
        otpy.stop(pid, "reason", timeout=timeout)
    assert otpy.call(pid, "hello") == "hello"
    otpy.stop(pid)
    assert not otpy.is_alive(pid)


# case: gen_server_SUITE: crash
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reason", [otpy.Normal(), otpy.Shutdown(), otpy.Shutdown("x")], ids=repr)
@inside
def test_an_orderly_end_is_not_reported_and_reaches_the_caller(kind: Any, reason: Any) -> None:
    """Whether it is returned or raised."""

    def leave(_from: otpy.From, _state: Any) -> Any:
        raise otpy.ExitProcess(reason)

    with Listener("process.crash") as listener:
        for request in (on_call(lambda _, state: otpy.Stop(reason, state)), leave):
            pid = kind.start(1)
            with pytest.raises(otpy.ServerExited) as exited:
                otpy.call(pid, request)
            assert exited.value.reason == reason
            assert reason_of(pid) in (reason, otpy.NoProc())
    assert listener.heard == []


# case: gen_server_SUITE: crash
@pytest.mark.parametrize("kind", KINDS)
@inside
def test_a_crash_is_reported_with_what_led_to_it_and_reaches_the_caller(kind: Any) -> None:
    """Once, with the message that was handled."""
    error = ValueError("boom")

    def crash(_from: otpy.From, _state: Any) -> Any:
        raise error

    pid = kind.start(1)
    with Listener("process.crash") as listener:
        with pytest.raises(otpy.ServerExited) as exited:
            otpy.call(pid, crash)
        assert exited.value.reason == otpy.Crash(error)
        eventually(lambda: listener.heard)
    (facts,) = listener.facts("process.crash")
    assert facts["pid"] is pid
    assert facts["report"]["last_message"] is crash


# -- callbacks that are missing --------------------------------------------------------------------


class Bare(otpy.GenServer[Any]):
    """Has only what it must."""

    def init(self, arg: Any) -> Any:
        """Begin as told."""
        return arg


# case: gen_server_SUITE: undef_init
@inside
def test_a_server_without_init_does_not_start() -> None:
    """And who has started it is told what is missing."""
    with pytest.raises(otpy.InitStopped) as stopped:
        otpy.GenServer.start_link(1)
    assert isinstance(stopped.value.reason.error, UndefinedCallback)
    assert stopped.value.reason.error.callback == "init"


# case: gen_server_SUITE: undef_handle_call
# case: gen_server_SUITE: undef_handle_cast
# case: gen_server_SUITE: undef_handle_continue
@pytest.mark.parametrize(
    ("callback", "first", "send"),
    [
        ("handle_call", otpy.Ok(1), otpy.send_request),
        ("handle_cast", otpy.Ok(1), otpy.cast),
        ("handle_continue", otpy.Ok(1, otpy.Continue("hello")), None),
    ],
    ids=["call", "cast", "continue"],
)
@inside
def test_a_missing_callback_ends_the_server_that_needs_it(
    callback: str, first: Any, send: Callable[[otpy.Pid, str], Any] | None
) -> None:
    """With what is missing, in which class."""
    pid, ref = Bare.start_monitor(first)
    if send is not None:
        send(pid, "hello")
    error = down(ref).error
    assert isinstance(error, UndefinedCallback)
    assert error.callback == callback
    assert "Bare" in str(error)


# case: gen_server_SUITE: undef_handle_info
@inside
def test_without_handle_info_a_message_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """It is dropped, and the server goes on."""
    pid = Bare.start(otpy.Ok(1))
    otpy.send(pid, "what is this?")
    assert otpy.sys.get_state(pid) == 1
    assert "what is this?" in caplog.text


# case: gen_server_SUITE: undef_terminate1
# case: gen_server_SUITE: undef_terminate2
@pytest.mark.parametrize("reason", [otpy.Normal(), otpy.Shutdown(), "own word"], ids=repr)
@inside
def test_terminate_may_be_missing(reason: Any) -> None:
    """The reason is that which was given."""
    pid, ref = Bare.start_monitor(otpy.Ok(1))
    otpy.stop(pid, reason)
    assert down(ref) == reason


# case: gen_server_SUITE: undef_in_terminate
# case: gen_server_SUITE: undef_in_handle_info
@pytest.mark.parametrize("callback", ["terminate", "handle_info"])
@inside
def test_what_is_missing_inside_a_callback_is_a_crash(callback: str) -> None:
    """It is not taken for a missing callback."""

    def wrong(_self: Any, _what: Any, state: Any) -> Any:
        return state.nothing

    kind: Any = type("Wrong", (Bare,), {callback: wrong})
    pid, ref = kind.start_monitor(otpy.Ok(1))
    otpy.send(pid, "message") if callback == "handle_info" else otpy.sys.terminate(pid, otpy.Normal())
    reason = down(ref)
    assert isinstance(reason, otpy.Crash)
    assert isinstance(reason.error, AttributeError)


# -- other things ----------------------------------------------------------------------------------


# case: gen_server_SUITE: hibernate
@pytest.mark.parametrize("kind", KINDS)
@inside
def test_who_hibernates_is_woken_by_any_message(kind: type[Scripted]) -> None:
    """Also when it was suspended and resumed meanwhile."""
    otpy.register("test", otpy.self_pid())
    pid = kind.start(lambda: otpy.Ok(1, otpy.Hibernate()))
    otpy.send(pid, "wake up")
    assert get() == ("info", "wake up", 1)
    otpy.cast(pid, on_message(lambda state: otpy.NoReply(state + 1, otpy.Hibernate())))
    otpy.sys.suspend(pid)
    otpy.sys.resume(pid)
    assert state_of(pid) == 2


# case: gen_server_SUITE: call_with_huge_message_queue
@inside
def test_a_call_costs_the_same_however_many_messages_its_caller_has() -> None:
    """It waits for its own answer, and does not look through them."""
    pid = Scripted.start(1)

    def seconds(calls: int = 300) -> float:
        begun = time.process_time()
        for _ in range(calls):
            otpy.call(pid, answer(1))
        return time.process_time() - begun

    seconds()
    few = min(seconds() for _ in range(3))
    for number in range(100_000):
        otpy.send(otpy.self_pid(), number)
    assert min(seconds() for _ in range(3)) < 5 * few
    assert len(otpy.flush()) == 100_000
