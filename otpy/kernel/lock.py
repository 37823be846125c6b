"""A lock that parks the process, not the thread.

Waiters get the lock in the order in which they came. It may be held across calls and other waits, which no lock of the
`threading` module may be: that one would stop the scheduler's whole thread, its holder with it.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import final

from otpy.errors import CallTimeout
from otpy.kernel.calls import Call, pause, wait_for_answer
from otpy.kernel.clock import check_timeout
from otpy.kernel.here import waiting


@final
class Lock:
    """`with lock:` or `acquire` and `release`, for processes, threads and both together."""

    def __init__(self) -> None:
        self._held = threading.Lock()  # only ever tried, never waited for
        self._queue: deque[Call] = deque()

    def acquire(self, *, timeout: float | None = None) -> bool:
        """Take the lock, waiting *timeout* seconds or for ever; False if it was not free in time."""
        check_timeout(timeout)
        me = waiting()
        if not self._queue and self._held.acquire(blocking=False):
            return True
        ticket = pause(me)
        self._queue.append(ticket)
        self._hand_on()  # it may have been released between the look and the append
        try:
            wait_for_answer(ticket, timeout)
        except BaseException as error:
            self._give_up(ticket)
            if isinstance(error, CallTimeout):
                return False
            raise
        return True

    def release(self) -> None:
        """Give the lock to who has waited longest. Raises RuntimeError if it is not held."""
        self._held.release()
        self._hand_on()

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._held.locked()

    def _hand_on(self) -> None:
        """Give a free lock to the first in the queue, whoever notices it."""
        while self._queue and self._held.acquire(blocking=False):
            try:
                ticket = self._queue.popleft()
            except IndexError:
                self._held.release()
                continue
            ticket.put(True)  # the answer: it is yours
            return

    def _give_up(self, ticket: Call) -> None:
        """Leave the queue. A ticket that is not there any more has been given the lock, so hand it on."""
        try:
            self._queue.remove(ticket)
        except ValueError:
            self.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
