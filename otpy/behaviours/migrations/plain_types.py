"""Which types of objects can be written as plain data, and how: the one place where they are told apart.

Each kind has a *describer*, which takes an object apart: into a fixed description, which is plain data, and parts,
which are any values, each with its name for people. The *makers* in plain_reading.py put it together again.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import itertools
import pathlib
import types
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Final, TypeAlias

import msgspec

from otpy.behaviours.migrations.fields import declared_fields
from otpy.behaviours.migrations.kinds import is_kept
from otpy.behaviours.migrations.layout import CACHED_HASH, Layout
from otpy.behaviours.migrations.members import names_of

PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})
PLACE: Final = "@"
"""Marks the place of another object; a list in the data is always one of the two marks, never a list of the state."""
BIG: Final = "#"
"""Marks an int that msgpack has no room for."""

Parts: TypeAlias = Iterator[tuple[str, Any]]
Describe: TypeAlias = Callable[[Any], tuple[str, Any, Parts]]


class Registered(msgspec.Struct, frozen=True):
    """A type that its author has taught to be stored."""

    cls: type
    name: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


registered: Final[dict[type, Registered]] = {}


def register(cls: type, *, write: Callable[[Any], Any], read: Callable[[Any], Any], name: str | None = None) -> None:
    """Have instances of *cls*, not of its subclasses, stored as what *write* makes of them: any value that can be.

    *read* makes an instance of that again. *name* is what it is called in the store; its own name, if none is given.
    """
    registered[cls] = Registered(cls, name or class_path(cls), write, read)


def class_path(cls: type) -> str:
    """How a class is named in the data: "shop.cart:Item"."""
    return f"{cls.__module__}:{cls.__qualname__}"


def describer_for(kind: type) -> Describe | None:
    """The describer of instances of *kind*; None if they cannot be written."""
    if kind in registered:
        return _registered
    known = DESCRIBERS.get(kind)
    if known is not None:
        return known
    if issubclass(kind, type):
        return _class
    if "<locals>" in kind.__qualname__:
        return None  # it would not be found again
    if issubclass(kind, Enum):
        return _member
    if is_kept(kind) or hasattr(kind, "__del__"):
        return None
    if issubclass(kind, msgspec.Struct):
        return _struct
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _named_tuple
    return _describer_of_instances(kind)


def _describer_of_instances(kind: type) -> Describe | None:
    layout = Layout(kind)
    if layout.base not in {object, types.SimpleNamespace}:
        return None
    declared = list(declared_fields(kind) or ())

    def describe(value: Any) -> tuple[str, Any, Parts]:
        attributes = layout.attributes(value)
        if CACHED_HASH in attributes:
            attributes[CACHED_HASH] = None  # it will be another one
        return "object", [class_path(kind), list(attributes), declared], _named(attributes)

    return describe


def _named(values: dict[str, Any]) -> Parts:
    return ((f".{name}", value) for name, value in values.items())


def _numbered(values: Any) -> Parts:
    return ((f"[{place}]", value) for place, value in enumerate(values))


def _registered(value: Any) -> tuple[str, Any, Parts]:
    known = registered[type(value)]
    return "registered", known.name, iter([("", known.write(value))])


def _class(value: Any) -> tuple[str, Any, Parts]:
    return "class", class_path(value), iter(())


def _member(value: Any) -> tuple[str, Any, Parts]:
    return "member", [class_path(type(value)), names_of(value)], iter(())


def _struct(value: Any) -> tuple[str, Any, Parts]:
    names: tuple[str, ...] = value.__struct_fields__
    return "struct", [class_path(type(value)), list(names)], _named({name: getattr(value, name) for name in names})


def _named_tuple(value: Any) -> tuple[str, Any, Parts]:
    fields = type(value)._fields
    return "named tuple", [class_path(type(value)), list(fields)], _named(dict(zip(fields, value, strict=False)))


def _container(name: str) -> Describe:
    return lambda values: (name, None, _numbered(values))


def _mapping(name: str) -> Describe:
    return lambda values: (name, None, _items(values))


def _items(values: dict[Any, Any]) -> Parts:
    for key, value in values.items():
        shown = f"[{_start(key)!r:.40}]" if type(key) in PLAIN else "[…]"
        yield shown, key
        yield shown, value


def _start(key: Any) -> Any:
    """As much of *key* as is shown: it may be long."""
    return key[:40] if isinstance(key, str | bytes) else key


def _deque(value: deque[Any]) -> tuple[str, Any, Parts]:
    return "deque", value.maxlen, _numbered(value)


def _defaultdict(value: defaultdict[Any, Any]) -> tuple[str, Any, Parts]:
    return "defaultdict", None, itertools.chain([(".default_factory", value.default_factory)], _items(value))


def _text(name: str, write: Callable[[Any], Any] = str) -> Describe:
    return lambda value: (name, write(value), iter(()))


DESCRIBERS: Final[dict[type, Describe]] = {
    list: _container("list"),
    tuple: _container("tuple"),
    set: _container("set"),
    frozenset: _container("frozenset"),
    deque: _deque,
    dict: _mapping("dict"),
    OrderedDict: _mapping("OrderedDict"),
    Counter: _mapping("Counter"),
    defaultdict: _defaultdict,
    datetime.datetime: _text("datetime", datetime.datetime.isoformat),
    datetime.date: _text("date", datetime.date.isoformat),
    datetime.time: _text("time", datetime.time.isoformat),
    datetime.timedelta: _text("timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    decimal.Decimal: _text("Decimal"),
    fractions.Fraction: _text("Fraction"),
    uuid.UUID: _text("UUID"),
    complex: _text("complex", lambda value: [value.real, value.imag]),
    range: _text("range", lambda value: [value.start, value.stop, value.step]),
    bytearray: _text("bytearray", bytes),
    pathlib.PosixPath: _text("Path"),
    pathlib.WindowsPath: _text("Path"),
    pathlib.PurePosixPath: _text("PurePosixPath"),
    pathlib.PureWindowsPath: _text("PureWindowsPath"),
}
