"""What the tests of migrations share: two versions of some classes, and a look at everything that an object holds."""

import gc
import itertools
import sys
from dataclasses import dataclass, field
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any

from otpy.code.sources import hide, lines_of, show

_numbers = itertools.count(1)

PRELUDE = """
import collections, enum, functools, threading, typing
from dataclasses import dataclass, field
import attr, attrs, msgspec
"""


def module_of(source: str) -> ModuleType:
    """Return a module made from *source*, whose text `inspect` finds."""
    filename = f"<kinds {next(_numbers)}>"
    module = ModuleType("kinds")
    # dataclasses and enum look the module up by its name.
    sys.modules["kinds"] = module
    text = PRELUDE + source
    show(filename, lines_of(text))
    exec(compile(text, filename, "exec", dont_inherit=True), vars(module))  # noqa: S102 - the versions are text
    return module


def forget_kinds() -> None:
    """Leave nothing of `module_of` behind."""
    sys.modules.pop("kinds", None)
    for number in range(next(_numbers)):
        hide(f"<kinds {number}>")


@dataclass
class Versions:
    """Two versions of a module, and which classes and functions of the old one have which successors."""

    old: ModuleType
    new: ModuleType
    replaced: dict[Any, Any] = field(default_factory=dict)


def versions(old_source: str, new_source: str) -> Versions:
    """Return two versions of a module; what the old one defines is replaced by what is called so in the new one."""
    old, new = module_of(old_source), module_of(new_source)
    own = {
        name: value
        for name, value in vars(old).items()
        if getattr(value, "__module__", None) == "kinds" and hasattr(value, "__qualname__")
    }
    return Versions(old, new, {value: vars(new).get(name) for name, value in own.items()})


KEPT_NAMES = frozenset({"__dict__", "__weakref__", "__module__", "__qualname__"})


def edit(live: Any, ghost: Any) -> None:
    """Give the class *live* all that *ghost*, its new version, has: it stays the same object."""
    mine, wanted = dict(vars(live)), dict(vars(ghost))
    for name in mine.keys() - wanted.keys() - KEPT_NAMES:
        type.__delattr__(live, name)
    for name in wanted.keys() - KEPT_NAMES:
        type.__setattr__(live, name, wanted[name])


def everything(root: object) -> list[Any]:
    """Return all objects that can be reached from *root* but through modules, classes and the globals of functions."""
    found: dict[int, Any] = {}
    todo: list[Any] = [root]
    while todo:
        thing = todo.pop()
        if id(thing) not in found:
            found[id(thing)] = thing
            if isinstance(thing, FunctionType):
                todo += thing.__closure__ or ()
            elif not isinstance(thing, (type, ModuleType, Enum)):
                todo += gc.get_referents(thing)
    return list(found.values())


def leftovers(root: object, replaced: dict[Any, Any]) -> list[object]:
    """Return what of the old version can be reached from *root*."""
    classes = {thing for thing in replaced if isinstance(thing, type)}
    others = {id(thing) for thing in replaced}
    return [thing for thing in everything(root) if type(thing) in classes or id(thing) in others]


def picture(root: object) -> object:
    """Return a value that tells the graph under *root* apart from any other: shape, sharing, values and identities."""
    found: list[object] = []
    places: dict[int, int] = {}
    stack = [root]
    while stack:
        thing = stack.pop()
        if id(thing) in places:
            found.append(("again", places[id(thing)]))
            continue
        places[id(thing)] = len(places)
        parts = parts_of(thing)
        found.append((type(thing), id(thing), repr(thing) if parts is None else len(parts)))
        stack += reversed(parts or [])
    return found


def parts_of(thing: Any) -> list[Any] | None:
    """Return what *thing* holds, None if it is to be compared as a whole."""
    parts: list[Any] = []
    match thing:
        case type() | ModuleType():
            return None
        case dict():
            parts += [part for pair in thing.items() for part in pair]
        case list() | tuple() | set() | frozenset():
            parts += thing
        case _:
            pass
    parts += [part for pair in getattr(thing, "__dict__", {}).items() for part in pair]
    for base in type(thing).__mro__:
        slots = vars(base).get("__slots__", ())
        parts += [getattr(thing, name) for name in slots if hasattr(thing, name) and not name.startswith("__")]
    return parts or None
