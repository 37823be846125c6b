"""The attributes that a plain class speaks of: what its instances had and no code of it names any more, they may lose.

Compiled code is asked and not the source, which may be out of reach; so a name that has gone from the class has gone
for sure, and one that only looks like an attribute is kept.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any


def mentioned(cls: type) -> frozenset[str]:
    """Return every name that *cls* and its bases use, in code, in strings or as members: attributes are among them."""
    found: set[str] = set()
    for base in cls.__mro__:
        members = vars(base)
        annotations: Any = members.get("__annotations__")
        found.update(members, annotations if isinstance(annotations, dict) else ())  # `type` has a descriptor there
        for code in _codes(list(members.values())):
            found.update(code.co_names)
            found.update(_strings(code.co_consts))
    return frozenset(found)


def _codes(todo: list[Any]) -> Iterator[types.CodeType]:
    """Yield the code of all functions in *todo*, of what they wrap, and of the functions inside them."""
    seen: set[int] = set()
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        match thing:
            case types.CodeType():
                yield thing
                todo += [part for part in thing.co_consts if isinstance(part, types.CodeType)]
            case types.FunctionType():
                todo.append(thing.__code__)
                todo += _contents(thing.__closure__ or ())
            case staticmethod() | classmethod():
                todo.append(thing.__func__)
            case property():
                todo += [thing.fget, thing.fset, thing.fdel]
            case functools.cached_property() | functools.partialmethod():
                todo.append(thing.func)
            case _:
                pass


def _contents(cells: tuple[types.CellType, ...]) -> Iterator[Any]:
    for cell in cells:
        try:
            yield cell.cell_contents
        except ValueError:  # an empty cell
            continue


def _strings(constants: tuple[Any, ...]) -> Iterator[str]:
    """Yield the strings among *constants*, those in tuples too: the names of keyword arguments stand in one."""
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple):
            yield from _strings(constant)
