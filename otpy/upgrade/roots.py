"""Where objects of changed classes wait besides states: mailboxes, timers, belongings, what `init` was given.

All are brought to the new classes by the same migration as the states, so that what a message shares with a state it
goes on sharing. Each exchange has its inverse written first. What waits elsewhere (globals, other threads, answers that
nobody has fetched yet) is out of reach, and stays what it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

from otpy.behaviours.behaviour import indexed, put_aside
from otpy.behaviours.migrations import Migration
from otpy.behaviours.migrations.kinds import ATOMIC
from otpy.code.journal import Journal
from otpy.errors import MigrationFailed
from otpy.kernel.ets_sweep import KeysCollide
from otpy.kernel.primitives import Sending
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime
from otpy.upgrade.belongings import convert_belongings
from otpy.upgrade.between import between_slices
from otpy.upgrade.mailboxes import convert_attribute, convert_mailbox


def convert_roots(runtime: Runtime, processes: Sequence[Process], migration: Migration, journal: Journal) -> None:
    """Bring what waits for *processes*, which are at rest, and on timers, to the new classes; and what anybody owns.

    Timers first: one that fires meanwhile has then either sent the old message, which is found in the mailbox, or the
    new one. Raises MigrationFailed.
    """
    if migration.is_empty:
        return
    convert_timers(runtime, migration, journal)
    for process in processes:
        if process.exit_reason is not None:
            continue
        if process.mailbox or process.held:
            convert_mailbox(process, migration, journal)
        if type(process.argument) not in ATOMIC:
            convert_attribute(process, "argument", migration, journal, of=process)
        _convert_aside(process, migration, journal)
    for owner in runtime.everybody():
        convert_belongings(owner, migration, journal)


def _convert_aside(process: Process, migration: Migration, journal: Journal) -> None:
    """What it keeps besides its state: contents, and keys, by which it finds these. Raises MigrationFailed."""
    for holder, name in put_aside(process):
        convert_attribute(holder, name, migration, journal, of=process)
    try:
        for owner, name, value in indexed(process):
            journal.set_attribute(owner, name, value, f"the {name} of {process!r}")
    except KeysCollide as error:
        message = (
            f"{process!r} has two timeouts whose names are equal after the migration: a field that told them apart is "
            "gone; keep the field"
        )
        raise MigrationFailed(message, process, error) from error


def convert_timers(runtime: Runtime, migration: Migration, journal: Journal) -> None:
    """The messages that timers will send."""
    shots: list[Any] = between_slices(runtime, runtime.timers.shots)
    for shot in shots:
        if isinstance(shot, Sending):
            old = shot.message
            new = migration.migrate(old).value
            if new is not old:
                journal.write(f"a message on a timer for {shot.dest!r}", partial(_unsend, shot, old, new))
                shot.message = new


def _unsend(shot: Sending, old: Any, new: Any) -> None:
    """Have the timer send *old*; if it has sent *new* already, let that be *old* where it waits."""
    shot.message = old
    target = shot.target()
    boxes: tuple[deque[Any] | None, ...] = (target.held, target.mailbox) if target is not None else ()
    for box in boxes:
        for index, message in enumerate(tuple(box or ())):
            if message is new and box is not None:
                box[index] = old
