"""The steps of one upgrade: timed, told to who listens, within the time allowed, stopped where a test wants it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator
from typing import final

from otpy.errors import ForcedRollback, ReloadTimeout
from otpy.kernel import events
from otpy.kernel.clock import Clock
from otpy.upgrade.options import Options
from otpy.upgrade.report import Step

Tell = Callable[[Step], object]


def nobody(_step: Step) -> None:
    """Listen to nothing."""


@final
class Steps:
    """What was done so far. *tell* hears of each step when it has ended.

    *until*: the moment at which the time for all of it is over; None: when the `timeout` of the options has passed.
    """

    def __init__(self, clock: Clock, options: Options, tell: Tell = nobody, *, until: float | None = None) -> None:
        self.clock = clock
        self.options = options
        self.done: list[Step] = []
        self.began = clock.now()
        self.until = self.began + options.timeout if until is None else until
        self.tell = tell

    @contextlib.contextmanager
    def step(self, name: str, *, last: bool = False) -> Generator[None]:
        """Do one step in the block. Raises ForcedRollback and ReloadTimeout after it, unless it is the *last*.

        The last one is that which lets everybody go on: it has to be done, late or not.
        """
        events.emit("upgrade.step", step=name)
        began = time.perf_counter()
        try:
            yield
        finally:
            done = Step(name, time.perf_counter() - began)
            self.done.append(done)
            self.tell(done)
        if not last:
            self.in_time(name)
            if self.options.force_rollback_at == name:
                raise ForcedRollback(name)

    @contextlib.contextmanager
    def unhurried(self) -> Generator[None]:
        """Do in the block what the user has asked to take its time: that does not count."""
        began = self.clock.now()
        try:
            yield
        finally:
            self.until += self.clock.now() - began

    def in_time(self, name: str) -> None:
        """Raise ReloadTimeout if the time for the whole is over."""
        if self.seconds_left() < 0:
            raise ReloadTimeout(self.options.timeout, name)

    def seconds_left(self) -> float:
        """Return what is left of the time for the whole."""
        return self.until - self.clock.now()
