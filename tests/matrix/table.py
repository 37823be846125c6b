"""The 31 rows, in their order.

UPGRADE.md's table has its edits in groups; here each has a number. Rows 1 to 28 stand in the order in which the notes
on other reloaders count them (3 is the method removed, 8 the from-imported constant, 20 the import error half-way, 25
the pickle, 26 the value derived two steps away); the others follow. Row 18 is the second half of the table's first
line: what a bound method shows that was stored before its body was edited.
"""

from __future__ import annotations

from typing import Final

from tests.matrix import rows_failures, rows_identity, rows_members, rows_names, rows_running, rows_shapes

ROWS: Final = tuple(
    sorted(
        (
            row
            for group in (rows_members, rows_identity, rows_shapes, rows_names, rows_failures, rows_running)
            for row in group.ROWS
        ),
        key=lambda row: row.number,
    )
)
