"""Servers with runs_on = "asyncio": every callback a coroutine, one message at a time, many servers at once."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from tests.kernel.actors_kit import LoopEcho, Own, as_function, never
from tests.support import DEADLINE, Echo, down, eventually, get, inside


class Told(otpy.GenServer[Any]):
    """Tells its owner of each callback, awaits in each, and does in it what the message says."""

    runs_on = "asyncio"

    async def init(self, arg: Any) -> Any:
        """Start with the owner and a list of what has been handled."""
        await asyncio.sleep(0)
        act = as_function(arg)
        return otpy.Ok((arg, ())) if act is None else await act()

    async def handle_call(self, request: Any, from_: otpy.From, state: Any) -> Any:
        """Answer, or do as told."""
        await asyncio.sleep(0)
        act = as_function(request)
        if act is not None:
            return await act(from_, state)
        owner, seen = state
        return otpy.Reply(seen, (owner, (*seen, request)))

    async def handle_cast(self, request: Any, state: Any) -> Any:
        """Note it, or do as told."""
        await asyncio.sleep(0)
        return await self.note("cast", request, state)

    async def handle_info(self, message: Any, state: Any) -> Any:
        """Note it, or do as told."""
        await asyncio.sleep(0)
        return await self.note("info", message, state)

    async def handle_continue(self, arg: Any, state: Any) -> Any:
        """Note it, or do as told."""
        await asyncio.sleep(0)
        return await self.note("continue", arg, state)

    async def note(self, kind: str, message: Any, state: Any) -> Any:
        """Note the message, or do as it says."""
        act = as_function(message)
        if act is not None:
            return await act(state)
        owner, seen = state
        return otpy.NoReply((owner, (*seen, (kind, message))))

    async def terminate(self, reason: Any, state: Any) -> None:
        """Tell the owner."""
        await asyncio.sleep(0)
        otpy.send(state[0], ("terminate", reason))

    async def code_change(self, old_vsn: Any, state: Any, extra: Any = None) -> Any:
        """Note it, or do as told."""
        await asyncio.sleep(0)
        act = as_function(extra)
        if act is not None:
            return await act(state)
        owner, seen = state
        return otpy.Ok((owner, (*seen, ("code_change", old_vsn, extra))))


def start() -> otpy.Pid:
    """Start a Told of the running process."""
    return Told.start(otpy.self_pid())


def returning(result: Callable[[Any], Any]) -> Any:
    """Return what a callback is told so that it awaits and returns `result(state)`."""

    async def act(*arguments: Any) -> Any:
        await asyncio.sleep(0)
        return result(arguments[-1] if arguments else None)

    return act


def raising(error: BaseException) -> Any:
    """Return what a callback is told so that it awaits and raises *error*."""

    async def act(*_arguments: Any) -> Any:
        await asyncio.sleep(0)
        raise error

    return act


def stop(_state: object) -> otpy.Stop[Any]:
    """Return what refuses a start."""
    return otpy.Stop("no")


# -- callbacks -------------------------------------------------------------------------------------


@inside
def test_every_callback_may_be_a_coroutine() -> None:
    """init, handle_call, handle_cast, handle_info, handle_continue and terminate; in the order of the messages."""
    pid = start()
    otpy.cast(pid, 1)
    otpy.send(pid, 2)
    otpy.cast(pid, returning(lambda state: otpy.NoReply(state, then=otpy.Continue(3))))
    assert otpy.call(pid, 4) == (("cast", 1), ("info", 2), ("continue", 3))
    otpy.stop(pid, otpy.Shutdown())
    assert get() == ("terminate", otpy.Shutdown())


@inside
def test_callbacks_need_not_be_coroutines() -> None:
    """Plain ones run on the loop too, all or some."""

    class Plain(otpy.GenServer[list[int]]):
        runs_on = "asyncio"

        def init(self, arg: Any) -> Any:
            return otpy.Ok([], then=otpy.Continue(0))

        def handle_continue(self, arg: Any, state: list[int]) -> Any:
            return otpy.NoReply([threading.get_ident()])

        async def handle_call(self, request: Any, from_: otpy.From, state: list[int]) -> Any:
            return otpy.Reply([*state, threading.get_ident()], state)

    threads = otpy.call(Plain.start_link(), None)
    assert len(threads) == 2
    assert len(set(threads)) == 1


def test_a_coroutine_callback_needs_runs_on_asyncio() -> None:
    """The class is refused when it is made; it says what to declare."""

    async def init(self: Any, arg: Any) -> Any:
        return otpy.Ok(arg)

    with pytest.raises(TypeError, match='declare runs_on = "asyncio"'):
        types.new_class("Forgot", (otpy.GenServer,), exec_body=lambda body: body.update(init=init))


@inside
def test_messages_are_handled_one_at_a_time_in_order() -> None:
    """A handler that awaits keeps the next message waiting, from whomever it comes."""
    pid = start()
    gate = asyncio.Event()

    async def wait(state: Any) -> Any:
        await gate.wait()
        return otpy.NoReply(state)

    async def release(_from: Any, state: Any) -> Any:
        gate.set()
        return otpy.Reply(None, state)

    otpy.cast(pid, wait)
    for number in range(300):  # more than a slice
        otpy.cast(pid, number)
    otpy.call(start(), release)
    assert otpy.call(pid, None, timeout=DEADLINE) == tuple(("cast", number) for number in range(300))


@inside
def test_thousands_of_handlers_await_at_once() -> None:
    """One loop, and no server waits for another: all have begun before any is done."""
    begun: list[int] = []
    gate = asyncio.Event()

    async def wait(_from: Any, state: Any) -> Any:
        begun.append(1)
        if len(begun) == 2000:
            gate.set()
        await gate.wait()
        return otpy.Reply(len(begun), state)

    requests = [otpy.send_request(start(), wait) for _ in range(2000)]
    assert [otpy.wait_response(request, timeout=DEADLINE) for request in requests] == [2000] * 2000


@inside
def test_a_reply_may_be_given_before_the_handler_is_done() -> None:
    """`otpy.reply` works from coroutines, also from a task that the handler has started."""
    pid = start()
    tasks: list[Any] = []

    async def later(from_: otpy.From, state: Any) -> Any:
        async def answer() -> None:
            await asyncio.sleep(0)
            otpy.reply(from_, "from a task")

        tasks.append(asyncio.create_task(answer()))
        return otpy.NoReply(state)

    assert otpy.call(pid, later) == "from a task"
    assert getattr(pid, "deferred", None) in (None, set())


@inside
def test_a_task_of_the_server_may_call_it_and_a_handler_may_not() -> None:
    """The handler would wait for itself; a task of the same process waits for a server that is free."""
    pid = start()
    me = otpy.self_pid()
    tasks: list[Any] = []

    async def call_later(_from: Any, state: Any) -> Any:
        async def call() -> None:
            otpy.send(me, await otpy.acall(pid, "from its task"))

        tasks.append(asyncio.create_task(call()))
        return otpy.Reply(None, state)

    async def call_now(_from: Any, state: Any) -> Any:
        with pytest.raises(otpy.CallingSelf):
            await otpy.acall(pid, "myself")
        return otpy.Reply("refused", state)

    otpy.call(pid, call_later)
    assert get() == ()
    assert otpy.call(pid, call_now) == "refused"


@inside
def test_then_after_is_a_timeout_message() -> None:
    """If nothing comes in time; what comes stops it."""
    pid = start()
    otpy.cast(pid, returning(lambda state: otpy.NoReply(state, then=otpy.After(0.001))))
    eventually(lambda: otpy.sys.get_state(pid)[1] == (("info", otpy.Timeout()),))
    otpy.cast(pid, returning(lambda state: otpy.NoReply(state, then=otpy.After(3600.0))))
    otpy.cast(pid, "came")
    assert otpy.call(pid, None) == (("info", otpy.Timeout()), ("cast", "came"))


@inside
def test_each_server_has_its_own_context_for_life() -> None:
    """A context variable set in one handler is there in the next one of the same server, and nowhere else."""
    var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="unset")

    def setting(value: str) -> Any:
        def act(state: Any) -> Any:
            var.set(value)
            return otpy.NoReply(state)

        return returning(act)

    reading = returning(lambda state: otpy.Reply(var.get(), state))
    first, second, third = start(), start(), start()
    otpy.cast(first, setting("first"))
    otpy.cast(second, setting("second"))
    assert [otpy.call(pid, reading) for pid in (first, second, third)] == ["first", "second", "unset"]
    assert var.get() == "unset"


# -- starting and ending ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arg", "error"),
    [
        (returning(stop), otpy.InitStopped),
        (returning(lambda _: otpy.Ignore()), otpy.StartIgnored),
        (raising(LookupError("in init")), otpy.InitStopped),
        (returning(lambda _: "junk"), otpy.InitStopped),
    ],
    ids=["stop", "ignore", "raise", "junk"],
)
@inside
def test_a_start_that_fails(arg: Any, error: type[Exception]) -> None:
    """As on the scheduler; the name is free when the error is raised."""
    with pytest.raises(error):
        Told.start_link(arg, name="told")
    assert otpy.whereis("told") is None


@inside
def test_a_start_that_takes_too_long_is_killed() -> None:
    """Its init is cancelled in the middle of the await."""
    cancelled: list[str] = []

    async def init() -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append("init")

    with pytest.raises(otpy.StartTimeout):
        Told.start_link(init, timeout=0.01)
    eventually(lambda: cancelled == ["init"])


@pytest.mark.parametrize("error", [LookupError("crash"), asyncio.CancelledError(), SystemExit(2)], ids=repr)
@inside
def test_what_a_handler_raises_ends_the_server(error: BaseException) -> None:
    """Through terminate, also a CancelledError of its own and SystemExit; the loop and all others run on."""
    pid, other = start(), start()
    ref = otpy.monitor(pid)
    otpy.cast(pid, raising(error))
    assert get() == ("terminate", otpy.Crash(error))
    assert down(ref) == otpy.Crash(error)
    assert otpy.call(other, "alive") == ()


@inside
def test_what_a_call_raises_reaches_the_caller_as_the_end_of_the_server() -> None:
    """With the reason, and a traceback that leads into the handler."""
    error = LookupError("crash")
    with pytest.raises(otpy.ServerExited) as caught:
        otpy.call(start(), raising(error))
    assert caught.value.reason == otpy.Crash(error)
    assert error.__traceback__ is not None


@inside
def test_stop_replies_after_terminate() -> None:
    """With a reply and without."""
    pid = start()
    assert otpy.call(pid, returning(lambda state: otpy.Stop(otpy.Normal(), state, reply="last"))) == "last"
    assert get() == ("terminate", otpy.Normal())
    with pytest.raises(otpy.ServerExited):
        otpy.call(start(), returning(lambda state: otpy.Stop(otpy.Normal(), state)))


@inside
def test_what_terminate_raises_is_the_reason() -> None:
    """As on the scheduler."""

    class Failing(Told):
        async def terminate(self, reason: Any, state: Any) -> None:
            await asyncio.sleep(0)
            raise OSError(str(reason))

    pid = Failing.start(otpy.self_pid())
    ref = otpy.monitor(pid)
    with pytest.raises(otpy.ServerExited):
        otpy.stop(pid)
    assert isinstance(down(ref).error, OSError)


@inside
def test_a_kill_in_the_middle_of_an_await() -> None:
    """Down comes at once, callers are answered, the coroutine is cancelled; what it then does has no effect."""
    pid, me = start(), otpy.self_pid()
    ended: list[str] = []
    waits: list[str] = []

    async def wait(_from: Any, _state: Any) -> Any:
        waits.append("now")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            otpy.send(me, "from the dead")
            ended.append("after a send")
            raise

    request, queued = otpy.send_request(pid, wait), otpy.send_request(pid, "queued")
    eventually(lambda: waits)
    ref = otpy.monitor(pid)
    otpy.exit(pid, otpy.Kill())
    assert down(ref) == otpy.Killed()
    for waiting in (request, queued):
        with pytest.raises(otpy.ServerExited):
            otpy.wait_response(waiting, timeout=DEADLINE)
    eventually(lambda: ended)
    assert otpy.call(start(), None) == ()
    assert ended == ["cancelled"]
    assert otpy.flush() == []


@inside
def test_a_coroutine_that_refuses_to_be_cancelled_is_a_zombie() -> None:
    """It may go on awaiting; nothing that it asks of otpy works any more, and nobody else is hurt."""
    pid = start()
    steps: list[object] = []

    async def stubborn(_from: Any, state: Any) -> Any:
        steps.append("waits")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        steps.append("goes on")
        return otpy.Reply("from the dead", state)

    request = otpy.send_request(pid, stubborn)
    eventually(lambda: steps)
    otpy.exit(pid, otpy.Kill())
    with pytest.raises(otpy.ServerExited):
        otpy.wait_response(request, timeout=DEADLINE)
    eventually(lambda: steps == ["waits", "goes on"])
    assert not otpy.is_alive(pid)
    assert otpy.call(start(), None) == ()


@inside
def test_an_exit_signal_of_its_own_leaves_the_handler() -> None:
    """`otpy.exit(self_pid(), reason)` and ExitProcess end it where it stands."""

    def by_signal() -> None:
        otpy.exit(otpy.self_pid(), "left")

    def by_raising() -> None:
        raise otpy.ExitProcess("left")

    for leave in (by_signal, by_raising):
        pid = start()
        ref = otpy.monitor(pid)
        went_on: list[str] = []

        async def act(state: Any, leave: Any = leave, went_on: list[str] = went_on) -> Any:
            await asyncio.sleep(0)
            leave()
            went_on.append("after the end")
            return otpy.NoReply(state)

        otpy.cast(pid, act)
        assert down(ref) == "left"
        assert went_on == []


@inside
def test_links_and_trapped_exits() -> None:
    """An asyncio server links, traps and monitors like the others."""
    pid = start()
    other = otpy.spawn(otpy.receive, never)

    async def trap(_from: Any, state: Any) -> Any:
        otpy.trap_exit(True)
        otpy.link(other)
        return otpy.Reply(None, state)

    otpy.call(pid, trap)
    otpy.exit(other, "gone")
    assert otpy.call(pid, None) == (("info", otpy.Exit(other, "gone")),)


@inside
def test_a_crash_is_reported_once_with_state_and_ancestors(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio itself has nothing to say about it."""
    pid = start()
    ref = otpy.monitor(pid)
    with caplog.at_level(logging.WARNING):
        otpy.cast(pid, raising(LookupError("reported")))
        down(ref)
    (record,) = caplog.records
    assert record.name.startswith("otpy")
    assert "Told" in record.getMessage()


# -- otpy.sys --------------------------------------------------------------------------------------


@inside
def test_suspend_and_resume() -> None:
    """Nothing is handled while it is suspended, all of it in order afterwards."""
    pid = start()
    otpy.sys.suspend(pid)
    otpy.cast(pid, 1)
    otpy.send(pid, 2)
    assert otpy.sys.get_state(pid)[1] == ()
    otpy.sys.resume(pid)
    assert otpy.call(pid, None) == (("cast", 1), ("info", 2))


@inside
def test_a_suspended_server_can_be_stopped() -> None:
    """Its terminate is awaited."""
    pid = start()
    otpy.sys.suspend(pid)
    otpy.stop(pid, timeout=DEADLINE)
    assert get() == ("terminate", otpy.Normal())


@inside
def test_code_change_may_be_a_coroutine() -> None:
    """Awaited by `change_code`; the state is what it returns, or stays as it was if it raises."""
    pid = start()
    otpy.sys.suspend(pid)
    otpy.sys.change_code(pid, __name__, "1", "extra")
    assert otpy.sys.get_state(pid)[1] == (("code_change", "1", "extra"),)
    for extra in (raising(LookupError("in code_change")), returning(lambda _state: "junk")):
        with pytest.raises(otpy.ChangeCodeFailed):
            otpy.sys.change_code(pid, __name__, "1", extra)
    otpy.sys.resume(pid)
    assert otpy.call(pid, None) == (("code_change", "1", "extra"),)


@inside
def test_a_log_shows_what_comes_in_and_what_goes_out() -> None:
    """Replies too, although they are given after an await."""
    pid = start()
    otpy.sys.log(pid, 10)
    otpy.call(pid, 1)
    events = otpy.sys.log(pid, 0)
    assert [type(event) for event in events] == [otpy.sys.In, otpy.sys.Out]


# -- what would block the loop ---------------------------------------------------------------------


BLOCKERS: dict[str, Callable[[otpy.Pid], Any]] = {
    "call": lambda other: otpy.call(other, 1),
    "receive": lambda _: otpy.receive(timeout=0),
    "sleep": lambda _: otpy.sleep(0.001),
    "blocking": lambda _: otpy.blocking(print),
    "start_link": lambda _: LoopEcho.start_link(),
    "start": lambda _: Echo.start(),
    "stop": otpy.stop,
    "sys": otpy.sys.get_state,
    "supervisor": lambda _: otpy.supervisor.start_link([]),
    "lock": lambda _: otpy.Lock().acquire(),
    "wait_response": lambda other: otpy.wait_response(otpy.send_request(other, 1)),
    "actor": lambda _: Own.start_link(),
}


@pytest.mark.parametrize("block", BLOCKERS.values(), ids=BLOCKERS)
@inside
def test_a_blocking_call_in_a_coroutine_is_refused_with_advice(block: Callable[[otpy.Pid], Any]) -> None:
    """It would hold up every asyncio process. The message names what to use instead, and what it began is not left."""
    other = Echo.start_link()
    before = set(otpy.processes())

    async def act(_from: Any, state: Any) -> Any:
        with pytest.raises(otpy.BlockingRefused, match=r"await otpy\.acall") as caught:
            block(other)
        return otpy.Reply(str(caught.value), state)

    pid = start()
    assert "asyncio" in otpy.call(pid, act)
    assert set(otpy.processes()) - {pid} == before
    assert otpy.call(other, "still there") == "still there"


@inside
def test_the_advice_works_for_what_has_no_await_of_its_own() -> None:
    """`asyncio.to_thread` starts and stops others without holding up the loop."""
    me = otpy.self_pid()

    async def act(_from: Any, state: Any) -> Any:
        pid = await asyncio.to_thread(Echo.start)
        answer = await otpy.acall(pid, "started")
        await asyncio.to_thread(otpy.stop, pid)
        otpy.send(me, otpy.is_alive(pid))
        return otpy.Reply(answer, state)

    assert otpy.call(start(), act) == "started"
    assert get() is False
