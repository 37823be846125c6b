"""GenServer: a process that answers requests one at a time and keeps a state. Its loop is in loop.py.

Source: OTP gen_server.erl.
"""

from __future__ import annotations

import logging
from typing import Any, TypeVar

from otpy.behaviours.behaviour import Behaviour
from otpy.behaviours.loop import handle, handle_async
from otpy.behaviours.results import CallResult, CastResult, CodeChangeResult, InitResult, NoReply, Ok
from otpy.behaviours.vsn import code_change
from otpy.errors import UndefinedCallback
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import From
from otpy.kernel.process import Handle
from otpy.kernel.reasons import Reason

StateT = TypeVar("StateT")
log = logging.getLogger("otpy.gen_server")


class Server(Behaviour[StateT]):
    """What servers and supervisors have in common: the callbacks with their defaults."""

    __slots__ = ()

    def handle_call(self, request: Any, from_: From, state: StateT) -> CallResult[StateT]:
        """Answer a request of `otpy.call`."""
        raise UndefinedCallback(type(self), "handle_call", request)

    def handle_cast(self, request: Any, state: StateT) -> CastResult[StateT]:
        """Handle a request of `otpy.cast`."""
        raise UndefinedCallback(type(self), "handle_cast", request)

    def handle_info(self, message: Any, state: StateT) -> CastResult[StateT]:
        """Handle any other message. The default logs it and goes on, as OTP does."""
        log.warning("%r got an unexpected message: %r", self.actor_inbox, message)
        return NoReply(state)

    def handle_continue(self, arg: Any, state: StateT) -> CastResult[StateT]:
        """Go on after a result with `then=Continue(arg)`."""
        raise UndefinedCallback(type(self), "handle_continue", arg)

    def terminate(self, reason: Reason, state: StateT) -> Any:
        """Clean up before the process ends. What it returns is ignored; what it raises becomes the exit reason."""

    def code_change(self, old_vsn: Any, state: StateT, extra: Any = None) -> CodeChangeResult[StateT]:
        """Convert the state that version *old_vsn* left. The default keeps it."""
        return Ok(state)

    # -- the hooks of Behaviour

    @classmethod
    def _handle_of(cls) -> Handle:
        return handle_async if cls.runs_on == "asyncio" else handle

    @classmethod
    def _has_code_change(cls) -> bool:
        return cls.code_change is not Server.code_change

    @runs_callbacks
    def _terminate(self, reason: Reason, state: StateT) -> Any:
        return self.terminate(reason, state)

    def _code_change(self, old_vsn: Any, state: StateT, extra: Any) -> Any:
        return code_change(self, old_vsn, state, extra)


class GenServer(Server[StateT]):
    """A server. Write `init` and the callbacks that are needed; each returns one of its results.

    | callback | returns |
    | --- | --- |
    | `init(self, arg)` | `Ok(state)`, `Ignore()`, `Stop(reason)` |
    | `handle_call(self, request, from_, state)` | `Reply(value, state)`, `NoReply(state)`, `Stop(reason, state, …)` |
    | `handle_cast(self, request, state)` | `NoReply(state)`, `Stop(reason, state)` |
    | `handle_info(self, message, state)` | `NoReply(state)`, `Stop(reason, state)` |
    | `handle_continue(self, arg, state)` | `NoReply(state)`, `Stop(reason, state)` |
    | `terminate(self, reason, state)` | anything |
    | `code_change(self, old_vsn, state, extra)` | `Ok(state)`; raising refuses |
    | `format_status(self, status)` | the dict to show |

    `Ok`, `Reply` and `NoReply` take `then=`: `Continue(arg)`, `After(seconds)`, `Hibernate()`. Any other value ends the
    server with `BadReturn(callback, value)`. `runs_on = "thread"` gives each process a thread of its own, for code that
    blocks; with `runs_on = "asyncio"` every callback may be `async def`.

    Source: OTP gen_server.erl.
    """

    __slots__ = ()

    def init(self, arg: Any) -> InitResult[StateT]:
        """Return the first state, `Ok(state)`; or `Ignore()` or `Stop(reason)`."""
        raise UndefinedCallback(type(self), "init", arg)

    @runs_callbacks
    def _init(self, arg: Any) -> Any:
        return self.init(arg)

    def _begun(self, result: Any) -> Any:
        return result
