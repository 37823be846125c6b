"""A mailbox for a coroutine: `async with Mailbox() as box`, on any event loop of any thread.

A coroutine of a web framework is no process of otpy's: it runs within the process of its thread or of its server, with
whom it would share one mailbox. In the block it has a process of its own, with a pid that others can send to, monitor,
link, register and join to groups; and it awaits its messages, so that the loop serves others meanwhile.

Who sends appends to the mailbox and wakes the loop if the coroutine waits; see process.py for why no wake-up is lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, final

from otpy.errors import MailboxOverflow, ReceiveTimeout
from otpy.kernel import signals
from otpy.kernel.aio import Wakeups, wakeups
from otpy.kernel.carriers import ProcessActor
from otpy.kernel.clock import check_timeout
from otpy.kernel.here import current
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.plane import plane
from otpy.kernel.primitives import Dest, resolve, taken
from otpy.kernel.process import Process
from otpy.kernel.reasons import ExitProcess, Normal, Reason, Shutdown, is_abnormal, reason_of
from otpy.kernel.table import table

if TYPE_CHECKING:
    from otpy.kernel.process import Executor

__all__ = ["Mailbox"]

LIMIT = 10_000
"""How many messages may wait, unless the program says something else."""


class CoroutineOutside(ProcessActor):
    """The process of a coroutine that otpy does not run."""

    __slots__ = ()


@final
class Mailbox:
    """The mailbox of a coroutine, which is a process as long as the block lasts.

        async with otpy.Mailbox() as box:
            otpy.cast("news", Subscribe(box.pid))
            async for message in box:
                ...

    At most *limit* messages wait; None is no limit, as everywhere else in otpy. If more come the oldest are dropped,
    and the next `receive` says so: it empties the mailbox and raises MailboxOverflow. *label* is what reports show.

    The process ends with the block: with `Normal()`, with `Shutdown("cancelled")` if the coroutine was cancelled (as a
    web framework does when the client has gone), with `Crash(error)` if an exception leaves the block. It also ends
    with the process that has opened it. If it is ended by an exit signal, the coroutine is told at its next `receive`.

    Source: Erlang's processes; that a connection has one of its own is the manner of cowboy and Bandit.
    """

    def __init__(self, *, limit: int | None = LIMIT, label: str | None = None) -> None:
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            msg = f"limit is {limit!r}; give a whole number of messages, 1 or more, or None for no limit"
            raise ValueError(msg)
        if label is not None and (not isinstance(label, str) or not label):
            msg = f"a label is a non-empty str, not {label!r}"
            raise TypeError(msg)
        self._limit = limit
        self._label = label
        self._process: Process | None = None
        self._opener: Process | None = None
        self._wakeups: Wakeups | None = None
        self._box: deque[Any] = deque()
        self._bell: asyncio.Future[None] | None = None  # there while `receive` waits

    def __repr__(self) -> str:
        return f"Mailbox<{self._process!r}>" if self._process is not None else "Mailbox<not open>"

    @property
    def pid(self) -> Pid:
        """Its process."""
        return self._opened()

    # -- the block

    async def __aenter__(self) -> Self:
        if self._process is not None:
            msg = f"{self!r} is open: a mailbox has one block at a time; make another one"
            raise RuntimeError(msg)
        opener = self._opener = current()
        executor: Executor = self
        process = Process(opener.runtime, executor, _ignore, actor := CoroutineOutside())
        actor.actor_inbox = process
        process.label = self._label or f"mailbox of {opener.display_name}"
        process.starter = opener
        # One more than may wait: when it is full, messages may have been lost.
        self._box = process.mailbox = deque(maxlen=None if self._limit is None else self._limit + 1)
        self._wakeups = wakeups(asyncio.get_running_loop())
        table.hide(process)  # pykka would wait for an actor to stop
        process.runtime.launch(process)
        self._process = process
        with plane:
            if opener.exit_reason is None:
                signals.own(opener, self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process, opener = self._opened(), self._opener
        self._process = self._opener = None
        if opener is not None:
            with plane:
                signals.disown(opener, self)
        signals.end(process, _reason_for(error))

    def released(self, owner: Process) -> None:
        """See Belonging.released: end with the process that has opened it, as soon as that is buried."""
        if self._process is not None:
            end = partial(signals.end, self._process, Shutdown("its opener has ended"))
            owner.runtime.scheduler.between_slices(end)

    def shut_down(self) -> None:
        """End its process with `Shutdown()`, from any thread; `async for` ends quietly."""
        if (process := self._process) is not None:
            signals.end(process, Shutdown())

    # -- messages

    async def receive(self, select: Callable[[Any], bool] | None = None, *, timeout: float | None = None) -> Any:
        """Take the first message for which `select(msg)` is true (any message without it), in mailbox order.

        *timeout* in seconds; None waits for ever. Raises ReceiveTimeout; MailboxOverflow if messages were lost; and
        ExitProcess(reason) if the process has been ended by an exit signal.
        """
        passed: deque[Any] = deque()
        alarm = asyncio.timeout(check_timeout(timeout))
        try:
            async with alarm:
                while True:
                    process = self._living(passed)
                    while self._box:
                        message = self._box.popleft()
                        if select is None:
                            return taken(process, message)
                        passed.append(message)
                        if select(message):
                            return taken(process, passed.pop())
                    await self._rung(process)
        except TimeoutError:
            if not alarm.expired():  # then `select` has raised it
                raise
            raise ReceiveTimeout(timeout) from None
        finally:
            self._box.extendleft(reversed(passed))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        """Return the next message; the loop ends when the process is ended with `Normal()` or `Shutdown()`."""
        try:
            return await self.receive()
        except ExitProcess as ended:
            if is_abnormal(ended.reason):
                raise
            raise StopAsyncIteration from None

    def _living(self, passed: deque[Any]) -> Process:
        """Return the process, if it lives and not too much waits; what has *passed* `select` waits, too."""
        process = self._opened()
        if process.exit_reason is not None:
            raise ExitProcess(process.exit_reason)
        if self._limit is not None and len(passed) + len(self._box) > self._limit:
            passed.clear()
            self._box.clear()
            raise MailboxOverflow(process, self._limit)
        return process

    async def _rung(self, process: Process) -> None:
        """Wait until something has come, or the process has ended. May return for no reason."""
        if self._bell is not None:
            msg = f"another coroutine waits for messages of {self!r}: only one may; give each a mailbox of its own"
            raise RuntimeError(msg)
        process.parked = self._bell = asyncio.get_running_loop().create_future()
        process.scheduled = False
        try:
            if not self._box and process.exit_reason is None:  # else it came before anybody could know that we wait
                await self._bell
        finally:
            process.scheduled = True
            process.parked = self._bell = None

    def _opened(self) -> Process:
        if self._process is None:
            msg = "this mailbox is not open: use it inside `async with otpy.Mailbox() as box:`"
            raise RuntimeError(msg)
        return self._process

    # -- links and monitors

    def link(self, pid: Pid) -> None:
        """Link the process of this mailbox with *pid*: if one ends, the other gets its exit signal."""
        signals.link(self._opened(), resolve(pid))

    def monitor(self, server: Dest) -> Ref:
        """Have `Down(ref, pid, reason)` come to this mailbox when *server* ends. Raises NoProcess for unknown names."""
        return signals.monitor(self._opened(), resolve(server))

    def demonitor(self, ref: Ref) -> None:
        """Undo a monitor. A Down message that has come before stays."""
        signals.demonitor(self._opened(), ref)

    # -- as the executor of its process, and as what is woken on the loop

    def submit(self, process: Process) -> None:
        """See Executor.submit."""
        assert self._wakeups is not None
        self._wakeups.submit(self)

    buried = submit
    """See Executor.buried: who waits is told."""

    def wake(self) -> None:
        """Go on. On the loop's thread."""
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)


def _reason_for(error: BaseException | None) -> Reason:
    """Why a process ends whose block *error* has left."""
    if error is None:
        return Normal()
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return Shutdown("cancelled")
    return reason_of(error)


def _ignore(process: Process, message: object) -> None:
    """Handle nothing: the coroutine takes the messages itself."""
