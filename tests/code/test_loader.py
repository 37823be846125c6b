"""A new version in the live module: all of it, or nothing; and back again, bit for bit."""

# ruff: noqa: E501 - a case is easiest to read on one line

import dataclasses
import json
import logging
import pickle
import sys
import threading
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from otpy import code
from otpy.code.journal import Journal
from otpy.code.loader import prepare, prepare_all
from otpy.code.prepared import Prepared
from otpy.errors import CompilationFailed, LoadFailed

BASE = '''"""A module."""
from __future__ import annotations
import functools
from dataclasses import dataclass, field
from typing import ClassVar

RATE = 2
DOUBLE = RATE * 2
cache = {}
total = 0

def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

def helper():
    return "one"

@traced
def public():
    return helper()

def constant():
    return RATE

@dataclass
class Item:
    name: str = "x"
    count: ClassVar[int] = 0
    def label(self):
        return helper() + self.name

class Special(Item):
    def label(self):
        return "special " + super().label()

class Other:
    def value(self):
        return helper()
'''


def load(name: str, source: str) -> ModuleType:
    """Load *source* and return the module."""
    code.load(source, name=name)
    return sys.modules[name]


def install(name: str, source: str) -> tuple[Prepared, Journal]:
    """Install *source*, keeping the journal."""
    prepared, journal = prepare(name, source), Journal()
    prepared.install(journal)
    return prepared, journal


def snapshot(module: ModuleType) -> list[tuple[str, int, object]]:
    """Return the namespace: names, order, identities, and the code of functions."""
    return [(key, id(value), getattr(value, "__code__", None)) for key, value in vars(module).items()]


def test_module_that_did_not_exist_can_be_loaded(name: str) -> None:
    """From text alone; it is imported by everyone else afterwards."""
    module = load(name, "def f(): return __name__, __file__")
    assert module.f() == (name, f"<otpy {name} 1>")
    assert __import__(name) is module
    assert module.__spec__ is not None
    assert module.__spec__.name == name


def test_module_object_stays_the_same(name: str) -> None:
    """Whoever has imported the module sees the new version in it."""
    module = load(name, BASE)
    assert load(name, BASE.replace('"one"', '"two"')) is module
    assert sys.modules[name] is module
    assert module.public() == "two"


def test_functions_and_classes_stay_the_very_same_objects(name: str) -> None:
    """What did not change, and what was edited as well."""
    module = load(name, BASE)
    before = dict(vars(module))
    load(name, "# moved\n\n" + BASE.replace("count: ClassVar[int] = 0", "count: ClassVar[int] = 1"))
    replaced = {key for key, value in before.items() if vars(module)[key] is not value}
    assert replaced == {"__file__", "__loader__", "__spec__"}
    assert module.Item.count == 1
    assert issubclass(module.Special, module.Item)


@pytest.mark.parametrize(
    "around",
    ["if True:\n{}", "try:\n    import no_such_module\nexcept ImportError:\n{}else:\n    rest = 1\n"],
    ids=["if", "try"],
)
def test_definitions_inside_other_statements_stay_the_very_same_objects(name: str, around: str) -> None:
    """Where it stands does not matter to who holds it, and a class keeps what a program has put into it."""
    inside = (
        "    def f(): return 'old'\n    class A:\n        made = []\n"
        "        def g(self): return 'old'\n    def same(): return 'same'\n"
        "    @lru_cache\n    def cached(): return 'old'\n"
    )
    source = "from functools import lru_cache\n" + around.format(inside)
    module = load(name, source)
    f, cls, a, same, cached = module.f, module.A, module.A(), module.same, module.cached
    a.made.append(1)
    _, journal = install(name, source.replace("old", "new"))
    assert (module.f, module.A, module.same, module.cached) == (f, cls, same, cached)
    assert (f(), a.g(), same(), cached(), a.made) == ("new", "new", "same", "new", [1])
    journal.undo()
    assert (module.f, module.A, module.same, module.cached) == (f, cls, same, cached)
    assert (f(), a.g(), same(), cached(), a.made) == ("old", "old", "same", "old", [1])


@pytest.mark.parametrize("edit", ["body", "overload", "both"])
def test_overloaded_function_stays_the_very_same_object(name: str, edit: str) -> None:
    """It is the last one of its name; the stubs before it come and go."""
    stub = "@overload\ndef f(x: {0}) -> {0}: ...\n"
    impl = "def f(x): return 'old'\n"
    module = load(name, "from typing import overload\n" + stub.format("int") + stub.format("str") + impl)
    f = module.f
    stubs = [stub.format(kind) for kind in (["int", "bytes", "str"] if edit != "body" else ["int", "str"])]
    new = impl.replace("old", "new") if edit != "overload" else impl
    loaded, journal = install(name, "from typing import overload\n" + "".join(stubs) + new)
    told = {(c.name, c.verdict) for c in loaded.loaded[0].changes if c.verdict != "unchanged"}
    last = f"f#{len(stubs) + 1}"
    assert told == ({("f#2", "added")} if len(stubs) > 2 else set()) | ({(last, "body")} if new != impl else set())
    assert module.f is f
    assert f(1) == ("new" if new != impl else "old")
    journal.undo()
    assert (module.f, f(1)) == (f, "old")


@pytest.mark.parametrize(
    "made",
    [
        "def make(n):\n    class A:\n        def f(self): return n, {0!r}\n    return A\nA, B = make(1), make(2)\n",
        "def make(n):\n    class A:\n        def f(self): return n, {0!r}\n    return A\nA = make(1)\nB = make(2)\n",
        "A = type('A', (), {{'f': lambda self: (1, {0!r})}})\nclass B(A):\n    def f(self): return 2, super().f()[1]\n",
    ],
    ids=["by a function, at once", "by a function", "by type"],
)
def test_classes_that_were_made_by_calls_stay_the_very_same_objects(name: str, made: str) -> None:
    """As those that a statement defines."""
    module = load(name, made.format("old"))
    a, b, classes = module.A(), module.B(), (module.A, module.B)
    _, journal = install(name, made.format("new"))
    assert classes == (module.A, module.B)
    assert (a.f(), b.f()) == ((1, "new"), (2, "new"))
    journal.undo()
    assert classes == (module.A, module.B)
    assert (a.f(), b.f()) == ((1, "old"), (2, "old"))


def test_enumeration_that_was_made_by_a_call_keeps_its_members(name: str) -> None:
    """They are in states, and compared with `is`."""
    source = "import enum\nC = enum.Enum('C', 'RED GREEN')\n"
    module = load(name, source)
    cls, red = module.C, module.C.RED
    install(name, source.replace("GREEN", "GREEN BLUE"))
    assert module.C is cls
    assert [member.name for member in cls] == ["RED", "GREEN", "BLUE"]
    assert cls.RED is red


def test_annotations_follow_an_alias_of_the_same_name(name: str) -> None:
    """As they do any other value. The two only look alike: what an alias stands for is worked out when it is asked."""
    alias = "type A = list[{}]\n" if sys.version_info >= (3, 12) else "A = list[{}]\n"
    module = load(name, alias.format("int") + "def f(x: A) -> A: ...\n")
    f = module.f
    _, journal = install(name, alias.format("str") + "def f(x: A) -> A: ...\n")
    assert module.f is f
    assert f.__annotations__ == {"x": module.A, "return": module.A}
    assert "str" in str(getattr(module.A, "__value__", module.A))
    journal.undo()
    assert f.__annotations__ == {"x": module.A, "return": module.A}
    assert "int" in str(getattr(module.A, "__value__", module.A))


def test_state_beside_an_edited_body_is_kept(name: str) -> None:
    """`cache = {}` is not run again when its statement did not change."""
    module = load(name, BASE)
    cache = module.cache
    cache["key"] = 1
    load(name, BASE.replace('"one"', '"two"').replace("RATE = 2", "RATE = 3"))
    assert module.cache is cache
    assert cache == {"key": 1}
    assert (module.RATE, module.DOUBLE, module.constant()) == (3, 6, 3)


def test_number_that_a_program_has_counted_up_is_kept_and_told(name: str) -> None:
    """`total` is no longer what its statement gave: it is state, even if the statement was edited."""
    module = load(name, BASE)
    vars(module)["total"] = 57
    loaded, _ = install(name, BASE.replace("total = 0", "total = 1"))
    assert module.total == 57
    assert loaded.loaded[0].kept == ("total",)
    assert "total keeps its value" in loaded.warnings[0]


def test_object_with_a_life_of_its_own_is_kept_and_told(name: str) -> None:
    """A pool is not made anew because its class was edited; a table of functions is, since it would hold old ones."""
    source = "class Pool:\n    size = 1\ndef make(): return Pool()\npool = make()\ndef f(): return 1\ntable = {'f': f}\nlimit = Pool.size + 1\n"
    module = load(name, source)
    pool = module.pool
    loaded, _ = install(
        name,
        source.replace("size = 1", "size = 2")
        .replace("return 1", "return 2")
        .replace("return Pool()", "return Pool() or 1"),
    )
    assert module.pool is pool
    assert loaded.loaded[0].kept == ("pool",)
    assert module.table["f"]() == 2
    assert module.limit == 3


def test_class_attribute_made_of_an_edited_one_is_made_anew(name: str) -> None:
    """As a module variable is; an attribute that has nothing to do with the edit keeps what a program has put in."""
    source = (
        "class A:\n    size = 1\n    double = size * 2\n    four = double * 2\n    same = bool(size)\n"
        "    rates = {size: same}\n    flags = [same]\n    cache = {}\n    def f(self, size=size): return size\n"
    )
    module = load(name, source)
    a, flags = module.A(), module.A.flags
    a.cache["key"] = 1
    _, journal = install(name, source.replace("size = 1", "size = 3"))
    assert (a.size, a.double, a.four, a.rates, a.f()) == (3, 6, 12, {3: True}, 3)
    assert a.flags is flags
    assert a.cache == {"key": 1}
    journal.undo()
    assert (a.size, a.double, a.four, a.rates, a.f()) == (1, 2, 4, {1: True}, 1)


def test_equal_plain_values_stop_the_chain(name: str) -> None:
    """`5` instead of `2 + 3` changes nothing for those who use it."""
    source = "LIMIT = 2 + 3\nclass A:\n    limit = LIMIT\n"
    module = load(name, source)
    before = module.A
    load(name, source.replace("2 + 3", "5"))
    assert module.A is before


def test_statement_that_builds_on_an_earlier_one_runs_on_its_value(name: str) -> None:
    """`X += …` needs what `X = …` gives, not what the live module has by now."""
    source = "X = [1]\nX += [2]\nY = len(X)\n"
    module = load(name, source)
    load(name, source.replace("[2]", "[2, 3]"))
    assert module.X == [1, 2, 3]
    assert module.Y == 3


def test_new_functions_live_in_the_module(name: str) -> None:
    """Whatever holds them: they see later changes of globals, and change the globals that everybody sees."""
    source = """
import functools
VALUE = 1
def get(): return VALUE
def keep(f):
    def kept(): return f()
    return kept
"""
    module = load(name, source)
    load(
        name,
        source
        + """
def set_value(x):
    global VALUE
    VALUE = x
plain = get
kept = keep(lambda: VALUE)
partial = functools.partial(lambda: VALUE)
nested = (({"in": [lambda: VALUE]},),)
cached = functools.lru_cache(lambda x: VALUE + x)
bound = type("T", (), {"f": lambda self: VALUE})().f
def default(f=(lambda: VALUE)): return f()
class A:
    made = property(lambda self: VALUE)
    @staticmethod
    def static(): return VALUE
    @classmethod
    def by_class(cls): return VALUE
    @functools.cached_property
    def cached(self): return VALUE
    def method(self): return VALUE
in_set = {lambda: VALUE}
by_key = {get: 1, (lambda: VALUE): 2}
a = A()
a.stored = lambda: VALUE
""",
    )
    module.set_value(7)
    assert module.VALUE == 7
    seen = {
        "plain": module.plain(),
        "kept": module.kept(),
        "partial": module.partial(),
        "nested": module.nested[0][0]["in"][0](),
        "cached": module.cached(0),
        "bound": module.bound(),
        "default": module.default(),
        "property": module.A().made,
        "static": module.A.static(),
        "class": module.A.by_class(),
        "cached property": module.A().cached,
        "method": module.A().method(),
        "set": next(iter(module.in_set))(),
        "key": [key() for key in module.by_key],
        "stored": module.a.stored(),
    }
    assert seen == dict.fromkeys(seen, 7) | {"key": [7, 7]}


def test_dataclass_in_a_module_with_lazy_annotations(name: str) -> None:
    """dataclasses look their module up in sys.modules while it loads, and must find the new version there."""
    module = load(name, "from __future__ import annotations\nx = 1\n")
    load(
        name,
        """
from __future__ import annotations
import dataclasses, typing as t
x = 1
@dataclasses.dataclass
class A:
    shared: t.ClassVar[int] = 5
    only_init: dataclasses.InitVar[int] = 1
    own: list[int] = dataclasses.field(default_factory=list)
""",
    )
    assert [field.name for field in dataclasses.fields(module.A)] == ["own"]
    assert module.A() == module.A()
    assert module.A.__init__.__globals__ is vars(module)


def test_enum_named_tuple_and_generic_are_made(name: str) -> None:
    """They look for their module too."""
    module = load(name, "x = 1")
    load(
        name,
        "import enum, typing\nclass E(enum.Enum):\n    A = 1\nclass N(typing.NamedTuple):\n    x: 'E' = E.A\nT = typing.TypeVar('T')\nclass G(typing.Generic[T]):\n    pass\n",
    )
    assert pickle.loads(pickle.dumps(module.N())) == module.N()  # noqa: S301 - made two words before
    assert module.G[int]


def test_other_threads_see_the_live_module_while_the_new_one_runs(name: str) -> None:
    """Nothing of a version that is being prepared can be imported elsewhere."""
    module = load(name, "x = 1")
    seen: list[object] = []

    def look() -> None:
        imported = __import__(name)
        seen.extend([imported.x, hasattr(imported, "y"), dir(imported) == dir(module)])

    def from_another_thread() -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    vars(module)["look"] = from_another_thread
    load(name, f"x = 2\ny = 1\nlook()\nimport {name} as me\nown = me.y\n")
    assert seen == [1, False, True]
    assert module.own == 1


@pytest.mark.parametrize(
    "edit",
    [
        BASE.replace('"one"', '"two"'),
        BASE.replace("RATE = 2", "RATE = 3"),
        BASE.replace("class Other:", "class Another:"),
        BASE.replace("class Special(Item)", "class Special"),
        BASE.replace('name: str = "x"', 'name: str = "y"\n    more: list = field(default_factory=list)'),
        BASE.replace('"""A module."""', '"""Another."""').replace("class Other:", 'class Other:\n    """Docs."""'),
        "# moved\n" + BASE,
        "x = 1",
        "",
        BASE + "import colorsys\nNEW = colorsys\n",
        BASE + "import functools\nfast = functools.lru_cache(helper)\nall_of_them = {helper: [Item, (public,)]}\n",
    ],
    ids=[
        "body",
        "constant",
        "class renamed",
        "base",
        "fields",
        "docs",
        "moved",
        "nearly empty",
        "empty",
        "import",
        "holders",
    ],
)
def test_undo_restores_every_object(name: str, edit: str) -> None:
    """The same objects in the same order with the same code, in the module, its classes and its dependents."""
    module = load(name, BASE)
    sys.modules.pop("colorsys", None)
    dependent = ModuleType(f"{name}_user")
    sys.modules[dependent.__name__] = dependent
    try:
        exec(f"from {name} import *\nfrom {name} import RATE as r, helper as h", vars(dependent))  # noqa: S102 - an importer
        classes = [module.Item, module.Special, module.Other]
        modules = list(sys.modules)
        before = snapshot(module), snapshot(dependent), [list(vars(cls).items()) for cls in classes], module.__doc__
        _, journal = install(name, edit)
        journal.undo()
        after = snapshot(module), snapshot(dependent), [list(vars(cls).items()) for cls in classes], module.__doc__
        assert after == before
        assert [each for each in sys.modules if each not in modules] == []
        assert [version.number for version in code.versions(name)] == [1]
        assert module.Special().label() == "special onex"
    finally:
        del sys.modules[dependent.__name__]


BROKEN = [
    ("exception half-way", BASE.replace("class Special", "LEAKED = 1\n1 / 0\nclass Special"), ZeroDivisionError),
    ("import that fails", BASE + "import colorsys\nimport no_such_module_at_all\n", ModuleNotFoundError),
    ("name that is gone is still used", BASE.replace("def helper", "def helped") + "x = helper()\n", NameError),
    ("base that is gone", BASE.replace("class Item", "class Thing"), NameError),
    ("exit", BASE + "raise SystemExit(3)\n", SystemExit),
    ("decorator that raises", BASE + "@None\ndef f(): pass\n", TypeError),
]


@pytest.mark.parametrize(("source", "cause"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_import_that_fails_half_way_leaves_nothing(name: str, source: str, cause: type[BaseException]) -> None:
    """No name, no module, no version; the error is the new code's own, as the cause."""
    module = load(name, BASE)
    sys.modules.pop("colorsys", None)
    before, modules = snapshot(module), set(sys.modules)
    with pytest.raises(LoadFailed) as caught:
        prepare(name, source)
    assert isinstance(caught.value.__cause__, cause)
    assert name in str(caught.value)
    assert snapshot(module) == before
    assert sys.modules[name] is module
    assert set(sys.modules) == modules
    assert len(code.versions(name)) == 1


def test_new_module_that_fails_does_not_exist(name: str) -> None:
    """As with an ordinary import."""
    with pytest.raises(LoadFailed):
        prepare(name, "x = 1\nraise ValueError\n")
    assert name not in sys.modules


def test_source_that_does_not_compile_changes_nothing(name: str) -> None:
    """It is refused before anything runs."""
    module = load(name, "x = 1")
    before = snapshot(module)
    with pytest.raises(CompilationFailed):
        code.load("x = 2\ny = = 3\n", name=name)
    assert snapshot(module) == before


def test_version_that_is_given_up_forgets_its_imports(name: str) -> None:
    """Preparing is no reason for a module to stay."""
    load(name, "x = 1")
    sys.modules.pop("colorsys", None)
    loaded = prepare(name, "import colorsys")
    assert "colorsys" in sys.modules
    loaded.discard()
    assert "colorsys" not in sys.modules


def test_modules_first_imported_by_the_new_version_go_with_it(on_disk: Callable[[str, str], Path], name: str) -> None:
    """Also those that they imported in turn, and the attributes of their packages."""
    on_disk(f"{name}_pkg.__init__", "")
    on_disk(f"{name}_pkg.one", f"from {name}_pkg import two")
    on_disk(f"{name}_pkg.two", "")
    load(name, "x = 1")
    _, journal = install(name, f"import {name}_pkg.one")
    assert f"{name}_pkg.two" in sys.modules
    journal.undo()
    assert [each for each in sys.modules if each.startswith(f"{name}_pkg")] == []


def test_submodule_is_an_attribute_of_its_package(on_disk: Callable[[str, str], Path], name: str) -> None:
    """A module that is loaded from text is found like one that was imported."""
    on_disk(f"{name}_pkg.__init__", "")
    package = __import__(f"{name}_pkg")
    loaded, journal = install(f"{name}_pkg.sub", "x = 1")
    assert package.sub.x == 1
    assert loaded.loaded[0].name == f"{name}_pkg.sub"
    assert package.sub.__package__ == f"{name}_pkg"
    journal.undo()
    assert not hasattr(package, "sub")
    assert f"{name}_pkg.sub" not in sys.modules


# -- dependents ------------------------------------------------------------------------------------


@pytest.fixture
def user(name: str, on_disk: Callable[[str, str], Path]) -> ModuleType:
    """A module that has imported everything from the module under test, by several names."""
    load(name, BASE + "FIVE = 5\nSETTINGS = [1]\n")
    on_disk(
        f"{name}_user",
        f"from {name} import helper, Item as Thing, FIVE, SETTINGS, constant\nunrelated = 5\nalias = helper\n",
    )
    return __import__(f"{name}_user")


def test_from_imports_of_replaced_names_are_rebound(name: str, user: ModuleType) -> None:
    """Functions and classes by identity, under whatever name; constants where an import statement says so."""
    module = sys.modules[name]
    constant = user.constant
    edit = BASE.replace('"one"', '"two"').replace('name: str = "x"', 'name: str = "y"') + "FIVE = 6\nSETTINGS = [2]\n"
    loaded, journal = install(name, edit)
    assert user.helper() == user.alias() == "two"
    assert user.Thing is module.Item
    assert (user.FIVE, user.SETTINGS) == (6, [2])
    assert user.unrelated == 5
    assert user.constant is constant
    assert set(loaded.loaded[0].rebound) == {f"{name}_user.{n}" for n in ("FIVE", "SETTINGS")}
    journal.undo()
    assert (user.helper(), user.FIVE, user.SETTINGS) == ("one", 5, [1])


def test_values_that_others_have_too_are_left_alone(name: str) -> None:
    """A name for something of another module: whoever else has that is not concerned."""
    load(name, "from logging import root as log\nfrom json import dumps as text\nn = 1")
    root = logging.root
    dumps = json.dumps
    load(name, "from logging import lastResort as log\nfrom json import loads as text\nn = 2")
    assert logging.root is root
    assert json.dumps is dumps


def test_removed_name_that_is_still_imported_is_refused(name: str, user: ModuleType) -> None:
    """It says who imports it and what to do; nothing has run, and nothing can be installed."""
    new = BASE.replace("def constant", "def other_name") + "FIVE = 5\nSETTINGS = [1]\nimport colorsys\n"
    sys.modules.pop("colorsys", None)
    before = snapshot(sys.modules[name])
    prepared = prepare(name, new)
    (refusal,) = prepared.refusals
    assert (refusal.name, refusal.verdict) == ("constant", "cannot")
    assert refusal.detail == f"removed, but still imported by {user.__name__}"
    assert refusal.advice == f"keep constant, or change {user.__name__} in the same upgrade"
    with pytest.raises(LoadFailed, match="still imported"):
        prepared.install(Journal())
    with pytest.raises(LoadFailed, match="still imported"):
        code.load(new, name=name)
    assert snapshot(sys.modules[name]) == before
    assert "colorsys" not in sys.modules


def test_removed_name_is_accepted_when_its_importers_change_too(name: str, user: ModuleType) -> None:
    """Both in one set: nobody misses it."""
    new = BASE.replace("def constant", "def other_name") + "FIVE = 5\nSETTINGS = [1]\n"
    prepared = prepare_all({name: new, user.__name__: f"from {name} import helper, other_name"})
    assert prepared.refusals == ()
    prepared.install(Journal())
    assert user.other_name is sys.modules[name].other_name
    assert not hasattr(user, "constant")


# -- what it means for states ----------------------------------------------------------------------


def test_classes_are_paired_with_their_successors(name: str) -> None:
    """Nested ones too; a class that is gone has None. Unchanged ones are not there."""
    source = (
        "class A:\n    class In:\n        pass\n    class Out:\n        pass\nclass B:\n    pass\nclass C:\n    pass\n"
    )
    module = load(name, source)
    a, b = module.A, module.B
    new = source.replace("    class Out:\n        pass\n", "    x = 1\n").replace("class B:\n    pass\n", "")
    in_place, beside = prepare(name, new), prepare_all({name: new}, in_place=False)
    new_a: Any = in_place.ghosts[a]
    assert in_place.ghosts == {a: new_a, a.In: new_a.In}
    assert in_place.replaced == {a.Out: None, b: None}
    new_a = beside.ghosts[a]
    assert beside.replaced == {a: new_a, a.In: new_a.In, a.Out: None, b: None}


def test_docstrings_are_put_right_in_place(name: str) -> None:
    """help() shows the new text; the function is the same."""
    source = 'def f():\n    """One."""\nclass A:\n    """One."""\n    def m(self):\n        """One."""\n'
    module = load(name, source)
    f, a = module.f, module.A
    load(name, source.replace("One", "Two"))
    assert module.f is f
    assert module.A is a
    assert [f.__doc__, a.__doc__, a.m.__doc__] == ["Two."] * 3


def test_module_annotations_follow(name: str) -> None:
    """`typing.get_type_hints(module)` tells what the source says."""
    module = load(name, "x: int = 1\ny: str = 'a'\n")
    load(name, "x: float = 1\nz: 'list[int]' = []\n")
    assert typing.get_type_hints(module) == {"x": float, "z": list[int]}
    load(name, "x = 1\n")
    assert typing.get_type_hints(module) == {}


def test_code_written_in_another_language_is_refused() -> None:
    """There is nothing to take the place of."""
    with pytest.raises(LoadFailed, match="not made of Python source"):
        prepare("sys", "x = 1")
    assert sys.modules["sys"] is sys


def test_star_imports_and_names_from_elsewhere_are_known(name: str) -> None:
    """What `*` brought and what was put into the module at run time can be used by edited code."""
    module = load(name, "from os.path import *\nx = 1\n")
    vars(module)["patched"] = 5
    load(name, "from os.path import *\nx = join('a', 'b')\ny = patched\n")
    assert module.x.startswith("a")
    assert module.y == 5


def test_globals_that_a_statement_sets_unseen_are_installed(name: str) -> None:
    """Not only what a reader can see."""
    module = load(name, "x = 1")
    load(name, "x = 1\nglobals()['made'] = 3\n")
    assert module.made == 3


# -- several modules at once -----------------------------------------------------------------------

BATCH = {
    "one": "LIMIT = 1\nclass Base:\n    n = 1\ndef f(): return 'one'\n",
    "two": "from {one} import Base, LIMIT, f\nimport {one} as one\nclass Child(Base):\n    pass\nTWICE = LIMIT * 2\ndef g(): return f(), one.f()\n",
}


@pytest.fixture
def batch(name: str, on_disk: Callable[[str, str], Path]) -> dict[str, str]:
    """Two modules, of which the second imports from the first; their sources by name."""
    one, two = f"{name}_one", f"{name}_two"
    sources = {one: BATCH["one"], two: BATCH["two"].replace("{one}", one)}
    for module, text in sources.items():
        on_disk(module, text)
        __import__(module)
    return sources


def test_modules_prepared_together_see_each_other(batch: dict[str, str]) -> None:
    """The second is made with what the first will be; nothing is seen of either before they are installed."""
    one, two = (sys.modules[module] for module in batch)
    before = snapshot(one), snapshot(two)
    old_base = one.Base
    new = [batch[one.__name__].replace("n = 1", "n = 2").replace("LIMIT = 1", "LIMIT = 5").replace("'one'", "'new'")]
    new.append(batch[two.__name__].replace("pass", "m = LIMIT"))
    ready = prepare_all(dict(zip(batch, new, strict=True)))
    assert (snapshot(one), snapshot(two)) == before
    journal = Journal()
    assert ready.warnings == ()
    ready.install(journal)
    assert issubclass(two.Child, one.Base)
    assert one.Base is old_base
    assert (two.Child.n, two.Child.m, two.TWICE, two.LIMIT) == (2, 5, 10, 5)
    assert two.g() == ("new", "new")
    assert two.one is one
    assert one.f.__globals__ is vars(one)
    journal.undo()
    assert (snapshot(one), snapshot(two)) == before


def test_one_that_fails_takes_the_others_with_it(batch: dict[str, str]) -> None:
    """Two files, the second fails: nothing has changed in either."""
    one, two = batch
    sys.modules.pop("colorsys", None)
    before = snapshot(sys.modules[one]), snapshot(sys.modules[two])
    with pytest.raises(LoadFailed, match="LIMIT"):
        prepare_all({one: "import colorsys\n" + batch[one].replace("LIMIT", "OTHER"), two: batch[two]})
    assert (snapshot(sys.modules[one]), snapshot(sys.modules[two])) == before
    assert "colorsys" not in sys.modules


# case: release_handler_SUITE: otp_9417
def test_new_modules_can_be_prepared_together(name: str, batch: dict[str, str]) -> None:
    """A file that was added, and the one that uses it."""
    _, two = batch
    ready = prepare_all({name: "def added(): return 1\n", two: batch[two] + f"from {name} import added\n"})
    assert name not in sys.modules
    journal = Journal()
    ready.install(journal)
    assert sys.modules[two].added is sys.modules[name].added
    journal.undo()
    assert name not in sys.modules
    assert not hasattr(sys.modules[two], "added")


def test_module_that_imports_itself_gets_the_live_one(name: str) -> None:
    """Not what stood in its place while it was run."""
    module = load(name, "x = 1")
    load(name, f"x = 1\nimport {name} as me\nheld = [me, (me,)]\n")
    assert module.me is module.held[0] is module.held[1][0] is module


def test_nothing_is_said_when_all_holders_let_go(name: str) -> None:
    """A warning is worth reading only if it is right."""
    load(name, BASE)
    assert prepare(name, BASE.replace('"one"', '"two"') + "pair = (helper, (public,))\n").warnings == ()


def test_objects_of_an_edited_class_are_kept_without_a_word(name: str) -> None:
    """They have the new methods; making them anew would break whoever compares them with `is`."""
    source = """
class Kind(tuple):
    def __getattr__(self, key):
        made = Kind(self + (key,))
        setattr(self, key, made)
        return made
root = Kind()
leaf = root.leaf
"""
    module = load(name, source)
    kept = module.root, module.leaf
    before = [dict(vars(each)) for each in kept]
    prepared, _ = install(
        name, source.replace("made = Kind", "made = super().__new__(type(self), ()) and None or Kind")
    )
    assert prepared.warnings == ()
    assert (module.root, module.leaf) == kept
    assert module.root is kept[0]
    assert module.leaf is kept[1]
    assert [dict(vars(each)) for each in kept] == before


REGISTERED = """
handlers = {}
order = []
def register(function):
    handlers[function.__name__] = function
    order.append(function)
    return function
@register
def f(): return 1
"""


def test_what_was_registered_is_the_function_that_lives(name: str) -> None:
    """And once only."""
    module = load(name, REGISTERED)
    f = module.f
    _, journal = install(name, REGISTERED.replace("def f(): return 1", "def f(x=2): return x"))
    assert module.f is f is module.handlers["f"]
    assert module.order == [f]
    assert f() == 2
    journal.undo()
    assert (module.handlers, module.order, f()) == ({"f": f}, [f], 1)


def test_what_was_registered_goes_when_the_version_is_given_up(name: str) -> None:
    """A registry of the live program is no place for functions that nobody has installed."""
    module = load(name, REGISTERED)
    f = module.f
    prepared = prepare(name, REGISTERED.replace("def f(): return 1", "def f(x=2): return x\n@register\ndef g(): pass"))
    prepared.discard()
    assert (module.handlers, module.order) == ({"f": f}, [f])
    with pytest.raises(LoadFailed):
        prepare(name, REGISTERED.replace("def f(): return 1", "def f(x=2): return x\n1 / 0"))
    assert (module.handlers, module.order) == ({"f": f}, [f])


ROUTED = """
class Router:
    def __init__(self): self.routes, self.by_name = [], {}

class App:
    def __init__(self): self.router = Router()
    def route(self, f):
        self.router.routes.append(Route(f))
        self.router.by_name[f.__name__] = f
        return f

class Route:
    def __init__(self, endpoint): self.endpoint = endpoint

app = App()

@app.route
def f(): return 1
"""


def test_what_was_registered_inside_an_object_goes_too(name: str) -> None:
    """As in a web application: its routes stand in a list of its router."""
    module = load(name, ROUTED)
    routes, by_name = list(module.app.router.routes), dict(module.app.router.by_name)
    prepared = prepare(name, f"{ROUTED}\n@app.route\ndef g(): return 2\n")
    prepared.discard()
    assert (module.app.router.routes, module.app.router.by_name) == (routes, by_name)
    with pytest.raises(LoadFailed):
        prepare(name, f"{ROUTED}\n@app.route\ndef g(): return 2\n1 / 0")
    assert (module.app.router.routes, module.app.router.by_name) == (routes, by_name)
    journal = Journal()
    prepare(name, f"{ROUTED}\n@app.route\ndef g(): return 2\n").install(journal)
    assert [route.endpoint() for route in module.app.router.routes] == [1, 2]


def test_ring_of_new_modules_is_run_as_import_would(name: str) -> None:
    """The one that is named first begins, and where it imports the other, that runs."""
    one, two = f"{name}_one", f"{name}_two"
    sources = {one: f"x = 1\nimport {two}\nz = {two}.y\n", two: f"from {one} import x\ny = x + 1\n"}
    journal = Journal()
    prepare_all(sources).install(journal)
    assert (sys.modules[one].z, sys.modules[two].y) == (2, 2)
    journal.undo()
    assert one not in sys.modules
    assert two not in sys.modules


def test_ring_of_new_modules_that_import_could_not_load_is_refused(name: str) -> None:
    """Neither can run before the other; afterwards neither is there."""
    one, two = f"{name}_one", f"{name}_two"
    with pytest.raises(LoadFailed, match=f"{two} raised while it was loaded: ImportError: cannot import name 'x'"):
        prepare_all({one: f"import {two}\nx = 1\n", two: f"from {one} import x\n"})
    assert one not in sys.modules
    assert two not in sys.modules
