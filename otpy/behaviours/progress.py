"""Steps that are written once for callbacks that are awaited and for those that are not.

A *progress* is a generator: what it yields is to be awaited, and the result is sent to it; it returns what it came to.
Where callbacks are no coroutines it yields nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any, TypeAlias, TypeVar

from otpy.behaviours.loop import Step, Work
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.process import Process

ValueT = TypeVar("ValueT")
Progress: TypeAlias = Generator[Awaitable[Any], Any, ValueT]


class Progressing(Work):
    """A Work whose `_progress` gives the step that follows."""

    __slots__ = ()

    def _progress(self, process: Process) -> Progress[Step]:
        raise NotImplementedError

    @runs_callbacks
    def run(self, process: Process) -> Step:
        """See Work."""
        return done(self._progress(process))

    async def run_async(self, process: Process) -> Step:
        """See Work."""
        return await awaited(self._progress(process))


@runs_callbacks
def done(progress: Progress[ValueT]) -> ValueT:
    """Return what *progress*, which awaits nothing, comes to."""
    try:
        _ = next(progress)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError


async def awaited(progress: Progress[ValueT]) -> ValueT:
    """Return what *progress* comes to."""
    try:
        awaitable = next(progress)
        while True:
            try:
                result = await awaitable
            except BaseException as error:  # noqa: BLE001 - it is for the progress to say what becomes of it
                awaitable = progress.throw(error)
            else:
                awaitable = progress.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
