"""What one module depends on is read from its text: each kind of dependency, under whatever name it was imported."""

import textwrap

import pytest

from otpy.analysis.dependencies import Dependency, Kind, resolved, uses_of
from otpy.analysis.reading import uses
from otpy.errors import CompilationFailed

PROGRAM = frozenset({"shop", "shop.stock", "shop.prices", "shop.log", "other", "deep.er.module"})
OWNERS = {"stock": {"shop.stock"}, "log": {"shop.log"}}

Found = tuple[str, str, str, int]
"""Kind, target, name and line."""


def found(source: str, *, module: str = "shop.cart", is_package: bool = False) -> list[Found]:
    """Return what is read from *source*, resolved in a program that has PROGRAM's modules."""
    read = uses(module, textwrap.dedent(source).lstrip("\n"), is_package=is_package)
    dependencies = resolved(read, PROGRAM.__contains__, lambda name: OWNERS.get(name, ()))
    return [(d.kind, d.target, d.name, d.line) for d in dependencies]


IMPORTS: dict[str, list[Found]] = {
    "import other": [("import", "other", "", 1)],
    "import shop.stock": [("import", "shop.stock", "", 1)],
    "import shop.stock as s": [("import", "shop.stock", "", 1)],
    "from shop import stock": [("import", "shop.stock", "", 1)],
    "from shop import VERSION": [("import", "shop", "VERSION", 1)],
    "from . import stock as s": [("import", "shop.stock", "", 1)],
    "from .prices import TAX, price": [("import", "shop.prices", "TAX", 1), ("import", "shop.prices", "price", 1)],
    "from .prices import *": [("import", "shop.prices", "*", 1)],
    "from deep import er": [("import", "deep", "er", 1)],
    "from deep.er import module": [("import", "deep.er.module", "", 1)],
    "from ... import far": [],
    "import json": [("import", "json", "", 1)],
    "from __future__ import annotations": [],
    "import shop.cart": [],
    "if True:\n    import other": [("import", "other", "", 2)],
    "try:\n    import other\nexcept ImportError:\n    import json": [
        ("import", "other", "", 2),
        ("import", "json", "", 4),
    ],
    "class C:\n    import other": [("import", "other", "", 2)],
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import other": [("import", "typing", "TYPE_CHECKING", 1)],
    "import typing\nif typing.TYPE_CHECKING:\n    import other\nelse:\n    import json": [
        ("import", "typing", "", 1),
        ("import", "json", "", 5),
    ],
    "if not TYPE_CHECKING:\n    import other\nelse:\n    import json": [("import", "other", "", 2)],
    "def f():\n    import other": [("late_import", "other", "", 2)],
    "def f():\n    from . import stock": [("late_import", "shop.stock", "", 2)],
    "async def f():\n    from .prices import TAX": [("late_import", "shop.prices", "TAX", 2)],
}


@pytest.mark.parametrize("source", IMPORTS, ids=lambda source: source.replace("\n", " ; "))
def test_import_is_found_with_the_module_that_it_means(source: str) -> None:
    """What runs at module level is done when the module is loaded, what stands in a function is not."""
    assert found(source) == IMPORTS[source]


def test_relative_imports_of_a_package_start_from_itself() -> None:
    """`from . import stock` in shop/__init__.py is shop.stock, not a stock beside shop."""
    assert found("from . import stock", module="shop", is_package=True) == [("import", "shop.stock", "", 1)]
    assert found("from . import stock", module="shop") == []


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("importlib.import_module('other')", "import"),
        ("importlib.import_module('..other', __package__)", None),
        ("importlib.import_module('.stock', __package__)", "import"),
        ("__import__('other')", "import"),
        ("(lambda: importlib.import_module('other'))", "late_import"),
        ("importlib.import_module(name)", None),
    ],
)
def test_import_by_a_literal_name_counts_as_an_import(call: str, kind: Kind | None) -> None:
    """Plug-ins are often imported like that; a name that is computed cannot be followed."""
    dependencies = found(f"import importlib\nname = ''\nx = {call}")
    assert [d[0] for d in dependencies if d[1] in ("other", "shop.stock")] == ([kind] if kind else [])


DEFINITIONS: dict[str, Found] = {
    "from shop import stock\nclass C(stock.Base): pass": ("base", "shop.stock", "Base", 2),
    "from .stock import Base as B\nclass C(B): pass": ("base", "shop.stock", "Base", 2),
    "import shop.stock\nclass C(shop.stock.Base): pass": ("base", "shop.stock", "Base", 2),
    "from .stock import Server\nclass C(Server[int]): pass": ("base", "shop.stock", "Server", 2),
    "from .stock import Meta\nclass C(metaclass=Meta): pass": ("base", "shop.stock", "Meta", 2),
    "from .stock import deco\n@deco\ndef f(): pass": ("decorator", "shop.stock", "deco", 2),
    "from .stock import deco\n@deco(1)\nclass C: pass": ("decorator", "shop.stock", "deco", 2),
    "from .stock import deco\nclass C:\n    @deco\n    def f(self): pass": ("decorator", "shop.stock", "deco", 3),
    "from .prices import TAX\nx = TAX * 2": ("value", "shop.prices", "TAX", 2),
    "from .prices import TAX\ndef f(x=TAX): pass": ("value", "shop.prices", "TAX", 2),
    "from .prices import TAX\nclass C:\n    x = TAX": ("value", "shop.prices", "TAX", 3),
    "from .prices import State\nclass C(dict[str, State]): pass": ("value", "shop.prices", "State", 2),
    "from . import prices\nx = [prices.TAX for _ in ()]": ("value", "shop.prices", "TAX", 2),
    "import shop.prices as p\nx = p.TAX.rate": ("value", "shop.prices", "TAX.rate", 2),
}


@pytest.mark.parametrize("source", DEFINITIONS, ids=lambda source: source.replace("\n", " ; "))
def test_what_a_definition_is_made_of_is_found(source: str) -> None:
    """If it changes there, the definition has to be made anew here."""
    assert DEFINITIONS[source] in found(source)


@pytest.mark.parametrize(
    "source",
    [
        "from .prices import TAX\ndef f(): return TAX",
        "from .prices import TAX\nf = lambda: TAX",
        "from __future__ import annotations\nfrom .prices import TAX\nx: TAX = 1",
        "from .prices import TAX\ndef f(TAX): pass",
    ],
)
def test_what_is_looked_up_when_a_function_runs_is_no_value(source: str) -> None:
    """A body finds the new one by itself."""
    assert [d for d in found(source) if d[0] == "value"] == []


PROCESSES: dict[str, Found] = {
    "import otpy\ndef f(): otpy.call('stock', 1)": ("call", "shop.stock", "stock", 2),
    "import otpy as o\ndef f(): o.cast('stock', 1)": ("call", "shop.stock", "stock", 2),
    "from otpy import call as ask\ndef f(): ask('stock', 1)": ("call", "shop.stock", "stock", 2),
    "from otpy import call\nNAME = 'stock'\ndef f(): call(NAME, 1)": ("call", "shop.stock", "stock", 3),
    "from otpy import send_after\ndef f(): send_after('stock', 1, 2.0)": ("call", "shop.stock", "stock", 2),
    "from otpy import call\ndef f(): call(server='stock', request=1)": ("call", "shop.stock", "stock", 2),
    "import otpy\nasync def f(): await otpy.acall('log', 1)": ("call", "shop.log", "log", 2),
    "from .stock import Stock\ndef f(): Stock.start_link(1)": ("start", "shop.stock", "Stock", 2),
    "from . import stock\ndef f(): return [stock.Stock.child_spec()]": ("start", "shop.stock", "Stock", 2),
    "from otpy import MFA\ndef f(): return MFA('shop.log', 'Log.start_link', ())": (
        "start",
        "shop.log",
        "Log.start_link",
        2,
    ),
    "import otpy\nfrom .log import Log\ndef f(): return otpy.ChildSpec(id=1, start=Log)": (
        "start",
        "shop.log",
        "Log",
        3,
    ),
    "depends_on = ('shop.log', 'stock')": ("declared", "shop.log", "", 1),
    "class C:\n    depends_on = ['stock']": ("declared", "shop.stock", "stock", 2),
    "from .log import Log\nclass C:\n    depends_on = (Log,)": ("declared", "shop.log", "Log", 3),
    "class C:\n    depends_on: tuple[str, ...] = ('shop.log.Log',)": ("declared", "shop.log", "Log", 2),
}


@pytest.mark.parametrize("source", PROCESSES, ids=lambda source: source.replace("\n", " ; "))
def test_whom_a_module_calls_and_starts_is_found(source: str) -> None:
    """Who calls whom decides who is suspended first."""
    assert PROCESSES[source] in found(source)


@pytest.mark.parametrize(
    "source",
    [
        "import threading\ndef f(): threading.Thread(target=f).start()",
        "def call(name): pass\ndef f(): call('stock')",
        "import otpy\ndef f(pid): otpy.call(pid, 'stock')",
        "def f(otpy): otpy.call('stock', 1)",
    ],
)
def test_what_only_looks_like_a_call_is_none(source: str) -> None:
    """A verb is otpy's only if an import says so, and it calls whom its first argument names."""
    assert [d for d in found(source) if d[0] in ("call", "start")] == []


def test_names_are_registered_where_processes_are_given_them() -> None:
    """A supervisor's text tells whose name "stock" is."""
    source = """
    import otpy
    from otpy import MFA
    from .stock import Stock

    class Own(otpy.GenServer):
        def init(self, arg):
            otpy.register("own", otpy.self_pid())

    def children():
        return [
            Stock.child_spec(0, name="stock"),
            Own.child_spec(name="mine"),
            MFA("shop.log", "Log.start_link", (), {"name": "log"}),
        ]
    """
    registrations = uses("shop.sup", textwrap.dedent(source)).registrations
    assert {(r.name, r.owner_module, r.owner) for r in registrations} == {
        ("stock", "shop.stock", "Stock"),
        ("mine", "shop.sup", "Own"),
        ("log", "shop.log", "Log"),
        ("own", "shop.sup", "Own"),
    }


def test_a_dependency_says_where_it_stands() -> None:
    """An operator goes to the line."""
    (dependency,) = uses(
        "shop.cart", "from otpy import call\nclass Cart:\n    def get(self): call('x', 1)\n"
    ).dependencies[1:]
    assert dependency == Dependency("shop.cart", "", "call", "x", 3, "Cart.get")
    assert str(dependency) == "shop.cart:3 in Cart.get calls 'x'"


def test_broken_text_is_refused_with_its_place() -> None:
    """As by the compiler."""
    with pytest.raises(CompilationFailed) as caught:
        uses("m", "import (")
    assert caught.value.line == 1


def test_given_dependencies_have_to_be_of_the_module() -> None:
    """An edge from elsewhere would never be taken out again."""
    with pytest.raises(ValueError, match="its source has to be 'a'"):
        uses_of("a", [Dependency("b", "c", "import")])
