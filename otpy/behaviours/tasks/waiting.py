"""What waiting for tasks needs beside `receive`: times that make sense, ends to wait for, threads that survive."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Literal, cast

from otpy.errors import CallTimeout, ServerExited
from otpy.kernel import signals
from otpy.kernel.aio import until_dead
from otpy.kernel.calls import pause, wait_for_answer
from otpy.kernel.here import current, waiting
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.plane import plane
from otpy.kernel.primitives import receive
from otpy.kernel.process import Process
from otpy.kernel.reasons import Kill, Normal, Reason, Shutdown
from otpy.kernel.threads import ForeignThread


def end_and_wait(pid: Pid, timeout: float | Literal["brutal_kill"] | None) -> Reason | None:
    """Unlink *pid* and end it with Shutdown, or Kill when *timeout* seconds are over; return its reason.

    It is dead then. None if it had ended before. Who is killed meanwhile leaves either the link, or an order to end:
    between the two nothing asks whether the running process still lives.
    """
    process, me = cast("Process", pid), waiting()
    gone = pause(me)
    signals.unlink(me, process)
    if not signals.on_death(process, gone):
        return None
    if timeout != "brutal_kill":
        signals.signal(me, process, Shutdown())
        with contextlib.suppress(CallTimeout, ServerExited):
            wait_for_answer(gone, timeout)
    if process.exit_reason is None:
        signals.signal(me, process, Kill())
    with contextlib.suppress(ServerExited):
        wait_for_answer(gone, None)
    return process.exit_reason


def is_monitoring(ref: Ref) -> bool:
    """Whether the running process still monitors by *ref*. If who is monitored is dead, its Down is on its way."""
    me = current()
    with plane:
        return me.monitors is not None and ref in me.monitors


async def ended(pid: Pid, ref: Ref) -> None:
    """Return when *pid*, monitored by *ref*, is dead, and what it has sent before is there. On any event loop."""
    await until_dead(cast("Process", pid))
    while is_monitoring(ref):  # noqa: ASYNC110 - it is dying on another thread, which is about to tell us
        await asyncio.sleep(0)


def receive_from(pid: Pid | None, select: Callable[[Any], bool], timeout: float | None) -> Any:
    """As `receive`, seen by all to wait for *pid*: an upgrade lets those go on for whom that one waits in its turn."""
    me = current()
    me.wait_on = cast("Process | None", pid)
    try:
        return receive(select, timeout=timeout)
    finally:
        me.wait_on = None


def await_fall(pid: Pid, reason: Reason) -> None:
    """Where *pid* has ended with *reason* and takes the process of this plain thread along, wait until it has.

    Its Down message comes before its exit signal. A thread lives on, as a new process, and shall be told once. Raises
    ExitProcess.
    """
    me = current()
    if not isinstance(me.runner, ForeignThread) or me.trapping or isinstance(reason, Normal):
        return
    with plane:
        is_coming = me.links is not None and pid in me.links
    if is_coming:
        receive(lambda _message: False)
    current()  # or it has come


# -- plain threads ---------------------------------------------------------------------------------


def is_past(owner: Pid, me: Pid) -> bool:
    """Whether *owner* was the process of this plain thread, until a link ended it, and *me* is by now."""
    before, now = cast("Process", owner).runner, cast("Process", me).runner
    if not (isinstance(before, ForeignThread) and isinstance(now, ForeignThread) and before.runtime is now.runtime):
        return False
    return before.ident == now.ident and not isinstance(end_of(owner), Normal)  # an ident may be that of another thread


def end_of(owner: Pid) -> Reason:
    """Return what *owner*, of a plain thread that has been told, ends with."""
    process = cast("Process", owner)
    return process.dying if process.exit_reason is None else process.exit_reason


def survives(owner: Pid) -> bool:
    """Whether *owner* is the process of a plain thread, which lives on, as a new process, when a link ends that one.

    It is told where it waits for what the link has taken along, too: that is what it has lost.
    """
    return isinstance(cast("Process", owner).runner, ForeignThread)
