"""Running one callback of a handler: what it came to, and what is told of one that has failed."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable
from typing import Any

from otpy.behaviours.events.handler import GenEvent
from otpy.behaviours.events.installed import Installed
from otpy.behaviours.gen_server import attach
from otpy.behaviours.progress import Progress
from otpy.kernel import events
from otpy.kernel.calls import Failed
from otpy.kernel.here import leave
from otpy.kernel.process import Process, Unwound
from otpy.kernel.reasons import Crash, Reason
from otpy.kernel.worker import StackDropped

log = logging.getLogger("otpy.gen_event")


def callback_of(process: Process, kind: type[GenEvent[Any]], callback: str, *args: Any) -> Progress[Any]:
    """Return what *callback* of a handler of class *kind* returned, or Failed(error) if it raised."""
    try:
        result = getattr(actor_of(process, kind), callback)(*args)
    except BaseException as error:  # noqa: BLE001 - whatever leaves a callback is the end of the handler, and of nobody else
        result = Failed(error)
    else:
        if process.actor.runs_on == "asyncio" and inspect.isawaitable(result):
            result = yield _settled(result)
        elif inspect.iscoroutine(result):
            result.close()  # it is no result, and would complain that nobody has awaited it
    if type(result) is Failed and isinstance(result.error, Unwound | StackDropped):
        raise result.error
    if process.fenced:
        leave(process)
    return result


async def _settled(result: Awaitable[Any]) -> Any:
    """Await *result*. What it raises is returned: a generator that awaits cannot catch all that is thrown into it."""
    try:
        return await result
    except BaseException as error:  # noqa: BLE001 - see callback_of
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
        shown = "".join(f"\n  {name.replace('_', ' ')}: {value!r}" for name, value in facts.items())
        log.error("the handler %r of %r was removed: %r%s", installed.handler, process, reason, shown, exc_info=cause)
    if events.listened("handler.crash"):
        events.emit("handler.crash", pid=process, handler=installed.handler, reason=reason, report=facts)


def status_of(process: Process, installed: Installed, **facts: Any) -> dict[str, Any]:
    """Return what may be shown of a handler, as its `format_status` lets it."""
    try:
        status = actor_of(process, installed.kind).format_status({"state": installed.state, **facts})
    except Exception as error:  # noqa: BLE001 - a report must not fail for it, and must not show what was to be hidden
        status = {"state": f"hidden: format_status raised {error!r}"}
    return {name: value for name, value in status.items() if name != "reason"}
