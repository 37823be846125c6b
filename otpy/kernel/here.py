"""Which process runs here."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from otpy.errors import BlockingRefused, NotRunning
from otpy.kernel.plane import in_plane
from otpy.kernel.process import Process, Unwound
from otpy.kernel.reasons import ExitProcess


class Here(threading.local):
    """What each OS thread knows: the process whose code it runs, and what it is itself."""

    process: Process | None = None
    resident: Any = None  # the runtime thread's own pseudo-process, where code runs outside every process
    helps = False  # it runs functions given to `blocking`
    on_loop = False  # the runtime's event loop runs on this thread
    ward: Any = None  # ends a foreign thread's process with the thread


here = Here()
on_loop: contextvars.ContextVar[Process | None] = contextvars.ContextVar("otpy_process", default=None)

_adopt: Callable[[], Process] | None = None


def set_adopter(adopt: Callable[[], Process]) -> None:
    """Say what makes a process of a foreign thread (the runtime does; the layers below do not know it)."""
    global _adopt  # noqa: PLW0603 - one wire from this module up to the runtime
    _adopt = adopt


def current() -> Process:
    """Return the running process. A foreign thread becomes one at its first use of otpy."""
    process = here.process
    if process is None:
        process = _elsewhere()
    if process.fenced:
        if process.runtime.stopped and here.ward is not None:  # to the next runtime this thread is a new process
            here.process = here.ward = None
            return current()
        guard: Callable[[], Process] | None = getattr(process, "guard", None)
        if guard is not None:  # it is not dead, but a stand-in: see rehearsal.py
            return guard()
        leave(process)
    return process


def is_rehearsed() -> bool:
    """Whether the running code is only rehearsed: see rehearsal.py."""
    process = here.process
    if process is None and here.on_loop:
        process = on_loop.get()
    return getattr(process, "guard", None) is not None


def leave(process: Process) -> NoReturn:
    """Raise what ends the code of the fenced *process*, which runs here.

    A thread that otpy did not make survives its process: it is told once, and is a new process from then on.
    """
    reason = process.dying if process.exit_reason is None else process.exit_reason
    if here.ward is not None:
        here.process = here.ward = None
        if process.runtime.stopped:
            why = process.runtime.halted
            msg = "the runtime stopped while this thread waited in it" + ("" if why is None else f": {why}")
            raise NotRunning(msg)
    elif process.exit_reason is not None:
        raise Unwound
    raise ExitProcess(reason)


def waiting() -> Process:
    """Return the running process, which is about to wait; refuse where nothing may wait."""
    process = current()
    if here.helps and process is here.resident:
        msg = (
            "a function given to otpy.blocking runs on a helper thread, and that is no process: it may send, but not "
            "wait for anybody; call before or after it, or give the class runs_on = 'thread' and need no blocking"
        )
        raise BlockingRefused(msg)
    if process.parked is not None or in_plane() or process is here.resident:
        msg = "a finalizer, weakref callback or signal handler may not wait: send a message instead of calling"
        raise BlockingRefused(msg)
    if here.on_loop:
        msg = (
            "this would block the event loop that runs all asyncio processes: use `await otpy.acall(…)` instead of "
            "otpy.call, asyncio.sleep instead of otpy.sleep, `await asyncio.to_thread(fn, …)` for what has no await of "
            "its own (to start and to stop others), or give the class runs_on = 'thread'"
        )
        raise BlockingRefused(msg)
    return process


def _elsewhere() -> Process:
    if here.on_loop:
        process = on_loop.get()
        if process is not None:
            return process
    if here.resident is not None:
        return here.resident  # type: ignore[no-any-return]
    assert _adopt is not None
    return _adopt()
