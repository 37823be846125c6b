"""The cart: the baskets of all customers, and the way to the till."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import otpy
from otpy import NoReply, Ok, Reply
from shop.messages import Book, Checkout, Put, Receipt, Reserve

if TYPE_CHECKING:
    from otpy import From

__vsn__ = "1"

State: TypeAlias = dict[str, list[str]]
"""What lies in the basket of each customer, in the order of putting it there."""


class Cart(otpy.GenServer[State]):
    """Holds the baskets."""

    def init(self, arg: object) -> Ok[State]:
        """Start without baskets."""
        return Ok({})

    def handle_cast(self, request: Any, state: State) -> NoReply[State]:
        """Put an item into a basket."""
        match request:
            case Put(customer, item):
                state.setdefault(customer, []).append(item)
                return NoReply(state)
            case _:
                raise ValueError(f"the cart does not know {request!r}")

    def handle_call(self, request: Any, from_: From, state: State) -> Reply[Receipt, State]:
        """Check a customer out."""
        match request:
            case Checkout(customer):
                return Reply(check_out(customer, state.pop(customer, [])), state)
            case _:
                raise ValueError(f"the cart does not know {request!r}")


def check_out(customer: str, basket: list[str]) -> Receipt:
    """Reserve at the stock, leave out what is sold out, and book the rest in the ledger."""
    items = tuple(item for item in basket if otpy.call("stock", Reserve(item)))
    number = otpy.call("ledger", Book(customer, items))
    return Receipt(number, customer, items)
