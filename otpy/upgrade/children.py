"""The children of supervisors whose specs an upgrade changes: what is done when, and how it is taken back.

A dead process has no inverse, so nobody is ended before the upgrade stands. In the order of a transaction:

1. `proposal(supervisor, behaviour)`, in the rehearsal: what the `init` of the new version asks for, as a ChildrenPlan.
   It runs under the rehearsal guard. `leaving(supervisor, plan)` are the processes that will go: they are suspended
   with the others, so that they are what they were if the upgrade fails.
2. `succession(supervisor, old, new)`, when `code_change` has made the new state and before it is put in place: makes
   room for who is started, sets aside who leaves. Metadata, order and flags are in the new state already.
3. `Succession.start`, as a job inside the supervisor, while all are at rest: starts who can run beside those that
   leave. `Succession.end` is the inverse, `kill` for a coordinator that cannot wait any more. If a start does not come
   back, `deadlock` says on whom it waits.
4. `Succession.hand_over`, when the upgrade stands and before anybody goes on: the supervisor will do the rest first of
   all, whatever becomes of the coordinator: end who leaves in reverse order, each by its own shutdown rule, then start
   who could not run beside them. From here on nothing can be taken back.
5. `Succession.finish`, when all go on: waits for that, and returns what went wrong. A child that does not start is the
   supervisor's to restart.

Source: OTP supervisor.erl, code_change/3 (which starts and ends nobody); UPGRADE_FACTS 24 and 25.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import Any, final

from otpy.behaviours.behaviour import Behaviour, attach
from otpy.behaviours.child_spec import compare, diff_flags
from otpy.behaviours.children_ordered import FailedToStartChild, OrderedChildren
from otpy.behaviours.children_plan import ChildrenPlan
from otpy.behaviours.children_pool import TemplatePool
from otpy.behaviours.children_state import Children, children_of
from otpy.behaviours.dynamic_supervisor import DynamicChildren
from otpy.behaviours.migrations import Migration
from otpy.behaviours.results import Ok
from otpy.behaviours.supervisor_server import Request
from otpy.errors import (
    AlreadyRegistered,
    AlreadyStarted,
    BadReturn,
    CallTimeout,
    MigrationFailed,
    NoProcess,
    ServerExited,
    StartFailed,
    SupervisorError,
    TableExists,
)
from otpy.kernel.calls import Call, wait_for_answer
from otpy.kernel.ets import Table
from otpy.kernel.here import waiting
from otpy.kernel.process import SINK, Process
from otpy.kernel.reasons import Crash, Shutdown
from otpy.kernel.rehearsal import Rehearsal, rehearsing
from otpy.kernel.suspension import Suspension
from otpy.upgrade.coordinator import can_wait
from otpy.upgrade.report import SupervisorChange

# -- what shall become of them; nothing is done ------------------------------------------------------


def proposal(
    supervisor: Process,
    behaviour: type[Behaviour[Any]],
    *,
    state: Any = None,
    old_vsn: Any = None,
    extra: Any = None,
    allow: Collection[str] = (),
) -> tuple[ChildrenPlan, Rehearsal]:
    """Return what *behaviour*, the new version of the class of *supervisor*, would make of its children.

    Its `code_change` is run, which runs `init`; effects on otpy are refused but for those that *allow* names, and are
    noted in the Rehearsal. *state*: what it begins with; None: the state of *supervisor*.
    Raises what they raise, EffectRefused and BadReturn among it.
    """
    old = supervisor.state if state is None else state
    with rehearsing(allow=allow) as rehearsal:
        result = attach(behaviour, supervisor)._code_change(old_vsn, old, extra)  # noqa: SLF001 - the hook of its own behaviour
    if not isinstance(result, Ok):
        raise BadReturn("code_change", result)
    return _plan(old, result.state), rehearsal


def leaving(supervisor: Process, plan: ChildrenPlan) -> tuple[Process, ...]:
    """Return the processes that *plan* ends: children and, where they are supervisors, all below them."""
    ids = {*(spec.id for spec in plan.removed), *(change.old.id for change in plan.replaced)}
    rows = children_of(supervisor)
    gone = [row.child for row in rows if row.id in ids and isinstance(row.child, Process)]
    return tuple(each for child in gone for each in _with_all_below(child))


def _with_all_below(process: Process) -> Iterator[Process]:
    below = [process]
    while below:
        one = below.pop()
        yield one
        below += [row.child for row in children_of(one) if isinstance(row.child, Process)]


def _plan(old: object, new: object) -> ChildrenPlan:
    match old, new:
        case OrderedChildren(), OrderedChildren():
            return old.plan(new)
        case TemplatePool(), TemplatePool():
            change = compare(old.template, new.template)
            return ChildrenPlan(changed=(change,) if change.fields else (), flags=diff_flags(old.flags, new.flags))
        case DynamicChildren(), DynamicChildren():
            pairs = ((f, getattr(old.options, f), getattr(new.options, f)) for f in old.options.__struct_fields__)
            return ChildrenPlan(flags={name: (was, now) for name, was, now in pairs if was != now})
        case _:
            return ChildrenPlan()


def brought_along(state: Any, migration: Migration) -> Any:
    """Return the *state* of a supervisor with what it keeps for later starts in the new classes of *migration*.

    For `code_change` to begin with: else a child would be restarted with arguments of classes that are no more, and
    compare as different from what `init` says now. States of others are returned as they are.
    """
    return state.renewed(lambda value: migration.migrate(value).value) if isinstance(state, Children) else state


def succession(supervisor: Process, old: object, new: object) -> Succession | None:
    """Prepare *new*, the state that `code_change` has made of *old*, to be put in place; None if no child changes."""
    if not isinstance(old, Children) or not isinstance(new, Children) or old is new:
        return None
    plan = _plan(old, new)
    return Succession(supervisor, new, plan) if plan else None


# -- doing it ----------------------------------------------------------------------------------------


class _Finish(Request, frozen=True):
    """Asks a supervisor to end who leaves and to start those of *late*; the answer is what went wrong."""

    late: tuple[Hashable, ...]

    def answer(self, children: Children) -> list[str]:
        """See Request."""
        return children.finish(self.late) if isinstance(children, OrderedChildren) else []


@final
class Succession:
    """What becomes of the children of one supervisor. `late` are those that are started last; see the module."""

    def __init__(self, supervisor: Process, state: Children, plan: ChildrenPlan) -> None:
        self.supervisor = supervisor
        self.plan = plan
        self._state = state if isinstance(state, OrderedChildren) else None
        self._starting: Sequence[Hashable] = [] if self._state is None else self._state.part_with(plan)
        self._leaving = set(leaving(supervisor, plan))
        self._started: list[Hashable] = []
        self._late: dict[Hashable, str] = {}
        self._rest: Call | None = None

    @property
    def change(self) -> SupervisorChange:
        """What is reported of it."""
        plan = self.plan
        return SupervisorChange(
            supervisor=self.supervisor,
            added=tuple(spec.id for spec in plan.added),
            removed=tuple(spec.id for spec in plan.removed),
            changed=tuple(change.new.id for change in plan.changed),
            replaced=tuple(change.new.id for change in plan.replaced),
            irreversible={**plan.irreversible, **self._late},
            reordered=plan.reordered,
            flags=plan.flags,
        )

    @property
    def starts(self) -> bool:
        """Whether `start` has anything to do."""
        return bool(self._starting)

    def start(self, _supervisor: Process) -> None:
        """Start the added and the replaced in spec order. Runs in the supervisor; raises MigrationFailed.

        Who cannot run beside one that leaves is left for later. If another one fails, `end` ends those before it.
        """
        assert self._state is not None
        for ident in self._starting:
            why = self.plan.irreversible.get(ident)
            if why is None:
                result = self._state.restart_child(ident)
                why = _in_the_way(result, self._leaving) if isinstance(result, SupervisorError) else None
                if why is None and isinstance(result, SupervisorError):
                    message = f"{self.supervisor!r}: the child {ident!r} did not start: {result}"
                    raise MigrationFailed(message, self.supervisor, result)
            if why is None:
                self._started.append(ident)
            else:
                self._late[ident] = why

    def end(self, _supervisor: Process) -> None:
        """End those that `start` has started, youngest first. Runs in the supervisor."""
        assert self._state is not None
        while self._started:
            self._state.terminate_child(self._started.pop())

    def kill(self) -> None:
        """End them without the help of the supervisor, for a coordinator that cannot wait any more."""
        children = {} if self._state is None else self._state.children
        running = [children[ident].pid for ident in self._started if ident in children]
        for pid in (*running, self.starting()):
            if pid is not None:
                pid.runtime.kill(pid)

    def starting(self) -> Process | None:
        """Return the child whose start the supervisor waits for."""
        child = self.supervisor.wait_on
        return child if child is not None and child.parent is self.supervisor else None

    def deadlock(self, suspension: Suspension) -> MigrationFailed:
        """Return why a start does not come back, and end the child that is being started."""
        child = self.starting()
        if child is None:
            return MigrationFailed(f"{self.supervisor!r}: its added children did not start in time", self.supervisor)
        message = f"{self.supervisor!r}: the added child {child!r} did not start in time"
        whom = suspension.waits_for(child)
        if whom is not None:
            message += (
                f": its init waits for {whom!r}, which the upgrade has suspended. Return Ok(state, then=Continue(…)) "
                "from init and make the call in handle_continue"
            )
        child.runtime.kill(child)
        return MigrationFailed(message, child)

    def hand_over(self) -> None:
        """Put the rest before all that waits for the supervisor, which is held. Once, and there is no way back."""
        if self._state is None or not (self._late or self._state.leaving):
            return
        me = waiting() if can_wait() else self.supervisor.runtime.system  # who has been ended does this all the same
        rest = self._rest = Call(me, _Finish(tuple(self._late)), self.supervisor, me)
        box: Any = self.supervisor.open_mailbox()
        if box is not SINK:
            box.appendleft(rest)
        if self.supervisor.exit_reason is not None:
            rest.refuse()

    def finish(self, *, timeout: float | None = None) -> list[str]:
        """Wait until the rest is done, *timeout* seconds or as long as it takes; return what went wrong, or is left."""
        if self._rest is None:
            return []
        try:
            problems: list[str] = wait_for_answer(self._rest, timeout)
        except CallTimeout:
            self._rest.abandon()
            return [f"{self.supervisor!r}: still ending children after {timeout} s; it goes on by itself"]
        except ServerExited as ended:
            return [f"{self.supervisor!r} ended before its children were exchanged: {ended.reason!r}"]
        except NoProcess:
            return []  # it had ended before, and all its children with it
        return [f"{self.supervisor!r}: {problem}" for problem in problems]


def _in_the_way(failure: object, those_that_leave: Collection[Process]) -> str | None:
    """Return why a start failed, if it was because somebody who leaves has what the new child needs; else None."""
    match failure:
        case StartFailed(reason=reason) | Shutdown(detail=FailedToStartChild(reason=reason)):
            return _in_the_way(reason, those_that_leave)
        case Crash(error=error):
            return _in_the_way(error, those_that_leave)
        case AlreadyStarted(pid=pid) | AlreadyRegistered(pid=pid) if pid in those_that_leave:
            return f"{pid!r} has its name until it has ended"
        case TableExists(name=name, table=Table(owner=pid)) if pid in those_that_leave:
            return f"{pid!r} has the table {name!r} until it has ended"
        case OSError(errno=errno.EADDRINUSE) if those_that_leave:
            return f"{failure}: its predecessor has that address until it has ended"
        case _:
            return None
