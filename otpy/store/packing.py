"""Lists and maps as msgpack, and text that every database takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def storable(text: str) -> str:
    """Return *text*, with an escape for what UTF-8 (lone surrogates) or PostgreSQL (NUL) cannot hold."""
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text.encode(errors="backslashreplace").decode()


def packed(value: Any) -> bytes:
    """Return *value* as msgpack.

    Raises: TypeError, if it is, or holds, something else than plain data.
    """
    try:
        try:
            return msgspec.msgpack.encode(value)
        except UnicodeEncodeError:
            return msgspec.msgpack.encode(_cleaned(value))
    except (TypeError, OverflowError, RecursionError) as error:
        msg = f"cannot be stored: {error}; give text, numbers, bytes, moments, and lists and maps of these"
        raise TypeError(msg) from error


def unpacked(data: bytes, type_: Any = Any) -> Any:
    """Return what *data* was packed from, as *type_*."""
    return msgspec.msgpack.decode(data, type=type_)


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case Mapping():
            return {_cleaned(key): _cleaned(item) for key, item in value.items()}
        case list() | tuple():
            return [_cleaned(item) for item in value]
        case _:
            return value
