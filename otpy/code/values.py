"""Judging the values of module variables: plain, derived from definitions, or state of a running program. Pure."""

from __future__ import annotations

import ast
import datetime
import decimal
import fractions
import functools
import pathlib
import re
import types
import typing
import uuid
from collections.abc import Container
from enum import Enum
from typing import Any, Final, cast

import msgspec

PLAIN: Final = (int, float, complex, str, bytes, bool, type(None), type(...))
IMMUTABLE: Final = (
    *PLAIN,
    range,
    re.Pattern,
    decimal.Decimal,
    fractions.Fraction,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    uuid.UUID,
    pathlib.PurePath,
    Enum,
)
CODE_LIKE: Final = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    types.GenericAlias,
    types.UnionType,
    functools.partial,
    property,
    staticmethod,
    classmethod,
    typing.TypeVar,
    typing.ParamSpec,
    typing.NewType,
    msgspec.json.Decoder,
    msgspec.json.Encoder,
    msgspec.msgpack.Decoder,
    msgspec.msgpack.Encoder,
)


def same_plain(one: object, other: object) -> bool:
    """Whether two values are the same plain data, so that nobody can tell them apart except by identity."""
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple) and isinstance(other, tuple) and type(one) is tuple:
        return len(one) == len(other) and all(map(same_plain, one, other))
    # By text, since 0.0 == -0.0, and nan is not equal to itself.
    return type(one) in PLAIN and repr(one) == repr(other)


def is_derived(value: object) -> bool:
    """Whether *value* holds no state of its own, so that making it again loses nothing."""
    if type(value) in (tuple, frozenset):
        return all(map(is_derived, cast("tuple[object, ...]", value)))
    if isinstance(value, (*IMMUTABLE, *CODE_LIKE)):
        return True
    cls = type(value)
    return cls.__module__ == "typing" or is_wrapper(value) or is_frozen(cls)


def is_wrapper(value: object) -> bool:
    """Whether *value* is what a decorator made around a function (`lru_cache` and its like)."""
    return wrapped_in(value) is not None


def wrapped_in(value: object) -> object | None:
    """What *value* was made around; None if it is no wrapper. It is not asked: it may have a `__getattr__`."""
    try:
        found: object | None = object.__getattribute__(value, "__dict__").get("__wrapped__")
    except (AttributeError, TypeError):
        return None
    return found


def is_frozen(cls: type) -> bool:
    """Whether the instances of *cls* are declared immutable: a frozen dataclass or msgspec.Struct."""
    dataclass_params: Any = getattr(cls, "__dataclass_params__", None)
    struct_config: Any = getattr(cls, "__struct_config__", None)
    return bool(getattr(dataclass_params, "frozen", False) or getattr(struct_config, "frozen", False))


def holds_any(value: object, ids: Container[int]) -> bool:
    """Whether *value* is a plain container with one of the objects of these ids directly in it."""
    match value:
        case dict():
            return any(id(item) in ids for pair in list(value.items()) for item in pair)
        case list() | tuple() | set() | frozenset():
            return any(id(item) in ids for item in list(value))
        case _:
            return False


def is_literal_state(statement: ast.stmt, value: object) -> bool:
    """Whether *statement* gives a literal and *value* is no longer that: a running program has made it."""
    if not isinstance(statement, ast.Assign):
        return False
    try:
        literal = ast.literal_eval(statement.value)
    except (ValueError, TypeError):
        return False
    return type(value) is not type(literal) or bool(value != literal)
