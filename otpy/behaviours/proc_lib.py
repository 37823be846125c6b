"""Processes that keep OTP's promises without being behaviours: functions that a supervisor can start.

`otpy.proc_lib` is this module. A function started with `start_link(fn, *args)` says with `init_ack()` that it is ready;
until then its starter waits, so a supervisor starts its children in order whatever they are made of:

    def start_link(path):
        return proc_lib.start_link(_loop, path)

    def _loop(path):
        file = open(path)
        proc_lib.init_ack()
        while True: ...

What else OTP's proc_lib promises holds for every process of otpy: its initial call, its ancestors, a crash report if it
ends abnormally.

Source: OTP proc_lib.erl; gen_server.erl: enter_loop/5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from otpy.behaviours.behaviour import Behaviour, attach
from otpy.behaviours.gen import stop
from otpy.behaviours.loop import begin, carry_out
from otpy.behaviours.results import UNSET, Ignore, Ok
from otpy.behaviours.starting import refuse_start, started
from otpy.errors import BadReturn, InitStopped, NotRegistered, StartError, StartIgnored
from otpy.kernel import signals
from otpy.kernel.actors import FunctionProcess
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import Call
from otpy.kernel.carriers import Becoming, Starting
from otpy.kernel.clock import check_timeout
from otpy.kernel.here import current, waiting
from otpy.kernel.messages import Exit
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import demonitor, set_label, spawn, spawn_link, spawn_monitor, take, whereis
from otpy.kernel.process import Handle, Process, checked_pid
from otpy.kernel.reasons import Normal, Reason, check_reason
from otpy.kernel.runtime import spawn_actor
from otpy.kernel.via import Name

__all__ = [
    "InitialCall",
    "enter_loop",
    "get_label",
    "hibernate",
    "init_ack",
    "init_fail",
    "initial_call",
    "set_label",
    "spawn",
    "spawn_link",
    "spawn_monitor",
    "start",
    "start_link",
    "start_monitor",
    "stop",
]


class InitialCall(msgspec.Struct, frozen=True):
    """What a process was started with: a function, its module and the number of its arguments."""

    module: str
    function: str
    arity: int


# -- starting --------------------------------------------------------------------------------------


def start_link(fn: Callable[..., Any], *args: Any, timeout: float | None = None) -> Any:
    """Start a process that runs `fn(*args)`, linked with the running one; return what it gives to `init_ack`.

    *timeout* in seconds; None waits for ever. Raises InitStopped(reason) if it ends before, or calls `init_fail`,
    StartIgnored for `init_fail(Ignore())`, and StartTimeout if it takes longer; it is killed then. In none of these
    cases does an exit signal reach the starter.
    """
    return _start(fn, args, timeout, link=True)


def start(fn: Callable[..., Any], *args: Any, timeout: float | None = None) -> Any:
    """As `start_link`, without the link."""
    return _start(fn, args, timeout, link=False)


def start_monitor(
    fn: Callable[..., Any], *args: Any, timeout: float | None = None, link: bool = False
) -> tuple[Any, Ref]:
    """As `start`, or as `start_link`, monitored from before it runs; return what it gives to `init_ack`, and the ref.

    A failed start sends no Down message: the error has said it.
    """
    ref = Ref()
    try:
        return _start(fn, args, timeout, link=link, ref=ref), ref
    except StartError:
        demonitor(ref, flush=True)
        raise


def _start(
    fn: Callable[..., Any], args: tuple[Any, ...], timeout: float | None, *, link: bool, ref: Ref | None = None
) -> Any:
    check_timeout(timeout)
    me = waiting()
    actor = Starting(fn, len(args))
    acknowledged = Call(me, None, me, me)

    def prepare(process: Process) -> None:
        acknowledged.server = process
        process.serving = acknowledged
        if ref is not None:
            signals.watch(me, process, ref)

    label = str(getattr(fn, "__qualname__", repr(fn)))
    process = spawn_actor(actor, *args, starter=me, label=label, link=link, before=prepare)
    try:
        started(me, process, acknowledged, timeout)
    except StartError:
        take(lambda message: type(message) is Exit and message.pid is process)  # somebody may have killed it
        raise
    return acknowledged.answer


def init_ack(value: Any = UNSET) -> None:
    """Tell the starter that this process is ready; its start returns *value*, the pid of this process unless given."""
    me, acknowledged = _acknowledging("init_ack")
    me.serving = None
    acknowledged.put(me if value is UNSET else value)


def init_fail(reason: Reason | Ignore) -> NoReturn:
    """End this process, with its starter told: InitStopped(reason) is raised there, for Ignore() StartIgnored."""
    me, acknowledged = _acknowledging("init_fail")
    error: StartError = StartIgnored() if isinstance(reason, Ignore) else InitStopped(check_reason(reason))
    if me.parent is not None:
        signals.unlink(me, me.parent)
    refuse_start(me, acknowledged, error, Normal() if isinstance(reason, Ignore) else reason)


def _acknowledging(what: str) -> tuple[Process, Call]:
    me = current()
    if isinstance(me.actor, FunctionProcess) and isinstance(me.serving, Call):
        return me, me.serving
    msg = f"nobody waits for {what}: it is called once, by a process started with start, start_link or start_monitor"
    raise TypeError(msg)


# -- becoming something else -----------------------------------------------------------------------


def hibernate(fn: Callable[..., Any], *args: Any) -> NoReturn:
    """Leave the running function for good and run `fn(*args)` when a message has come, or at once if one waits.

    Until then the process keeps nothing but its mailbox: `finally` blocks have run. Only for plain processes; servers
    return `then=Hibernate()`.

    Source: OTP proc_lib.erl: hibernate/3.
    """
    _only_plain("hibernate")
    actor = FunctionProcess(fn, len(args))
    raise Becoming(lambda process: _sleep(process, actor, args))


@runs_callbacks
def _sleep(process: Process, actor: FunctionProcess, args: tuple[Any, ...]) -> None:
    actor.actor_inbox = process
    process.began = initial_call(process)
    process.actor = actor
    wake: Handle = lambda process, message: _wake(process, message, args)  # noqa: E731 - its type is told
    process.handle = wake


@runs_callbacks
def _wake(process: Process, message: Any, args: tuple[Any, ...]) -> None:
    process.open_mailbox().appendleft(message)
    process.actor.run(args)


@runs_callbacks
def enter_loop(behaviour: type[Behaviour[Any]], result: Any, *, name: Name | None = None) -> NoReturn:
    """Let this plain process be a server of *behaviour* from now on, as if its `init` had returned *result*.

    *result* is `Ok(state)`, for a state machine `NextState(state, data, actions)`. With *name*, this process has to be
    registered under it, else NotRegistered is raised. The behaviour has to run where this process does: on the
    scheduler.

    Source: OTP gen_server.erl: enter_loop/5.
    """
    me = _only_plain("enter_loop")
    if not (isinstance(behaviour, type) and issubclass(behaviour, Behaviour)):
        msg = f"{behaviour!r} is no behaviour: give a class such as one made of GenServer or GenStatem"
        raise TypeError(msg)
    if behaviour.runs_on != "scheduler":
        msg = f"{behaviour.__qualname__} has runs_on = {behaviour.runs_on!r}, and this process runs on the scheduler"
        raise TypeError(msg)
    if name is not None and whereis(name) is not me:
        raise NotRegistered(name, me)
    actor = attach(behaviour, me)
    begun = actor._begun(result)  # noqa: SLF001 - the hook of its own behaviour
    if not isinstance(begun, Ok):
        raise BadReturn("enter_loop", result)
    raise Becoming(lambda process: _serve(process, actor, begun))


@runs_callbacks
def _serve(process: Process, actor: Behaviour[Any], begun: Ok[Any]) -> None:
    if process.label == getattr(process.actor.fn, "__qualname__", None):
        process.label = None  # nobody has set it
    process.began = initial_call(process)
    process.actor = actor
    handle = actor._handle_of()  # noqa: SLF001 - the hook of its own behaviour
    reloads = process.runtime.reloads
    process.handle = handle if reloads is None else reloads.counted(handle)
    carry_out(process, begin(process, begun))


def _only_plain(what: str) -> Process:
    me = current()
    if isinstance(me.actor, FunctionProcess):
        return me
    msg = f"{what} is for plain processes, started with spawn or proc_lib.start_link, and {me!r} is none"
    raise TypeError(msg)


# -- looking ---------------------------------------------------------------------------------------


def initial_call(pid: Pid) -> InitialCall | None:
    """Return what *pid* was started with, the `init` of a behaviour; None if it has ended, or is a foreign thread.

    What it has become since, by `hibernate` or `enter_loop`, does not change that.

    Source: OTP proc_lib.erl: translate_initial_call/1.
    """
    process = checked_pid(pid)
    actor = process.actor
    if process.began is not None and process.exit_reason is None:
        return process.began  # type: ignore[no-any-return]
    if isinstance(actor, FunctionProcess):
        fn = actor.fn
        return InitialCall(getattr(fn, "__module__", ""), getattr(fn, "__qualname__", repr(fn)), actor.arity)
    if isinstance(actor, Behaviour):
        return InitialCall(type(actor).__module__, f"{type(actor).__qualname__}.init", 1)
    return None


def get_label(pid: Pid) -> str | None:
    """Return what *pid* has been called with `set_label`, or else the name of its function."""
    return checked_pid(pid).label
