"""Classes derived from one that is replaced by a new object are derived again, wherever they are."""

from __future__ import annotations

import contextlib
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


# -- bases that stay and have other fields -----------------------------------------------------------

MAKERS = {
    "dataclass": "from dataclasses import dataclass as made\n@made\nclass Base:\n    a: int = 1\n",
    "dataclass with slots": (
        "import dataclasses\ndef made(cls): return dataclasses.dataclass(slots=True)(cls)\n"
        "@made\nclass Base:\n    a: int = 1\n"
    ),
    "attrs": "from attrs import define as made\n@made(slots=False)\nclass Base:\n    a: int = 1\n",
    "pydantic": "import pydantic\ndef made(cls): return cls\nclass Base(pydantic.BaseModel):\n    a: int = 1\n",
    "msgspec": "import msgspec\ndef made(cls): return cls\nclass Base(msgspec.Struct):\n    a: int = 1\n",
}
DERIVED = "@made\nclass Sub(Base):\n    b: int = 2\n"


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS.keys())
@pytest.mark.parametrize("where", ["the same module", "another module", "two modules away"])
def test_a_class_that_has_copied_fields_of_its_base_gets_its_new_ones(
    modules: Modules, name: str, maker: str, where: str
) -> None:
    """A dataclass has its own `__init__`, written from what its bases had when it was made."""
    rest = {
        "the same module": {},
        "another module": {"b": f"from $a import Base, made\n{DERIVED}"},
        "two modules away": {"b": "from $a import Base, made\n", "c": f"from $b import Base, made\n{DERIVED}"},
    }[where]
    made = modules(a=maker if rest else maker + DERIVED, **rest)
    module = made["abc"[len(rest)]]
    before = module.Sub
    journal, old = Journal(), maker if rest else maker + DERIVED
    upgrade_all(name, journal, a=old.replace("    a: int = 1\n", "    a: int = 1\n    new: int = 7\n"))
    changed = module.Sub(b=5, new=3)
    assert (changed.a, changed.b, changed.new, module.Sub().new) == (1, 5, 3, 7)
    assert module.Sub is before or "slots" in maker or "msgspec" in maker
    journal.undo()
    assert module.Sub is before
    with pytest.raises((TypeError, ValueError)) if "pydantic" not in maker else _nothing_raised():
        assert not hasattr(module.Sub(new=3), "new")


def _nothing_raised() -> Any:
    return contextlib.nullcontext()  # a model takes no notice of what it does not know
