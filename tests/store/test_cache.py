"""The cache of compiled code: bytes by key, bounded, and never a reason to fail."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from otpy.store import Limits, MemoryStore, Recorder, open_store
from tests.store.kit import NOON, Ticking


class HandClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> datetime:
        """Return the moment that was set."""
        return self.moment


def test_what_was_put_is_there_until_it_is_put_anew(recorder: Recorder) -> None:
    """It is a map."""
    cache = recorder.cache
    assert cache.get("key") is None
    cache.put("key", b"one")
    cache.put("other", b"")
    cache.put("key", b"two\0\xff")
    assert (cache.get("key"), cache.get("other")) == (b"two\0\xff", b"")


def test_it_survives_a_restart(place: str) -> None:
    """A node that restarts does not compile everything anew."""
    with open_store(place) as store:
        store.cache.put("key", b"code")
    with open_store(place) as store:
        assert store.cache.get("key") == b"code"


def in_memory(place: str, **options: Any) -> Recorder:
    """Make a recorder as `open_store` does."""
    return MemoryStore(**options)


@pytest.mark.parametrize("make", [open_store, in_memory])
def test_too_much_drops_what_was_not_used_for_longest(place: str, make: Callable[..., Recorder]) -> None:
    """The bound is in bytes, and what is used stays."""
    clock = HandClock()
    with make(place, limits=Limits(cache_bytes=30), now=clock) as store:
        for key in "abc":
            store.cache.put(key, b"x" * 10)
            clock.moment += timedelta(hours=2)
        assert store.cache.get("a") is not None
        store.cache.put("d", b"x" * 5)
        assert [store.cache.get(key) is not None for key in "abcd"] == [True, False, True, True]
        store.cache.put("huge", b"x" * 31)
        assert store.cache.get("huge") is None


def test_what_nobody_used_for_long_goes(place: str) -> None:
    """Code of modules that are gone must not stay for ever."""
    clock = HandClock()
    with open_store(place, limits=Limits(cache_seconds=10 * 86_400.0), now=clock) as store:
        store.cache.put("used", b"1")
        store.cache.put("forgotten", b"2")
        for _ in range(3):
            clock.moment += timedelta(days=4)
            assert store.cache.get("used") == b"1"
        assert store.cache.get("forgotten") is None
        store.cache.put("new", b"3")
        with store._transaction() as connection:
            assert set(connection.execute(text("SELECT key FROM otpy_cache")).scalars()) == {"used", "new"}


def test_a_damaged_entry_is_no_entry(place: str) -> None:
    """Python trusts compiled code: what a disk has damaged could crash the interpreter."""
    with open_store(place) as store:
        store.cache.put("key", b"code")
        with store._transaction() as connection:
            connection.execute(text("UPDATE otpy_cache SET sha256 = 'other'"))
        assert store.cache.get("key") is None
        store.cache.put("key", b"again")
        assert store.cache.get("key") == b"again"


def test_a_cache_that_cannot_be_used_is_an_empty_one(place: str, caplog: pytest.LogCaptureFixture) -> None:
    """Compiling takes longer then; nothing else is wrong, and the log says why."""
    store = open_store(place, now=Ticking())
    cache = store.cache
    store.close()
    cache.put("key", b"code")
    assert cache.get("key") is None
    assert "the compile cache cannot be written: the store" in caplog.text
    assert "the compile cache cannot be read: the store" in caplog.text
