"""What an ASGI server is asked for, as a value that is checked where it is given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict

import msgspec

from otpy.asgi.lifespan import App

DRAIN_SECONDS: Final = 8.0
"""How long requests under way may take when the server ends, unless the program says something else."""

_LAST_PORT: Final = 65535


class Options(TypedDict, total=False):
    """What uvicorn can be told besides: fields of its Config, of the same names."""

    access_log: bool
    backlog: int
    date_header: bool
    forwarded_allow_ips: list[str] | str | None
    h11_max_incomplete_event_size: int | None
    headers: list[tuple[str, str]]
    http: Literal["auto", "h11", "httptools"]
    limit_concurrency: int | None
    limit_max_requests: int | None
    proxy_headers: bool
    root_path: str
    server_header: bool
    ssl_ca_certs: str | None
    ssl_certfile: str | None
    ssl_keyfile: str | None
    ssl_keyfile_password: str | None
    timeout_keep_alive: int
    ws: Literal["auto", "none", "websockets", "websockets-sansio", "wsproto"]
    ws_max_size: int
    ws_ping_interval: float | None
    ws_ping_timeout: float | None


class Settings(msgspec.Struct, frozen=True):
    """What one server serves, and where."""

    app: str | App
    factory: bool = False
    host: str = "127.0.0.1"
    port: int = 8000
    drain: float = DRAIN_SECONDS
    options: Mapping[str, Any] = {}

    @property
    def module(self) -> str | None:
        """The module that the app is looked up in; None for an app that is given itself."""
        return self.app.partition(":")[0] if isinstance(self.app, str) else None


def checked(settings: Settings) -> Settings:
    """Return *settings*, or raise TypeError or ValueError with what was given and what is accepted."""
    _check_app(settings.app)
    _check_port(settings.port)
    _check_drain(settings.drain)
    if not isinstance(settings.factory, bool):
        raise TypeError(f"factory is {settings.factory!r}; give True if app names a function that makes the app")
    if not isinstance(settings.host, str) or not settings.host:
        raise TypeError(f"host is {settings.host!r}; give an address or a name, such as '127.0.0.1'")
    unknown = settings.options.keys() - Options.__annotations__.keys()
    if unknown:
        accepted = ", ".join(Options.__annotations__)
        raise TypeError(f"there is no option {', '.join(sorted(unknown))}; give some of {accepted}")
    return settings


def _check_app(app: object) -> None:
    if isinstance(app, str):
        module, _, path = app.partition(":")
        if not all(part.isidentifier() for name in (module, path) for part in name.split(".")):
            raise ValueError(f'app is {app!r}; give "module:app", such as "shop.web:app"')
    elif not callable(app):
        raise TypeError(f'app is {app!r}; give "module:app", such as "shop.web:app", or an ASGI app')


def _check_port(port: object) -> None:
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"port is {port!r}; give a whole number, 0 for any port that is free")
    if not 0 <= port <= _LAST_PORT:
        raise ValueError(f"port is {port}; give 0 (any port that is free) to {_LAST_PORT}")


def _check_drain(drain: object) -> None:
    if isinstance(drain, bool) or not isinstance(drain, int | float):
        raise TypeError(f"drain is {drain!r}; give the seconds that requests under way may take at the end")
    if drain < 0 or not math.isfinite(drain):
        raise ValueError(f"drain is {drain!r}; give seconds, 0 or more: a server has to end")
