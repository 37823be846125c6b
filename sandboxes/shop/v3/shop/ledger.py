"""The ledger: who has bought how much, for how much money.

Version 3 keeps whole euros. Its `code_change` refuses an account with odd cents, so the upgrade rolls
itself back: the stock, which was converted without trouble, is as before too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import otpy
from otpy import Ok, Reply
from shop.messages import Book, Booked, Price, Turnover

if TYPE_CHECKING:
    from otpy import From

__vsn__ = "3"


@dataclass
class Account:
    """What one customer has bought. The money is in whole euros."""

    items: int = 0
    spent_euros: int = 0
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
                return Reply(sum(account.spent_euros * 100 for account in state.accounts.values()), state)
            case _:
                raise ValueError(f"the ledger does not know {request!r}")

    def code_change(self, old_vsn: object, state: Any, extra: object = None) -> Ok[State]:
        """Convert the money from cents to euros, if nothing is lost by it."""
        accounts = {
            name: Account(old.items, whole_euros(old.spent_cents, name), old.visits)
            for name, old in state.accounts.items()
        }
        return Ok(State(accounts, state.receipts))


def whole_euros(cents: float, whose: str) -> int:
    """Convert cents to euros, or refuse an amount that is not a whole number of them."""
    euros, rest = divmod(int(cents), 100)
    if rest:
        raise ValueError(
            f"{whose} stands at {cents / 100:.2f} euros, and version 3 keeps whole euros only; keep version 2"
        )
    return euros


def book(account: Account, items: tuple[str, ...]) -> None:
    """Add *items* to the account, at the prices of the stock."""
    account.visits += 1
    for item in items:
        account.spent_euros += whole_euros(otpy.call("stock", Price(item)), item)
        account.items += 1
