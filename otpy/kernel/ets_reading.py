"""Everything that can be asked of the rows of a table, or of a copy of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeAlias, final

from otpy.errors import NoSuchKey, TableError
from otpy.kernel.ets_order import Move, Order, repeated
from otpy.kernel.ets_patterns import bind, check_pattern, is_fixed
from otpy.kernel.ets_rows import Index, Row, rows_of

Kind: TypeAlias = Literal["set", "ordered_set", "bag", "duplicate_bag"]
Guard: TypeAlias = Callable[[dict[str, Any]], object]

BAGS: Final = ("bag", "duplicate_bag")
"""The kinds where a key may have several rows."""

UNSET: Any = object()


class Reader:
    """What tables and their snapshots share.

    Each question is answered from one moment: the rows are taken in one step, then looked through; a function or an
    `==` of the user that runs meanwhile may take its time, and may change the table.
    """

    kind: Kind
    keypos: int
    _order: Order | None = None

    def _read(self) -> Index:
        """Return the index, to be read without changing it."""
        raise NotImplementedError

    def _last_move(self) -> Move | None:
        """Return the last key that has come or gone, of an ordered_set that is there."""
        raise NotImplementedError

    def size(self) -> int:
        """Return how many rows there are."""
        raise NotImplementedError

    # -- by key

    def lookup(self, key: Any) -> list[Row]:
        """Return the rows of *key*: one at most, but in a bag."""
        return list(rows_of(self._read(), key))

    def lookup_element(self, key: Any, position: int, default: Any = UNSET) -> Any:
        """Return what stands at *position* in the row of *key*; in a bag a list, of all its rows.

        Without such a key, *default*, or NoSuchKey if none was given.
        """
        rows = rows_of(self._read(), key)
        if not rows:
            if default is UNSET:
                raise NoSuchKey(self, key)
            return default
        found = [row[position] for row in rows]
        return found if self.kind in BAGS else found[0]

    def member(self, key: Any) -> bool:
        """Whether there is a row of *key*."""
        return bool(rows_of(self._read(), key))

    # -- by content

    def to_list(self) -> list[Row]:
        """Return all rows: in the order of their keys in an ordered_set, else in no order to rely on."""
        index = self._read()
        rows = [row for bucket in list(index.values()) for _, rows in bucket for row in rows]
        return sorted(rows, key=lambda row: row[self.keypos]) if self.kind == "ordered_set" else rows

    def match(self, pattern: Row, *, guard: Guard | None = None) -> list[dict[str, Any]]:
        """Return for each row that matches *pattern* what its variables are: `[{"n": 1}, …]`.

        In a pattern `Table.ANY` matches everything, `Table.Var("n")` too and binds it; other values match what equals
        them. With *guard*, only those for which it is true of the variables: `lambda found: found["n"] > 1`. A pattern
        with a fixed key looks at the rows of that key only, any other one at all rows.
        """
        return [bound for _, bound in self._matching(pattern, guard)]

    def match_object(self, pattern: Row, *, guard: Guard | None = None) -> list[Row]:
        """Return the rows that match *pattern*; see `match`."""
        return [row for row, _ in self._matching(pattern, guard)]

    def select(self, where: Callable[[Row], object]) -> list[Row]:
        """Return the rows for which `where(row)` is true."""
        return [row for row in self.to_list() if where(row)]

    def select_count(self, where: Callable[[Row], object]) -> int:
        """Return for how many rows `where(row)` is true."""
        return len(self.select(where))

    def _matching(self, pattern: Row, guard: Guard | None) -> Iterator[tuple[Row, dict[str, Any]]]:
        key = fixed_key(self, pattern)
        for row in self.to_list() if key is UNSET else self.lookup(key):
            bound = bind(pattern, row)
            if bound is not None and (guard is None or guard(bound)):
                yield row, bound

    # -- by order

    def first(self) -> Any:
        """Return the smallest key of an ordered_set; None if it is empty.

        The first of these four after many keys have come or gone at once puts the keys in order anew.
        """
        keys = self._keys()
        return keys[0] if keys else None

    def last(self) -> Any:
        """Return the greatest key of an ordered_set; None if it is empty."""
        keys = self._keys()
        return keys[-1] if keys else None

    def next(self, key: Any) -> Any:
        """Return the smallest key greater than *key*, which need not be there itself; None behind the last."""
        keys = self._keys()
        place = bisect_right(keys, key)
        return keys[place] if place < len(keys) else None

    def previous(self, key: Any) -> Any:
        """Return the greatest key smaller than *key*, which need not be there itself; None before the first."""
        keys = self._keys()
        place = bisect_left(keys, key)
        return keys[place - 1] if place else None

    def _keys(self) -> list[Any]:
        """Return the keys in their order."""
        if self.kind != "ordered_set":
            msg = f'{self!r} has no order; make it with kind="ordered_set"'
            raise TableError(msg)
        last, order = self._last_move(), self._order
        index = self._read()  # after the last move, which may be too old then, and never too new
        if last is not None and (order is None or order[0] is not last):
            keys = repeated(order, last)
            if keys is None:
                keys = sorted(key for bucket in list(index.values()) for key, _ in bucket)
            order = self._order = last, keys
            last.forget()
        return [] if order is None else order[1]


def fixed_key(table: Reader, pattern: Row) -> Any:
    """Return the key of all rows that match *pattern*, UNSET if it may be any. Raises TypeError for what is none."""
    check_pattern(pattern)
    fixed = len(pattern) > table.keypos and is_fixed(pattern[table.keypos])
    return pattern[table.keypos] if fixed else UNSET


@final
class Snapshot(Reader):
    """The rows of a table at one moment: answers as the table did, belongs to nobody, and never changes."""

    def __init__(self, kind: Kind, keypos: int, index: Index) -> None:
        self.kind = kind
        self.keypos = keypos
        self._index = index
        self._moved = Move()

    def _read(self) -> Index:
        return self._index

    def _last_move(self) -> Move:
        return self._moved

    def size(self) -> int:
        """Return how many rows there are."""
        return sum(len(rows) for bucket in self._index.values() for _, rows in bucket)

    def __repr__(self) -> str:
        return f"Snapshot<{self.kind}, {self.size()} rows>"
