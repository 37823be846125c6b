"""How a table keeps its rows, and how they change: all at once, and with no code of a user under a lock.

The index is a dict from the hash of a key to a bucket: an immutable tuple of keys with their rows. So a dict operation
on the index compares numbers, never keys, and whoever reads needs no lock: a bucket is taken out in one step of the
interpreter, and so are all of them.

A change is drafted outside every lock, where the hashes and comparisons of keys and rows run. It is put in place only
if the version is still the one that the draft began with; else it is drafted anew.

Invariant: between the test of the version and the last store of `put_in_place` stands no call and no jump back, so
that no other thread, no collector and no signal handler runs there. Readers see all of a change or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any, TypeAlias, final

from otpy.kernel.plane import plane

Row: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = tuple[Row, ...]
Bucket: TypeAlias = tuple[tuple[Any, Rows], ...]
Index: TypeAlias = dict[int, Bucket]


def rows_in(bucket: Bucket, key: Any) -> Rows:
    """Return the rows of *key*, which are in *bucket* if anywhere."""
    for stored, rows in bucket:
        if stored is key or stored == key:
            return rows
    return ()


def rows_of(index: Index, key: Any) -> Rows:
    """Return the rows of *key*."""
    return rows_in(index.get(hash(key), ()), key)


@final
class Store:
    """The rows of one table."""

    __slots__ = ("index", "shape", "size", "version")

    def __init__(self) -> None:
        self.index: Index | None = {}  # None: the table is gone
        self.size = 0
        self.version = 0  # grows with every change
        self.shape = 0  # grows with every change of which keys there are

    def outdate(self) -> None:
        """Have every draft under way begun anew, which asks again who may do what."""
        self.version += 1

    def clear(self, version: int) -> Index | None:
        """Take every row out, inside the plane, and return them; None if the store has changed since *version*."""
        fresh: Index = {}
        if self.version != version or self.index is None:
            return None
        left, self.index, self.size = self.index, fresh, 0
        self.shape += 1
        self.version = version + 1
        return left

    def close(self) -> Index | None:
        """Let the table be gone; return what was in it, for the caller to drop outside every lock."""
        left, self.index = self.index, None
        self.outdate()
        return left


@final
class Draft:
    """A change of a store in the making: what the rows of some keys shall be."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version = store.version  # before the index: what has changed meanwhile makes the draft stale
        self._index: Index = store.index if store.index is not None else {}
        self._growth = 0
        self._shape_changes = False
        self._buckets: Index = {}
        self._replaced: list[Bucket] = []  # kept, so that no finalizer runs when they go out of the index

    def rows(self, key: Any) -> Rows:
        """Return the rows of *key* as the draft has them."""
        return rows_in(self._bucket(hash(key)), key)

    def put(self, key: Any, rows: Rows) -> None:
        """Let *rows* be the rows of *key*; none take the key out."""
        number = hash(key)
        bucket = self._bucket(number)
        before = rows_in(bucket, key)
        others = bucket if not before else tuple(each for each in bucket if each[1] is not before)
        self._replaced.append(bucket)
        self._buckets[number] = (*others, (key, rows)) if rows else others
        self._growth += len(rows) - len(before)
        self._shape_changes |= bool(rows) != bool(before)

    def any_key(self, otherwise: Any) -> Any:
        """Return one of the keys, *otherwise* if there is none."""
        for buckets in (self._buckets, self._index):
            try:
                return next(iter(buckets.values()))[0][0]
            except (StopIteration, IndexError, RuntimeError):  # none; or it changes, and the draft is stale
                continue
        return otherwise

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed."""
        return not self._buckets

    def all(self) -> list[tuple[Any, Rows]]:
        """Return each key with its rows, as they were when the draft began."""
        return [each for bucket in list(self._index.values()) for each in bucket]

    def _bucket(self, number: int) -> Bucket:
        bucket = self._buckets.get(number)
        return self._index.get(number, ()) if bucket is None else bucket

    def put_in_place(self) -> bool:
        """Make the change, whole; False if the store has changed since the draft began."""
        changed = {number: bucket for number, bucket in self._buckets.items() if bucket}
        emptied = [number for number, bucket in self._buckets.items() if not bucket and number in self._index]
        if len(emptied) + bool(changed) > 1:  # no single step does that to the index as it is
            return self._put_in_place_anew()
        store, version = self._store, self._version
        taken_out = emptied[0] if emptied else None
        with plane:
            if store.version != version or store.index is None:
                return False
            if taken_out is not None:
                del store.index[taken_out]
            else:
                store.index |= changed
            store.size += self._growth
            store.shape += self._shape_changes  # after the index: whoever reads the new shape first finds the new keys
            store.version = version + 1
        return True

    def _put_in_place_anew(self) -> bool:
        merged = self._index | self._buckets
        index = {number: bucket for number, bucket in merged.items() if bucket}
        store, version = self._store, self._version
        with plane:
            if store.version != version or store.index is None:
                return False
            store.index = index
            store.size += self._growth
            store.shape += self._shape_changes
            store.version = version + 1
        return True


class KeysCollide(Exception):
    """Two keys that were different are equal now."""


@final
class Remake:
    """Another store in the making: every row is exchanged for what a function makes of it."""

    def __init__(self, store: Store, keypos: int, *, unique: bool) -> None:
        self._store = store
        self._version = store.version  # before the index, as in a Draft
        self._index = store.index
        self._keypos = keypos
        self._unique = unique
        self._made: Index | None = None

    @property
    def is_of_living(self) -> bool:
        """Whether the table exists."""
        return self._index is not None

    def change(self, change: Callable[[Row], Row]) -> None:
        """Make what is to be put in place. Raises KeysCollide."""
        old = [row for bucket in list((self._index or {}).values()) for _, rows in bucket for row in rows]
        new = [change(row) for row in old]
        if all(map(is_, old, new)):
            self._made = None
            return
        self._made = {}
        for row in new:
            self._add(row)

    def _add(self, row: Row) -> None:
        assert self._made is not None
        key = row[self._keypos]
        bucket = self._made.get(hash(key), ())
        same = rows_in(bucket, key)
        if same and self._unique:
            raise KeysCollide(key)
        others = tuple(each for each in bucket if each[1] is not same)
        self._made[hash(key)] = (*others, (key, (*same, row)))

    def put_in_place(self) -> bool:
        """Exchange the rows, all at once; False if the store has changed since this began."""
        made, store, version = self._made, self._store, self._version
        if made is None:
            return True
        with plane:
            if store.version != version:
                return False
            if store.index is not None:
                store.index = made
                store.shape += 1
                store.version = version + 1
        return True
