"""An ASGI server as a process: started and stopped in order by a supervisor, and upgraded live."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Unpack, final

import msgspec

from otpy.asgi.apps import Apps, find
from otpy.asgi.lifespan import App
from otpy.asgi.serving import Serving
from otpy.asgi.settings import DRAIN_SECONDS, Options, Settings, checked
from otpy.behaviours.child_spec import ChildSpec, Restart, Shutdown
from otpy.behaviours.children_start import MFA
from otpy.behaviours.gen import Request, call
from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import UNSET, NoReply, Ok, Reply, Stop, Unset
from otpy.kernel import events, signals
from otpy.kernel.calls import From
from otpy.kernel.here import current
from otpy.kernel.mailbox import Mailbox
from otpy.kernel.messages import Exit
from otpy.kernel.pid import Pid
from otpy.kernel.plane import plane
from otpy.kernel.primitives import Dest, trap_exit
from otpy.kernel.process import Process, deliver
from otpy.kernel.reasons import Crash
from otpy.kernel.reasons import Shutdown as ShutDown

log = logging.getLogger("otpy.asgi")

END_SECONDS = 2.0
"""What is left of the time to end for the app's lifespan, after `drain`."""


class Address(msgspec.Struct, frozen=True):
    """Where a server listens."""

    host: str
    port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        """The address for a browser."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class GetAddress(msgspec.Struct, Request[Address], frozen=True):
    """Asks where a server listens."""


class _Ended(msgspec.Struct, frozen=True):
    """To the server: uvicorn has ended by itself."""

    error: BaseException | None


class _Reloaded(msgspec.Struct, frozen=True):
    """To the server: modules that the app is made of were upgraded."""


# -- the process -----------------------------------------------------------------------------------


@final
class _Running:
    """A server at work. It ends with its process, whatever ends that."""

    def __init__(self, process: Process, settings: Settings) -> None:
        self.apps = Apps(partial(find, settings.app, factory=settings.factory), process)
        self.serving = Serving(settings, self.apps)
        self.process = process
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._detach = events.attach("upgrade.end", self._upgraded)
        with plane:
            alive = process.exit_reason is None
            if alive:
                signals.own(process, self)
        if not alive:
            self._detach()

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address(*self.serving.address, "https" if self._settings.options.get("ssl_certfile") else "http")

    async def begin(self) -> None:
        """Return when it listens."""
        await self.serving.begin(lambda error: deliver(self.process, _Ended(error)))

    async def end(self) -> None:
        """Return when nobody is served any more."""
        await self.serving.end(self._close_streams)

    def released(self, owner: Process) -> None:
        """See Belonging.released."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it all that ran there
            self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        self._detach()
        self.serving.abort()

    def _close_streams(self) -> None:
        """End the mailboxes that requests have opened: what streams from one ends, as if all had been said."""
        with plane:
            opened = [each for each in self.process.belongings or () if isinstance(each, Mailbox)]
        for mailbox in opened:
            mailbox.shut_down()

    def _upgraded(self, *, report: Any, **_: object) -> None:
        """Have the app looked for if an upgrade has reached its module. In that thread, before the upgrade returns."""
        from otpy.code.dependents import dependents_of  # noqa: PLC0415 - where there is an upgrade, it is loaded

        changed = report.reloaded_modules
        if report.status == "completed" and self._settings.module in {*changed, *dependents_of(changed)}:
            self.apps.reloaded()
            deliver(self.process, _Reloaded())


class AsgiServer(GenServer[Settings]):
    """uvicorn on the runtime's event loop. `start_link` and `child_spec` of this module start it."""

    __slots__ = ("running",)

    runs_on = "asyncio"
    running: _Running

    async def init(self, arg: Settings) -> Ok[Settings]:
        """Begin to serve; return when it listens."""
        trap_exit(True)
        running = _Running(current(), arg)
        _set_running(self, running)
        await running.begin()
        log.info("%s listens on %s", running.process.display_name, running.address.url)
        return Ok(arg)

    async def handle_call(
        self, request: Any, from_: From, state: Settings
    ) -> Reply[Address, Settings] | NoReply[Settings]:
        """Tell where it listens."""
        if isinstance(request, GetAddress):
            return Reply(self.running.address, state)
        log.error("%r: %r asked for what no web server does: %r", self.running.process, from_, request)
        return NoReply(state)

    async def handle_info(self, message: Any, state: Settings) -> NoReply[Settings] | Stop[Settings]:
        """Take the news of uvicorn and of upgrades."""
        match message:
            case _Reloaded():
                await self.running.apps.renew()
            case _Ended(BaseException() as error):
                return Stop(Crash(error), state)
            case _Ended():
                return Stop(ShutDown("uvicorn has ended by itself"), state)
            case Exit():
                pass  # what its requests have linked to has ended
            case _:
                log.warning("%r got an unexpected message: %r", self.running.process, message)
        return NoReply(state)

    async def terminate(self, reason: Any, state: Settings) -> None:
        """Stop in order: accept nobody, let requests end, then the app."""
        await self.running.end()


_set_running: Callable[[AsgiServer, _Running], None] = AsgiServer.running.__set__  # type: ignore[attr-defined]


# -- starting --------------------------------------------------------------------------------------


def start_link(
    app: str | App,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    factory: bool = False,
    drain: float = DRAIN_SECONDS,
    name: str | None = None,
    **options: Unpack[Options],
) -> Pid:
    """Start a server of *app*, linked with the running process; return when it listens on *host* and *port*.

    *app* is "module:app", looked up by name, so that an upgrade may give it another object; with *factory*, a function
    that makes the app, and makes it anew after each upgrade that has reached its module. *port* 0 is any port that is
    free, see `address`. When the server ends, requests under way may take *drain* seconds. *options* are uvicorn's.

    Raises TypeError or ValueError for what cannot be, AlreadyStarted(pid) if *name* is taken, and InitStopped(reason)
    if the port is taken (Crash(OSError)), the app cannot be imported, or its lifespan fails (Crash(LifespanFailed)).
    """
    return AsgiServer.start_link(checked(Settings(app, factory, host, port, drain, options)), name=name)


def child_spec(
    app: str | App,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    factory: bool = False,
    drain: float = DRAIN_SECONDS,
    id: Any = None,  # noqa: A002 - OTP's name
    restart: Restart = "permanent",
    shutdown: Shutdown | Unset = UNSET,
    significant: bool = False,
    name: str | None = None,
    **options: Unpack[Options],
) -> ChildSpec:
    """Return how a supervisor starts a server of *app*; see `start_link`.

    *id* is *app* unless given. *shutdown* is *drain* and two seconds for the app's lifespan, unless given; it must be
    longer than *drain*.
    """
    settings = checked(Settings(app, factory, host, port, drain, options))
    if isinstance(shutdown, int | float) and not shutdown > drain:
        raise ValueError(f"shutdown is {shutdown} s and drain {drain} s; give a shutdown that is longer than drain")
    kwargs = {"host": host, "port": port, "factory": factory, "drain": drain, "name": name, **options}
    return ChildSpec(
        id=app if id is None else id,
        start=MFA("otpy.asgi", "start_link", (app,), kwargs),
        restart=restart,
        shutdown=drain + END_SECONDS if isinstance(shutdown, Unset) else shutdown,
        significant=significant,
        modules=UNSET if settings.module is None else (settings.module,),
    )


def address(server: Dest, *, timeout: float | None = 5.0) -> Address:
    """Return where *server* listens. On an event loop: `await otpy.acall(server, otpy.asgi.GetAddress())`."""
    return call(server, GetAddress(), timeout=timeout)
