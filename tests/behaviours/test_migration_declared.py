"""What a behaviour declares its state to be, and what is said of a state that is something else."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, Optional, TypedDict, TypeVar, Union

import pytest

import otpy
from otpy.behaviours.migrations.declared import check_for, checker_of, declared_state

T = TypeVar("T")


class Row(TypedDict):
    """A dict with keys."""

    name: str
    count: typing.NotRequired[int]


class Proto(typing.Protocol):
    """A form that is not checked."""


CASES: list[tuple[Any, Any, str | None]] = [
    (int, 1, None),
    (int, "x", "expected int, found str"),
    (float, 1, None),
    (dict, [], "expected dict, found list"),
    (list[int], [1, 2], None),
    (list[int], [1, "x"], "at 1: expected int, found str"),
    (list[list[int]], [[1], ["x"]], "at 1: at 0: expected int, found str"),
    (list[list[list[int]]], [[["x"]]], None),
    (dict[str, int], {"a": 1}, None),
    (dict[str, int], {"a": "b"}, "at 'a': expected int, found str"),
    (dict[str, int], {1: 1}, "at 1: expected str, found int"),
    (dict[str, Any], {"a": object()}, None),
    (Mapping[str, int], {"a": None}, "at 'a': expected int, found NoneType"),
    (tuple[int, str], (1, "x"), None),
    (tuple[int, str], (1, 2), "at 1: expected str, found int"),
    (tuple[int, str], (1,), "expected a tuple of 2, found one of 1"),
    (tuple[int, ...], (1, 2, "x"), "at 2: expected int, found str"),
    (set[int], {1}, None),
    (int | None, None, None),
    (int | str, 1.5, "expected int | str, found float"),
    (Union[int, str], "x", None),  # noqa: UP007 - the old way of writing it
    (Optional[int], "x", "expected typing.Optional[int], found str"),  # noqa: UP045 - the same
    (Literal["on", "off"], "on", None),
    (Literal["on", "off"], "no", "expected one of 'on', 'off', found str"),
    (Annotated[int, "unit"], "x", "expected int, found str"),
    (Row, {"name": "x"}, None),
    (Row, [], "expected a dict (Row), found list"),
    (Row, {"name": "x", "count": "y"}, "at 'count': expected int, found str"),
    (Row, {"count": 1}, "expected the keys of Row, found none of the name name"),
    (list[int], int, "expected list, found the class int"),
    (Any, object(), None),
    ("Later", object(), None),
    (T, object(), None),
    (Proto, object(), None),
    (typing.Callable[[], int], 1, "expected collections.abc.Callable, found int"),
    (int | T, "x", None),
]


@pytest.mark.parametrize(("wanted", "value", "words"), CASES, ids=[f"{c[0]} {c[1]!r:.30}" for c in CASES])
def test_value_against_a_type(wanted: Any, value: Any, words: str | None) -> None:
    """Two levels deep; what cannot be told is no fault."""
    check = check_for(wanted, {}, 2)
    assert (check(value) if check is not None else None) == words


def test_declared_state_is_that_of_the_nearest_class() -> None:
    """A subclass of a server has the state that the server declares, unless it says another."""

    class Plain(otpy.GenServer[Any]):
        pass

    class Counter(otpy.GenServer[int]):
        pass

    class Sub(Counter):
        pass

    class Open(otpy.GenServer[T], Generic[T]):
        pass

    class Closed(Open[str]):
        pass

    found = [declared_state(kind) for kind in (Plain, Counter, Sub, Open, Closed)]
    assert found == [Any, int, int, None, str]
    assert checker_of(Plain) is None


def test_a_generic_base_declares_with_what_it_is_given() -> None:
    """Its type variable need not be the whole of the state, nor the only part of it."""

    class Rows(otpy.GenServer[dict[str, T]], Generic[T]):
        pass

    class Numbers(Rows[int]):
        pass

    class Machine(otpy.GenStatem[str, T], Generic[T]):
        pass

    class Further(Machine[T]):
        pass

    class Listed(Further[list[int]]):
        pass

    assert [declared_state(kind) for kind in (Numbers, Listed)] == [dict[str, int], tuple[str, list[int]]]
    for kind, good, bad in ((Numbers, {"a": 1}, {"a": "b"}), (Listed, ("a", [1]), ("a", 1)), (Machine, ("a", 1), 1)):
        check = checker_of(kind)
        assert check is not None
        assert check(good) is None
        assert check(bad) is not None


def test_class_that_has_been_replaced_stands_for_its_successor() -> None:
    """A behaviour that was not made anew still names the class of before."""
    new = type("New", (), {})
    check = check_for(list[int], {list: new}, 2)
    assert check is not None
    assert check(new()) is None
