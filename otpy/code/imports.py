"""The `from` imports in a syntax tree, with the full names of the modules. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import resolve_name


def from_imports(tree: ast.AST, package: str) -> Iterator[tuple[str, ast.alias]]:
    """Module and name of each `from … import …` in *tree* that is not inside a function or class.

    *package*: where relative imports start from.
    """
    if isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return
    if isinstance(tree, ast.ImportFrom):
        module = absolute(tree, package)
        yield from ((module, alias) for alias in tree.names)
    for child in ast.iter_child_nodes(tree):
        yield from from_imports(child, package)


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The full name of the module that a `from` import names; empty if it leads out of the package."""
    if not node.level:
        return node.module or ""
    try:
        return resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:
        return ""
