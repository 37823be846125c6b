"""Playing a scenario: as a process, in a runtime of its own, on a clock that stands still.

The play is a generator of steps that runs inside the runtime and may wait as any process may. The thread that started
it watches: when every process waits and nothing can run, it lets the clock jump to the next moment that somebody waits
for. `settle` makes use of that: a sleep of one instant ends only when everything that needs no time has happened.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import otpy
from tests.oracle.clock import StandingClock
from tests.oracle.forms import Form
from tests.oracle.recording import Step
from tests.support import all_wait, look

Play: TypeAlias = Callable[[], Iterator[Step]]

_INSTANT = 1e-6  # seconds of the standing clock; no script waits for less than a thousand times that
_POLL = 0.0005  # seconds
_DEADLOCK = 500  # looks in a row with nothing to run and nothing to wait for
_PATIENCE = 30.0  # seconds for one scenario; most take a hundredth


class Stuck(Exception):
    """The play did not come to its end."""


def settle() -> None:
    """Wait until every process waits. Called inside the play."""
    otpy.sleep(_INSTANT)


class Errand:
    """Something that another process does meanwhile; *result* is there when it is `done`."""

    def __init__(self, do: Callable[[], Form]) -> None:
        self.result: Form = None
        self.done = False
        self._failure: BaseException | None = None
        self._pid = otpy.spawn(self._run, do)

    def _run(self, do: Callable[[], Form]) -> None:
        try:
            self.result = do()
        except Exception as error:  # noqa: BLE001 - raised where the result is wanted
            self._failure = error
        self.done = True

    def wait(self) -> Form:
        """Return the result when it is there."""
        monitor = otpy.monitor(self._pid)
        otpy.receive(lambda message: isinstance(message, otpy.Down) and message.ref is monitor)
        if self._failure is not None:
            raise self._failure
        return self.result


def perform(play: Play, collect: Callable[[Step], None]) -> None:
    """Run *play* to its end and hand each step that it yields to *collect*.

    Raises:
        Stuck: it waits for something that will not happen.
        Exception: what the play raised.
    """
    clock = StandingClock()
    over = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            for step in play():
                collect(step)  # one by one: what was seen before a failure counts
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            over.set()

    with _crashes_unreported(), otpy.runtime(clock=clock):
        try:
            otpy.spawn(run)
            _watch(clock, over)
        finally:
            clock.run_free()
    if failures:
        raise failures[0]


def _watch(clock: StandingClock, over: threading.Event) -> None:
    end = time.monotonic() + _PATIENCE
    asked = deadlocked = 0
    while not over.wait(_POLL):
        if time.monotonic() > end:
            msg = f"not at its end after {_PATIENCE:.0f} s; there are: {_who_is_there()}"
            raise Stuck(msg)
        if clock.asked == asked:
            continue  # the scheduler runs something, or has yet to look again
        asked = clock.asked
        waiting = all_wait()
        clock.allow(jump=waiting)
        deadlocked = deadlocked + 1 if waiting and clock.deadlocked else 0
        if deadlocked > _DEADLOCK:
            msg = f"everybody waits for something that will not happen; there are: {_who_is_there()}"
            raise Stuck(msg)


def _who_is_there() -> str:
    return ", ".join(f"{pid!r} {status}" for pid, status, _ in look())


@contextmanager
def _crashes_unreported() -> Generator[None]:
    """Keep otpy's crash reports out of the output: crashes are what the scripts are about."""
    log = logging.getLogger("otpy")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
