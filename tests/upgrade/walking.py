"""All that there is under some objects of test modules, as a value: to see whether anything became another object."""

from __future__ import annotations

import gc
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, Final
from weakref import WeakKeyDictionary

from otpy.code.holders import slots_of

PREFIX: Final = "r_"
"""What the names of the modules begin with that are walked; what belongs to others is one object."""


def all_of(*roots: object) -> dict[str, object]:
    """Return what there is under *roots*, by the way to it: which object it is, or the value if it is a plain one."""
    gc.collect()  # classes that nobody has any more are still known to their bases
    found: dict[str, object] = {}
    seen: set[int] = set()
    todo: list[tuple[str, Any]] = [(str(number), root) for number, root in enumerate(roots)]
    while todo:
        way, value = todo.pop()
        found[way] = value if type(value) in (int, str) else (type(value), id(value))
        if id(value) not in seen:
            seen.add(id(value))
            todo += [(f"{way}.{name}", part) for name, part in _parts(value)]
    return found


def _parts(value: Any) -> Iterable[tuple[object, Any]]:
    known = _PARTS.get(type(value))
    if known is not None:
        return known(value)
    if isinstance(value, staticmethod | classmethod):
        return [("function", value.__func__)]
    if isinstance(value, type):
        return _of_class(value) if value.__module__.startswith(PREFIX) else ()
    return _of_instance(value) if type(value).__module__.startswith(PREFIX) else ()


def _items(mapping: dict[Any, Any]) -> Iterator[tuple[object, Any]]:
    return ((repr(key), part) for key, part in mapping.items() if key != "__builtins__")


def _of_module(module: ModuleType) -> Iterable[tuple[object, Any]]:
    return _items(vars(module)) if module.__name__.startswith(PREFIX) else ()


def _of_function(function: FunctionType) -> Iterator[tuple[object, Any]]:
    if function.__module__.startswith(PREFIX):
        yield from enumerate(cell.cell_contents for cell in function.__closure__ or ())
        for name in ("__code__", "__defaults__", "__kwdefaults__", "__dict__"):
            yield name, getattr(function, name)


def _of_class(cls: type) -> Iterator[tuple[object, Any]]:
    yield from vars(cls).items()
    yield from enumerate((*cls.__bases__, *type.__subclasses__(cls)))


def _of_instance(value: Any) -> Iterator[tuple[object, Any]]:
    fields = getattr(value, "__struct_fields__", ())
    yield from ((name, getattr(value, name)) for name in (*slots_of(type(value)), *fields))
    yield from vars(value).items() if hasattr(value, "__dict__") else ()


def _of_set(value: set[Any]) -> Iterable[tuple[object, Any]]:
    return enumerate(sorted(value, key=repr))


def _of_property(value: property) -> Iterable[tuple[object, Any]]:
    return enumerate((value.fget, value.fset))


def _of_cache(value: Any) -> Iterable[tuple[object, Any]]:
    return enumerate(value.cache_info())


_PARTS: Final[dict[type, Callable[[Any], Iterable[tuple[object, Any]]]]] = {
    **dict.fromkeys((dict, defaultdict), _items),
    **dict.fromkeys((list, tuple, deque), enumerate),
    set: _of_set,
    ModuleType: _of_module,
    FunctionType: _of_function,
    property: _of_property,
    type(lru_cache(len)): _of_cache,
    **dict.fromkeys((SimpleNamespace, WeakKeyDictionary), _of_instance),
}
