"""Event managers: processes that hand each event to all handlers that they have.

`otpy.gen_event` is this module. A handler is a class made of `otpy.GenEvent`; it is named by its class, or by
`(class, id)` where a manager has several of one class. The newest comes first. A handler whose callback fails is
removed and reported, and nobody else is harmed.

A supervised handler has an owner, the process that added it, and a link between the two. When the owner ends, the
handler is removed; when the handler goes, whatever the reason, the owner gets `GenEventExit(handler, reason)`.

Requests wait without limit but for `call`. They raise NoProcess (no such manager), ServerExited (it ended first),
CallingSelf (from one of its own handlers), and what else they say.

Source: OTP gen_event.erl.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload

from otpy.behaviours import gen
from otpy.behaviours.child_spec import ChildSpec
from otpy.behaviours.child_spec import Restart as RestartType
from otpy.behaviours.child_spec import Shutdown as ShutdownType
from otpy.behaviours.children_start import start_by_name
from otpy.behaviours.events.handler import GenEvent, Handler, check_handler
from otpy.behaviours.events.manager import MANAGERS, EventManager, Place
from otpy.behaviours.events.requests import (
    AddHandler,
    CallHandler,
    DeleteHandler,
    ExchangeHandler,
    HandlerRequest,
    SyncNotify,
    WhichHandlers,
)
from otpy.behaviours.events.results import GenEventExit, HandOver, RemoveHandler, SwapHandler
from otpy.behaviours.gen import Request, RequestId, stop
from otpy.behaviours.results import UNSET, Unset
from otpy.behaviours.starting import start as start_process
from otpy.behaviours.starting import start_monitor as start_monitored
from otpy.kernel.calls import Cast
from otpy.kernel.here import current
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import Dest, resolve, send
from otpy.kernel.via import Name

__all__ = [
    "GenEvent",
    "GenEventExit",
    "HandOver",
    "Handler",
    "RemoveHandler",
    "SwapHandler",
    "acall",
    "add_handler",
    "add_sup_handler",
    "call",
    "child_spec",
    "delete_handler",
    "notify",
    "send_request",
    "start",
    "start_link",
    "start_monitor",
    "stop",
    "swap_handler",
    "swap_sup_handler",
    "sync_notify",
    "which_handlers",
]

ReplyT = TypeVar("ReplyT")
PAIR = 2

# -- starting --------------------------------------------------------------------------------------


def start_link(*, name: Name | None = None, timeout: float | None = None, runs_on: Place = "scheduler") -> Pid:
    """Start an event manager without handlers, linked with the running process.

    *name* is a str to register it under, or a Via; *timeout* in seconds for its start; None waits for ever. *runs_on*
    says where its handlers run: "thread" for those that block, "asyncio" for those with `async def`.
    Raises AlreadyStarted(pid) if the name is taken, and StartTimeout.
    """
    return start_process(_manager(runs_on), None, name=name, timeout=timeout, link=True)


def start(*, name: Name | None = None, timeout: float | None = None, runs_on: Place = "scheduler") -> Pid:
    """As `start_link`, without the link."""
    return start_process(_manager(runs_on), None, name=name, timeout=timeout, link=False)


def start_monitor(
    *, name: Name | None = None, timeout: float | None = None, runs_on: Place = "scheduler"
) -> tuple[Pid, Ref]:
    """As `start`, monitored by the running process. A failed start sends no Down message."""
    return start_monitored(_manager(runs_on), None, name=name, timeout=timeout)


def child_spec(
    *,
    id: Any = None,  # noqa: A002 - OTP's name
    restart: RestartType = "permanent",
    shutdown: ShutdownType | Unset = UNSET,
    significant: bool = False,
    name: Name | None = None,
    runs_on: Place = "scheduler",
) -> ChildSpec:
    """Return how a supervisor starts an event manager; *id* is its *name* if that is a str, or else "EventManager".

    One that is started again has no handlers: who adds some should be started after it, under "rest_for_one".
    """
    _manager(runs_on)
    given = {"name": name, "runs_on": None if runs_on == "scheduler" else runs_on}
    return ChildSpec(
        id=id if id is not None else name if isinstance(name, str) else EventManager.__name__,
        start=start_by_name(start_link, (), {key: value for key, value in given.items() if value is not None}),
        restart=restart,
        shutdown=shutdown,
        significant=significant,
        modules="dynamic",
    )


def _manager(runs_on: Place) -> type[EventManager]:
    if not isinstance(runs_on, str) or runs_on not in MANAGERS:
        msg = f"runs_on is {runs_on!r}; give one of {', '.join(map(repr, MANAGERS))}"
        raise ValueError(msg)
    return MANAGERS[runs_on]


# -- events ----------------------------------------------------------------------------------------


def notify(manager: Dest, event: Any) -> None:
    """Send *event* to all handlers of *manager*, and do not wait. The dead swallow it; an unknown name: NoProcess."""
    send(manager, Cast(event))


def sync_notify(manager: Dest, event: Any) -> None:
    """Send *event* to all handlers of *manager*, and return when all of them have handled it."""
    _ask(manager, SyncNotify(event))


@overload
def call(manager: Dest, handler: Handler, request: Request[ReplyT], *, timeout: float | None = 5.0) -> ReplyT: ...
@overload
def call(manager: Dest, handler: Handler, request: Any, *, timeout: float | None = 5.0) -> Any: ...
def call(manager: Dest, handler: Handler, request: Any, *, timeout: float | None = 5.0) -> Any:
    """Have *handler* alone answer *request*. *timeout* in seconds; None waits for ever.

    Raises HandlerNotFound; HandlerCrashed(handler, reason) if its callback failed, and it has been removed; and what
    `otpy.call` raises.
    """
    return gen.call(_checked(manager), CallHandler(check_handler(handler), request), timeout=timeout)


@overload
async def acall(
    manager: Dest, handler: Handler, request: Request[ReplyT], *, timeout: float | None = 5.0
) -> ReplyT: ...
@overload
async def acall(manager: Dest, handler: Handler, request: Any, *, timeout: float | None = 5.0) -> Any: ...
async def acall(manager: Dest, handler: Handler, request: Any, *, timeout: float | None = 5.0) -> Any:
    """As `call`, awaited on any event loop."""
    return await gen.acall(_checked(manager), CallHandler(check_handler(handler), request), timeout=timeout)


@overload
def send_request(manager: Dest, handler: Handler, request: Request[ReplyT]) -> RequestId[ReplyT]: ...
@overload
def send_request(manager: Dest, handler: Handler, request: Any) -> RequestId[Any]: ...
def send_request(manager: Dest, handler: Handler, request: Any) -> RequestId[Any]:
    """Send a request as `call` does and return at once; `otpy.wait_response` or `check_response` fetch the answer."""
    return gen.send_request(manager, CallHandler(check_handler(handler), request))


# -- handlers --------------------------------------------------------------------------------------


def add_handler(manager: Dest, handler: Handler, arg: Any = None) -> None:
    """Add *handler*, if its `init(arg)` returns Ok. As in OTP, one that is there already is then there twice.

    Raises HandlerNotAdded(handler, reason).
    """
    _ask(manager, AddHandler(check_handler(handler), arg))


def add_sup_handler(manager: Dest, handler: Handler, arg: Any = None) -> None:
    """As `add_handler`, with the running process as owner. As in OTP, the link stays when the handler goes."""
    _ask(manager, AddHandler(check_handler(handler), arg, current()))


def delete_handler(manager: Dest, handler: Handler, arg: Any = None) -> Any:
    """Remove *handler*, and return what its `terminate(arg, state)` returned.

    Raises HandlerNotFound; HandlerCrashed(handler, reason) if `terminate` raised: it has been removed all the same.
    """
    return _ask(manager, DeleteHandler(check_handler(handler), arg))


def swap_handler(manager: Dest, old: tuple[Handler, Any], new: tuple[Handler, Any]) -> None:
    """Have one handler take over from another; each is given as `(handler, arg)`.

    `terminate(arg, state)` of the old one runs, then `init(HandOver(arg, left))` of the new one, with what that
    returned. The owner of a supervised handler owns the new one. If there is no such old handler, the new one is asked
    nevertheless, with "error" as *left*. Raises HandlerNotAdded(handler, reason): then neither is there.
    """
    _ask(manager, _exchange(old, new, None))


def swap_sup_handler(manager: Dest, old: tuple[Handler, Any], new: tuple[Handler, Any]) -> None:
    """As `swap_handler`, with the running process as owner of the new one."""
    _ask(manager, _exchange(old, new, current()))


def which_handlers(manager: Dest) -> list[Handler]:
    """List the handlers of *manager*, the newest first."""
    return _ask(manager, WhichHandlers())  # type: ignore[no-any-return]


def _exchange(old: tuple[Handler, Any], new: tuple[Handler, Any], owner: Pid | None) -> ExchangeHandler:
    for given in (old, new):
        if not isinstance(given, tuple) or len(given) != PAIR:
            msg = f"{given!r} is not what a swap wants: give (handler, arg), the class or (class, id) first"
            raise TypeError(msg)
        check_handler(given[0])
    return ExchangeHandler(*old, *new, owner)


def _ask(manager: Dest, request: HandlerRequest) -> Any:
    return gen.call(_checked(manager), request, timeout=None)


def _checked(manager: Dest) -> Pid:
    """Return the process of *manager*. Raises NoProcess, and TypeError for a process that is none."""
    process = resolve(manager)
    if process.actor is None or isinstance(process.actor, EventManager):  # one that has ended answers for itself
        return process
    msg = f"{process!r} is no event manager: give what otpy.gen_event.start_link returns, or the name it was given"
    raise TypeError(msg)
