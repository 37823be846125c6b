"""Other modules that have imported a name from this one: `from shop import price as p`.

A function or class that the module itself defined is known by identity wherever it is. Any other value (the number 5,
the root logger) may be the same object in modules that have nothing to do with this one; there the import statement in
the dependent's source is the proof.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType, ModuleType

from otpy.code.baseline import source_of
from otpy.code.imports import from_imports
from otpy.code.journal import Journal


@dataclass(frozen=True, slots=True)
class Binding:
    """The global *name* of *dependent* is what *exported* was in the module."""

    dependent: ModuleType
    name: str
    exported: str


def bindings(name: str, old: Mapping[str, object]) -> Iterator[Binding]:
    """Who has imported the values *old* (by their names in module *name*)?"""
    by_id: dict[int, list[str]] = {}
    for exported, value in old.items():
        by_id.setdefault(id(value), []).append(exported)
    for dependent in list(sys.modules.values()):
        if not isinstance(dependent, ModuleType) or dependent.__name__ == name:
            continue
        for local, value in list(vars(dependent).items()):
            for exported in by_id.get(id(value), ()):
                if is_own(value, name) or imports(dependent, name, exported, local):
                    yield Binding(dependent, local, exported)
                    break


def rebind(name: str, old: Mapping[str, object], new: Mapping[str, object], journal: Journal) -> tuple[str, ...]:
    """Give all who imported one of *old* from module *name* what *new* has by the same name.

    Returns what was rebound, as `module.name`.
    """
    found = list(bindings(name, old))
    for binding in found:
        journal.set_item(
            vars(binding.dependent), binding.name, new[binding.exported], f"{binding.dependent.__name__}.{binding.name}"
        )
    return tuple(f"{b.dependent.__name__}.{b.name}" for b in found)


def is_own(value: object, name: str) -> bool:
    """Whether *value* is a function or class that module *name* has defined."""
    return isinstance(value, (type, FunctionType)) and value.__module__ == name


def imports(dependent: ModuleType, name: str, exported: str, local: str) -> bool:
    """Whether the source of *dependent* says `from name import exported as local` (or `*`) at module level."""
    own_name = dependent.__name__
    if own_name.partition(".")[0] in sys.stdlib_module_names:
        return False
    source = source_of(own_name)
    if source is None or name.rpartition(".")[2] not in source:
        return False
    found = imported_names(source, getattr(dependent, "__package__", None) or "")
    return found.get(local) == (name, exported) or (local == exported and ("*", name) in found.items())


@lru_cache(maxsize=512)
def imported_names(source: str, package: str) -> Mapping[str, object]:
    """Local name → (module, name) of all module-level `from` imports; `"*"` → the last module imported so."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    found: dict[str, object] = {}
    for module, alias in from_imports(tree, package):
        found[alias.asname or alias.name] = module if alias.name == "*" else (module, alias.name)
    return found
