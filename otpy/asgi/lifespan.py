"""The lifespan of an ASGI app: what it does before its first request and after its last.

Source: the ASGI specification, Lifespan Protocol 2.0.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias, final

log = logging.getLogger("otpy.asgi")

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_VERSION: Final = {"version": "3.0", "spec_version": "2.0"}


class LifespanFailed(RuntimeError):
    """The app has said that it cannot begin, or that it could not end well."""


@final
class Lifespan:
    """The lifespan of one app. One that knows of no lifespan has none, as the specification wants it.

    `state` is what the app has put into `scope["state"]`; each request gets a copy.
    """

    def __init__(self, app: App) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._said: list[str] = []
        self._answered: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()

    async def begin(self) -> None:
        """Have the app begin. Raises LifespanFailed with what it says."""
        self._task = asyncio.create_task(self._run())
        await self._ask("startup")

    async def end(self) -> None:
        """Have the app end. Raises LifespanFailed with what it says."""
        if self._task is not None and not self._task.done():
            await self._ask("shutdown")
            await asyncio.wait([self._task])

    def cancel(self) -> None:
        """End it without asking."""
        if self._task is not None:
            self._task.cancel()

    async def _ask(self, what: str) -> None:
        self._told.put_nowait({"type": f"lifespan.{what}"})
        answer = await self._answered
        self._answered = asyncio.get_running_loop().create_future()
        if answer is not None and answer["type"] == f"lifespan.{what}.failed":
            raise LifespanFailed(
                f"the app's lifespan failed at {what}: {answer.get('message') or 'it does not say why'}"
            )

    async def _run(self) -> None:
        scope: Scope = {"type": "lifespan", "asgi": dict(_VERSION), "state": self.state}
        try:
            await self._app(scope, self._told.get, self._take)
        except Exception as error:
            if not self._said:
                log.debug("the app %r has no lifespan: %r", self._app, error)
            elif not self._said[-1].endswith(".failed"):  # else who waits for the answer raises what it says
                log.exception("the lifespan of the app %r has ended by itself", self._app)
        finally:
            self._answer(None)

    async def _take(self, message: Message) -> None:
        self._said.append(message["type"])
        self._answer(message)

    def _answer(self, message: Message | None) -> None:
        if not self._answered.done():
            self._answered.set_result(message)
