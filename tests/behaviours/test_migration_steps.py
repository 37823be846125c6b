"""Steps from version to version: how they are found, chained, refused, and gone again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from otpy.behaviours.migrations import path
from otpy.behaviours.migrations.steps import migration, steps_of
from otpy.errors import MigrationFailed
from tests.behaviours.migration_kit import forget_kinds, module_of

SERVER = "import otpy\nclass Counter(otpy.GenServer):\n    pass\n"


def step(old: str, new: str, *, name: str = "", behaviour: str = "Counter") -> str:
    """Return the source of a step, called after its versions unless it has a *name*."""
    called = name or f"from_{old}_to_{new}"
    return (
        f"@otpy.migration({behaviour}, old={old!r}, new={new!r})\ndef {called}(state):\n    return [*state, {new!r}]\n"
    )


@pytest.fixture(autouse=True)
def kinds_module() -> Iterator[None]:
    """Leave no module `kinds` behind."""
    yield
    forget_kinds()


WAYS = {
    "one step": (["12"], "1", "2", "12"),
    "none to go": (["12"], "1", "1", ""),
    "chained": (["12", "23", "34"], "1", "4", "12 23 34"),
    "back": (["12", "21"], "2", "1", "21"),
    "there are rings": (["12", "21", "23", "31"], "1", "3", "12 23"),
    "the shortest": (["12", "23", "34", "14"], "1", "4", "14"),
    "the first of two as short": (["13", "12", "34", "24"], "1", "4", "12 24"),
}


@pytest.mark.parametrize(("steps", "old", "new", "way"), WAYS.values(), ids=WAYS)
def test_way_along_the_steps(steps: list[str], old: str, new: str, way: str) -> None:
    """The shortest way; of several, always the same, in whatever order the steps were written."""
    for order in (steps, steps[::-1]):
        module = module_of(SERVER + "".join(step(*name) for name in order))
        found = path(module.Counter, old, new)
        assert " ".join(f"{one.old}{one.new}" for one in found) == way


def test_no_way_lists_what_there_is() -> None:
    """Who reads the message sees which step is missing."""
    module = module_of(SERVER + step("1", "2") + step("3", "4"))
    with pytest.raises(MigrationFailed, match=r"'1' to '4'.*'1' → '2' \(from_1_to_2\), '3' → '4' \(from_3_to_4\)"):
        path(module.Counter, "1", "4")


def test_steps_of_a_base_class_serve_its_subclasses() -> None:
    """Until one has steps of its own."""
    source = SERVER + "class Mine(Counter):\n    pass\nclass Other(Counter):\n    pass\n" + step("1", "2")
    module = module_of(source + step("1", "2", name="mine", behaviour="Mine"))
    assert [one.function.__name__ for one in steps_of(module.Mine)] == ["mine"]
    assert [one.function.__name__ for one in steps_of(module.Other)] == ["from_1_to_2"]


def test_steps_are_those_that_the_module_has_now() -> None:
    """A module that is run again replaces its steps: what it does not define any more is gone."""
    module_of(SERVER + step("1", "2") + step("2", "3"))
    module = module_of(SERVER + step("2", "3"))
    assert [one.new for one in steps_of(module.Counter)] == ["3"]
    del sys.modules["kinds"]
    assert steps_of(module.Counter) == ()


def test_steps_of_a_version_that_is_not_installed_are_found_in_its_names() -> None:
    """A rehearsal asks before anything is put in place; afterwards nothing of it is left."""
    live = module_of(SERVER + step("1", "2"))
    coming = ModuleType("kinds")
    exec(SERVER + step("1", "2") + step("2", "3"), vars(coming))  # noqa: S102 - the versions are text
    assert len(path(live.Counter, "1", "3", namespaces={"kinds": vars(coming)})) == 2
    with pytest.raises(MigrationFailed):
        path(live.Counter, "1", "3")


BAD = {
    "no behaviour": ("import otpy\n@otpy.migration(int, old=1, new=2)\ndef f(state): return state\n", "behaviour"),
    "no way": (SERVER + "@otpy.migration(Counter, old=1, new=1)\ndef f(state): return state\n", "same version"),
    "unhashable": (SERVER + "@otpy.migration(Counter, old=[], new=1)\ndef f(state): return state\n", "hashable"),
    "a lambda in a call": (SERVER + "otpy.migration(Counter, old=1, new=2)(len)\n", "no function of a module"),
    "inside a class": (
        SERVER + "class X:\n    @otpy.migration(Counter, old=1, new=2)\n    def f(state): return state\n",
        "left margin",
    ),
    "same name": (SERVER + step("1", "2", name="up") + step("2", "3", name="up"), "two migration steps are called up"),
}


@pytest.mark.parametrize(("source", "words"), BAD.values(), ids=BAD)
def test_what_is_no_step_is_refused_where_it_is_written(source: str, words: str) -> None:
    """A step that nobody would find is worse than an error."""
    with pytest.raises(TypeError, match=words):
        module_of(source)


def test_step_stays_a_function() -> None:
    """It may be called and tested as it is."""
    module = module_of(SERVER + step("1", "2"))
    assert module.from_1_to_2([0]) == [0, "2"]
    assert callable(migration)
