"""The 31 rows hold: for objects anywhere, for objects in actors, and when the edit is taken back."""

from __future__ import annotations

import pytest

from tests.matrix.page import PAGE, text
from tests.matrix.row import Case, Row
from tests.matrix.table import ROWS
from tests.matrix.trial import try_case, try_row, try_steps

CASES = [(row, case) for row in ROWS for case in row.cases]
WITH_ACTORS = [(row, case) for row, case in CASES if case.actors is not None]


def _name(value: Row | Case) -> str:
    return f"{value.number:02} {value.edit}" if isinstance(value, Row) else value.what or "plainly"


def test_there_are_31_rows() -> None:
    """The numbers are those of the table in the docs."""
    assert [row.number for row in ROWS] == list(range(1, 32))


@pytest.mark.parametrize(("row", "case"), CASES, ids=_name)
def test_what_must_hold_holds(row: Row, case: Case) -> None:
    """Live objects are made before the edit and looked at after it."""
    try_case(case, actors=False)


@pytest.mark.parametrize(("row", "case"), WITH_ACTORS, ids=_name)
def test_what_must_hold_holds_in_actors(row: Row, case: Case) -> None:
    """The objects are in the state of an actor, and in messages that wait for it."""
    try_case(case, actors=True)


@pytest.mark.parametrize(("row", "case"), CASES, ids=_name)
def test_an_edit_that_is_taken_back_leaves_no_trace(row: Row, case: Case) -> None:
    """Failed after each step in turn, everything is the same object with the same contents, in actors too."""
    try_steps(case)


@pytest.mark.timeout(300)
def test_the_page_tells_what_the_last_run_found() -> None:
    """`make matrix` writes docs/reload-matrix.md anew. What the tests above have tried is not tried again."""
    assert PAGE.read_text(encoding="utf-8") == text(ROWS, [try_row(row) for row in ROWS])
