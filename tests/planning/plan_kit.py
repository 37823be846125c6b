"""A shop in two versions, its processes, and the plan between them: what the tests of plans work on."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from otpy.analysis.graph import DependencyGraph
from otpy.analysis.impact import impact_of
from otpy.analysis.processes import BehaviourFacts, ProcessFacts, World
from otpy.code.verdicts import DefinitionChange, verdicts
from otpy.code.version import read_version
from otpy.planning.plan import Plan
from otpy.planning.planner import Texts, make_plan, module_plan

PRICES = """
__vsn__ = "1"
TAX = 19
def price(cents):
    return cents * 1
"""
CART = textwrap.dedent("""
    import otpy
    from dataclasses import dataclass
    from prices import price

    __vsn__ = "1"

    @dataclass
    class Order:
        item: str

    class Cart(otpy.GenServer[Order]):
        def handle_call(self, request, from_, state):
            return otpy.call("stock", request)

    class Shop(otpy.Supervisor): ...
""")
STOCK = "import otpy\nclass Stock(otpy.GenServer[int]): ...\n"
OLD = {"prices": PRICES, "cart": CART, "stock": STOCK}

SHOP = ProcessFacts(1, BehaviourFacts("cart", "Shop", kind="supervisor"), "shop")
STOCK_PROCESS = ProcessFacts(2, BehaviourFacts("stock", "Stock"), "stock", supervisor=1, child="stock")
CARTS = tuple(ProcessFacts(n, BehaviourFacts("cart", "Cart"), supervisor=1, child=f"cart-{n}") for n in (3, 4, 5))
WORLD = World((SHOP, STOCK_PROCESS, *CARTS))

BODY = {"prices": PRICES.replace("* 1", "* 2").replace('"1"', '"2"')}
WITH_DEFAULT = {"cart": CART.replace('"1"', '"2"').replace("item: str", "item: str\n    euros: int = 3")}
REQUIRED = {"cart": CART.replace('"1"', '"2"').replace("item: str", "item: str\n    region: str")}
BOTH = {**WITH_DEFAULT, **BODY}


def changes_of(new: Mapping[str, str], old: Mapping[str, str] = OLD) -> tuple[DefinitionChange, ...]:
    """Return the verdicts on *new*."""
    found: list[DefinitionChange] = []
    for name, text in new.items():
        before = read_version(name, old[name]) if name in old else None
        found += verdicts(before, read_version(name, text))
    return tuple(found)


def plan_of(
    new: Mapping[str, str],
    *,
    world: World = WORLD,
    old: Mapping[str, str] = OLD,
    more: Iterable[DefinitionChange] = (),
    **options: Any,
) -> Plan:
    """Return the plan for the texts *new* in a program that has *old*."""
    graph = DependencyGraph.of({**old, **new})
    impact = impact_of(list(new), (*changes_of(new, old), *more), graph=graph, world=world)
    modules = [
        module_plan(
            name,
            text,
            old_source=old.get(name),
            new_vsn=read_version(name, text).vsn,
            old_vsn=read_version(name, old[name]).vsn if name in old else "",
        )
        for name, text in new.items()
    ]
    texts = Texts(trees(old), trees({**old, **new}))
    return make_plan(modules, impact, graph=graph, texts=texts, created_at="2026-01-02T03:04:05Z", **options)


def trees(texts: Mapping[str, str]) -> dict[str, ast.Module]:
    """Return the syntax trees of *texts*."""
    return {name: ast.parse(text) for name, text in texts.items()}
