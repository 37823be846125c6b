"""Patterns that rows of a table are matched with.

A pattern is a tuple like a row. In it `ANY` matches everything, `Variable(name)` everything too, and binds it; where a
name stands twice, both must be equal. A tuple inside matches a tuple of the same length, any other value what equals
it.

Source: OTP ets.erl: match/2.
"""

from __future__ import annotations

from typing import Any, final

import msgspec


@final
class Wildcard:
    """Matches everything."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Table.ANY"


ANY = Wildcard()


class Variable(msgspec.Struct, frozen=True):
    """Matches everything, and binds it to *name*; the same name twice matches only what is equal."""

    name: str


def check_pattern(pattern: object) -> None:
    """Refuse what matches no row whatever is in it."""
    if not isinstance(pattern, tuple):
        msg = f'a pattern is a tuple like the rows, such as ("key", Table.ANY, Table.Var("n")), not {pattern!r}'
        raise TypeError(msg)


def is_fixed(pattern: object) -> bool:
    """Whether *pattern* matches one value only."""
    if isinstance(pattern, tuple):
        return all(is_fixed(part) for part in pattern)
    return not isinstance(pattern, Wildcard | Variable)


def bind(pattern: object, value: object) -> dict[str, Any] | None:
    """Return what the variables of *pattern* are in *value*, or None if it does not match."""
    bound: dict[str, Any] = {}
    return bound if _matches(pattern, value, bound) else None


def _matches(pattern: object, value: object, bound: dict[str, Any]) -> bool:
    match pattern:
        case Wildcard():
            return True
        case Variable(name):
            return bool(bound.setdefault(name, value) == value)
        case tuple():
            return (
                isinstance(value, tuple)
                and len(value) == len(pattern)
                and all(_matches(*pair, bound) for pair in zip(pattern, value, strict=True))
            )
        case _:
            return bool(pattern == value)
