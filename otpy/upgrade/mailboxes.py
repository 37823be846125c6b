"""Messages that wait while their classes are replaced.

The process is at rest, so nobody takes from its mailbox, and who sends appends on the right: an index stays an index.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from otpy.behaviours.migrations import Migration
from otpy.code.journal import Journal
from otpy.kernel.process import CARRIED, Process


def convert_mailbox(process: Process, migration: Migration, journal: Journal, *, since: int = 0) -> None:
    """Bring the messages that wait for *process* to the new classes; of its mailbox those from index *since* on."""
    for box, first in ((process.held, 0), (process.mailbox, since)):
        for index, message in islice(enumerate(tuple(box or ())), first, None):
            name = CARRIED.get(type(message))
            if name is not None:
                convert_attribute(message, name, migration, journal, of=process)
            else:
                _replace(box, index, message, migration, journal)


def convert_attribute(holder: Any, name: str, migration: Migration, journal: Journal, *, of: Process) -> None:
    """Bring what *holder* has as *name* to the new classes; *holder* itself stays, as others may know it."""
    old = getattr(holder, name)
    new = migration.migrate(old).value
    if new is not old:
        journal.set_attribute(holder, name, new, f"the {name} of something that waits for {of!r}")


def _replace(box: Any, index: int, message: Any, migration: Migration, journal: Journal) -> None:
    new = migration.migrate(message).value
    if new is not message:
        journal.write("a message", _putter(box, index, message))
        box[index] = new


def _putter(box: deque[Any], index: int, message: Any) -> Callable[[], None]:
    def put() -> None:
        box[index] = message

    return put
