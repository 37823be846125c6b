"""Who is suspended first: callers before those whom they call, seen through helper functions and through others."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpy.analysis.call_levels import levels_of
from otpy.analysis.calls import Callee, declared_calls
from otpy.analysis.graph import DependencyGraph
from otpy.analysis.processes import BehaviourFacts, ProcessFacts, World

SHOP = textwrap.dedent("""
    import otpy

    class Stock(otpy.GenServer[int]):
        @staticmethod
        def reserve(item):
            return otpy.call("stock", item)

        def handle_call(self, request, from_, state): ...

    class Cart(otpy.GenServer[int]):
        @classmethod
        def add(cls, item):
            return otpy.call("cart", item)

        def handle_call(self, request, from_, state):
            return self.checked(request)

        def checked(self, item):
            def retry():
                return Stock.reserve(item)
            return retry()
""")
WEB = textwrap.dedent("""
    import api
    import otpy

    class Web(otpy.GenServer[int]):
        depends_on = ("audit",)

        def handle_info(self, message, state):
            api.order(message)
""")
API = "from shop import Cart\ndef order(item):\n    return Cart.add(item)\n"

STOCK, CART, WEBS = BehaviourFacts("shop", "Stock"), BehaviourFacts("shop", "Cart"), BehaviourFacts("web", "Web")
AUDIT, BIG = BehaviourFacts("audits", "Audit"), BehaviourFacts("shop", "BigCart", ("shop:BigCart", "shop:Cart"))
GRAPH = DependencyGraph.of({"shop": SHOP, "web": WEB, "api": API, "audits": ""})


def process(number: int, behaviour: BehaviourFacts, name: str = "", waits_on: int | None = None) -> ProcessFacts:
    """Return a process."""
    return ProcessFacts(number, behaviour, name, waits_on=waits_on)


def test_calls_are_followed_through_helpers_and_other_modules() -> None:
    """A GenServer is called through functions of its own."""
    calls = declared_calls([STOCK, CART, WEBS, BIG], GRAPH)
    assert calls[STOCK] == set()
    assert calls[CART] == {Callee("stock")}
    assert calls[BIG] == {Callee("stock")}
    assert calls[WEBS] == {Callee("cart"), Callee("audit")}


def test_callers_come_first() -> None:
    """A handler that waits for somebody who is held would never end."""
    everybody = [process(1, STOCK, "stock"), process(2, CART, "cart"), process(3, WEBS), process(4, AUDIT, "audit")]
    assert levels_of(everybody, GRAPH) == ((3,), (2,), (1, 4))


def test_processes_that_call_each_other_are_one_level() -> None:
    """It is drained as a whole."""
    graph = DependencyGraph.of(
        {
            "m": "import otpy\nclass A:\n    def f(self): otpy.call('b', 1)\n"
            "class B:\n    def f(self): otpy.call('a', 1)\n    def g(self): otpy.call('c', 1)\nclass C: ...",
        }
    )
    a, b, c = (BehaviourFacts("m", name) for name in "ABC")
    assert levels_of([process(1, c, "c"), process(2, a, "a"), process(3, b, "b")], graph) == ((2, 3), (1,))


def test_order_is_kept_by_way_of_processes_that_are_not_held() -> None:
    """Web calls the cart, which is not upgraded, and the cart calls the stock."""
    world = World((process(1, STOCK, "stock"), process(2, CART, "cart"), process(3, WEBS)))
    held = [world.processes[0], world.processes[2]]
    assert levels_of(held, GRAPH, world) == ((3,), (1,))
    assert levels_of(held, GRAPH) == ((1, 3),)


def test_who_waits_right_now_comes_first_whatever_the_text_says() -> None:
    """A call by pid only shows while it happens."""
    everybody = [process(1, STOCK), process(2, STOCK, waits_on=1), process(3, STOCK, waits_on=2), process(4, STOCK)]
    levels = levels_of(everybody, GRAPH)
    level = {number: position for position, numbers in enumerate(levels) for number in numbers}
    assert level[3] < level[2] < level[1]
    assert sorted(level) == [1, 2, 3, 4]


@pytest.mark.parametrize("target", ["shop.Stock", "shop", "stock"])
def test_an_author_can_declare_a_class_a_module_or_a_name(target: str) -> None:
    """For calls that the text does not show."""
    graph = DependencyGraph.of({"shop": SHOP, "other": f"class Other:\n    depends_on = ({target!r},)"})
    other = BehaviourFacts("other", "Other")
    assert levels_of([process(1, STOCK, "stock"), process(2, other)], graph) == ((2,), (1,))


def test_a_crowd_is_one_group() -> None:
    """The cost does not grow with the number of processes that are alike: 20,000 callers of 20,000 servers."""
    everybody = [process(n, CART) for n in range(20_000)] + [process(20_000 + n, STOCK) for n in range(20_000)]
    graph = DependencyGraph.of({"shop": SHOP.replace('otpy.call("stock", item)', "0") + "    depends_on = (Stock,)"})
    levels = levels_of(everybody, graph)
    assert [len(level) for level in levels] == [20_000, 20_000]
    assert levels[0][0] == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_levels_hold_everybody_once_and_callers_not_after_callees(pairs: list[tuple[int, int]]) -> None:
    """Whatever the graph of calls, rings too."""
    behaviours = {n: BehaviourFacts("m", f"B{n}") for n in range(10)}
    bodies = {
        n: "".join(f"    def f{i}(self): otpy.call('n{b}', 1)\n" for i, (a, b) in enumerate(pairs) if a == n)
        for n in range(10)
    }
    text = "import otpy\n" + "".join(f"class B{n}:\n    x = 1\n{body}" for n, body in bodies.items())
    everybody = [process(n, behaviours[n], f"n{n}") for n in range(10)]
    levels = levels_of(everybody, DependencyGraph.of({"m": text}))
    assert sorted(number for level in levels for number in level) == list(range(10))
    level = {number: position for position, numbers in enumerate(levels) for number in numbers}
    reaches = {n: {n} for n in range(10)}
    for _ in range(10):
        for a, b in pairs:
            for each in reaches.values():
                if a in each:
                    each.add(b)
    for a, b in pairs:
        assert level[a] < level[b] or a in reaches[b]
