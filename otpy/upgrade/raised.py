"""What leaves the code of users: what it raises itself, or the end of the process that runs it."""

from __future__ import annotations

from otpy.kernel.process import Process, Unwound
from otpy.kernel.worker import StackDropped


def is_end(error: BaseException, process: Process | None = None) -> bool:
    """Whether *error* is how code is left whose process has been ended: that has to pass.

    *process*: who runs it, or for whom it is tried. All else is what the code raised, whatever its class: a coroutine
    that was cancelled, or the signal of some library, is no reason to end a process, and least of all the upgrade's.
    """
    if isinstance(error, Unwound | StackDropped):
        return True
    return process is not None and process.fenced and not isinstance(error, Exception)
