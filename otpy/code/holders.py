"""Looking into what holds an object, whatever it is, and without asking it: its class may answer in its own way."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterable
from types import MemberDescriptorType
from typing import Any, Final, cast

LRU_WRAPPER: Final = type(functools.lru_cache(lambda: None))
HEAP_TYPE: Final = 1 << 9
"""The flag of classes that are made at run time."""


def owners_of(holders: Iterable[object]) -> dict[int, object]:
    """The classes whose namespaces, and the `lru_cache` wrappers whose results are among *holders*, by their ids."""
    # The namespaces of modules are told by what CPython puts into each.
    mappings = [holder for holder in holders if type(holder) is dict and "__builtins__" not in holder]
    ids = {id(mapping) for mapping in mappings}
    if not ids:
        return {}
    # What a class refers to directly and has a "__module__" is its namespace.
    namespaces = {id(mapping) for mapping in mappings if "__module__" in mapping}
    found: dict[int, object] = {}
    for owner in gc.get_referrers(*mappings):
        if issubclass(type(owner), type):
            found.update({id(part): owner for part in gc.get_referents(owner) if id(part) in namespaces})
        elif type(owner) is LRU_WRAPPER:
            attributes = id(attribute_dict(owner))
            referents = gc.get_referents(owner)
            found.update({id(part): owner for part in referents if id(part) in ids and id(part) != attributes})
    return found


# -- attributes ------------------------------------------------------------------------------------


def attributes_of(thing: object) -> dict[str, Any]:
    """What is in the `__dict__` and in the slots of *thing*.

    A class may answer every name that it is asked for, and make an attribute of it: it is not asked.
    """
    found: dict[str, Any] = dict(attribute_dict(thing) or {})
    for name in slots_of(type(thing)):
        try:
            found[name] = object.__getattribute__(thing, name)
        except AttributeError:
            continue
    return found


def attribute_dict(thing: object) -> dict[str, Any] | None:
    """The `__dict__` of *thing*, if it has one."""
    try:
        found = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return None
    return cast("dict[str, Any]", found) if type(found) is dict else None


def slots_of(cls: type) -> list[str]:
    """The names of all slots of *cls* and its bases, as attributes."""
    return [
        name
        for base in cls.__mro__
        if base.__flags__ & HEAP_TYPE
        for name, value in vars(base).items()
        if isinstance(value, MemberDescriptorType)
    ]


# -- classes ---------------------------------------------------------------------------------------


def set_bases(cls: type, bases: tuple[type, ...]) -> None:
    """Set the bases, by type's own method: a metaclass may forbid to set attributes."""
    if cls.__bases__ != bases:
        type.__setattr__(cls, "__bases__", bases)


def set_class(instance: object, cls: type) -> None:
    """Set the class of an instance, which may be a class; it cannot forbid it."""
    setting: Any = type.__setattr__ if issubclass(type(instance), type) else object.__setattr__
    setting(instance, "__class__", cls)


def takes_class(instance: object, cls: type) -> bool:
    """Whether CPython lets *instance*, which nobody uses yet, become one of *cls*. Tries, and takes it back."""
    own = type(instance)
    try:
        set_class(instance, cls)
    except TypeError:
        return False
    set_class(instance, own)
    return True


def made_again(instance: Any, cls: type, new: Callable[[Any], Any]) -> object | None:
    """The same value as an instance of *cls*, with the very same `__dict__`; None if it cannot be made.

    *new* tells what is to be in it in the place of each item.
    """
    made: Any
    match instance:
        case tuple():
            made = tuple.__new__(cls, map(new, tuple.__iter__(instance)))
        case frozenset():
            made = frozenset.__new__(cls, map(new, frozenset.__iter__(instance)))
        case int():
            made = int.__new__(cls, int.__int__(instance))
        case bytes():
            made = bytes.__new__(cls, bytes.__iter__(instance))
        case _:
            return None
    attributes = attribute_dict(instance)
    if attributes is not None:
        made.__dict__ = attributes
    return cast("object", made)
