"""The loop of all servers: a message comes in, one callback runs, and what it returns decides what happens next.

A result is first turned into a *step* (go on with a Continue, end with a reason, or nothing), which is then carried
out. Servers with runs_on = "asyncio" share all of it but the few lines that await.

Source: OTP gen_server.erl: loop, handle_msg, handle_common_reply, terminate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

import msgspec

from otpy.behaviours.results import UNSET, After, Continue, Hibernate, NoReply, Ok, Reply, Stop, Then, Unset
from otpy.behaviours.vsn import vsn_of
from otpy.errors import BadReturn
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import PENDING, Call, Cast, Failed, SystemCall
from otpy.kernel.clock import FOREVER
from otpy.kernel.here import leave
from otpy.kernel.messages import Exit, StopServer
from otpy.kernel.process import Process, Unwound
from otpy.kernel.reasons import Reason, is_abnormal, reason_of
from otpy.kernel.reports import report_crash
from otpy.kernel.signals import end
from otpy.kernel.worker import StackDropped

# -- steps -----------------------------------------------------------------------------------------


class Ending(msgspec.Struct, frozen=True):
    """The step that ends the server. *call* gets *reply* after `terminate`, if there is one."""

    reason: Reason
    message: Any = None
    call: Call | None = None
    reply: Any = UNSET


class Work:
    """A step of a kind of server that has more to do than `handle_continue`."""

    __slots__ = ()

    def run(self, process: Process) -> Step:
        """Do it, and return the step that follows."""
        raise NotImplementedError

    async def run_async(self, process: Process) -> Step:
        """As `run`, where callbacks may be coroutines."""
        raise NotImplementedError


Step: TypeAlias = "Continue | Work | Ending | None"


# -- one message -----------------------------------------------------------------------------------


@runs_callbacks
def handle(process: Process, message: Any) -> None:
    """Handle one message: the hot path of every GenServer."""
    kind = type(message)
    if process.idle_after is not None and kind is not SystemCall:
        process.idle_after = None
        process.deadline = FOREVER
    try:
        if kind is Call:
            process.serving = message
            result = process.actor.handle_call(message.request, message, process.state)
            if type(result) is Reply and result.then is None and not process.fenced:
                process.state = result.state
                process.serving = None
                message.put(result.value)
                return
            callback = "handle_call"
        elif kind is Cast:
            callback = "handle_cast"
            result = process.actor.handle_cast(message.request, process.state)
        else:
            if kind in _SPECIAL:
                step = special(process, message, kind)
                if step is not NOT_SPECIAL:
                    carry_out(process, step)
                    return
            callback = "handle_info"
            result = process.actor.handle_info(message, process.state)
        if type(result) is NoReply and result.then is None and kind is not Call and not process.fenced:
            process.state = result.state
            return
        step = _conclude(process, callback, result, message)
    except BaseException as error:  # noqa: BLE001 - whatever leaves a callback ends the server, through terminate
        step = crashed(process, error, message)
    if step is not None:
        carry_out(process, step)


async def handle_async(process: Process, message: Any) -> None:
    """As `handle`, for a server whose callbacks may be coroutines."""
    actor, kind = process.actor, type(message)
    if process.idle_after is not None and kind is not SystemCall:
        process.idle_after = None
        process.deadline = FOREVER
    try:
        if kind is Call:
            process.serving = message
            callback, pending = "handle_call", actor.handle_call(message.request, message, process.state)
        elif kind is Cast:
            callback, pending = "handle_cast", actor.handle_cast(message.request, process.state)
        elif kind is SystemCall:
            await carry_out_async(process, await serve_system_async(process, message))
            return
        else:
            step = special(process, message, kind)
            if step is not NOT_SPECIAL:
                await carry_out_async(process, step)
                return
            callback, pending = "handle_info", actor.handle_info(message, process.state)
        step = _conclude(process, callback, await settled(pending), message)
    except BaseException as error:  # noqa: BLE001 - whatever leaves a callback ends the server, through terminate
        step = crashed(process, error, message)
    await carry_out_async(process, step)


async def settled(result: Any) -> Any:
    """What a callback has returned, awaited if that is to be."""
    return await result if inspect.isawaitable(result) else result


_SPECIAL = frozenset({SystemCall, Exit})
NOT_SPECIAL: Any = object()


def special(process: Process, message: Any, kind: type) -> Step:
    """Serve what is not for the behaviour's own callbacks; NOT_SPECIAL if it is for handle_info."""
    if kind is SystemCall:
        return serve_system(process, message)
    if kind is Exit and (message.pid is process.parent or message.pid is process.runtime.system):
        return Ending(message.reason, message)
    return NOT_SPECIAL  # type: ignore[no-any-return]


def serve_system(process: Process, call: SystemCall) -> Step:
    """Serve a request of otpy.sys. It answers for the process and runs in it, so that it sees what the process sees."""
    request = call.request
    if isinstance(request, StopServer):
        if request.answered:
            call.put(None)
        else:
            defer(process, call)
        return Ending(request.reason, call)
    process.serving = call
    try:
        answer = request(process)
    except Exception as error:  # noqa: BLE001 - handed to who asked
        answer = Failed(error)
    _served(process, call, answer)
    return None


async def serve_system_async(process: Process, call: SystemCall) -> Step:
    """As `serve_system`, for a server whose callbacks may be coroutines: the request may be one, too."""
    if isinstance(call.request, StopServer):
        return serve_system(process, call)
    process.serving = call
    try:
        answer = await settled(call.request(process))
    except Exception as error:  # noqa: BLE001 - handed to who asked
        answer = Failed(error)
    _served(process, call, answer)
    return None


def _served(process: Process, call: SystemCall, answer: Any) -> None:
    process.serving = None
    if process.idle_after is not None and not process.suspended:  # its time begins anew, as in OTP
        process.runtime.timers.arm(process, process.runtime.clock.now() + process.idle_after)
    call.put(answer)


def _conclude(process: Process, callback: str, result: Any, message: Any) -> Step:
    """Take over the state from *result* and return the step that follows."""
    if process.fenced:
        leave(process)
    call = message if type(message) is Call else None
    match result:
        case NoReply(state, then):
            process.state = state
            if call is not None:
                process.serving = None
                defer(process, call)
            return _then(process, then, callback, result)
        case Reply(value, state, then) if call is not None:
            process.state = state
            process.serving = None
            step = _then(process, then, callback, result)
            call.put(value)
            return step
        case Stop(reason, state, reply) if not isinstance(state, Unset) and (call is not None or reply is UNSET):
            process.state = state
            return Ending(reason, message, call, reply)
        case _:
            return Ending(BadReturn(callback, result), message)


def defer(process: Process, call: Call) -> None:
    """Remember a request that is answered later, so that it fails if the process ends before.

    Who answers it, or gives it up, takes it out again; it may have happened before it was in.
    """
    process.owe(call)
    if call.answer is not PENDING or call.waiter is None:
        call.abandon()


def _then(process: Process, then: Then | Work, callback: str, result: Any) -> Step:
    match then:
        case None | Hibernate():
            return None
        case Continue() | Work():
            return then
        case After(seconds) if isinstance(seconds, int | float) and seconds >= 0:
            process.idle_after = seconds
            process.runtime.timers.arm(process, process.runtime.clock.now() + seconds)
            return None
        case _:
            return Ending(BadReturn(callback, result))


def first_of(process: Process, then: Then) -> Callable[[Process], Any] | None:
    """What *process*, given a state by an upgrade, does before its next message; None if there is nothing to do."""
    if then is None or isinstance(then, Hibernate):
        return None
    if type(process.actor).runs_on == "asyncio":
        return lambda process: carry_out_async(process, _then(process, then, "init", None))
    return lambda process: carry_out(process, _then(process, then, "init", None))


def crashed(process: Process, error: BaseException, message: Any) -> Ending:
    """A callback raised: the server ends, through `terminate`."""
    if isinstance(error, Unwound | StackDropped):
        raise error
    if process.fenced:
        leave(process)
    return Ending(reason_of(error), message)


@runs_callbacks
def carry_out(process: Process, step: Step) -> None:
    """Do what *step* says: go on with handle_continue, or end."""
    while step is not None:
        if type(step) is Ending:
            _end(process, step)
        if isinstance(step, Work):
            step = step.run(process)
            continue
        assert type(step) is Continue
        try:
            result = process.actor.handle_continue(step.arg, process.state)
            step = _conclude(process, "handle_continue", result, None)
        except BaseException as error:  # noqa: BLE001 - whatever leaves a callback ends the server, through terminate
            step = crashed(process, error, step)


async def carry_out_async(process: Process, step: Step) -> None:
    """As `carry_out`, for a server whose callbacks may be coroutines."""
    while step is not None:
        if type(step) is Ending:
            await _end_async(process, step)
        if isinstance(step, Work):
            step = await step.run_async(process)
            continue
        assert type(step) is Continue
        try:
            result = await settled(process.actor.handle_continue(step.arg, process.state))
            step = _conclude(process, "handle_continue", result, None)
        except BaseException as error:  # noqa: BLE001 - whatever leaves a callback ends the server, through terminate
            step = crashed(process, error, step)


def begin(process: Process, result: Ok[Any]) -> Step:
    """Take the state from what `init` has returned; return the step that follows."""
    process.state = result.state
    process.vsn = vsn_of(type(process.actor))
    return _then(process, result.then, "init", result)


# -- the end ---------------------------------------------------------------------------------------


@runs_callbacks
def _end(process: Process, ending: Ending) -> NoReturn:
    """Run `terminate`, reply, report, die. What terminate raises takes the place of the reason."""
    reason = ending.reason
    try:
        process.actor._terminate(reason, process.state)  # noqa: SLF001 - the hook of its own behaviour
    except BaseException as error:  # noqa: BLE001 - it becomes the exit reason
        reason = _last_reason(process, error)
    _gone(process, ending, reason)


async def _end_async(process: Process, ending: Ending) -> NoReturn:
    reason = ending.reason
    try:
        await settled(process.actor._terminate(reason, process.state))  # noqa: SLF001 - the hook of its own behaviour
    except BaseException as error:  # noqa: BLE001 - it becomes the exit reason
        reason = _last_reason(process, error)
    _gone(process, ending, reason)


def _last_reason(process: Process, error: BaseException) -> Reason:
    if process.fenced:
        leave(process)
    return reason_of(error)


def _gone(process: Process, ending: Ending, reason: Reason) -> NoReturn:
    if process.fenced:
        leave(process)
    if ending.call is not None and ending.reply is not UNSET:
        process.serving = None
        ending.call.put(ending.reply)
    if is_abnormal(reason):
        report_crash(process, reason, **shown(process, ending.message, reason))
    end(process, reason)
    raise Unwound


def shown(process: Process, message: Any, reason: Reason) -> dict[str, Any]:
    """Return what a report may show of the process, as its `format_status` lets it."""
    last = message.request if isinstance(message, Call | Cast) else message
    parts = process.actor._shown(process.state)  # noqa: SLF001 - the hook of its own behaviour
    status = {**parts, "last_message": last, "reason": reason}
    try:
        status = process.actor.format_status(status)
    except Exception as error:  # noqa: BLE001 - a report must not fail for it, and must not show what was to be hidden
        status = {"state": f"hidden: format_status raised {error!r}"}
    return {name: value for name, value in status.items() if name != "reason"}
