"""Processes that are about to begin, while an upgrade may be replacing what they are made of.

Whoever starts one claims it, enters it into the table, and then looks for a suspension; a suspension makes itself known
and then looks into the table. So the process is seen by one of the two, and begins when it is clear which class stays.
"""

from __future__ import annotations

from typing import Final

from otpy.kernel.process import RUNNING, Process
from otpy.kernel.table import table

SUCCESSOR: Final = "_successor"
"""The attribute of a class that an upgrade has replaced: the new one."""


def enter(process: Process) -> None:
    """Enter *process*, claimed, into the table; a suspension that is under way takes it in, and sets its gate."""
    process.bar = RUNNING
    table.add(process)
    suspension = process.runtime.suspension
    if suspension is not None:
        suspension.newborn(process)


def renew(process: Process) -> None:
    """Have *process*, which is about to begin, run what its class is by now."""
    actor = process.actor
    now = current_class(type(actor))
    if now is not type(actor):
        object.__setattr__(actor, "__class__", now)  # past the refusal of behaviours to set attributes


def current_class(kind: type) -> type:
    """Return what *kind* is by now: itself, or what upgrades have put in its place."""
    while (new := vars(kind).get(SUCCESSOR)) is not None:
        kind = new
    return kind
