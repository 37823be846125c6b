"""What the servers of the shop say to each other: the part that stays the same from version to version."""

from __future__ import annotations

from dataclasses import dataclass

import otpy


@dataclass(frozen=True)
class Put:
    """To the cart, cast: *customer* wants *item*."""

    customer: str
    item: str


@dataclass(frozen=True)
class Receipt:
    """What *customer* has bought, in the order of putting it into the basket."""

    number: int
    customer: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Checkout(otpy.Request[Receipt]):
    """To the cart: buy what lies in the basket of *customer*."""

    customer: str


@dataclass(frozen=True)
class Reserve(otpy.Request[bool]):
    """To the stock: take one *item* away. False if it is sold out."""

    item: str


@dataclass(frozen=True)
class Price(otpy.Request[float]):
    """To the stock: what does *item* cost? In the money of the version that runs."""

    item: str


@dataclass(frozen=True)
class Sold(otpy.Request[dict[str, int]]):
    """To the stock: how many of each item are sold?"""


@dataclass(frozen=True)
class Book(otpy.Request[int]):
    """To the ledger: *customer* has bought *items*. Answers the number of the receipt."""

    customer: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Booked(otpy.Request[dict[str, int]]):
    """To the ledger: how many items has each customer bought?"""


@dataclass(frozen=True)
class Turnover(otpy.Request[float]):
    """To the ledger: how much money did all customers spend? In the money of the version that runs."""
