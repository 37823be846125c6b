"""GenEvent: a handler of events. Many of them, of any classes, run in one process, their event manager.

Source: OTP gen_event.erl, the callbacks.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeAlias, TypeVar

from otpy.behaviours.behaviour import Behaviour
from otpy.behaviours.results import Awaited, CodeChangeResult, Ok, Reply, Stop
from otpy.behaviours.vsn import code_change
from otpy.errors import UndefinedCallback
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.reasons import Reason

if TYPE_CHECKING:
    from otpy.behaviours.events.results import RemoveHandler, SwapHandler

StateT = TypeVar("StateT")

log = logging.getLogger("otpy.gen_event")
PAIR = 2


class GenEvent(Behaviour[StateT]):
    """A handler of events. Write `init` and the callbacks that are needed; each returns one of its results.

    | callback | returns |
    | --- | --- |
    | `init(self, arg)` | `Ok(state)`; `Stop(reason)`, and it is not added |
    | `handle_event(self, event, state)` | `Ok(state)`, `RemoveHandler()`, `SwapHandler(…)` |
    | `handle_call(self, request, state)` | `Reply(value, state)`, `RemoveHandler(reply)`, `SwapHandler(…, reply)` |
    | `handle_info(self, message, state)` | as `handle_event` |
    | `terminate(self, arg, state)` | anything: `delete_handler` returns it, a handler that takes over is given it |
    | `code_change(self, old_vsn, state, extra)` | `Ok(state)`; raising refuses |
    | `format_status(self, status)` | the dict to show |

    `Ok` and `Reply` take `then=Hibernate()`. A handler whose callback raises, or returns anything else, is removed and
    reported; the others, and the manager, go on. One that takes over from another is given `HandOver(arg, left)` as
    *arg* of its `init`.

    The *arg* of `terminate` is what `delete_handler` or a swap gives, `"remove_handler"` after RemoveHandler, `"stop"`
    when the manager ends, `("stop", reason)` when the owner of a supervised handler has ended, and `("error", reason)`
    when the handler itself has failed, with Crash(error) or BadReturn.

    Callbacks run in the process of the manager, where its `runs_on` says: one for handlers with `runs_on = "thread"`
    or `"asyncio"` is started with the same.

    Source: OTP gen_event.erl.
    """

    __slots__ = ()

    kind_of_server: ClassVar[str] = "GenEvent"

    def init(self, arg: Any) -> Awaited[Ok[StateT] | Stop[StateT]]:
        """Return the first state, `Ok(state)`; or `Stop(reason)`."""
        raise UndefinedCallback(type(self), "init", arg)

    def handle_event(self, event: Any, state: StateT) -> Awaited[Ok[StateT] | RemoveHandler | SwapHandler[StateT]]:
        """Handle an event of `notify` or `sync_notify`."""
        raise UndefinedCallback(type(self), "handle_event", event)

    def handle_call(
        self, request: Any, state: StateT
    ) -> Awaited[Reply[Any, StateT] | RemoveHandler | SwapHandler[StateT]]:
        """Answer a request of `gen_event.call`."""
        raise UndefinedCallback(type(self), "handle_call", request)

    def handle_info(self, message: Any, state: StateT) -> Awaited[Ok[StateT] | RemoveHandler | SwapHandler[StateT]]:
        """Handle any other message that the manager gets. The default logs it and goes on, as OTP does."""
        log.warning("%r in %r got an unexpected message: %r", type(self).__qualname__, self.actor_inbox, message)
        return Ok(state)

    def terminate(self, arg: Any, state: StateT) -> Any:
        """Clean up before the handler goes. What it raises is taken for what it left: Crash(error)."""

    def code_change(self, old_vsn: Any, state: StateT, extra: Any = None) -> CodeChangeResult[StateT]:
        """Convert the state that version *old_vsn* left. The default keeps it."""
        return Ok(state)

    # -- the hooks of Behaviour

    @classmethod
    def _handle_of(cls) -> NoReturn:
        msg = (
            f"{cls.__qualname__} is a handler of events, and no process: start a manager, otpy.gen_event.start_link(), "
            f"and add it, otpy.gen_event.add_handler(manager, {cls.__qualname__}, arg)"
        )
        raise TypeError(msg)

    @classmethod
    def _has_code_change(cls) -> bool:
        return cls.code_change is not GenEvent.code_change

    @runs_callbacks
    def _init(self, arg: Any) -> Any:
        return self.init(arg)

    def _terminate(self, reason: Reason, state: StateT) -> Any:
        return self.terminate(reason, state)

    def _code_change(self, old_vsn: Any, state: StateT, extra: Any) -> Any:
        return code_change(self, old_vsn, state, extra)


Handler: TypeAlias = type[GenEvent[Any]] | tuple[type[GenEvent[Any]], Any]
"""How a handler is named: its class, or (class, id), so that a manager can have several of one class."""


def check_handler(handler: Handler) -> Handler:
    """Return *handler*. Raises TypeError for what names none."""
    kind, ident = parts_of(handler)
    if not isinstance(kind, type) or not issubclass(kind, GenEvent):
        msg = f"{handler!r} is no handler: give a class made of otpy.GenEvent, or (class, id)"
        raise TypeError(msg)
    try:
        hash(ident)
    except TypeError:
        msg = f"the id of the handler {handler!r} is a {type(ident).__name__}; give one that is hashable, such as a str"
        raise TypeError(msg) from None
    return handler


def parts_of(handler: Any) -> tuple[Any, Any]:
    """Return class and id of *handler*; the id is None for a class alone."""
    return handler if isinstance(handler, tuple) and len(handler) == PAIR else (handler, None)
