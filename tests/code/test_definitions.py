"""What a module defines, and what makes a definition another one."""

import ast
import sys

import pytest

from otpy.code.definitions import Definition, definitions, fingerprints

SOURCE = '''"""The module."""
import os
from json import dumps as to_json

LIMIT = 10

def deco(function):
    """Docs."""
    return function

@deco
def price(amount=LIMIT):
    return helper(amount)

def helper(x):
    return x

class Cart:
    size = LIMIT
    def total(self):
        return price(self.size)

class Big(Cart):
    pass

N = price()
TABLE = {name: deco for name in os.environ}
if LIMIT:
    EXTRA = 1
'''


def _read(source: str) -> dict[str, Definition]:
    return {found.name: found for found in definitions(ast.parse(source))}


def test_every_statement_is_a_definition_but_the_docstring() -> None:
    """Kinds and names, in the order of the source."""
    assert [(d.name, d.kind) for d in definitions(ast.parse(SOURCE))] == [
        ("os", "import"),
        ("to_json", "import"),
        ("LIMIT", "assignment"),
        ("deco", "function"),
        ("price", "function"),
        ("helper", "function"),
        ("Cart", "class"),
        ("Big", "class"),
        ("N", "assignment"),
        ("TABLE", "assignment"),
        ("if LIMIT:", "statement"),
    ]


@pytest.mark.parametrize(
    ("name", "uses"),
    [
        ("price", {"deco", "LIMIT"}),
        ("Cart", {"LIMIT"}),
        ("Big", {"Cart"}),
        ("N", {"price"}),
        ("TABLE", {"deco", "os"}),
        ("if LIMIT:", {"LIMIT"}),
    ],
)
def test_uses_are_the_names_looked_up_when_the_statement_runs(name: str, uses: set[str]) -> None:
    """Decorators, bases, defaults, class bodies and expressions, but no function bodies and no loop variables."""
    assert _read(SOURCE)[name].uses == uses


BINDINGS = [
    ("a = b = 1", ("a", "b")),
    ("a, (b, *c) = x", ("a", "b", "c")),
    ("a.b = c[0] = 1", ()),
    ("import a.b, c.d as e", ("a", "e")),
    ("for i in x: j = i", ("i", "j")),
    ("with a as b: pass", ("b",)),
    ("try:\n  import a\nexcept E as e:\n  a = None", ("a",)),
    ("[y := x for x in z]", ("y",)),
    ("match x:\n  case [a, *b, {'k': c, **d}] as e: pass", ("e", "a", "b", "c", "d")),
    ("class A:\n  x = 1\n  def f(self): y = 2", ("A",)),
    ("def f():\n  global g\n  g = 1", ("f",)),
    ("x += 1", ("x",)),
    ("del x", ("x",)),
]


@pytest.mark.parametrize(("source", "binds"), BINDINGS)
def test_binds_are_the_globals_that_a_statement_sets(source: str, binds: tuple[str, ...]) -> None:
    """Wherever in the statement they are set, but not what functions and classes keep to themselves."""
    (found,) = definitions(ast.parse(source))
    assert set(found.binds) == set(binds)


SAME = [
    ("comments and blank lines", "LIMIT = 10", "# ten\n\n\nLIMIT = 10  # really"),
    ("other quotes and layout", "LIMIT = ('a',\n 1)", 'LIMIT = ("a", 1)'),
    ("docstring of a function", 'def f():\n    """One."""\n    return 1', 'def f():\n    """Two."""\n    return 1'),
    (
        "docstring of a method",
        'class A:\n    def f(self):\n        """One."""',
        "class A:\n    def f(self):\n        'Two.'",
    ),
    ("annotation of a variable", "x: int = 1", "x: str = 1"),
]


@pytest.mark.parametrize(("one", "other"), [case[1:] for case in SAME], ids=[case[0] for case in SAME])
def test_what_changes_nothing_leaves_no_trace(one: str, other: str) -> None:
    """The fingerprint of the statement is the same."""
    before, after = definitions(ast.parse(one)), definitions(ast.parse(other))
    assert before[0].own == after[0].own
    assert fingerprints(before[:1]) == fingerprints(after[:1])


OTHER = [
    ("body", "def f(): return 1", "def f(): return 2"),
    ("default", "def f(x=1): pass", "def f(x=2): pass"),
    ("name", "def f(): pass", "def g(): pass"),
    ("constant of another type", "x = 1", "x = True"),
    ("async", "def f(): pass", "async def f(): pass"),
    ("decorator", "@a\ndef f(): pass", "@b\ndef f(): pass"),
    ("text that is no docstring", "def f(): return 'a'", "def f(): return 'b'"),
    ("operator", "x = a + b", "x = a - b"),
]


@pytest.mark.parametrize(("one", "other"), [case[1:] for case in OTHER], ids=[case[0] for case in OTHER])
def test_every_difference_counts(one: str, other: str) -> None:
    """Whatever Python runs differently."""
    assert definitions(ast.parse(one))[0].own != definitions(ast.parse(other))[0].own


def changed(old: str, new: str) -> set[str]:
    """Return the names whose fingerprints differ."""
    before, after = (fingerprints(definitions(ast.parse(source))) for source in (old, new))
    return {name for name in before if before[name] != after[name]}


def test_fingerprint_follows_what_is_used_at_definition_time() -> None:
    """A constant reaches defaults, class bodies, subclasses and what was computed with them."""
    new = SOURCE.replace("LIMIT = 10", "LIMIT = 11")
    assert changed(SOURCE, new) == {"LIMIT", "price", "Cart", "Big", "N", "if LIMIT:"}


def test_bodies_matter_only_to_values_that_they_computed() -> None:
    """`N = price()` ran the body of helper; the class that calls price in a method did not."""
    new = SOURCE.replace("return x", "return x + 1")
    assert changed(SOURCE, new) == {"helper", "N"}


def test_docstrings_have_a_hash_of_their_own() -> None:
    """So that help() can be put right without replacing a function."""
    before, after = _read(SOURCE)["deco"], _read(SOURCE.replace("Docs.", "More."))["deco"]
    assert before.own == after.own
    assert before.docs != after.docs


def test_same_name_twice_is_told_apart() -> None:
    """As in overloads, or functions called `_`."""
    assert [d.name for d in definitions(ast.parse("def _(): pass\ndef _(): return 1\n_ = 3"))] == ["_", "_#2", "_#3"]


def test_names_that_use_each_other_come_to_an_end() -> None:
    """A fingerprint of a cycle is finite."""
    source = "def a(): return b()\ndef b(): return a()\nx = a()\ny = x = y = x"
    assert len(fingerprints(definitions(ast.parse(source)))) == 4


def test_annotations_of_variables_are_one_definition() -> None:
    """An edited annotation does not make the values anew."""
    found = _read("x: int = 1\ny: list[int] = []\nz: str")
    assert list(found) == ["x", "y", "__annotations__"]
    assert found["x"].uses == frozenset()
    eager = sys.version_info < (3, 14)
    assert found["__annotations__"].uses == ({"int", "list", "str"} if eager else set())


def test_lazy_annotations_are_not_looked_up() -> None:
    """With `from __future__ import annotations`, a class is not made anew because one that it names is."""
    lazy = _read("from __future__ import annotations\nclass A: pass\nclass B:\n    a: A\ndef f(a: A) -> A: pass")
    assert lazy["B"].uses == frozenset()
    assert lazy["f"].uses == frozenset()
