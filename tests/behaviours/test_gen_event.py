"""GenEvent: what the recordings of gen_event (tests/oracle) do not show, and each case of OTP's own suite by name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import pytest

import otpy
from otpy import GenEventExit, HandOver, RemoveHandler, SwapHandler, gen_event
from otpy.errors import ChangeCodeFailed, UndefinedCallback
from tests.support import Listener, down, eventually, get, inside, reason_of

PLACES: Final = pytest.mark.parametrize("runs_on", ["scheduler", "thread", "asyncio"])
STOP: Any = otpy.Stop("no")


class Scripted(otpy.GenEvent[Any]):
    """Runs the function that it gets, with the state; what it returns is the callback's result. Else it notes what."""

    def init(self, arg: Any) -> Any:
        """Run the arg, or begin with a list of it."""
        return arg() if callable(arg) else otpy.Ok([arg])

    def handle_event(self, event: Any, state: Any) -> Any:
        """Run the event, or note it."""
        return event(state) if callable(event) else otpy.Ok([*state, event])

    def handle_call(self, request: Any, state: Any) -> Any:
        """Run the request, or answer with it and the state."""
        return request(state) if callable(request) else otpy.Reply((request, state), state)

    def handle_info(self, message: Any, state: Any) -> Any:
        """Run the message, or note it."""
        return message(state) if callable(message) else otpy.Ok([*state, ("info", message)])

    def terminate(self, arg: Any, state: Any) -> Any:
        """Run the arg, or return it with the state."""
        return arg(state) if callable(arg) else ("left", arg, state)


class Other(Scripted):
    """Another class of the same."""


class Bare(otpy.GenEvent[Any]):
    """Has an `init` and nothing else."""

    def init(self, arg: Any) -> Any:
        """Begin."""
        return otpy.Ok(arg)


class Nothing(otpy.GenEvent[Any]):
    """Has not even an `init`."""


def do(fn: Callable[[Any], Any]) -> Any:
    """Return an event, a message or a request that runs *fn* with the state."""
    return fn


def slowly(seconds: float) -> Any:
    """Return a request that is answered after *seconds*."""

    def answer(state: Any) -> Any:
        otpy.sleep(seconds)
        return otpy.Reply(1, state)

    return answer


def boom(*_: Any) -> Any:
    """Fail, as a callback."""
    msg = "boom"
    raise ArithmeticError(msg)


def manager_with(*handlers: Any, runs_on: Any = "scheduler") -> otpy.Pid:
    """Start a manager that has *handlers*, the last one the newest; each begins with `["begin"]`."""
    manager = gen_event.start(runs_on=runs_on)
    for handler in handlers:
        gen_event.add_handler(manager, handler, "begin")
    return manager


def states(manager: otpy.Pid) -> list[Any]:
    """Return the states of its handlers, the newest first."""
    return [state for _, _, state in otpy.sys.get_state(manager, timeout=None)]


def swapped(handler: Any) -> Callable[[Any], Any]:
    """Return an event upon which a handler has *handler* take over."""
    return lambda state: SwapHandler("bye", state, handler, "hello")


# -- managers --------------------------------------------------------------------------------------


# case: gen_event_SUITE: start
@inside
def test_a_manager_starts_with_and_without_a_name_and_stops() -> None:
    """As every behaviour does; a name that is taken says by whom."""
    otpy.trap_exit(flag=True)
    named, linked = gen_event.start(name="events"), gen_event.start_link(name="linked")
    pid, ref = gen_event.start_monitor()
    assert gen_event.which_handlers("events") == gen_event.which_handlers(pid) == []
    for begin in (gen_event.start, gen_event.start_link, gen_event.start_monitor):
        with pytest.raises(otpy.AlreadyStarted) as taken:
            begin(name="events")
        assert taken.value.pid is named
    gen_event.stop("events")
    assert otpy.whereis("events") is None
    gen_event.stop(pid, otpy.Shutdown("done"))
    assert down(ref) == otpy.Shutdown("done")
    gen_event.stop(linked)
    assert get() == otpy.Exit(linked, otpy.Normal())
    with pytest.raises(otpy.NoProcess):
        gen_event.stop("events")
    assert otpy.flush() == []


# case: gen_event_SUITE: start
@inside
def test_a_manager_is_found_through_a_via() -> None:
    """By whoever asks it, and whoever starts it, a supervisor too."""
    otpy.Registry.start_link(keys="unique", name="known")
    via = otpy.Via("known", "events")
    manager = gen_event.start(name=via)
    gen_event.add_handler(via, Scripted, "begin")
    gen_event.notify(via, 1)
    assert gen_event.call(via, Scripted, "?") == ("?", ["begin", 1])
    with pytest.raises(otpy.AlreadyStarted) as taken:
        gen_event.start_link(name=via)
    assert taken.value.pid is manager
    gen_event.stop(via)
    supervisor = otpy.supervisor.start_link([gen_event.child_spec(name=via)])
    assert gen_event.which_handlers(via) == []
    otpy.stop(supervisor)


# case: gen_event_SUITE: start_opt
@PLACES
@inside
def test_a_manager_runs_its_handlers_where_it_was_told(runs_on: Any) -> None:
    """`self_pid()` of all of them is the manager."""
    manager, ref = gen_event.start_monitor(name="events", timeout=20.0, runs_on=runs_on)
    gen_event.add_handler("events", Scripted, "begin")
    assert gen_event.call("events", Scripted, do(lambda state: otpy.Reply(otpy.self_pid(), state))) is manager
    gen_event.stop("events")
    assert down(ref) == otpy.Normal()


def test_where_nothing_runs_is_refused() -> None:
    """With what could be given."""
    with pytest.raises(ValueError, match="runs_on is 'cellar'; give one of 'scheduler', 'thread', 'asyncio'"):
        gen_event.start(runs_on="cellar")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cellar"):
        gen_event.child_spec(runs_on="cellar")  # type: ignore[arg-type]


@inside
def test_a_handler_is_no_process() -> None:
    """Who starts it is told what to do instead."""
    for begin in (Scripted.start, Scripted.start_link, Scripted.start_monitor):
        with pytest.raises(TypeError, match=r"no process: start a manager, otpy.gen_event.start_link\(\), and add it"):
            begin()


@inside
def test_a_manager_is_a_child_like_any_other() -> None:
    """One that is started again has no handlers; whoever adds them comes after it, under rest_for_one."""
    otpy.trap_exit(flag=True)
    adder = otpy.ChildSpec(id="adder", start=otpy.MFA(__name__, "Adder.start_link", ("events",)))
    specs = [gen_event.child_spec(name="events"), gen_event.child_spec(id="b", runs_on="thread"), adder]
    assert [spec.id for spec in specs] == ["events", "b", "adder"]
    supervisor = otpy.supervisor.start_link(specs, flags=otpy.SupFlags(strategy="rest_for_one"))
    assert [info.modules for info in otpy.supervisor.which_children(supervisor)][1:] == ["dynamic", "dynamic"]
    first = otpy.whereis("events")
    assert first is not None
    assert gen_event.which_handlers("events") == [Scripted]
    otpy.exit(first, otpy.Kill())
    eventually(lambda: otpy.whereis("events") not in (None, first) and gen_event.which_handlers("events"))
    assert gen_event.which_handlers("events") == [Scripted]


class Adder(otpy.GenServer[None]):
    """Adds a handler to the manager that it is told of."""

    def init(self, arg: Any) -> Any:
        """Add it."""
        gen_event.add_sup_handler(arg, Scripted, "begin")
        return otpy.Ok(None)


@PLACES
@inside
def test_the_exit_of_its_parent_ends_a_manager_with_its_handlers(runs_on: Any) -> None:
    """Through their terminate, with what every owner is told at its end."""
    parent = otpy.spawn(_parent, otpy.self_pid(), runs_on)
    manager = get()
    gen_event.add_sup_handler(manager, Scripted, lambda: otpy.Ok(otpy.self_pid()))
    gen_event.add_handler(manager, Other, "begin")
    ref = otpy.monitor(manager)
    otpy.send(parent, otpy.Shutdown("enough"))
    assert down(ref) == otpy.Shutdown("enough")
    assert get() == GenEventExit(Scripted, otpy.Shutdown())
    assert otpy.is_alive(otpy.self_pid())  # it is not linked with the manager any more


def _parent(test: otpy.Pid, runs_on: Any) -> None:
    otpy.send(test, gen_event.start_link(runs_on=runs_on))
    raise otpy.ExitProcess(otpy.receive())


@inside
def test_a_parent_that_owns_handlers_stays_linked() -> None:
    """It hears of the end twice: as an owner, and as every parent does."""
    otpy.trap_exit(flag=True)
    manager = gen_event.start_link()
    gen_event.add_sup_handler(manager, Scripted, "begin")
    gen_event.stop(manager, "boom")
    assert [get(), get()] == [GenEventExit(Scripted, otpy.Shutdown()), otpy.Exit(manager, "boom")]


# -- handlers --------------------------------------------------------------------------------------


# case: gen_event_SUITE: add_handler
@PLACES
@inside
def test_a_handler_is_added_if_its_init_agrees(runs_on: Any) -> None:
    """The newest is first; an id allows several of one class, and so, as in OTP, does none."""
    manager = manager_with(Scripted, (Scripted, 1), (Scripted, "1"), Other, Scripted, runs_on=runs_on)
    handlers = [Scripted, Other, (Scripted, "1"), (Scripted, 1), Scripted]
    assert gen_event.which_handlers(manager) == handlers
    refusals: list[tuple[Any, Any]] = [
        (lambda: STOP, "no"),
        (lambda: "junk", otpy.BadReturn("init", "junk")),
        (lambda: otpy.Ok(1, otpy.After(1.0)), otpy.BadReturn("init", otpy.Ok(1, otpy.After(1.0)))),
    ]
    for arg, reason in refusals:
        with pytest.raises(otpy.HandlerNotAdded) as refused:
            gen_event.add_handler(manager, (Other, 2), arg)
        assert (refused.value.handler, refused.value.reason) == ((Other, 2), reason)
    with pytest.raises(otpy.HandlerNotAdded, match="boom"):
        gen_event.add_handler(manager, (Other, 2), boom)
    assert gen_event.which_handlers(manager) == handlers


@inside
def test_ids_are_told_apart_by_their_types() -> None:
    """1, 1.0 and True are three, as in Erlang two of them are two; None is no id."""
    manager = manager_with((Scripted, 1), (Scripted, 1.0), (Scripted, True), (Other, None))
    gen_event.delete_handler(manager, (Scripted, 1.0))
    assert [type(parts[1]) for parts in gen_event.which_handlers(manager)[1:]] == [bool, int]  # type: ignore[index]
    assert gen_event.delete_handler(manager, Other) == ("left", None, ["begin"])


# case: gen_event_SUITE: add_sup_handler
@PLACES
@inside
def test_a_supervised_handler_goes_with_its_owner(runs_on: Any) -> None:
    """And no other one; the rest hear of it as of any message."""
    manager = manager_with(Other, runs_on=runs_on)
    owner = otpy.spawn(_own, manager)
    eventually(lambda: gen_event.which_handlers(manager) == [(Scripted, 2), Scripted, Other])
    with Listener("handler.crash") as listener:
        otpy.exit(owner, otpy.Kill())
        eventually(lambda: gen_event.which_handlers(manager) == [Other])
    assert states(manager) == [["begin", ("info", otpy.Exit(owner, otpy.Killed()))]]
    assert listener.heard == []


def _own(manager: otpy.Pid) -> None:
    gen_event.add_sup_handler(manager, Scripted, "begin")
    gen_event.add_sup_handler(manager, (Scripted, 2), "begin")
    otpy.receive()


@inside
def test_an_owner_that_is_dead_already_keeps_no_handler() -> None:
    """The link says so at once."""
    manager = gen_event.start()
    told = otpy.self_pid()
    dead = otpy.spawn(lambda: otpy.send(told, "ended"))
    assert get() == "ended"
    reason_of(dead)
    otpy.call(manager, _added_by(dead), timeout=20.0)
    eventually(lambda: gen_event.which_handlers(manager) == [])


def _added_by(owner: otpy.Pid) -> Any:
    from otpy.behaviours.events.requests import AddHandler

    return AddHandler(Scripted, "begin", owner)


# case: gen_event_SUITE: delete_handler
@PLACES
@inside
def test_delete_gives_what_terminate_gives(runs_on: Any) -> None:
    """Its owner is told; one that raises is gone all the same."""
    manager = manager_with(Scripted, runs_on=runs_on)
    gen_event.add_sup_handler(manager, (Scripted, 2), "mine")
    assert gen_event.delete_handler(manager, (Scripted, 2), "why") == ("left", "why", ["mine"])
    assert get() == GenEventExit((Scripted, 2), otpy.Normal())
    with pytest.raises(otpy.HandlerNotFound) as unknown:
        gen_event.delete_handler(manager, (Scripted, 2))
    assert unknown.value.handler == (Scripted, 2)
    with pytest.raises(otpy.HandlerCrashed) as crashed:
        gen_event.delete_handler(manager, Scripted, boom)
    assert isinstance(crashed.value.reason, otpy.Crash)
    assert isinstance(crashed.value.__cause__, ArithmeticError)  # with its traceback
    assert gen_event.which_handlers(manager) == []


# case: gen_event_SUITE: swap_handler
@PLACES
@inside
def test_what_the_old_one_leaves_goes_to_the_new_one(runs_on: Any) -> None:
    """Also if there is no old one, or its terminate has raised; the new one decides."""
    manager = manager_with(Scripted, (Other, 3), runs_on=runs_on)
    gen_event.swap_handler(manager, (Scripted, "bye"), ((Other, 1), "hello"))
    assert otpy.sys.get_state(manager)[0] == (Other, 1, [HandOver("hello", ("left", "bye", ["begin"]))])
    gen_event.swap_handler(manager, (Scripted, "bye"), (Scripted, "hello"))
    assert states(manager)[0] == [HandOver("hello", "error")]
    gen_event.swap_handler(manager, (Scripted, boom), ((Other, 2), 0))
    (given,) = states(manager)[0]
    assert (given.arg, type(given.left)) == (0, otpy.Crash)
    with pytest.raises(otpy.HandlerNotAdded, match="Chooser"):
        gen_event.swap_handler(manager, ((Other, 2), "bye"), (Chooser, "hello"))
    assert gen_event.which_handlers(manager) == [(Other, 1), (Other, 3)]  # neither is there


class Chooser(Bare):
    """Takes over from nobody."""

    def init(self, arg: Any) -> Any:
        """Refuse a hand-over."""
        return otpy.Stop("no") if isinstance(arg, HandOver) else otpy.Ok(arg)


# case: gen_event_SUITE: swap_sup_handler
@inside
def test_supervision_goes_over_to_the_new_one() -> None:
    """Of a swap by anybody to the new handler with the same owner; of swap_sup_handler to who asked."""
    manager, me = gen_event.start(), otpy.self_pid()
    gen_event.add_sup_handler(manager, Scripted, "begin")
    otpy.spawn(gen_event.swap_handler, manager, (Scripted, "bye"), (Other, "hello"))
    assert get() == GenEventExit(Scripted, ("swapped", Other, me))
    thief = otpy.spawn(_steal, manager)
    assert get() == GenEventExit(Other, ("swapped", Bare, thief))
    otpy.send(thief, "end")
    eventually(lambda: gen_event.which_handlers(manager) == [])
    assert otpy.flush() == []


def _steal(manager: otpy.Pid) -> None:
    gen_event.swap_sup_handler(manager, (Other, "bye"), (Bare, "hello"))
    otpy.receive()


# -- events ----------------------------------------------------------------------------------------


FAULTS: Final = pytest.mark.parametrize(
    ("event", "left"),
    [
        (do(lambda _: RemoveHandler()), []),
        (do(lambda _: RemoveHandler("no call, no reply")), []),
        (do(lambda _: "junk"), []),
        (do(lambda _: otpy.NoReply([])), []),
        (do(lambda _: otpy.Ok([], otpy.Continue())), []),
        (do(lambda state: otpy.Reply(1, state)), []),
        (boom, []),
        (do(lambda _: otpy.call("nobody", 1)), []),
        (do(lambda _: (_ for _ in ()).throw(SystemExit(1))), []),
        (do(lambda _: (_ for _ in ()).throw(otpy.ExitProcess(otpy.Normal()))), []),
        (swapped(Other), [Other]),
        (swapped((Scripted, 7)), [(Scripted, 7)]),
        (swapped(Nothing), []),
    ],
    ids=[
        "remove",
        "remove with reply",
        "junk",
        "another result",
        "unknown then",
        "reply",
        "raise",
        "call error",
        "SystemExit",
        "ExitProcess",
        "swap",
        "swap for the same class",
        "swap for one that fails",
    ],
)


# case: gen_event_SUITE: notify
@PLACES
@FAULTS
@inside
def test_a_handler_that_goes_hurts_nobody_else(event: Any, left: Any, runs_on: Any) -> None:
    """What it does with an event is its own affair; its place is that of who takes over."""
    manager = manager_with(Scripted, runs_on=runs_on)
    gen_event.add_handler(manager, (Scripted, "it"), "it")
    gen_event.add_handler(manager, Other, "begin")
    gen_event.notify(manager, do(lambda state: event(state) if state == ["it"] else otpy.Ok([*state, "seen"])))
    gen_event.notify(manager, do(lambda state: otpy.Ok([*state, "after"])))
    assert gen_event.which_handlers(manager) == [Other, *left, Scripted]
    assert states(manager)[0] == states(manager)[-1] == ["begin", "seen", "after"]


# case: gen_event_SUITE: sync_notify
@PLACES
@inside
def test_sync_notify_returns_when_all_are_done(runs_on: Any) -> None:
    """However many of them fail at it."""
    manager = manager_with(Scripted, (Scripted, 2), Other, runs_on=runs_on)
    gen_event.sync_notify(manager, 1)
    gen_event.sync_notify(manager, do(lambda state: otpy.Ok(state) if 1 in state else boom()))
    assert len(gen_event.which_handlers(manager)) == len(states(manager)) == 3
    gen_event.sync_notify(manager, boom)
    assert gen_event.which_handlers(manager) == []


@inside
def test_events_come_to_a_name_that_nobody_has_as_messages_do() -> None:
    """An unknown name is an error, and the dead swallow what they are sent."""
    with pytest.raises(otpy.NoProcess):
        gen_event.notify("nobody", 1)
    manager = gen_event.start()
    gen_event.stop(manager)
    gen_event.notify(manager, 1)
    with pytest.raises(otpy.NoProcess):
        gen_event.sync_notify(manager, 1)


@inside
def test_a_cast_is_an_event_and_a_call_is_refused() -> None:
    """A cast cannot mean anything else; a call has to say whom it means."""
    manager = manager_with(Scripted)
    otpy.cast(manager, 1)
    manager.ref.tell(2)
    assert states(manager) == [["begin", 1, 2]]
    with pytest.raises(otpy.HandlerError, match=r"was asked 'x'; ask one of its handlers, otpy.gen_event.call"):
        otpy.call(manager, "x")


# case: gen_event_SUITE: call
@PLACES
@inside
def test_one_handler_answers(runs_on: Any) -> None:
    """One that fails is removed, which the caller and its owner are told; the manager lives."""
    manager = manager_with(Scripted, (Scripted, 2), Other, runs_on=runs_on)
    assert gen_event.call(manager, (Scripted, 2), "?") == ("?", ["begin"])
    assert gen_event.call(manager, Other, do(lambda _: otpy.Reply(1, "new", otpy.Hibernate()))) == 1
    assert states(manager) == ["new", ["begin"], ["begin"]]
    with pytest.raises(otpy.HandlerNotFound):
        gen_event.call(manager, (Scripted, 3), "?")
    assert gen_event.call(manager, (Scripted, 2), do(lambda _: RemoveHandler("gone"))) == "gone"
    assert gen_event.call(manager, Other, do(lambda s: SwapHandler("bye", s, Bare, reply="swapped"))) == "swapped"
    assert gen_event.which_handlers(manager) == [Bare, Scripted]
    gen_event.add_sup_handler(manager, (Other, 1), "mine")
    for request, reason in ((do(lambda _: "junk"), otpy.BadReturn("handle_call", "junk")), (boom, None)):
        gen_event.add_sup_handler(manager, (Scripted, 4), "mine")
        with pytest.raises(otpy.HandlerCrashed) as crashed:
            gen_event.call(manager, (Scripted, 4), request)
        assert crashed.value.handler == (Scripted, 4)
        assert reason is None or crashed.value.reason == reason
        assert (crashed.value.__cause__ is None) is (reason is not None)
        assert get() == GenEventExit((Scripted, 4), crashed.value.reason)
    assert gen_event.which_handlers(manager) == [(Other, 1), Bare, Scripted]


@pytest.mark.parametrize(
    "result",
    [RemoveHandler(), SwapHandler("bye", [], Other), otpy.Ok([]), otpy.NoReply([]), otpy.Stop("no", []), None],
)
@inside
def test_an_answer_is_wanted_of_a_call(result: Any) -> None:
    """Without one, the caller would wait for ever."""
    manager = manager_with(Scripted)
    with pytest.raises(otpy.HandlerCrashed) as crashed:
        gen_event.call(manager, Scripted, do(lambda _: result))
    assert crashed.value.reason == otpy.BadReturn("handle_call", result)


@inside
def test_calls_wait_as_those_of_servers_do() -> None:
    """With a limit, later, or awaited; and a handler cannot ask its own manager."""
    manager = manager_with(Scripted)
    with pytest.raises(otpy.CallTimeout):
        gen_event.call(manager, Scripted, slowly(5.0), timeout=0.01)
    other = manager_with(Scripted)
    request = gen_event.send_request(other, Scripted, "?")
    assert otpy.wait_response(request) == ("?", ["begin"])
    with pytest.raises(otpy.HandlerNotFound):
        otpy.wait_response(gen_event.send_request(other, Other, "?"))
    with pytest.raises(otpy.HandlerCrashed, match="CallingSelf"):
        gen_event.call(other, Scripted, do(lambda _: gen_event.which_handlers(other)))
    gen_event.stop(other)
    with pytest.raises(otpy.NoProcess):
        gen_event.call(other, Scripted, "?")


def test_a_call_is_awaited_on_any_event_loop(otp_runtime: Any) -> None:
    """As `otpy.acall` is."""
    manager = manager_with(Scripted)
    assert asyncio.run(gen_event.acall(manager, Scripted, "?")) == ("?", ["begin"])
    with pytest.raises(otpy.HandlerNotFound):
        asyncio.run(gen_event.acall(manager, Other, "?"))


@inside
def test_a_manager_that_is_killed_fails_who_waits_for_it() -> None:
    """Wherever it stands."""
    manager = manager_with(Scripted)
    asked = otpy.spawn(gen_event.call, manager, Scripted, slowly(60.0))
    eventually(lambda: otpy.process_info(manager).status == "waiting")  # type: ignore[union-attr]
    otpy.exit(manager, otpy.Kill())
    reason = reason_of(asked)
    assert isinstance(reason, otpy.Crash | otpy.NoProc)


# case: gen_event_SUITE: info
@PLACES
@inside
def test_any_other_message_comes_to_all_of_them(runs_on: Any) -> None:
    """With the same rules."""
    manager = manager_with(Scripted, (Scripted, 2), Other, runs_on=runs_on)
    otpy.send(manager, "hello")
    assert states(manager) == [["begin", ("info", "hello")]] * 3
    otpy.send(manager, do(lambda state: otpy.Ok("kept") if otpy.self_pid() is manager else state))
    assert states(manager) == ["kept"] * 3
    otpy.send(manager, swapped(Bare))
    assert gen_event.which_handlers(manager) == [Bare] * 3
    gen_event.add_handler(manager, Other, "begin")
    otpy.send(manager, boom)
    assert gen_event.which_handlers(manager) == [Bare] * 3


# -- what is missing -------------------------------------------------------------------------------


# case: gen_event_SUITE: undef_init
@inside
def test_a_handler_without_init_is_not_added() -> None:
    """The error says what is missing."""
    manager = manager_with(Scripted)
    with pytest.raises(otpy.HandlerNotAdded, match="has no init") as refused:
        gen_event.add_handler(manager, Nothing)
    assert isinstance(refused.value.reason.error, UndefinedCallback)
    assert gen_event.which_handlers(manager) == [Scripted]


# case: gen_event_SUITE: undef_handle_call
# case: gen_event_SUITE: undef_handle_event
@inside
def test_a_handler_that_lacks_what_is_needed_is_removed() -> None:
    """It has failed like any other."""
    manager = manager_with(Scripted, Bare)
    with pytest.raises(otpy.HandlerCrashed, match="has no handle_call"):
        gen_event.call(manager, Bare, "?")
    gen_event.add_sup_handler(manager, Bare)
    gen_event.sync_notify(manager, "e")
    reason = get().reason
    assert isinstance(reason.error, UndefinedCallback)
    assert (reason.error.callback, gen_event.which_handlers(manager)) == ("handle_event", [Scripted])


# case: gen_event_SUITE: undef_handle_info
@inside
def test_a_missing_handle_info_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """A stray message is nobody's fault."""
    manager = manager_with(Bare)
    with caplog.at_level(logging.WARNING, "otpy.gen_event"):
        otpy.send(manager, "stray")
        assert states(manager) == ["begin"]
    assert "'Bare'" in caplog.text
    assert "'stray'" in caplog.text


# case: gen_event_SUITE: undef_terminate
@inside
def test_terminate_may_be_missing() -> None:
    """Then nothing is left."""
    manager = manager_with(Bare, Scripted)
    assert gen_event.delete_handler(manager, Bare) is None
    gen_event.add_handler(manager, Bare)
    gen_event.swap_handler(manager, (Bare, "bye"), (Other, "hello"))
    assert states(manager)[0] == [HandOver("hello", None)]


# case: gen_event_SUITE: undef_in_terminate
@PLACES
@inside
def test_what_terminate_raises_harms_only_the_handler(runs_on: Any) -> None:
    """It is gone in any case, and the manager ends as it was told to."""
    manager = manager_with((Fails, 1), (Fails, 2), Scripted, runs_on=runs_on)
    with pytest.raises(otpy.HandlerCrashed, match="UndefinedCallback"):
        gen_event.delete_handler(manager, (Fails, 1))
    ref = otpy.monitor(manager)
    gen_event.stop(manager)
    assert down(ref) == otpy.Normal()


class Fails(Bare):
    """Needs what is not there, when it goes."""

    def terminate(self, arg: Any, state: Any) -> Any:
        """Raise what a missing callback raises."""
        raise UndefinedCallback(type(self), "clean_up", arg)


# case: gen_event_SUITE: hibernate
@inside
def test_a_handler_may_ask_for_hibernation() -> None:
    """Nothing has to be given back for it, and any message is handled as before."""
    manager = gen_event.start()
    gen_event.add_handler(manager, Scripted, lambda: otpy.Ok([], otpy.Hibernate()))
    gen_event.notify(manager, do(lambda state: otpy.Ok([*state, 1], otpy.Hibernate())))
    otpy.send(manager, do(lambda state: otpy.Ok([*state, 2], otpy.Hibernate())))
    assert gen_event.call(manager, Scripted, do(lambda state: otpy.Reply(state, state, otpy.Hibernate()))) == [1, 2]
    gen_event.swap_handler(manager, (Scripted, 0), (Other, lambda: otpy.Ok([], otpy.Hibernate())))
    assert gen_event.which_handlers(manager) == [Other]


# -- sys -------------------------------------------------------------------------------------------


# case: gen_event_SUITE: get_state
@PLACES
@inside
def test_sys_shows_all_handlers(runs_on: Any) -> None:
    """With class, id and state; also while suspended."""
    manager = manager_with(Scripted, (Other, 1), runs_on=runs_on)
    assert otpy.sys.get_state(manager) == [(Other, 1, ["begin"]), (Scripted, None, ["begin"])]
    otpy.sys.suspend(manager)
    gen_event.notify(manager, "later")
    assert otpy.sys.get_state(manager) == [(Other, 1, ["begin"]), (Scripted, None, ["begin"])]
    otpy.sys.resume(manager)
    assert states(manager) == [["begin", "later"]] * 2


# case: gen_event_SUITE: replace_state
@PLACES
@inside
def test_a_state_is_replaced_for_each_handler_by_itself(runs_on: Any) -> None:
    """A function that fails for one of them, or gives another handler, leaves that one as it was."""

    def replace(entry: Any) -> Any:
        kind, ident, _ = entry
        answers = {None: (kind, None, "new"), 2: (kind, 3, "other id"), 4: (Bare, 4, "other class")}
        return answers[ident]

    manager = manager_with((Scripted, 1), (Scripted, 2), (Scripted, 4), Scripted, runs_on=runs_on)
    expected = [(Scripted, None, "new"), *((Scripted, ident, ["begin"]) for ident in (4, 2, 1))]
    assert otpy.sys.replace_state(manager, replace) == expected
    otpy.sys.suspend(manager)
    assert otpy.sys.replace_state(manager, replace) == expected
    assert otpy.sys.get_state(manager) == expected


# case: gen_event_SUITE: call_format_status
# case: gen_event_SUITE: error_format_status
@inside
def test_format_status_hides_what_nobody_shall_see(caplog: pytest.LogCaptureFixture) -> None:
    """In the status, in the report of a crash, and in its event; one that fails shows nothing either."""
    manager = manager_with(Secretive, (Secretive, "broken"))
    otpy.sys.replace_state(manager, lambda entry: (entry[0], entry[1], entry[1] or "password"))
    shown = otpy.sys.get_status(manager)["handlers"]
    assert shown[1] == (Secretive, None, "hidden")
    assert "format_status raised" in shown[0][2]
    with Listener("handler.crash") as listener:
        gen_event.sync_notify(manager, "the last event")
    assert "password" not in caplog.text
    assert "the last event" in caplog.text
    first, second = listener.facts("handler.crash")
    assert (first["pid"], first["handler"], type(first["reason"])) == (manager, (Secretive, "broken"), otpy.Crash)
    assert second["report"] == {"state": "hidden", "last_message": "the last event"}


class Secretive(Bare):
    """Shows nothing."""

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        """Hide the state."""
        if status["state"] == "broken":
            msg = "broken"
            raise ValueError(msg)
        return {**status, "state": "hidden"}


@PLACES
@inside
def test_a_report_that_fails_harms_nobody(runs_on: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be shown, or compared, is no reason for the manager to end."""
    manager = manager_with(Scripted, runs_on=runs_on)
    gen_event.add_handler(manager, Shapeless, Unprintable())
    gen_event.add_handler(manager, (Scripted, Unprintable()), "begin")
    assert otpy.sys.get_status(manager)["handlers"][1][:2] == (Shapeless, None)
    with pytest.raises(ArithmeticError, match="boom"):
        gen_event.call(manager, (Scripted, Unprintable()), "?")
    gen_event.add_handler(manager, Scripted, "begin")
    gen_event.notify(manager, do(lambda _: Unprintable()))
    with pytest.raises(otpy.HandlerNotAdded):
        gen_event.add_handler(manager, (Scripted, Unprintable()), Unprintable)
    assert gen_event.which_handlers(manager) == []
    assert "<Unprintable, whose repr raises ArithmeticError>" in caplog.text


class Unprintable:
    """Cannot be shown or compared."""

    def __repr__(self) -> str:
        return str(boom())

    def __eq__(self, other: object) -> bool:
        return bool(boom())

    __hash__ = object.__hash__


class Shapeless(Scripted):
    """Shows what is no dict."""

    def format_status(self, status: dict[str, Any]) -> Any:
        """Return what nobody can use."""
        return [status]


@PLACES
@inside
def test_change_code_converts_all_handlers_of_the_module_or_none(runs_on: Any) -> None:
    """Without a code_change of its own a handler keeps its state, as every behaviour of otpy does."""
    manager = manager_with(Bare, runs_on=runs_on)
    for number in (1, 2):
        gen_event.add_handler(manager, (Changing, number), (number,))
    with pytest.raises(ChangeCodeFailed, match="unknown_system_msg"):
        otpy.sys.change_code(manager, __name__, "0")
    otpy.sys.suspend(manager)
    otpy.sys.change_code(manager, __name__, "0", "x")
    converted = [(2, "0", "x"), (1, "0", "x"), "begin"]
    assert states(manager) == converted
    otpy.sys.change_code(manager, "another_module", "0", "x")
    for extra in ("raise", "junk"):
        with pytest.raises(ChangeCodeFailed):
            otpy.sys.change_code(manager, __name__, "1", extra)
        assert states(manager) == converted
    otpy.sys.resume(manager)
    assert len(gen_event.which_handlers(manager)) == len(converted)


class Changing(Bare):
    """Notes what its code_change is told."""

    def code_change(self, old_vsn: Any, state: Any, extra: Any = None) -> Any:
        """Note it; or fail, for the handlers whose state was begun with 1."""
        if extra == "raise" and 1 in state:
            raise ValueError(extra)
        return "junk" if extra == "junk" and 1 in state else otpy.Ok((*state, old_vsn, extra))


@inside
def test_debug_functions_see_events_and_answers() -> None:
    """As of every behaviour."""
    manager = manager_with(Scripted)
    otpy.sys.log(manager, 10)
    gen_event.notify(manager, "e")
    gen_event.call(manager, Scripted, "?")
    first, second, third = otpy.sys.log(manager, 0)
    assert first == otpy.sys.In("e")
    assert second.message.request == "?"  # type: ignore[union-attr]
    assert third == otpy.sys.Out(("?", ["begin", "e"]), otpy.self_pid())


# -- places and names ------------------------------------------------------------------------------


class Blocking(Bare):
    """Wants a thread of its own."""

    runs_on = "thread"


class Awaiting(Bare):
    """Wants an event loop."""

    runs_on = "asyncio"

    async def init(self, arg: Any) -> Any:
        """Wait a little."""
        await asyncio.sleep(0)
        return otpy.Ok(arg)

    async def handle_event(self, event: Any, state: Any) -> Any:
        """Raise what no `except Exception` catches, or return what it gets."""
        await asyncio.sleep(0)
        if isinstance(event, BaseException):
            raise event
        return otpy.Ok(event)


class Keeping(Bare):
    """Keeps the last event."""

    def handle_event(self, event: Any, state: Any) -> Any:
        """Keep it."""
        return otpy.Ok(event)


@inside
def test_a_handler_runs_only_where_it_can() -> None:
    """One that can run on the scheduler can run anywhere."""
    gen_event.add_handler(gen_event.start(runs_on="thread"), Blocking)
    gen_event.add_handler(gen_event.start(runs_on="asyncio"), Awaiting)
    for kind, place in ((Blocking, "scheduler"), (Blocking, "asyncio"), (Awaiting, "thread"), (Awaiting, "scheduler")):
        manager = manager_with(Scripted, runs_on=place)
        with pytest.raises(otpy.HandlerNotAdded, match=r"start the manager with otpy.gen_event.start_link\(runs_on="):
            gen_event.add_handler(manager, kind)
        gen_event.sync_notify(manager, swapped(kind))
        assert gen_event.which_handlers(manager) == []


def test_async_callbacks_have_to_be_declared() -> None:
    """As in every behaviour; and the events of handlers are among them."""

    async def handle_event(self: Any, event: Any, state: Any) -> Any:
        return otpy.Ok(state)

    with pytest.raises(TypeError, match='handle_event is an `async def`: declare runs_on = "asyncio"'):
        type("Undeclared", (otpy.GenEvent,), {"handle_event": handle_event})


@pytest.mark.parametrize(
    "error", [GeneratorExit(), asyncio.CancelledError(), KeyboardInterrupt(), SystemExit()], ids=repr
)
@inside
def test_whatever_an_awaited_callback_raises_ends_only_its_handler(error: BaseException) -> None:
    """Also what is thrown into generators to end them."""
    manager = manager_with((Awaiting, 1), Keeping, runs_on="asyncio")
    gen_event.sync_notify(manager, error)
    assert otpy.sys.get_state(manager) == [(Keeping, None, error)]


@pytest.mark.parametrize(
    "handler", ["Scripted", None, otpy.GenServer, (otpy.GenServer, 1), Scripted(), (Scripted, 1, 2)]
)
@inside
def test_what_is_no_handler_is_refused_where_it_is_given(handler: Any) -> None:
    """With what it should be."""
    manager = manager_with(Scripted)
    asks: list[Callable[[], Any]] = [
        lambda: gen_event.add_handler(manager, handler),
        lambda: gen_event.add_sup_handler(manager, handler),
        lambda: gen_event.delete_handler(manager, handler),
        lambda: gen_event.call(manager, handler, 1),
        lambda: gen_event.send_request(manager, handler, 1),
        lambda: gen_event.swap_handler(manager, (handler, 1), (Other, 1)),
        lambda: gen_event.swap_sup_handler(manager, (Scripted, 1), (handler, 1)),
        lambda: SwapHandler("bye", [], handler),
    ]
    for ask in asks:
        with pytest.raises(TypeError, match=r"is no handler: give a class made of otpy.GenEvent, or \(class, id\)"):
            ask()
    assert gen_event.which_handlers(manager) == [Scripted]


@inside
def test_who_is_no_manager_is_not_asked() -> None:
    """A server would take the request for one of its own."""
    server = otpy.Agent.start_link(int)
    asks: list[Callable[[], Any]] = [
        lambda: gen_event.add_handler(server, Scripted),
        lambda: gen_event.which_handlers(server),
        lambda: gen_event.call(server, Scripted, 1),
        lambda: asyncio.run(gen_event.acall(server, Scripted, 1)),
    ]
    for ask in asks:
        with pytest.raises(TypeError, match=r"is no event manager: give what otpy.gen_event.start_link returns"):
            ask()
    assert otpy.Agent.get(server, lambda value: value) == 0


@inside
def test_what_else_cannot_be_is_refused_too() -> None:
    """An id that cannot be compared, a swap that is no pair, an attribute."""
    manager = manager_with(Scripted)
    unhashable: Any = (Scripted, [])
    with pytest.raises(TypeError, match="give one that is hashable"):
        gen_event.add_handler(manager, unhashable)
    not_a_pair: Any = Scripted
    with pytest.raises(TypeError, match=r"give \(handler, arg\)"):
        gen_event.swap_handler(manager, not_a_pair, (Other, 1))
    with pytest.raises(otpy.HandlerCrashed, match="keep it in the state that the callback returns"):
        gen_event.call(manager, Scripted, do(lambda _: setattr(Scripted(), "x", 1)))
