"""Running the callbacks of handlers: what each came to, and what is told of a handler that has failed."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable
from typing import Any, final

from otpy.behaviours.behaviour import attach
from otpy.behaviours.events.handler import GenEvent, Handler
from otpy.behaviours.events.installed import Installed
from otpy.behaviours.progress import Progress
from otpy.behaviours.results import Ok
from otpy.errors import shown
from otpy.kernel import events
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import Failed
from otpy.kernel.here import leave
from otpy.kernel.process import Process, Unwound
from otpy.kernel.reasons import Crash, Reason
from otpy.kernel.worker import StackDropped

log = logging.getLogger("otpy.gen_event")


@runs_callbacks
def invoke(process: Process, kind: type[GenEvent[Any]], callback: str, *args: Any) -> Any:
    """Return what *callback* of a handler of class *kind* returned, or Failed(error) if it raised.

    What has to be awaited is returned as it is: see `settled`.
    """
    try:
        result = getattr(actor_of(process, kind), callback)(*args)
    except (Unwound, StackDropped):
        raise
    except BaseException as error:  # noqa: BLE001 - it is the end of the handler, and of nobody else
        result = Failed(error)
    if process.fenced:
        leave(process)
    return result


@final
class Round:
    """The way of one message through all handlers of a manager, the newest first.

    Nearly always each of them goes on with a state, at once. Then `go` does it all, and no generator is made for it.
    """

    __slots__ = ("_callback", "_left", "_message", "_process", "after", "stopped")

    def __init__(self, process: Process, callback: str, message: Any) -> None:
        self._process = process
        self._callback = callback
        self._message = message
        self._left = iter(process.state)
        self.after: list[Installed] = []
        """The handlers that stay, of those that had it."""
        self.stopped: tuple[Installed, Any] | None = None
        """Who has returned something else than `Ok(state)`, and what; whoever deals with that adds to `after`."""

    @runs_callbacks
    def go(self) -> None:
        """Go on until all have had it, which makes those that stay the state of the manager, or one has `stopped`."""
        process, callback, message, after = self._process, self._callback, self._message, self.after
        for installed in self._left:
            result = invoke(process, installed.kind, callback, message, installed.state)
            if type(result) is not Ok or result.then is not None:
                self.stopped = installed, result
                return
            after.append(installed.with_state(result.state))
        self.stopped = None
        process.state = tuple(after)


def settled(process: Process, result: Any) -> Progress[Any]:
    """Return what `invoke` gave, awaited where callbacks may be coroutines."""
    if process.actor.runs_on == "asyncio" and inspect.isawaitable(result):
        result = yield _caught(result)
        if process.fenced:
            leave(process)
    elif inspect.iscoroutine(result):
        result.close()  # it is no result, and would complain that nobody has awaited it
    return result


async def _caught(result: Awaitable[Any]) -> Any:
    """Await *result*. What it raises is returned: a generator that awaits cannot catch all that is thrown into it."""
    try:
        return await result
    except Unwound:
        raise
    except BaseException as error:  # noqa: BLE001 - see invoke
        return Failed(error)


def actor_of(process: Process, kind: type[GenEvent[Any]]) -> GenEvent[Any]:
    """Return the object that callbacks of *kind* run on: one for all handlers of a class, as it holds no state."""
    actors: dict[type, GenEvent[Any]] = process.actor.actors
    actor = actors.get(kind)
    if actor is None:
        used = {each.kind for each in process.state}
        for gone in actors.keys() - used:
            del actors[gone]
        actor = actors[kind] = attach(kind, process)
    return actor


def report_failure(process: Process, installed: Installed, reason: Reason, message: Any) -> None:
    """Report that a handler was removed since it has failed with *reason*; *message* is what it handled last."""
    error = reason.error if isinstance(reason, Crash) else reason
    facts = status_of(process, installed, last_message=message, reason=reason)
    if log.isEnabledFor(logging.ERROR):
        cause = error if isinstance(error, BaseException) else None
        log.error(_Text(installed.handler, process, reason, facts), exc_info=cause)
    if events.listened("handler.crash"):
        events.emit("handler.crash", pid=process, handler=installed.handler, reason=reason, report=facts)


@final
class _Text:
    """The text of a report, made when somebody prints it."""

    def __init__(self, handler: Handler, process: Process, reason: Reason, facts: dict[str, Any]) -> None:
        self._facts = {"in": process, "reason": reason, **facts}
        self._handler = handler

    def __str__(self) -> str:
        lines = [f"the event handler {shown(self._handler)} has failed, and was removed"]
        lines += [f"  {name.replace('_', ' ')}: {shown(value)}" for name, value in self._facts.items()]
        return "\n".join(lines)


def status_of(process: Process, installed: Installed, **facts: Any) -> dict[str, Any]:
    """Return what may be shown of a handler, as its `format_status` lets it."""
    try:
        status = actor_of(process, installed.kind).format_status({"state": installed.state, **facts})
        return {name: value for name, value in status.items() if name != "reason"}
    except Exception as error:  # noqa: BLE001 - a report must not fail for it, and must not show what was to be hidden
        return {"state": f"hidden: format_status raised {shown(error)}"}
