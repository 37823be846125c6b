"""`functools.singledispatch`: which implementations of two generic functions correspond."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, MappingProxyType
from typing import Any, TypeGuard

from otpy.code.become import Places


def is_generic(value: object) -> TypeGuard[FunctionType]:
    """Whether *value* is a function that `singledispatch` has made."""
    return type(value) is FunctionType and isinstance(value.__dict__.get("registry"), MappingProxyType)


def same_implementations(live: Any, ghost: Any, places: Places) -> Iterator[tuple[str, object, object]]:
    """Name, live implementation and ghost for each type that both have one for.

    By type and not by name: all of them may be called `_`.
    """
    for cls, implementation in ghost.registry.items():
        was = live.registry.get(places.of(cls))
        if was is not None:
            yield cls.__qualname__, was, implementation


def carry_over(live: Any, ghost: Any, places: Places) -> None:
    """What other modules have registered with *live* is registered with *ghost*, too: they do not run again."""
    known = {places.of(cls) for cls in ghost.registry}
    for cls, implementation in list(live.registry.items()):
        if cls not in known and getattr(implementation, "__module__", live.__module__) != live.__module__:
            ghost.register(cls, implementation)
