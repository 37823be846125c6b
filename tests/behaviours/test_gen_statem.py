"""GenStatem: what the recordings of gen_statem (tests/oracle) do not show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy import (
    CANCEL,
    UPDATE,
    EventTimeout,
    GenericTimeout,
    KeepState,
    NextEvent,
    NextState,
    Postpone,
    RepeatState,
    ReplyTo,
    StateTimeout,
    StopAndReply,
)
from otpy.errors import CallbackFailed, ChangeCodeFailed, UndefinedCallback
from tests.support import HandClock, down, eventually, get, inside

JUNK: Any = "junk"
CALL: Any = "call"
STOP: Any = otpy.Stop("no")
Result = Callable[[Any, str, Any], Any]


class Scripted(otpy.GenStatem[str, Any]):
    """Runs the function that it gets, with kind, state and data; what it returns is the callback's result."""

    def init(self, arg: Any) -> Any:
        """Begin with "a" and the arg as data, or as it says."""
        return arg() if callable(arg) else NextState("a", arg)

    def handle_event(self, kind: Any, content: Any, state: str, data: Any) -> Any:
        """Run the content, or report it."""
        if callable(content):
            return content(kind, state, data)
        self._report(kind, content, state, data)
        return KeepState()

    def terminate(self, reason: Any, state: str, data: Any) -> Any:
        """Report it."""
        self._report("terminate", reason, state, data)

    def _report(self, *what: Any) -> None:
        if otpy.whereis("test") is not None:
            otpy.send("test", what)


class Entering(Scripted):
    """The same with enter calls."""

    state_enter = True


class OnThread(Scripted):
    """On a thread of its own."""

    runs_on = "thread"


class OnLoop(Scripted):
    """On the event loop."""

    runs_on = "asyncio"

    async def handle_event(self, kind: Any, content: Any, state: str, data: Any) -> Any:
        """See Scripted."""
        return super().handle_event(kind, content, state, data)


kinds = pytest.mark.parametrize("kind", [Scripted, OnThread, OnLoop])


def do(result: Result) -> Any:
    """Return what a machine runs, given kind, state and data."""
    return result


def then(result: Any) -> Any:
    """Return what has a machine answer with *result*."""
    return do(lambda _kind, _state, _data: result)


def go(state: str, *actions: Any) -> Any:
    """Return what has a machine go to *state*, with the data that it has."""
    return do(lambda _kind, _state, data: NextState(state, data, actions))


def where(kind: Any, state: str, data: Any) -> Any:
    """As a request: reply with state and data."""
    return KeepState(actions=ReplyTo(kind[1], (state, data)))


def keep_request(kind: Any, _state: str, _data: Any) -> Any:
    """As a request: keep who asked, and let it wait."""
    return KeepState(kind[1])


def answer_kept(_kind: Any, _state: str, data: Any) -> Any:
    """Answer who was kept."""
    return KeepState(actions=ReplyTo(data, 5))


def bye(kind: Any, _state: str, _data: Any) -> Any:
    """As a request: answer and end."""
    return StopAndReply(otpy.Normal(), ReplyTo(kind[1], "bye"))


# -- starting and ending ---------------------------------------------------------------------------


# case: gen_statem_SUITE: get_state
@kinds
@inside
def test_a_machine_begins_where_init_says(kind: type[Scripted]) -> None:
    """And `sys.get_state` shows both, state and data."""
    pid = kind.start_link(7, name="machine")
    assert otpy.call("machine", where) == ("a", 7)
    assert otpy.sys.get_state(pid) == ("a", 7)
    status = otpy.sys.get_status(pid)
    assert (status["state"], status["data"]) == ("a", 7)


# case: gen_statem_SUITE: start4
# case: gen_statem_SUITE: start5
@pytest.mark.parametrize(
    ("arg", "error"),
    [
        (otpy.Ignore, otpy.StartIgnored),
        (lambda: STOP, otpy.InitStopped),
        (lambda: otpy.Ok("a"), otpy.InitStopped),
        (lambda: NextState("a", 1, Postpone()), otpy.InitStopped),
        (lambda: NextState("a", 1, JUNK), otpy.InitStopped),
        (lambda: JUNK["nothing"], otpy.InitStopped),
    ],
    ids=["ignore", "stop", "a result of GenServer", "nothing to postpone", "no action", "raises"],
)
@kinds
@inside
def test_a_start_that_fails_says_why(kind: type[Scripted], arg: Any, error: type[Exception]) -> None:
    """In the starter, as for every server."""
    with pytest.raises(error):
        kind.start(arg)


@inside
def test_a_bad_result_of_init_is_the_reason() -> None:
    """With the value that was returned."""
    with pytest.raises(otpy.InitStopped) as stopped:
        Scripted.start(lambda: otpy.Ok("a"))
    assert stopped.value.reason == otpy.BadReturn("init", otpy.Ok("a"))


@kinds
@inside
def test_terminate_gets_state_and_data(kind: type[Scripted]) -> None:
    """Those of the end."""
    otpy.register("test", otpy.self_pid())
    pid = kind.start(1)
    otpy.cast(pid, go("b"))
    otpy.stop(pid, otpy.Shutdown())
    assert get() == ("terminate", otpy.Shutdown(), "b", 1)


# case: gen_statem_SUITE: stop_and_reply
@kinds
@inside
def test_replies_of_stop_and_reply_come_before_the_end(kind: type[Scripted]) -> None:
    """Whoever asked is answered, and not told that the machine has gone."""
    pid = kind.start(1)
    ref = otpy.monitor(pid)
    answer = otpy.call(pid, bye)
    assert answer == "bye"
    assert down(ref) == otpy.Normal()


@kinds
@inside
def test_a_request_that_is_postponed_fails_when_the_machine_ends(kind: type[Scripted]) -> None:
    """As one does that a server answers later."""
    pid = kind.start(1)
    request = otpy.send_request(pid, then(KeepState(actions=Postpone())))
    otpy.cast(pid, then(otpy.Stop("over")))
    with pytest.raises(otpy.ServerExited) as exited:
        otpy.wait_response(request, timeout=20.0)
    assert exited.value.reason == "over"


@kinds
@inside
def test_a_request_may_be_answered_later(kind: type[Scripted]) -> None:
    """By an action of another event, or by `reply`."""
    pid = kind.start(1)
    request = otpy.send_request(pid, keep_request)
    otpy.cast(pid, answer_kept)
    assert otpy.wait_response(request, timeout=20.0) == 5
    request = otpy.send_request(pid, keep_request)
    otpy.reply(otpy.sys.get_state(pid)[1], 6)
    assert otpy.wait_response(request, timeout=20.0) == 6


# -- results that are none -------------------------------------------------------------------------


# case: gen_statem_SUITE: abnormal2
# case: gen_statem_SUITE: abnormal3
# case: gen_statem_SUITE: abnormal4
@pytest.mark.parametrize(
    "result",
    [
        None,
        otpy.NoReply(1),
        KeepState(actions=JUNK),
        KeepState(actions=[Postpone(), JUNK]),
        KeepState(actions=StateTimeout(-1)),
        KeepState(actions=EventTimeout(True)),
        KeepState(actions=EventTimeout(float("nan"), absolute=True)),
        KeepState(actions=GenericTimeout("x", JUNK)),
        KeepState(actions=NextEvent(CALL, 1)),
        KeepState(actions=NextEvent(JUNK, 1)),
        KeepState(actions=ReplyTo(JUNK, 1)),
        StopAndReply(otpy.Normal(), JUNK),
    ],
    ids=repr,
)
@inside
def test_what_is_no_result_ends_the_machine(result: Any) -> None:
    """The reason has the callback and the value."""
    pid, ref = Scripted.start_monitor(1)
    otpy.cast(pid, then(result))
    assert down(ref) == otpy.BadReturn("handle_event", result)


# case: gen_statem_SUITE: abnormal3
@inside
def test_a_bad_action_is_named() -> None:
    """Among several, the one that is none."""
    pid = Scripted.start(1)
    ref = otpy.monitor(pid)
    otpy.cast(pid, then(KeepState(actions=[Postpone(), StateTimeout(-1)])))
    bad = down(ref)
    assert "StateTimeout(seconds=-1" in bad.__notes__[0]


# case: gen_statem_SUITE: state_enter
@pytest.mark.parametrize(
    "result",
    [NextState("b", 1), KeepState(actions=Postpone()), KeepState(actions=NextEvent("internal", 1))],
    ids=["another state", "postpone", "next event"],
)
@inside
def test_an_enter_call_may_not_do_all(result: Any) -> None:
    """It is no event: there is nothing to postpone, and the state has just been entered."""

    class Bad(Entering):
        def handle_event(self, kind: Any, content: Any, state: str, data: Any) -> Any:
            return result if kind == "enter" else super().handle_event(kind, content, state, data)

    _pid, ref = Bad.start_monitor(1)
    assert down(ref) == otpy.BadReturn("handle_event", result)


class Unequal:
    """Cannot be compared: it is no state that a machine could be in twice."""

    def __eq__(self, other: object) -> bool:
        raise ValueError(other)

    def __hash__(self) -> int:
        return 0


def leave(_kind: Any, _state: Any, _data: Any) -> Any:
    """End as what asks a generator to end does."""
    raise GeneratorExit


@kinds
@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (leave, GeneratorExit),
        (then(NextState(Unequal(), 1, NextEvent("internal", then(NextState(Unequal(), 1))))), ValueError),
        (then(KeepState(actions=GenericTimeout([], 1.0))), TypeError),
    ],
    ids=["generator exit", "states that cannot be compared", "a name that cannot be found again"],
)
@inside
def test_what_its_own_objects_raise_ends_the_machine_through_terminate(
    kind: type[Scripted], request_: Any, error: type[BaseException]
) -> None:
    """Whenever their code runs, in a callback or between two."""
    otpy.register("test", otpy.self_pid())
    pid, ref = kind.start_monitor(1)
    otpy.cast(pid, request_)
    what, reason, _state, data = get()
    assert (what, type(reason.error), data) == ("terminate", error, 1)
    assert down(ref) == reason


def test_a_reason_that_is_none_is_refused_where_it_is_written() -> None:
    """In the callback, with what to use instead."""
    with pytest.raises(otpy.BadReason, match=r"otpy\.Normal"):
        StopAndReply("normal", ())


@inside
def test_a_state_may_not_be_called_as_the_class_calls_something_else() -> None:
    """`start` is what starts it; the method of a state of that name would never be asked."""

    class Starting(otpy.GenStatem[str, None]):
        callback_mode = "state_functions"

        def init(self, arg: Any) -> Any:
            return NextState("start", None)

    pid, ref = Starting.start_monitor()
    otpy.cast(pid, 1)
    assert "'start', which no state can be called" in str(down(ref).error)


# -- modes -----------------------------------------------------------------------------------------


class Door(otpy.GenStatem[str, list[str]]):
    """A method for each state."""

    callback_mode = "state_functions"

    def init(self, arg: Any) -> Any:
        """Begin as told."""
        return NextState(arg, [])

    def opened(self, kind: Any, content: Any, data: list[str]) -> Any:
        """Take what is said, and go where it says."""
        return NextState(content, [*data, "opened"])

    def closed(self, kind: Any, content: Any, data: list[str]) -> Any:
        """As the other."""
        return NextState(content, [*data, "closed"])


@inside
def test_the_method_of_the_state_handles_the_event() -> None:
    """The state is its name."""
    pid = Door.start("opened")
    for state in ("closed", "closed", "opened"):
        otpy.cast(pid, state)
    assert otpy.sys.get_state(pid) == ("opened", ["opened", "closed", "closed"])


@pytest.mark.parametrize("state", ["ajar", "terminate", "start", "_event", 7], ids=repr)
@inside
def test_a_state_without_a_method_ends_the_machine(state: Any) -> None:
    """And names it; the behaviour's own methods are no states."""
    pid = Door.start("opened")
    otpy.cast(pid, state)
    ref = otpy.monitor(pid)
    otpy.cast(pid, "an event")
    reason = down(ref)
    assert isinstance(reason, otpy.Crash)
    assert isinstance(reason.error, UndefinedCallback)
    assert repr(state) in str(reason.error)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"callback_mode": "functions"}, r"callback_mode is 'functions'; give 'handle_event_function' or"),
        ({"callback_mode": ["state_functions", "state_enter"]}, "callback_mode is "),
        ({"state_enter": "yes"}, "state_enter is 'yes'; give True or False"),
        ({"runs_on": "moon"}, "runs_on is 'moon'"),
    ],
)
def test_a_class_that_could_not_run_is_refused(attributes: dict[str, Any], said: str) -> None:
    """When it is made, with what is accepted."""
    with pytest.raises(TypeError, match=said):
        type("Machine", (otpy.GenStatem,), attributes)


async def coroutine_callback(self: Any, kind: Any, content: Any, *rest: Any) -> Any:
    """Stay: what handles events in one mode."""
    return KeepState()


async def coroutine_state(self: Any, kind: Any, content: Any, data: Any) -> Any:
    """Stay: what handles the events of a state in the other."""
    return KeepState()


@pytest.mark.parametrize("callback", ["init", "handle_event", "terminate", "code_change"])
def test_a_coroutine_callback_without_asyncio_is_refused(callback: str) -> None:
    """When the class is made, and not when the first event comes."""
    with pytest.raises(TypeError, match=f'Machine.{callback} is an `async def`: declare runs_on = "asyncio"'):
        type("Machine", (otpy.GenStatem,), {callback: coroutine_callback})
    type("Machine", (otpy.GenStatem,), {callback: coroutine_callback, "runs_on": "asyncio"})


def test_a_coroutine_state_without_asyncio_is_refused() -> None:
    """A state is a method that takes an event; what takes something else, or has another name, is none."""

    async def helper(self: Any) -> None:
        """Help."""

    mode = {"callback_mode": "state_functions"}
    with pytest.raises(TypeError, match=r"Machine\.closed is an `async def`"):
        type("Machine", (otpy.GenStatem,), {"closed": coroutine_state, **mode})
    type("Machine", (otpy.GenStatem,), {"fetch": helper, "_closed": coroutine_state, **mode})
    type("Machine", (otpy.GenStatem,), {"closed": coroutine_state})
    type("Machine", (otpy.GenStatem,), {"closed": coroutine_state, "runs_on": "asyncio", **mode})


@inside
def test_a_coroutine_without_asyncio_is_a_bad_result() -> None:
    """It would never run."""

    class Wrong(Scripted):
        async def later(self) -> Any:
            return KeepState()

        def handle_event(self, kind: Any, content: Any, state: str, data: Any) -> Any:
            return self.later()

    pid = Wrong.start(1)
    ref = otpy.monitor(pid)
    otpy.cast(pid, "event")
    assert isinstance(down(ref), otpy.BadReturn)


# -- timeouts --------------------------------------------------------------------------------------


# case: gen_statem_SUITE: generic_timers
def test_an_absolute_timeout_comes_at_its_moment() -> None:
    """Given in the runtime's seconds; one that is past comes at once."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        otpy.register("test", otpy.self_pid())
        pid = Scripted.start(0)
        clock.advance(5.0, runtime)
        otpy.cast(pid, then(KeepState(actions=StateTimeout(7.0, "at 7", absolute=True))))
        otpy.sys.get_state(pid, timeout=None)
        clock.advance(1.5, runtime)
        otpy.sys.get_state(pid, timeout=None)
        assert otpy.flush() == []
        clock.advance(0.5, runtime)
        assert get(timeout=None) == ("state_timeout", "at 7", "a", 0)
        otpy.cast(pid, then(KeepState(actions=GenericTimeout("late", 3.0, absolute=True))))
        otpy.sys.get_state(pid, timeout=None)
        clock.advance(0.0, runtime)
        assert get(timeout=None) == (("timeout", "late"), None, "a", 0)


# case: gen_statem_SUITE: timeout_cancel_and_update
def test_a_timeout_that_is_cancelled_after_it_has_fired_does_not_come() -> None:
    """Its message waits already, and is none any more."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        otpy.register("test", otpy.self_pid())
        pid = Scripted.start(0)
        otpy.cast(pid, then(KeepState(actions=StateTimeout(1.0, "late"))))
        otpy.sys.suspend(pid, timeout=None)
        otpy.cast(pid, then(KeepState(actions=StateTimeout(CANCEL))))
        clock.advance(2.0, runtime)
        otpy.sys.resume(pid, timeout=None)
        otpy.sys.get_state(pid, timeout=None)
        assert otpy.flush() == []


def wait_long(kind: Any, _state: str, _data: Any) -> Any:
    """As a request: answer, with two timeouts that run."""
    return KeepState(actions=[GenericTimeout("x", 1000.0), StateTimeout(1000.0), ReplyTo(kind[1])])


def kill(pid: otpy.Pid) -> None:
    """End it without its terminate."""
    otpy.exit(pid, otpy.Kill())


@pytest.mark.parametrize("end", [otpy.stop, kill])
@inside
def test_no_timeout_outlives_its_machine(end: Callable[[otpy.Pid], Any]) -> None:
    """It is let go of with the machine, and not when its time has come."""
    pid: Any = Scripted.start(1)
    ref = otpy.monitor(pid)
    otpy.call(pid, wait_long)
    timers = [running.timer for running in pid.actor.machine.timeouts.running.values()]
    assert [timer.pending for timer in timers] == [True, True]
    end(pid)
    down(ref)
    eventually(lambda: not any(timer.pending for timer in timers))


# case: gen_statem_SUITE: timeout_cancel_and_update
@inside
def test_an_update_changes_the_content_and_not_the_time() -> None:
    """Also of one that is due."""
    otpy.register("test", otpy.self_pid())
    pid = Scripted.start(0)
    otpy.cast(pid, then(KeepState(actions=StateTimeout(0.01, "old"))))
    otpy.cast(pid, then(KeepState(actions=StateTimeout(UPDATE, "new"))))
    assert get() == ("state_timeout", "new", "a", 0)


# -- sys -------------------------------------------------------------------------------------------


# case: gen_statem_SUITE: replace_state
@kinds
@inside
def test_replace_state_takes_and_gives_both(kind: type[Scripted]) -> None:
    """State and data, as a pair."""
    pid = kind.start(1)
    assert otpy.sys.replace_state(pid, lambda both: ("b", both[1] + 1)) == ("b", 2)
    assert otpy.call(pid, where) == ("b", 2)
    with pytest.raises(CallbackFailed):
        otpy.sys.replace_state(pid, lambda both: both["nothing"])
    with pytest.raises(CallbackFailed, match="is a state machine: give"):
        otpy.sys.replace_state(pid, lambda both: both[0])
    assert otpy.call(pid, where) == ("b", 2)


# case: gen_statem_SUITE: sys1
@kinds
@inside
def test_a_suspended_machine_handles_nothing_and_goes_on_in_order(kind: type[Scripted]) -> None:
    """Timeouts too wait."""
    otpy.register("test", otpy.self_pid())
    pid = kind.start(0)
    otpy.sys.suspend(pid)
    for number in range(3):
        otpy.cast(pid, number)
    assert otpy.sys.get_state(pid) == ("a", 0)
    assert otpy.flush() == []
    otpy.sys.resume(pid)
    assert [get()[1] for _ in range(3)] == [0, 1, 2]


@kinds
@inside
def test_debug_functions_see_what_comes_and_goes(kind: type[Scripted]) -> None:
    """As of every server."""
    pid = kind.start(0)
    otpy.sys.log(pid, 10)
    otpy.cast(pid, go("b"))
    assert otpy.call(pid, where) == ("b", 0)
    seen = otpy.sys.log(pid, 0)
    assert [type(event).__name__ for event in seen] == ["In", "In", "Out"]


# case: gen_statem_SUITE: code_change
@inside
def test_change_code_converts_state_and_data() -> None:
    """The callback gets both; without the argument `extra` it is accepted."""

    class Converting(Scripted):
        def code_change(self, old_vsn: Any, state: str, data: Any) -> Any:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            return NextState(f"{state} from {old_vsn}", data + 1)

    pid = Converting.start(1)
    otpy.sys.suspend(pid)
    otpy.sys.change_code(pid, __name__, "0")
    otpy.sys.resume(pid)
    assert otpy.sys.get_state(pid) == ("a from 0", 2)


@pytest.mark.parametrize("result", [otpy.Ok(("b", 1)), "b", NextState("b", 1, Postpone())], ids=repr)
@inside
def test_a_code_change_that_gives_no_state_is_refused(result: Any) -> None:
    """The machine keeps its own."""

    class Converting(Scripted):
        def code_change(self, old_vsn: Any, state: str, data: Any, extra: Any = None) -> Any:
            return result

    pid = Converting.start(1)
    otpy.sys.suspend(pid)
    with pytest.raises(ChangeCodeFailed):
        otpy.sys.change_code(pid, __name__, "0")
    otpy.sys.resume(pid)
    assert otpy.sys.get_state(pid) == ("a", 1)


# -- in a tree -------------------------------------------------------------------------------------


@inside
def test_a_supervisor_starts_it_again() -> None:
    """A machine is a child like any other."""
    otpy.supervisor.start_link([Door.child_spec("opened", id="door", name="door")])
    first = otpy.whereis("door")
    assert first is not None
    ref = otpy.monitor(first)
    otpy.exit(first, otpy.Kill())
    down(ref)
    eventually(lambda: otpy.whereis("door") not in (None, first))
    assert otpy.sys.get_state("door") == ("opened", [])


# case: gen_statem_SUITE: state_enter
@inside
def test_an_enter_call_has_the_state_before() -> None:
    """Its own at the beginning, and when it is repeated."""
    otpy.register("test", otpy.self_pid())
    pid = Entering.start(0)
    otpy.cast(pid, go("b"))
    otpy.cast(pid, go("b"))
    otpy.cast(pid, then(RepeatState()))
    otpy.sys.get_state(pid)
    assert otpy.flush() == [("enter", "a", "a", 0), ("enter", "a", "b", 0), ("enter", "b", "b", 0)]
