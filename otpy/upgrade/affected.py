"""Whom an upgrade touches: modules that use what is reloaded, and processes whose behaviour is from one of them.

The processes come from the runtime's own table, by the classes that they are made of, so unsupervised ones are found
too, and nobody is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from types import ModuleType

from otpy.behaviours.gen_server import Behaviour
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process


def dependents(changed: Collection[str]) -> tuple[str, ...]:
    """Return the loaded modules that use one of *changed*, directly or through others, without *changed* themselves."""
    users = {name: _used_by(module) for name, module in tuple(sys.modules.items()) if isinstance(module, ModuleType)}
    reached = set(changed)
    found: list[str] = []
    grown = True
    while grown:
        grown = False
        for name, used in users.items():
            if name not in reached and not used.isdisjoint(reached):
                reached.add(name)
                found.append(name)
                grown = True
    return tuple(name for name in found if not name.startswith("otpy.") and name != "otpy")


def _used_by(module: ModuleType) -> set[str]:
    """Return the names of the modules that the globals of *module* come from."""
    used: set[str] = set()
    for value in tuple(vars(module).values()):
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str):
            used.add(name)
    used.discard(module.__name__)
    return used


def processes_of(modules: Collection[str], processes: Iterable[Process]) -> list[Process]:
    """Return those of *processes* whose behaviour, or a class that it is derived from, is from one of *modules*."""
    verdicts: dict[type, bool] = {}
    found = []
    for process in processes:
        actor = process.actor
        kind = type(actor)
        if kind not in verdicts:
            verdicts[kind] = is_upgradable(kind) and any(base.__module__ in modules for base in kind.__mro__)
        if verdicts[kind] and process.exit_reason is None:
            found.append(process)
    return found


def is_upgradable(kind: type) -> bool:
    """Whether processes of this class can change their class: servers, supervisors and actors."""
    return issubclass(kind, (Behaviour, Actor))
