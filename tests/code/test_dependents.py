"""Modules that import from an edited one: what they took is new, and what they made of it, however far away."""

# ruff: noqa: E501 - a case is easiest to read on one line

import importlib.util
import sys
from types import ModuleType

import pytest

from otpy.code.dependents import dependents_of
from otpy.code.journal import Journal
from otpy.code.loader import prepare_all
from tests.code.support import Modules, Write, upgrade_all


def _state(made: dict[str, ModuleType]) -> list[list[tuple[str, int]]]:
    return [[(key, id(value)) for key, value in vars(module).items()] for module in made.values()]


CASES: list[tuple[str, str, str, str, object]] = [
    ("constant", "x = 1", "x = 2", "from $a import x\ny = x", 2),
    ("under another name", "x = 1", "x = 2", "from $a import x as z\ny = z", 2),
    ("attribute of a module", "x = 1", "x = 2", "import $a\ny = $a.x + 0", 2),
    ("attribute of a module under another name", "x = 1", "x = 2", "import $a as m\ny = m.x + 0", 2),
    ("derived value", "x = 1", "x = 2", "from $a import x\ny = x * 10", 20),
    ("star", "x = 1\n_h = 1", "x = 2\n_h = 2", "from $a import *\ny = x * 10", 20),
    ("star, but the importer's name wins", "x = 1", "x = 2", "from $a import *\nx = 7\ny = x", 7),
    ("star with __all__", "__all__ = ['_x']\n_x = 1", "__all__ = ['_x']\n_x = 2", "from $a import *\ny = _x", 2),
    ("call of a function whose body changed", "def mk(): return 1\nz = 1", "def mk(): return 2\nz = 2", "from $a import mk, z\ny = mk()", 2),
    ("call of a function that calls one", "def h(): return 1\ndef mk(): return h()\nz = 1", "def h(): return 2\ndef mk(): return h()\nz = 2", "from $a import mk, z\ny = mk()", 2),
    ("call of a function that reads a constant", "x = 1\ndef mk(): return x", "x = 2\ndef mk(): return x", "from $a import mk\ny = mk()", 2),
    ("call by attribute", "x = 1\ndef mk(): return x", "x = 2\ndef mk(): return x", "import $a\ny = $a.mk()", 2),
    ("decorator", "def d(f): return lambda: 1\nz = 1", "def d(f): return lambda: 2\nz = 2", "from $a import d\n@d\ndef f(): pass\ny = f()", 2),
    ("default", "x = 1", "x = 2", "from $a import x\ndef f(v=x): return v\ny = f()", 2),
    ("class attribute", "x = 1", "x = 2", "from $a import x\nclass A:\n    v = x\ny = A.v", 2),
    ("class attribute of the module's class", "class A:\n    v = 1", "class A:\n    v = 2", "from $a import A\ny = A.v", 2),
    ("subclass of a dataclass that has another field", "from dataclasses import dataclass\n@dataclass\nclass A:\n    a: int = 1", "from dataclasses import dataclass\n@dataclass\nclass A:\n    a: int = 2\n    b: int = 3", "from $a import A\nfrom dataclasses import dataclass, astuple\n@dataclass\nclass B(A):\n    c: int = 4\ny = astuple(B())", (2, 3, 4)),
    ("subclass of a class with another base", "class P: v = 1\nclass Q: v = 2\nclass A(P): pass", "class P: v = 1\nclass Q: v = 2\nclass A(Q): pass", "from $a import A\nclass B(A): pass\ny = B.v", 2),
    ("decoder of a Struct with another field", "import msgspec\nclass A(msgspec.Struct):\n    a: int = 1", "import msgspec\nclass A(msgspec.Struct):\n    a: int = 1\n    b: int = 3", "import msgspec\nfrom $a import A\nread = msgspec.json.Decoder(list[A])\ny = getattr(read.decode(b'[{}]')[0], 'b', 0)", 3),
    ("star that brings one more of what was there", "__all__ = ['x']\nx = y = 2", "__all__ = ['x', 'y']\nx = y = 2", "y = 1\nfrom $a import *", 2),
    ("import in a try block", "x = 1", "x = 2", "try:\n    from $a import x\nexcept ImportError:\n    x = 0\ny = x", 2),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "user", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_a_dependent_made_of_an_import_is_made_anew(  # noqa: PLR0917 - the columns of the table
    name: str, modules: Modules, old: str, new: str, user: str, expected: object
) -> None:
    """As a fresh import of both would give it; and back again, object by object."""
    made = modules(a=old, b=user)
    before = _state(made)
    journal = Journal()
    upgrade_all(name, journal, a=new)
    assert made["b"].y == expected
    journal.undo()
    assert _state(made) == before


@pytest.mark.parametrize("way", ["__all__", "definition"])
def test_names_that_a_star_does_not_bring_any_more_are_gone(name: str, modules: Modules, way: str) -> None:
    """As after a fresh import; what the importer has of the same name is its own."""
    first = "x = 1\ny = 2\nz = 3\n" + ("__all__ = ['x', 'y', 'z']\n" if way == "__all__" else "")
    second = "x = 1\ny = 2\n__all__ = ['x']\n" if way == "__all__" else "x = 1\nz_ = 3\n"
    made = modules(
        a=first,
        o="z = 3\n",
        b="from $a import *\nz = 30\n",
        c="from $b import *\n",
        d="from $o import *\nfrom $a import *\n",
    )
    before = _state(made)
    journal = Journal()
    upgrade_all(name, journal, a=second)
    for module in (made["b"], made["c"]):
        assert (module.x, hasattr(module, "y"), module.z) == (1, False, 30)
    assert (made["d"].x, hasattr(made["d"], "y"), made["d"].z) == (1, False, 3)
    journal.undo()
    assert _state(made) == before


def test_values_are_made_anew_many_steps_away(name: str, modules: Modules) -> None:
    """In the order of the imports, whatever the order of their names."""
    made = modules(
        z="x = 1",
        m="from $z import x\nx2 = x + 1",
        b="import $m as m\nx3 = m.x2 + 1",
        c="from $b import x3\nx4 = x3 + 1",
    )
    prepared = upgrade_all(name, z="x = 10")
    assert made["c"].x4 == 13
    assert prepared.touched == {f"{name}_{key}" for key in "zmbc"}
    assert [
        (change.name, change.verdict)
        for change in prepared.changes
        if change.module == f"{name}_c" and change.verdict != "unchanged"
    ] == [("x3", "derived"), ("x4", "derived")]


def test_chain_ends_where_values_are_equal(name: str, modules: Modules) -> None:
    """`x > 0` is as true as before: nothing behind it runs."""
    made = modules(
        a="x = 1", b="from $a import x\nflag = x > 0", c="from $b import flag\nran = []\nclass C:\n    f = flag\n"
    )
    before = _state({"c": made["c"]})
    prepared = upgrade_all(name, a="x = 2")
    assert _state({"c": made["c"]}) == before
    assert f"{name}_c" not in prepared.touched
    assert made["b"].x == 2


def test_functions_that_stay_the_same_objects_make_nobody_run(name: str, modules: Modules) -> None:
    """Who only imported a function, or derived a class from one, has nothing to do."""
    made = modules(
        a="def f(x): return x\nclass A: pass",
        b="from $a import f, A\nlog = []\nlog.append(f)\nclass B(A): pass\ntable = [f, A]",
    )
    before = _state({"b": made["b"]})
    prepared = upgrade_all(name, a="def f(x, y=1): return x\nclass A:\n    n = 1")
    assert _state({"b": made["b"]}) == before
    assert prepared.touched == {f"{name}_a"}
    assert (made["b"].f(1), made["b"].B.n) == (1, 1)


def test_state_of_dependents_is_kept(name: str, modules: Modules) -> None:
    """An object with a life of its own is not made anew, and that is told."""
    made = modules(
        a="size = 1",
        b="from $a import size\nclass Pool:\n    def __init__(self, n): self.n = n\npool = Pool(size)\ncache = {}",
    )
    pool, cache = made["b"].pool, made["b"].cache
    prepared = upgrade_all(name, a="size = 2")
    assert made["b"].pool is pool
    assert made["b"].cache is cache
    assert made["b"].size == 2
    assert any("pool keeps its value" in warning for warning in prepared.warnings)


def test_ring_of_imports_is_one_unit(name: str, modules: Modules) -> None:
    """Each sees the other's new values, whichever comes first."""
    made = modules(
        a="BASE = 1\nfrom $b import TWICE\nTHRICE = TWICE + BASE\n",
        b="import $a as a\nTWICE = a.BASE * 2\ndef late(): return a.THRICE\n",
    )
    assert (made["a"].THRICE, made["b"].TWICE) == (3, 2)
    before = _state(made)
    journal = Journal()
    upgrade_all(name, journal, a="BASE = 10\nfrom $b import TWICE\nTHRICE = TWICE + BASE\n")
    assert (made["a"].BASE, made["b"].TWICE, made["a"].TWICE, made["a"].THRICE, made["b"].late()) == (
        10,
        20,
        20,
        30,
        30,
    )
    journal.undo()
    assert _state(made) == before


def test_ring_is_gone_through_until_nothing_changes(name: str, modules: Modules) -> None:
    """A function of the one that reads a value of the other that reads a value of the one."""
    a = "RATE = 1\nfrom $b import part\nTOTAL = part() + RATE\n"
    made = modules(a=a, b="import $a as a\nfrom $a import RATE\nSHARE = RATE * 10\ndef part(): return SHARE + a.RATE\n")
    part = made["b"].part
    upgrade_all(name, a=a.replace("= 1", "= 2"))
    assert (made["b"].RATE, made["b"].SHARE, made["a"].TOTAL, part()) == (2, 20, 24, 22)
    assert made["b"].part is made["a"].part is part


def test_both_of_a_ring_can_change(name: str, modules: Modules) -> None:
    """A ring as two new versions."""
    a, b = "BASE = 1\nfrom $b import TWICE\nTHRICE = TWICE + BASE\n", "import $a as a\nTWICE = a.BASE * 2\n"
    made = modules(a=a, b=b)
    upgrade_all(name, b=b.replace("* 2", "* 3"), a=a.replace("= 1", "= 10"))
    assert (made["b"].TWICE, made["a"].THRICE) == (30, 40)


def test_dependents_are_not_searched_for_what_was_made_meanwhile(
    name: str, modules: Modules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their functions keep their bodies; a search for each would take longer than all else."""
    made = modules(a="x = 1", b="from $a import x\ny = x\ndef f(): return y\n")
    searched: list[object] = []
    monkeypatch.setattr("otpy.code.loaded.sweep", searched.append)
    upgrade_all(name, a="x = 2")
    assert (made["b"].f(), searched) == (2, [])


def test_ring_whose_members_give_each_other_new_names(name: str, modules: Modules) -> None:
    """The one that is run first cannot take from the live other what only its new version has."""
    made = modules(a="BASE = 1\nimport $b\n", b="import $a\nTWICE = 2\n")
    upgrade_all(
        name,
        a="BASE = 1\nfrom $b import NEW\nimport $b\nclass C($b.Other): pass\n",
        b="import $a\nTWICE = 2\nNEW = TWICE + 1\nclass Other: pass\n",
    )
    assert (made["a"].NEW, made["a"].C.__bases__) == (3, (made["b"].Other,))


def test_relative_and_package_imports(name: str, on_disk: Write) -> None:
    """`from . import rates`, `from .rates import RATE`, `import pkg.rates`."""
    package = f"{name}_pkg"
    on_disk(f"{package}.__init__", "")
    on_disk(f"{package}.rates", "RATE = 1\n")
    on_disk(f"{package}.one", "from . import rates\nx = rates.RATE + 0\n")
    on_disk(f"{package}.two", "from .rates import RATE\nx = RATE + 0\n")
    on_disk(f"{package}.three", f"import {package}.rates\nx = {package}.rates.RATE + 0\n")
    users = [__import__(f"{package}.{key}", fromlist=["x"]) for key in ("one", "two", "three")]
    rates = f"{package}.rates"
    prepared = prepare_all({rates: "RATE = 2\n"}, dependents=dependents_of([rates]))
    journal = Journal()
    prepared.install(journal)
    assert [user.x for user in users] == [2, 2, 2]
    assert users[0].rates is sys.modules[rates]
    assert sys.modules[package].rates is sys.modules[rates]


def test_dependents_are_found_in_their_order(name: str, modules: Modules) -> None:
    """Direct and indirect ones, those first that others import; nobody else."""
    modules(
        a="x = 1",
        c="from $b import x" if False else "import $a",
        b="from $c import *\nimport $a",
        d="y = 1",
        e="def f():\n    import $a",
    )
    assert dependents_of([f"{name}_a"]) == (f"{name}_c", f"{name}_b")


def test_dependent_that_fails_takes_all_back(name: str, modules: Modules) -> None:
    """What cannot be made anew stops the upgrade before anything is touched."""
    made = modules(a="x = 1", b="from $a import x\ny = 1 / x")
    before = _state(made)
    with pytest.raises(Exception, match="ZeroDivisionError"):
        upgrade_all(name, a="x = 0")
    assert _state(made) == before


def test_nothing_is_done_again_in_dependents(name: str, modules: Modules) -> None:
    """A dependent was not edited: its statements that do something are not run a second time, and that is told."""
    user = """
from $a import x
done = []
done.append(x)
for i in range(x):
    done.append(i)
if x:
    flag = x
with open(__file__) as file:
    size = x
y = x
"""
    made = modules(a="x = 1", b=user)
    prepared = upgrade_all(name, a="x = 2")
    assert (made["b"].done, made["b"].size) == ([1, 0], 1)
    assert (made["b"].y, made["b"].flag, made["b"].x) == (2, 2, 2)
    assert any(f"{name}_b.with open(__file__) as file: keeps" in warning for warning in prepared.warnings)


def test_script_only_gets_its_imports_rebound(
    name: str, modules: Modules, on_disk: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `__main__` is in the middle of is not begun again."""
    modules(a="x = 1")
    path = on_disk(f"{name}_script", f"from {name}_a import x\ny = x\n")
    spec = importlib.util.spec_from_file_location("__main__", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setitem(sys.modules, "__main__", script)
    prepare_all({f"{name}_a": "x = 2"}, dependents=["__main__"]).install(Journal())
    assert (script.x, script.y) == (2, 1)
