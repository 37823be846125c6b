"""Noticing what blocks the event loop, and naming it.

One step of the loop is one callback: what a coroutine does between two awaits. While it lasts nothing else happens
there. A thread looks every now and then whether the loop is still in the step in which it was seen before; if so for
long, it says in which line of which process. It sleeps while the loop waits, so a loop with nothing to do costs
nothing, and a busy one a few assignments for each turn.

A step that holds the interpreter itself (a long regular expression, one call in C) also stops the thread that looks. It
notices that it is late, and blames nobody.
"""

from __future__ import annotations

import asyncio
import logging
import os
import selectors
import sys
import sysconfig
import threading
import time
from asyncio.events import Handle
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, final

from otpy.kernel import events
from otpy.kernel.here import on_loop
from otpy.kernel.process import Process

log = logging.getLogger("otpy.loop")

SLOW_SECONDS: Final = 0.1
"""How long a step may take, unless the program says something else. asyncio has the same in its debug mode."""

_LATE: Final = 2.0
"""A look that comes after so many times the pause has told the machine's load, not the loop's."""
_IDLE_LOOKS: Final = 10
_STEP: Final = Handle._run.__code__  # noqa: SLF001 - the one frame that every step of the loop has
_OTPY: Final = str(Path(__file__).parents[1])
_NOT_THE_PROGRAM: Final = (
    "<frozen ",
    *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)


class WatchedSelector(selectors.DefaultSelector):
    """The selector of a loop that is watched: it knows whether the loop waits, and how many turns it has had."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = True
        self.turns = 0
        self.asleep = False  # the thread that looks waits for `bell`
        self.bell = threading.Semaphore(0)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See selectors.BaseSelector.select."""
        self.idle = True
        found = super().select(timeout)
        self.turns += 1
        self.idle = False
        if self.asleep:
            self.wake()
        return found

    def wake(self) -> None:
        """Have the thread that looks go on."""
        self.asleep = False
        self.bell.release()


def check_slow_seconds(seconds: float | None) -> float | None:
    """Return *seconds*, or raise ValueError for what is neither more than 0 nor None."""
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0):
        msg = f"slow_callback_duration is {seconds!r}; give seconds, more than 0, or None to watch nothing"
        raise ValueError(msg)
    return seconds


def new_loop(slow: float | None) -> tuple[asyncio.AbstractEventLoop, LoopWatch | None]:
    """Return a new event loop, and what watches it for steps longer than *slow* seconds.

    None watches nothing. So does a loop of another kind, which an event loop policy may ask for (and Windows has).
    """
    loop = asyncio.new_event_loop()
    if slow is None or type(loop) is not asyncio.SelectorEventLoop:
        return loop, None
    loop.close()
    selector = WatchedSelector()
    return asyncio.SelectorEventLoop(selector), LoopWatch(selector, slow)


@final
class LoopWatch:
    """Looks at the loop of *selector*, and tells of steps that last longer than *slow* seconds."""

    def __init__(self, selector: WatchedSelector, slow: float) -> None:
        self._selector = selector
        self._slow = slow
        self._pause = slow / 2
        self._stopped = threading.Event()
        self._told: set[CodeType] = set()

    def start(self, ident: int) -> None:
        """Begin to look at the thread *ident*, which runs the loop."""
        threading.Thread(target=self._look, args=(ident,), name="otpy-loop-watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._selector.wake()

    def _look(self, ident: int) -> None:
        selector = self._selector
        step: FrameType | None = None  # the step that was seen at the last look
        since, told = 0.0, False
        turns, idle_looks = -1, 0
        while True:
            before = time.monotonic()
            if self._stopped.wait(self._pause):
                return
            now = time.monotonic()
            if selector.idle or selector.turns != turns or now - before > _LATE * self._pause or _is_debugged():
                idle_looks = idle_looks + 1 if selector.idle and selector.turns == turns else 0
                turns, step = selector.turns, None
                if idle_looks > _IDLE_LOOKS:
                    self._sleep_until_work()
                continue
            seen = _step_of(ident)
            if seen is not step or seen is None:
                step, since, told = seen, now, False
            elif not told and now - since >= self._slow and selector.turns == turns:
                told = True
                self._tell(ident, seen, now - since)

    def _sleep_until_work(self) -> None:
        self._selector.asleep = True
        if self._selector.idle and not self._stopped.is_set():  # else it rings, or nobody will
            self._selector.bell.acquire()
        self._selector.asleep = False

    def _tell(self, ident: int, step: FrameType, seconds: float) -> None:
        frame = _culprit(ident)
        if frame is None:
            return
        where = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
        process = _process_of(step)
        behaviour = type(process.actor) if process is not None and process.actor is not None else None
        if events.listened("loop.blocked"):
            events.emit("loop.blocked", pid=process, behaviour=behaviour, where=where, seconds=seconds)
        if frame.f_code in self._told:
            return
        self._told.add(frame.f_code)
        who = "a callback" if process is None else f"{process!r}"
        kind = "" if behaviour is None else f" ({behaviour.__qualname__})"
        log.warning(
            "%s%s has blocked the event loop for %.2f s now, in %s; nobody else runs there meanwhile. Use `await "
            "otpy.acall(…)` for a call, `await asyncio.sleep(…)` to wait, `await asyncio.to_thread(fn, …)` for what "
            "has no await of its own, or give the class runs_on = 'thread'",
            who,
            kind,
            seconds,
            where,
        )


def _is_debugged() -> bool:
    """Whether somebody may stand in a debugger."""
    return sys.gettrace() is not None or threading.gettrace() is not None


def _step_of(ident: int) -> FrameType | None:
    """Return the frame of the step that the loop of this thread is in, None if it is in none."""
    frame = _frame_of(ident)
    while frame is not None and frame.f_code is not _STEP:
        frame = frame.f_back
    return frame


def _culprit(ident: int) -> FrameType | None:
    """Return the innermost frame of the program's own code in the step; if there is none, of whosever code it is."""
    innermost = None
    frame = _frame_of(ident)
    while frame is not None and frame.f_code is not _STEP:
        file = frame.f_code.co_filename
        if not file.startswith(_OTPY):
            if not file.startswith(_NOT_THE_PROGRAM):
                return frame
            innermost = innermost or frame
        frame = frame.f_back
    return innermost if frame is not None else None


def _frame_of(ident: int) -> FrameType | None:
    return sys._current_frames().get(ident)  # noqa: SLF001 - the documented way to see another thread's stack


def _process_of(step: FrameType) -> Process | None:
    """Return the process in whose context the step runs."""
    handle: Any = step.f_locals.get("self")
    return handle._context.get(on_loop) if isinstance(handle, Handle) else None  # type: ignore[attr-defined]  # noqa: SLF001 - the only place that knows
