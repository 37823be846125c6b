"""Converting the state of one process, inside the process, without touching it.

What goes in is the process as it is; what comes out is what it shall be: class, state and version. Only the commit puts
it in place, so a conversion that fails leaves nothing to undo. There are two parts: the behaviour's own `code_change`,
which gets a copy of the state (locks, sockets, pids and the like are kept by reference in it), and the automatic
migration of what is then still made of old classes.

Going up, the new class converts, after the new definitions are installed. Going down, the running class does, before
the old ones are: it alone knows both shapes, and needs the names of its own module.

Source: OTP release_handler: code_change of an upgrade runs after loading, of a downgrade before.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Awaitable, Coroutine, Generator, Mapping
from typing import Any, final

import msgspec

from otpy.behaviours.gen_server import Behaviour, attach
from otpy.behaviours.migrations import Migration, Report, copy_state
from otpy.behaviours.results import Ok
from otpy.behaviours.vsn import code_change
from otpy.errors import BadReturn, MigrationFailed
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process
from otpy.kernel.reasons import ExitProcess

Classes = Mapping[type, type | None]


class DownTo(msgspec.Struct, frozen=True):
    """The *old_vsn* of a `code_change` that goes back: convert the state to what version *vsn* kept."""

    vsn: Any


@final
class Migrations:
    """The automatic migrations of one upgrade: one for each thread that converts, so that none is used by two.

    Processes that are converted on one thread go on sharing what they shared.
    """

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self._own = threading.local()

    def here(self) -> Migration:
        """Return the migration of the running thread."""
        found: Migration | None = getattr(self._own, "migration", None)
        if found is None:
            found = self._own.migration = Migration(self.classes)
        return found


class Changed(msgspec.Struct):
    """What code_change has made of a state."""

    state: Any


class Conversion(msgspec.Struct):
    """What one process shall be."""

    process: Process
    actor: Any
    """Its actor; the process itself lets go of it when it ends."""
    new_class: type
    state: Any
    converted: bool
    report: Report


def changed(process: Process, converter: type, old_vsn: Any, extra: Any) -> Changed | Coroutine[Any, Any, Changed]:
    """Return what *converter*'s code_change makes of a copy of the state of *process*, or a coroutine of it.

    Without a code_change of its own, that is the state itself. Runs in the process. Raises MigrationFailed.
    """
    if not issubclass(converter, Behaviour) or converter.code_change is Behaviour.code_change:
        return Changed(process.state)
    with _refusals(process, converter):
        trial = attach(converter, process)
        state = process.state if trial.supervises else copy_state(process.state).value
        result = code_change(trial, old_vsn, state, extra)
    if converter.runs_on == "asyncio" and inspect.isawaitable(result):
        return _settled(process, converter, result)
    return _state_of(process, converter, result)


async def _settled(process: Process, converter: type, result: Awaitable[Any]) -> Changed:
    with _refusals(process, converter):
        settled = await result
    return _state_of(process, converter, settled)


@contextlib.contextmanager
def _refusals(process: Process, converter: type) -> Generator[None]:
    """Whatever the user's code raises refuses, as in OTP; unless it is the end of *process* itself."""
    try:
        yield
    except (Exception, ExitProcess, SystemExit) as error:
        if process.fenced:
            raise
        raise _failed(process, converter, error) from error


def _state_of(process: Process, converter: type, result: Any) -> Changed:
    if isinstance(result, Ok):
        return Changed(result.state)
    raise _failed(process, converter, BadReturn("code_change", result))


def convert(process: Process, migrations: Migrations, old_vsn: Any, extra: Any) -> Any:
    """Return the Conversion of *process* to its new class, or a coroutine of it. Runs in the process."""
    new_class = migrations.classes.get(type(process.actor)) or type(process.actor)
    done = changed(process, new_class, old_vsn, extra)
    if isinstance(done, Changed):
        return migrated(process, migrations, new_class, done.state)
    return _converted_later(process, migrations, new_class, done)


async def _converted_later(
    process: Process, migrations: Migrations, new_class: type, done: Coroutine[Any, Any, Changed]
) -> Conversion:
    return migrated(process, migrations, new_class, (await done).state)


def migrated(process: Process, migrations: Migrations, new_class: type, state: Any) -> Conversion:
    """Bring what is left of the old classes in *state* to the new ones. Raises MigrationFailed."""
    actor = process.actor
    if getattr(actor, "supervises", False):
        return Conversion(process, actor, new_class, state, state is not process.state, Report())
    root = _attributes(actor) if isinstance(actor, Actor) else state
    try:
        done = migrations.here().migrate(root)
    except MigrationFailed as error:
        raise _failed(process, new_class, error) from error
    was = root if isinstance(actor, Actor) else process.state
    return Conversion(process, actor, new_class, done.value, done.value is not was, done.report)


def _attributes(actor: Actor) -> dict[str, Any]:
    """Return the state of an `otpy.Actor`: its own attributes."""
    return {name: value for name, value in vars(actor).items() if not name.startswith(("actor_", "_actor_"))}


def _failed(process: Process, behaviour: type, error: BaseException) -> MigrationFailed:
    what = str(error) if isinstance(error, MigrationFailed) else f"{type(error).__name__}: {error}"
    name = f"{behaviour.__module__}.{behaviour.__qualname__}"
    return MigrationFailed(f"{process!r}: the state could not be converted for {name}: {what}", process, error)
