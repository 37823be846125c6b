"""The rules of state machines, one by one, in both callback modes: what comes when, and what cancels what.

Random ones are held against recordings of gen_statem by tests/oracle.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy import (
    CANCEL,
    UPDATE,
    EventTimeout,
    GenericTimeout,
    Hibernate,
    KeepState,
    NextEvent,
    NextState,
    Postpone,
    RepeatState,
    ReplyTo,
    StateTimeout,
    StopAndReply,
)
from tests.support import HandClock, down, get, inside, reason_of


class Reporting(otpy.GenStatem[str, Any]):
    """Does as a function that is its data says, and tells the test of each event: kind, content and state.

    The function gets kind, content and state; what it returns is the result, and nothing means to keep all.
    """

    def init(self, arg: Any) -> Any:
        """Begin in "a"."""
        return NextState("a", arg)

    def handle_event(self, kind: Any, content: Any, state: str, data: Any) -> Any:
        """Tell, and do as the function says."""
        otpy.send("test", (kind if isinstance(kind, str) else kind[0], content, state))
        return data(kind, content, state) or KeepState()


class ByState(Reporting):
    """The same with a method for each state."""

    callback_mode = "state_functions"

    def a(self, kind: Any, content: Any, data: Any) -> Any:
        """In state a."""
        return self.handle_event(kind, content, "a", data)

    def b(self, kind: Any, content: Any, data: Any) -> Any:
        """In state b."""
        return self.handle_event(kind, content, "b", data)


class Entering(Reporting):
    """With enter calls."""

    state_enter = True


class EnteringByState(ByState):
    """With both."""

    state_enter = True


modes = pytest.mark.parametrize("mode", [Reporting, ByState])
entering = pytest.mark.parametrize("mode", [Entering, EnteringByState])


def start(mode: type[Reporting], does: Any) -> otpy.Pid:
    """Start a machine that does so, and have it tell the running process."""
    otpy.register("test", otpy.self_pid())
    return mode.start(does)


def told(pid: otpy.Pid) -> list[Any]:
    """Return what the machine has told when it has handled all that was sent."""
    otpy.sys.get_state(pid, timeout=None)
    return otpy.flush()


# -- the order of events ---------------------------------------------------------------------------


# case: gen_statem_SUITE: next_events
# case: gen_statem_SUITE: event_types
@modes
@inside
def test_inserted_events_come_in_their_order_before_all_others(mode: type[Reporting]) -> None:
    """Of whichever kind they are; a call that is inserted can be answered."""
    requests: list[Any] = []

    def does(kind: Any, content: Any, _state: str) -> Any:
        if content == "request":
            return KeepState(actions=ReplyTo(kind[1], "reply"))
        if kind != "cast" or content != "begin":
            return None
        kinds: list[Any] = [requests[0], "cast", "info", "internal", "timeout", ("timeout", "name"), "state_timeout"]
        return KeepState(actions=[NextEvent(each, "request" if each[0] == "call" else 1) for each in kinds])

    pid = start(mode, does)
    otpy.sys.suspend(pid)
    request = otpy.send_request(Taking.start(requests), "take this")
    while not requests:
        otpy.sleep(0)
    otpy.cast(pid, "begin")
    otpy.cast(pid, "behind")
    otpy.sys.resume(pid)
    assert otpy.wait_response(request, timeout=20.0) == "reply"
    assert told(pid) == [
        ("cast", "begin", "a"),
        ("call", "request", "a"),
        ("cast", 1, "a"),
        ("info", 1, "a"),
        ("internal", 1, "a"),
        ("timeout", 1, "a"),
        ("timeout", 1, "a"),
        ("state_timeout", 1, "a"),
        ("cast", "behind", "a"),
    ]


class Taking(otpy.GenServer[Any]):
    """Keeps who asks, for another to answer."""

    def init(self, arg: Any) -> Any:
        """Remember where to put it."""
        return otpy.Ok(arg)

    def handle_call(self, request: Any, from_: otpy.From, state: Any) -> Any:
        """Put it there."""
        state.append(("call", from_))
        return otpy.NoReply(state)


# case: gen_statem_SUITE: event_order
# case: gen_statem_SUITE: postponed events
@modes
@inside
def test_inserted_events_come_before_postponed_ones_and_these_before_new_ones(mode: type[Reporting]) -> None:
    """Postponed ones again oldest first; all of them cancel an event timeout of zero."""

    def does(_kind: Any, content: Any, state: str) -> Any:
        if content == "go":
            inserted = [NextEvent("internal", "inserted 1"), NextEvent("internal", "inserted 2")]
            return NextState("b", does, [*inserted, EventTimeout(0, "never")])
        return KeepState(actions=Postpone()) if state == "a" else None

    pid = start(mode, does)
    otpy.sys.suspend(pid)
    for content in ("old 1", "old 2", "go", "new 1", "new 2"):
        otpy.cast(pid, content)
    otpy.sys.resume(pid)
    handled = [content for _, content, state in told(pid) if state == "b"]
    assert handled == ["inserted 1", "inserted 2", "old 1", "old 2", "new 1", "new 2"]


# case: gen_statem_SUITE: postponed events
@modes
@inside
def test_postponed_events_wait_for_another_state(mode: type[Reporting]) -> None:
    """Not for the same one, entered again or repeated."""

    def does(_kind: Any, content: Any, state: str) -> Any:
        match content, state:
            case "wait", "a":
                return KeepState(actions=Postpone())
            case "same", _:
                return NextState("a", does)
            case "repeat", _:
                return RepeatState()
            case "go", _:
                return NextState("b", does)
            case _:
                return None

    pid = start(mode, does)
    for content in ("wait", "same", "repeat", "other"):
        otpy.cast(pid, content)
    assert [content for _, content, _ in told(pid)] == ["wait", "same", "repeat", "other"]
    otpy.cast(pid, "go")
    assert told(pid) == [("cast", "go", "a"), ("cast", "wait", "b")]


# -- enter calls -----------------------------------------------------------------------------------


# case: gen_statem_SUITE: state_enter
@entering
@inside
def test_an_enter_call_comes_where_a_state_is_entered_or_repeated(mode: type[Reporting]) -> None:
    """With the state before: its own at the start and when it is repeated. Keeping a state enters none."""
    results: dict[str, Callable[[Any], Any]] = {
        "keep": KeepState,
        "same": functools.partial(NextState, "a"),
        "repeat": RepeatState,
        "other": functools.partial(NextState, "b"),
    }

    def does(kind: Any, content: Any, _state: str) -> Any:
        return None if kind == "enter" else results[content](does)

    pid = start(mode, does)
    for content in results:
        otpy.cast(pid, content)
    assert told(pid) == [
        ("enter", "a", "a"),
        ("cast", "keep", "a"),
        ("cast", "same", "a"),
        ("cast", "repeat", "a"),
        ("enter", "a", "a"),
        ("cast", "other", "a"),
        ("enter", "a", "b"),
    ]


# case: gen_statem_SUITE: state_enter
@entering
@inside
def test_an_enter_call_may_change_data_and_set_timeouts(mode: type[Reporting]) -> None:
    """It comes before any event, those too that were inserted on the way into the state."""

    def second(kind: Any, _content: Any, _state: str) -> Any:
        return StopAndReply("not entered again", ()) if kind == "enter" else None

    def first(kind: Any, content: Any, state: str) -> Any:
        if (kind, state) == ("enter", "b"):
            return KeepState(second, [StateTimeout(0, "entered"), GenericTimeout("x", 0, "too")])
        return NextState("b", first, NextEvent("internal", "inserted")) if content == "go" else None

    pid = start(mode, first)
    otpy.cast(pid, "go")
    wanted = [("enter", "a", "a"), ("cast", "go", "a"), ("enter", "a", "b"), ("internal", "inserted", "b")]
    assert [get() for _ in wanted] == wanted
    assert [get(), get()] == [("state_timeout", "entered", "b"), ("timeout", "too", "b")]
    assert otpy.sys.get_state(pid) == ("b", second)


# -- timeouts --------------------------------------------------------------------------------------


# case: gen_statem_SUITE: state_timeout
@modes
def test_a_state_timeout_ends_with_its_state(mode: type[Reporting]) -> None:
    """Not with the same one entered again; set again, it begins anew; zero comes behind what was inserted."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:

        def does(_kind: Any, content: Any, _state: str) -> Any:
            match content:
                case "set":
                    return KeepState(actions=StateTimeout(10.0, "due"))
                case "same":
                    return NextState("a", does)
                case "leave":
                    return NextState("b", does)
                case "at once":
                    return KeepState(actions=[StateTimeout(0, "zero"), NextEvent("internal", "inserted")])
                case _:
                    return None

        pid = start(mode, does)

        def after(seconds: float) -> list[Any]:
            clock.advance(seconds, runtime)
            return [content for _, content, _ in told(pid)]

        def cast(content: str) -> None:
            otpy.cast(pid, content)
            told(pid)

        cast("set")
        cast("same")
        assert after(9.0) == []
        cast("set")
        assert after(9.0) == []
        assert after(1.0) == ["due"]
        cast("set")
        cast("leave")
        assert after(100.0) == []
        otpy.cast(pid, "at once")
        assert after(0.0) == ["at once", "inserted", "zero"]


# case: gen_statem_SUITE: state_timeout
@modes
@inside
def test_any_event_cancels_an_event_timeout(mode: type[Reporting]) -> None:
    """Also a state timeout of zero that is set with it."""

    def does(_kind: Any, content: Any, _state: str) -> Any:
        if content == "both":
            return KeepState(actions=[StateTimeout(0, "state"), EventTimeout(0.01, "never"), GenericTimeout("x", 0.02)])
        return KeepState(actions=EventTimeout(0.0, "idle")) if content == "alone" else None

    pid = start(mode, does)
    otpy.cast(pid, "both")
    assert [get() for _ in range(3)] == [("cast", "both", "a"), ("state_timeout", "state", "a"), ("timeout", None, "a")]
    otpy.cast(pid, "alone")
    assert [get() for _ in range(2)] == [("cast", "alone", "a"), ("timeout", "idle", "a")]


# case: gen_statem_SUITE: timeout_cancel_and_update
@pytest.mark.parametrize("timeout", [StateTimeout, functools.partial(GenericTimeout, "x")], ids=["state", "generic"])
def test_a_timeout_is_cancelled_or_gets_another_content_and_keeps_its_time(timeout: Any) -> None:
    """With CANCEL and UPDATE; one that was not set is not cancelled, and comes at once if it is updated."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:

        def does(_kind: Any, content: Any, _state: str) -> Any:
            return KeepState(actions=list(content)) if isinstance(content, tuple) else None

        pid = start(Reporting, does)

        def set_to(*actions: Any) -> None:
            otpy.cast(pid, actions)
            told(pid)

        def after(seconds: float) -> list[Any]:
            clock.advance(seconds, runtime)
            return [content for _, content, _ in told(pid) if not isinstance(content, tuple)]

        set_to(timeout(10.0, "old"))
        assert after(9.0) == []
        set_to(timeout(UPDATE, "new"))
        assert after(0.0) == []
        assert after(1.0) == ["new"]
        set_to(timeout(10.0, "old"))
        set_to(timeout(CANCEL))
        assert after(100.0) == []
        set_to(timeout(CANCEL))
        otpy.cast(pid, (timeout(UPDATE, "at once"),))
        assert after(0.0) == ["at once"]


# case: gen_statem_SUITE: generic_timers
def test_timeouts_with_names_are_independent() -> None:
    """Set again, one begins anew; None ends it; a change of state ends none of them."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:

        def does(_kind: Any, content: Any, _state: str) -> Any:
            if content == "leave":
                return NextState("b", does)
            return KeepState(actions=list(content)) if isinstance(content, tuple) else None

        pid = start(Reporting, does)
        timers = (GenericTimeout("x", 3.0, "x"), GenericTimeout("y", 2.0, "y"), GenericTimeout(("z", 1), 1.0, "z"))
        otpy.cast(pid, timers)
        otpy.cast(pid, (GenericTimeout("y", 5.0, "y again"), GenericTimeout(("z", 1), None)))
        otpy.cast(pid, (GenericTimeout("w", 4.0, "w", absolute=True),))
        otpy.cast(pid, "leave")
        told(pid)
        for seconds, content in ((3.0, "x"), (1.0, "w"), (1.0, "y again")):
            clock.advance(seconds, runtime)
            assert told(pid) == [("timeout", content, "b")]


# -- the end, and other things ---------------------------------------------------------------------


# case: gen_statem_SUITE: stop_and_reply
@modes
@inside
def test_replies_that_were_given_before_the_end_are_there_before_it(mode: type[Reporting]) -> None:
    """Those of actions before, those of the last result, and then the end."""
    waiting: list[Any] = []

    def does(kind: Any, content: Any, _state: str) -> Any:
        if content == "keep me":
            waiting.append(kind[1])
            return None
        if content == "answer the first":
            return KeepState(actions=ReplyTo(waiting[0], 1))
        return StopAndReply("over", [ReplyTo(waiting[1], 2), ReplyTo(waiting[2], 3)])

    pid = start(mode, does)
    requests = [otpy.send_request(pid, "keep me") for _ in range(4)]
    otpy.cast(pid, "answer the first")
    otpy.cast(pid, "end")
    assert [otpy.wait_response(request, timeout=20.0) for request in requests[:3]] == [1, 2, 3]
    with pytest.raises(otpy.ServerExited) as exited:
        otpy.wait_response(requests[3], timeout=20.0)
    assert exited.value.reason == "over"


# case: gen_statem_SUITE: hibernate
@modes
@inside
def test_a_machine_may_hibernate_and_any_event_wakes_it(mode: type[Reporting]) -> None:
    """As an action beside others, while it is suspended, and with a timeout that runs."""

    def does(_kind: Any, content: Any, _state: str) -> Any:
        return KeepState(actions=[Hibernate(), GenericTimeout("x", 0.01, "awake")]) if content == "sleep" else None

    pid = start(mode, does)
    otpy.cast(pid, "sleep")
    assert [get(), get()] == [("cast", "sleep", "a"), ("timeout", "awake", "a")]
    otpy.cast(pid, "sleep")
    otpy.sys.suspend(pid)
    otpy.sys.resume(pid)
    otpy.send(pid, "hello")
    assert {get(), get(), get()} == {("cast", "sleep", "a"), ("info", "hello", "a"), ("timeout", "awake", "a")}


class Bare(otpy.GenStatem[str, Any]):
    """Has only what it must."""

    def init(self, arg: Any) -> Any:
        """Begin."""
        return NextState("a", arg)

    def handle_event(self, kind: Any, content: Any, state: str, data: Any) -> Any:
        """Stay."""
        return KeepState()


# case: gen_statem_SUITE: undef_terminate1
# case: gen_statem_SUITE: undef_terminate2
@pytest.mark.parametrize("reason", [otpy.Normal(), otpy.Shutdown(), "own word"], ids=repr)
@inside
def test_terminate_may_be_missing(reason: Any) -> None:
    """The reason is that which was given."""
    pid, ref = Bare.start_monitor(1)
    otpy.stop(pid, reason)
    assert down(ref) == reason


# case: gen_statem_SUITE: undef_in_terminate
@inside
def test_what_is_missing_inside_terminate_is_a_crash() -> None:
    """It takes the place of the reason."""

    class Wrong(Bare):
        """Calls what is not there."""

        def terminate(self, reason: Any, state: str, data: Any) -> Any:
            return data.nothing

    pid, ref = Wrong.start_monitor(1)
    with pytest.raises(otpy.ServerExited):
        otpy.stop(pid)
    reason = down(ref)
    assert isinstance(reason, otpy.Crash)
    assert isinstance(reason.error, AttributeError)


# case: gen_statem_SUITE: shutdown
@modes
@inside
def test_an_ordered_end_is_not_reported(mode: type[Reporting], caplog: pytest.LogCaptureFixture) -> None:
    """Whatever detail it has."""

    def does(_kind: Any, _content: Any, _state: str) -> Any:
        return otpy.Stop(otpy.Shutdown("detail"))

    pid = start(mode, does)
    otpy.cast(pid, "end")
    assert reason_of(pid) in (otpy.Shutdown("detail"), otpy.NoProc())
    with pytest.raises(otpy.NoProcess):
        otpy.call(pid, "anybody?")
    assert caplog.records == []


# case: gen_statem_SUITE: abnormal1
@modes
@inside
def test_a_call_may_time_out_and_its_late_reply_is_dropped(mode: type[Reporting]) -> None:
    """One that is answered in time is answered, however late."""
    waiting: list[Any] = []

    def does(kind: Any, content: Any, _state: str) -> Any:
        if content == "slow":
            waiting.append(kind[1])
            return KeepState(actions=GenericTimeout(content, 0.02, waiting[-1]))
        return KeepState(actions=ReplyTo(content, "delayed")) if kind == ("timeout", "slow") else None

    pid = start(mode, does)
    assert otpy.call(pid, "slow", timeout=20.0) == "delayed"
    with pytest.raises(otpy.CallTimeout):
        otpy.call(pid, "slow", timeout=0.001)
    otpy.reply(waiting[-1], "by another")
    assert [what for what, *_ in (get() for _ in range(4))] == ["call", "timeout", "call", "timeout"]
    assert told(pid) == []
