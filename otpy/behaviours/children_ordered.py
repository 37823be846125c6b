"""Children with ids and an order: the strategies one_for_one, one_for_all and rest_for_one.

They are started in order and ended in reverse, one at a time.

Source: OTP supervisor.erl, start_children/2, terminate_children/2, restart/3, restart_multiple_children/3,
handle_start_child/2, update_childspec/2.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import msgspec

from otpy.behaviours import children_shutdown, supervisor_reports
from otpy.behaviours.child_spec import ChildCounts, ChildSpec, SupFlags, check_spec, forget_args
from otpy.behaviours.children_plan import ChildrenPlan, children_plan
from otpy.behaviours.children_start import Failed
from otpy.behaviours.children_state import Child, Children, Row, launch, pid_of, refusal
from otpy.behaviours.restarts import ended_well, group
from otpy.errors import (
    AlreadyStarted,
    BadChildSpec,
    ChildAlreadyPresent,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    MigrationFailed,
    SupervisorError,
)

if TYPE_CHECKING:
    from otpy.kernel.process import Process
    from otpy.kernel.reasons import Reason


class FailedToStartChild(msgspec.Struct, frozen=True):
    """Why a supervisor did not start, as the detail of its Shutdown: its child *id* did not, with *reason*."""

    id: Hashable
    reason: Any


@final
class OrderedChildren(Children):
    """The children of three strategies.

    - `children` has them by id, in start order.
    - `requested` are the ids of those that `start_child` has added: no `init` speaks of them.
    - `kept` are the ids for which the last code_change had no spec.
    - `leaving` run, but an upgrade has removed them or put others in their place: they wait to be ended (`finish`).
    """

    __slots__ = ("children", "kept", "leaving", "requested")

    def __init__(self, flags: SupFlags, arg: object, specs: Iterable[ChildSpec] = ()) -> None:
        super().__init__(flags, arg)
        self.children: dict[Hashable, Child] = {spec.id: Child(spec) for spec in specs}
        self.requested: set[Hashable] = set()
        self.kept: tuple[Hashable, ...] = ()
        self.leaving: list[Child] = []

    def start_all(self) -> FailedToStartChild | None:
        """Start every child; if one fails, end those before it and return why."""
        failure = self._start_group(list(self.children.values()))
        if failure is None:
            return None
        child, reason = failure
        supervisor_reports.report("start_error", reason, None, child.spec)
        self.end_all()
        return FailedToStartChild(child.spec.id, reason)

    # -- requests

    def start_child(self, what: tuple[Any, ...]) -> Any:
        """See Children. *what* is a child spec, alone."""
        spec = check_spec(what[0] if len(what) == 1 else what, self.flags.auto_shutdown)
        if isinstance(spec, BadChildSpec):
            return spec
        present = self.children.get(spec.id)
        if present is not None:
            running = present.pid is not None and not present.restarting
            return AlreadyStarted(present.pid) if running else ChildAlreadyPresent(spec.id)
        child = Child(spec)
        outcome = self._start(child)
        if isinstance(outcome, Failed):
            return refusal(outcome)
        if outcome is not None or spec.restart != "temporary":
            self.children[spec.id] = child
            self.requested.add(spec.id)
        return outcome

    def terminate_child(self, name: object) -> SupervisorError | None:
        """See Children. A child that is being restarted is not any more."""
        child = self.find(name)
        if child is None:
            return ChildNotFound(name)
        self._end(child)
        self.drop(child)
        return None

    def restart_child(self, name: object) -> Any:
        """See Children."""
        child = self._idle(name)
        if isinstance(child, SupervisorError):
            return child
        outcome = self._start(child)
        return refusal(outcome) if isinstance(outcome, Failed) else outcome

    def delete_child(self, name: object) -> SupervisorError | None:
        """See Children."""
        child = self._idle(name)
        if isinstance(child, SupervisorError):
            return child
        self._forget(child)
        return None

    def get_childspec(self, name: object) -> ChildSpec | SupervisorError:
        """See Children."""
        child = self.find(name)
        return ChildNotFound(name) if child is None else child.spec

    def count_children(self) -> ChildCounts:
        """See Children. A child that unlinked itself and died unseen is listed, but not active."""
        children = list(self.children.values())
        active = sum(c.pid is not None and not c.restarting and c.pid.exit_reason is None for c in children)
        supervisors = sum(c.spec.type == "supervisor" for c in children)
        return ChildCounts(len(children), active, supervisors, len(children) - supervisors)

    def rows(self) -> list[Row]:
        """See Children."""
        return [Row(child.spec.id, child.status, child.spec) for child in list(self.children.values())]

    def find(self, name: Any) -> Child | None:
        """See Children."""
        try:
            return self.children.get(name)
        except TypeError:  # what cannot be a key is no child's id
            return None

    def _idle(self, name: object) -> Child | SupervisorError:
        """Return the child if it neither runs nor is being restarted."""
        child = self.find(name)
        if child is None:
            return ChildNotFound(name)
        if child.restarting:
            return ChildRestarting(name)
        return child if child.pid is None else ChildRunning(name)

    # -- restarts

    def drop(self, child: Child) -> None:
        """See Children. The spec of a temporary child goes with it."""
        self._stopped(child)
        if child.spec.restart == "temporary":
            self._forget(child)

    def _forget(self, child: Child) -> None:
        del self.children[child.spec.id]
        self.requested.discard(child.spec.id)

    def start_again(self, child: Child) -> None:
        """See Children."""
        last = child.pid
        if self.flags.strategy == "one_for_one":
            self._stopped(child)
            failure = self._start_group((child,))
        else:
            members = group(self.flags.strategy, list(self.children), child.spec.id)
            self._stopped(child)  # it is dead already
            failure = self._start_group(self._end_group([self.children[name] for name in members]))
        if failure is not None:
            unlucky, reason = failure
            unlucky.pid = last if unlucky is child else None
            self.failed(unlucky, unlucky.spec.id, reason)

    def _start_group(self, children: Sequence[Child]) -> tuple[Child, Reason] | None:
        """Start the children in order; at the first that fails return it and why."""
        for child in children:
            outcome = self._start(child)
            if isinstance(outcome, Failed):
                return child, outcome.reason
            if outcome is None and child.spec.restart == "temporary":
                self._forget(child)
        return None

    def _start(self, child: Child) -> Any:
        """Start *child* and note its pid, if it has one now."""
        spec = child.spec
        outcome = launch(spec, spec.start.args)  # type: ignore[union-attr]
        if isinstance(outcome, Failed):
            return outcome
        pid = pid_of(outcome)
        if pid is not None:
            if spec.restart == "temporary":
                child.spec = forget_args(spec)
            self.started(child, pid)
        return outcome

    # -- ends

    def end_all(self) -> None:
        """See Children."""
        self._end_leaving()
        self._end_group(list(self.children.values()))

    def _end_group(self, children: list[Child]) -> list[Child]:
        """End the children from the last to the first; return those that are not temporary, whom this ends for good."""
        pids = {child.pid for child in children}
        for child in reversed(children):
            self._end(child, pids)
            self.drop(child)
        return [child for child in children if child.spec.restart != "temporary"]

    def _end(self, child: Child, group_pids: set[Process | None] | None = None) -> None:
        """End the process of *child*, if it has one, and wait until it is dead."""
        pid = child.pid
        if pid is None or child.restarting:
            return
        spec = child.spec
        shutdown: Any = spec.shutdown
        children_shutdown.end({pid: shutdown}, group_pids or ())
        if not ended_well(spec.restart, shutdown, pid.exit_reason):
            supervisor_reports.report("shutdown_error", pid.exit_reason, pid, spec)

    def _stopped(self, child: Child) -> None:
        """Note that *child* does not run."""
        if child.pid is not None:
            self.running.pop(child.pid, None)
        child.pid = None
        child.restarting = False
        self.significant.discard(child)

    # -- code_change

    def replaced(self, flags: SupFlags, specs: Iterable[ChildSpec]) -> OrderedChildren:
        """Return the state under new flags and specs.

        Running children keep running; their new spec holds from now on. New ones are not started, and those without a
        spec in the new list are kept, as the newest.
        """
        new = OrderedChildren(flags, self.arg, specs)
        new.restarts = self.restarts.copy()
        new.kept = tuple(name for name in self.children if name not in new.children)
        new.requested = self.requested.intersection(new.kept)
        new.leaving = list(self.leaving)
        for name, old in self.children.items():
            child = new.children.setdefault(name, Child(old.spec))
            child.pid, child.restarting = old.pid, old.restarting
            if child.pid is not None and not child.restarting:
                new.running[child.pid] = child
            if child.spec.significant and (child.restarting or child.pid is not None):
                new.significant.add(child)
        return new

    # -- upgrades

    def plan(self, new: OrderedChildren) -> ChildrenPlan:
        """Return what leads to the state *new*, which `replaced` has made. Children that were requested stay."""
        staying = self.requested.intersection(new.kept)
        running = {name: child.pid for name, child in self.children.items() if child.pid is not None}
        return children_plan(
            [child.spec for name, child in self.children.items() if name not in staying],
            [child.spec for name, child in new.children.items() if name not in new.kept],
            flags=(self.flags, new.flags),
            idle=self.children.keys() - running.keys(),
            names={name: tuple(pid.names or ()) for name, pid in running.items()},
        )

    def part_with(self, plan: ChildrenPlan) -> list[Hashable]:
        """Have who is removed or replaced by *plan* leave, and return who has to be started, in start order.

        Of the state that `replaced` has made, before it is in place.
        """
        for spec in plan.removed:
            self._leave(self.children.pop(spec.id), spec)
        for change in plan.replaced:
            self._leave(self.children[change.new.id], change.old)
            self.children[change.new.id] = Child(change.new)
        self.kept = tuple(name for name in self.kept if name in self.children)
        starting = {*(spec.id for spec in plan.added), *(change.new.id for change in plan.replaced)}
        return [name for name in self.children if name in starting]

    def _leave(self, child: Child, spec: ChildSpec) -> None:
        if child.pid is not None and not child.restarting:
            self.leaving.append(Child(spec, (), child.pid))
        self._stopped(child)

    def finish(self, late: Iterable[Hashable]) -> list[str]:
        """End who leaves, then start those of *late* that are still there and do not run; return what went wrong.

        Who does not start is tried again like a child whose restart has failed.
        """
        self._end_leaving()
        problems: list[str] = []
        for name in late:
            child = self.children.get(name)
            if child is None or child.pid is not None or child.restarting:
                continue
            failure = self._start_group((child,))
            if failure is not None:
                reason = failure[1]
                problems.append(f"the child {name!r} did not start in the place of its predecessor: {reason!r}")
                if child.spec.restart == "temporary":
                    self._forget(child)
                else:
                    self.failed(child, name, reason)
        return problems

    def _all(self) -> Iterable[Child]:
        return [*self.children.values(), *self.leaving]

    def take_over(self, renewed: Mapping[Child, Child]) -> None:
        """See Children. Ids may be other objects, too. Raises MigrationFailed if two of them are equal now."""
        super().take_over(renewed)
        requested = set(map(id, self.requested))  # ids of old classes may not be hashed any more
        known, self.children, self.requested = self.children, {}, set()
        for name, child in known.items():
            new = renewed[child]
            if self.children.setdefault(new.spec.id, new) is not new:
                msg = f"two children have the id {new.spec.id!r} after the migration: keep what told them apart"
                raise MigrationFailed(msg)
            if id(name) in requested:
                self.requested.add(new.spec.id)
        self.leaving = [renewed[child] for child in self.leaving]

    def _end_leaving(self) -> None:
        """End those that leave, the last one first."""
        while self.leaving:
            self._end(self.leaving[-1])
            self.leaving.pop()
