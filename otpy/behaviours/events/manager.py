"""The event manager: a process that has handlers, and hands each event to all of them, the newest first.

Its state is the handlers that it has, as a value: see installed.py. It traps exits, as in OTP: the end of its parent is
its own, and the end of an owner that of the handlers that it owns.

Source: OTP gen_event.erl: init_it/6, decode_msg/7, terminate_server/4, system_get_state/1, system_replace_state/2,
system_code_change/4.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from otpy.behaviours.behaviour import Behaviour, attach
from otpy.behaviours.events.handler import GenEvent
from otpy.behaviours.events.installed import Handlers, Installed
from otpy.behaviours.events.running import Round, status_of
from otpy.behaviours.events.serving import Serving
from otpy.behaviours.loop import NOT_SPECIAL, Step, carry_out, carry_out_async, serve_system_async, special
from otpy.behaviours.progress import awaited, done
from otpy.behaviours.results import Ok
from otpy.behaviours.vsn import vsn_of
from otpy.errors import ChangeCodeFailed
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import Cast, SystemCall
from otpy.kernel.primitives import trap_exit
from otpy.kernel.process import Handle, Process
from otpy.kernel.reasons import Reason

TRIPLE = 3


class EventManager(Behaviour[Handlers]):
    """See the module. `otpy.gen_event` starts it, and asks it."""

    __slots__ = ("actors",)

    kind_of_server: ClassVar[str] = "event manager"
    actors: dict[type, GenEvent[Any]]
    """What the callbacks of its handlers run on, by their class."""

    @classmethod
    def _handle_of(cls) -> Handle:
        return _handle_async if cls.runs_on == "asyncio" else _handle

    @classmethod
    def _has_code_change(cls) -> bool:
        return False  # its handlers may have one

    def _init(self, arg: Any) -> Ok[Handlers]:
        trap_exit(True)
        _set_actors(self, {})
        return Ok(())

    @runs_callbacks
    def _terminate(self, reason: Reason, state: Handlers) -> Any:
        progress = Serving(self._process).stop_all()
        return awaited(progress) if self.runs_on == "asyncio" else done(progress)

    def _code_change(self, old_vsn: Any, state: Handlers, extra: Any) -> Ok[Handlers]:
        return Ok(state)

    def _shown(self, state: Handlers) -> dict[str, Any]:
        return {"handlers": [(h.kind, h.id, status_of(self._process, h).get("state")) for h in state]}

    # -- sys

    def _seen(self, state: Handlers) -> list[tuple[type, Any, Any]]:
        return [(each.kind, each.id, each.state) for each in state]

    def _replaced(self, fn: Callable[[Any], Any], state: Handlers) -> Handlers:
        """*fn* is given (class, id, state) of one handler after the other, and returns it with another state.

        Where it raises, or returns anything else, that handler keeps its state.
        """
        return tuple(_replaced(fn, each) for each in state)

    def _change_code(self, module: str, old_vsn: Any, state: Handlers, extra: Any) -> Any:
        """Convert the states of all handlers of *module*, or none."""
        if self.runs_on == "asyncio":
            return self._change_code_async(module, old_vsn, state, extra)
        results = [_code_change(self._process, each, module, old_vsn, extra) for each in state]
        return Ok(tuple(map(_changed, state, results)))

    async def _change_code_async(self, module: str, old_vsn: Any, state: Handlers, extra: Any) -> Ok[Handlers]:
        results = [_code_change(self._process, each, module, old_vsn, extra) for each in state]
        settled = [await each if inspect.isawaitable(each) else each for each in results]
        return Ok(tuple(map(_changed, state, settled)))


_set_actors: Callable[[EventManager, dict[type, GenEvent[Any]]], None] = EventManager.actors.__set__  # type: ignore[attr-defined]


class ThreadEventManager(EventManager):
    """An event manager on a thread of its own."""

    __slots__ = ()

    runs_on = "thread"


class LoopEventManager(EventManager):
    """An event manager on the event loop."""

    __slots__ = ()

    runs_on = "asyncio"


def installed_in(process: Process) -> Handlers:
    """Return the handlers that *process* has; none if it is no event manager, has not begun, or has ended."""
    return (process.state or ()) if isinstance(process.actor, EventManager) else ()


Place = Literal["scheduler", "thread", "asyncio"]
MANAGERS: dict[Place, type[EventManager]] = {
    "scheduler": EventManager,
    "thread": ThreadEventManager,
    "asyncio": LoopEventManager,
}


# -- the loop --------------------------------------------------------------------------------------


@runs_callbacks
def _handle(process: Process, message: Any) -> None:
    if type(message) is not Cast:
        carry_out(process, _step_of(process, message))
        return
    way = Round(process, "handle_event", message.request)  # the way of nearly all that a manager gets
    way.go()
    if way.stopped is not None:
        carry_out(process, Serving(process, message, way))


async def _handle_async(process: Process, message: Any) -> None:
    if type(message) is SystemCall:
        step = await serve_system_async(process, message)
    else:
        step = _step_of(process, message)
    await carry_out_async(process, step)


def _step_of(process: Process, message: Any) -> Step:
    """What is to be done about *message*."""
    step = special(process, message, type(message))
    return Serving(process, message) if step is NOT_SPECIAL else step


# -- one handler, for sys --------------------------------------------------------------------------


def _replaced(fn: Callable[[Any], Any], installed: Installed) -> Installed:
    try:
        answer = fn((installed.kind, installed.id, installed.state))
    except Exception:  # noqa: BLE001 - as in OTP, this handler keeps its state
        return installed
    match answer:
        case (installed.kind, installed.id, state):
            return installed.with_state(state)
        case _:
            return installed


def _code_change(process: Process, installed: Installed, module: str, old_vsn: Any, extra: Any) -> Any:
    """Return what `code_change` of a handler makes of its state; *installed* itself if it is not of *module*."""
    if installed.kind.__module__ != module:
        return installed
    kind = _class_in(module, installed.kind)
    return attach(kind, process)._code_change(old_vsn, installed.state, extra)  # noqa: SLF001 - its own hook


def _changed(installed: Installed, result: object) -> Installed:
    if result is installed:
        return installed
    if not isinstance(result, Ok):
        raise ChangeCodeFailed(result)
    kind = _class_in(installed.kind.__module__, installed.kind)
    return Installed(kind, installed.id, result.state, installed.owner, installed.arg, vsn_of(kind))


def _class_in(module: str, kind: type[GenEvent[Any]]) -> type[GenEvent[Any]]:
    """Return the class that *module* has now under the name of *kind*; *kind* itself if it has none."""
    found = getattr(sys.modules.get(module), kind.__qualname__, kind)
    return found if isinstance(found, type) and issubclass(found, GenEvent) else kind
