"""What each change of a table does to the rows of its keys: functions of a draft, run again if the draft is stale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otpy.errors import NoSuchKey, TableError
from otpy.kernel.ets_patterns import bind
from otpy.kernel.ets_reading import BAGS, Reader
from otpy.kernel.ets_rows import Draft, Row, Rows

PAIR = 2


def insert(draft: Draft, table: Reader, rows: Rows) -> None:
    """Put *rows* in."""
    for row in rows:
        _add(draft, table, row)


def insert_new(draft: Draft, table: Reader, rows: Rows) -> bool:
    """Put *rows* in if none of their keys is there."""
    if any(draft.rows(row[table.keypos]) for row in rows):
        return False
    insert(draft, table, rows)
    return True


def take(draft: Draft, key: Any) -> list[Row]:
    """Take the rows of *key* out."""
    rows = draft.rows(key)
    if rows:
        draft.put(key, ())
    return list(rows)


def delete_object(draft: Draft, table: Reader, row: Row) -> None:
    """Take out what equals *row*."""
    key = row[table.keypos]
    rows = draft.rows(key)
    kept = tuple(each for each in rows if each != row)
    if len(kept) < len(rows):
        draft.put(key, kept)


def delete_matching(draft: Draft, key: Any, pattern: Row) -> int:
    """Take out the rows of *key* that match *pattern*; return how many they were."""
    rows = draft.rows(key)
    kept = tuple(row for row in rows if bind(pattern, row) is None)
    if len(kept) < len(rows):
        draft.put(key, kept)
    return len(rows) - len(kept)


def add_up(
    draft: Draft,
    table: Reader,
    key: Any,
    *,
    place: int,
    increment: int,
    default: Row | None,
    wrap: tuple[int, int] | None,
) -> int:
    """Add *increment* to the number at *place* in the row of *key*."""
    row = _row(draft, table, key, default)
    count: Any = row[place] if place < len(row) else None
    if not _is_count(count):
        msg = f"the row {row!r} has no int at {place} to add to; name its place with position="
        raise TypeError(msg)
    total = _wrapped(count + increment, increment, wrap)
    draft.put(row[table.keypos], (_with(row, place, total),))
    return total


def _wrapped(count: int, increment: int, wrap: tuple[int, int] | None) -> int:
    if wrap is None:
        return count
    threshold, value = wrap
    beyond = count < threshold if increment < 0 else count > threshold
    return value if beyond else count


def replace(draft: Draft, table: Reader, key: Any, *, places: Mapping[int, Any], default: Row | None) -> None:
    """Replace what stands at *places* in the row of *key*."""
    row = _row(draft, table, key, default)
    for place, value in places.items():
        row = _with(row, place, value)
    draft.put(row[table.keypos], (row,))


def _add(draft: Draft, table: Reader, row: Row) -> None:
    key = row[table.keypos]
    rows = draft.rows(key)
    if table.kind in BAGS:
        if table.kind == "duplicate_bag" or row not in rows:
            draft.put(key, (*rows, row))
        return
    if table.kind == "ordered_set" and not rows:
        _check_order(draft, table, key)
    draft.put(key, (row,))


def _row(draft: Draft, table: Reader, key: Any, default: Row | None) -> Row:
    """Return the row of *key* that is to be changed, which may be *default*."""
    rows = draft.rows(key)
    if rows:
        return rows[0]
    if default is None:
        raise NoSuchKey(table, key)
    row = _with(default, table.keypos, key)
    _add(draft, table, row)
    return row


def _with(row: Row, place: int, value: Any) -> Row:
    """Return *row* with *value* at *place*."""
    if place >= len(row):
        msg = f"the row {row!r} has no position {place}"
        raise IndexError(msg)
    return (*row[:place], value, *row[place + 1 :])


# -- checks ----------------------------------------------------------------------------------------


def check_rows(table: Reader, rows: tuple[object, ...]) -> None:
    """Refuse what is no row of *table*."""
    for row in rows:
        if not isinstance(row, tuple) or len(row) <= table.keypos:
            msg = f"a row of {table!r} is a tuple with its key at {table.keypos}, not {row!r}"
            raise TypeError(msg)


def check_count(increment: object, wrap: object) -> None:
    """Refuse what cannot be added to a counter."""
    if not _is_count(increment):
        msg = f"the increment of a counter is an int, not {increment!r}"
        raise TypeError(msg)
    if wrap is not None and not (isinstance(wrap, tuple) and len(wrap) == PAIR and all(map(_is_count, wrap))):
        msg = f"wrap is {wrap!r}; give (threshold, value): what a sum may be, and what it becomes beyond that"
        raise TypeError(msg)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check_place(table: Reader, position: int) -> int:
    """Return *position* if something may be changed there."""
    if table.kind in BAGS:
        msg = f"{table!r} is a bag, where a key has many rows; use delete_object and insert"
        raise TableError(msg)
    if not _is_count(position) or position < 0 or position == table.keypos:
        msg = f"position {position!r} cannot be changed: give one from 0 that is not the key's, {table.keypos}"
        raise ValueError(msg)
    return position


def _check_order(draft: Draft, table: Reader, key: Any) -> None:
    """Refuse a key that has no place among the others, before it is in."""
    if key != key:  # noqa: PLR0124 - NaN is one
        msg = f"the key {key!r} does not equal itself, and has no place in the order of {table!r}"
        raise TypeError(msg)
    other = draft.any_key(key)
    try:
        _ = key < other
    except TypeError:
        msg = f"the key {key!r} cannot be ordered beside {other!r} in {table!r}; give keys of one type"
        raise TypeError(msg) from None
