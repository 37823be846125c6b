"""A picture of modules and live objects, to tell whether an upgrade that did not happen has left a trace.

Two pictures of the same roots are equal only if every object that can be reached is the same object, with the same
contents in the same order: globals, class dictionaries, the code, defaults and closures of functions, attributes and
slots of instances, items of containers.
"""

from __future__ import annotations

import functools
import gc
import time
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

Fact: TypeAlias = "tuple[str, object]"
"""Where something stands inside an object, and what stands there."""

Found: TypeAlias = "tuple[str, tuple[Fact, ...]]"
"""Where an object was found first, and what stood in it."""

_PASSING: Final = frozenset({"__builtins__", "__annotations_cache__", "__weakref__"})
"""Names that Python itself fills in when somebody looks."""

_PARTS: Final[Mapping[type, tuple[str, ...]]] = {
    types.MethodType: ("__func__", "__self__"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget", "fset", "fdel"),
    functools.partial: ("func", "args", "keywords"),
}
"""What makes up an object that holds functions."""

_PATIENCE: Final = 2.0
_SMALL = (int, float, complex, str, bytes, bool, type(None))


@final
@dataclass(frozen=True, slots=True)
class Picture:
    """What was found: each object by its id, with where it was found first and what stood in it.

    `seen` keeps the objects, so that no id is given to another while the picture is looked at.
    """

    found: Mapping[int, Found]
    seen: tuple[object, ...]

    def differences(self, later: Picture) -> list[str]:
        """What is not in *later* as it was here, one line for each place."""
        lines: list[str] = []
        for key, (place, facts) in self.found.items():
            if key not in later.found:
                lines.append(f"{place} is reached no more")
                continue
            now = later.found[key][1]
            if now != facts:
                lines += [f"{place}: {change}" for change in _changes(facts, now)]
        lines += [f"{place} is new" for key, (place, _) in later.found.items() if key not in self.found]
        return lines


def take(roots: Mapping[str, object], *, modules: Iterable[str], code_by_value: bool = False) -> Picture:
    """Take a picture of all that is reached from *roots* (name → object) through things of *modules* and containers.

    With *code_by_value*, code that does the same on the same lines counts as the same.
    """
    own = frozenset(modules)
    small = (*_SMALL, types.CodeType) if code_by_value else _SMALL
    found: dict[int, Found] = {0: ("the roots", tuple((name, _shown(value, small)) for name, value in roots.items()))}
    seen: list[object] = []
    waiting: deque[tuple[str, object]] = deque(roots.items())
    while waiting:
        place, thing = waiting.popleft()
        if id(thing) in found or isinstance(thing, small):
            continue
        facts = tuple(_facts(thing, own))
        found[id(thing)] = (place, tuple((name, _shown(value, small)) for name, value in facts))
        seen.append(thing)
        seen += [value for _, value in facts]
        waiting.extend((f"{place}{name}", value) for name, value in facts)
    return Picture(found, tuple(seen))


def assert_same(before: Picture, again: Callable[[], Picture]) -> None:
    """Assert that the picture that *again* takes is as *before*.

    What was given up may live for a moment: in a thread that ends, or as one more subclass until it is collected.
    """
    until = time.monotonic() + _PATIENCE
    differences = before.differences(again())
    while differences and time.monotonic() < until:
        gc.collect()
        differences = before.differences(again())
    assert not differences, "\n".join(differences)


def _shown(value: object, small: tuple[type, ...]) -> object:
    """What is compared: *small* ones by value and type, everything else by identity."""
    return (type(value).__name__, value) if isinstance(value, small) else id(value)


def _changes(before: tuple[Fact, ...], now: tuple[Fact, ...]) -> Iterator[str]:
    old, new = dict(before), dict(now)
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name):
            yield f"{name} was {old.get(name, 'not there')}, is {new.get(name, 'not there')}"
    if old == new:
        yield f"the order was {[name for name, _ in before]}, is {[name for name, _ in now]}"


def _facts(thing: Any, own: frozenset[str]) -> Iterator[Fact]:
    """What stands in *thing*; nothing for what belongs to nobody here."""
    match thing:
        case types.ModuleType():
            if thing.__name__ in own:
                yield from _named(vars(thing))
        case type():
            if thing.__module__ in own:
                yield from _of_class(thing)
        case types.FunctionType():
            if thing.__module__ in own or thing.__globals__.get("__name__") in own:
                yield from _of_function(thing)
        case types.CellType():
            yield ".cell_contents", _content(thing)
        case _:
            if parts := _PARTS.get(type(thing)):
                yield from ((f".{name}", getattr(thing, name)) for name in parts)
            else:
                yield from _of_value(thing, own)


def _of_value(thing: Any, own: frozenset[str]) -> Iterator[Fact]:
    if isinstance(thing, dict):
        for index, (key, value) in enumerate(thing.items()):
            yield f"<key {index}>", key
            yield f"[{key!r}]" if isinstance(key, _SMALL) else f"[{index}]", value
    elif isinstance(thing, list | tuple | deque):
        yield from ((f"[{index}]", value) for index, value in enumerate(thing))
    elif isinstance(thing, set | frozenset):
        yield from ((f"{{{index}}}", value) for index, value in enumerate(sorted(thing, key=id)))
    if type(thing).__module__ in own:
        yield ".__class__", type(thing)
        yield from _attributes(thing)


def _attributes(thing: Any) -> Iterator[Fact]:
    if isinstance(getattr(thing, "__dict__", None), dict):
        yield from _named(vars(thing))
    for kind in type(thing).__mro__:
        for name, member in vars(kind).items():
            if isinstance(member, types.MemberDescriptorType) and hasattr(thing, name):
                yield f".{name}", member.__get__(thing)
    if isinstance(thing, BaseException):
        yield ".args", thing.args


def _named(namespace: Mapping[str, object]) -> Iterator[Fact]:
    yield from ((f".{name}", value) for name, value in namespace.items() if name not in _PASSING)


def _of_class(thing: type) -> Iterator[Fact]:
    yield from _named(vars(thing))
    yield ".__bases__", thing.__bases__
    yield from ((f".__mro__[{index}]", base) for index, base in enumerate(type.mro(thing)))
    subclasses: list[type] = type.__subclasses__(thing)
    yield from ((f".__subclasses__[{index}]", each) for index, each in enumerate(subclasses))


def _of_function(thing: types.FunctionType) -> Iterator[Fact]:
    for name in ("__code__", "__doc__", "__name__", "__qualname__", "__module__", "__defaults__", "__kwdefaults__"):
        yield f".{name}", getattr(thing, name)
    yield from _named(vars(thing))
    yield from ((f".__closure__[{index}]", cell) for index, cell in enumerate(thing.__closure__ or ()))


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return None
