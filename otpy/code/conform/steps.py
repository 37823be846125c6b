"""Steps of an edit: what is done, and how it is taken back. Made in the preparation, taken under a journal."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from types import CellType
from typing import Any, Final, Generic, NamedTuple, TypeVar, final

from otpy.code.journal import Journal

ContentT = TypeVar("ContentT")

EMPTY: Final = object()
"""Stands for what an empty cell holds."""


class Step(NamedTuple):
    """One step. *forth* is quick; *back* is right, too, when *forth* was not taken or failed half-way."""

    what: str
    forth: Callable[[], object]
    back: Callable[[], object]


def take(steps: Iterable[Step], journal: Journal) -> None:
    """Take *steps*, each with its inverse in *journal* first."""
    for what, forth, back in steps:
        journal.write(what, back)
        forth()


@final
class Renewal(Generic[ContentT]):
    """Have something renewed, and give it back what it had.

    What is given back is what was there when the step was taken: since the preparation, the program may have counted
    on an attribute of a function, or on one of a class.
    """

    def __init__(
        self, read: Callable[[], ContentT], renew: Callable[[], object], restore: Callable[[ContentT], object]
    ) -> None:
        self._read = read
        self._renew = renew
        self._restore = restore
        self._before: list[ContentT] = []

    def forth(self) -> None:
        """Note what is there, and have it renewed."""
        self._before = [self._read()]
        self._renew()

    def back(self) -> None:
        """Restore what was there, if the step was taken."""
        while self._before:
            self._restore(self._before.pop())


def renew(
    what: str, read: Callable[[], ContentT], forth: Callable[[], object], restore: Callable[[ContentT], object]
) -> Step:
    """The step that is *forth*, and whose inverse restores what could be read before."""
    step = Renewal(read, forth, restore)
    return Step(what, step.forth, step.back)


def exchange(what: str, read: Callable[[], ContentT], write: Callable[[ContentT], object], new: ContentT) -> Step:
    """The step that writes *new*, and whose inverse writes what could be read before."""
    return renew(what, read, functools.partial(write, new), write)


def refill(what: str, mapping: dict[Any, Any], items: dict[Any, Any]) -> Step:
    """The step that gives a dictionary other *items*, in their order."""
    return exchange(what, mapping.copy, functools.partial(fill, mapping), items)


def fill(mapping: dict[Any, Any], items: dict[Any, Any]) -> None:
    """Make *mapping* hold exactly *items*, in their order; what stays is missing only while they are put in order."""
    for key in [key for key in mapping if key not in items]:
        del mapping[key]
    mapping.update(items)
    if list(mapping) != list(items):
        mapping.clear()
        mapping.update(items)


def refill_list(what: str, live: list[Any], items: list[Any]) -> Step:
    """The step that gives a list other *items*."""
    return exchange(what, live.copy, functools.partial(live.__setitem__, slice(None)), items)


def set_cell(what: str, cell: CellType, value: object) -> Step:
    """The step that puts *value*, which may be `EMPTY`, into a cell."""
    return exchange(what, functools.partial(contents, cell), functools.partial(set_contents, cell), value)


def contents(cell: CellType) -> Any:
    """What is in the cell, `EMPTY` when nothing is."""
    try:
        return cell.cell_contents
    except ValueError:
        return EMPTY


def set_contents(cell: CellType, value: object) -> None:
    """Put *value* into the cell; `EMPTY` empties it."""
    if value is not EMPTY:
        cell.cell_contents = value
    elif contents(cell) is not EMPTY:
        del cell.cell_contents
