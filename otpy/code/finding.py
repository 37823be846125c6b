"""Where the functions of a module are while it lives.

Most are found by walking the namespace. Whether that was all is told by the reference count of the namespace: each
function holds it once, as its globals. Only if there are more (callbacks held by someone else, closures made at run
time) the garbage collector is asked, which takes some 45 ms per million objects.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from types import CellType, FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, Final

MAX_ITEMS: Final = 1000
"""Containers with more items are not walked: they are data."""

MAX_STEPS: Final = 50_000

OPAQUE: Final = frozenset(
    {str, bytes, int, float, bool, type(None), ModuleType, GetSetDescriptorType, MemberDescriptorType}
)


def functions_of(*modules: ModuleType) -> list[list[FunctionType]]:
    """For each module, all functions alive whose globals its namespace is, wherever they are held."""
    found = [walk(vars(m), m.__name__) if others_hold(m, 0) else [] for m in modules]
    if any(others_hold(module, len(known)) for module, known in zip(modules, found, strict=True)):
        return sweep(*map(vars, modules))
    return found


def others_hold(module: ModuleType, known: int) -> bool:
    """Whether something besides *module* and *known* functions holds the namespace of *module*."""
    return references(module) - known > NAMESPACE_REFERENCES


def references(module: ModuleType) -> int:
    """How often the namespace of *module* is held, this question included."""
    return sys.getrefcount(module.__dict__)


NAMESPACE_REFERENCES: Final = references(ModuleType("blank"))


def sweep(*namespaces: dict[str, Any]) -> list[list[FunctionType]]:
    """The same, found among all objects that the garbage collector knows; one pass for all namespaces.

    Not by `gc.get_objects`: for another thread that is making a tuple just then, to hold that tuple is an error.
    """
    found: dict[int, list[FunctionType]] = {id(namespace): [] for namespace in namespaces}
    for thing in gc.get_referrers(*namespaces):
        if type(thing) is FunctionType and id(thing.__globals__) in found:
            found[id(thing.__globals__)].append(thing)
    return [found[id(namespace)] for namespace in namespaces]


def walk(namespace: dict[str, Any], name: str) -> list[FunctionType]:
    """The functions with these globals that are found from the *namespace* of module *name* itself."""
    found: list[FunctionType] = []
    seen: set[int] = set()
    todo = [value for key, value in namespace.items() if key != "__builtins__"]
    while todo and len(seen) < MAX_STEPS:
        thing = todo.pop()
        kind = type(thing)
        if kind in OPAQUE or id(thing) in seen:
            continue
        seen.add(id(thing))
        if kind is FunctionType and thing.__globals__ is namespace:
            found.append(thing)
        todo += parts(thing, name)
    return found


def parts(thing: Any, name: str) -> Iterable[object]:
    """What *thing* holds that may be, or lead to, a function of module *name*."""
    kind = type(thing)  # and not isinstance: that asks proxies, which run code of their own
    known = PARTS.get(kind)
    if known is not None:
        return known(thing)
    if issubclass(kind, type):
        return list(vars(thing).values()) if thing.__module__ == name else ()
    return _parts_of_object(thing, kind, name)


def _items(container: Collection[object]) -> Iterable[object]:
    return list(container) if len(container) <= MAX_ITEMS else ()


def _values(mapping: dict[object, object]) -> Iterable[object]:
    return list(mapping.values()) if len(mapping) <= MAX_ITEMS else ()


def _parts_of_function(function: FunctionType) -> Iterable[object]:
    by_name = function.__kwdefaults__
    return [
        *(function.__closure__ or ()),
        *(function.__defaults__ or ()),
        *(by_name.values() if by_name else ()),
        *vars(function).values(),
    ]


def _contents(cell: CellType) -> Iterator[object]:
    try:
        yield cell.cell_contents
    except ValueError:
        return  # empty so far


def _parts_of_object(thing: Any, kind: type, name: str) -> Iterable[object]:
    """Wrappers of functools, and objects of the module's own classes; those of others are none of ours."""
    if kind.__module__ not in (name, "functools"):
        return ()
    try:
        attributes = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return ()
    return list(attributes.values())


PARTS: Final[dict[type, Callable[[Any], Iterable[object]]]] = {
    FunctionType: _parts_of_function,
    CellType: _contents,
    MethodType: lambda method: (method.__func__, method.__self__),
    property: lambda made: (made.fget, made.fset, made.fdel),
    staticmethod: lambda made: (made.__func__,),
    classmethod: lambda made: (made.__func__,),
    functools.partial: lambda made: (made.func, made.args, made.keywords),
    dict: _values,
    **dict.fromkeys((list, tuple, set, frozenset, deque), _items),
}
