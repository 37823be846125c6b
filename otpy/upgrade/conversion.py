"""Converting the state of one process, without touching it: live, or on copies, as a rehearsal does.

What goes in is the process and its state; what comes out is what it shall be: class, state and version. Only the commit
puts it in place, so a conversion that fails leaves nothing to undo. It has two parts. The *user's* part runs in the
process, see users_part.py; the *automatic* part brings what is then still of the old classes to the new ones. Which the
first is says ways.py. What is the same for all processes of a class and a version is their `Course`, found out once.

Going up, the new class converts, after the new definitions are installed. Going down, the running class does, before
the old ones are: it alone knows both shapes, and needs the names of its own module.

Source: OTP release_handler: code_change of an upgrade runs after loading, of a downgrade before.
"""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, final

import msgspec

from otpy.behaviours.migrations import Copies, Migrated, Migration, Report, Shape
from otpy.behaviours.migrations.declared import Check, checker_of
from otpy.behaviours.migrations.report import NOTHING
from otpy.behaviours.results import Then
from otpy.errors import MigrationFailed
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process
from otpy.upgrade.users_part import Changed, failed
from otpy.upgrade.ways import Way

Classes = Mapping[type, type | None]


class DownTo(msgspec.Struct, frozen=True):
    """The *old_vsn* of a `code_change` that goes back: convert the state to what version *vsn* kept."""

    vsn: Any


class Conversion(msgspec.Struct):
    """What one process shall be."""

    process: Process
    actor: Any
    """Its actor, of which the process itself lets go when it ends; None: it had ended before."""
    new_class: type
    state: Any
    vsn: Any
    converted: bool
    report: Report
    then: Then = None
    """See Changed."""
    lost: bool = False
    """See Changed."""


@final
class Migrations:
    """The automatic migrations of one upgrade: one for each thread that converts, so that none is used by two.

    What processes share they go on sharing if they are converted on one thread. *replaced* and *reshaped*: see
    `otpy.behaviours.migrations.Migration`.
    """

    def __init__(self, replaced: Classes, reshaped: Mapping[type, Shape] | None = None) -> None:
        self.classes = replaced
        self.reshaped = reshaped or {}
        self.copies = Copies()
        self._own = threading.local()
        self._checks: dict[type, Check | None] = {}

    def here(self) -> Migration:
        """Return the migration of the running thread."""
        found: Migration | None = getattr(self._own, "migration", None)
        if found is None:
            found = self._own.migration = Migration(self.classes, self.reshaped)
        return found

    def check_of(self, behaviour: type) -> Check | None:
        """Return the check of converted states of *behaviour* against the type that it declares."""
        if behaviour not in self._checks:
            self._checks[behaviour] = checker_of(behaviour, self.classes)
        return self._checks[behaviour]


class Part(Protocol):
    """What a user's code does to the state of a process: see UsersPart, and HandlersPart."""

    @property
    def way(self) -> Way:
        """The way that it goes."""
        ...

    def change(self, process: Process, state: Any) -> Changed | Coroutine[Any, Any, Changed]:
        """Return what becomes of *state*, or a coroutine of it. Runs in *process*. Raises MigrationFailed."""
        ...


class Course:
    """How processes of class *old_class* that are of one version go over to *new_class*, and their states to *vsn*."""

    __slots__ = ("check", "migrates", "new_class", "part", "state_of", "supervises", "vsn")

    def __init__(self, old_class: type, new_class: type, *, vsn: Any, part: Part, migrations: Migrations) -> None:
        self.new_class = new_class
        self.vsn = vsn
        self.part = part
        self.state_of = state_of_actor if issubclass(old_class, Actor) else state_of_server
        self.supervises: bool = getattr(old_class, "supervises", False)
        self.migrates = not self.supervises and part.way.kind != "preserve"
        """Whether there is an automatic part."""
        self.check = migrations.check_of(new_class) if self.migrates else None
        """Says what is wrong with a state, if the class declares what its states are."""

    def migrate(self, migration: Migration, state: Any) -> Migrated[Any]:
        """Return *state* after the automatic part. Raises MigrationFailed."""
        return migration.migrate(state)

    def labelled(self, state: Any) -> Any:
        """Return *state* with what it says itself of versions brought up to date."""
        return state

    def is_other(self, before: Any, after: Any) -> bool:
        """Whether the state that was *before* has been converted to *after*."""
        return after is not before

    def wrong(self, before: Any, after: Any) -> tuple[type, str] | None:
        """Return which class declares that its states are otherwise, and how; *before* has become *after*."""
        wrong = self.check(after) if self.check is not None else None
        return None if wrong is None else (self.new_class, wrong)

    def restored(self, now: Any, kept: Any) -> Any:
        """Return the state *now* when *kept*, what it was once, is wanted again."""
        return kept


def state_of(process: Process) -> Any:
    """Return the state of *process*; of an `otpy.Actor` its own attributes."""
    return state_of_actor(process) if isinstance(process.actor, Actor) else process.state


def state_of_server(process: Process) -> Any:
    """Return the state of a process that is no `otpy.Actor`."""
    return process.state


def state_of_actor(process: Process) -> dict[str, Any]:
    """Return the attributes of an `otpy.Actor`."""
    own = {} if process.actor is None else vars(process.actor)  # it may have been killed
    return {name: value for name, value in own.items() if not is_machinery(name)}


def is_machinery(attribute: str) -> bool:
    """Whether an *attribute* of an actor is pykka's, and no part of its state."""
    return attribute.startswith(("actor_", "_actor_"))


def finished(
    process: Process,
    course: Course,
    migrations: Migrations,
    done: Changed,
    *,
    is_current: bool = False,
) -> Conversion:
    """Return the Conversion of which the user's part is *done*. Runs on any thread; see Migrations about which.

    *is_current* says that nothing of the state is of the old classes. Raises: MigrationFailed, if what is left cannot
    be brought over, or is not of the type that the class declares.
    """
    state, report = done.state, NOTHING
    if course.migrates and not is_current:
        try:
            result = course.migrate(migrations.here(), state)
        except Exception as error:  # also what a class of the user's raises where it is looked at
            raise failed(process, course.new_class, error) from error
        state, report = result.value, result.report
    state = course.labelled(state)
    is_other = course.is_other(done.before, state)
    wrong = course.wrong(done.before, state) if is_other else None
    if wrong is not None:
        kind, why = wrong
        declared = f"{kind.__name__}({getattr(kind, 'kind_of_server', '')}[…])"
        msg = f"the converted state is not what the class declares, {declared}: {why}"
        raise failed(process, kind, MigrationFailed(msg))
    return Conversion(
        process, process.actor, course.new_class, state, course.vsn, is_other, report, done.then, done.lost
    )
