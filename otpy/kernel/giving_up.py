"""Giving up what a living process does for an upgrade: its code ends there, and the process goes on as before.

A `code_change` that takes too long keeps its process from serving, and the upgrade that has asked for it is taken back
without it. So the process is fenced, as the dead are: whatever its code asks of otpy from then on raises, and nothing
that it sends arrives. Where it waits it is woken for that, and where it computes it is interrupted (interrupts.py).
What is raised ends where the work began, and the fence with it.

Invariant: a process whose `dying` is GIVEN_UP is inside its work. Who gives up, and the process that comes to the end
of its work, agree under a lock who was first.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, final

from greenlet import GreenletExit

from otpy.kernel.callbacks import runs_trials
from otpy.kernel.calls import Failed
from otpy.kernel.process import Process
from otpy.kernel.reasons import Shutdown

GIVEN_UP: Final = Shutdown("what it did for an upgrade took too long")
"""What `dying` is meanwhile (an order to die takes its place), and what came of the work."""


@final
class Work:
    """Something that processes do, each for itself: once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_it: set[Process] = set()
        self._stopped: set[Process] = set()

    @runs_trials
    def run(self, process: Process, job: Callable[[Process], Any]) -> Any:
        """Run `job(process)` in *process*, which calls this, and return what it returns, or Failed(error).

        On the event loop a job may return a coroutine; then this does. GIVEN_UP is returned when it does not count any
        more, or must not begin. What ends the process passes.
        """
        if not self._begin(process):
            return GIVEN_UP
        try:
            outcome = job(process)
        except Exception as error:  # noqa: BLE001 - handed to who has asked for it
            outcome = Failed(error)
        except GreenletExit:  # the interpreter is taking the stack down
            raise
        except BaseException:
            if self._end(process) or process.fenced:
                raise
            return GIVEN_UP
        if inspect.iscoroutine(outcome):
            return self._settled(process, outcome)
        return outcome if self._end(process) else GIVEN_UP

    def give_up(self, process: Process) -> None:
        """Have *process* leave its work, or not begin it. For another one to call; does not wait for that."""
        with self._lock:
            self._stopped.add(process)
            if process not in self._at_it:
                return
            self._at_it.discard(process)
            _fence(process)
        process.executor.submit(process)  # where it waits, it is woken
        process.runtime.scheduler.reap_later(process)  # where it computes, it is interrupted

    async def _settled(self, process: Process, outcome: Coroutine[Any, Any, Any]) -> Any:
        try:
            settled = await outcome
        except Exception as error:  # noqa: BLE001 - handed to who has asked for it
            settled = Failed(error)
        except BaseException:
            if self._end(process) or process.fenced:
                raise
            settled = GIVEN_UP
        if not self._end(process):
            _go_on_uncancelled()
            return GIVEN_UP
        return settled

    def _begin(self, process: Process) -> bool:
        with self._lock:
            if process in self._stopped:
                return False
            self._at_it.add(process)
            return True

    def _end(self, process: Process) -> bool:
        """Note that *process* has left its work, and free it of the fence; returns whether the outcome counts."""
        with self._lock:
            counts = process in self._at_it
            self._at_it.discard(process)
        _unfence(process)
        return counts


def _fence(process: Process) -> None:
    """Fence it, unless it is about to die. As in Process.open_mailbox, nobody comes between a test and its store."""
    process.dying = GIVEN_UP if process.dying is None else process.dying
    process.fenced = True


def _unfence(process: Process) -> None:
    """Free *process* of that fence; not of the one of a death that has been ordered meanwhile. As above."""
    if process.dying is GIVEN_UP and process.exit_reason is None:
        process.dying = None
        process.fenced = False


def _go_on_uncancelled() -> None:
    """Take back that the running task was cancelled: it goes on with the next message."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
