"""What was compiled once is not compiled again: a cache of sources by what they say.

The key is the hash of the source, of the policy that is in force, of the Python version and of the format. In memory
there are limits of size and age; behind it may stand a `CacheStore`, so that hits survive a restart.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import MAGIC_NUMBER
from typing import Final, Protocol, final

from otpy.code.parsed import Parsed, from_bytes, read_source, to_bytes

FORMAT: Final = 1
"""Of the bytes in a store. Another number makes all that was stored unknown."""

MAX_SIZE: Final = 32 * 1024 * 1024
MAX_AGE: Final = 24 * 3600.0


class CacheStore(Protocol):
    """Where bytes are kept beyond the process. It limits its own size, and never raises."""

    def get(self, key: str) -> bytes | None:
        """What was put under *key*, None if that is not known any more."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keep *value* under *key*."""
        ...


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Since the interpreter started."""

    hits: int
    """Found in memory."""
    stored_hits: int
    """Found in the store behind it."""
    misses: int
    entries: int
    size: int
    """Of the source texts in memory, in characters."""


@final
class Cache:
    """Sources that were parsed and compiled. Safe to use from any thread.

    *max_size*: characters of source kept in memory. *max_age*: seconds since an entry was last used,
    by *clock*.
    """

    def __init__(
        self, *, max_size: int = MAX_SIZE, max_age: float = MAX_AGE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.store: CacheStore | None = None
        self.policy = ""
        """What sources are checked by. Under another policy, nothing is known that was read before."""
        self._max_size = max_size
        self._max_age = max_age
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[float, Parsed]] = OrderedDict()
        self._size = 0
        self._hits = self._stored_hits = self._misses = 0

    def read(self, source: str, *, shown: str) -> Parsed:
        """*source*, parsed and compiled, now or before; errors name the file *shown*.

        Raises: CompilationFailed.
        """
        key = key_of(source, self.policy)
        found = self._known(key) or self._stored(key, source)
        if found is None:
            found = read_source(source, shown=shown)
            self._write(key, found)
        self._keep(key, found)
        return found

    def stats(self) -> CacheStats:
        """How much it has helped."""
        with self._lock:
            return CacheStats(self._hits, self._stored_hits, self._misses, len(self._entries), self._size)

    def clear(self) -> None:
        """Forget what is in memory."""
        with self._lock:
            self._entries.clear()
            self._size = 0

    def _known(self, key: str) -> Parsed | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or self._clock() - entry[0] > self._max_age:
                return None
            self._hits += 1
            return entry[1]

    def _stored(self, key: str, source: str) -> Parsed | None:
        data = self.store.get(key) if self.store is not None else None
        found = from_bytes(data, source) if data is not None else None
        with self._lock:
            if found is None:
                self._misses += 1
            else:
                self._stored_hits += 1
        return found

    def _write(self, key: str, found: Parsed) -> None:
        data = to_bytes(found) if self.store is not None else None
        if self.store is not None and data is not None:
            self.store.put(key, data)

    def _keep(self, key: str, found: Parsed) -> None:
        """Make it the entry that was used last, and drop what is too old or too much."""
        now = self._clock()
        with self._lock:
            self._drop(key)
            self._entries[key] = now, found
            self._size += len(found.source)
            while self._entries:
                oldest, (used, _) = next(iter(self._entries.items()))
                if self._size <= self._max_size and now - used <= self._max_age:
                    break
                self._drop(oldest)

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= len(entry[1].source)


def key_of(source: str, policy: str = "") -> str:
    """The key of *source* under a policy, for this Python."""
    facts = f"{FORMAT};{sys.implementation.cache_tag};{MAGIC_NUMBER.hex()};{len(policy)};{policy};"
    return sha256(facts.encode() + source.encode(errors="surrogatepass")).hexdigest()


cache: Final = Cache()
