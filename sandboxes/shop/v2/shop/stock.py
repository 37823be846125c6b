"""The stock: what there is, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import otpy
from otpy import Ok, Reply
from shop.messages import Price, Reserve, Sold

if TYPE_CHECKING:
    from otpy import From

__vsn__ = "2"


@dataclass
class Item:
    """One kind of goods. The price is in cents, so that sums are exact."""

    price_cents: int
    on_hand: int = 1_000_000
    sold: int = 0


State: TypeAlias = dict[str, Item]


class Stock(otpy.GenServer[State]):
    """Keeps the goods."""

    def init(self, arg: object) -> Ok[State]:
        """Fill the shelves."""
        return Ok({"tea": Item(250), "cup": Item(795), "bread": Item(320)})

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
        """Convert the prices from euros to cents."""
        return Ok({name: Item(cents(item.price), item.on_hand, item.sold) for name, item in state.items()})


def cents(euros: float) -> int:
    """Convert euros to cents."""
    return round(euros * 100)


def take(item: Item) -> bool:
    """Take one away, if there is one."""
    if item.on_hand == 0:
        return False
    item.on_hand -= 1
    item.sold += 1
    return True
