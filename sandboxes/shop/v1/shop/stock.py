"""The stock: what there is, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import otpy
from otpy import Ok, Reply
from shop.messages import Price, Reserve, Sold

if TYPE_CHECKING:
    from otpy import From

__vsn__ = "1"


@dataclass
class Item:
    """One kind of goods. The price is in euros."""

    price: float
    on_hand: int = 1_000_000
    sold: int = 0


State: TypeAlias = dict[str, Item]


class Stock(otpy.GenServer[State]):
    """Keeps the goods."""

    def init(self, arg: object) -> Ok[State]:
        """Fill the shelves."""
        return Ok({"tea": Item(2.5), "cup": Item(7.95), "bread": Item(3.2)})

    def handle_call(self, request: Any, from_: From, state: State) -> Reply[Any, State]:
        """Reserve an item, tell a price or what is sold."""
        match request:
            case Reserve(item):
                return Reply(take(state[item]), state)
            case Price(item):
                return Reply(state[item].price, state)
            case Sold():
                return Reply({name: item.sold for name, item in state.items()}, state)
            case _:
                raise ValueError(f"the stock does not know {request!r}")


def take(item: Item) -> bool:
    """Take one away, if there is one."""
    if item.on_hand == 0:
        return False
    item.on_hand -= 1
    item.sold += 1
    return True
