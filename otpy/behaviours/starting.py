"""How a process of a behaviour is started, and how its starter learns what came of `init`.

Source: OTP gen.erl: start, init_it; proc_lib.erl: start, init_ack.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from otpy.behaviours.loop import Step, begin, carry_out, carry_out_async, settled
from otpy.behaviours.results import Ignore, Ok, Stop
from otpy.errors import (
    BadReturn,
    CallTimeout,
    InitStopped,
    NotRunning,
    ServerExited,
    StartError,
    StartIgnored,
    StartTimeout,
)
from otpy.kernel import newborn, signals
from otpy.kernel.actors import ProcessActor
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import PENDING, Call, Failed, pause, wait_for_answer, wait_on
from otpy.kernel.clock import FOREVER, check_timeout
from otpy.kernel.here import current, leave, waiting
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import demonitor
from otpy.kernel.process import Process, Unwound
from otpy.kernel.reasons import Kill, Normal, Reason, reason_of
from otpy.kernel.signals import end
from otpy.kernel.table import table
from otpy.kernel.via import Name, claim, give_back
from otpy.kernel.worker import Worker

if TYPE_CHECKING:
    from otpy.behaviours.behaviour import Behaviour

set_inbox: Final[Callable[[ProcessActor, Process], None]] = ProcessActor.actor_inbox.__set__  # type: ignore[attr-defined]
"""Give an actor its process; it cannot be set as an attribute."""


def start_monitor(
    behaviour: type[Behaviour[Any]], arg: Any = None, *, name: Name | None = None, timeout: float | None = None
) -> tuple[Pid, Ref]:
    """Start a process of *behaviour* that the running one monitors from before its `init`; return both.

    It raises as Behaviour.start_link does, and then no Down message comes: the error has said it.

    Source: OTP gen.erl: start/6 and monitor_return/1.
    """
    if not (isinstance(behaviour, type) and hasattr(behaviour, "_handle_of")):
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


@runs_callbacks
def _made(behaviour: type[Behaviour[Any]], arg: Any, me: Process, waiter: Process | None) -> tuple[Process, Call]:
    """Make a process that is to be launched; the request tells *waiter* what comes of its `init`."""
    actor = behaviour()
    process = me.runtime.new_process(actor, behaviour._handle_of(), behaviour.runs_on)  # noqa: SLF001 - its own hook
    set_inbox(actor, process)
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


@runs_callbacks
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
        result = await settled(process.actor._init(arg))  # noqa: SLF001 - the hook of its own behaviour
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
