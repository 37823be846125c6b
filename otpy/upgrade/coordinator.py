"""Who carries out an upgrade may be ended like any process. What it has begun is brought to an end all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from otpy.kernel.here import here
from otpy.kernel.runtime import Runtime, spawn_process

_LOOK_SECONDS: Final = 0.02


def can_wait() -> bool:
    """Whether the process that runs here has not been ended."""
    return here.process is not None and not here.process.fenced


def in_any_case(runtime: Runtime, job: Callable[[], object]) -> None:
    """Run *job*, which asks things of otpy; if the process that runs here has been ended, in the name of another one.

    Returns when *job* has ended, or nobody can do it any more, since the runtime stops.
    """
    if can_wait():
        job()
        return
    if runtime.stopped:
        return
    done = threading.Event()

    def run() -> None:
        try:
            job()
        finally:
            done.set()

    other = spawn_process(run, starter=runtime.system, label="going back", runs_on="thread")
    while not done.wait(_LOOK_SECONDS) and other.exit_reason is None:
        pass
