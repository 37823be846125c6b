"""Whom an upgrade touches: the processes whose behaviour is from a module that changes, or that hold what changes.

They come from the runtime's own table, by the classes that they are made of, so unsupervised ones are found too, and
nobody is asked. A process of quite another class that has instances of a changed class in its state, its mailbox or its
tables (a cache, a queue) is touched as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import final

from otpy.behaviours.behaviour import Behaviour, put_aside
from otpy.behaviours.events.manager import EventManager, installed_in
from otpy.behaviours.migrations import reaches
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process
from otpy.upgrade.belongings import content_of

Concerned = Callable[[type], bool]


def nobody(_kind: type) -> bool:
    """Whether an upgrade that pauses nobody concerns a class: no."""
    return False


def concerns(modules: Collection[str]) -> Concerned:
    """Return the question whether an upgrade of *modules* concerns processes of a class: it, or one of its bases.

    Only processes that can change their class are concerned: servers, supervisors and actors.
    """

    @cache
    def concerned(kind: type) -> bool:
        return issubclass(kind, (Behaviour, Actor)) and any(base.__module__ in modules for base in kind.__mro__)

    return concerned


def processes_of(concerned: Concerned, processes: Iterable[Process]) -> list[Process]:
    """Return the living ones of *processes* that are *concerned*: their class, or that of a handler which they have."""
    return [p for p in processes if is_concerned(p, concerned) and p.exit_reason is None]


def is_concerned(process: Process, concerned: Concerned) -> bool:
    """Whether the class of *process*, or that of a handler which it has, is *concerned*."""
    kind = type(process.actor)
    return concerned(kind) or (issubclass(kind, EventManager) and any(map(concerned, kinds_of(process))))


def kinds_of(process: Process) -> tuple[type, ...]:
    """Return the class of *process* and those of the handlers that it has; none if it has just ended."""
    kind = kind_of(process)
    return () if kind is None else tuple({kind: None} | dict.fromkeys(each.kind for each in installed_in(process)))


def kind_of(process: Process) -> type | None:
    """Return the class of *process*; None if it has just ended, for it lets go of its actor then."""
    actor = process.actor
    return None if actor is None else type(actor)


def one_of_each(processes: Iterable[Process]) -> dict[type, Process]:
    """Return the classes of *processes* and of their handlers, each with one that has it.

    There may be a hundred thousand of them, and they may rest.
    """
    everybody = list(processes)
    found = {type(process.actor): process for process in everybody}
    found.pop(type(None), None)  # of those that have just ended
    if any(issubclass(kind, EventManager) for kind in found):
        found |= {each.kind: process for process in everybody for each in installed_in(process)}
    return found


@final
class Holders:
    """Finds those who have an instance of one of *classes* in their state, their mailbox, or what they own."""

    def __init__(self, classes: Collection[type]) -> None:
        self._classes = classes
        self._looked_at: dict[Process, int] = {}

    def among(self, processes: Iterable[Process]) -> list[Process]:
        """Return those of *processes* that have one now; who has done nothing since the last time is not looked at.

        They run while they are looked at, so this is what was true at some moment of the look.
        """
        return [process for process in processes if self._is_new(process)] if self._classes else []

    def _is_new(self, process: Process) -> bool:
        handled = process.reductions
        if self._looked_at.get(process) == handled and not process.mailbox and not process.held:
            return False
        self._looked_at[process] = handled
        return _holds(process, self._classes)


def _holds(process: Process, classes: Collection[type]) -> bool:
    if process.exit_reason is not None or not isinstance(process.actor, Behaviour | Actor):
        return False
    own = process.state if isinstance(process.actor, Behaviour) else process.actor.__dict__
    aside = (*put_aside(process), *content_of(process))
    waiting = (*(process.held or ()), *(process.mailbox or ()))
    return reaches((own, aside) if aside else own, classes) or (bool(waiting) and reaches(waiting, classes))
