"""In which order modules are loaded, by who imports whom. Pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Mapping

from otpy.code.imports import from_imports


def in_import_order(trees: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Return the modules with those that others import before them, and whom of them each imports.

    In a ring of imports, as in Python's own, whoever is asked for first comes last.
    """
    imports = {name: set(_imports(name, tree, trees)) & trees.keys() - {name} for name, tree in trees.items()}
    ordered: dict[str, set[str]] = {}
    seen: set[str] = set()
    stack = [(name, False) for name in reversed(list(trees))]
    while stack:
        name, its_imports_are_done = stack.pop()
        if its_imports_are_done:
            ordered[name] = imports[name]
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            stack += [(other, False) for other in sorted(imports[name] - seen, reverse=True)]
    return ordered


def _imports(name: str, tree: ast.Module, given: Collection[str]) -> Iterator[str]:
    """Yield the modules, and what could be modules, that *tree* imports when it is run."""
    for module, alias in from_imports(tree, _package(name, given)):
        yield module
        yield f"{module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _package(name: str, given: Collection[str]) -> str:
    """Return where the relative imports of module *name* start from: itself, if it is a package."""
    live = sys.modules.get(name)
    is_package = hasattr(live, "__path__") or any(other.startswith(f"{name}.") for other in given)
    return name if is_package else name.rpartition(".")[0]
