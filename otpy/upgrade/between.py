"""Doing something short while no process of the scheduler runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from otpy.kernel.calls import Failed, pause, wait_for_answer
from otpy.kernel.here import waiting
from otpy.kernel.runtime import Runtime


def between_slices(runtime: Runtime, operation: Callable[[], Any]) -> Any:
    """Run *operation* between two slices of the scheduler, and return or raise what came of it.

    All processes on the scheduler see it as one step. It must be short, and may not wait. When this raises, *operation*
    has ended or will never begin: also for a process that is ended while it waits.
    """
    done = pause(waiting())
    one_of_both = threading.Lock()
    given_up = False

    def run() -> None:
        with one_of_both:
            if given_up:
                return
            try:
                outcome = operation()
            except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
                outcome = Failed(error)
        done.put(outcome)

    runtime.scheduler.between_slices(run)
    try:
        return wait_for_answer(done, None)
    except BaseException:
        with one_of_both:
            given_up = True
        raise
