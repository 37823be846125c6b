"""The stacks of the processes, for `otpy.code.who_runs`: nobody is asked, and nobody waits.

What is told is a snapshot of a system that goes on: a process that begins or ends a handler meanwhile may be missed, as
in OTP; an idle process has no stack.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, final

from otpy.code.lingering import Stack, awaits, chain
from otpy.kernel.loop import LoopThread
from otpy.kernel.process import Process
from otpy.kernel.table import table
from otpy.kernel.worker import Worker

_INSIDE = Worker.run_inside.__code__


@final
class StacksOfProcesses:
    """The processes of all runtimes."""

    def stacks(self, threads: Mapping[int, FrameType]) -> Iterator[Stack]:
        """See otpy.code.lingering.Processes."""
        for process in table.processes():
            frames = _frames(process, threads) if process.exit_reason is None else ()
            if frames:
                yield from _shares(process, frames)

    def end(self, pid: Any) -> None:
        """See otpy.code.lingering.Processes."""
        pid.runtime.kill(pid)


def _frames(process: Process, threads: Mapping[int, FrameType]) -> Sequence[FrameType]:
    """The frames of the stack that *process* stands on, innermost first."""
    runner = process.runner
    if isinstance(process.executor, LoopThread):
        return _awaited(process.executor, process, threads)
    parked = process.parked
    if hasattr(parked, "gr_frame"):
        return tuple(chain(parked.gr_frame))
    if runner is not None and (parked is not None or runner.current is process):
        return tuple(chain(threads.get(runner.ident)))
    return ()


def _shares(process: Process, frames: Sequence[FrameType]) -> Iterator[Stack]:
    """Share a stack among the processes that start each other on it: the innermost has been started last."""
    share: list[FrameType] = []
    for frame in frames:
        if frame.f_code is _INSIDE and process.starter is not None:
            yield Stack(process, str(process), share)
            process, share = process.starter, []
        share.append(frame)
    yield Stack(process, str(process), share)


def _awaited(loop: LoopThread, process: Process, threads: Mapping[int, FrameType]) -> Sequence[FrameType]:
    """The frames of the task of *process*: those of the thread while it runs, else of what awaits what."""
    task = loop.task_of(process)
    if task is None:
        return ()
    runner = process.runner
    if runner is not None and asyncio.current_task(loop.loop) is task:
        return tuple(chain(threads.get(runner.ident)))
    frames: list[FrameType] = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            frames.insert(0, frame)
        awaited = awaits(awaited)
    return frames
