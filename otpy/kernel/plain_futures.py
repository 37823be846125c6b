"""pykka's own ThreadingFuture, taught to leave the scheduler's thread and the event loop alone.

A plain `pykka.ThreadingActor` answers with a ThreadingFuture, whose `get` waits on a condition and so blocks its
thread. pykka offers no way to hand in another one, so its `get` and `__await__` are replaced when otpy is imported.
They do what they did, except where it would hold up all other processes: in a process of the scheduler `get` waits on
a helper thread while only that process is parked, and on the event loop of the asyncio processes `get` is refused and
`await` waits without blocking.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any, Final

from pykka import Future, ThreadingFuture

from otpy.kernel.aio import on_helper_thread
from otpy.kernel.calls import pause, wait_for_answer
from otpy.kernel.futures import refuse_on_loop
from otpy.kernel.here import here, waiting
from otpy.kernel.threads import ThreadRunner

_plain_get: Final[Any] = ThreadingFuture.get  # pyright: ignore[reportUnknownMemberType]
_plain_await: Final[Any] = ThreadingFuture.__await__  # pyright: ignore[reportUnknownMemberType]


def _get(self: ThreadingFuture[Any], *, timeout: float | None = None) -> Any:
    """See pykka.Future.get."""
    process = here.process
    if self._result is not None:  # pyright: ignore[reportPrivateUsage]
        return _plain_get(self, timeout=timeout)
    refuse_on_loop()
    if process is None or isinstance(process.runner, ThreadRunner):
        return _plain_get(self, timeout=timeout)
    if self._get_hook is not None:  # it waits for other futures; not under the lock that ThreadingFuture.get takes
        return Future.get(self, timeout=timeout)
    me = waiting()
    call = pause(me)
    me.runtime.pool.run(call, partial(_plain_get, self, timeout=timeout))
    return wait_for_answer(call, None)


def _await(self: ThreadingFuture[Any]) -> Generator[Any, None, Any]:
    """Await the value without blocking the event loop of the asyncio processes."""
    if here.on_loop:
        return (yield from on_helper_thread(self.get).__await__())
    return (yield from _plain_await(self))


def install() -> None:
    """Put the two in the place of pykka's."""
    theirs: Any = ThreadingFuture
    theirs.get = _get
    theirs.__await__ = theirs.__iter__ = _await
