"""The classes of living processes: whether they can go over to the new ones, and making them the current ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from otpy.behaviours.behaviour import Behaviour
from otpy.behaviours.migrations import Migration
from otpy.code.journal import Journal
from otpy.errors import IncompatibleUpgrade
from otpy.kernel.actors import Actor
from otpy.kernel.newborn import SUCCESSOR
from otpy.kernel.process import Process

_BEGINNING = (Behaviour, Actor)

Classes = Mapping[type, type | None]


def check(process: Process, old: type, new: type | None) -> None:
    """Refuse what *process*, of class *old*, cannot become. Raises IncompatibleUpgrade."""
    who = f"{process!r} runs {_name(old)}, which"
    if new is None:
        msg = (
            f"{who} the new version does not define any more; end the process first, or keep the class in this version"
        )
        raise IncompatibleUpgrade(msg)
    if _family(old) != _family(new):
        msg = f"{who} is {_family(new)} in the new version and was {_family(old)}; give the new class another name"
        raise IncompatibleUpgrade(msg)


def check_place(old: type, was: str, now: str) -> list[str]:
    """Refuse that processes of class *old* go to the event loop, or away from it; a warning if they just stay."""
    if was == now:
        return []
    if "asyncio" in {was, now}:
        msg = f'{_name(old)} changes runs_on from "{was}" to "{now}", and a living process cannot; end it first'
        raise IncompatibleUpgrade(msg)
    return [f'{_name(old)}: runs_on is "{now}" now; processes that live stay where they are, on "{was}"']


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _family(kind: type) -> str:
    if issubclass(kind, Actor):
        return "an otpy.Actor"
    if not issubclass(kind, Behaviour):
        return "no behaviour"
    return "a supervisor" if kind.supervises else f"a {kind.kind_of_server}"


def supersede(classes: Classes, journal: Journal) -> None:
    """Have processes that are started with an old class begin as the new one; and the reverse, if it is taken back."""
    for old, new in classes.items():
        if new is not None and issubclass(old, _BEGINNING) and issubclass(new, _BEGINNING):
            journal.write(f"successor of {old.__qualname__}", partial(_take_back, old, new))
            type.__setattr__(old, SUCCESSOR, new)


def _take_back(old: type, new: type) -> None:
    if SUCCESSOR in vars(old):
        type.__delattr__(old, SUCCESSOR)
    type.__setattr__(new, SUCCESSOR, old)


def rebase(classes: Classes, reloaded: Collection[str], journal: Journal) -> None:
    """Have classes of other modules that were derived from a replaced class derive from its successor."""
    for old, new in tuple(classes.items()):
        derived: type
        for derived in old.__subclasses__():
            if new is not None and derived not in classes and derived.__module__ not in reloaded:
                _give_bases(derived, tuple(classes.get(base) or base for base in derived.__bases__), journal)


def _give_bases(derived: type, bases: tuple[type, ...], journal: Journal) -> None:
    journal.write(f"bases of {derived.__qualname__}", partial(setattr, derived, "__bases__", derived.__bases__))
    try:
        derived.__bases__ = bases
    except TypeError as error:
        msg = f"{_name(derived)} cannot take new bases while it lives: {error}"
        raise IncompatibleUpgrade(msg) from error


def begin_as(actor: Actor, classes: Classes, migration: Migration, journal: Journal) -> None:
    """Have *actor*, which is held before its on_start, begin as what its class is now.

    It was made by the old class, so what its `__init__` has set is brought along. Raises MigrationFailed.
    """
    kind = type(actor)
    before = dict(vars(actor))
    own = {name: value for name, value in before.items() if not name.startswith(("actor_", "_actor_"))}
    after = migration.migrate(own).value
    journal.write(f"an actor of {kind.__qualname__}", partial(_begin_as, actor, kind, before))
    _begin_as(actor, classes.get(kind) or kind, {**before, **after})


def _begin_as(actor: Actor, kind: type, attributes: Mapping[str, Any]) -> None:
    become(actor, kind)
    vars(actor).clear()
    vars(actor).update(attributes)


def become(actor: Any, new: type) -> None:
    """Give *actor* the class *new*, past the refusal of behaviours to set attributes. Raises IncompatibleUpgrade."""
    try:
        object.__setattr__(actor, "__class__", new)
    except TypeError as error:
        msg = f"{_name(type(actor))} has another layout in the new version, which living processes cannot take: {error}"
        raise IncompatibleUpgrade(msg) from error
