"""How a table keeps its rows, and how they change: all at once, and with no code of a user under a lock.

The index is a dict from the hash of a key to a bucket: an immutable tuple of keys with their rows. So a dict operation
on the index compares numbers, never keys, and whoever reads needs no lock: a bucket is taken out in one step of the
interpreter, and so are all of them.

A change of the rows of a few keys is drafted outside every lock, where the hashes and comparisons of keys and rows run.
It is put in place only if the version is still the one that the draft began with; else it is drafted anew. A change of
all rows is a sweep (ets_sweep.py).

Invariant: between the test of the version and the last store of `put_in_place` stands no call and no jump back, so
that no other thread, no collector and no signal handler runs there. Readers see all of a change or nothing.
"""

from __future__ import annotations

from typing import Any, TypeAlias, final

from otpy.kernel.ets_order import Move, after
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

    __slots__ = ("index", "moved", "size", "sweeps", "version")

    def __init__(self, *, ordered: bool) -> None:
        self.index: Index | None = {}  # None: the table is gone
        self.size = 0
        self.version = 0  # grows with every change
        self.moved: Move | None = Move() if ordered else None  # the last key that has come or gone
        self.sweeps: tuple[set[int], ...] = ()  # for each sweep under way: hashes whose rows have changed meanwhile

    def outdate(self) -> None:
        """Have every draft under way begun anew, which asks again who may do what."""
        self.version += 1

    def clear(self) -> object:
        """Take every row out, inside the plane; return what was in it, for the caller to drop outside every lock."""
        left = self.index, self.moved
        if self.index is not None:
            for touched in self.sweeps:
                touched.update(self.index)
            self.index, self.size = {}, 0
            self.moved = None if self.moved is None else Move()
            self.outdate()
        return left

    def close(self) -> object:
        """Let the table be gone; return what was in it, for the caller to drop outside every lock."""
        left = self.index, self.moved
        self.index = self.moved = None
        self.outdate()
        return left


@final
class Draft:
    """A change of a store in the making: what the rows of some keys shall be."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version = store.version  # before the index: what has changed meanwhile makes the draft stale
        self._index: Index = store.index if store.index is not None else {}
        self._moved = store.moved
        self._moves: list[tuple[Any, bool]] = []
        self._growth = 0
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
        if bool(rows) != bool(before):
            self._moves.append((key, bool(rows)))

    def any_key(self, otherwise: Any) -> Any:
        """Return one of the keys, *otherwise* if there is none."""
        for buckets in (self._buckets, self._index):
            try:
                return next(iter(buckets.values()))[0][0]
            except (StopIteration, IndexError, RuntimeError):  # none; or it changes, and the draft is stale
                continue
        return otherwise

    def _bucket(self, number: int) -> Bucket:
        bucket = self._buckets.get(number)
        return self._index.get(number, ()) if bucket is None else bucket

    def put_in_place(self) -> bool:
        """Make the change, whole; False if the store has changed since the draft began."""
        changed = {number: bucket for number, bucket in self._buckets.items() if bucket}
        emptied = [number for number, bucket in self._buckets.items() if not bucket and number in self._index]
        assert len(emptied) + bool(changed) <= 1  # no single step does more to the index
        store, version = self._store, self._version
        taken_out = emptied[0] if emptied else None
        moved = None if self._moved is None else after(self._moved, self._moves)
        with plane:
            for touched in store.sweeps:  # too much is harmless, if the test fails
                touched.update(self._buckets)
            if store.version != version or store.index is None:
                return False
            if taken_out is not None:
                del store.index[taken_out]
            else:
                store.index |= changed
            store.size += self._growth
            store.moved = moved  # after the index: whoever reads this first finds the new keys
            store.version = version + 1
        return True
