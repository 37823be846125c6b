"""The way to a store: SQLAlchemy is loaded when somebody opens one, not before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from otpy.store.times import utc_now
from otpy.store.values import Limits

if TYPE_CHECKING:
    from otpy.store.database import Store


def open_store(place: str | Path, *, limits: Limits | None = None, now: Callable[[], datetime] = utc_now) -> Store:
    """Open the store at *place*, and make it if there is none; leave its block, or close it, to give it up.

    *place* is the path of a file, whose folder is made for this user alone if it is missing, or an address,
    `postgresql://USER:PASSWORD@HOST/DATABASE`. One node at a time has a store. Upgrades that were under way when the
    node ended before are marked as interrupted, see `recover`. *limits* say how much is kept, *now* tells the time.

    Raises: StoreError: another process has it, a newer otpy has made it, it cannot be read or written, and what to do.
    """
    from otpy.store.database import Store  # noqa: PLC0415

    return Store(place, limits=limits, now=now)
