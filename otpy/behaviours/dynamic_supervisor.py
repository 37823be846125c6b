"""DynamicSupervisor: children that are started on demand, any number of them, each with a spec of its own.

`otpy.dynamic_supervisor` is this module. Children have no order and no ids here (that of their spec is for reports):
they are known by their pids and ended all at once. A restart that fails is tried again, one that is ignored drops the
child, and children that are being restarted count for `max_children`.

Source: Elixir dynamic_supervisor.ex.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, final

import msgspec

from otpy.behaviours.child_spec import (
    AnyChildSpec,
    ChildCounts,
    ChildInfo,
    ChildSpec,
    SupFlags,
    check_flags,
    check_spec,
    forget_args,
)
from otpy.behaviours.children_pool import Pool
from otpy.behaviours.children_start import Outcome
from otpy.behaviours.children_state import Child, Children, launch
from otpy.behaviours.results import Ignore, Ok, Stop
from otpy.behaviours.supervisor_server import (
    CountChildren,
    StartChild,
    SupervisorServer,
    TerminateChild,
    WhichChildren,
    ask,
)
from otpy.errors import BadChildSpec, BadReturn, BadSupFlags, ChildNotFound, MaxChildren, NotSupported, SupervisorError
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import Dest, resolve, trap_exit
from otpy.kernel.via import Name

__all__ = [
    "DynamicFlags",
    "DynamicSupervisor",
    "count_children",
    "start_child",
    "terminate_child",
    "which_children",
]


class DynamicFlags(msgspec.Struct, frozen=True):
    """How a DynamicSupervisor treats its children.

    - `max_children`: how many it may have; None for any number.
    - `max_restarts`, `max_seconds`: more restarts than that within these seconds end the supervisor.
    - `extra_arguments`: put before the arguments of every child's start.
    """

    max_children: int | None = None
    max_restarts: int = 3
    max_seconds: float = 5.0
    extra_arguments: Sequence[Any] = ()


class _Checked(msgspec.Struct, frozen=True):
    """A spec that the caller has checked."""

    spec: ChildSpec


@final
class DynamicChildren(Pool):
    """The children of a DynamicSupervisor, in `options` what init asked for."""

    __slots__ = ("options",)

    def __init__(self, options: DynamicFlags, flags: SupFlags, arg: object) -> None:
        super().__init__(flags, arg)
        self.options = options

    def start_child(self, what: tuple[Any, ...]) -> Any:
        """See Children. *what* is a child spec, alone."""
        given = what[0] if len(what) == 1 else what
        spec = given.spec if type(given) is _Checked else _check(given)
        if isinstance(spec, BadChildSpec):
            return spec
        limit = self.options.max_children
        if limit is not None and len(self.running) >= limit:
            return MaxChildren(limit)
        args = spec.start.args  # type: ignore[union-attr]
        outcome = self.launch(spec, args)
        return self.adopt(Child(spec, args) if spec.restart != "temporary" else Child(forget_args(spec)), outcome)

    def launch(self, spec: ChildSpec, args: Sequence[Any]) -> Outcome:
        """See Pool."""
        extra = self.options.extra_arguments
        return launch(spec, (*extra, *args) if extra else args)

    def renewed(self, renew: Callable[[Any], Any]) -> Self:
        """See Children."""
        made, options = super().renewed(renew), renew(self.options)
        if options is not self.options:
            made = copy.copy(made)
            made.options = options
        return made

    def terminate_child(self, name: object) -> SupervisorError | None:
        """See Children. *name* is a pid, the last one of a child that is being restarted."""
        child = self.find(name)
        if child is None:
            return ChildNotFound(name)
        self.end([child])
        self.drop(child)
        return None

    def restart_child(self, name: object) -> Any:
        """See Children. A child of a pool that does not run is forgotten."""
        return NotSupported("restart_child", "dynamic")

    def delete_child(self, name: object) -> SupervisorError | None:
        """See Children. A child of a pool that does not run is forgotten."""
        return NotSupported("delete_child", "dynamic")

    def get_childspec(self, name: object) -> ChildSpec | SupervisorError:
        """See Children."""
        child = self.find(name)
        return ChildNotFound(name) if child is None else child.spec

    def count_children(self) -> ChildCounts:
        """See Children. Every child has a spec."""
        children = list(self.running.values())
        supervisors = sum(child.spec.type == "supervisor" for child in children)
        return ChildCounts(len(children), len(children) - self.restarting, supervisors, len(children) - supervisors)


class DynamicSupervisor(SupervisorServer):
    """Start it as it is, or make a subclass whose `init` or `start_link` says more."""

    __slots__ = ()

    @classmethod
    def start_link(  # type: ignore[override]
        cls,
        max_children: int | None = None,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        *,
        extra_arguments: Sequence[Any] = (),
        name: Name | None = None,
    ) -> Pid:
        """Start a supervisor without children, linked with the caller; the arguments are those of DynamicFlags.

        Raises AlreadyStarted(pid) if the name is taken, InitStopped(BadSupFlags) for flags that cannot be.
        """
        flags = DynamicFlags(max_children, max_restarts, max_seconds, extra_arguments)
        return super().start_link(flags, name=name)

    def init(self, flags: DynamicFlags) -> DynamicFlags | Ignore:
        """Return the flags that hold, from those given to `start_link`; or Ignore(), and nothing is started.

        It runs again when the supervisor's code is changed.
        """
        return flags

    def _init(self, arg: Any) -> Ok[Children] | Ignore | Stop[Children]:
        trap_exit(True)
        try:
            state = self._state(arg)
        except (BadReturn, BadSupFlags) as error:
            return Stop(error)
        return Ignore() if state is None else Ok(state)

    def _state(self, arg: Any) -> DynamicChildren | None:
        """Return the state that `init` asks for, without children; None if it wants to be ignored."""
        found: Any = self.init(arg)
        if isinstance(found, Ignore):
            return None
        if isinstance(found, Mapping):
            found = DynamicFlags(**{name: found[name] for name in DynamicFlags.__struct_fields__ if name in found})
        if not isinstance(found, DynamicFlags):
            raise BadReturn("init", found)
        flags = _check_options(found)
        if isinstance(flags, BadSupFlags):
            raise flags
        return DynamicChildren(found, flags, arg)

    def code_change(self, old_vsn: object, state: Children, extra: object = None) -> Ok[Children]:
        """Take over the flags from `init`, run again. All children stay, even if there are more than there may be."""
        new = self._state(state.arg)
        if new is None or not isinstance(state, Pool):
            return Ok(state)
        new.copy_children(state)
        return Ok(new)


def _check_options(options: DynamicFlags) -> SupFlags | BadSupFlags:
    """Return what of the flags all supervisors have, or the refusal."""
    flags = check_flags(SupFlags("one_for_one", options.max_restarts, options.max_seconds))
    if isinstance(flags, BadSupFlags):
        return flags
    limit: object = options.max_children
    if not (limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0)):
        message = f"max_children is {limit!r}; give a whole number, 0 or more, or None for any number"
        return BadSupFlags(("invalid_max_children", limit), message)
    extra: object = options.extra_arguments
    if not isinstance(extra, list | tuple):
        return BadSupFlags(("invalid_extra_arguments", extra), f"extra_arguments is {extra!r}; give a list or a tuple")
    return flags


def _check(spec: object) -> ChildSpec | BadChildSpec:
    """Return the checked spec, or the refusal. Nobody looks at significant children here."""
    return check_spec(spec, "never")


# -- requests --------------------------------------------------------------------------------------


def start_child(server: Dest, spec: AnyChildSpec) -> Any:
    """Start a child. Returns its Pid, `(Pid, info)`, or None if its start was ignored (nothing is kept then).

    Raises BadChildSpec for what is no spec, in the caller and before anything is sent; MaxChildren;
    StartFailed(reason), or AlreadyStarted(pid), if it did not start; NotSupported for a supervisor that is not dynamic.
    """
    checked = _check(spec)
    if isinstance(checked, BadChildSpec):
        raise checked
    process = resolve(server)
    children = process.state
    if isinstance(children, Children) and not isinstance(children, DynamicChildren):
        raise NotSupported("otpy.dynamic_supervisor.start_child", children.flags.strategy)
    return ask(process, StartChild((_Checked(checked),)))


def terminate_child(server: Dest, pid: Pid) -> None:
    """End the child *pid*, wait until it is dead, and forget it. Raises ChildNotFound."""
    ask(server, TerminateChild(pid))


def which_children(server: Dest) -> list[ChildInfo]:
    """List the children, in no particular order."""
    return ask(server, WhichChildren())  # type: ignore[no-any-return]


def count_children(server: Dest) -> ChildCounts:
    """Count the children; `specs` is their number."""
    return ask(server, CountChildren())  # type: ignore[no-any-return]
