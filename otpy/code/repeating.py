"""Which statements of a module that nobody has edited may be run again. Pure.

Running them again must give names their values and do nothing else: no entry twice in a list, no file written again.
"""

from __future__ import annotations

import ast
from typing import Final

from otpy.code.definitions import Definition

BINDING: Final = (ast.If, ast.Try, ast.TryStar)
HARMLESS: Final = (
    *BINDING,
    ast.ExceptHandler,
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
    ast.AnnAssign,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Pass,
)


def only_binds(definition: Definition, *, is_script: bool) -> bool:
    """Whether a statement does nothing but give names their values. In a script nothing but imports counts as such."""
    if definition.kind == "statement":
        return (
            not is_script and all(isinstance(node, BINDING) for node in definition.nodes) and _binds_inside(definition)
        )
    return definition.kind == "import" or not is_script


def _binds_inside(definition: Definition) -> bool:
    """Whether all statements in `if` and `try` blocks are imports, assignments and definitions."""
    todo: list[ast.AST] = list(definition.nodes)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.stmt, ast.ExceptHandler)):
            if not isinstance(node, HARMLESS):
                return False
            if isinstance(node, (*BINDING, ast.ExceptHandler)):
                todo += ast.iter_child_nodes(node)
    return True
