"""Values for the tests of the store."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from otpy.store import Ending, Planned, Recorder, Source

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

SHOP_1 = Source("shop", "1", "price = 1\n")
SHOP_2 = Source("shop", "2", "price = 2\n")
SHOP_3 = Source("shop", "3", "price = 3\n")
CART_1 = Source("cart", "1", "items = 1\n")
CART_2 = Source("cart", "2", "items = 2\n")

COMMITTED = Ending(state="committed", outcome="completed")
ROLLED_BACK = Ending(state="rolled_back", outcome="rolled_back", error_class="MigrationFailed", error="no `region`")
BY_WATCH = Ending(state="rolled_back", outcome="rolled_back_by_watch", error_class="Watch", error="3 crashes")


class Ticking:
    """A clock that is a second later each time somebody looks."""

    def __init__(self) -> None:
        self.seconds = self._count()

    def __call__(self) -> datetime:
        """Return the next second."""
        return next(self.seconds)

    def _count(self) -> Iterator[datetime]:
        moment = NOON
        while True:
            yield moment
            moment += timedelta(seconds=1)


def upgrade(recorder: Recorder, *sources: Source, ending: Ending | None = COMMITTED, **facts: Any) -> int:
    """Record an upgrade to *sources* that ends so, or not at all, and return its id."""
    number = recorder.begin(Planned(sources=sources, **facts))
    if ending is not None:
        assert recorder.end(number, ending) is None
    return number
