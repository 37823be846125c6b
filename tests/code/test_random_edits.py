"""Random modules and random edits of them: installed, a version is what a fresh import of it would be; undone, it never was."""

# ruff: noqa: E501 - a case is easiest to read on one line

import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otpy import code
from otpy.code.journal import Journal
from otpy.code.loader import prepare
from otpy.errors import LoadFailed
from tests.code.conftest import forget

NAMES = ("a", "b", "c", "d", "e")

Unit = tuple[str, str, str, int]
"""Kind, own name, a name that it uses, and a number: one definition."""

units = st.tuples(
    st.sampled_from(
        ("constant", "function", "decorated", "class", "subclass", "derived", "table", "dataclass", "default")
    ),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.integers(0, 3),
)

modules = st.lists(units, max_size=8)


def text(unit: Unit) -> str:
    """The _source of one definition. What it uses may be anything that an earlier definition has left."""
    kind, own, used, number = unit
    return {
        "constant": f"{own} = {number}\n",
        "function": f"def {own}(x=0):\n    return {number}, show({used})\n",
        "decorated": f"@traced\ndef {own}(x=0):\n    return {number}, show({used})\n",
        "class": f"class {own}:\n    n = {number}\n    def f(self):\n        return {number}, show({used})\n",
        "subclass": f"class {own}({used} if isinstance({used}, type) else object):\n    m = {number}\n",
        "derived": f"{own} = ({number}, show({used}))\n",
        "table": f"{own} = {{{number}: {used}}}\n",
        "dataclass": f"@dataclasses.dataclass\nclass {own}:\n    x: int = {number}\n    y: object = dataclasses.field(default_factory=lambda: show({used}))\n",
        "default": f"def {own}(x={number}, *, y=show({used})):\n    return x, y\n",
    }[kind]


PRELUDE = """
import dataclasses, functools
def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper
def show(value):
    if callable(value):
        return getattr(value, "__name__", "?")
    return str(value) if isinstance(value, (int, tuple)) else type(value).__name__
a = b = c = d = e = 0
"""


def _source(plan: list[Unit]) -> str:
    return PRELUDE + "".join(map(text, plan))


def behaviour(module: ModuleType) -> dict[str, object]:
    """What can be _seen of each name: values, results of calls, attributes of instances."""
    return {name: _seen(getattr(module, name)) for name in NAMES}


def _seen(value: Any, depth: int = 0) -> object:
    match value:
        case type():
            try:
                thing = value()
                fields = sorted(vars(thing).items())
                result = value.f(thing) if hasattr(value, "f") else None
            except TypeError:
                return "no instance"
            attributes = [(key, getattr(value, key, None)) for key in ("n", "m")]
            return value.__name__, [base.__name__ for base in value.__mro__], attributes, fields, result
        case dict() if depth < 3:
            return [(key, _seen(item, depth + 1)) for key, item in value.items()]
        case _ if callable(value):
            return value.__name__, value()
        case _:
            return value


def _snapshot(module: ModuleType) -> list[tuple[str, int]]:
    return [(key, id(value)) for key, value in vars(module).items()]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=modules, new=modules)
def test_installed_version_is_what_a_fresh_import_gives(old: list[Unit], new: list[Unit]) -> None:
    """And undone, the module is as it was, object by object; what raises in one raises in the other."""
    _check_edit(_source(old), _source(new))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=modules, where=st.integers(0, 8), unit=units)
def test_edit_of_one_definition(plan: list[Unit], where: int, unit: Unit) -> None:
    """The usual edit: one definition becomes another, all around it stays."""
    _check_edit(_source(plan), _source([*plan[:where], unit, *plan[where + 1 :]]))


def _check_edit(old: str, new: str) -> None:
    try:
        code.load(old, name="edited_module")
        module = sys.modules["edited_module"]
        before, behaved = _snapshot(module), behaviour(module)
        fresh = ModuleType("edited_module")
        exec(new, vars(fresh))  # noqa: S102 - what a fresh import does
        journal = Journal()
        prepare("edited_module", new).install(journal)
        assert behaviour(module) == behaviour(fresh)
        journal.undo()
        assert _snapshot(module) == before
        assert behaviour(module) == behaved
    finally:
        forget("edited_module")


def test_what_raises_in_a_fresh_import_raises_here() -> None:
    """A cycle of names that only worked because the old ones were still there is found out."""
    try:
        code.load("def a(): pass\nb = a\n", name="edited_module")
        with pytest.raises(LoadFailed, match="NameError"):
            prepare("edited_module", "b = a\ndef a(): return 1\n")
    finally:
        forget("edited_module")
