"""Futures of pykka that park the process which waits, not its thread.

`ActorFuture` is what an ask of a process returns. Any process, thread or coroutine may wait for it: `get` parks a
process, blocks a thread, and is refused on an event loop, where one awaits the future instead.

Source: pykka _future.py, Future; _threading.py, ThreadingFuture.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sys
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pykka
from pykka import Future

from otpy.errors import BlockingRefused, CallTimeout
from otpy.kernel.aio import FutureWaiter, on_helper_thread
from otpy.kernel.calls import PENDING, Call, wait_for_answer
from otpy.kernel.here import current, here, waiting

if TYPE_CHECKING:
    from pykka._types import OptExcInfo

    from otpy.kernel.process import Process, Waiter

T = TypeVar("T")


class ActorFuture(Future[T]):
    """A pykka future whose `get` parks the waiting process. Outside a process it blocks the thread.

    Who waits puts a ticket into the queue, then looks for the outcome; who sets puts the outcome, then empties the
    queue. So nobody waits for an outcome that is there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: Process | None = None  # who will answer, where that is known
        self._chance = [True]  # popped by the one who sets: a second set finds nothing
        self._outcome: tuple[Any, OptExcInfo | None] | None = None
        self._tickets: deque[Call] = deque()

    # -- waiting

    def get(self, *, timeout: float | None = None) -> Any:
        """See pykka.Future.get."""
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if self._outcome is None:
            self._wait(timeout)
        assert self._outcome is not None
        value, exc_info = self._outcome
        if exc_info is None:
            return value
        kind, error, trace = exc_info
        assert kind is not None
        raise (kind() if error is None else error).with_traceback(trace)

    def _wait(self, timeout: float | None) -> None:
        refuse_on_loop()
        me = waiting()
        ticket = self._ticket(me, me)
        try:
            if self._outcome is None:  # a time that is over before it has begun is none, as for pykka's own
                wait_for_answer(ticket, None if timeout is None else max(timeout, 0.0))
        except CallTimeout:
            msg = f"{timeout} seconds"
            raise pykka.Timeout(msg) from None
        finally:
            self._give_back(ticket)

    def _ticket(self, me: Process, waiter: Waiter) -> Call:
        ticket = Call(me, None, self.asked or me.runtime.system, waiter)
        self._tickets.append(ticket)
        return ticket

    def _give_back(self, ticket: Call) -> None:
        """Take the ticket of one who has given up out of the queue of a future that perhaps nobody sets."""
        if ticket.answer is PENDING:
            with contextlib.suppress(ValueError):
                self._tickets.remove(ticket)

    def __await__(self) -> Generator[Any, None, T]:
        """Await the value on any event loop, without blocking it."""
        if self._get_hook is not None:
            return cast("T", (yield from on_helper_thread(self.get).__await__()))
        yield from self._settled().__await__()
        return cast("T", self.get())

    __iter__ = __await__

    async def _settled(self) -> None:
        if self._outcome is not None:
            return
        waiter = FutureWaiter(asyncio.get_running_loop())
        ticket = self._ticket(current(), waiter)
        try:
            if self._outcome is None:
                await waiter.future
        finally:
            self._give_back(ticket)

    # -- setting

    def set(self, value: T | None = None) -> None:
        """See pykka.Future.set."""
        self._settle(value, None)

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """See pykka.Future.set_exception."""
        self._settle(None, exc_info if exc_info is not None else sys.exc_info())

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """See pykka.Future.set_get_hook."""
        if self._outcome is not None:
            raise queue.Full
        super().set_get_hook(func)

    def _settle(self, value: Any, exc_info: OptExcInfo | None) -> None:
        if self._get_hook is not None:
            raise queue.Full
        try:
            self._chance.pop()
        except IndexError:
            raise queue.Full from None
        self._outcome = (value, exc_info)
        with contextlib.suppress(IndexError):  # until the queue is empty; who gives up takes tickets out meanwhile
            while True:
                self._tickets.popleft().put(None)


def refuse_on_loop() -> None:
    """Raise BlockingRefused where a `get` would block the event loop of the asyncio processes."""
    if here.on_loop:
        msg = (
            "future.get() would block the event loop that runs all asyncio processes: use `await future`, with "
            "block=False where the future comes from an ask"
        )
        raise BlockingRefused(msg)
