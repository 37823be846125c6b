"""Orders, levels and rings of modules, and ways from one to another."""

import pytest

from otpy.analysis.dependencies import LOADING, Dependency
from otpy.analysis.graph import DependencyGraph
from otpy.errors import CompilationFailed, MissingDependency

SHOP = {
    "base": "VALUE = 1",
    "stock": "from base import VALUE\nTWICE = VALUE * 2",
    "prices": "import base",
    "cart": "from stock import TWICE\nimport prices",
    "web": "import otpy\nimport cart\ndef show(): otpy.call('stock', 1)",
    "sup": "from stock import Stock\ndef init(): return [Stock.child_spec(name='stock')]",
}
RING = {"a": "import b", "b": "import c", "c": "import a", "d": "import a", "e": "import base", "base": ""}


def test_a_module_comes_after_what_it_depends_on() -> None:
    """Loaded in another order, it would take the old values."""
    order = DependencyGraph.of(SHOP).reload_order()
    assert order.index("base") < order.index("stock") < order.index("cart") < order.index("web")
    assert order.index("prices") < order.index("cart")


def test_order_of_one_module_has_all_that_depends_on_it() -> None:
    """These are what a change of it touches."""
    graph = DependencyGraph.of(SHOP)
    assert graph.reload_order("cart") == ("cart", "web")
    assert graph.reload_order("stock") == ("stock", "cart", "sup", "web")
    assert graph.reload_order(["cart", "base"], only=True) == ("base", "cart")


def test_order_of_some_is_kept_by_way_of_others() -> None:
    """web needs base through cart, which is not asked for."""
    assert DependencyGraph.of(SHOP).reload_order(["web", "base"], only=True) == ("base", "web")
    assert DependencyGraph.of(SHOP).levels(["web", "base"], only=True) == (("base",), ("web",))


def test_modules_of_one_level_do_not_need_each_other() -> None:
    """So they may be prepared in parallel."""
    assert DependencyGraph.of(SHOP).levels() == (("base",), ("prices", "stock"), ("cart", "sup"), ("web",))


def test_a_ring_is_one_unit_and_stands_in_one_level() -> None:
    """Imports may go in a ring; whoever is asked for first comes last, as with Python's own import."""
    graph = DependencyGraph.of(RING)
    assert graph.cycles() == (("c", "b", "a"),)
    assert graph.unit_of("b") == ("a", "c", "b")
    assert graph.unit_of("d") == ("d",)
    assert graph.levels() == (("c", "b", "a", "base"), ("d", "e"))
    assert graph.reload_order("b") == ("a", "c", "b", "d")
    assert graph.cycles("e") == ()
    assert graph.cycles("b") == (("a", "c", "b"),)


def test_calls_and_late_imports_make_no_ring() -> None:
    """They are looked up when they run: nothing has to come first."""
    graph = DependencyGraph.of({"a": "import b", "b": "def f():\n    import a\n    return a"})
    assert graph.cycles() == ()
    assert graph.cycles(kinds={"import", "late_import"}) == (("b", "a"),)
    assert graph.dependencies("b") == ("a",)


def test_dependents_are_found_near_and_far() -> None:
    """The direct ones have it in their text."""
    graph = DependencyGraph.of(SHOP)
    assert graph.dependents("base") == ("prices", "stock")
    assert graph.dependents("base", transitive=True) == ("prices", "stock", "cart", "sup", "web")
    assert graph.dependents("base", kinds={"value"}) == ("stock",)
    assert graph.dependencies("web", transitive=True) == ("cart", "otpy", "stock", "prices", "base")


def test_a_call_by_name_leads_to_who_has_the_name() -> None:
    """The supervisor's text says that "stock" is a Stock."""
    graph = DependencyGraph.of(SHOP)
    assert graph.dependencies("web", kinds={"call"}) == ("stock",)
    assert graph.owners("stock") == (("stock", "Stock"),)
    graph.remove("sup")
    assert graph.dependencies("web", kinds={"call"}) == ()


def test_why_gives_a_shortest_way_with_its_lines() -> None:
    """Why is web touched when I change base?"""
    graph = DependencyGraph.of(SHOP)
    assert [str(step) for step in graph.why("web", "stock")] == ["web:3 in show calls 'stock' of stock"]
    assert [str(step) for step in graph.why("web", "base", kinds=LOADING)] == [
        "web:2 imports cart",
        "cart:2 imports prices",
        "prices:1 imports base",
    ]
    assert graph.why("base", "web") == ()
    assert graph.why("base", "base") == ()


def test_adding_again_replaces_what_a_module_depended_on() -> None:
    """An edit is one call."""
    graph = DependencyGraph.of(SHOP)
    graph.add("cart", "import base")
    assert graph.dependencies("cart") == ("base",)
    assert graph.dependents("prices") == ()


def test_a_module_that_comes_later_is_what_was_meant_by_its_name() -> None:
    """`from shop import cart` means the module as soon as there is one, and not before and after."""
    graph = DependencyGraph.of({"web": "from shop import cart", "shop": ""})
    assert graph.dependencies("web") == ("shop",)
    graph.add("shop.cart", "")
    assert graph.dependencies("web") == ("shop.cart",)
    graph.remove("shop.cart")
    assert graph.dependencies("web") == ("shop",)


def test_a_module_becomes_a_package_by_what_is_below_it() -> None:
    """Its relative imports then start from itself."""
    graph = DependencyGraph()
    graph.add("shop", "from . import cart")
    assert graph.dependencies("shop") == ()
    graph.add("shop.cart", "")
    assert graph.dependencies("shop") == ("shop.cart",)
    graph.remove("shop.cart")
    assert graph.dependencies("shop") == ()
    sources = {"shop": "", "shop.cart": "from .. import x"}
    assert DependencyGraph.of(sources, packages=["shop.cart"]).dependencies("shop.cart") == ("shop",)
    assert DependencyGraph.of(sources).dependencies("shop.cart") == ()


def test_dependencies_can_be_given_instead_of_a_text() -> None:
    """For what otpy cannot read, and for trying out."""
    graph = DependencyGraph()
    graph.add("a", [Dependency("a", "b", "import", line=3)])
    graph.add("b", [])
    assert graph.reload_order("b") == ("b", "a")
    assert graph.between("a", "b")[0].line == 3


def test_broken_text_leaves_the_graph_as_it_is() -> None:
    """The edit is refused, the program goes on."""
    graph = DependencyGraph.of(SHOP)
    before = graph.all()
    with pytest.raises(CompilationFailed):
        graph.add("cart", "import (")
    assert graph.all() == before


@pytest.mark.parametrize("question", ["dependencies", "dependents", "reload_order", "unit_of", "remove", "uses"])
def test_an_unknown_module_is_refused_by_name(question: str) -> None:
    """A misspelt name must not look like a module without dependents."""
    with pytest.raises(MissingDependency, match="crat is not in the graph"):
        getattr(DependencyGraph.of(SHOP), question)("crat")


def test_graph_prints_its_edges_with_lines_and_its_rings() -> None:
    """For people."""
    assert str(DependencyGraph.of({"a": "import b\nx = b.y", "b": "import a"})) == (
        "a\n  → b: import (line 1), value y (line 2)\nb\n  → a: import (line 1)\nring: b ↔ a"
    )
    assert str(DependencyGraph()) == "no modules"


def test_mermaid_dots_what_matters_only_at_run_time() -> None:
    """For pages."""
    drawn = DependencyGraph.of({"a": "import b", "b": "", "c": "def f(): import b"}).mermaid().splitlines()
    assert drawn[0] == "flowchart LR"
    assert "    m0 -->|import| m1" in drawn
    assert "    m2 -.->|late import| m1" in drawn


def test_members_of_the_graph_are_the_modules_that_were_added() -> None:
    """What they import from elsewhere is known by name only."""
    graph = DependencyGraph.of({"a": "import json"})
    assert (list(graph), len(graph), "a" in graph, "json" in graph) == (["a"], 1, True, False)
    assert graph.dependents("json") == ("a",)
