"""The app of a server, by name: which object that is by now, and the change from one to the next.

An upgrade may give the name another object, or have its factory make another one. Requests that begin from then on are
served by the new one, once its lifespan has begun; requests under way are ended by the app that has begun them, and the
lifespan of that ends after the last. So nothing is cut off, and an upgrade that is taken back is one more change.

A request that comes while an upgrade holds processes waits until it is clear which code stays.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import operator
from collections.abc import Callable
from typing import Any, Final, final

from otpy.asgi.lifespan import App, Lifespan, Receive, Scope, Send
from otpy.kernel.process import Process

log = logging.getLogger("otpy.asgi")

_LOOK_SECONDS: Final = 0.002


def find(app: str | App, *, factory: bool) -> App:
    """Return the app that *app* names by now, or that its factory makes. Raises what importing and making it raise."""
    found: Any = app
    if isinstance(app, str):
        module, _, path = app.partition(":")
        found = operator.attrgetter(path)(importlib.import_module(module))
    if factory:
        found = found()
    if not callable(found) or not _takes_requests(found):
        what = "what it makes" if factory else "it"
        raise TypeError(
            f"{app!r} is no ASGI app: {what} is {found!r}, which is not called with (scope, receive, send); give "
            "module:app, or module:function with factory=True"
        )
    return found  # type: ignore[no-any-return]


def _takes_requests(found: Callable[..., Any]) -> bool:
    """Whether *found* may be called as an ASGI app is; True if its parameters are not known."""
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind("scope", "receive", "send")
    except TypeError:
        return False
    return True


@final
class _Generation:
    """One app, from the beginning of its lifespan to the end of its last request."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.lifespan = Lifespan(app)
        self._requests = 0
        self._unused = asyncio.Event()
        self._unused.set()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the app answer a request."""
        self._requests += 1
        self._unused.clear()
        try:
            scope["state"] = self.lifespan.state.copy()
            await self.app(scope, receive, send)
        finally:
            self._requests -= 1
            if not self._requests:
                self._unused.set()

    async def retire(self) -> None:
        """End the lifespan when no request is under way any more."""
        await self._unused.wait()
        await self.end()

    async def end(self) -> None:
        """End the lifespan."""
        try:
            await self.lifespan.end()
        except Exception:
            log.exception("the app %r did not end well", self.app)


@final
class Apps:
    """An ASGI app that has each request answered by the app that *find* finds by then, in the server *process*."""

    def __init__(self, find: Callable[[], App], process: Process) -> None:
        self._find = find
        self._process = process
        self._current: _Generation | None = None
        self._retiring: dict[_Generation, asyncio.Task[None]] = {}
        self._stale = False
        self._renewing = asyncio.Lock()

    async def begin(self) -> None:
        """Find the app and begin its lifespan. Raises what these raise."""
        first = _Generation(await asyncio.to_thread(self._find))
        await first.lifespan.begin()
        self._current = first

    async def end(self) -> None:
        """End all lifespans: no request comes any more, and those under way have ended or were cancelled."""
        for generation, task in tuple(self._retiring.items()):
            task.cancel()
            await generation.end()
        if self._current is not None:
            await self._current.end()

    def cancel(self) -> None:
        """End all lifespans without asking."""
        for generation, task in self._retiring.items():
            task.cancel()
            generation.lifespan.cancel()
        if self._current is not None:
            self._current.lifespan.cancel()

    # -- requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        while _is_upgrading(self._process):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)  # some milliseconds, and only then; nobody else has to ring a bell
        if self._stale or self._renewing.locked():
            await self.renew()
        assert self._current is not None
        await self._current.serve(scope, receive, send)

    # -- upgrades

    def reloaded(self) -> None:
        """Note, from any thread, that the name may stand for another app: the next request looks."""
        self._stale = True

    async def renew(self) -> None:
        """Look whether there is another app, and change to it. If it does not begin, the one before stays."""
        async with self._renewing:
            if not self._stale:
                return
            self._stale = False  # before the look: what is reloaded from now on is looked at anew
            old = self._current
            try:
                app = await asyncio.to_thread(self._find)
                if old is None or app is old.app:
                    return
                new = _Generation(app)
                await new.lifespan.begin()
            except Exception:
                log.exception(
                    "%r goes on with the app that it has: the one of the new code did not begin", self._process
                )
                return
            self._current = new
            self._retiring[old] = asyncio.create_task(old.retire())
            self._retiring[old].add_done_callback(lambda _: self._retiring.pop(old, None))


def _is_upgrading(process: Process) -> bool:
    """Whether an upgrade holds processes of the runtime, so that its code may yet be taken back."""
    suspension = process.runtime.suspension
    return suspension is not None and suspension.is_under_way
