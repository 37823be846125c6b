"""Converting the state of one process, inside the process, without touching it.

What goes in is the process as it is; what comes out is what it shall be: class, state and version. Only the commit puts
it in place, so a conversion that fails leaves nothing to undo. `code_change` gets a copy of the state: locks, sockets,
pids and the like are kept by reference in it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping
from typing import Any

import msgspec

from otpy.behaviours.gen_server import Behaviour, attach
from otpy.behaviours.migrations import Report, copy_state, migrate
from otpy.behaviours.results import Ok
from otpy.behaviours.vsn import code_change
from otpy.errors import BadReturn, MigrationFailed
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process

Classes = Mapping[type, type | None]


class DownTo(msgspec.Struct, frozen=True):
    """The *old_vsn* of a `code_change` that goes back: convert the state to what version *vsn* kept."""

    vsn: Any


class Conversion(msgspec.Struct):
    """What one process shall be."""

    process: Process
    new_class: type
    state: Any
    converted: bool
    report: Report


def convert(process: Process, classes: Classes, old_vsn: Any, extra: Any) -> Conversion | Awaitable[Conversion]:
    """Return what *process* shall be under *classes* (old class → its successor). Runs in the process.

    Raises MigrationFailed. Going back (*old_vsn* is a DownTo) the running class converts: it knows both shapes.
    """
    actor = process.actor
    new_class = classes.get(type(actor)) or type(actor)
    if isinstance(actor, Actor):
        return _migrated(process, new_class, _attributes(actor), classes, was=None)
    converter: type[Behaviour[Any]] = type(actor) if isinstance(old_vsn, DownTo) else new_class
    if converter.code_change is Behaviour.code_change:
        return _migrated(process, new_class, process.state, classes, was=process.state)
    trial = attach(converter, process)
    state = process.state if trial.supervises else copy_state(process.state).value
    try:
        result = code_change(trial, old_vsn, state, extra)
    except Exception as error:
        raise _failed(process, converter, error) from error
    if inspect.isawaitable(result):
        return _awaited(process, new_class, converter, result, classes)
    return _concluded(process, new_class, result, classes)


async def _awaited(
    process: Process, new_class: type, converter: type, result: Awaitable[Any], classes: Classes
) -> Conversion:
    try:
        settled = await result
    except Exception as error:
        raise _failed(process, converter, error) from error
    return _concluded(process, new_class, settled, classes)


def _concluded(process: Process, new_class: type, result: Any, classes: Classes) -> Conversion:
    if not isinstance(result, Ok):
        raise _failed(process, new_class, BadReturn("code_change", result))
    if process.actor.supervises:
        return Conversion(process, new_class, result.state, converted=True, report=Report())
    return _migrated(process, new_class, result.state, classes, was=process.state)


def _migrated(process: Process, new_class: type, state: Any, classes: Classes, *, was: Any) -> Conversion:
    """Bring what is left of the old classes in *state* to the new ones."""
    if getattr(process.actor, "supervises", False):
        return Conversion(process, new_class, state, converted=False, report=Report())
    try:
        done = migrate(state, classes)
    except MigrationFailed as error:
        raise _failed(process, new_class, error) from error
    return Conversion(process, new_class, done.value, done.value is not was, done.report)


def _attributes(actor: Actor) -> dict[str, Any]:
    """Return the state of an `otpy.Actor`: its own attributes."""
    return {name: value for name, value in vars(actor).items() if not name.startswith(("actor_", "_actor_"))}


def _failed(process: Process, behaviour: type, error: Exception) -> MigrationFailed:
    message = f"{process!r}: the state could not be converted for {behaviour.__module__}.{behaviour.__qualname__}: "
    return MigrationFailed(
        message + (str(error) if isinstance(error, MigrationFailed) else f"{type(error).__name__}: {error}"),
        process,
        error,
    )
