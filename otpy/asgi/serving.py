"""An ASGI server at work: uvicorn's, on the running event loop, driven step by step.

uvicorn's own `serve` would take over signals, and end the whole program if the port is taken. Here it is a part of one
process: `begin` returns when it listens and raises why it does not, `end` lets requests end, `abort` ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Any, Final, final

import uvicorn

from otpy.asgi.apps import Apps
from otpy.asgi.settings import Settings

_CANCEL_SECONDS: Final = 0.5
"""How long requests that are cancelled at the end may take to clean up."""


@final
class Serving:
    """What one server has while it runs."""

    def __init__(self, settings: Settings, apps: Apps) -> None:
        self._settings = settings
        self._apps = apps
        self._socket: socket.socket | None = None
        self._ticks: asyncio.Task[None] | None = None
        self._server = uvicorn.Server(
            uvicorn.Config(
                apps,
                lifespan="off",  # each app has its own, see apps.py
                log_config=None,  # the program's logging is as the program wants it
                timeout_graceful_shutdown=settings.drain,  # type: ignore[arg-type]  # it takes any number of seconds
                **dict(settings.options),  # checked where they were given
            )
        )

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert self._socket is not None
        host, port, *_ = self._socket.getsockname()
        return host, port

    async def begin(self, ended: Callable[[BaseException | None], None]) -> None:
        """Have the app begin, and listen. *ended* is called, once, if the server ends by itself."""
        server = self._server
        await asyncio.to_thread(server.config.load)  # it imports the protocols
        server.lifespan = server.config.lifespan_class(server.config)
        self._socket = _bound(self._settings.host, self._settings.port)
        try:
            await self._apps.begin()
            with _clear_errors(self._settings):
                await server.startup([self._socket])
        except BaseException:
            self._socket.close()
            await self._apps.end()
            raise
        self._ticks = asyncio.create_task(server.main_loop())
        self._ticks.add_done_callback(lambda task: None if task.cancelled() else ended(task.exception()))

    async def end(self, close_streams: Callable[[], None]) -> None:
        """Accept nobody any more, let requests under way end, at most as long as the settings say, then the app."""
        if self._ticks is None or self._socket is None:
            return
        self._ticks.cancel()
        with contextlib.suppress(NotImplementedError):  # Windows' own loop
            asyncio.get_running_loop().remove_reader(self._socket)
        await asyncio.sleep(0)  # who was being accepted is; a port that is closed in between would leave it half-way
        ending = asyncio.create_task(self._server.shutdown([self._socket]))
        await asyncio.sleep(0)  # it has closed the port
        close_streams()
        await ending
        await self._cancel_requests()
        await self._apps.end()

    def abort(self) -> None:
        """Free the port and drop connections, now. On the loop's thread."""
        if self._ticks is not None:
            self._ticks.cancel()
        for listener in getattr(self._server, "servers", ()):
            listener.close()
        if self._socket is not None:
            self._socket.close()
        for task in tuple(self._server.server_state.tasks):
            task.cancel()
        self._drop_connections()
        self._apps.cancel()

    async def _cancel_requests(self) -> None:
        left = tuple(self._server.server_state.tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_CANCEL_SECONDS)
        self._drop_connections()

    def _drop_connections(self) -> None:
        for connection in tuple(self._server.server_state.connections):
            transport: Any = connection.transport
            if transport is not None:
                transport.abort()


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name == "posix":  # a restart need not wait until the connections of the one before are forgotten
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        with _clear_errors(Settings("", host=host, port=port)):
            bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


@contextlib.contextmanager
def _clear_errors(settings: Settings) -> Any:
    """Have an error of the system name what could not be had."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno, f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}"
        ) from None
