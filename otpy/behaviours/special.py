"""Special processes: plain functions that answer the requests of `otpy.sys`, as servers do.

Such a request arrives as a `SystemMessage` among the other messages. The function hands it on together with its state,
and goes on with what it gets back:

    def loop(state):
        while True:
            match otpy.receive():
                case otpy.sys.SystemMessage() as message:
                    state = otpy.sys.handle_system_msg(message, state)
                case ...

Source: OTP sys.erl: handle_system_msg/6, handle_debug/4; "Special Processes" in OTP's Design Principles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, final

from otpy.behaviours.loop import Ending, serve_system
from otpy.behaviours.results import Ok
from otpy.errors import ChangeCodeFailed
from otpy.kernel.actors import FunctionProcess
from otpy.kernel.calls import SystemCall
from otpy.kernel.here import current, waiting
from otpy.kernel.messages import Exit
from otpy.kernel.primitives import receive
from otpy.kernel.process import Handle, Process
from otpy.kernel.reasons import ExitProcess, Reason

StateT = TypeVar("StateT")

SystemMessage = SystemCall
"""A request of `otpy.sys` to a plain process."""


class Special(Generic[StateT]):
    """What a special process does about requests in its own way: make a subclass with those methods that are needed.

    One that raises is told to who has asked, as CallbackFailed or ChangeCodeFailed, and the state stays as it was.
    """

    def system_get_state(self, state: StateT) -> Any:
        """Return what `sys.get_state` shows; the state unless written."""
        return state

    def system_replace_state(self, fn: Callable[[Any], Any], state: StateT) -> StateT:
        """Return the state with what *fn* makes of what is shown of it; `fn(state)` unless written."""
        return fn(state)  # type: ignore[no-any-return]

    def system_code_change(self, state: StateT, module: str, old_vsn: Any, extra: Any) -> Ok[StateT]:
        """Return `Ok(state)` for the code that *module* holds now. Refused unless written."""
        raise ChangeCodeFailed(("undef", "system_code_change", module))

    def system_terminate(self, reason: Reason, state: StateT) -> object:
        """Clean up before the process ends, told to by sys, `stop` or its parent. What it raises is the reason."""

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        """Return what `sys.get_status` shows."""
        return status


_DEFAULT: Special[Any] = Special()


@final
class SpecialProcess(FunctionProcess):
    """A plain process that has a say in requests of sys. To these it looks like a behaviour."""

    __slots__ = ("special",)

    runs_on = "scheduler"

    def __init__(self, plain: FunctionProcess, special: Special[Any]) -> None:
        super().__init__(plain.fn, plain.arity)
        self.actor_inbox = plain.actor_inbox
        self.special = special

    @classmethod
    def _handle_of(cls) -> Handle:
        return _ignore

    def _seen(self, state: Any) -> Any:
        return self.special.system_get_state(state)

    def _replaced(self, fn: Callable[[Any], Any], state: Any) -> Any:
        return self.special.system_replace_state(fn, state)

    def _change_code(self, module: str, old_vsn: Any, state: Any, extra: Any) -> Any:
        return self.special.system_code_change(state, module, old_vsn, extra)

    def _shown(self, state: Any) -> dict[str, Any]:
        return {"state": state}

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        """See Special."""
        return self.special.format_status(status)


def _ignore(process: Process, message: object) -> None:
    """Handle nothing: the process takes its messages itself."""


def handle_system_msg(message: SystemMessage, state: StateT, special: Special[StateT] = _DEFAULT) -> StateT:
    """Answer *message*, and return the state to go on with.

    A process that is suspended stays in here, and leaves all other messages as they are, until it is resumed. One that
    is told to end, also by its parent while it is suspended, does not return.
    """
    me = waiting()
    _checked(me, message, special)
    me.state = state
    _serve(me, message)
    while me.suspended:
        match receive(lambda taken: type(taken) is SystemCall or _is_of_parent(me, taken)):
            case Exit(_, reason):
                _end(me, reason)
            case request:
                _serve(me, request)
    state, me.state = me.state, None
    return state


def _checked(me: Process, message: object, special: object) -> None:
    if not isinstance(me.actor, FunctionProcess):
        msg = f"handle_system_msg is for plain processes, and {me!r} is none: servers answer by themselves"
        raise TypeError(msg)
    if type(message) is not SystemCall:
        msg = f"{message!r} is no SystemMessage; handle it otherwise"
        raise TypeError(msg)
    if not isinstance(special, Special):
        msg = f"{special!r} is no Special; make a subclass of otpy.sys.Special, and give one of it"
        raise TypeError(msg)
    if not isinstance(me.actor, SpecialProcess):
        me.actor = SpecialProcess(me.actor, special)
    me.actor.special = special


def _serve(me: Process, message: SystemCall) -> None:
    starting, me.serving = me.serving, None
    step = serve_system(me, message)
    me.serving = starting
    if isinstance(step, Ending):
        _end(me, step.reason)
    if me.deferred is not None:
        me.deferred.discard(message)


def _end(me: Process, reason: Reason) -> None:
    me.actor.special.system_terminate(reason, me.state)
    raise ExitProcess(reason)


def _is_of_parent(me: Process, message: object) -> bool:
    return isinstance(message, Exit) and (message.pid is me.parent or message.pid is me.runtime.system)


def handle_debug(event: Any, state: Any = None) -> None:
    """Have *event*, an `In(message)` or `Out(reply, to)`, seen by who traces, counts or logs this process.

    Cheap while nobody does. *state* is what installed functions get.
    """
    me = current()
    if me.debug is None:
        return
    kept, me.state = me.state, state
    try:
        me.debug.see(me, event)
    finally:
        me.state = kept
