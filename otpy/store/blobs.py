"""The cache of compiled code in the database: bytes by key, with limits of size and age, that survive a restart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol, final

from sqlalchemy import Connection, delete, func, insert, select, update

from otpy.errors import StoreError
from otpy.store.schema import cache
from otpy.store.times import to_number
from otpy.store.values import Limits

log = logging.getLogger("otpy.store")

_EXACT: Final = timedelta(hours=1)
"""How exactly it is known when an entry was last used."""


class Transactions(Protocol):
    """What begins a transaction; a quick one may be lost in a power failure."""

    def __call__(self, *, quick: bool) -> AbstractContextManager[Connection]:
        """Begin one, to be committed at the end of the block."""
        ...


@final
class StoredBlobs:
    """A cache of bytes in the tables of a store. What goes wrong goes to the log: a cache is no reason to stop."""

    def __init__(self, begin: Transactions, *, limits: Limits, now: Callable[[], datetime]) -> None:
        self._begin = begin
        self._limits = limits
        self._now = now

    def get(self, key: str) -> bytes | None:
        """Return the value of *key*, None if it is not there (any more), or not as it was put there."""
        try:
            with self._begin(quick=True) as connection:
                return self._look_up(connection, key)
        except StoreError as error:
            log.warning("the compile cache cannot be read: %s", error)
            return None

    def put(self, key: str, value: bytes) -> None:
        """Keep *value*, unless it alone is more than the cache may hold."""
        if len(value) > self._limits.cache_bytes:
            return
        moment = to_number(self._now())
        try:
            with self._begin(quick=True) as connection:
                connection.execute(delete(cache).where(cache.c.key == key))
                entry = insert(cache).values(
                    key=key, sha256=sha256(value).hexdigest(), size=len(value), used=moment, value=value
                )
                connection.execute(entry)
                self._forget(connection)
        except StoreError as error:
            log.warning("the compile cache cannot be written: %s", error)

    def _look_up(self, connection: Connection, key: str) -> bytes | None:
        entry = connection.execute(select(cache).where(cache.c.key == key)).mappings().first()
        if entry is None:
            return None
        value: bytes = entry["value"]
        now = self._now()
        # The interpreter trusts compiled code: what a disk has damaged could crash it.
        if sha256(value).hexdigest() != entry["sha256"] or entry["used"] < self._oldest(now):
            connection.execute(delete(cache).where(cache.c.key == key))
            return None
        if entry["used"] < to_number(now - _EXACT):
            connection.execute(update(cache).where(cache.c.key == key).values(used=to_number(now)))
        return value

    def _forget(self, connection: Connection) -> None:
        """Delete what is too old, and what was not used for longest as long as there is too much."""
        connection.execute(delete(cache).where(cache.c.used < self._oldest(self._now())))
        surplus: int = connection.execute(select(func.coalesce(func.sum(cache.c.size), 0))).scalar_one()
        surplus -= self._limits.cache_bytes
        if surplus <= 0:
            return
        gone: list[str] = []
        for key, size in connection.execute(select(cache.c.key, cache.c.size).order_by(cache.c.used, cache.c.key)):
            if surplus <= 0:
                break
            gone.append(key)
            surplus -= size
        connection.execute(delete(cache).where(cache.c.key.in_(gone)))

    def _oldest(self, now: datetime) -> int:
        return to_number(now - timedelta(seconds=self._limits.cache_seconds))
