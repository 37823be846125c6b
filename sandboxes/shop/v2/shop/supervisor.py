"""The shop as one supervised system: each server after those that it calls."""

from __future__ import annotations

import otpy
from otpy import ChildSpec, SupFlags
from shop.audit import Audit
from shop.cart import Cart
from shop.ledger import Ledger
from shop.stock import Stock

__vsn__ = "2"


class Shop(otpy.Supervisor):
    """Stock, ledger, cart and, new, audit; one that crashes takes along those that depend on it."""

    def init(self, arg: object) -> tuple[SupFlags, list[ChildSpec]]:
        """Describe the four servers."""
        return SupFlags(strategy="rest_for_one"), [
            Stock.child_spec(id="stock", name="stock"),
            Ledger.child_spec(id="ledger", name="ledger"),
            Cart.child_spec(id="cart", name="cart"),
            Audit.child_spec(id="audit", name="audit"),
        ]
