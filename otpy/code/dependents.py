"""Other modules that have imported from this one: `from shop import price as p`, `import shop`.

A function or class that the module itself defined is known by identity wherever it is. Any other value (the number 5,
the root logger) may be the same object in modules that have nothing to do with this one; there the import statement in
the dependent's source is the proof.

Modules of the standard library, and of installed distributions when the edited module is not of one, import nothing
from it and are not looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any, Final

from otpy.code.baseline import source_of
from otpy.code.compiler import parse
from otpy.code.history import histories
from otpy.code.imports import from_imports, import_order, imported_modules
from otpy.errors import CompilationFailed

INSTALLED: Final = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Binding:
    """The global *name* of *dependent* is what *exported* was in the module."""

    dependent: ModuleType
    name: str
    exported: str

    def __str__(self) -> str:
        return f"{self.dependent.__name__}.{self.name}"


@dataclass(frozen=True, slots=True)
class Imports:
    """What a module imports at module level, by its text."""

    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Local name → (module, name)."""
    modules: frozenset[str] = frozenset()
    """All that it imports, or imports names from, also those of which `from … import *` takes all."""
    stars: frozenset[str] = frozenset()


# -- who uses it -----------------------------------------------------------------------------------


def dependents_of(names: Collection[str]) -> tuple[str, ...]:
    """The loaded modules that import one of *names*, directly or through others, those first that others import.

    Modules of *names* themselves are not among them.
    """
    users: dict[str, list[str]] = {}
    imports: dict[str, frozenset[str]] = {}
    for module in candidates(names):
        imports[module.__name__] = used = imports_of(module).modules
        for other in used:
            users.setdefault(other, []).append(module.__name__)
    reached = set(names)
    todo = list(names)
    while todo:
        more = set(users.get(todo.pop(), ())) - reached
        reached |= more
        todo += more
    found = {name: imports[name] for name in imports if name in reached and name not in names}
    return tuple(name for ring in import_order(found) for name in ring)


def importers(name: str, exported: Collection[str]) -> Iterator[tuple[str, set[str]]]:
    """For each name that is imported from module *name* by name: by which loaded modules."""
    found: dict[str, set[str]] = {}
    for module in candidates([name]):
        if module.__name__ != name:
            for source, imported in imports_of(module).names.values():
                if source == name and imported in exported:
                    found.setdefault(imported, set()).add(module.__name__)
    yield from sorted(found.items())


def bindings(old: Mapping[str, Mapping[str, object]], *, without: Collection[str] = ()) -> dict[str, list[Binding]]:
    """Who has imported the values *old* (by module, and by their names in it)? By module.

    *without*: modules that are not asked.
    """
    by_id: dict[int, list[tuple[str, str]]] = {}
    for name, values in old.items():
        for exported, value in values.items():
            by_id.setdefault(id(value), []).append((name, exported))
    found: dict[str, list[Binding]] = {}
    for dependent in candidates(old) if by_id else ():
        if dependent.__name__ in without:
            continue
        for local, value in list(vars(dependent).items()):
            for name, exported in by_id.get(id(value), ()):
                if name == dependent.__name__:
                    continue
                if is_own(value, name) or imports_name(dependent, name, exported, local):
                    found.setdefault(name, []).append(Binding(dependent, local, exported))
                    break
    return found


def is_own(value: object, name: str) -> bool:
    """Whether *value* is a function or class that module *name* has defined."""
    return isinstance(value, (type, FunctionType)) and value.__module__ == name


def imports_name(dependent: ModuleType, name: str, exported: str, local: str) -> bool:
    """Whether the source of *dependent* says `from name import exported as local` (or `*`) at module level."""
    found = imports_of(dependent)
    return found.names.get(local) == (name, exported) or (local == exported and name in found.stars)


# -- all modules -----------------------------------------------------------------------------------


def candidates(names: Collection[str]) -> list[ModuleType]:
    """The loaded modules that could import one of *names*."""
    installed = any(is_installed(sys.modules.get(name)) for name in names)
    tops = {name.partition(".")[0] for name in names}
    return [
        module
        for key, module in list(sys.modules.items())
        if isinstance(module, ModuleType)
        and module.__name__ == key
        and ((top := key.partition(".")[0]) in tops or top not in NOT_LOOKED_AT)
        and (installed or not is_installed(module))
    ]


NOT_LOOKED_AT: Final = sys.stdlib_module_names | {"otpy"}


def is_installed(module: ModuleType | None) -> bool:
    """Whether *module* is of an installed distribution."""
    file: Any = None if module is None else vars(module).get("__file__")
    return isinstance(file, str) and any(part in file for part in INSTALLED)


_known: Final[dict[str, tuple[ModuleType, object, Imports]]] = {}
"""By module name: the module, what its text was from, and what that imports."""


def imports_of(module: ModuleType) -> Imports:
    """What *module* imports; nothing, if its text is not known."""
    name = module.__name__
    origin = histories.current(name) or getattr(module, "__spec__", None)
    known = _known.get(name)
    if known is not None and known[0] is module and known[1] is origin:
        return known[2]
    source = source_of(name)
    found = read_imports(source, getattr(module, "__package__", None) or "") if source is not None else Imports()
    _known[name] = module, origin, found
    return found


def read_imports(source: str, package: str) -> Imports:
    """What a module with the text *source* imports; *package*: where relative imports start from."""
    try:
        tree = parse(source)
    except CompilationFailed:
        return Imports()
    names: dict[str, tuple[str, str]] = {}
    stars: set[str] = set()
    for module, alias in from_imports(tree, package):
        if alias.name == "*":
            stars.add(module)
        else:
            names[alias.asname or alias.name] = (module, alias.name)
    return Imports(names, frozenset(imported_modules([tree], package)), frozenset(stars))
