"""The `from` imports in a syntax tree, with the full names of the modules. Pure."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.util import resolve_name
from typing import Final


def from_imports(tree: ast.AST, package: str) -> Iterator[tuple[str, ast.alias]]:
    """Module and name of each `from … import …` in *tree* that is not inside a function or class.

    *package*: where relative imports start from.
    """
    for node in imports_in(tree):
        if isinstance(node, ast.ImportFrom):
            module = absolute(node, package)
            yield from ((module, alias) for alias in node.names)


def imports_in(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements in *tree* that are not inside a function or class."""
    if isinstance(tree, (ast.Import, ast.ImportFrom)):
        yield tree
    elif isinstance(tree, (ast.Module, *BLOCKS)):
        for child in ast.iter_child_nodes(tree):
            yield from imports_in(child)


BLOCKS: Final = (
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
    ast.TryStar,
    ast.ExceptHandler,
    ast.Match,
    ast.match_case,
)
"""Statements of a module that may have import statements in them."""


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The full name of the module that a `from` import names; empty if it leads out of the package."""
    if not node.level:
        return node.module or ""
    try:
        return resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:
        return ""


def imported_modules(nodes: Iterable[ast.AST], package: str) -> set[str]:
    """The modules, and what could be modules, that these statements import when they run."""
    found: set[str] = set()
    for node in nodes:
        for statement in imports_in(node):
            if isinstance(statement, ast.ImportFrom):
                module = absolute(statement, package)
                found |= {module, *(f"{module}.{alias.name}" for alias in statement.names)}
            else:
                found.update(alias.name for alias in statement.names)
    return found


def import_order(imports: Mapping[str, Collection[str]]) -> list[list[str]]:
    """The modules, those that others import before them; those that import each other in a ring are one list.

    *imports*: whom each module imports. Inside a ring, and where nothing else decides, the order is as given.
    """
    return Rings(imports).found


class Rings:
    """Strongly connected modules. Source: R. Tarjan, "Depth-first search and linear graph algorithms", 1972."""

    def __init__(self, imports: Mapping[str, Collection[str]]) -> None:
        self.found: list[list[str]] = []
        self.given = {name: place for place, name in enumerate(imports)}
        self.edges = {
            name: iter(sorted(self.given.keys() & set(used), key=self.given.__getitem__))
            for name, used in imports.items()
        }
        self.places: dict[str, int] = {}
        self.lowest: dict[str, int] = {}
        """Of those that are in no ring yet: the first place that they lead back to."""
        self.stack: list[str] = []
        for name in imports:
            if name not in self.places:
                self._visit(name)

    def _enter(self, name: str) -> str:
        self.places[name] = self.lowest[name] = len(self.places)
        self.stack.append(name)
        return name

    def _visit(self, root: str) -> None:
        path = [self._enter(root)]
        while path:
            name = path[-1]
            fresh = self._next(name)
            if fresh is not None:
                path.append(self._enter(fresh))
                continue
            path.pop()
            if path:
                self.lowest[path[-1]] = min(self.lowest[path[-1]], self.lowest[name])
            if self.lowest[name] == self.places[name]:
                self._close(name)

    def _next(self, name: str) -> str | None:
        for other in self.edges[name]:
            if other not in self.places:
                return other
            if other in self.lowest:
                self.lowest[name] = min(self.lowest[name], self.places[other])
        return None

    def _close(self, name: str) -> None:
        start = self.stack.index(name)
        ring = self.stack[start:]
        del self.stack[start:]
        for each in ring:
            del self.lowest[each]
        self.found.append(sorted(ring, key=self.given.__getitem__))
