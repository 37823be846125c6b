"""Whether the instances of a class have other fields than those of its ghost. Looks at what the two declare."""

from __future__ import annotations

import dis
from abc import ABCMeta
from types import FunctionType
from typing import Any, Final, Protocol

from otpy.code.conform import enums

PLAIN_METACLASSES: Final = frozenset({type, ABCMeta, type(Protocol)})
"""Those that leave it to the lookup of attributes what a class has from its bases."""


def has_other_fields(live: type, ghost: type) -> bool:
    """Whether an instance made before lacks a field, or has one too many."""
    return fields_of(live) != fields_of(ghost) or loses_members(live, ghost)


def loses_members(live: type, ghost: type) -> bool:
    """Whether a member of an enumeration is gone, or has another value: a state may hold it, or a combination of it."""
    if not (enums.is_enum(live) and enums.is_enum(ghost)):
        return False
    is_there = {name: repr(member._value_) for name, member in enums.named(ghost).items()}
    return any(is_there.get(name) != repr(member._value_) for name, member in enums.named(live).items())


def fields_of(cls: type) -> frozenset[str]:
    """The names of the fields that *cls* declares, or sets in its `__init__`."""
    if enums.is_enum(cls):
        return frozenset(name for member in enums.named(cls).values() for name in member.__dict__)
    for declared in (dataclass_fields, attrs_fields, pydantic_fields, tuple_fields):
        names = declared(cls)
        if names is not None:
            return names
    return assigned_fields(cls)


def copies_fields(cls: type) -> bool:
    """Whether *cls*, when it was made, has taken over the fields that its bases had by then."""
    return copied_fields(cls) is not None or type(cls) not in PLAIN_METACLASSES


def copied_fields(cls: type) -> frozenset[str] | None:
    """All fields that *cls*, when it was made, has noted that it has; None for a class that notes none."""
    for declared in (dataclass_fields, attrs_fields, pydantic_fields):
        names = declared(cls)
        if names is not None:
            return names
    return None


def dataclass_fields(cls: type) -> frozenset[str] | None:
    """The fields of a dataclass, without `ClassVar` and `InitVar`."""
    found: dict[str, Any] | None = vars(cls).get("__dataclass_fields__")
    if found is None:
        return None
    kinds = {name: getattr(field, "_field_type", None) for name, field in found.items()}
    return frozenset(name for name, kind in kinds.items() if repr(kind) == "_FIELD")


def attrs_fields(cls: type) -> frozenset[str] | None:
    """The fields of an attrs class."""
    found = vars(cls).get("__attrs_attrs__")
    return None if found is None else frozenset(attribute.name for attribute in found)


def pydantic_fields(cls: type) -> frozenset[str] | None:
    """The fields and private attributes of a pydantic model."""
    found = vars(cls).get("__pydantic_fields__")
    return None if found is None else frozenset({*found, *vars(cls).get("__private_attributes__", ())})


def tuple_fields(cls: type) -> frozenset[str] | None:
    """The fields of a named tuple."""
    found = getattr(cls, "_fields", None)
    return frozenset(found) if is_tuple(cls) and isinstance(found, tuple) else None


def is_tuple(cls: type) -> bool:
    """Whether instances of *cls* are tuples, whatever its metaclass says."""
    return tuple in cls.__mro__


def assigned_fields(cls: type) -> frozenset[str]:
    """The attributes that the `__init__` methods of *cls* and its bases assign to `self`."""
    names: set[str] = set()
    for base in cls.__mro__:
        method = vars(base).get("__init__")
        if isinstance(method, FunctionType) and method.__code__.co_varnames:
            names |= assigned_to(method.__code__.co_varnames[0], method)
    return frozenset(names)


def assigned_to(variable: str, function: FunctionType) -> set[str]:
    """The attributes that *function* assigns to what is in *variable*."""
    names: set[str] = set()
    before: object = None
    for instruction in dis.get_instructions(function):
        if instruction.opname == "STORE_ATTR" and before == variable:
            names.add(instruction.argval)
        loaded = instruction.argval
        # 3.13 loads two variables at once; the one to assign to is the second.
        before = loaded[-1] if isinstance(loaded, tuple) and loaded else loaded
    return names
