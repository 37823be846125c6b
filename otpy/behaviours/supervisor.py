"""Supervisor: starts children, restarts those that end, and ends all of them with itself.

`otpy.supervisor` is this module: `Supervisor` for supervisors with a class of their own, `start_link` for those
without, and what a running one can be asked. A request waits until the supervisor has time, without limit: starting
and ending children takes as long as it takes. Its errors are `SupervisorError`s; a supervisor that is not there raises
NoProcess, one that ends meanwhile ServerExited.

Behaviour is that of OTP 25, with what later releases mended: a simple_one_for_one child whose restart is ignored is
dropped (OTP 25 keeps a child without a pid, and stumbles over it later), and AlreadyStarted from a start function
comes out of `start_child` as it is.

Source: OTP supervisor.erl.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from otpy.behaviours.child_spec import (
    AUTO_SHUTDOWNS,
    MFA,
    UNSET,
    AnyChildSpec,
    AutoShutdown,
    ChildCounts,
    ChildInfo,
    ChildSpec,
    Fun,
    SupFlags,
    check_flags,
    check_specs,
)
from otpy.behaviours.children_ordered import FailedToStartChild, OrderedChildren
from otpy.behaviours.children_pool import Pool, TemplatePool
from otpy.behaviours.children_state import Children
from otpy.behaviours.results import Ignore, Ok, Stop
from otpy.behaviours.supervisor_server import (
    CountChildren,
    DeleteChild,
    GetChildspec,
    RestartChild,
    StartChild,
    SupervisorServer,
    TerminateChild,
    WhichChildren,
    ask,
)
from otpy.errors import BadChildSpec, BadReturn, BadSupFlags, UndefinedCallback
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import Dest, trap_exit
from otpy.kernel.reasons import Shutdown
from otpy.kernel.via import Name

__all__ = [
    "MFA",
    "UNSET",
    "ChildCounts",
    "ChildInfo",
    "ChildSpec",
    "FailedToStartChild",
    "Fun",
    "SupFlags",
    "Supervisor",
    "check_childspecs",
    "count_children",
    "delete_child",
    "get_childspec",
    "restart_child",
    "start_child",
    "start_link",
    "terminate_child",
    "which_children",
]


class Supervisor(SupervisorServer):
    """A supervisor with a class of its own: `init` says how it treats its children and which it has."""

    __slots__ = ()

    def init(self, arg: Any) -> tuple[SupFlags, Iterable[AnyChildSpec]] | Ignore:
        """Return the flags and the child specs; or Ignore(), and nothing is started.

        It runs again when the supervisor's code is changed.
        """
        raise UndefinedCallback(type(self), "init", arg)

    def _init(self, arg: Any) -> Ok[Children] | Ignore | Stop[Children]:
        trap_exit(True)
        try:
            state = self._state(arg)
        except (BadReturn, BadSupFlags, BadChildSpec) as error:
            return Stop(error)
        if isinstance(state, OrderedChildren):
            failure = state.start_all()
            if failure is not None:
                return Stop(Shutdown(failure))
        return Ignore() if state is None else Ok(state)

    def _state(self, arg: Any, old: Children | None = None) -> Children | None:
        """Return the state that `init` asks for, nothing started yet; None if it wants to be ignored.

        With *old*, its children are in the new state.
        """
        found: Any = self._wanted(arg)
        match found:
            case Ignore():
                return None
            case (given, specs):
                flags = check_flags(given)
            case _:
                raise BadReturn("init", found)
        if isinstance(flags, BadSupFlags):
            raise flags
        checked = check_specs(specs, flags)
        if isinstance(checked, BadChildSpec):
            raise checked
        if flags.strategy == "simple_one_for_one":
            return _pool(flags, arg, checked[0], old)
        return _ordered(flags, arg, checked, old)

    def _wanted(self, arg: Any) -> Any:
        """Return what `init` asks for, as flags and specs."""
        return self.init(arg)

    def code_change(self, old_vsn: object, state: Children, extra: object = None) -> Ok[Children]:
        """Take over flags and specs from `init`, run again; see OrderedChildren.replaced for what becomes of whom.

        What `init` gets wrong is raised, and everything stays as it was.
        """
        return Ok(self._state(state.arg, state) or state)


def _ordered(flags: SupFlags, arg: Any, specs: list[ChildSpec], old: Children | None) -> OrderedChildren:
    if old is None:
        return OrderedChildren(flags, arg, specs)
    if not isinstance(old, OrderedChildren):
        raise _other_kind(flags)
    return old.replaced(flags, specs)


def _pool(flags: SupFlags, arg: Any, template: ChildSpec, old: Children | None) -> TemplatePool:
    if old is not None and not isinstance(old, TemplatePool):
        raise _other_kind(flags)
    pool = TemplatePool(flags, arg, template)
    if isinstance(old, Pool):
        pool.copy_children(old)
    return pool


def _other_kind(flags: SupFlags) -> BadSupFlags:
    message = f"a running supervisor cannot change to or from simple_one_for_one, as to {flags.strategy}; restart it"
    return BadSupFlags(("invalid_strategy", flags.strategy), message)


class PlainSupervisor(Supervisor):
    """A supervisor without a class of its own: what `init` would return is its argument."""

    __slots__ = ()

    def init(self, arg: Any) -> Any:
        return arg


# -- requests --------------------------------------------------------------------------------------


def start_link(
    children: Iterable[AnyChildSpec],
    *,
    flags: SupFlags | Mapping[str, Any] = SupFlags(),  # noqa: B008 - a frozen value
    name: Name | None = None,
) -> Pid:
    """Start a supervisor of *children*, linked with the caller, that needs no class of its own.

    Raises what `Supervisor.start_link` raises: InitStopped(Shutdown(FailedToStartChild(id, reason))) if a child does
    not start (those before it are ended again), InitStopped(BadSupFlags or BadChildSpec) for what cannot be,
    AlreadyStarted(pid) if the name is taken.
    """
    return PlainSupervisor.start_link((flags, list(children)), name=name)


def start_child(server: Dest, *what: Any) -> Any:
    """Add a child and start it. Returns its Pid, `(Pid, info)`, or None if its start was ignored.

    *what* is a child spec. For a simple_one_for_one supervisor it is the extra arguments of the child's start, one by
    one, or, as in OTP, all in one list or tuple.

    Raises AlreadyStarted(pid) or ChildAlreadyPresent if there is a child with this id, StartFailed(reason) if it did
    not start, BadChildSpec for what is no spec. An ignored child is kept as one that does not run, but not a
    temporary or a simple_one_for_one one.
    """
    return ask(server, StartChild(what))


def terminate_child(server: Dest, child: Hashable) -> None:
    """End the child with this id (with this pid, for simple_one_for_one) and wait until it is dead.

    It is not restarted by itself; `restart_child` starts it again. The spec of a temporary child goes with it. It is
    no error if it does not run. Raises ChildNotFound; NotSupported for an id where pids are wanted.
    """
    ask(server, TerminateChild(child))


def restart_child(server: Dest, child: Hashable) -> Any:
    """Start the child with this id, which has ended or was ended. Returns as `start_child`.

    Raises ChildNotFound, ChildRunning, ChildRestarting, StartFailed(reason); NotSupported by simple_one_for_one.
    """
    return ask(server, RestartChild(child))


def delete_child(server: Dest, child: Hashable) -> None:
    """Forget the child with this id, which must not run.

    Raises ChildNotFound, ChildRunning, ChildRestarting; NotSupported by simple_one_for_one.
    """
    ask(server, DeleteChild(child))


def get_childspec(server: Dest, child: Hashable) -> ChildSpec:
    """Return the spec of the child with this id (with this pid, for simple_one_for_one), defaults filled in.

    Raises ChildNotFound.
    """
    return ask(server, GetChildspec(child))  # type: ignore[no-any-return]


def which_children(server: Dest) -> list[ChildInfo]:
    """List the children, newest first. Those of simple_one_for_one have no id, and no order."""
    return ask(server, WhichChildren())  # type: ignore[no-any-return]


def count_children(server: Dest) -> ChildCounts:
    """Count specs, running children, and children of each type whether they run or not."""
    return ask(server, CountChildren())  # type: ignore[no-any-return]


def check_childspecs(specs: object, auto_shutdown: AutoShutdown | None = None) -> None:
    """Raise BadChildSpec if a supervisor would not take this list of child specs; nothing is started.

    With *auto_shutdown*, as a supervisor with that flag would.
    """
    if auto_shutdown is not None and auto_shutdown not in AUTO_SHUTDOWNS:
        message = f"auto_shutdown is {auto_shutdown!r}; give one of {AUTO_SHUTDOWNS}"
        raise BadChildSpec(("badarg", auto_shutdown), message)
    checked = check_specs(specs, None if auto_shutdown is None else SupFlags(auto_shutdown=auto_shutdown))
    if isinstance(checked, BadChildSpec):
        raise checked
