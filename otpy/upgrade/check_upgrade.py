"""The last word of a behaviour: its `check_upgrade` may say that it cannot live with its new state."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable, Generator
from typing import Any

from otpy.errors import CheckFailed
from otpy.kernel.process import Process
from otpy.kernel.reasons import ExitProcess


def check_upgrade(process: Process) -> Any:
    """Run `check_upgrade` in *process*: False, or anything raised, says no. Raises CheckFailed.

    Returns a coroutine that does so, if the behaviour's own is one.
    """
    with _objections(process):
        answer = process.actor.check_upgrade(process.state)
    return _awaited(process, answer) if inspect.isawaitable(answer) else _judged(process, answer)


async def _awaited(process: Process, answer: Awaitable[Any]) -> None:
    with _objections(process):
        settled = await answer
    _judged(process, settled)


def _judged(process: Process, answer: object) -> None:
    if answer is False:
        raise CheckFailed(process, answer)


@contextlib.contextmanager
def _objections(process: Process) -> Generator[None]:
    try:
        yield
    except (Exception, ExitProcess, SystemExit) as error:
        if process.fenced:  # it has been ended meanwhile, and says nothing any more
            raise
        raise CheckFailed(process, error) from error
