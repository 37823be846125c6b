"""What a node has told of its processes so far, and in which order it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, final

from otpy.cli.exits import BadInput

if TYPE_CHECKING:
    from otpy.cli.rows import Batch, Row, Upgrade

_LONG_QUEUE: Final = 100


class Line(NamedTuple):
    """One process as it is listed: *rate* is how many messages it has handled each second, since the batch before."""

    row: Row
    rate: float


ItemT = TypeVar("ItemT")


@dataclass(frozen=True, eq=False)
class Column(Generic[ItemT]):
    """A column of a listing.

    *width* is in characters; one that is *wide* takes what is left, and at least that. Where there is no room for all,
    those with the highest *rank* go first. *value* is what is sorted by, *text* what is shown, *style* how.
    """

    title: str
    width: int
    value: Callable[[ItemT], Any]
    rank: int = 0
    wide: bool = False
    number: bool = False
    text: Callable[[ItemT], str] | None = None
    style: Callable[[ItemT], str] | None = None

    def shown(self, item: ItemT) -> str:
        """Return what is shown of *item*."""
        return printable(str(self.value(item)) if self.text is None else self.text(item))


def printable(text: str) -> str:
    """Return *text* without what speaks to a terminal: a name may hold anything."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _queue_style(line: Line) -> str:
    if not line.row.queue:
        return "dim"
    return "bold red" if line.row.queue >= _LONG_QUEUE else "yellow"


_STATUS_STYLES: Final = {"running": "green", "runnable": "green", "suspended": "bold yellow", "idle": "dim"}

COLUMNS: Final[tuple[Column[Line], ...]] = (
    Column("PID", 7, lambda line: line.row.pid, number=True),
    Column("Name", 16, lambda line: line.row.name, wide=True),
    Column("Behaviour", 12, lambda line: line.row.behaviour, rank=2, wide=True),
    Column("Version", 8, lambda line: line.row.vsn, rank=4),
    Column("Status", 9, lambda line: line.row.status, style=lambda line: _STATUS_STYLES.get(line.row.status, "")),
    Column(
        "Queue",
        8,
        lambda line: line.row.queue,
        number=True,
        text=lambda line: _count(line.row.queue),
        style=_queue_style,
    ),
    Column(
        "Reductions",
        12,
        lambda line: line.row.reductions,
        rank=3,
        number=True,
        text=lambda line: _count(line.row.reductions),
    ),
    Column("Red/s", 8, lambda line: line.rate, rank=1, number=True, text=lambda line: _count(line.rate)),
    Column("Links", 6, lambda line: line.row.links, rank=5, number=True, text=lambda line: _count(line.row.links)),
)
"""Of processes. The names that `--sort` takes are their titles."""

QUEUES: Final[tuple[Column[Line], ...]] = tuple(
    column for column in COLUMNS if column.title in {"PID", "Name", "Behaviour", "Status", "Queue"}
)
"""Of the listing of message queues."""


def column_named(title: str) -> Column[Line]:
    """Return the column with this title, in capitals or not. Raises BadInput."""
    for column in COLUMNS:
        if column.title.lower() == title.lower():
            return column
    names = ", ".join(column.title.lower() for column in COLUMNS)
    raise BadInput(f"there is no column {title!r}; sort by one of {names}")


def largest_first(column: Column[Line]) -> bool:
    """Whether people look for the largest values of *column*: yes for what is counted, but a pid only tells the age."""
    return column.number and column is not COLUMNS[0]


def fitted(columns: Sequence[Column[ItemT]], room: int) -> list[tuple[Column[ItemT], int]]:
    """Return the columns for which there is *room*, each with its width; a space stands between two."""
    chosen = list(columns)
    while len(chosen) > 1 and _needed(chosen) > room:
        chosen.remove(max(chosen, key=lambda column: column.rank))
    left = max(room - _needed(chosen), 0)
    wide = sum(column.wide for column in chosen)
    share, rest = divmod(left, wide) if wide else (0, 0)
    widths: list[tuple[Column[ItemT], int]] = []
    for column in chosen:
        more = share + rest if column.wide else 0
        rest = 0 if column.wide else rest
        widths.append((column, column.width + more))
    return widths


def _needed(columns: Sequence[Column[Any]]) -> int:
    return sum(column.width for column in columns) + len(columns) - 1


@final
class Processes:
    """The processes of a node, put together from batches."""

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._rates: dict[int, float] = {}
        self._at: float | None = None
        self.upgrade: Upgrade | None = None
        self.upgrades = 0

    def take(self, batch: Batch) -> None:
        """Take what the node tells; it costs what has changed."""
        passed = 0.0 if self._at is None else batch.at - self._at
        self._at, self.upgrade, self.upgrades = batch.at, batch.upgrade, batch.upgrades
        self._rates = {}
        for row in batch.rows:
            before = self._rows.get(row.pid)
            if before is not None and passed > 0:
                self._rates[row.pid] = (row.reductions - before.reductions) / passed
            self._rows[row.pid] = row
        for pid in batch.gone:
            self._rows.pop(pid, None)
            self._rates.pop(pid, None)

    def lines(self, *, by: Column[Line], descending: bool, containing: str = "") -> list[Line]:
        """Return the processes, sorted by a column, those alike by their pids; only those that contain a text."""
        rates = self._rates
        found = [Line(row, rates.get(row.pid, 0.0)) for row in self._rows.values() if contains(row, containing.lower())]
        found.sort(key=lambda line: line.row.pid)
        found.sort(key=by.value, reverse=descending)
        return found

    def queues(self, *, containing: str = "") -> list[Line]:
        """Return the processes for which messages wait, longest queues first."""
        waiting = (row for row in self._rows.values() if row.queue and contains(row, containing.lower()))
        return sorted((Line(row, 0.0) for row in waiting), key=lambda line: (-line.row.queue, line.row.pid))

    @property
    def count(self) -> int:
        """How many processes there are."""
        return len(self._rows)

    @property
    def queued(self) -> int:
        """How many messages wait."""
        return sum(row.queue for row in self._rows.values())

    @property
    def rate(self) -> float:
        """How many messages are handled each second."""
        return sum(self._rates.values())


def contains(row: Row, text: str) -> bool:
    """Whether *text*, in small letters, stands in what is shown of *row*."""
    if not text:
        return True
    return text in f"{row.pid} {row.name} {row.behaviour} {row.vsn} {row.status}".lower()
