"""Putting in place what the conversions have made of the processes, and the messages that wait for them.

The inverse is written once, for all, before the first is changed: it says what every process was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from otpy.behaviours.gen_server import first_of
from otpy.behaviours.migrations import Migration
from otpy.behaviours.results import Then
from otpy.code.journal import Journal
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process
from otpy.upgrade.classes import Classes, become, begin_as
from otpy.upgrade.conversion import Conversion
from otpy.upgrade.roots import convert_roots


def commit(conversions: Sequence[Conversion], new_vsn: Callable[[type, Any], Any], journal: Journal) -> None:
    """Give every process its new class, state and version; `new_vsn(class, old)` is asked for the latter."""
    journal.write("processes", partial(_restore, [_what_is(c.process, c.actor) for c in conversions]))
    for conversion in conversions:
        process, actor, kind = conversion.process, conversion.actor, conversion.new_class
        if kind is not type(actor):
            become(actor, kind)
        if isinstance(actor, Actor):
            conversion.actor.__dict__.update(conversion.state)
        elif process.exit_reason is None:
            process.state = conversion.state
            if conversion.then is not None:
                _first(process, conversion.then, journal)
        process.vsn = new_vsn(kind, process.vsn)


_Was = tuple[Process, Any, type, Any, Any, dict[str, Any] | None]


def _what_is(process: Process, actor: Any) -> _Was:
    attributes = dict(actor.__dict__) if isinstance(actor, Actor) else None
    return process, actor, type(actor), process.state, process.vsn, attributes


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


def commit_messages(processes: Sequence[Process], classes: Classes, migration: Migration, journal: Journal) -> None:
    """Bring what waits for *processes* to the new classes, and actors that have not begun yet as well.

    Servers that have not begun ask for their class by themselves when they do; see classes.supersede.
    """
    convert_roots(processes, migration, journal)
    for process in processes:
        actor = process.actor
        if process.boot is not None and isinstance(actor, Actor):
            begin_as(actor, classes, migration, journal)


def _first(process: Process, then: Then, journal: Journal) -> None:
    """Have *process* do what its `init`, run again, wants to be done before the next message."""
    step = first_of(process, then)
    if step is not None:
        journal.set_attribute(process, "boot", step, f"what {process!r} does first")
