"""Waiting on an event loop: `acall`, from any loop of any thread.

Who answers is on another thread and has to wake the loop. Replies that come in a burst wake it once: they are queued,
and one callback on the loop goes through the queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import weakref
from asyncio import _get_running_loop  # pyright: ignore[reportPrivateUsage] - get_running_loop, but None where none runs
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, final

from otpy.errors import CallingSelf, CallTimeout
from otpy.kernel import signals
from otpy.kernel.calls import PENDING, Call, Failed
from otpy.kernel.clock import check_timeout
from otpy.kernel.here import current, here
from otpy.kernel.process import Process, deliver

if TYPE_CHECKING:
    from otpy.kernel.suspension import Suspension

T = TypeVar("T")

_LOOK_SECONDS = 0.05

slice_task: contextvars.ContextVar[asyncio.Task[Any] | None] = contextvars.ContextVar("otpy_slice_task", default=None)
"""The task that handles the messages of an asyncio process. Other tasks that it has started may call it."""

awaited: contextvars.ContextVar[list[Process] | None] = contextvars.ContextVar("otpy_awaited", default=None)
"""Whom an asyncio process waits for, newest last: it may await many at a time, all its tasks share the list."""


class Sleeper(Protocol):
    """Who waits on an event loop."""

    def wake(self) -> None:
        """Go on. Called on the loop's thread."""
        ...


@final
class Wakeups:
    """Things to do on one event loop, brought there from other threads with one wake-up for each burst."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._queue: deque[Sleeper] = deque()
        self._armed = False

    def submit(self, sleeper: Sleeper) -> None:
        """Have *sleeper* woken on the loop, at once if this is its thread. A closed loop wants nothing any more."""
        loop = self._loop()
        if loop is not None and _get_running_loop() is loop:
            sleeper.wake()
            return
        self._queue.append(sleeper)
        if self._armed:
            return
        self._armed = True
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self._drain)
        except RuntimeError:  # closed
            self._queue.clear()
            self._armed = False

    def _drain(self) -> None:
        self._armed = False  # before the look: what is appended from now on rings anew
        while self._queue:
            self._queue.popleft().wake()


_wakeups: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Wakeups] = weakref.WeakKeyDictionary()
_wakeups_lock = threading.RLock()


def wakeups(loop: asyncio.AbstractEventLoop) -> Wakeups:
    """Return the one Wakeups of *loop*.

    What is left in the queue of a closed loop refers to the loop itself, so that it would never be collected: closed
    loops are taken out when a new one comes.
    """
    with _wakeups_lock:
        found = _wakeups.get(loop)
        if found is None:
            for other in [known for known in _wakeups if known.is_closed()]:
                del _wakeups[other]
            found = _wakeups[loop] = Wakeups(loop)
        return found


@final
class FutureWaiter:
    """Waits for an answer on behalf of a coroutine. See process.Waiter."""

    __slots__ = ("executor", "future", "parked")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[None] = loop.create_future()
        self.executor: Any = wakeups(loop)
        self.parked = True

    def wake(self) -> None:
        """Go on. On the loop's thread."""
        if not self.future.done():
            self.future.set_result(None)


async def acall(server: Process, request: Any, timeout: float | None) -> Any:
    """Send *request* to *server* and await the answer, *timeout* seconds or for ever, from any event loop."""
    check_timeout(timeout)
    me = current()
    if server is me and not (here.on_loop and slice_task.get() is not asyncio.current_task()):
        raise CallingSelf(server, request)
    waiter = FutureWaiter(asyncio.get_running_loop())
    call = Call(me, request, server, waiter)
    deliver(server, call)
    if server.exit_reason is not None:
        call.refuse()
    with seen_waiting(me, server):
        return await _answer(call, waiter, timeout)


@contextlib.contextmanager
def seen_waiting(me: Process, other: Process) -> Generator[None]:
    """While a coroutine of *me* waits for *other*, have all see it, if *me* is a process of the runtime's loop."""
    others = awaited.get()
    if others is None:
        yield
        return
    others.append(other)
    me.wait_on = other
    try:
        yield
    finally:
        others.remove(other)
        me.wait_on = others[-1] if others else None


async def until_dead(process: Process) -> None:
    """Return when *process* is dead, and has told its links and monitors; at once if its death is decided already."""
    me = current()
    waiter = FutureWaiter(asyncio.get_running_loop())
    gone = Call(me, None, process, waiter)
    if signals.on_death(process, gone):
        try:
            with seen_waiting(me, process):
                await waiter.future
        finally:
            signals.forget_death(process, gone)


async def on_helper_thread(fn: Callable[[], T]) -> T:
    """Await `fn()`, which blocks, on a thread of its own.

    It may block for ever: it is a daemon, and takes no place in a pool that others need.
    """
    me = current()
    waiter = FutureWaiter(asyncio.get_running_loop())
    call = Call(me, None, me.runtime.system, waiter)
    context = contextvars.copy_context()

    def work() -> None:
        answer: T | Failed
        try:
            answer = context.run(fn)
        except BaseException as error:  # noqa: BLE001 - handed to the coroutine that waits for it
            answer = Failed(error)
        call.put(answer)

    threading.Thread(target=work, name="otpy-helper", daemon=True).start()
    return await _answer(call, waiter, None)  # type: ignore[no-any-return]


async def _answer(call: Call, waiter: FutureWaiter, seconds: float | None) -> Any:
    await _answered(call, waiter, seconds)
    if call.answer is PENDING:
        raise CallTimeout(call.server, seconds, call.request)
    if type(call.answer) is Failed:
        raise call.answer.error
    return call.answer


async def _answered(call: Call, waiter: FutureWaiter, seconds: float | None) -> None:
    """Wait until *call* is answered or *seconds* have passed."""
    loop = asyncio.get_running_loop()
    alarm: asyncio.TimerHandle | None = None
    runtime = call.server.runtime
    began = runtime.clock.now()
    made_good: Suspension | None = None

    def expire() -> None:
        """Give up, unless an upgrade has suspended the server: meanwhile the time of its callers stands still."""
        nonlocal alarm, made_good
        suspension = runtime.suspension
        extra = 0.0
        if suspension is not None and suspension is not made_good and call.answer is PENDING:
            if suspension.delays(call.server):
                extra = _LOOK_SECONDS
            else:
                made_good = suspension
                extra = suspension.stood_still(call.server, began)
        if extra:
            alarm = loop.call_later(extra, expire)
        else:
            waiter.wake()

    if seconds is not None:
        alarm = loop.call_later(seconds, expire)
    try:
        await waiter.future
    finally:  # also when the coroutine is cancelled: a late answer finds nobody
        call.abandon()
        if alarm is not None:
            alarm.cancel()
