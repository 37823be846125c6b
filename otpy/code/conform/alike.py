"""Whether a value is what the live one is already, so that the live object can stay. Compares; calls no user code."""

from __future__ import annotations

import functools
import sys
import typing
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from types import MethodType
from typing import Any, Final

from otpy.code.holders import attributes_of
from otpy.code.values import same_plain

TRANSPARENT_MODULES: Final = frozenset({"dataclasses", "functools", "attr._make", "typing", "enum"})
"""Where classes come from whose instances are no more than their attributes: `Field`, `cached_property` and so on."""

Place = Callable[[Any], Any]
LAZY: Final = frozenset(
    getattr(typing, name)
    for name in ("ParamSpec", "TypeAliasType", "TypeVar", "TypeVarTuple")
    if sys.version_info >= (3, 12)
)
"""What only tells what it is made of when it is asked, which may run code."""


def alike(live: Any, new: Any, place: Place, depth: int = 8) -> bool:
    """Whether *new* is, part by part, what *live* is, once *place* has been asked for each part."""
    new = place(new)
    if live is new or same_plain(live, new):
        return True
    if type(live) is not type(new) or depth == 0:
        return False
    same = functools.partial(alike, place=place, depth=depth - 1)
    match live:
        case tuple() | list() if type(live) in {tuple, list}:
            return len(live) == len(new) and all(map(same, live, new))
        case dict() if type(live) is dict:
            return same(list(live), list(new)) and all(
                same(live[key], value) for key, value in zip(live, new.values(), strict=True)
            )
        case set() | frozenset() if type(live) in {set, frozenset}:
            return same_members(live, set(map(place, new)))
        case staticmethod() | classmethod():
            return same(live.__func__, new.__func__)
        case property():
            return all(same(getattr(live, n), getattr(new, n)) for n in ("fget", "fset", "fdel", "__doc__"))
        case MethodType():
            return same(live.__func__, new.__func__) and same(live.__self__, new.__self__)
        case _:
            known = type(live).__module__ in TRANSPARENT_MODULES and type(live) not in LAZY
            return known and same(attributes_of(live), attributes_of(new))


def same_members(live: AbstractSet[Any], new: AbstractSet[Any]) -> bool:
    """Whether two sets have the very same objects, or the same names."""
    if all(type(item) is str for item in (*live, *new)):
        return live == new
    return set(map(id, live)) == set(map(id, new))
