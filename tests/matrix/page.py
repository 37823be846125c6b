"""The page docs/reload-matrix.md, written from a run. Pure: outcomes in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.matrix.peers import PEERS
from tests.matrix.row import Row
from tests.matrix.trial import Outcome

PAGE: Final = Path(__file__).parents[2] / "docs" / "reload-matrix.md"

_HEAD: Final = """\
# The reload matrix

Written by `make matrix` from a run of [tests/matrix](../tests/matrix/table.py); `make test` holds it to the last run.

Live objects are made, a module is edited and reloaded, and the objects are looked at. otpy holds {held} of {rows} rows.

- **Anywhere**: objects that globals, closures or locals hold. *new*: they show the edit; *reported*: their layout does
  not allow it, and the upgrade's warnings name them; *refused*: with the reason, and nothing has changed.
- **In actors**: objects in the state of a GenServer and in messages that wait for it. *migrated*: the state was
  converted; *in place*: nothing had to be converted.
- **Taken back**: the edit was failed after each of its steps in turn, so often in all, and every object that can be
  reached was the same object with the same contents.
- The other columns are from notes on the sources of these reloaders and from runs of them, not from this run; an empty
  cell is a row that the notes do not speak of alone. In all they hold {totals}.
"""


def text(rows: Sequence[Row], outcomes: Iterable[Outcome]) -> str:
    """Return the page."""
    by_number = {outcome.number: outcome for outcome in outcomes}
    held = sum(not by_number[row.number].failed for row in rows)
    totals = ", ".join(f"{peer.name} {peer.total}" for peer in PEERS if peer.total is not None)
    return _HEAD.format(held=held, rows=len(rows), totals=totals) + "\n" + "\n".join(_table(rows, by_number)) + "\n"


def _table(rows: Sequence[Row], outcomes: dict[int, Outcome]) -> Iterator[str]:
    names = ["", "edit", "must hold", "anywhere", "in actors", "taken back", *(peer.name for peer in PEERS)]
    yield _line(names)
    yield _line(["---"] * len(names))
    for row in rows:
        outcome = outcomes[row.number]
        yield _line(
            [
                str(row.number),
                row.edit,
                row.must_hold,
                "; ".join(outcome.anywhere),
                "; ".join(outcome.in_actors),
                outcome.taken_back,
                *(peer.cell(row.number) for peer in PEERS),
            ]
        )


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
