"""Putting in place what the conversions have made of the processes, and the messages that wait for them.

The inverse is written once, for all, before the first is changed: it says what every process was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from otpy.behaviours.loop import first_of
from otpy.behaviours.migrations import Migration
from otpy.behaviours.results import Then
from otpy.code.journal import Journal
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime
from otpy.upgrade.classes import Classes, become, begin_as
from otpy.upgrade.conversion import Conversion, is_machinery
from otpy.upgrade.mailboxes import convert_mailbox
from otpy.upgrade.roots import convert_roots


def commit(conversions: Sequence[Conversion], journal: Journal) -> None:
    """Give every process its new class, state and version."""
    living = [c for c in conversions if c.actor is not None]
    is_actor = {kind: issubclass(kind, Actor) for kind in {type(c.actor) for c in living}}
    before: list[_Was] = []
    for c in living:
        process, actor = c.process, c.actor
        kind = type(actor)
        attributes = dict(actor.__dict__) if is_actor[kind] else None
        before.append((process, actor, kind, process.state, process.vsn, attributes))
    journal.write("processes", partial(_restore, before))
    for c, (process, actor, kind, _, _, attributes) in zip(living, before, strict=True):
        if c.new_class is not kind:
            become(actor, c.new_class)
        if attributes is not None:
            for name in attributes.keys() - c.state.keys():
                if not is_machinery(name):
                    del actor.__dict__[name]
            actor.__dict__.update(c.state)
        elif process.exit_reason is None:
            process.state = c.state
            if c.then is not None:
                _first(process, c.then, journal)
        process.vsn = c.vsn


_Was = tuple[Process, Any, type, Any, Any, dict[str, Any] | None]


def _restore(before: Iterable[_Was]) -> None:
    for process, actor, kind, state, vsn, attributes in before:
        if type(actor) is not kind:
            become(actor, kind)
        if process.exit_reason is None:
            process.state = state
        process.vsn = vsn
        if attributes is not None:
            actor.__dict__.clear()
            actor.__dict__.update(attributes)


def commit_messages(
    runtime: Runtime, processes: Sequence[Process], classes: Classes, migration: Migration, journal: Journal
) -> dict[Process, int]:
    """Bring what waits for *processes*, and what anybody owns, to the new classes, and actors that have not begun yet.

    Servers that have not begun ask for their class by themselves when they do; see classes.supersede. Returns how many
    messages there are for each, for `commit_what_came`; nothing if no class is other than before.
    """
    waiting = {} if migration.is_empty else {process: len(process.mailbox or ()) for process in processes}
    convert_roots(runtime, processes, migration, journal)
    for process in processes:
        actor = process.actor
        if process.boot is not None and isinstance(actor, Actor):
            begin_as(actor, classes, migration, journal)
    return waiting


def commit_what_came(waiting: Mapping[Process, int], migration: Migration) -> list[str]:
    """Bring what has come since so many messages were *waiting* for each to the new classes; say what cannot be.

    The upgrade stands, so nothing of it has to be taken back.
    """
    problems: list[str] = []
    for process, since in waiting.items():
        try:
            convert_mailbox(process, migration, Journal(), since=since)
        except Exception as error:  # noqa: BLE001 - whatever a class of the user raises: everybody has to go on
            problems.append(f"{process!r}: a message that came meanwhile is of a class as it was before: {error}")
    return problems


def _first(process: Process, then: Then, journal: Journal) -> None:
    """Have *process* do what its `init`, run again, wants to be done before the next message."""
    step = first_of(process, then)
    if step is not None:
        journal.set_attribute(process, "boot", step, f"what {process!r} does first")
