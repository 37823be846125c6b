"""Whom an upgrade touches: modules that use what is reloaded, and processes whose behaviour is from one of them.

The processes come from the runtime's own table, by the classes that they are made of, so unsupervised ones are found
too, and nobody is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from functools import cache
from types import ModuleType

from otpy.behaviours.gen_server import Behaviour
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process


def dependents(changed: Collection[str]) -> tuple[str, ...]:
    """Return the loaded modules that use one of *changed*, directly or through others, without *changed* themselves."""
    users = {name: _used_by(module) for name, module in tuple(sys.modules.items()) if isinstance(module, ModuleType)}
    reached = set(changed)
    found: list[str] = []
    grown = bool(changed)
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
    used = {_origin(value) for value in tuple(vars(module).values())}
    used.discard(module.__name__)
    return used


def _origin(value: object) -> str:
    try:
        name: object = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    except Exception:  # noqa: BLE001 - proxies and the like run code of their own, and are nobody's definition
        return ""
    return name if isinstance(name, str) else ""


def concerns(modules: Collection[str]) -> Callable[[type], bool]:
    """Return the question whether an upgrade of *modules* concerns processes of a class: it, or one of its bases.

    Only processes that can change their class are concerned: servers, supervisors and actors.
    """

    @cache
    def concerned(kind: type) -> bool:
        return issubclass(kind, (Behaviour, Actor)) and any(base.__module__ in modules for base in kind.__mro__)

    return concerned


def processes_of(concerned: Callable[[type], bool], processes: Iterable[Process]) -> list[Process]:
    """Return the living ones of *processes* whose class is *concerned*."""
    return [p for p in processes if concerned(type(p.actor)) and p.exit_reason is None]
