"""Rows of identity: there is one class, whoever holds it, and everybody means the same."""

from __future__ import annotations

import pickle  # a row of the matrix: others pickle instances, and still can
from typing import Final

import pytest

from tests.matrix.row import Actors, Case, Modules, Row, Things, edited, text

CART: Final = text("""
    class Cart:
        def __init__(self, items):
            self.items = items

        def total(self):
            return sum(self.items)

    class Err(Exception):
        code = 1

    def fail():
        raise Err("failed")
""")
EDITED: Final = edited(
    edited(CART, "return sum(self.items)", "return sum(self.items) * 10\n\n    def count(self):\n        return 2"),
    "code = 1",
    "code = 2\n\n    def told(self):\n        return str(self)",
)
NEAR: Final = text("""
    from m import Cart, Err, fail

    class BigCart(Cart):
        def total(self):
            return super().total() + 1

    def attempt():
        try:
            fail()
        except Err as error:
            return error.code, error.told()
""")


def _make(modules: Modules) -> Things:
    return {
        "cart": modules.m.Cart([1, 2]),
        "class": modules.m.Cart,
        "big": modules.near.BigCart([1, 2]),
        "error": modules.m.Err("before"),
    }


def _isinstance(modules: Modules, things: Things) -> None:
    assert isinstance(things["cart"], modules.m.Cart)
    assert isinstance(modules.m.Cart([]), type(things["cart"]))


def _is(modules: Modules, things: Things) -> None:
    assert things["class"] is modules.m.Cart
    assert type(things["cart"]) is modules.m.Cart
    assert modules.near.Cart is modules.m.Cart


def _super(modules: Modules, things: Things) -> None:
    assert things["big"].total() == 31
    assert things["big"].count() == 2
    assert isinstance(things["big"], modules.m.Cart)
    assert type(things["big"]) is modules.near.BigCart
    assert modules.m.Cart.__subclasses__() == [modules.near.BigCart]


def _except(modules: Modules, things: Things) -> None:
    assert modules.near.attempt() == (2, "failed")
    with pytest.raises(modules.m.Err) as caught:
        raise things["error"]
    assert caught.value.told() == "before"


def _pickle(modules: Modules, things: Things) -> None:
    again = pickle.loads(pickle.dumps(things["cart"]))  # noqa: S301 - its own
    assert type(again) is modules.m.Cart
    assert (again.items, again.total()) == ([1, 2], 30)


def _case(look: object) -> Case:
    return Case(
        before={"m": CART, "near": NEAR},
        after={"m": EDITED},
        make=_make,
        look=look,  # type: ignore[arg-type]
        actors=Actors(),
    )


ROWS: Final = (
    Row(5, "`isinstance(old, m.C)`", "fine, one class", (_case(_isinstance),)),
    Row(6, "old class object `is m.C`", "fine, one class", (_case(_is),)),
    Row(9, "subclass elsewhere with `super()`", "fine, one class", (_case(_super),)),
    Row(24, "`except m.Err` in another module", "fine, one class", (_case(_except),)),
    Row(25, "pickle of an old instance", "fine, one class", (_case(_pickle),)),
)
