"""The stock: what there is, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import otpy
from otpy import Ok, Reply
from shop.messages import Price, Reserve, Sold

if TYPE_CHECKING:
    from otpy import From

__vsn__ = "3"


@dataclass
class Item:
    """One kind of goods. The price is in cents, so that sums are exact."""

    price_cents: int
    on_hand: int = 1_000_000
    sold: int = 0
    supplier: str = "unknown"


State: TypeAlias = dict[str, Item]


class Stock(otpy.GenServer[State]):
    """Keeps the goods."""

    def init(self, arg: object) -> Ok[State]:
        """Fill the shelves."""
        return Ok({"tea": Item(300), "cup": Item(800), "bread": Item(300)})

    def handle_call(self, request: Any, from_: From, state: State) -> Reply[Any, State]:
        """Reserve an item, tell a price or what is sold."""
        match request:
            case Reserve(item):
                return Reply(take(state[item]), state)
            case Price(item):
                return Reply(state[item].price_cents, state)
            case Sold():
                return Reply({name: item.sold for name, item in state.items()}, state)
            case _:
                raise ValueError(f"the stock does not know {request!r}")

    def code_change(self, old_vsn: object, state: Any, extra: object = None) -> Ok[State]:
        """Give each item a supplier."""
        return Ok({name: Item(old.price_cents, old.on_hand, old.sold) for name, old in state.items()})


def take(item: Item) -> bool:
    """Take one away, if there is one."""
    if item.on_hand == 0:
        return False
    item.on_hand -= 1
    item.sold += 1
    return True
