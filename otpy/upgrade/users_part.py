"""The part of a conversion that is the user's: code_change, steps, a function that was given, `init` anew.

It gets a copy of the state and runs in the process (locks, sockets, pids and the like are kept by reference in the
copy). What it makes is put in place by nobody here.

Source: OTP release_handler; code_change/3 of gen_server.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, final

import msgspec

from otpy.behaviours.behaviour import Behaviour, attach
from otpy.behaviours.migrations import Copies
from otpy.behaviours.migrations.steps import Step
from otpy.behaviours.results import UNSET, Ok, Then
from otpy.errors import BadReturn, MigrationFailed
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process
from otpy.upgrade.raised import is_end
from otpy.upgrade.ways import Way


class Changed(msgspec.Struct):
    """What the user's part has made of a state."""

    before: Any
    state: Any
    then: Then = None
    """What `init` wants to be done first, after a reset."""
    lost: bool = False
    """Whether the state was made anew, so that the old one is lost."""


@final
class UsersPart:
    """The user's part for the states of one class that come from one version: what is the same for all, found once.

    *converter* is the class whose code runs, in that *way*; *old_vsn* is what it is told. Used from all threads that
    processes run on.
    """

    __slots__ = ("_copy", "_may_wait", "_run", "_shows_copy", "converter", "extra", "old_vsn", "way")

    def __init__(
        self, way: Way, converter: type, old_vsn: Any = None, extra: Any = None, *, copies: Copies | None = None
    ) -> None:
        self.way = way
        self.converter: Any = converter
        self.old_vsn = old_vsn
        self.extra = extra
        self._copy = (copies or Copies()).copy
        self._run = _RUNS.get(way.kind)
        self._may_wait = getattr(converter, "runs_on", "") == "asyncio"
        self._shows_copy = way.kind != "reset" and not getattr(converter, "supervises", False)

    def change(self, process: Process, state: Any, argument: Any = UNSET) -> Changed | Coroutine[Any, Any, Changed]:
        """Return what becomes of *state*, or a coroutine of it. Runs in *process*.

        *argument*: what `init` is given, if it is not what *process* was started with.
        Raises: MigrationFailed, whatever the user's code raised; but as it is what ends *process*, if it was told to.
        """
        if self._run is None:
            return Changed(state, state)
        try:
            shown = self._copy(state).value if self._shows_copy else state
            result = self._run(self, process, process.argument if argument is UNSET else argument, shown)
        except BaseException as error:
            if is_end(error, process):
                raise
            raise failed(process, self.converter, error) from error
        if self._may_wait and inspect.isawaitable(result):
            return self._settled(process, state, result)
        return self._taken(process, state, result)

    async def _settled(self, process: Process, before: Any, result: Awaitable[Any]) -> Changed:
        try:
            settled = await result
        except BaseException as error:
            if is_end(error, process):
                raise
            raise failed(process, self.converter, error) from error
        return self._taken(process, before, settled)

    def _taken(self, process: Process, before: Any, result: Any) -> Changed:
        """What the user's code has returned, as a state."""
        match self.way.kind:
            case "code_change" if isinstance(result, Ok):
                return Changed(before, result.state)
            case "reset" if isinstance(result, Ok):
                return Changed(before, result.state, result.then, lost=True)
            case "code_change" | "reset" as kind:
                raise failed(process, self.converter, BadReturn("init" if kind == "reset" else kind, result))
            case _ if isinstance(result, Ok):
                msg = "a migration step, like a function given as state=, returns the state itself, not Ok(state)"
                raise failed(process, self.converter, MigrationFailed(msg))
            case _ if issubclass(self.converter, Actor) and not _is_namespace(result):
                msg = f"the state of an otpy.Actor is a dict of its attributes, by their names, not {result!r}"
                raise failed(process, self.converter, MigrationFailed(msg))
            case _:
                return Changed(before, result)


def _is_namespace(result: object) -> bool:
    return isinstance(result, dict) and all(isinstance(name, str) for name in result)


def _by_code_change(part: UsersPart, process: Process, _argument: Any, state: Any) -> Any:
    return attach(part.converter, process)._code_change(part.old_vsn, state, part.extra)  # noqa: SLF001 - its own hook


def _by_function(part: UsersPart, _process: Process, _argument: Any, state: Any) -> Any:
    assert part.way.function is not None
    return part.way.function(part.old_vsn, state)


def _by_init(part: UsersPart, process: Process, argument: Any, _state: Any) -> Any:
    if not issubclass(part.converter, Behaviour):
        msg = f"{part.converter.__qualname__} is no GenServer: there is no init that would make its state anew"
        raise MigrationFailed(msg)
    return attach(part.converter, process)._init(argument)  # noqa: SLF001 - the hook of its own behaviour


def _by_steps(part: UsersPart, _process: Process, _argument: Any, state: Any) -> Any:
    if part.converter.runs_on == "asyncio":
        return _step_after_step(part.way.steps, state, part.extra)
    for step in part.way.steps:
        state = _step(step, state, part.extra)
    return state


async def _step_after_step(steps: tuple[Step, ...], state: Any, extra: Any) -> Any:
    for step in steps:
        made = _step(step, state, extra)
        state = await made if inspect.isawaitable(made) else made
    return state


def _step(step: Step, state: Any, extra: Any) -> Any:
    try:
        return step.function(state, extra) if step.takes_extra else step.function(state)
    except Exception as error:
        error.add_note(f"in the migration step {step.function.__name__}, from {step.old!r} to {step.new!r}")
        raise


_RUNS: Final[Mapping[str, Callable[[UsersPart, Process, Any, Any], Any]]] = {
    "callable": _by_function,
    "code_change": _by_code_change,
    "reset": _by_init,
    "steps": _by_steps,
}


def failed(process: Process, behaviour: type, error: BaseException) -> MigrationFailed:
    """Return the error that says which process could not be converted, for which class, and why."""
    what = str(error) if isinstance(error, MigrationFailed) else f"{type(error).__name__}: {error}"
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    name = f"{behaviour.__module__}.{behaviour.__qualname__}"
    return MigrationFailed(f"{process!r}: the state could not be converted for {name}: {what}{notes}", process, error)
