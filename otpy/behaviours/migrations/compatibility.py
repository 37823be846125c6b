"""Would this state do with that version of its module? Tried on copies, before anything is done."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from otpy.behaviours.migrations import Difference, Migration, Report, difference, shape_of, with_renames
from otpy.behaviours.migrations.report import NOTHING, class_name
from otpy.behaviours.migrations.scan import Scan
from otpy.errors import MigrationFailed


@dataclass(frozen=True, slots=True)
class Compatibility:
    """Whether a state can go over to a version of a module by itself."""

    compatible: bool
    problem: str = ""
    """Why not."""
    differences: Mapping[str, Difference] = field(default_factory=dict)
    """By class name, what its instances need; classes without any are left out."""
    report: Report = NOTHING
    """What the migration would do."""

    def __bool__(self) -> bool:
        """Whether it can."""
        return self.compatible

    def __str__(self) -> str:
        """One line for each class, and the problem."""
        lines = [f"{name}: {change}" for name, change in self.differences.items()]
        return "\n".join([*lines, *([self.problem] if self.problem else [])]) or "compatible"


def compatibility(state: object, module: ModuleType | Mapping[str, Any], *, name: str | None = None) -> Compatibility:
    """Try whether *state* can go over to the classes of *module*, which has another version of its own.

    *module* is a module, or the names that one would have, and then *name* is what it is called. The state is looked
    at, and copied where it has to change; it stays as it is.
    """
    namespace = vars(module) if isinstance(module, ModuleType) else module
    called = name or str(namespace.get("__name__", ""))
    replaced = successors(state, {called: namespace})
    found = {cls: new for cls, new in replaced.items() if new is not None}
    differences = {class_name(cls): difference(shape_of(cls), shape_of(new)) for cls, new in found.items()}
    differences = {cls: change for cls, change in differences.items() if change}
    try:
        made = Migration(replaced).migrate(state)
    except MigrationFailed as error:
        return Compatibility(False, str(error), differences)
    return Compatibility(True, "", differences, made.report)


def successors(state: object, namespaces: Mapping[str, Mapping[str, Any]]) -> dict[Any, Any]:
    """The classes of the objects in *state* that are others in *namespaces*, with those; None for one that is gone."""
    replaced: dict[type, type | None] = {}
    for cls in classes_in(state):
        namespace = namespaces.get(cls.__module__)
        if namespace is not None and "<locals>" not in cls.__qualname__:
            found = _found(namespace, cls.__qualname__)
            if found is not cls:
                replaced[cls] = found
    return with_renames(replaced, namespaces)


def current_successors(state: object) -> dict[Any, Any]:
    """As `successors`, for the modules that are loaded."""
    modules = {cls.__module__ for cls in classes_in(state)} & sys.modules.keys()
    return successors(state, {name: vars(sys.modules[name]) for name in modules})


def classes_in(state: object) -> set[type]:
    """The classes of all objects that can be reached from *state*, and those that it refers to."""
    found: set[type] = set()
    for things, kinds in Scan(()).levels(state):
        found |= kinds
        if any(issubclass(kind, type) for kind in kinds):
            found.update(thing for thing in things if isinstance(thing, type))
    return found


def _found(namespace: Mapping[str, Any], name: str) -> type | None:
    first, *rest = name.split(".")
    found: Any = namespace.get(first)
    for part in rest:
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None
