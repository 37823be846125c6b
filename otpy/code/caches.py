"""`functools.lru_cache`: what was computed by the old body of a function is not to be given for the new one."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any, Final, final

from otpy.code.journal import Journal
from otpy.code.values import wrapped_in

LRU_WRAPPER: Final = type(functools.lru_cache(lambda: None))


@final
class Caches:
    """The caches around some functions, as far as their modules and classes show them.

    What a cached function calls is not followed: `@cache def pool(): return Pool()` is to keep its pool when the body
    of a method of Pool is edited.
    """

    def __init__(self, functions: Iterable[FunctionType] = ()) -> None:
        edited = {id(function) for function in functions}
        namespaces = {id(function.__globals__): function.__globals__ for function in functions} if edited else {}
        self.caches = [c for n in namespaces.values() for c in caches_in(n) if id(innermost(c)) in edited]

    def clear_at_undo(self, journal: Journal) -> None:
        """To be called first, so that it is done last when all is taken back."""
        if self.caches:
            journal.write("caches", self.clear)

    def clear(self) -> None:
        """Forget all results. There is no way back, and none is needed."""
        for cache in self.caches:
            cache.cache_clear()


def caches_in(namespace: dict[str, Any]) -> Iterator[Any]:
    """The caches in a namespace, and in the classes in it."""
    for value in list(namespace.values()):
        if type(value) is LRU_WRAPPER:
            yield value
        elif isinstance(value, type) and value.__module__ == namespace.get("__name__"):
            for member in list(vars(value).values()):
                inner = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
                if type(inner) is LRU_WRAPPER:
                    yield inner


def innermost(wrapper: object) -> object:
    """What is inside all wrappers."""
    seen: set[int] = set()
    while (inner := wrapped_in(wrapper)) is not None and id(wrapper) not in seen:
        seen.add(id(wrapper))
        wrapper = inner
    return wrapper
