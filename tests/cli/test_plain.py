"""Plain data: whatever a report holds can be sent and printed as JSON."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from otpy.cli.plain import fields, plain


@dataclass
class Point:
    """A dataclass with something inside."""

    x: int
    y: tuple[int, ...]


class Step(msgspec.Struct, frozen=True):
    """A struct with something inside."""

    name: str
    at: Point


class Colour(Enum):
    """An enumeration."""

    RED = 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2**80, str(2**80)),
        (0.5, 0.5),
        ("ü", "ü"),
        (b"ab", "b'ab'"),
        ((1, [2, {3}]), [1, [2, [3]]]),
        (deque([1, 2]), [1, 2]),
        ({1: "a", "b": None}, {"1": "a", "b": None}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (Point(1, (2, 3)), {"x": 1, "y": [2, 3]}),
        (Step("swap", Point(1, ())), {"name": "swap", "at": {"x": 1, "y": []}}),
        (Colour.RED, "Colour.RED"),
        (Path("a/b"), "a/b"),
        (ValueError("no"), "no"),
        (Point, str(Point)),
    ],
)
def test_a_value_becomes_data_that_json_and_msgpack_hold(value: object, expected: object) -> None:
    """By its shape if it has one, else by its text."""
    found = plain(value)
    assert found == expected
    assert json.loads(json.dumps(found)) == expected
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found)) == expected


def test_fields_are_those_of_a_value_that_has_some() -> None:
    """Asking for the fields of a number is a mistake."""
    assert fields(Point(1, ())) == {"x": 1, "y": []}
    with pytest.raises(TypeError, match="no fields"):
        fields(math.pi)


def test_a_str_that_is_more_becomes_a_plain_one() -> None:
    """As msgpack has no other."""

    class Text(str):
        __slots__ = ()

    found: Any = plain(Text("a"))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found)) == "a"
