"""While processes rest, the garbage collector does not look through the whole program."""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from otpy import upgrade
from otpy.upgrade.collector import FullCollections
from tests.support import inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import V1, V2

in_portions = pytest.mark.skipif(sys.version_info >= (3, 14), reason="its collector never looks at all objects at once")


@contextmanager
def counted() -> Generator[list[int]]:
    """Collect the generations that are collected."""
    found: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            found.append(info["generation"])

    gc.callbacks.append(note)
    try:
        yield found
    finally:
        gc.callbacks.remove(note)


def many() -> list[list[int]]:
    """Return so many objects that there is a full collection, by any rule."""
    return [[] for _ in range(3 * len(gc.get_objects()))]


@in_portions
def test_full_collections_wait() -> None:
    """The young generations do not, and afterwards all is as ever."""
    with counted() as generations:
        rest = FullCollections()
        kept = many()
        rest.allow()
        assert {0, 1} == set(generations)
        kept += many()
    assert 2 in generations


@in_portions
@inside
def test_states_are_converted_without_any(module: Make) -> None:
    """However many objects the conversions make."""
    module("m_counter", V1).Counter.start(0)
    seen: set[int] = set()

    def converted(_vsn: object, state: dict[str, object]) -> dict[str, object]:
        with counted() as generations:
            many()
        seen.update(generations)
        return state

    upgrade.reload_module("m_counter", V2, state=converted, rehearse=False)
    assert seen == {0, 1}


def test_what_others_set_meanwhile_stays(request: pytest.FixtureRequest) -> None:
    """It is their setting, not ours to take back."""
    before = gc.get_threshold()
    request.addfinalizer(lambda: gc.set_threshold(*before))
    rest = FullCollections()
    gc.set_threshold(5000, 20, 30)
    rest.allow()
    assert gc.get_threshold() == (5000, 20, 30)
    gc.set_threshold(*before)


def test_a_setting_for_the_young_generations_does_not_end_full_collections(request: pytest.FixtureRequest) -> None:
    """`gc.set_threshold` with two numbers leaves the third, and that is the rest's own."""
    before = gc.get_threshold()
    request.addfinalizer(lambda: gc.set_threshold(*before))
    rest = FullCollections()
    gc.set_threshold(5000, 20)
    rest.allow()
    assert gc.get_threshold() == (5000, 20, before[2])
    gc.set_threshold(*before)


def test_one_rest_within_another() -> None:
    """A rehearsal has its own, and may end before or after."""
    before = gc.get_threshold()
    first, second = FullCollections(), FullCollections()
    first.allow()
    second.allow()
    assert gc.get_threshold() == before
    first, second = FullCollections(), FullCollections()
    second.allow()
    first.allow()
    assert gc.get_threshold() == before
