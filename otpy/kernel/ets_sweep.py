"""A change of all rows of a table at once, while others go on changing them.

All rows are looked at outside every lock, which takes its time, and functions of users run there. What others change
meanwhile is looked at again, and only that: each round has less to do than the one before, so it comes to an end
however busy the table is. What is put in place at last is one new index, if nothing has changed since the last look.

Invariant: all rows whose hashes are not among those touched are in what is made, as they are in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, final

from otpy.errors import TableError
from otpy.kernel.ets_order import Move
from otpy.kernel.ets_rows import Index, Row, Rows, Store, rows_in
from otpy.kernel.plane import plane

ROUNDS = 1000
"""After so many the change itself must be what changes the table."""


class KeysCollide(Exception):
    """Two keys that were different are equal now."""


@final
class Sweep:
    """Every row is exchanged for `change(row)`, or goes if that is None."""

    def __init__(self, store: Store, keypos: int, change: Callable[[Row], Row | None], *, unique: bool) -> None:
        self._store = store
        self._keypos = keypos
        self._change = change
        self._unique = unique
        self._touched: set[int] = set()
        self._made: Index = {}
        self._made_of: dict[int, list[tuple[int, Rows]]] = {}  # by the old hash: rows, and the new hash of their key
        self._size = 0
        self._changed = False
        self._moved: Move | None = None

    def run(self) -> int:
        """Make the change, whole; return how many rows have gone.

        Raises KeysCollide, with the table as it was, if *unique* keys would be equal afterwards.
        """
        store = self._store
        with plane:
            store.sweeps = (*store.sweeps, self._touched)
            version, numbers = store.version, list(store.index or ())
        try:
            for _ in range(ROUNDS):
                known = self._look_at(numbers, version)
                with plane:  # once a round: whoever waits for it lets others change the table
                    if known and (gone := self._put_in_place(version)) is not None:
                        return gone
                    version, numbers = store.version, list(self._touched)
                    self._touched.clear()
        finally:
            with plane:
                store.sweeps = tuple(each for each in store.sweeps if each is not self._touched)
        msg = "the table changes whenever its rows are looked at: the function that is given must not change it"
        raise TableError(msg)

    def _look_at(self, numbers: list[int], version: int) -> bool:
        """Make anew what becomes of the rows with these hashes; False if that has to be done again."""
        index = self._store.index or {}
        for number in numbers:
            self._take_out(self._made_of.pop(number, ()))
        try:
            for number in numbers:
                for key, rows in index.get(number, ()):
                    self._bring(number, key, rows)
        except KeysCollide:
            if self._store.version == version:
                raise
            with plane:  # what was seen is not of one moment
                self._touched.update(numbers)
            return False
        return True

    def _bring(self, number: int, key: Any, rows: Rows) -> None:
        """Add what becomes of the rows of one key."""
        new = tuple(made for row in rows if (made := self._change(row)) is not None)
        if len(new) < len(rows) or any(one is not other for one, other in zip(new, rows, strict=True)):
            self._changed = True
        if all(row[self._keypos] is key for row in new):
            self._add(number, key, new)
            return
        for row in new:
            self._add(number, row[self._keypos], (row,))

    def _add(self, number: int, key: Any, rows: Rows) -> None:
        if not rows:
            return
        new_number = hash(key)
        bucket = self._made.get(new_number, ())
        same = rows_in(bucket, key)
        if same and self._unique:
            raise KeysCollide(key)
        others = tuple(each for each in bucket if each[1] is not same)
        self._made[new_number] = (*others, (key, (*same, *rows)))
        self._made_of.setdefault(number, []).append((new_number, rows))
        self._size += len(rows)

    def _take_out(self, made: Iterable[tuple[int, Rows]]) -> None:
        """Undo `_add`."""
        for new_number, rows in made:
            going = list(map(id, rows))
            kept = ((key, _without(stored, going)) for key, stored in self._made[new_number])
            self._made[new_number] = tuple(each for each in kept if each[1])
            if not self._made[new_number]:
                del self._made[new_number]
            self._size -= len(rows)

    def _put_in_place(self, version: int) -> int | None:
        """Exchange the rows, all at once, inside the plane; None if somebody has changed the table.

        Between the test of the version and the last store stands no call and no jump back, as in ets_rows.py.
        """
        store, made = self._store, self._made
        old, self._moved = store.index, store.moved  # dropped with the sweep, outside the plane
        moved = None if self._moved is None else Move()
        if old is None or not self._changed:
            return 0 if store.version == version else None
        for touched in store.sweeps:
            if touched is not self._touched:
                touched.update(old, made)
        if store.version != version:
            return None
        gone = store.size - self._size
        self._made = old
        store.index = made
        store.size = self._size
        store.moved = moved
        store.version = version + 1
        return gone


def _without(rows: Rows, going: list[int]) -> Rows:
    """Return *rows* without those of these identities, each as often as it is given; and take these out of *going*."""
    kept = list[Row]()
    for row in rows:
        if id(row) in going:
            going.remove(id(row))
        else:
            kept.append(row)
    return tuple(kept)
