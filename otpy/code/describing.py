"""Docstrings and lines of what did not run: classes, and functions whose code stays as it is."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any, Final

from otpy.code.definitions import docstrings
from otpy.code.journal import Journal
from otpy.code.version import Version


def describe(live: ModuleType, previous: Version | None, version: Version, journal: Journal) -> None:
    """Give the module *live*, and what is defined in it, the docstrings and lines of *version*."""
    if previous is None or previous.doc != version.doc:
        journal.set_attribute(live, "__doc__", compiled_doc(version.doc), f"docstring of {version.name}")
    namespace = vars(live)
    before = {d.name: d for d in previous.definitions} if previous is not None else {}
    for definition in version.definitions:
        was = before.get(definition.name)
        if definition.kind in ("function", "class") and (was is None or was.docs != definition.docs):
            old = docstrings(was.nodes) if was is not None else None
            _give_docstrings(namespace, version.name, old, docstrings(definition.nodes), journal)
        if HAS_LINES and definition.kind == "class":
            for qualname, line in class_lines(definition.nodes):
                found = definition_at(namespace, qualname, version.name)
                if isinstance(found, type) and vars(found).get("__firstlineno__", line) != line:
                    journal.set_attribute(found, "__firstlineno__", line, f"line of {qualname}")


HAS_LINES: Final = sys.version_info >= (3, 13)
"""Whether classes know their first line."""


def _give_docstrings(
    namespace: dict[str, Any],
    module: str,
    old: dict[str, str | None] | None,
    new: dict[str, str | None],
    journal: Journal,
) -> None:
    """Set docstrings, where *old* is still what a function or class has: one that a program has set stays."""
    for qualname, doc in new.items():
        if old is not None and old.get(qualname) == doc:
            continue
        found = definition_at(namespace, qualname, module)
        if found is not None and (old is None or found.__doc__ == compiled_doc(old.get(qualname))):
            journal.set_attribute(found, "__doc__", compiled_doc(doc), f"docstring of {qualname}")


def compiled_doc(doc: str | None) -> str | None:
    """What Python makes of a docstring: from 3.13 on, the indentation is taken away."""
    if doc is None:
        return None
    code = compile(
        ast.Module([ast.Expr(ast.Constant(doc, lineno=1, col_offset=0), lineno=1, col_offset=0)], []), "", "exec"
    )
    return str(code.co_consts[0])


def class_lines(nodes: Iterable[ast.stmt]) -> Iterator[tuple[str, int]]:
    """The first line of each class in *nodes*, or in such a class, as Python 3.13 notes it."""
    todo = [("", node) for node in nodes]
    for prefix, node in todo:
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)])
            todo += [(f"{prefix}{node.name}.", inner) for inner in node.body]


def definition_at(namespace: dict[str, Any], qualname: str, module: str) -> Any:
    """The function or class of that qualified name, if it is one, of that module, and is called so."""
    first, *rest = qualname.split(".")
    found = namespace.get(first)
    for part in rest:
        found = vars(found).get(part) if isinstance(found, type) else None
    is_it = isinstance(found, (type, FunctionType)) and found.__qualname__ == qualname and found.__module__ == module
    return found if is_it else None
