"""GenServer: a process that answers requests one at a time and keeps a state.

The loop is here: a message comes in, one callback runs, and what it returns decides what happens next. A result is
first turned into a *step* (go on with a Continue, end with a reason, or nothing), which is then carried out. Servers
with runs_on = "asyncio" share all of it but the few lines that await.

Source: OTP gen_server.erl: loop, handle_msg, handle_common_reply, terminate; gen.erl: init_it.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Generic, Literal, NoReturn, TypeAlias, TypeVar

import msgspec

from otpy import wires
from otpy.behaviours.child_spec import ChildSpec
from otpy.behaviours.child_spec import Restart as RestartType
from otpy.behaviours.child_spec import Shutdown as ShutdownType
from otpy.behaviours.children_start import start_by_name
from otpy.behaviours.results import (
    UNSET,
    After,
    CallResult,
    CastResult,
    CodeChangeResult,
    Continue,
    Hibernate,
    Ignore,
    InitResult,
    NoReply,
    Ok,
    Reply,
    Stop,
    Then,
    Unset,
)
from otpy.behaviours.vsn import code_change, vsn_of
from otpy.errors import (
    BadReturn,
    CallTimeout,
    InitStopped,
    NotRunning,
    ServerExited,
    StartError,
    StartIgnored,
    StartTimeout,
    UndefinedCallback,
)
from otpy.kernel import newborn, signals
from otpy.kernel.actors import ProcessActor
from otpy.kernel.calls import PENDING, Call, Cast, Failed, From, SystemCall, pause, wait_for_answer, wait_on
from otpy.kernel.clock import FOREVER, check_timeout
from otpy.kernel.here import current, leave, waiting
from otpy.kernel.messages import Exit, StopServer
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import demonitor
from otpy.kernel.process import Handle, Process, Unwound
from otpy.kernel.reasons import Kill, Normal, Reason, is_abnormal, reason_of
from otpy.kernel.reports import report_crash
from otpy.kernel.signals import end
from otpy.kernel.table import table
from otpy.kernel.via import Name, claim, give_back
from otpy.kernel.worker import StackDropped, Worker

StateT = TypeVar("StateT")
log = logging.getLogger("otpy.gen_server")

CALLBACKS = (
    "init",
    "handle_call",
    "handle_cast",
    "handle_info",
    "handle_continue",
    "handle_event",
    "terminate",
    "code_change",
)


class Behaviour(ProcessActor, Generic[StateT]):
    """What all kinds of behaviours have in common: how they are started, and what differs between the kinds."""

    __slots__ = ()

    runs_on: ClassVar[Literal["scheduler", "thread", "asyncio"]] = "scheduler"
    __vsn__: ClassVar[Any] = None
    kind_of_server: ClassVar[str] = "GenServer"
    """What it is, for a living process cannot become another kind."""
    in_tree: ClassVar[bool] = True
    """Whether `otpy.tree()` shows it; what serves the runtime itself is left out."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Refuse a class that could not run as it says."""
        super().__init_subclass__(**arguments)
        if not cls.__module__.startswith("otpy."):
            wires.note_source(cls.__module__)
        if cls.runs_on not in {"scheduler", "thread", "asyncio"}:
            msg = f'{cls.__qualname__}.runs_on is {cls.runs_on!r}; give "scheduler", "thread" or "asyncio"'
            raise TypeError(msg)
        if cls.runs_on != "asyncio":
            for name in cls._callbacks():
                if inspect.iscoroutinefunction(getattr(cls, name, None)):
                    msg = f'{cls.__qualname__}.{name} is an `async def`: declare runs_on = "asyncio" in the class'
                    raise TypeError(msg)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: what a callback wants to keep belongs into the state, or an upgrade and a restart would miss it."""
        msg = (
            f"{type(self).__qualname__} cannot set self.{name}: callbacks run on an object that holds no state; "
            "keep it in the state that the callback returns"
        )
        raise AttributeError(msg)

    # -- starting

    @classmethod
    def start_link(cls, arg: Any = None, *, name: Name | None = None, timeout: float | None = None) -> Pid:
        """Start a process of this behaviour, linked with the running one, and return when its `init` has.

        *name* is a str to register it under, or a Via; *timeout* in seconds for `init`; None waits for ever. Raises
        AlreadyStarted (the name is taken), InitStopped, StartIgnored, StartTimeout.
        """
        return start(cls, arg, name=name, timeout=timeout, link=True)

    @classmethod
    def start(cls, arg: Any = None, *, name: Name | None = None, timeout: float | None = None) -> Pid:  # type: ignore[override]
        """As `start_link`, without the link."""
        return start(cls, arg, name=name, timeout=timeout, link=False)

    @classmethod
    def start_monitor(
        cls, arg: Any = None, *, name: Name | None = None, timeout: float | None = None
    ) -> tuple[Pid, Ref]:
        """As `start`, monitored by the running process before `init` runs. A failed start sends no Down message."""
        return start_monitor(cls, arg, name=name, timeout=timeout)

    @classmethod
    def child_spec(
        cls,
        arg: Any = None,
        *,
        id: Any = None,  # noqa: A002 - OTP's name
        restart: RestartType = "permanent",
        shutdown: ShutdownType | Unset = UNSET,
        significant: bool = False,
        name: Name | None = None,
    ) -> ChildSpec:
        """Return how a supervisor starts this behaviour with *arg*; *id* is the class's name unless given."""
        return ChildSpec(
            id=id if id is not None else cls.__name__,
            start=start_by_name(cls.start_link, (arg,), {} if name is None else {"name": name}),
            restart=restart,
            shutdown=shutdown,
            significant=significant,
            type="supervisor" if cls.supervises else "worker",
        )

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        """Return what `sys.get_status` and crash reports show; leave out or replace what nobody should see."""
        return status

    # -- what the kinds of behaviours do in their own ways

    @classmethod
    def _callbacks(cls) -> Iterable[str]:
        """Return the names of its callbacks."""
        return CALLBACKS

    @classmethod
    def _handle_of(cls) -> Handle:
        """Return what handles the messages of a process of this behaviour."""
        raise NotImplementedError

    @classmethod
    def _has_code_change(cls) -> bool:
        """Whether it has a `code_change` of its own, and not the one that keeps the state."""
        raise NotImplementedError

    def _init(self, arg: Any) -> Any:
        """Return what `init` made of *arg*: Ok, Ignore or Stop, or an awaitable of one."""
        raise UndefinedCallback(type(self), "init", arg)

    def _begun(self, result: Any) -> Any:
        """Return what `_init` would of what `init` has returned: for a process that becomes one of this behaviour."""
        msg = f"a process cannot become a {type(self).__qualname__}: that takes a GenServer or a GenStatem"
        raise TypeError(msg)

    def _terminate(self, reason: Reason, state: StateT) -> Any:
        """Run `terminate`; what it returns may be an awaitable."""
        raise NotImplementedError

    def _code_change(self, old_vsn: Any, state: StateT, extra: Any) -> Any:
        """Return `Ok(state)` as `code_change` makes it, or an awaitable of it."""
        raise NotImplementedError

    def _aside(self) -> Iterable[Any]:
        """What it keeps besides its state and its mailbox: objects, each with a `content`."""
        return ()

    @classmethod
    def _check_state(cls, state: Any) -> None:
        """Raise TypeError for what can be no state of this kind of behaviour, whatever the class declares."""

    def _below(self, state: StateT) -> Iterable[Pid]:
        """Whom `otpy.tree()` shows below it, if it is no supervisor. For any thread at any time."""
        return ()

    def _shown(self, state: StateT) -> dict[str, Any]:
        """What reports show of the state, by name, before `format_status`."""
        return {"state": state}

    def _seen(self, state: StateT) -> Any:
        """What `sys.get_state` gives of the state."""
        return state

    def _replaced(self, fn: Callable[[Any], Any], state: StateT) -> StateT:
        """Return the state that *fn*, given to `sys.replace_state`, makes of it. Raises what that raises."""
        new: StateT = fn(state)
        self._check_state(new)
        return new

    def _change_code(self, module: str, old_vsn: Any, state: StateT, extra: Any) -> Any:
        """Return `Ok(state)` as `sys.change_code` for *module* makes it, or an awaitable of it."""
        return self._code_change(old_vsn, state, extra)


class Server(Behaviour[StateT]):
    """What servers and supervisors have in common: the callbacks with their defaults."""

    __slots__ = ()

    def handle_call(self, request: Any, from_: From, state: StateT) -> CallResult[StateT]:
        """Answer a request of `otpy.call`."""
        raise UndefinedCallback(type(self), "handle_call", request)

    def handle_cast(self, request: Any, state: StateT) -> CastResult[StateT]:
        """Handle a request of `otpy.cast`."""
        raise UndefinedCallback(type(self), "handle_cast", request)

    def handle_info(self, message: Any, state: StateT) -> CastResult[StateT]:
        """Handle any other message. The default logs it and goes on, as OTP does."""
        log.warning("%r got an unexpected message: %r", self.actor_inbox, message)
        return NoReply(state)

    def handle_continue(self, arg: Any, state: StateT) -> CastResult[StateT]:
        """Go on after a result with `then=Continue(arg)`."""
        raise UndefinedCallback(type(self), "handle_continue", arg)

    def terminate(self, reason: Reason, state: StateT) -> Any:
        """Clean up before the process ends. What it returns is ignored; what it raises becomes the exit reason."""

    def code_change(self, old_vsn: Any, state: StateT, extra: Any = None) -> CodeChangeResult[StateT]:
        """Convert the state that version *old_vsn* left. The default keeps it."""
        return Ok(state)

    # -- the hooks of Behaviour

    @classmethod
    def _handle_of(cls) -> Handle:
        return handle_async if cls.runs_on == "asyncio" else handle

    @classmethod
    def _has_code_change(cls) -> bool:
        return cls.code_change is not Server.code_change

    def _terminate(self, reason: Reason, state: StateT) -> Any:
        return self.terminate(reason, state)

    def _code_change(self, old_vsn: Any, state: StateT, extra: Any) -> Any:
        return code_change(self, old_vsn, state, extra)


class GenServer(Server[StateT]):
    """A server. Write `init` and the callbacks that are needed; each returns one of its results.

    | callback | returns |
    | --- | --- |
    | `init(self, arg)` | `Ok(state)`, `Ignore()`, `Stop(reason)` |
    | `handle_call(self, request, from_, state)` | `Reply(value, state)`, `NoReply(state)`, `Stop(reason, state, …)` |
    | `handle_cast(self, request, state)` | `NoReply(state)`, `Stop(reason, state)` |
    | `handle_info(self, message, state)` | `NoReply(state)`, `Stop(reason, state)` |
    | `handle_continue(self, arg, state)` | `NoReply(state)`, `Stop(reason, state)` |
    | `terminate(self, reason, state)` | anything |
    | `code_change(self, old_vsn, state, extra)` | `Ok(state)`; raising refuses |
    | `format_status(self, status)` | the dict to show |

    `Ok`, `Reply` and `NoReply` take `then=`: `Continue(arg)`, `After(seconds)`, `Hibernate()`. Any other value ends the
    server with `BadReturn(callback, value)`. `runs_on = "thread"` gives each process a thread of its own, for code that
    blocks; with `runs_on = "asyncio"` every callback may be `async def`.

    Source: OTP gen_server.erl.
    """

    __slots__ = ()

    def init(self, arg: Any) -> InitResult[StateT]:
        """Return the first state, `Ok(state)`; or `Ignore()` or `Stop(reason)`."""
        raise UndefinedCallback(type(self), "init", arg)

    def _init(self, arg: Any) -> Any:
        return self.init(arg)

    def _begun(self, result: Any) -> Any:
        return result


_set_inbox: Callable[[ProcessActor, Process], None] = ProcessActor.actor_inbox.__set__  # type: ignore[attr-defined]
BehaviourT = TypeVar("BehaviourT", bound=Behaviour[Any])


def has_code_change(behaviour: type[Behaviour[Any]]) -> bool:
    """Whether *behaviour* has a `code_change` of its own."""
    return behaviour._has_code_change()  # noqa: SLF001 - the hook of its own behaviour


def put_aside(process: Process) -> Iterable[Any]:
    """What *process* keeps besides its state and its mailbox: objects, each with a `content` that belongs to others."""
    actor = process.actor
    return actor._aside() if isinstance(actor, Behaviour) else ()  # noqa: SLF001 - the hook of its own behaviour


def seen(process: Process, state: Any) -> Any:
    """What `sys.get_state` would give if *state* were that of *process*."""
    actor = process.actor
    return actor._seen(state) if isinstance(actor, Behaviour) else state  # noqa: SLF001 - the hook of its own behaviour


def attach(behaviour: type[BehaviourT], process: Process) -> BehaviourT:
    """Return an object of *behaviour* whose process is *process*: what callbacks run on."""
    actor = behaviour()
    _set_inbox(actor, process)
    return actor


# -- starting --------------------------------------------------------------------------------------


def start_monitor(
    behaviour: type[Behaviour[Any]], arg: Any = None, *, name: Name | None = None, timeout: float | None = None
) -> tuple[Pid, Ref]:
    """Start a process of *behaviour* that the running one monitors from before its `init`; return both.

    It raises as Behaviour.start_link does, and then no Down message comes: the error has said it.

    Source: OTP gen.erl: start/6 and monitor_return/1.
    """
    if not (isinstance(behaviour, type) and issubclass(behaviour, Behaviour)):
        msg = f"{behaviour!r} is no behaviour: give a class such as one made of GenServer or Supervisor"
        raise TypeError(msg)
    ref = Ref()
    try:
        return start(behaviour, arg, name=name, timeout=timeout, link=False, monitor=ref), ref
    except Exception:
        demonitor(ref, flush=True)
        raise


def start(
    behaviour: type[Behaviour[Any]],
    arg: Any,
    *,
    name: Name | None,
    timeout: float | None,
    link: bool,
    monitor: Ref | None = None,
) -> Pid:
    """Start a process of *behaviour* and wait for its `init`. See Behaviour.start_link."""
    check_timeout(timeout)
    me = waiting()
    process, acknowledged = _made(behaviour, arg, me, me)
    if name is not None:
        claim(process, name)
    if link:
        process.parent = me
        signals.link(me, process)
    if monitor is not None:
        signals.watch(me, process, monitor)
    _launch(process, me, at_once=timeout is None and behaviour.runs_on == "scheduler")
    try:
        return started(me, process, acknowledged, timeout)
    except StartError:
        if name is not None:
            give_back(process, name)
        raise


def start_soon(behaviour: type[Behaviour[Any]], arg: Any) -> Pid:
    """Start a process of *behaviour*, and wait for nothing: what comes of its `init` is its own affair.

    So it may be called where nobody may wait, as on an event loop.
    """
    me = current()
    process, _ = _made(behaviour, arg, me, None)
    _launch(process, me, at_once=False)
    return process


def _made(behaviour: type[Behaviour[Any]], arg: Any, me: Process, waiter: Process | None) -> tuple[Process, Call]:
    """Make a process that is to be launched; the request tells *waiter* what comes of its `init`."""
    actor = behaviour()
    process = me.runtime.new_process(actor, behaviour._handle_of(), behaviour.runs_on)  # noqa: SLF001 - its own hook
    _set_inbox(actor, process)
    process.starter, process.leader = me, me.leader
    process.argument = arg
    process.scheduled = True  # its name and its link are known before it is launched: nothing may run it earlier
    acknowledged = Call(me, None, process, waiter)
    process.serving = acknowledged
    if behaviour.runs_on == "asyncio":
        process.boot = lambda process: _boot_async(process, process.argument, acknowledged)  # type: ignore[assignment]
    else:
        process.boot = lambda process: _boot(process, process.argument, acknowledged)
    return process, acknowledged


def _launch(process: Process, me: Process, *, at_once: bool) -> None:
    """Let *process* live; *at_once*, if it can be, on the stack of *me*, who would wait for it anyway."""
    runtime = me.runtime
    newborn.enter(process)
    runner = me.runner
    if at_once and process.gate is None and type(runner) is Worker and runner.can_inline():
        runtime.launch_inside(process, me, runner)
        return
    process.bar = process.gate
    try:
        runtime.launch(process)
    except NotRunning:
        table.discard(process)
        raise


def started(me: Process, process: Process, acknowledged: Call, timeout: float | None) -> Pid:
    """Wait until *process* acknowledges its start, and return it; raise what came of its `init` otherwise."""
    if me.fenced:
        leave(me)
    if acknowledged.answer is PENDING:
        if timeout is not None:
            me.deadline = me.runtime.clock.now() + timeout
        me.wait_on = process
        try:
            wait_on(acknowledged, me, timeout)
        except CallTimeout:
            signals.unlink(me, process)
            _kill(process, me)
            raise StartTimeout(timeout) from None
        me.deadline = FOREVER
        me.wait_on = None
    answer = acknowledged.answer
    if type(answer) is Failed:
        error = answer.error
        if isinstance(error, ServerExited):  # it was killed before `init` had returned
            raise InitStopped(error.reason) from None
        raise error
    return process


def _kill(process: Process, me: Process) -> None:
    """Kill *process* and wait until it is dead: its name is free then."""
    gone = pause(me)
    if signals.on_death(process, gone):
        signals.signal(me, process, Kill())
        with contextlib.suppress(ServerExited):
            wait_for_answer(gone, None)


def _boot(process: Process, arg: Any, acknowledged: Call) -> None:
    newborn.renew(process)
    try:
        result = process.actor._init(arg)  # noqa: SLF001 - the hook of its own behaviour
    except BaseException as error:  # noqa: BLE001 - whatever leaves init is why the start failed
        _not_started(process, acknowledged, error)
    carry_out(process, _after_init(process, result, acknowledged))


async def _boot_async(process: Process, arg: Any, acknowledged: Call) -> None:
    newborn.renew(process)
    try:
        result = await _settled(process.actor._init(arg))  # noqa: SLF001 - the hook of its own behaviour
    except BaseException as error:  # noqa: BLE001 - whatever leaves init is why the start failed
        _not_started(process, acknowledged, error)
    await carry_out_async(process, _after_init(process, result, acknowledged))


def _not_started(process: Process, acknowledged: Call, error: BaseException) -> NoReturn:
    """`init` raised: hand the reason to the starter and end."""
    if process.exit_reason is not None:
        raise Unwound
    reason = error if isinstance(error, BadReturn) else reason_of(error)
    refuse_start(process, acknowledged, InitStopped(reason), reason, error)


def refuse_start(
    process: Process, acknowledged: Call, error: Exception, reason: Reason, cause: BaseException | None = None
) -> NoReturn:
    """End a process whose start failed. Its name is free and its links have been told when the starter goes on.

    A starter that does not trap exits is spared the exit signal: it gets the error instead (decision 0002).
    """
    error.__cause__ = cause
    starter = acknowledged.pid
    if isinstance(starter, Process) and not starter.trapping:
        signals.unlink(process, starter)
    process.serving = None
    end(process, reason)
    acknowledged.put(Failed(error))
    raise Unwound


def _after_init(process: Process, result: Any, acknowledged: Call) -> Step:
    if process.fenced:
        leave(process)
    match result:
        case Ok():
            process.serving = None
            step = begin(process, result)
            acknowledged.put(True)
            return step
        case Ignore():
            refuse_start(process, acknowledged, StartIgnored(), Normal())
        case Stop(reason):
            refuse_start(process, acknowledged, InitStopped(reason), reason)
        case _:
            bad = BadReturn("init", result)
            refuse_start(process, acknowledged, InitStopped(bad), bad)


def begin(process: Process, result: Ok[Any]) -> Step:
    """Take the state from what `init` has returned; return the step that follows."""
    process.state = result.state
    process.vsn = vsn_of(type(process.actor))
    return _then(process, result.then, "init", result)


# -- the loop --------------------------------------------------------------------------------------


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
        step = _conclude(process, callback, await _settled(pending), message)
    except BaseException as error:  # noqa: BLE001 - whatever leaves a callback ends the server, through terminate
        step = crashed(process, error, message)
    await carry_out_async(process, step)


async def _settled(result: Any) -> Any:
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
        answer = await _settled(call.request(process))
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
            result = await _settled(process.actor.handle_continue(step.arg, process.state))
            step = _conclude(process, "handle_continue", result, None)
        except BaseException as error:  # noqa: BLE001 - whatever leaves a callback ends the server, through terminate
            step = crashed(process, error, step)


# -- the end ---------------------------------------------------------------------------------------


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
        await _settled(process.actor._terminate(reason, process.state))  # noqa: SLF001 - the hook of its own behaviour
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
