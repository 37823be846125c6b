"""Values as data: what can be sent through the control socket and printed as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, TypeAlias, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

Plain: TypeAlias = bool | int | float | str | list["Plain"] | dict[str, "Plain"] | None

_MAX_INT = 2**63 - 1
"""msgpack and most readers of JSON hold no larger integers."""


def plain(value: object) -> Plain:
    """Return *value* as plain data.

    Structs, dataclasses and mappings become dicts, collections lists, and the rest text.
    """
    match value:
        case None | bool():
            return value
        case str():
            return sendable(str(value))
        case float():
            return float(value)
        case int() if -_MAX_INT <= value <= _MAX_INT:
            return int(value)
        case Mapping():
            return {sendable(str(key)): plain(each) for key, each in cast("Mapping[object, object]", value).items()}
        case msgspec.Struct():
            return _fields(value, value.__struct_fields__)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _fields(value, (field.name for field in dataclasses.fields(value)))
        case bytes() | bytearray():
            return repr(value)
        case Sequence() | AbstractSet():
            return [plain(each) for each in cast("Iterable[object]", value)]
        case _:
            return sendable(str(value))


def sendable(text: str) -> str:
    """Return *text* as UTF-8 can hold it: what is no Unicode, such as half of a surrogate pair, as an escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def fields(value: object) -> dict[str, Plain]:
    """Return the fields of a struct or a dataclass, as plain data by name."""
    found = plain(value)
    if not isinstance(found, dict):
        raise TypeError(f"{value!r} has no fields")
    return found


def _fields(value: object, names: Iterable[str]) -> dict[str, Plain]:
    return {name: plain(getattr(value, name)) for name in names}
