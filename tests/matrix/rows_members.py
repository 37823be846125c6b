"""Rows of what a class has: methods, attributes, properties, and the class itself."""

from __future__ import annotations

from typing import Final

import otpy
from tests.matrix.row import Actors, Case, Modules, Refusal, Row, Things, edited, text

CART: Final = text("""
    class Cart:
        rate = 1

        def __init__(self, items):
            self.items = items

        def total(self):
            return sum(self.items) * self.rate

        @property
        def first(self):
            return self.items[0]

        def last(self):
            return self.items[-1]

    class Basket:
        def __init__(self, items):
            self.items = items

        def count(self):
            return len(self.items)
""")


def _cart(modules: Modules) -> Things:
    return {"cart": modules.m.Cart([1, 2]), "bound": modules.m.Cart([3, 4]).total}


def _case(old: str, new: str, look: object, what: str = "") -> Case:
    return Case(
        what=what,
        before={"m": CART},
        after={"m": edited(CART, old, new)},
        make=_cart,
        look=look,  # type: ignore[arg-type]
        actors=Actors(),
    )


def _body(modules: Modules, things: Things) -> None:
    assert things["cart"].total() == 30
    assert modules.m.Cart([5]).total() == 50


def _bound(modules: Modules, things: Things) -> None:
    assert things["bound"]() == 70


def _added(modules: Modules, things: Things) -> None:
    assert things["cart"].count() == 2
    assert things["bound"].__self__.count() == 2


def _removed(modules: Modules, things: Things) -> None:
    assert not hasattr(things["cart"], "last")
    assert not hasattr(modules.m.Cart, "last")
    assert things["cart"].total() == 3


def _attribute(modules: Modules, things: Things) -> None:
    assert (things["cart"].rate, modules.m.Cart.rate) == (3, 3)
    assert (things["cart"].total(), things["bound"]()) == (9, 21)


def _property_to_method(modules: Modules, things: Things) -> None:
    assert things["cart"].first() == 1


def _method_to_property(modules: Modules, things: Things) -> None:
    assert things["cart"].last == 2


def _baskets(modules: Modules) -> Things:
    return {"basket": modules.m.Basket([1, 2])}


def _class_removed(modules: Modules, things: Things) -> None:
    assert not hasattr(modules.m, "Basket")
    assert things["basket"].count() == 2  # who still has one can still use it
    assert modules.m.Cart([1]).total() == 1


BODY: Final = ("return sum(self.items) * self.rate", "return sum(self.items) * 10")

ROWS: Final = (
    Row(1, "method body", "old instances show the new", (_case(*BODY, _body),)),
    Row(
        2,
        "method added",
        "old instances show the new",
        (
            _case(
                "    def last(self):",
                "    def count(self):\n        return len(self.items)\n\n    def last(self):",
                _added,
            ),
        ),
    ),
    Row(
        3,
        "method removed",
        "the removed is gone",
        (_case("    def last(self):\n        return self.items[-1]\n", "", _removed),),
    ),
    Row(4, "class attribute", "old instances show the new", (_case("rate = 1", "rate = 3", _attribute),)),
    Row(18, "method body, stored bound method", "stored bound methods show the new", (_case(*BODY, _bound),)),
    Row(
        29,
        "property turned method",
        "old instances show the new",
        (
            _case("    @property\n    def first", "    def first", _property_to_method),
            _case("    def last", "    @property\n    def last", _method_to_property, "method turned property"),
        ),
    ),
    Row(
        30,
        "class removed",
        "the removed is gone",
        (
            Case(
                before={"m": CART},
                after={"m": CART[: CART.index("class Basket")]},
                make=_baskets,
                look=_class_removed,
                actors=Actors(refused=Refusal(otpy.UpgradeError, "Basket")),
            ),
        ),
    ),
)
