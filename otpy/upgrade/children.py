"""The children of supervisors whose specs an upgrade changes.

Added children are started while the set is still at rest, so that a start that fails can undo the whole upgrade;
removed ones are ended after the commit, because a dead process has no inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from otpy.behaviours import supervisor
from otpy.behaviours.child_spec import diff
from otpy.behaviours.children_ordered import OrderedChildren
from otpy.errors import MigrationFailed, SupervisorError
from otpy.kernel.process import Process
from otpy.upgrade.report import SupervisorChange


def change_of(process: Process, old: Any, new: Any) -> SupervisorChange | None:
    """Return what the new state of the supervisor *process* changes among its children; None if nothing."""
    if not isinstance(old, OrderedChildren) or not isinstance(new, OrderedChildren):
        return None
    wanted = [child.spec for ident, child in new.children.items() if ident not in new.kept]
    difference = diff([child.spec for child in old.children.values()], wanted)
    change = SupervisorChange(
        supervisor=process,
        added=tuple(spec.id for spec in difference.added),
        removed=tuple(spec.id for spec in difference.removed),
        changed=tuple(change.new.id for change in difference.changed),
    )
    return change if change.added or change.removed or change.changed else None


@final
class AddedChildren:
    """The added children of one supervisor, in its new state."""

    def __init__(self, supervisor: Process, state: OrderedChildren, ids: Sequence[Any]) -> None:
        self.supervisor = supervisor
        self._state = state
        self._ids = ids

    def start(self, _supervisor: Process) -> None:
        """Start them in spec order. Runs in the supervisor; if one fails, those before it are ended again.

        Raises MigrationFailed.
        """
        for ident in self._ids:
            result = self._state.restart_child(ident)
            if isinstance(result, SupervisorError):
                self.end(self.supervisor)
                message = f"{self.supervisor!r}: the added child {ident!r} did not start: {result}"
                raise MigrationFailed(message, self.supervisor, result)

    def end(self, _supervisor: Process) -> None:
        """End those that run, youngest first. Runs in the supervisor."""
        for ident in reversed(self._ids):
            self._state.terminate_child(ident)

    def starting(self) -> Process | None:
        """Return the one whose start the supervisor waits for."""
        child = self.supervisor.wait_on
        return child if child is not None and child.parent is self.supervisor else None

    def kill(self) -> None:
        """End them without the help of the supervisor, for a coordinator that cannot wait any more."""
        running = [self._state.children[ident].pid for ident in self._ids if ident in self._state.children]
        for pid in (*running, self.starting()):
            if pid is not None:
                pid.runtime.kill(pid)


def end_removed(change: SupervisorChange) -> list[str]:
    """End and forget the removed children, youngest first; return what could not be done. After the commit."""
    problems = []
    for ident in reversed(change.removed):
        try:
            supervisor.terminate_child(change.supervisor, ident)
            supervisor.delete_child(change.supervisor, ident)
        except Exception as error:  # noqa: BLE001 - the upgrade stands; what is left over is said
            problems.append(f"{change.supervisor!r}: the removed child {ident!r} could not be ended: {error}")
    return problems
