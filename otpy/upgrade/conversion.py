"""Converting the state of one process, without touching it: live, or on copies, as a rehearsal does.

What goes in is the process and its state; what comes out is what it shall be: class, state and version. Only the commit
puts it in place, so a conversion that fails leaves nothing to undo. It has two parts. The *user's* part, which gets a
copy of the state and runs in the process (locks, sockets, pids and the like are kept by reference in the copy); and the
*automatic* part, which brings what is then still of the old classes to the new ones. Which the first is says ways.py.

Going up, the new class converts, after the new definitions are installed. Going down, the running class does, before
the old ones are: it alone knows both shapes, and needs the names of its own module.

Source: OTP release_handler: code_change of an upgrade runs after loading, of a downgrade before.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from typing import Any, Final, final

import msgspec

from otpy.behaviours.gen_server import Behaviour, attach
from otpy.behaviours.migrations import Copies, Migration, Report, Shape
from otpy.behaviours.migrations.declared import Check, checker_of
from otpy.behaviours.migrations.report import NOTHING
from otpy.behaviours.migrations.steps import Step
from otpy.behaviours.results import Ok, Then
from otpy.behaviours.vsn import code_change
from otpy.errors import BadReturn, MigrationFailed
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process
from otpy.kernel.reasons import ExitProcess
from otpy.upgrade.ways import Way

Classes = Mapping[type, type | None]

OWN: Final[Any] = object()
"""The state that the process itself has."""


class DownTo(msgspec.Struct, frozen=True):
    """The *old_vsn* of a `code_change` that goes back: convert the state to what version *vsn* kept."""

    vsn: Any


class Changed(msgspec.Struct):
    """What the user's part has made of a state."""

    state: Any
    then: Then = None
    """What `init` wants to be done first, after a reset."""
    lost: bool = False
    """Whether the state was made anew, so that the old one is lost."""


class Conversion(msgspec.Struct):
    """What one process shall be."""

    process: Process
    actor: Any
    """Its actor; the process itself lets go of it when it ends."""
    new_class: type
    state: Any
    converted: bool
    report: Report
    then: Then = None
    """See Changed."""
    lost: bool = False
    """See Changed."""


@final
class Migrations:
    """The automatic migrations of one upgrade: one for each thread that converts, so that none is used by two.

    What processes share they go on sharing if they are converted on one thread. *replaced* and *reshaped*: see
    `otpy.behaviours.migrations.Migration`; *as_classes*: see `Copies`.
    """

    def __init__(
        self,
        replaced: Classes,
        reshaped: Mapping[type, Shape] | None = None,
        *,
        as_classes: Mapping[type, type] | None = None,
    ) -> None:
        self.classes = replaced
        self.reshaped = reshaped or {}
        self.copies = Copies(as_classes)
        self._own = threading.local()
        self._checks: dict[type, Check | None] = {}

    def here(self) -> Migration:
        """Return the migration of the running thread."""
        found: Migration | None = getattr(self._own, "migration", None)
        if found is None:
            found = self._own.migration = Migration(self.classes, self.reshaped)
        return found

    def check_of(self, behaviour: type) -> Check | None:
        """Return the check of converted states of *behaviour* against the type that it declares."""
        if behaviour not in self._checks:
            self._checks[behaviour] = checker_of(behaviour, self.classes)
        return self._checks[behaviour]


# -- converting ------------------------------------------------------------------------------------


def state_of(process: Process) -> Any:
    """Return the state of *process*; of an `otpy.Actor` its own attributes."""
    return _attributes(process.actor) if isinstance(process.actor, Actor) else process.state


def _attributes(actor: Actor) -> dict[str, Any]:
    return {name: value for name, value in vars(actor).items() if not name.startswith(("actor_", "_actor_"))}


def conversion_of(
    process: Process,
    migrations: Migrations,
    way: Way,
    *,
    new_class: type,
    old_vsn: Any,
    extra: Any = None,
    state: Any = OWN,
) -> Any:
    """Return the Conversion of *process*, or of another *state* for it, in that *way*; or a coroutine of it.

    Runs in the process if the way runs code. A rehearsal calls it with the live state too: the user's part gets a copy
    in any case, and what comes out is other objects wherever something changes. Raises: MigrationFailed.
    """
    before = state_of(process) if state is OWN else state
    done = changed(process, new_class, old_vsn, extra, way=way, state=before, copies=migrations.copies)
    if isinstance(done, Changed):
        return finished(process, migrations, new_class, done, before=before, way=way)
    return _finished_later(process, migrations, new_class, done, before=before, way=way)


async def _finished_later(
    process: Process, migrations: Migrations, new_class: type, done: Awaitable[Changed], **known: Any
) -> Conversion:
    return finished(process, migrations, new_class, await done, **known)


def changed(
    process: Process,
    converter: type,
    old_vsn: Any,
    extra: Any = None,
    *,
    way: Way | None = None,
    state: Any = OWN,
    copies: Copies | None = None,
) -> Changed | Coroutine[Any, Any, Changed]:
    """Return what the user's part makes of a copy of the state, or a coroutine of it. Runs in the process.

    *way* as `way_of` has decided; None: the code_change of *converter*, if it has one of its own.
    Raises: MigrationFailed, whatever the user's code raised.
    """
    before = state_of(process) if state is OWN else state
    if way is None:
        own = issubclass(converter, Behaviour) and converter.code_change is not Behaviour.code_change
        way = Way("code_change" if own else "automatic")
    if not way.runs_code:
        return Changed(before)
    shown = before
    if way.kind != "reset" and not getattr(converter, "supervises", False):
        with _refusals(process, converter):
            shown = (copies or Copies()).copy(before).value
    run = _RUNS[way.kind]
    with _refusals(process, converter):
        result = run(way, process, converter, old_vsn, shown, extra)
    if inspect.isawaitable(result) and getattr(converter, "runs_on", "") == "asyncio":
        return _settled(way, process, converter, result)
    return _taken(way, process, converter, result)


async def _settled(way: Way, process: Process, converter: type, result: Awaitable[Any]) -> Changed:
    with _refusals(process, converter):
        settled = await result
    return _taken(way, process, converter, settled)


def _by_code_change(_way: Way, process: Process, converter: Any, old_vsn: Any, state: Any, extra: Any) -> Any:
    return code_change(attach(converter, process), old_vsn, state, extra)


def _by_function(way: Way, _process: Process, _converter: Any, old_vsn: Any, state: Any, _extra: Any) -> Any:
    assert way.function is not None
    return way.function(old_vsn, state)


def _by_init(_way: Way, process: Process, converter: Any, _old_vsn: Any, _state: Any, _extra: Any) -> Any:
    if not issubclass(converter, Behaviour):
        msg = f"{converter.__qualname__} is no GenServer: there is no init that would make its state anew"
        raise MigrationFailed(msg)
    return attach(converter, process)._init(process.argument)  # noqa: SLF001 - the hook of its own behaviour


def _by_steps(way: Way, _process: Process, converter: Any, _old_vsn: Any, state: Any, extra: Any) -> Any:
    if converter.runs_on == "asyncio":
        return _step_after_step(way.steps, state, extra)
    for step in way.steps:
        state = _step(step, state, extra)
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


_RUNS: Final[dict[str, Callable[..., Any]]] = {
    "callable": _by_function,
    "code_change": _by_code_change,
    "reset": _by_init,
    "steps": _by_steps,
}


def _taken(way: Way, process: Process, converter: type, result: Any) -> Changed:
    """What the user's part has returned, as a state."""
    if way.kind in {"code_change", "reset"}:
        if isinstance(result, Ok):
            answer: Ok[Any] = result
            return Changed(answer.state, answer.then if way.kind == "reset" else None, way.kind == "reset")
        raise _failed(process, converter, BadReturn("init" if way.kind == "reset" else "code_change", result))
    if isinstance(result, Ok):
        msg = "a migration step, like a function given as state=, returns the state itself, not Ok(state)"
        raise _failed(process, converter, MigrationFailed(msg))
    return Changed(result)


@contextlib.contextmanager
def _refusals(process: Process, converter: type) -> Generator[None]:
    """Whatever the user's code raises refuses, as in OTP; unless it is the end of *process* itself."""
    try:
        yield
    except (Exception, ExitProcess, SystemExit) as error:
        if process.fenced:
            raise
        raise _failed(process, converter, error) from error


# -- the automatic part ----------------------------------------------------------------------------


def convert(process: Process, migrations: Migrations, old_vsn: Any, extra: Any) -> Any:
    """Return the Conversion of *process* by the code_change of its new class, or a coroutine of it. Runs in it."""
    new_class = migrations.classes.get(type(process.actor)) or type(process.actor)
    own = issubclass(new_class, Behaviour) and new_class.code_change is not Behaviour.code_change
    way = Way("code_change" if own else "automatic")
    return conversion_of(process, migrations, way, new_class=new_class, old_vsn=old_vsn, extra=extra)


def migrated(process: Process, migrations: Migrations, new_class: type, state: Any) -> Conversion:
    """Bring what is of the old classes in *state* to the new ones; an Actor's is its own. Raises MigrationFailed."""
    if isinstance(process.actor, Actor):
        state = state_of(process)
        return finished(process, migrations, new_class, Changed(state), before=state)
    return finished(process, migrations, new_class, Changed(state), before=process.state)


def finished(
    process: Process,
    migrations: Migrations,
    new_class: type,
    done: Changed,
    *,
    before: Any,
    way: Way | None = None,
) -> Conversion:
    """Return the Conversion of which the user's part is *done*. Runs on any thread; see Migrations about which.

    *before* is the state as it was. Raises: MigrationFailed, if what is left cannot be brought over, or is not of the
    type that *new_class* declares its state to be.
    """
    actor, state, report = process.actor, done.state, NOTHING
    is_kept = way is not None and way.kind == "preserve"
    if not is_kept and not getattr(actor, "supervises", False):
        try:
            result = migrations.here().migrate(state)
        except MigrationFailed as error:
            raise _failed(process, new_class, error) from error
        state, report = result.value, result.report
        if state is not before:
            _refuse_other_type(process, migrations, new_class, state)
    return Conversion(process, actor, new_class, state, state is not before, report, done.then, done.lost)


def _refuse_other_type(process: Process, migrations: Migrations, new_class: type, state: Any) -> None:
    check = migrations.check_of(new_class)
    wrong = check(state) if check is not None else None
    if wrong is not None:
        msg = f"the converted state is not what the class declares, {new_class.__name__}(GenServer[…]): {wrong}"
        raise _failed(process, new_class, MigrationFailed(msg))


def _failed(process: Process, behaviour: type, error: BaseException) -> MigrationFailed:
    what = str(error) if isinstance(error, MigrationFailed) else f"{type(error).__name__}: {error}"
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    name = f"{behaviour.__module__}.{behaviour.__qualname__}"
    return MigrationFailed(f"{process!r}: the state could not be converted for {name}: {what}{notes}", process, error)
