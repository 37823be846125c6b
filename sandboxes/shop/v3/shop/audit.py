"""The audit, new in version 2: compares what the stock gave out with what the ledger took in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import otpy
from otpy import Ok, Reply
from shop.messages import Booked, Price, Sold, Turnover

if TYPE_CHECKING:
    from otpy import From

__vsn__ = "2"


@dataclass(frozen=True)
class Books:
    """Items and money (in cents), as the stock and as the ledger have them."""

    sold: int
    booked: int
    due: float
    taken: float

    @property
    def balanced(self) -> bool:
        """Whether both agree. They do whenever no sale is under way."""
        return (self.sold, self.due) == (self.booked, self.taken)


@dataclass(frozen=True)
class Compare(otpy.Request[Books]):
    """To the audit: ask both sides."""


class Audit(otpy.GenServer[int]):
    """Asks stock and ledger; its state is how often it did."""

    def init(self, arg: object) -> Ok[int]:
        """Start with nothing compared."""
        return Ok(0)

    def handle_call(self, request: Any, from_: From, state: int) -> Reply[Books, int]:
        """Compare the two sides."""
        match request:
            case Compare():
                return Reply(compare(), state + 1)
            case _:
                raise ValueError(f"the audit does not know {request!r}")


def compare() -> Books:
    """Ask stock and ledger for items and money."""
    sold = otpy.call("stock", Sold())
    due = sum(count * otpy.call("stock", Price(item)) for item, count in sold.items())
    booked = sum(otpy.call("ledger", Booked()).values())
    return Books(sum(sold.values()), booked, due, otpy.call("ledger", Turnover()))
