"""The ledger: who has bought how much, for how much money."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import otpy
from otpy import Ok, Reply
from shop.messages import Book, Booked, Price, Turnover
from shop.stock import cents

if TYPE_CHECKING:
    from otpy import From

__vsn__ = "2"


@dataclass
class Account:
    """What one customer has bought. The money is in cents. New: how often the customer came."""

    items: int = 0
    spent_cents: int = 0
    visits: int = 0


@dataclass
class State:
    """All accounts, and the number of the last receipt."""

    accounts: dict[str, Account] = field(default_factory=dict)
    receipts: int = 0


class Ledger(otpy.GenServer[State]):
    """Books what is sold."""

    def init(self, arg: object) -> Ok[State]:
        """Open the books."""
        return Ok(State())

    def handle_call(self, request: Any, from_: From, state: State) -> Reply[Any, State]:
        """Book a sale, or tell what is booked."""
        match request:
            case Book(customer, items):
                book(state.accounts.setdefault(customer, Account()), items)
                state.receipts += 1
                return Reply(state.receipts, state)
            case Booked():
                return Reply({name: account.items for name, account in state.accounts.items()}, state)
            case Turnover():
                return Reply(sum(account.spent_cents for account in state.accounts.values()), state)
            case _:
                raise ValueError(f"the ledger does not know {request!r}")

    def code_change(self, old_vsn: object, state: Any, extra: object = None) -> Ok[State]:
        """Convert the money from euros to cents. Visits are counted from now on."""
        accounts = {name: Account(old.items, cents(old.spent)) for name, old in state.accounts.items()}
        return Ok(State(accounts, state.receipts))


def book(account: Account, items: tuple[str, ...]) -> None:
    """Add *items* to the account, at the prices of the stock."""
    account.visits += 1
    for item in items:
        account.spent_cents += int(otpy.call("stock", Price(item)))
        account.items += 1
