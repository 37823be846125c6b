"""GenServer: every form a callback may return, on every kind of executor, and what goes wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.errors import UndefinedCallback
from tests.behaviours.server_kit import KINDS, OnLoop, Scripted, add, look, on_call, on_message, state_of
from tests.support import DEADLINE, Echo, HandClock, Listener, down, eventually, get, inside, reason_of

kinds = pytest.mark.parametrize("kind", KINDS)

THEN: dict[str, tuple[Any, list[tuple[Any, ...]]]] = {
    "continue": (otpy.Continue("arg"), [("continue", "arg", 2)]),
    "after": (otpy.After(0.001), [("info", otpy.Timeout(), 2)]),
    "after nothing": (otpy.After(0), [("info", otpy.Timeout(), 2)]),
    "hibernate": (otpy.Hibernate(), []),
    "nothing": (None, []),
}
then_forms = pytest.mark.parametrize("then", THEN)


def expect(*messages: Any) -> None:
    """Assert that these messages come, and no other with them."""
    otpy.call(Echo.start(), "a moment")
    assert [get() for _ in messages] == list(messages)
    assert otpy.flush() == []


# -- init ------------------------------------------------------------------------------------------


# case: gen_server_SUITE: hibernate
@kinds
@then_forms
@inside
def test_init_may_go_on_with(kind: type[Scripted], then: str) -> None:
    """Ok(state, then): before any message."""
    otpy.register("test", otpy.self_pid())
    form, reports = THEN[then]
    pid = kind.start(lambda: otpy.Ok(2, form))
    expect(*reports)
    assert state_of(pid) == 2


# case: gen_server_SUITE: start
# case: gen_server_SUITE: otp_7669
@kinds
@inside
def test_init_may_ignore(kind: type[Scripted]) -> None:
    """No process, and no failure."""
    with pytest.raises(otpy.StartIgnored):
        kind.start_link(otpy.Ignore, name="ignored")
    assert otpy.whereis("ignored") is None


def _stop() -> Any:
    return otpy.Stop("reason")


# case: gen_server_SUITE: start
# case: gen_server_SUITE: otp_7669
@kinds
@inside
def test_init_may_stop(kind: type[Scripted]) -> None:
    """The starter gets the reason; it is not hurt, and the name is free."""
    with pytest.raises(otpy.InitStopped) as error:
        kind.start_link(_stop, name="stopped")
    assert error.value.reason == "reason"
    assert otpy.whereis("stopped") is None


@kinds
@inside
def test_a_starter_that_traps_exits_hears_of_a_failed_start_too(kind: type[Scripted]) -> None:
    """As in OTP: the error and the Exit message."""
    otpy.trap_exit(True)
    with pytest.raises(otpy.InitStopped):
        kind.start_link(_stop)
    assert get().reason == "reason"


@kinds
@pytest.mark.parametrize("error", [ValueError("usual"), SystemExit(1)])
@inside
def test_init_may_raise(kind: type[Scripted], error: BaseException) -> None:
    """The starter gets it as reason, with the error as cause."""

    def fail() -> Any:
        raise error

    with pytest.raises(otpy.InitStopped) as stopped:
        kind.start_link(fail)
    assert stopped.value.reason == otpy.Crash(error)
    assert stopped.value.__cause__ is error


@kinds
@inside
def test_init_that_returns_something_else_is_a_bad_return(kind: type[Scripted]) -> None:
    """The error names the callback and the value."""
    with pytest.raises(otpy.InitStopped) as stopped:
        kind.start(lambda: 42)
    assert stopped.value.reason == otpy.BadReturn("init", 42)


@kinds
@inside
def test_init_that_is_too_slow_is_killed(kind: type[Scripted]) -> None:
    """The starter waits as long as it said; the name is free afterwards."""
    pids: list[otpy.Pid] = []

    def wait() -> Any:
        pids.append(otpy.self_pid())
        return otpy.receive() if kind is not OnLoop else OnLoopForever()

    with pytest.raises(otpy.StartTimeout) as error:
        kind.start_link(wait, timeout=0.05)
    assert isinstance(error.value, TimeoutError)
    eventually(lambda: not otpy.is_alive(pids[0]))


class OnLoopForever:
    """Awaits for ever."""

    def __await__(self) -> Any:
        import asyncio

        yield from asyncio.sleep(1000).__await__()


# case: gen_server_SUITE: start
# case: gen_server_test.exs: start_link/3
@inside
def test_a_taken_name_is_refused_with_its_owner() -> None:
    """And init does not run."""
    owner = Scripted.start(0, name="taken")
    with pytest.raises(otpy.AlreadyStarted) as error:
        Scripted.start(lambda: pytest.fail("init ran"), name="taken")
    assert error.value.pid is owner
    with pytest.raises(TypeError, match="non-empty str"):
        Scripted.start(0, name="")


@inside
def test_messages_that_come_during_init_wait() -> None:
    """The name is known before init has returned."""
    me = otpy.self_pid()
    otpy.spawn(
        lambda: otpy.send(me, Scripted.start(lambda: (otpy.receive(lambda m: m == "go"), otpy.Ok(1))[1], name="slow"))
    )
    eventually(lambda: otpy.whereis("slow") is not None)
    otpy.cast("slow", add(10))
    otpy.send("slow", "go")
    assert state_of(get()) == 11


@kinds
@inside
def test_a_process_killed_in_init_did_not_start(kind: type[Scripted]) -> None:
    """The starter is told why."""
    with pytest.raises(otpy.InitStopped) as error:
        kind.start(lambda: otpy.exit(otpy.self_pid(), otpy.Kill()))
    assert error.value.reason == otpy.Killed()


# -- handle_call -----------------------------------------------------------------------------------


# case: gen_server_SUITE: call
# case: gen_server_SUITE: hibernate
@kinds
@then_forms
@inside
def test_handle_call_may_reply(kind: type[Scripted], then: str) -> None:
    """Reply(value, state, then)."""
    otpy.register("test", otpy.self_pid())
    form, reports = THEN[then]
    pid = kind.start(1)
    assert otpy.call(pid, on_call(lambda _, state: otpy.Reply("value", state + 1, form))) == "value"
    expect(*reports)
    assert state_of(pid) == 2


# case: gen_server_SUITE: call
# case: gen_server_SUITE: hibernate
@kinds
@then_forms
@inside
def test_handle_call_may_leave_the_reply_to_others(kind: type[Scripted], then: str) -> None:
    """NoReply(state, then), and any process replies when it likes."""
    otpy.register("test", otpy.self_pid())
    form, reports = THEN[then]
    pid = kind.start(1)
    me = otpy.self_pid()

    def ask(from_: otpy.From, state: Any) -> Any:
        otpy.send(me, from_)
        return otpy.NoReply(state + 1, form)

    request = otpy.send_request(pid, ask)
    from_ = get()
    assert from_.pid is me
    expect(*reports)
    assert otpy.check_response(request) is None
    otpy.spawn(otpy.reply, from_, "deferred")
    assert otpy.wait_response(request, timeout=DEADLINE) == "deferred"
    otpy.reply(from_, "second")
    assert state_of(pid) == 2
    assert otpy.flush() == []


@kinds
@inside
def test_a_deferred_reply_fails_when_the_server_ends(kind: type[Scripted]) -> None:
    """Nobody would ever answer it."""
    pid = kind.start(1)
    request = otpy.send_request(pid, on_call(lambda _, state: otpy.NoReply(state)))
    assert state_of(pid) == 1
    otpy.exit(pid, otpy.Kill())
    with pytest.raises(otpy.ServerExited) as error:
        otpy.wait_response(request, timeout=DEADLINE)
    assert (error.value.reason, error.value.server) == (otpy.Killed(), pid)


@kinds
@inside
def test_handle_call_may_stop_with_a_reply(kind: type[Scripted]) -> None:
    """terminate runs first, then the caller gets the reply, then the process ends."""
    otpy.register("test", otpy.self_pid())
    pid = kind.start(1)
    ref = otpy.monitor(pid)
    assert otpy.call(pid, on_call(lambda _, state: otpy.Stop("reason", state + 1, "bye"))) == "bye"
    assert get() == ("terminate", "reason", 2)
    assert down(ref) == "reason"


@kinds
@inside
def test_handle_call_may_stop_without_a_reply(kind: type[Scripted]) -> None:
    """The caller learns the reason."""
    with pytest.raises(otpy.ServerExited) as error:
        otpy.call(kind.start(1), on_call(lambda _, state: otpy.Stop(otpy.Shutdown("detail"), state)))
    assert error.value.reason == otpy.Shutdown("detail")


# case: gen_server_SUITE: call
@kinds
@pytest.mark.parametrize("value", [None, 42, "text", otpy.Ok(1), otpy.Stop("no state"), otpy.Ignore()])
@inside
def test_anything_else_from_handle_call_ends_the_server(kind: type[Scripted], value: Any) -> None:
    """With BadReturn, which says what came from where."""
    pid = kind.start(1)
    with pytest.raises(otpy.ServerExited) as error:
        otpy.call(pid, on_call(lambda _from, _state: value))
    assert error.value.reason == otpy.BadReturn("handle_call", value)
    assert repr(value) in str(error.value.reason)


@pytest.mark.parametrize("then", ["soon", 5, otpy.After("soon"), otpy.After(-1)])  # type: ignore[arg-type]
@inside
def test_a_bad_then_ends_the_server(then: Any) -> None:
    """As any other bad return; the whole result is shown."""
    pid = Scripted.start(1)
    ref = otpy.monitor(pid)
    otpy.cast(pid, on_message(lambda state: otpy.NoReply(state, then)))
    assert down(ref) == otpy.BadReturn("handle_cast", otpy.NoReply(1, then))


# -- handle_cast, handle_info, handle_continue -----------------------------------------------------


# case: gen_server_SUITE: cast
# case: gen_server_SUITE: info
# case: gen_server_SUITE: hibernate
@kinds
@then_forms
@pytest.mark.parametrize("send", [otpy.cast, otpy.send])
@inside
def test_casts_and_other_messages_may_go_on_with(kind: type[Scripted], then: str, send: Callable[..., Any]) -> None:
    """NoReply(state, then)."""
    otpy.register("test", otpy.self_pid())
    form, reports = THEN[then]
    pid = kind.start(1)
    send(pid, on_message(lambda state: otpy.NoReply(state + 1, form)))
    if not reports:
        assert state_of(pid) == 2
    expect(*reports)
    assert state_of(pid) == 2


# case: gen_server_SUITE: cast
# case: gen_server_SUITE: info
@kinds
@pytest.mark.parametrize("send", [otpy.cast, otpy.send])
@inside
def test_casts_and_other_messages_may_stop(kind: type[Scripted], send: Callable[..., Any]) -> None:
    """Stop(reason, state)."""
    otpy.register("test", otpy.self_pid())
    pid = kind.start(1)
    ref = otpy.monitor(pid)
    send(pid, on_message(lambda state: otpy.Stop(otpy.Normal(), state + 1)))
    assert get() == ("terminate", otpy.Normal(), 2)
    assert down(ref) == otpy.Normal()


@kinds
@inside
def test_a_reply_from_handle_cast_is_a_bad_return(kind: type[Scripted]) -> None:
    """There is nobody to reply to. So is a Stop with one."""
    for result in (otpy.Reply("what?", 1), otpy.Stop(otpy.Normal(), 1, "bye")):
        pid = kind.start(result)
        ref = otpy.monitor(pid)
        otpy.cast(pid, on_message(lambda state: state))
        assert down(ref) == otpy.BadReturn("handle_cast", result)


# case: gen_server_SUITE: continue
@kinds
@then_forms
@inside
def test_handle_continue_may_go_on_with(kind: type[Scripted], then: str) -> None:
    """And with a further one; all before the next message."""
    otpy.register("test", otpy.self_pid())
    form, reports = THEN[then]
    pid = kind.start(1)
    step = otpy.Continue(on_message(lambda state: otpy.NoReply(state + 1, form)))
    otpy.cast(pid, on_message(lambda state: otpy.NoReply(state, step)))
    if not reports:
        assert state_of(pid) == 2
    expect(*reports)


# case: gen_server_SUITE: continue
@kinds
@inside
def test_a_continue_comes_before_messages_that_wait(kind: type[Scripted]) -> None:
    """That is its point."""
    otpy.register("test", otpy.self_pid())

    def init() -> Any:
        otpy.cast(otpy.self_pid(), add(100))
        return otpy.Ok(1, otpy.Continue("first"))

    pid = kind.start(init)
    assert get() == ("continue", "first", 1)
    assert state_of(pid) == 101


# case: gen_server_SUITE: continue
@kinds
@inside
def test_handle_continue_may_stop(kind: type[Scripted]) -> None:
    """Also right after init."""
    otpy.register("test", otpy.self_pid())
    kind.start(lambda: otpy.Ok(1, otpy.Continue(on_message(lambda state: otpy.Stop("enough", state + 1)))))
    assert get() == ("terminate", "enough", 2)


@inside
def test_many_continues_in_a_row_need_no_stack() -> None:
    """Each is carried out after the one before has returned."""

    def again(state: int) -> Any:
        return otpy.NoReply(state + 1, otpy.Continue(again) if state < 50_000 else None)

    assert state_of(Scripted.start(lambda: otpy.Ok(0, otpy.Continue(again)))) == 50_001


# -- After -----------------------------------------------------------------------------------------


# case: gen_server_SUITE: call
def test_any_message_cancels_the_timeout() -> None:
    """It is for idleness. The next result sets it anew, or does not."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        otpy.register("test", otpy.self_pid())
        pid = Scripted.start(lambda: otpy.Ok(1, otpy.After(10.0)))
        clock.advance(9.0, runtime)
        assert (
            otpy.call(pid, on_call(lambda _, state: otpy.Reply("set anew", state, otpy.After(10.0))), timeout=None)
            == "set anew"
        )
        clock.advance(9.0, runtime)
        assert otpy.call(pid, on_call(lambda _, state: otpy.Reply("not set", state)), timeout=None) == "not set"
        clock.advance(1000.0, runtime)
        assert otpy.call(pid, look, timeout=None) == 1
        assert otpy.flush() == []
        otpy.cast(pid, on_message(lambda state: otpy.NoReply(state, otpy.After(10.0))))
        assert otpy.sys.get_state(pid, timeout=None) == 1
        assert clock.advance_to_message(10.0, runtime) == ("info", otpy.Timeout(), 1)


# -- terminate and the end -------------------------------------------------------------------------


# case: gen_server_SUITE: terminate_crash_format
@kinds
@inside
def test_what_terminate_raises_takes_the_place_of_the_reason(kind: type[Scripted]) -> None:
    """As in OTP."""
    error = ValueError("in terminate")

    class Failing(kind):  # type: ignore[misc,valid-type]
        """Fails at its end."""

        def terminate(self, reason: Any, state: Any) -> None:
            raise error

    pid = Failing.start(1)
    ref = otpy.monitor(pid)
    otpy.cast(pid, on_message(lambda state: otpy.Stop(otpy.Normal(), state)))
    assert down(ref) == otpy.Crash(error)


@kinds
@inside
def test_terminate_runs_after_a_crash_with_the_state_before_it(kind: type[Scripted]) -> None:
    """The callback that raised has not returned a new one."""
    otpy.register("test", otpy.self_pid())
    error = ZeroDivisionError("boom")

    def fail(_state: Any) -> Any:
        raise error

    pid = kind.start(1)
    otpy.cast(pid, add(1))
    otpy.cast(pid, fail)
    assert get() == ("terminate", otpy.Crash(error), 2)


@kinds
@inside
def test_the_end_of_the_parent_is_obeyed_through_terminate(kind: type[Scripted]) -> None:
    """By a server that traps exits; other exits arrive in handle_info."""
    otpy.register("test", otpy.self_pid())
    me = otpy.self_pid()

    def parent() -> None:
        otpy.send(me, kind.start_link(lambda: (otpy.trap_exit(True), otpy.Ok(1))[1]))
        raise otpy.ExitProcess(otpy.receive())

    starter = otpy.spawn(parent)
    pid = get()
    otpy.exit(pid, "from a stranger")
    assert get() == ("info", otpy.Exit(me, "from a stranger"), 1)
    otpy.send(starter, "the end")
    assert get() == ("terminate", "the end", 1)
    assert reason_of(pid) in ("the end", otpy.NoProc())


@kinds
@inside
def test_an_uncaught_call_error_ends_the_server_as_otp_does(kind: type[Scripted]) -> None:
    """A server that was shut down is no crash for its callers; one that is gone is."""
    dead = Scripted.start(1)
    otpy.stop(dead)

    def ask(_state: Any) -> Any:
        return otpy.call(dead, "hello")

    if kind is OnLoop:
        return  # there a call is refused; see test_asyncio_server.py
    pid = kind.start(1)
    ref = otpy.monitor(pid)
    otpy.cast(pid, ask)
    reason = down(ref)
    assert isinstance(reason, otpy.Crash)
    assert isinstance(reason.error, otpy.NoProcess)


# -- errors and reports ----------------------------------------------------------------------------


# case: gen_server_SUITE: error_format_status
@kinds
@inside
def test_a_crash_is_reported_once_with_the_state_redacted(
    kind: type[Scripted], caplog: pytest.LogCaptureFixture
) -> None:
    """format_status decides what a log may show: the process, its label, its ancestors, the message, not the secret."""

    class Secretive(kind):  # type: ignore[misc,valid-type]
        """Hides its state."""

        def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
            return {**status, "state": "redacted"}

    pid = Secretive.start("secret", name="secretive")

    def fail(_state: Any) -> Any:
        raise ValueError("boom")

    ref = otpy.monitor(pid)
    with caplog.at_level(logging.ERROR), Listener("process.crash") as listener:
        otpy.cast(pid, fail)
        down(ref)
    assert len(caplog.records) == 1
    assert "secretive" in caplog.text
    assert "Secretive" in caplog.text
    assert "redacted" in caplog.text
    assert "boom" in caplog.text
    assert repr(otpy.self_pid()) in caplog.text
    assert "'secret'" not in caplog.text
    assert [facts["report"]["state"] for facts in listener.facts("process.crash")] == ["redacted"]


@inside
def test_a_format_status_that_fails_hides_all(caplog: pytest.LogCaptureFixture) -> None:
    """It must not make the report fail, and not show what it was to hide."""

    class Broken(Scripted):
        """Cannot show itself."""

        def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
            raise LookupError("no status")

    pid = Broken.start("secret")
    ref = otpy.monitor(pid)
    otpy.cast(pid, on_message(lambda _: 1 / 0))
    down(ref)
    assert "no status" in caplog.text
    assert "'secret'" not in caplog.text


# case: gen_server_SUITE: undef_handle_call
# case: gen_server_SUITE: undef_init
@inside
def test_undefined_callbacks_say_what_is_missing() -> None:
    """And which class lacks it."""

    class Bare(otpy.GenServer[None]):
        """Has only what it must."""

        def init(self, arg: object) -> otpy.Ok[None]:
            return otpy.Ok(None)

    with pytest.raises(otpy.ServerExited) as exited:
        otpy.call(Bare.start(), "hello")
    error = exited.value.reason.error
    assert isinstance(error, UndefinedCallback)
    assert error.callback == "handle_call"
    assert "Bare" in str(error)
    with pytest.raises(otpy.InitStopped, match="init"):
        otpy.GenServer.start()


# case: gen_server_SUITE: undef_handle_info
@inside
def test_an_unexpected_message_is_logged_and_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """The default of handle_info, as in OTP."""
    pid = Echo.start()
    otpy.send(pid, "what is this?")
    assert otpy.call(pid, "still here") == "still here"
    assert "what is this?" in caplog.text


@inside
def test_self_holds_no_state() -> None:
    """An attribute would be lost by a restart and missed by an upgrade; the error says where to keep it."""

    class Stateful(Scripted):
        """Tries to keep something."""

        def handle_call(self, request: Any, from_: otpy.From, state: Any) -> Any:
            self.kept = request
            return otpy.Reply(None, state)

    with pytest.raises(otpy.ServerExited) as exited:
        otpy.call(Stateful.start(1), "kept")
    error = exited.value.reason.error
    assert isinstance(error, AttributeError)
    assert "self.kept" in str(error)
    assert "keep it in the state" in str(error)


def test_an_async_callback_needs_its_declaration() -> None:
    """Refused when the class is made, not when the first message comes."""
    with pytest.raises(TypeError, match='runs_on = "asyncio"'):

        class Undeclared(Scripted):  # pyright: ignore[reportUnusedClass]
            """Has forgotten runs_on."""

            async def handle_cast(self, request: Any, state: Any) -> Any:
                return otpy.NoReply(state)


def test_runs_on_is_one_of_three() -> None:
    """A typing error is refused with the choices."""
    with pytest.raises(TypeError, match='"scheduler", "thread" or "asyncio"'):

        class Lost(Scripted):  # pyright: ignore[reportUnusedClass]
            """Runs nowhere."""

            runs_on = "threads"  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]


@inside
def test_callbacks_run_one_at_a_time() -> None:
    """Whatever the handler waits for, no other message is handled meanwhile."""
    pid = Scripted.start([])
    gate = threading.Event()

    def slow(_from: otpy.From, state: list[str]) -> Any:
        state.append("begins")
        otpy.blocking(gate.wait, DEADLINE)
        state.append("ends")
        return otpy.Reply(None, state)

    request = otpy.send_request(pid, slow)
    otpy.cast(pid, on_message(lambda state: otpy.NoReply([*state, "next"])))
    eventually(lambda: otpy.process_info(pid).status == "waiting")  # type: ignore[union-attr]
    gate.set()
    otpy.wait_response(request, timeout=DEADLINE)
    assert state_of(pid) == ["begins", "ends", "next"]
