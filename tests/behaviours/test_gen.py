"""call, cast, reply, stop, and requests whose answer is fetched later."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import otpy
from otpy.errors import BadReason, CallError, CallingSelf, CallTimeout
from tests.behaviours.server_kit import KINDS, OnLoop, Scripted, add, answer, look, on_call, on_message, state_of
from tests.support import DEADLINE, Echo, down, eventually, get, inside, reason_of

kinds = pytest.mark.parametrize("kind", KINDS)


# case: gen_server_test.exs: call/3 exit messages
@kinds
@inside
def test_a_call_of_the_dead_says_so_at_once(kind: type[Scripted]) -> None:
    """Whether it is a pid or a name, and whatever the patience. The error keeps what was asked of whom."""
    pid = kind.start(1)
    otpy.stop(pid)
    for server in (pid, "nobody"):
        with pytest.raises(otpy.NoProcess) as error:
            otpy.call(server, "hello", timeout=None)
        assert isinstance(error.value, CallError)
        assert error.value.server is server


# case: gen_server_SUITE: send_request
@kinds
@inside
def test_a_server_that_ends_during_a_call_fails_it_with_its_reason(kind: type[Scripted]) -> None:
    """Also those that wait in its mailbox."""
    pid = kind.start(1)
    otpy.sys.suspend(pid)
    requests = [otpy.send_request(pid, look) for _ in range(3)]
    otpy.exit(pid, "reason")
    for request in requests:
        with pytest.raises(otpy.ServerExited) as error:
            otpy.wait_response(request, timeout=DEADLINE)
        assert (error.value.reason, error.value.server, error.value.request) == ("reason", pid, look)
        assert "reason" in str(error.value)


# case: gen_server_test.exs: call/3 exit messages
# case: gen_server_SUITE: call
@inside
def test_a_call_that_is_too_slow_says_what_to_do() -> None:
    """More time, or a look at what the server does."""
    pid = Scripted.start(1)
    with pytest.raises(CallTimeout, match=r"0\.01 s; give .*timeout=.*process_info"):
        otpy.call(pid, on_call(lambda _, state: otpy.NoReply(state)), timeout=0.01)


# case: gen_server_test.exs: call/3 exit messages
# case: gen_server_test.exs: stop/3
@inside
def test_calling_oneself_is_refused() -> None:
    """It would wait for ever."""
    pid = Scripted.start(1)
    with pytest.raises(otpy.ServerExited) as error:
        otpy.call(pid, on_call(lambda _, state: otpy.Reply(otpy.call(pid, look), state)))
    assert isinstance(error.value.reason.error, CallingSelf)
    with pytest.raises(CallingSelf):
        otpy.call(otpy.self_pid(), "hello")
    with pytest.raises(CallingSelf):
        otpy.stop(otpy.self_pid())


@inside
def test_two_that_call_each_other_time_out_instead_of_hanging() -> None:
    """A classical mistake; the time-out of the inner one ends it, and the error names whom it waited for."""
    first, second = Scripted.start(1), Scripted.start(2)

    def across(_from: otpy.From, state: Any) -> Any:
        try:
            return otpy.Reply(otpy.call(first, look, timeout=0.02), state)
        except CallTimeout as error:
            return otpy.Reply(error.server, state)

    def begin(_from: otpy.From, state: Any) -> Any:
        return otpy.Reply(otpy.call(second, across, timeout=DEADLINE), state)

    assert otpy.call(first, begin, timeout=DEADLINE) is first


# case: gen_server_test.exs: cast/2
@inside
def test_cast_to_nobody_is_no_error() -> None:
    """As in OTP: a dead pid and an unknown name swallow it."""
    pid = Scripted.start(1)
    otpy.stop(pid)
    otpy.cast(pid, "hello")
    otpy.cast("nobody", "hello")


@kinds
@inside
def test_casts_and_calls_of_one_sender_keep_their_order(kind: type[Scripted]) -> None:
    """A call after casts sees what they did."""
    pid = kind.start(0)
    for number in range(100):
        otpy.cast(pid, add(number))
    assert state_of(pid) == sum(range(100))


# -- stop ------------------------------------------------------------------------------------------


# case: gen_server_SUITE: stop2
@kinds
@pytest.mark.parametrize("reason", [otpy.Normal(), otpy.Shutdown("x"), "own word"])
@inside
def test_stop_ends_through_terminate_and_returns_when_it_is_done(kind: type[Scripted], reason: Any) -> None:
    """With the reason that was given; messages before it are handled."""
    otpy.register("test", otpy.self_pid())
    pid = kind.start(1)
    otpy.cast(pid, add(1))
    otpy.stop(pid, reason)
    assert not otpy.is_alive(pid)
    assert get() == ("terminate", reason, 2)


@inside
def test_stop_says_when_the_end_was_another() -> None:
    """terminate raised: that is the reason then."""

    class Failing(Scripted):
        """Fails at its end."""

        def terminate(self, reason: Any, state: Any) -> None:
            raise ValueError("in terminate")

    with pytest.raises(otpy.ServerExited) as error:
        otpy.stop(Failing.start(1))
    assert isinstance(error.value.reason, otpy.Crash)


@inside
def test_stop_that_is_too_slow_leaves_the_server_alone() -> None:
    """It ends when it can."""
    gate = threading.Event()
    pid = Scripted.start(1)
    otpy.cast(pid, on_message(lambda state: (otpy.blocking(gate.wait, DEADLINE), otpy.NoReply(state))[1]))
    with pytest.raises(CallTimeout):
        otpy.stop(pid, timeout=0.01)
    assert otpy.is_alive(pid)
    gate.set()
    assert reason_of(pid) in (otpy.Normal(), otpy.NoProc())


# case: gen_server_SUITE: stop1
# case: gen_server_test.exs: stop/3
@inside
def test_stop_of_nobody_raises() -> None:
    """And so does a reason that is none."""
    with pytest.raises(otpy.NoProcess):
        otpy.stop("nobody")
    pid = Scripted.start(1)
    with pytest.raises(BadReason):
        otpy.stop(pid, "normal")
    assert state_of(pid) == 1


# -- requests --------------------------------------------------------------------------------------


# case: gen_server_SUITE: send_request
@kinds
@inside
def test_a_request_is_answered_while_its_sender_does_other_things(kind: type[Scripted]) -> None:
    """Many may be under way; they are fetched in any order."""
    pid = kind.start(1)
    requests = [otpy.send_request(pid, answer(n)) for n in range(10)]
    for number in reversed(range(10)):
        assert otpy.wait_response(requests[number], timeout=DEADLINE) == number
        assert otpy.check_response(requests[number]) == otpy.Response(number)


# case: gen_server_SUITE: send_request
@inside
def test_a_request_that_timed_out_can_be_waited_for_again() -> None:
    """In contrast to a call."""
    pid = Scripted.start(1)
    me = otpy.self_pid()
    request = otpy.send_request(pid, on_call(lambda from_, state: (otpy.send(me, from_), otpy.NoReply(state))[1]))
    from_ = get()
    with pytest.raises(CallTimeout):
        otpy.wait_response(request, timeout=0.005)
    otpy.reply(from_, "late")
    assert otpy.wait_response(request, timeout=DEADLINE) == "late"


# case: gen_server_SUITE: send_request
@inside
def test_a_request_to_nobody_fails_when_it_is_fetched() -> None:
    """Not when it is sent."""
    request = otpy.send_request("nobody", "hello")
    with pytest.raises(otpy.NoProcess):
        otpy.check_response(request)
    with pytest.raises(otpy.NoProcess):
        otpy.wait_response(request)


@inside
def test_a_request_belongs_to_its_sender() -> None:
    """Another process would wait for an answer that wakes somebody else."""
    pid = Scripted.start(1)
    request = otpy.send_request(pid, on_call(lambda _, state: otpy.NoReply(state)))
    _, ref = otpy.spawn_monitor(otpy.wait_response, request)
    reason = down(ref)
    assert isinstance(reason.error, CallError)


@inside
def test_a_typed_request_is_just_a_request() -> None:
    """Request[int] says to type checkers what call returns; nothing more."""

    class Get(otpy.Request[int]):
        """Asks for a number."""

    pid = Scripted.start(0)
    answer: int = otpy.call(pid, _Answering(Get()))
    assert answer == 42


class _Answering(otpy.Request[int]):
    def __init__(self, inner: otpy.Request[int]) -> None:
        self.inner = inner

    def __call__(self, _from: otpy.From, state: Any) -> Any:
        return otpy.Reply(42, state)


@inside
def test_a_frozen_call_is_not_disturbed_by_other_wake_ups() -> None:
    """Messages that come while a call waits stay for later."""
    pid = Scripted.start(1)
    me: Any = otpy.self_pid()
    request = otpy.send_request(pid, on_call(lambda from_, state: (otpy.send(me, from_), otpy.NoReply(state))[1]))
    from_ = get()
    otpy.send_after(me, "disturbance", 0.001)
    otpy.spawn(_reply_later, from_)
    assert otpy.wait_response(request, timeout=DEADLINE) == "answer"
    assert get() == "disturbance"


def _reply_later(from_: otpy.From) -> None:
    otpy.sleep(0.01)
    otpy.reply(from_, "answer")


@inside
def test_a_name_is_looked_up_at_each_call() -> None:
    """A restarted server is found under its name."""
    first = Scripted.start(1, name="server")
    assert state_of(first) == otpy.call("server", look)
    otpy.stop("server")
    Scripted.start(2, name="server")
    assert otpy.call("server", look) == 2


@inside
def test_from_can_be_kept_and_copied() -> None:
    """It stays the same request, in a state that is copied for an upgrade too."""
    import copy

    pid = Scripted.start(1)
    me = otpy.self_pid()
    request = otpy.send_request(pid, on_call(lambda from_, state: (otpy.send(me, from_), otpy.NoReply(state))[1]))
    from_ = get()
    assert copy.copy(from_) is from_
    assert copy.deepcopy([from_])[0] is from_
    assert from_.tag is from_
    otpy.reply(copy.deepcopy(from_), "answer")
    assert otpy.wait_response(request, timeout=DEADLINE) == "answer"
    eventually(lambda: otpy.is_alive(pid))


@inside
def test_a_blocking_call_inside_the_event_loop_is_refused_with_advice() -> None:
    """It would stop all asyncio processes."""
    other = Scripted.start(1)
    with pytest.raises(otpy.ServerExited) as error:
        otpy.call(OnLoop.start(1), on_call(lambda _, state: otpy.Reply(otpy.call(other, look), state)))
    assert "acall" in str(error.value.reason.error)


@inside
def test_a_timeout_that_is_no_number_is_refused_and_nothing_was_sent() -> None:
    """The caller can call again."""
    pid = Echo.start()
    with pytest.raises(TypeError, match="give seconds, or None"):
        otpy.call(pid, 1, timeout="5")  # type: ignore[call-overload]
    assert otpy.call(pid, 2) == 2
