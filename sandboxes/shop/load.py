"""Load for the shop, in any version: customers that fill their baskets and check out."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING

from shop.messages import Booked, Checkout, Put

import otpy

if TYPE_CHECKING:
    from shop.audit import Books

GOODS = ("tea", "cup", "tea", "bread", "cup")
BASKET = 3


def work(client: str, sent: int) -> int:
    """Fill the basket of *client*, who put *sent* items before, and check out. Return how many items it is now.

    The receipt names the items in the order of putting them: one that differs would mean that
    something was lost, came twice or was overtaken.
    """
    start = sent % len(GOODS)
    items = tuple(islice(cycle(GOODS), start, start + BASKET))
    for item in items:
        otpy.cast("cart", Put(client, item))
    receipt = otpy.call("cart", Checkout(client))
    if (receipt.customer, receipt.items) != (client, items):
        raise RuntimeError(f"{client} put {items}, but got {receipt}")
    return sent + BASKET


def audit() -> tuple[dict[str, int], int]:
    """Return how many items of each client are booked. Their order was checked by the receipts.

    Where there is an audit, its books have to balance: not a cent is lost on the way from euros to cents.
    """
    if otpy.whereis("audit") is not None and not compared().balanced:
        raise RuntimeError(f"the books do not balance: {compared()}")
    return otpy.call("ledger", Booked()), 0


def books() -> str:
    """Ask the child that only version 2 has."""
    books = compared()
    return f"audit: {books.sold} items sold, {books.booked} booked, {books.taken / 100:.2f} euros taken"


def compared() -> Books:
    """Have the audit compare the books."""
    from shop.audit import Compare  # noqa: PLC0415 - version 1 has no such module

    return otpy.call("audit", Compare())
