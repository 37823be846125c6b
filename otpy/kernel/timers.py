"""Timers of one runtime.

Two kinds of entry share one heap: timers that send a message, and the deadlines of processes. A process that waits
with a timeout, call after call, has at most one entry: as long as that entry comes no later than the new deadline it is
left where it is, and put in again with the deadline of the day when its time comes. So a call with a timeout costs no
timer at all while its predecessor's is still in the heap.

Only the holder of the scheduler's token touches the heap. Entries from elsewhere wait in `incoming`.
"""

from __future__ import annotations

import heapq
import logging
import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

from otpy.kernel.clock import FOREVER, Clock
from otpy.kernel.pid import next_number

if TYPE_CHECKING:
    from otpy.kernel.process import Process

_MANY_CANCELLED = 1000
_log = logging.getLogger("otpy.timers")


@final
class TimerRef:
    """A message to be sent later; see `send_after` and `cancel_timer`."""

    __slots__ = ("_shots", "id", "moment")

    def __init__(self, moment: float, fire: Callable[[], None]) -> None:
        self.id = next_number()
        self.moment = moment
        self._shots = [fire]  # popped by whoever comes first, the clock or a cancel

    @property
    def pending(self) -> bool:
        """Whether it has neither fired nor been cancelled."""
        return bool(self._shots)

    @property
    def shot(self) -> Callable[[], None] | None:
        """What is to be done; None when it has been done or cancelled."""
        return next(iter(self._shots), None)

    def take(self) -> Callable[[], None] | None:
        """Return what is to be done, to one taker only."""
        try:
            return self._shots.pop()
        except IndexError:
            return None

    def __repr__(self) -> str:
        return f"TimerRef<{self.id}>"


class Timers:
    """What is due when."""

    def __init__(self, clock: Clock, wake: Callable[[float], None]) -> None:
        self.clock = clock
        self.incoming: deque[tuple[float, int, Any]] = deque()
        self._heap: list[tuple[float, int, Any]] = []
        self._wake = wake
        self._cancelled = 0

    def arm(self, process: Process, deadline: float) -> None:
        """Have *process* submitted at *deadline*. Called by the process itself."""
        process.deadline = deadline
        if process.timer_at > deadline:
            process.timer_at = deadline
            try:
                self._put(deadline, process)
            except BaseException:  # Ctrl-C: who knows whether it is in; a second one does no harm
                process.timer_at = FOREVER
                raise

    def after(self, seconds: float, fire: Callable[[], None]) -> TimerRef:
        """Call *fire* in *seconds*, on the scheduler; it must not block."""
        timer = TimerRef(self.clock.now() + seconds, fire)
        if math.isnan(timer.moment):  # it would stand before and behind all others, and nothing would ever be due
            msg = f"seconds is {seconds!r}, which is no time"
            raise ValueError(msg)
        self._put(timer.moment, timer)
        return timer

    def cancel(self, timer: TimerRef) -> float | None:
        """Take *timer* back; the seconds it had left, or None if it had fired or was cancelled."""
        if timer.take() is None:
            return None
        self._cancelled += 1
        return max(timer.moment - self.clock.now(), 0.0)

    def _put(self, moment: float, target: Any) -> None:
        self.incoming.append((moment, next_number(), target))
        self._wake(moment)

    # -- for the holder of the token

    def next_moment(self) -> float:
        """Return when the earliest entry is due."""
        self._merge()
        return self._heap[0][0] if self._heap else FOREVER

    def shots(self) -> list[Callable[[], None]]:
        """Return what all timers are to do that have neither fired nor been cancelled."""
        self._merge()
        found = [target.shot for _, _, target in self._heap if type(target) is TimerRef]
        return [shot for shot in found if shot is not None]

    def fire_due(self) -> None:
        """Do what is due."""
        self._merge()
        heap = self._heap
        now = self.clock.now()
        while heap and heap[0][0] <= now:
            moment, _, target = heapq.heappop(heap)
            if type(target) is TimerRef:
                fire = target.take()
                if fire is not None:
                    self._fire(fire)
                else:
                    self._cancelled -= 1
            elif target.timer_at == moment:
                self._fire_deadline(target, now)

    def _fire(self, fire: Callable[[], None]) -> None:
        try:
            fire()
        except Exception:  # noqa: BLE001 - looking up a Via is somebody else's code; the scheduler goes on
            _log.exception("a timer failed")

    def _fire_deadline(self, process: Process, now: float) -> None:
        """Wake *process*, or put in the deadline that it has set meanwhile.

        One that runs on another thread may set an earlier one at this very moment, hence the second look.
        """
        process.timer_at = FOREVER
        if process.exit_reason is not None:
            return
        while now < process.deadline < process.timer_at:
            process.timer_at = deadline = process.deadline
            heapq.heappush(self._heap, (deadline, next_number(), process))
        if process.deadline <= now:
            process.executor.submit(process)

    def _merge(self) -> None:
        incoming = self.incoming
        while incoming:
            heapq.heappush(self._heap, incoming.popleft())
        if self._cancelled > _MANY_CANCELLED and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if type(entry[2]) is not TimerRef or entry[2].pending]
            heapq.heapify(self._heap)
            self._cancelled = 0
