"""Classes derived from one that is replaced by a new object are derived again, wherever they are."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from otpy.code.journal import Journal
from tests.code.support import Modules, upgrade_all

BASE = """
class Token:
    __slots__ = ("value",)

    def text(self):
        return "old"
"""
NEW_BASE = BASE.replace('("value",)', '("value", "line")')

CASES: list[tuple[str, str, dict[str, str], dict[str, str]]] = [
    (
        "text as before",
        "class List(Token):\n    pass\n",
        {},
        {},
    ),
    (
        "only a body edited",
        "class List(Token):\n    def size(self): return 1\n",
        {},
        {"return 1": "return 2"},
    ),
    (
        "only a body edited, several levels",
        (
            "class List(Token):\n    def size(self): return 1\n"
            "class Where(List):\n    def kind(self): return 1\n"
            "class End(Where): pass\n"
        ),
        {},
        {"return 1": "return 2"},
    ),
    (
        "only the body of a level between edited",
        "class List(Token):\n    def size(self): return 1\nclass Where(List):\n    def kind(self): return 5\n",
        {},
        {"return 1": "return 2"},
    ),
    (
        "two bases",
        "class Mixin:\n    def name(self): return 1\nclass List(Mixin, Token):\n    def size(self): return 1\n",
        {},
        {"return 1": "return 2"},
    ),
    (
        "another module, by name",
        "class List(Token):\n    def size(self): return 1\n",
        {"b": "from $a import List\nclass Where(List): pass\nclass End(Where): pass\n"},
        {"return 1": "return 2"},
    ),
    (
        "another module, by attribute",
        "class List(Token):\n    def size(self): return 1\n",
        {"b": "import $a as a\nclass Where(a.List): pass\n", "c": "import $b\nclass End($b.Where): pass\n"},
        {"return 1": "return 2"},
    ),
]


def _derived(made: dict[str, ModuleType]) -> dict[str, type]:
    """All classes but `Token` and what has nothing to do with it, by module and name."""
    return {
        f"{key}.{name}": value
        for key, module in made.items()
        for name, value in vars(module).items()
        if isinstance(value, type) and name not in {"Token", "Mixin"}
    }


@pytest.mark.parametrize(("rest", "others", "edits"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_derived_classes_follow_a_replaced_base(
    name: str, modules: Modules, rest: str, others: dict[str, str], edits: dict[str, str]
) -> None:
    """Otherwise their instances go on with the old base, whatever the source says."""
    made = modules(a=BASE + rest, **others)
    before = _derived(made)
    old: Any = made["a"].Token
    new = NEW_BASE + rest
    for text, other in edits.items():
        new = new.replace(text, other)
    journal = Journal()
    prepared = upgrade_all(name, journal, a=new)
    assert prepared.warnings == ()
    token: Any = made["a"].Token
    assert token is not old
    after = _derived(made)
    assert after.keys() == before.keys()
    for key, cls in after.items():
        assert token in cls.__mro__, key
        assert old not in cls.__mro__, key
        assert prepared.replaced[before[key]] is cls
        instance: Any = cls()
        instance.line = 3
        assert not edits or instance.size() == 2
    journal.undo()
    assert _derived(made) == before
    assert made["a"].Token is old
