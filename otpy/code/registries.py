"""What running a version has put into containers of the live program: `REGISTRY.append(f)`, `@HANDLERS.setdefault`.

Code that registers itself reaches out of its scratch namespace. What it has put there, as far as it was made there, is
taken out again when the version is given up. Containers that are values of module or class attributes are looked at,
of the modules that are prepared and of those that they import; and those of objects there, as of a web application,
which has a router, which has a list of routes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any, Final, TypeAlias, final

from otpy.code.journal import MISSING, Journal
from otpy.code.scratch import Scratch

MAX_ITEMS: Final = 100_000
MAX_OBJECTS: Final = 1_000
"""So many objects of one module are looked into, and"""
MAX_DEPTH: Final = 2
"""so far from its namespace: an application, and its router."""

Container: TypeAlias = "dict[Any, Any] | list[Any] | set[Any]"


@final
class Registries:
    """The containers of some modules, as they are now."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        found = {id(c): c for module in modules for c in containers_in(module) if len(c) <= MAX_ITEMS}
        self.before: list[tuple[Container, Container]] = [(c, c.copy()) for c in found.values()]

    def note_additions(self, scratches: Collection[Scratch], journal: Journal) -> None:
        """Write to *journal* how to take out what was made in *scratches* and has been put into a container since."""
        made = Made(scratches)
        for container, before in self.before:
            if isinstance(container, dict):
                assert isinstance(before, dict)
                for key, value in list(container.items()):
                    if before.get(key, MISSING) is not value and (made.holds(value) or made.holds(key)):
                        journal.write(f"registered {key!r}", taking_out_of_dict(container, key, value, before))
            elif len(container) > len(before):
                old = set(map(id, before))
                for value in [v for v in list(container) if id(v) not in old and made.holds(v)]:
                    journal.write(f"registered {value!r}", taking_out(container, value))


@final
class Made:
    """Tells what was made while some modules ran."""

    def __init__(self, scratches: Collection[Scratch]) -> None:
        self.namespaces = {id(scratch.namespace) for scratch in scratches}
        self.values = {id(s.namespace.get(name)) for s in scratches for name in s.changed if name in s.namespace}

    def holds(self, value: Any, depth: int = 2) -> bool:
        """Whether *value* was made there, or is a tuple or the like, or an object, with such a thing in it."""
        if type(value) is FunctionType:
            return id(value.__globals__) in self.namespaces
        if type(value) in (tuple, list, set, frozenset) and depth:
            return any(self.holds(part, depth - 1) for part in value)
        return id(value) in self.values or (depth > 0 and any(self.holds(p, 0) for p in attributes_of(value).values()))


def taking_out_of_dict(container: dict[Any, Any], key: Any, value: Any, before: dict[Any, Any]) -> Callable[[], None]:
    """The inverse of an item that was set."""

    def take_out() -> None:
        if container.get(key, MISSING) is not value:
            return
        if key in before:
            container[key] = before[key]
        else:
            del container[key]

    return take_out


def taking_out(container: list[Any] | set[Any], value: Any) -> Callable[[], None]:
    """The inverse of an addition."""

    def take_out() -> None:
        if isinstance(container, set):
            container.discard(value)
            return
        for index in reversed(range(len(container))):
            if container[index] is value:
                del container[index]
                return

    return take_out


def containers_in(module: ModuleType) -> Iterator[Container]:
    """The containers that are values in the namespace of *module*, in that of one of its classes, or in its objects."""
    seen: set[int] = set()
    for name, value in list(vars(module).items()):
        if type(value) in (dict, list, set) and name != "__builtins__":
            yield value
        elif isinstance(value, type) and value.__module__ == module.__name__:
            yield from (v for v in list(vars(value).values()) if type(v) in (dict, list, set))
        else:
            yield from _containers_of(value, MAX_DEPTH, seen)


def _containers_of(value: object, depth: int, seen: set[int]) -> Iterator[Container]:
    attributes = attributes_of(value)
    if not attributes or id(value) in seen or len(seen) >= MAX_OBJECTS:
        return
    seen.add(id(value))
    for part in list(attributes.values()):
        if type(part) in (dict, list, set):
            yield part
        elif depth > 1:
            yield from _containers_of(part, depth - 1, seen)


def attributes_of(value: object) -> dict[str, Any]:
    """The attributes of an instance of a class that the standard library does not have; no code of it is run."""
    kind = type(value)
    if issubclass(kind, type | ModuleType) or kind.__module__.partition(".")[0] in sys.stdlib_module_names:
        return {}
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return attributes if type(attributes) is dict else {}
