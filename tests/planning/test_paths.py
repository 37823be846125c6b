"""Ways between versions: the shortest chain of steps, or else code_change, or the automatic migration."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpy.analysis.state_shape import FieldFacts, ShapeChange
from otpy.planning.paths import way_of

NEEDS = ShapeChange(type="shop.Order", added=(FieldFacts("region", "str"),), always=True)
GETS = ShapeChange(type="shop.Order", added=(FieldFacts("n", "int", "1"),), always=True)


@pytest.mark.parametrize(
    ("steps", "way"),
    [
        ([("1", "2")], ("1", "2")),
        ([("1", "1.5"), ("1.5", "2")], ("1", "1.5", "2")),
        ([("1", "1.5"), ("1.5", "2"), ("1", "2")], ("1", "2")),
        ([("1", "b"), ("1", "a"), ("b", "2"), ("a", "2")], ("1", "a", "2")),
        ([("2", "1")], ()),
        ([("1", "3")], ()),
        ([], ()),
    ],
)
def test_shortest_way_is_taken(steps: list[tuple[str, str]], way: tuple[str, ...]) -> None:
    """Each step once; the same that the upgrade will take."""
    assert way_of("shop.Cart", "1", "2", steps=steps, has_code_change=True).path == way


edges = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@settings(deadline=None)
@given(edges, st.integers(0, 7), st.integers(0, 7))
def test_ways_are_made_of_steps_and_there_is_none_shorter(pairs: list[tuple[int, int]], start: int, goal: int) -> None:
    """Against all that can be reached in so many steps."""
    steps = [(str(old), str(new)) for old, new in pairs]
    way = way_of("shop.Cart", str(start), str(goal), steps=steps)
    reached, count = {start}, 0
    while goal not in reached and count < 8:
        reached |= {new for old, new in pairs if old in reached}
        count += 1
    if goal not in reached:
        assert way.path == ()
        assert bool(way.problems) == bool(steps)
    elif goal != start:
        assert len(way.path) == count + 1
        assert (way.path[0], way.path[-1]) == (str(start), str(goal))
        assert all(step in steps for step in pairwise(way.path))


def test_steps_go_before_code_change_and_that_before_the_automatic_migration() -> None:
    """What an author has written for it knows best."""
    steps = [("1", "2")]
    assert way_of("shop.Cart", "1", "2", steps=steps, has_code_change=True, shapes=[NEEDS]).by == "steps"
    assert way_of("shop.Cart", "1", "2", has_code_change=True, shapes=[NEEDS]).by == "code_change"
    assert way_of("shop.Cart", "1", "2", shapes=[GETS]).by == "automatic"
    assert way_of("shop.Cart", "1", "2").by == "none"


def test_steps_that_do_not_lead_there_are_in_the_way() -> None:
    """Somebody has forgotten one; a code_change would do it."""
    way = way_of("shop.Cart", "1", "3", steps=[("1", "2")])
    assert way.problems == ("the registered steps lead from 1 to 2, but not from 1 to 3; register what is missing",)
    assert way_of("shop.Cart", "1", "3", steps=[("1", "2")], has_code_change=True).by == "code_change"


def test_a_field_without_default_is_in_the_way() -> None:
    """Certainly, if every state has one; perhaps, if some may."""
    assert way_of("shop.Cart", "1", "2", shapes=[NEEDS]).problems == (
        "shop.Order needs region, which has no default; give one, or convert in shop.Cart.code_change",
    )
    some = ShapeChange(type="shop.Order", added=(FieldFacts("a"), FieldFacts("b")))
    way = way_of("shop.Cart", "1", "2", shapes=[some])
    assert (way.problems, way.doubts) == (
        (),
        ("shop.Order needs a, b, which have no defaults; give one, or convert in shop.Cart.code_change",),
    )


def test_another_shape_of_the_same_version_is_in_the_way() -> None:
    """No step could tell which shape a state has."""
    way = way_of("shop.Cart", "1", "1", shapes=[GETS], has_code_change=True)
    assert way.problems == (
        "shop.Order gets n = 1, but the version of shop.Cart is 1 as before; give its module a new __vsn__",
    )


def test_a_way_prints_itself() -> None:
    """For `validate_upgrade_path`."""
    assert str(way_of("shop.Cart", "1", "2", steps=[("1", "x"), ("x", "2")])) == "shop.Cart: 1 -> x -> 2, steps"
    assert str(way_of("shop.Cart", "1", "2")) == "shop.Cart: 1 -> 2, nothing to convert"
