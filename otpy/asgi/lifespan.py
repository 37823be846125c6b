"""The lifespan of an ASGI app: what it does before its first request and after its last.

Source: the ASGI specification, Lifespan Protocol 2.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias, final

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
        except Exception:  # noqa: BLE001, S110 - it has said so before, or it knows of no lifespan
            pass
        finally:
            self._answer(None)

    async def _take(self, message: Message) -> None:
        self._answer(message)

    def _answer(self, message: Message | None) -> None:
        if not self._answered.done():
            self._answered.set_result(message)
