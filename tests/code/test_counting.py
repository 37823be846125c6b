"""Whether all who hold an object are known is told by its reference count."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from otpy.code.counting import held_elsewhere


def made() -> Any:
    """A function that nobody holds."""

    def function() -> None:
        """Do nothing."""

    return function


def _in_cell(function: Any) -> Callable[[], Any]:
    return lambda: function


HOLDERS: dict[str, Callable[[Any], object]] = {
    "list": lambda f: [f],
    "twice in a list": lambda f: [f, f],
    "tuple": lambda f: (1, f),
    "dictionary": lambda f: {"f": f},
    "key": lambda f: {f: 1},
    "set": lambda f: {f},
    "attribute": lambda f: SimpleNamespace(f=f),
    "partial": functools.partial,
    "lru_cache": functools.lru_cache,
    "cell": _in_cell,
    "class": lambda f: type("C", (), {"f": f}),
    "staticmethod": staticmethod,
    "property": property,
}


def test_objects_that_only_known_holders_have_are_left_out() -> None:
    """A holder that is named twice counts once; one that does not hold it does not count."""
    things = [made(), made()]
    names = {"one": things[0], "again": things[0]}
    pair = (1, things[1])
    assert held_elsewhere(things, [names, names, pair, [], {}]) == []
    assert held_elsewhere([made()], []) == []


@pytest.mark.parametrize("kind", HOLDERS)
def test_any_other_holder_is_noticed(kind: str) -> None:
    """The search that is spared would have found it."""
    things = [made()]
    namespace = {"f": things[0]}
    holder = HOLDERS[kind](things[0])
    assert len(held_elsewhere(things, [namespace])) == 1
    assert held_elsewhere(things, []) == things
    del holder


@pytest.mark.parametrize("kind", ["list", "twice in a list", "tuple", "dictionary", "key", "set", "partial"])
def test_holder_that_is_named_is_known(kind: str) -> None:
    """With all the references that it has."""
    things = [made()]
    holder = HOLDERS[kind](things[0])
    assert held_elsewhere(things, [holder]) == []


def test_weak_references_are_holders() -> None:
    """They are not counted by Python, and whoever has one finds the object by it."""
    things = [made()]
    weak = weakref.ref(things[0])
    assert len(held_elsewhere(things, [])) == 1
    assert weak() is things[0]
