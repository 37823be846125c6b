"""Edits of bodies: the live functions get new code, nothing runs, and whoever holds one sees the new text."""

# ruff: noqa: E501 - a case is easiest to read on one line

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from otpy import code
from otpy.code.codes import inner
from otpy.code.finding import functions_of, references, sweep, walk
from otpy.code.journal import Journal
from otpy.code.loader import prepare
from otpy.code.version import read_version

PRELUDE = """
import functools, contextlib
ran = []
ran.append(1)
def deco(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper
def bare(function):
    def wrapper(*args):
        return function(*args)
    return wrapper
"""

HOLDERS: list[tuple[str, str, Callable[[ModuleType], Callable[[], object]]]] = [
    ("from-import", "def f(): return 'old'", lambda m: m.f),
    ("bound method", "class A:\n    def f(self): return 'old'", lambda m: m.A().f),
    ("class method", "class A:\n    @classmethod\n    def f(cls): return 'old'", lambda m: m.A.f),
    ("static method", "class A:\n    @staticmethod\n    def f(): return 'old'", lambda m: m.A.f),
    ("partial", "def f(x): return 'old'", lambda m: functools.partial(m.f, 1)),
    ("wrapper", "@deco\ndef f(): return 'old'", lambda m: m.f),
    ("wrapper that hides the function", "@bare\ndef f(): return 'old'", lambda m: m.f),
    ("property", "class A:\n    @property\n    def f(self): return 'old'", lambda m: functools.partial(getattr, m.A(), "f")),
    ("setter", "class A:\n    @property\n    def f(self): return self.x\n    @f.setter\n    def f(self, x): self.x = 'old'", lambda m: functools.partial(set_and_get, m.A())),
    ("cached property", "class A:\n    @functools.cached_property\n    def f(self): return 'old'", lambda m: functools.partial(getattr, m.A(), "f")),
    ("lambda", "f = lambda: 'old'", lambda m: m.f),
    ("lambda in a class", "class A:\n    f = lambda self: 'old'", lambda m: m.A().f),
    ("nested class", "class A:\n    class B:\n        def f(self): return 'old'", lambda m: m.A.B().f),
    ("closure made before", "def make():\n    def f(): return 'old'\n    return f", lambda m: m.make()),
    ("closure with free variables", "def make(x):\n    def f(): return (x, 'old')[1]\n    return f", lambda m: m.make(1)),
    ("lambda made before", "def make():\n    return lambda: 'old'", lambda m: m.make()),
    ("comprehension in a function", "def f(): return ['old' for _ in range(1)][0]", lambda m: m.f),
    ("generator function", "def f():\n    yield 'old'", lambda m: lambda: next(m.f())),
    ("subclass elsewhere", "class A:\n    def f(self): return 'old'", lambda m: type("B", (m.A,), {})().f),
    ("context manager", "@contextlib.contextmanager\ndef f():\n    yield 'old'", lambda m: lambda: m.f().__enter__()),
    ("single dispatch", "@functools.singledispatch\ndef f(x=1): return 0\n@f.register\ndef _(x: int): return 'old'", lambda m: functools.partial(m.f, 1)),
    ("cached results", "@functools.lru_cache\ndef f(): return 'old'", lambda m: (m.f(), m.f)[1]),
    ("dispatching table", "def f(): return 'old'\ntable = {'f': f}", lambda m: m.table["f"]),
    ("function used by a function", "def g(): return 'old'\ndef f(): return g()", lambda m: m.f),
    ("super call", "class A:\n    def f(self): return 'o'\nclass B(A):\n    def f(self): return super().f() and 'old'", lambda m: m.B().f),
]  # fmt: skip


def set_and_get(thing: Any) -> object:
    """Set the property and read it."""
    thing.f = 1
    return thing.f


@pytest.mark.parametrize(("source", "hold"), [case[1:] for case in HOLDERS], ids=[case[0] for case in HOLDERS])
def test_whoever_holds_a_function_runs_its_new_body(
    name: str, source: str, hold: Callable[[ModuleType], Callable[[], object]]
) -> None:
    """Nothing is executed for it; and back again."""
    code.load(PRELUDE + source, name=name)
    module = sys.modules[name]
    held = hold(module)
    assert held() == "old" or "cached property" in repr(held)
    prepared, journal = prepare(name, PRELUDE + "# moved\n" + source.replace("'old'", "'new'")), Journal()
    assert prepared.bodies_only
    assert prepared.touched == frozenset()
    prepared.install(journal)
    if not isinstance(held, functools.partial) or "cached" not in source:
        assert held() == "new"
    assert hold(module)() == "new"
    assert module.ran == [1]
    journal.undo()
    if "cached" not in source:
        assert held() == "old"
    assert hold(module)() == "old"


NOT_ONLY = [
    ("free variables", "class A:\n    def f(self): return 1", "class A:\n    def f(self): return __class__ and 1"),
    ("generator", "def f(): return 1", "def f(): yield 1"),
    ("value that a call made", "def mk(): return 1\nN = mk()", "def mk(): return 2\nN = mk()"),
    ("decorator itself", "def d(f): return f\n@d\ndef f(): pass", "def d(f): return f and f\n@d\ndef f(): pass"),
    ("order that matters", "def a(): return 1\ndef a(): return 2", "def a(): return 2\ndef a(): return 1"),
]


@pytest.mark.parametrize(("old", "new"), [case[1:] for case in NOT_ONLY], ids=[case[0] for case in NOT_ONLY])
def test_what_is_more_than_bodies_is_run(name: str, old: str, new: str) -> None:
    """A body that other definitions were made with, or that the live function cannot take."""
    code.load(old, name=name)
    prepared = prepare(name, new)
    assert not prepared.bodies_only
    prepared.discard()


def test_new_free_variable_of_a_method_is_taken_in_place(name: str) -> None:
    """`super()` added: whoever kept a bound method runs the new body all the same."""
    code.load("class A:\n    def f(self): return 1\nclass B(A):\n    def f(self): return 2\n", name=name)
    module = sys.modules[name]
    cls, held = module.B, module.B().f
    code.load("class A:\n    def f(self): return 1\nclass B(A):\n    def f(self): return super().f() + 4\n", name=name)
    assert module.B is cls
    assert (held(), cls().f()) == (5, 5)


RUN_BEFORE: dict[str, tuple[str, str, str, Callable[[ModuleType], Callable[[], object]]]] = {
    "function": ("def f(x=1): return 'old'", "x=1", "x=2", lambda m: m.f),
    "method": ("class A:\n    n = 1\n    def f(self): return 'old'", "n = 1", "n = 2", lambda m: m.A().f),
    "closure": ("def make(x=1):\n    def f(): return 'old'\n    return f", "x=1", "x=2", lambda m: m.make()),
}


@pytest.mark.parametrize("case", RUN_BEFORE)
def test_body_that_an_edit_around_it_left_alone_is_replaced_by_the_next_one(
    name: str, on_disk: Callable[[str, str], Path], case: str
) -> None:
    """The function was defined again, and came out with the very same code: it is of the newer version all the same."""
    source, around, changed, hold = RUN_BEFORE[case]
    on_disk(name, source)
    held = hold(importlib.import_module(name))
    code.load(source.replace(around, changed), name=name)
    assert held() == "old"
    code.load(source.replace(around, changed).replace("'old'", "'new'"), name=name)
    assert held() == "new"


LATE = """
held = []
def make(x):
    def f(): return (x, 'old')[1]
    return f
def other(): return 1
def more(y=1): return y
"""

LATE_EDITS = {
    "bodies only": ("'old'", "'new'"),
    "and another definition is run": (
        "'old')[1]\n    return f\ndef other(): return 1",
        "'new')[1]\n    return f\ndef other(z=1): return 1",
    ),
    "and a value changes": (
        "held = []\ndef make(x):\n    def f(): return (x, 'old')",
        "held = []\nfresh = 1\ndef make(x):\n    def f(): return (x, 'new')",
    ),
}


@pytest.mark.parametrize("edit", LATE_EDITS)
def test_closures_made_between_preparation_and_installation_get_their_new_bodies(name: str, edit: str) -> None:
    """The program goes on while an upgrade is prepared."""
    code.load(LATE, name=name)
    module: Any = sys.modules[name]
    assert LATE_EDITS[edit][0] in LATE
    prepared = prepare(name, LATE.replace(*LATE_EDITS[edit]))
    late = [module.make(index) for index in range(3)]
    journal = Journal()
    prepared.install(journal)
    assert [function() for function in late] == ["new"] * 3
    assert {function.__code__.co_filename for function in late} == {module.make.__code__.co_filename}
    journal.undo()
    assert [function() for function in late] == ["old"] * 3


def test_nothing_is_searched_again_when_nothing_was_made(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search of the heap costs more than the whole installation."""
    code.load(LATE, name=name)
    prepared = prepare(name, LATE.replace("'old'", "'new'"))
    searched: list[object] = []
    monkeypatch.setattr("otpy.code.loaded.sweep", searched.append)
    prepared.install(Journal())
    assert searched == []
    assert sys.modules[name].make(1)() == "new"


def test_closure_whose_free_variables_changed_goes_on_and_is_told(name: str) -> None:
    """Its cells are what they are; it says so, and shows its own text."""
    source = "def make(a, b):\n    def f(): return a\n    return f\n"
    code.load(source, name=name)
    module = sys.modules[name]
    held = module.make(1, 2)
    prepared = prepare(name, source.replace("return a", "return a + b"))
    assert prepared.bodies_only
    assert prepared.warnings == (
        f"{name}.make.<locals>.f, made before, goes on with its old body: its free variables have changed",
    )
    prepared.install(Journal())
    assert (held(), module.make(1, 2)()) == (1, 3)
    assert held.__code__.co_filename == f"<otpy {name} 1>"


def test_docstrings_and_lines_follow_bodies(name: str) -> None:
    """`help()` and tracebacks show the new text; a docstring that a program has set stays."""
    source = 'def f():\n    """One."""\n    return 1\ndef g():\n    """One."""\n    return 1\n'
    code.load(source, name=name)
    module = sys.modules[name]
    module.g.__doc__ = "set"
    code.load("\n" + source.replace("One", "Two").replace("return 1", "return 2"), name=name)
    assert (module.f.__doc__, module.g.__doc__) == ("Two.", "set")
    assert module.f.__code__.co_firstlineno == 2


def test_functions_are_found_without_a_search_of_the_whole_heap(name: str) -> None:
    """The namespace's reference count tells that there are no others; with a hidden one, it tells that there are."""
    code.load(PRELUDE + "@deco\ndef f(): pass\nclass A:\n    def g(self): return lambda: 0\n", name=name)
    module = sys.modules[name]
    found = walk(vars(module), name)
    assert set(found) == set(sweep(vars(module))[0])
    count = references(module)
    hidden = [module.A().g()]
    assert references(module) == count + 1
    assert hidden[0] in functions_of(module)[0]
    assert hidden[0] not in walk(vars(module), name)


def test_all_holders_of_functions_are_walked(name: str) -> None:
    """Whatever a namespace commonly keeps functions in."""
    source = """
import functools
import inspect
def f(): pass
table = {"a": [(lambda: 0,)], "b": {lambda: 0}}
part = functools.partial(lambda: 0, lambda: 0)
class A:
    made = property(lambda self: 0, lambda self, x: 0, lambda self: 0)
    static = staticmethod(lambda: 0)
    by_class = classmethod(lambda cls: 0)
    cached = functools.cached_property(lambda self: 0)
    later = functools.partialmethod(lambda self: 0)
    def default(self, x=lambda: 0, *, y=lambda: 0): pass
a = A()
a.callback = lambda: 0
bound = a.default
f.attribute = lambda: 0
"""
    code.load(source, name=name)
    module = sys.modules[name]
    assert set(walk(vars(module), name)) == set(sweep(vars(module))[0])
    assert all(isinstance(found, FunctionType) for found in walk(vars(module), name))


STDLIB = ("json.decoder", "dataclasses", "contextlib", "functools", "enum", "asyncio.tasks")


@pytest.mark.parametrize("module", STDLIB)
def test_definition_alone_has_the_code_that_it_has_in_its_module(module: str) -> None:
    """Functions are known by their code, whether it was compiled with the whole module or with one statement."""
    __import__(module)
    source = inspect.getsource(sys.modules[module])
    version = read_version(module, source)
    codes = version.parsed.codes
    for definition in version.definitions:
        if definition.kind in ("function", "class"):
            alone = inner(version.compiled(definition, "x"))
            assert [(c.co_qualname, c) for c in alone] == [(c.co_qualname, c) for c in codes.of(definition)]


def test_body_that_calls_through_an_import_is_edited(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """In a module that was imported, and in one that was loaded."""
    source = "import json\nclass A:\n    def f(self): return json.dumps(1)\n"
    on_disk(name, source)
    __import__(name)
    module = sys.modules[name]
    for number in (2, 3):
        code.load(source.replace("1", str(number)), name=name)
        assert module.A().f() == str(number)
