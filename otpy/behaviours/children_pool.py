"""Children without order, known by their pids: those of simple_one_for_one and of DynamicSupervisor.

There may be 100,000 of them, so every step but a listing takes the same time however many there are. They are ended
all at once, and one that is being restarted is kept under the last pid it had.

Source: OTP supervisor.erl, the clauses for ?is_simple(State); Elixir dynamic_supervisor.ex.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Self, final

from otpy.behaviours import children_shutdown, supervisor_reports
from otpy.behaviours.child_spec import ChildCounts, ChildSpec, SupFlags
from otpy.behaviours.children_start import Failed, Outcome
from otpy.behaviours.children_state import Child, Children, Row, launch, pid_of, refusal
from otpy.behaviours.restarts import ended_well
from otpy.errors import ChildNotFound, NotSupported, SupervisorError
from otpy.kernel.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Pool(Children):
    """What the two kinds of pools share. `restarting` counts the children that are being restarted."""

    __slots__ = ("restarting",)

    def __init__(self, flags: SupFlags, arg: object) -> None:
        super().__init__(flags, arg)
        self.restarting = 0

    def rows(self) -> list[Row]:
        """See Children. Children of a pool have no id there."""
        return [Row(None, child.status, child.spec) for child in list(self.running.values())]

    def find(self, name: Any) -> Child | None:
        """See Children. *name* is the pid, the last one if the child is being restarted."""
        return self.running.get(name) if isinstance(name, Process) else None

    def drop(self, child: Child) -> None:
        """See Children."""
        assert child.pid is not None
        self.running.pop(child.pid, None)
        self.significant.discard(child)
        if child.restarting:
            self.restarting -= 1

    def start_again(self, child: Child) -> None:
        """See Children. One that is not wanted any more is dropped."""
        last = child.pid
        assert last is not None
        outcome = self.launch(child.spec, child.args)
        if isinstance(outcome, Failed):
            if not child.restarting:
                self.restarting += 1
            self.failed(child, last, outcome.reason)
            return
        self.drop(child)
        pid = pid_of(outcome)
        if pid is not None:
            self.started(child, pid)

    @abstractmethod
    def launch(self, spec: ChildSpec, args: Sequence[Any]) -> Outcome:
        """Start a child with its own *args*."""

    def adopt(self, child: Child, outcome: Outcome) -> Any:
        """Keep *child* if it started; return what the caller of start_child gets."""
        if isinstance(outcome, Failed):
            return refusal(outcome)
        pid = pid_of(outcome)
        if pid is not None:
            self.started(child, pid)
        return outcome

    def end(self, children: Sequence[Child]) -> None:
        """End these children at the same time, each within its own shutdown time."""
        orders: dict[Process, Any] = {c.pid: c.spec.shutdown for c in children if c.pid and not c.restarting}
        children_shutdown.end(orders)
        for child in children:
            pid, spec = child.pid, child.spec
            if pid in orders and not ended_well(spec.restart, orders[pid], pid.exit_reason):
                supervisor_reports.report("shutdown_error", pid.exit_reason, pid, spec)

    def end_all(self) -> None:
        """See Children."""
        self.end(list(self.running.values()))

    def copy_children(self, old: Pool) -> None:
        """Take over the children of *old*, for code_change: the old state stays as it is until this one is in place."""
        self.restarts = old.restarts.copy()
        self.restarting = old.restarting
        for pid, child in old.running.items():
            new = Child(self.spec_for(child), child.args, pid)
            new.restarting = child.restarting
            self.running[pid] = new
            if new.spec.significant:
                self.significant.add(new)

    def spec_for(self, child: Child) -> ChildSpec:
        """Return the spec that *child* of the old state has in this one."""
        return child.spec


@final
class TemplatePool(Pool):
    """The children of simple_one_for_one: all of one `template`, each with extra arguments of its own."""

    __slots__ = ("template",)

    def __init__(self, flags: SupFlags, arg: object, template: ChildSpec) -> None:
        super().__init__(flags, arg)
        self.template = template

    def start_child(self, what: tuple[Any, ...]) -> Any:
        """See Children. *what* has the extra arguments, which come behind those of the template, or a list of them."""
        template = self.template
        extra = what[0] if len(what) == 1 and isinstance(what[0], list | tuple) else what
        args = (*template.start.args, *extra)  # type: ignore[union-attr]
        outcome = self.launch(template, args)
        return self.adopt(Child(template, () if template.restart == "temporary" else args), outcome)

    def launch(self, spec: ChildSpec, args: Sequence[Any]) -> Outcome:
        """See Pool."""
        return launch(spec, args)

    def terminate_child(self, name: object) -> SupervisorError | None:
        """See Children. *name* is a pid; one that is dead was a child for all anybody knows, so that is no error."""
        if not isinstance(name, Process):
            return self._refused("terminate_child by an id")
        child = self.find(name)
        if child is not None:
            self.end([child])
            self.drop(child)
        return ChildNotFound(name) if child is None and name.exit_reason is None else None

    def restart_child(self, name: object) -> Any:
        """See Children. A child of a pool that does not run is forgotten."""
        return self._refused("restart_child")

    def delete_child(self, name: object) -> SupervisorError | None:
        """See Children. A child of a pool that does not run is forgotten."""
        return self._refused("delete_child")

    def _refused(self, request: str) -> SupervisorError:
        return NotSupported(request, "simple_one_for_one")

    def get_childspec(self, name: object) -> ChildSpec | SupervisorError:
        """See Children. *name* is a pid, dead or a child's, or the template's id."""
        if isinstance(name, Process):
            known = name in self.running or name.exit_reason is not None
        else:
            known = bool(name == self.template.id)
        return self.template if known else ChildNotFound(name)

    def count_children(self) -> ChildCounts:
        """See Children. There is one spec, the template."""
        size = len(self.running)
        supervisors = size if self.template.type == "supervisor" else 0
        return ChildCounts(1, size - self.restarting, supervisors, size - supervisors)

    def renewed(self, renew: Callable[[Any], Any]) -> Self:
        """See Children."""
        made, template = super().renewed(renew), renew(self.template)
        if template is not self.template:
            made = copy.copy(made)
            made.template = template
        return made

    def spec_for(self, child: Child) -> ChildSpec:
        """See Pool. A new template holds for the children that run, too; their arguments stay."""
        return self.template
