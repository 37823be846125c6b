"""The last word of a behaviour: its `check_upgrade` may say that it cannot live with its new state."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Generator, Iterator
from typing import Any

from otpy.behaviours.behaviour import attach
from otpy.behaviours.events.manager import installed_in
from otpy.errors import CheckFailed
from otpy.kernel.process import Process
from otpy.upgrade.handlers import has_handlers
from otpy.upgrade.raised import is_end


def may_ask(kind: type) -> bool:
    """Whether `check_upgrade` has somebody to ask in processes of class *kind*: it, or handlers that they have."""
    return hasattr(kind, "check_upgrade") or has_handlers(kind)


def check_upgrade(process: Process) -> Any:
    """Run `check_upgrade` in *process*, and of its handlers: False, or anything raised, says no. Raises CheckFailed.

    Returns a coroutine that does so, where callbacks may be coroutines.
    """
    if process.actor.runs_on == "asyncio":
        return _awaited(process)
    for behaviour, state in _asked(process):
        with _objections(process):
            answer = behaviour.check_upgrade(state)
        _judge(process, answer)
    return None


async def _awaited(process: Process) -> None:
    for behaviour, state in _asked(process):
        with _objections(process):
            answer = behaviour.check_upgrade(state)
            if inspect.isawaitable(answer):
                answer = await answer
        _judge(process, answer)


def _asked(process: Process) -> Iterator[tuple[Any, Any]]:
    """Yield what has a `check_upgrade`, each with its state."""
    if hasattr(process.actor, "check_upgrade"):
        yield process.actor, process.state
    for each in installed_in(process):
        if hasattr(each.kind, "check_upgrade"):
            yield attach(each.kind, process), each.state


def _judge(process: Process, answer: object) -> None:
    if answer is False:
        raise CheckFailed(process, answer)


@contextlib.contextmanager
def _objections(process: Process) -> Generator[None]:
    try:
        yield
    except BaseException as error:
        if process.fenced or is_end(error):  # it has been ended meanwhile, and says nothing any more
            raise
        raise CheckFailed(process, error) from error
