"""The shop as one supervised system: each server after those that it calls."""

from __future__ import annotations

import otpy
from otpy import ChildSpec, SupFlags
from shop.cart import Cart
from shop.ledger import Ledger
from shop.stock import Stock

__vsn__ = "1"


class Shop(otpy.Supervisor):
    """Stock, ledger and cart; one that crashes takes along those that depend on it."""

    def init(self, arg: object) -> tuple[SupFlags, list[ChildSpec]]:
        """Describe the three servers."""
        return SupFlags(strategy="rest_for_one"), [
            Stock.child_spec(id="stock", name="stock"),
            Ledger.child_spec(id="ledger", name="ledger"),
            Cart.child_spec(id="cart", name="cart"),
        ]
