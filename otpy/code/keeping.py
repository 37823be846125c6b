"""Which members of a live class stay as they are when its body is run anew. Pure.

A class that is edited has all of its body run, beside the live one. Members whose statement did not change keep their
live values, as module variables do: `instances = {}` has entries by now. So do members that were set at run time.
What is made of a name that has another value now is made anew, whether that is a global or stands in the class too.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from enum import EnumMeta
from types import MemberDescriptorType
from typing import Any

from otpy.code.differences import members
from otpy.code.names import FunctionNode, Names
from otpy.code.shapes import SCOPES, same
from otpy.code.values import is_literal_state, same_plain


def kept_members(
    live: type, ghost: type, nodes: tuple[ast.ClassDef, ast.ClassDef], changed: Collection[str]
) -> Iterator[tuple[type, str]]:
    """The members of *live*, and of classes defined in it, that stay.

    *nodes*: the old and the new class statement. *changed*: global names that are other than before.
    """
    old, new = map(members, nodes)
    gone = [old[name] for name in old.keys() - new.keys()]
    others = {*changed, *names_in(gone).binds}
    for name, statement in new.items():
        was, inner, made = old.get(name), vars(live).get(name), vars(ghost).get(name)
        if isinstance(was, ast.ClassDef) and isinstance(statement, ast.ClassDef):
            if isinstance(inner, type) and isinstance(made, type):
                yield from kept_members(inner, made, (was, statement), others)
        elif was is not None and name in vars(live) and is_kept(was, statement, inner, others):
            if not isinstance(live, EnumMeta):
                yield live, name
        elif not isinstance(statement, FunctionNode):  # a function stays what it is, whatever becomes of its body
            found = names_in([statement])
            if was is None or not same(was, statement) or not found.uses.isdisjoint(others):
                others |= {n for n in found.binds if not same_plain(vars(live).get(n), vars(ghost).get(n))}
    for name, value in vars(live).items():
        if type(value) is not MemberDescriptorType and is_set_at_run_time(name, old, vars(ghost)):  # no place of a slot
            yield live, name


def class_called(name: str, statement: ast.stmt) -> ast.ClassDef | None:
    """The class *name* that *statement* is, or that stands in it, as in an `if`; None if there is none, or several."""
    found: list[ast.ClassDef] = []
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.ClassDef) and node.name == name:
            found.append(node)
        elif not isinstance(node, SCOPES):
            todo += ast.iter_child_nodes(node)
    return found[0] if len(found) == 1 else None


def is_kept(was: ast.stmt, statement: ast.stmt, value: object, changed: Collection[str]) -> bool:
    """Whether a class attribute keeps the *value* that it has."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
        return False
    if hasattr(type(value), "__get__"):
        return False  # something that a decorator or metaclass has made of it, such as a field of a NamedTuple
    if not same(was, statement):
        return isinstance(was, ast.Assign) and is_literal_state(was, value)
    return names_in([statement.value]).uses.isdisjoint(changed)


def names_in(nodes: Iterable[ast.AST]) -> Names:
    """The names that some statements of a class bind and use."""
    names = Names(lazy_annotations=True)
    for node in nodes:
        names.visit(node)
    return names


def is_set_at_run_time(name: str, old: Collection[str], ghost: Any) -> bool:
    """Whether a member is neither from the text of the class nor made by a decorator or metaclass."""
    return not (name.startswith("__") and name.endswith("__")) and name not in old and name not in ghost
