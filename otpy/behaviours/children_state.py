"""The state of a supervisor: its flags and its children, and what the end of one leads to.

`Children` is what all supervisors share; children_ordered.py (the three strategies with ids and an order) and
children_pool.py (many alike, known by their pids) say what differs. A request to the supervisor is a method here; it
returns the answer, or the SupervisorError that the caller shall raise.

The process changes this record in place and is the only one that does. Others may read it at any time without asking:
`rows()` takes its picture in one step of the interpreter.

Source: OTP supervisor.erl, do_restart/3, restart/2, handle_cast({try_again_restart, _}, _).
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, final

import msgspec

from otpy.behaviours import children_start, supervisor_reports
from otpy.behaviours.child_spec import ChildCounts, ChildInfo, ChildSpec, SupFlags
from otpy.behaviours.children_start import Failed
from otpy.behaviours.restarts import allows, ends_supervisor, is_reported, is_restarted
from otpy.errors import AlreadyStarted, StartFailed, SupervisorError
from otpy.kernel import events
from otpy.kernel.here import current
from otpy.kernel.process import Process, deliver

if TYPE_CHECKING:
    from otpy.kernel.reasons import Reason


class TryAgain(msgspec.Struct, frozen=True):
    """Sent by a supervisor to itself when a restart failed: in between, it serves whoever waits.

    *child* is the id, or the last pid of a child that has no id.
    """

    child: Hashable


@final
class Child:
    """One child. It runs (`pid`), is being restarted (`restarting`; `pid` is the last one it had), or does neither."""

    __slots__ = ("args", "pid", "restarting", "spec")

    def __init__(self, spec: ChildSpec, args: Sequence[Any] = (), pid: Process | None = None) -> None:
        self.spec = spec
        self.args = args
        self.pid = pid
        self.restarting = False

    def renewed(self, renew: Callable[[Any], Any]) -> Child:
        """Return it with its spec and arguments put through *renew*; itself if they are given back as they are."""
        spec, args = renew(self.spec), renew(self.args)
        if spec is self.spec and args is self.args:
            return self
        made = Child(spec, args, self.pid)
        made.restarting = self.restarting
        return made

    @property
    def status(self) -> Process | Literal["restarting"] | None:
        """What a listing shows of it."""
        return "restarting" if self.restarting else self.pid


class Row(msgspec.Struct, frozen=True):
    """One child as others see it: `child` is its pid, "restarting", or None."""

    id: Hashable
    child: Process | Literal["restarting"] | None
    spec: ChildSpec


class Children(ABC):
    """The state of a supervisor process.

    - `arg`: what its `init` was given, for `code_change` to run it again.
    - `running`: the children by pid.
    - `significant`: the significant ones that run or are being restarted.
    - `restarts`: when the last restarts were, oldest first.
    """

    __slots__ = ("arg", "flags", "restarts", "running", "significant")

    def __init__(self, flags: SupFlags, arg: object) -> None:
        self.flags = flags
        self.arg = arg
        self.running: dict[Process, Child] = {}
        self.significant: set[Child] = set()
        self.restarts: deque[float] = deque()

    # -- requests

    @abstractmethod
    def start_child(self, what: tuple[Any, ...]) -> Any:
        """Add a child and start it: return its Pid, `(Pid, info)`, or None if it is not wanted."""

    @abstractmethod
    def terminate_child(self, name: object) -> SupervisorError | None:
        """End a child; it is not started again."""

    @abstractmethod
    def restart_child(self, name: object) -> Any:
        """Start a child that does not run; return as `start_child` does."""

    @abstractmethod
    def delete_child(self, name: object) -> SupervisorError | None:
        """Forget a child that does not run."""

    @abstractmethod
    def get_childspec(self, name: object) -> ChildSpec | SupervisorError:
        """Return the spec of a child."""

    @abstractmethod
    def count_children(self) -> ChildCounts:
        """Count."""

    def which_children(self) -> list[ChildInfo]:
        """List the children, newest first."""
        return [ChildInfo(row.id, row.child, row.spec.type, row.spec.modules) for row in reversed(self.rows())]  # type: ignore[arg-type]

    @abstractmethod
    def rows(self) -> list[Row]:
        """Return the children in start order. For any thread at any time."""

    # -- the end of a child

    def ended(self, pid: Process, reason: Reason) -> bool:
        """Do what the end of *pid* asks for; return whether the supervisor goes on."""
        child = self.running.get(pid)
        if child is None or child.restarting:
            return True
        restart = child.spec.restart
        if is_reported(restart, reason):
            supervisor_reports.report("child_terminated", reason, pid, child.spec)
        if is_restarted(restart, reason):
            return self.restart(child)
        self.drop(child)
        flags = self.flags
        return flags.auto_shutdown == "never" or not ends_supervisor(
            flags.auto_shutdown, significant=child.spec.significant, others_left=bool(self.significant)
        )

    def restart(self, child: Child) -> bool:
        """Start *child*, and whom the strategy adds, again; return whether the intensity allowed it."""
        if not allows(self.restarts, current().runtime.clock.now(), self.flags):
            reason = supervisor_reports.REACHED_MAX_RESTART_INTENSITY
            supervisor_reports.report("shutdown", reason, child.pid, child.spec)
            self.drop(child)
            return False
        events.emit("supervisor.restart", supervisor=current(), child=child.pid, spec=child.spec)
        self.start_again(child)
        return True

    def try_again(self, name: Hashable) -> bool:
        """Go on with a restart that failed, unless somebody has ended it meanwhile; as `restart`."""
        child = self.find(name)
        return child is None or not child.restarting or self.restart(child)

    @abstractmethod
    def find(self, name: Any) -> Child | None:
        """Return the child of that id or pid."""

    @abstractmethod
    def drop(self, child: Child) -> None:
        """Note that *child* has ended for good (or until somebody asks for it)."""

    @abstractmethod
    def start_again(self, child: Child) -> None:
        """Carry out a restart. If it fails, the child is left `restarting` and TryAgain is on its way."""

    @abstractmethod
    def end_all(self) -> None:
        """End every child, as the supervisor itself is ending."""

    # -- upgrades

    def renewed(self, renew: Callable[[Any], Any]) -> Self:
        """Return this state with all that it keeps for later starts put through *renew*.

        That is the argument of `init`, the specs, and the arguments of the children. It is this state itself if *renew*
        gives everything back as it is; else a copy, and this one stays as it was.
        """
        arg = renew(self.arg)
        renewed = {child: child.renewed(renew) for child in self._all()}
        if arg is self.arg and all(new is old for old, new in renewed.items()):
            return self
        made = copy.copy(self)
        made.arg = arg
        made.restarts = self.restarts.copy()
        made.take_over(renewed)
        return made

    def _all(self) -> Iterable[Child]:
        """Return all children, running or not."""
        return list(self.running.values())

    def take_over(self, renewed: Mapping[Child, Child]) -> None:
        """Have *renewed* in the place of what this copy still shares with the original."""
        self.running = {pid: renewed[child] for pid, child in self.running.items()}
        self.significant = {renewed[child] for child in self.significant}

    # -- what the two kinds share

    def started(self, child: Child, pid: Process) -> None:
        """Note that *child* runs as *pid*."""
        child.pid = pid
        child.restarting = False
        self.running[pid] = child
        if child.spec.significant:
            self.significant.add(child)
        supervisor_reports.progress(pid, child.spec)

    def failed(self, child: Child, name: Hashable, reason: Reason) -> None:
        """Note that the restart of *child* failed, and have it tried again."""
        supervisor_reports.report("start_error", reason, child.pid, child.spec)
        child.restarting = True
        if child.spec.significant:
            self.significant.add(child)
        deliver(current(), TryAgain(name))


def refusal(failure: Failed) -> SupervisorError:
    """Return what the caller of start_child or restart_child gets for a start that failed."""
    reason = failure.reason
    return reason if isinstance(reason, AlreadyStarted) else StartFailed(reason)


def launch(spec: ChildSpec, args: Sequence[Any]) -> children_start.Outcome:
    """Start a child of *spec* with *args*."""
    start = spec.start
    assert isinstance(start, (children_start.MFA, children_start.Fun))  # a checked spec has no other
    return children_start.run(start, args)


def pid_of(outcome: children_start.Outcome) -> Process | None:
    """Return the new process of an outcome that is no failure; None if the child is not wanted."""
    return outcome[0] if isinstance(outcome, tuple) else outcome  # type: ignore[return-value]


# -- for others to look ----------------------------------------------------------------------------


def children_of(supervisor: Process) -> list[Row]:
    """Return the children of a supervisor in start order, without asking it; none while it starts or has ended."""
    state = supervisor.state
    return state.rows() if isinstance(state, Children) else []


def has_child(supervisor: Process, process: Process) -> bool:
    """Whether *process* runs as a child of *supervisor*, which is not asked."""
    state = supervisor.state
    return isinstance(state, Children) and process in state.running
