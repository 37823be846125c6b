"""Try all rows and write docs/reload-matrix.md: `python -m tests.matrix`. The exit code is 1 if a row does not hold."""

from __future__ import annotations

import logging
import sys

from tests.matrix.page import PAGE, text
from tests.matrix.table import ROWS
from tests.matrix.trial import try_row


def main() -> int:
    """Write the page, and print which rows do not hold."""
    logging.getLogger("otpy").setLevel(logging.CRITICAL)  # edits that fail are on purpose
    outcomes = [try_row(row) for row in ROWS]
    PAGE.write_text(text(ROWS, outcomes), encoding="utf-8")
    failed = [outcome.number for outcome in outcomes if outcome.failed]
    sys.stdout.write(f"{len(ROWS) - len(failed)} of {len(ROWS)} rows hold; written to docs/{PAGE.name}\n")
    if failed:
        sys.stdout.write(f"rows that do not: {', '.join(map(str, failed))} (make test ARGS=tests/matrix tells why)\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
