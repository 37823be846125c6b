"""The lock of the signal plane.

Links, monitors, exits and names are changed under one lock, by the thread that sends the signal, so that a change is
whole for everybody who looks. No user code runs under it: what is dropped while it is held (mailboxes, states) is
handed out and let go afterwards.

Finalizers and signal handlers are user code that comes uninvited: they may run in the thread that holds the lock, in
the middle of a change. What they ask of the plane is put off until the scheduler is between two slices. The lock is
the interpreter's own, taken and given back without a line of Python, so that Ctrl-C cannot come in between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otpy.kernel.process import Process

plane = threading.RLock()
in_plane: Callable[[], bool] = plane._is_owned  # type: ignore[attr-defined]  # noqa: SLF001 - as threading.Condition asks it
"""Whether this thread holds the plane."""


def put_off(operation: Callable[..., None], process: Process, *arguments: Any) -> bool:
    """If this thread is in the plane, have `operation(process, *arguments)` run when it has left, and return True."""
    if not in_plane():
        return False
    process.runtime.scheduler.between_slices(partial(operation, process, *arguments))
    return True


def reset() -> None:
    """Forget who held the lock (in the child of a fork: that thread does not exist there)."""
    plane._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001 - made for this
