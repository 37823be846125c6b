"""How the instances of a class are laid out: what it takes to make one without its `__init__`, and to fill it."""

from __future__ import annotations

import functools
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Final, TypeAlias, final

from otpy.behaviours.migrations.kinds import HEAPTYPE, NOT_MADE_BY_CALL

FILLED_BASES: Final = (OrderedDict, defaultdict, dict, list, set, deque, bytearray, types.SimpleNamespace)
"""Builtins that can be made empty and filled later."""

WHOLE_BASES: Final = (tuple, frozenset, bool, int, str, bytes, float, complex)
"""Builtins that are made with their contents."""

MACHINE_SLOTS: Final = frozenset({"__weakref__", "__dict__"})
CACHED_HASH: Final = "_attrs_cached_hash"


class Mark(Enum):
    """Ways that need no function of their own."""

    PLAIN = "plain"
    """As `object.__setattr__` does it, which needs the name too."""
    DROP = "drop"
    """There is no place for it."""


PLAIN: Final = Mark.PLAIN
DROP: Final = Mark.DROP
Way: TypeAlias = Callable[[Any, Any], None] | Mark


@final
class Layout:
    """The layout of one class. `base` is the builtin whose contents its instances have, `object` if none.

    None for `base`: an instance can only be made by the class itself, it has parts that Python does not see.
    """

    __slots__ = ("base", "cls", "getters", "has_dict", "hidden", "is_hashed_by_content", "slots")

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.base = builtin_base(cls)
        self.has_dict = cls.__dictoffset__ != 0
        self.slots: dict[str, Any] = dict(_slot_descriptors(cls))
        self.getters = [(name, slot.__get__) for name, slot in self.slots.items()]
        hasher: Any = cls.__hash__
        self.is_hashed_by_content = hasher is not None and hasher is not object.__hash__
        self.hidden = frozenset(_data_descriptors(cls)) - self.slots.keys()
        """Attributes that a property or the like answers for: their values in `__dict__` are set there."""

    def shell(self, *contents: Any) -> Any:
        """An instance without attributes."""
        make: Callable[..., Any] = (self.base or object).__new__
        return make(self.cls, *contents)

    def attributes(self, instance: Any) -> dict[str, Any]:
        """All attributes that *instance* itself has, from its `__dict__` and its slots."""
        found = dict(instance.__dict__) if self.has_dict else {}
        for name, get in self.getters:
            try:
                found[name] = get(instance)
            except AttributeError:
                continue
        return found

    def way(self, name: str) -> Way:
        """How an attribute is set past the class's own `__setattr__`; DROP if there is no place for it."""
        slot = self.slots.get(name)
        if name == CACHED_HASH:
            return functools.partial(forget_hash, name, slot)
        if slot is not None:
            setter: Callable[[Any, Any], None] = slot.__set__
            return setter
        if not self.has_dict:
            return DROP
        return functools.partial(_set_hidden, name) if name in self.hidden else PLAIN


def put(way: Way, instance: Any, name: str, value: object) -> None:
    """Set an attribute in one of the ways."""
    if way is PLAIN:
        # Not through __dict__, which would cost every instance a dictionary of its own.
        object.__setattr__(instance, name, value)
    elif not isinstance(way, Mark):
        way(instance, value)


def _set_hidden(name: str, instance: Any, value: object) -> None:
    instance.__dict__[name] = value


def forget_hash(name: str, slot: Any, instance: Any, _: object) -> None:
    """attrs caches hashes; the parts have others now."""
    if slot is None:
        object.__setattr__(instance, name, None)
    else:
        slot.__set__(instance, None)


def builtin_base(cls: type) -> type | None:
    """Whose `__new__` makes instances of *cls*, when Python classes are left out; None if it is none that we know."""
    for base in cls.__mro__:
        if base is object or base in FILLED_BASES or base in WHOLE_BASES:
            return base
        own_maker = isinstance(vars(base).get("__new__"), types.BuiltinFunctionType)
        if own_maker or not base.__flags__ & HEAPTYPE or base.__flags__ & NOT_MADE_BY_CALL:
            return None
    return None


def _slot_descriptors(cls: type) -> Iterator[tuple[str, Any]]:
    for base in reversed(cls.__mro__):
        if base.__flags__ & HEAPTYPE:
            for name, value in vars(base).items():
                if isinstance(value, types.MemberDescriptorType) and name not in MACHINE_SLOTS:
                    yield name, value


def _data_descriptors(cls: type) -> Iterator[str]:
    for base in cls.__mro__:
        for name, value in vars(base).items():
            if hasattr(type(value), "__set__"):
                yield name
