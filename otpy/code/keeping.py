"""Which members of a live class stay as they are when its body is run anew. Pure.

A class that is edited has all of its body run, beside the live one. Members whose statement did not change keep their
live values, as module variables do: `instances = {}` has entries by now. So do members that were set at run time.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from enum import EnumMeta
from types import MemberDescriptorType
from typing import Any

from otpy.code.differences import members
from otpy.code.names import Names
from otpy.code.shapes import same
from otpy.code.values import is_literal_state


def kept_members(
    live: type, ghost: type, nodes: tuple[ast.ClassDef, ast.ClassDef], changed: Collection[str]
) -> Iterator[tuple[type, str]]:
    """The members of *live*, and of classes defined in it, that stay.

    *nodes*: the old and the new class statement. *changed*: global names that are other than before.
    """
    old, new = map(members, nodes)
    for name, statement in new.items():
        was = old.get(name)
        if was is None or name not in vars(live):
            continue
        inner, made = vars(live)[name], vars(ghost).get(name)
        if isinstance(was, ast.ClassDef) and isinstance(statement, ast.ClassDef):
            if isinstance(inner, type) and isinstance(made, type):
                yield from kept_members(inner, made, (was, statement), changed)
        elif not isinstance(live, EnumMeta) and is_kept(was, statement, inner, changed):
            yield live, name
    for name, value in vars(live).items():
        if type(value) is not MemberDescriptorType and is_set_at_run_time(name, old, vars(ghost)):  # no place of a slot
            yield live, name


def is_kept(was: ast.stmt, statement: ast.stmt, value: object, changed: Collection[str]) -> bool:
    """Whether a class attribute keeps the *value* that it has."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
        return False
    if hasattr(type(value), "__get__"):
        return False  # something that a decorator or metaclass has made of it, such as a field of a NamedTuple
    if not same(was, statement):
        return isinstance(was, ast.Assign) and is_literal_state(was, value)
    names = Names(lazy_annotations=True)
    names.visit(statement.value)
    return names.uses.isdisjoint(changed)


def is_set_at_run_time(name: str, old: Collection[str], ghost: Any) -> bool:
    """Whether a member is neither from the text of the class nor made by a decorator or metaclass."""
    return not (name.startswith("__") and name.endswith("__")) and name not in old and name not in ghost
