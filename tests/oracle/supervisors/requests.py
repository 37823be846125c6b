"""Requests to supervisors, and how the recordings write what came of them.

otpy answers with values and exceptions; Erlang with `{ok, Pid}`, `{error, Reason}` and exits. This is the mapping.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

import otpy
from tests.oracle.forms import Form, to_value
from tests.oracle.supervisors import scenario
from tests.oracle.supervisors.cast import ROOT, World
from tests.oracle.supervisors.scenario import Flags
from tests.oracle.supervisors.supervisor import spec_of

NO_PID = "no_pid"
_IGNORED: Form = ["ok", "undefined"]

_ATOMS: dict[type[otpy.SupervisorError], Form] = {
    otpy.ChildNotFound: "not_found",
    otpy.ChildRunning: "running",
    otpy.ChildRestarting: "restarting",
    otpy.ChildAlreadyPresent: "already_present",
    otpy.MaxChildren: "max_children",
}


def ask(world: World, request: scenario.Request) -> Form:
    """Make *request* and return its result."""
    if isinstance(request, scenario.CheckChildspecs):
        return _outcome(world, lambda: _check(world, request))
    supervisor = world.journal.latest(request.sup)
    if supervisor is None or supervisor.pid is None:
        return NO_PID if isinstance(request, scenario.AboutChild) else ["exit", "noproc"]
    pid = supervisor.pid
    match request:
        case scenario.StartChild():
            return _start_child(world, pid, request)
        case scenario.WhichChildren():
            return _outcome(world, lambda: rows(world, pid, world.flags[request.sup]))
        case scenario.CountChildren():
            return _outcome(world, lambda: counts(pid, world.flags[request.sup]))
        case _:
            child = _child(world, request)
            return NO_PID if child is None else _outcome(world, lambda: _by_child(world, pid, request, child))


def _child(world: World, request: scenario.AboutChild) -> Any:
    """Return the id or the pid that *request* is about, or None for a pid that never was."""
    if isinstance(request.pid_of, UnsetType):
        return to_value(request.id)
    incarnation = world.journal.latest(request.pid_of)
    return None if incarnation is None else incarnation.pid


def _by_child(world: World, pid: otpy.Pid, request: scenario.AboutChild, child: Any) -> Form:
    match request:
        case scenario.TerminateChild():
            dynamic = world.flags[request.sup].dynamic
            (otpy.dynamic_supervisor if dynamic else otpy.supervisor).terminate_child(pid, child)
            return "ok"
        case scenario.RestartChild():
            return _started(world, otpy.supervisor.restart_child(pid, child))
        case scenario.DeleteChild():
            otpy.supervisor.delete_child(pid, child)
            return "ok"
        case scenario.GetChildspec():
            return ["ok", _spec_form(world, otpy.supervisor.get_childspec(pid, child))]


def _start_child(world: World, pid: otpy.Pid, request: scenario.StartChild) -> Form:
    """Start a child. How the result is written depends on the kind of supervisor."""
    flags = world.flags[request.sup]
    if flags.dynamic:
        spec = _spec(world, request)
        result = _outcome(world, lambda: _started(world, otpy.dynamic_supervisor.start_child(pid, spec)))
        return "ignore" if result == _IGNORED else result
    if flags.simple:
        return _outcome(world, lambda: _started(world, otpy.supervisor.start_child(pid, request.args)))
    spec = _spec(world, request)
    return _outcome(world, lambda: _started(world, otpy.supervisor.start_child(pid, spec)), wrapped=True)


def _spec(world: World, request: scenario.StartChild) -> Any:
    return None if isinstance(request.spec, UnsetType) else spec_of(world, request.sup, request.spec)


def _check(world: World, request: scenario.CheckChildspecs) -> Form:
    specs = [spec_of(world, ROOT, spec) for spec in request.children]
    mode = () if request.auto_shutdown is UNSET else (to_value(request.auto_shutdown),)
    otpy.supervisor.check_childspecs(specs, *mode)
    return "ok"


# -- results ---------------------------------------------------------------------------------------


def _outcome(world: World, make: Callable[[], Form], *, wrapped: bool = False) -> Form:
    """Return what *make* returns, or the form of what it raises; *wrapped*: a failed start is told from a refusal."""
    writer = world.journal.writer
    try:
        return make()
    except otpy.CallError as error:
        return ["exit", writer.failed_call(error)]
    except otpy.StartFailed as error:
        reason = writer.form(error.reason)
        return ["error", ["start_failed", reason] if wrapped else reason]
    except otpy.BadChildSpec as error:
        return ["error", writer.refusal(error)]
    except otpy.NotSupported as error:
        return ["error", error.strategy]
    except otpy.AlreadyStarted as error:
        return ["error", writer.form(error)]
    except otpy.SupervisorError as error:
        return ["error", _ATOMS.get(type(error), type(error).__name__)]


def _started(world: World, started: Any) -> Form:
    """Return the result of a start: a Pid, a pair of it and more, or None."""
    match started:
        case None:
            return _IGNORED
        case (pid, extra):
            return ["ok", *world.journal.writer.items((pid, extra))]
        case pid:
            return ["ok", world.journal.writer.form(pid)]


def rows(world: World, supervisor: otpy.Pid, kind: Flags) -> list[Form]:
    """Return the children that *supervisor* lists."""
    module = otpy.dynamic_supervisor if kind.dynamic else otpy.supervisor
    writer = world.journal.writer
    return [[writer.form(info.id), writer.form(info.child), info.type] for info in module.which_children(supervisor)]


def counts(supervisor: otpy.Pid, kind: Flags) -> dict[str, int]:
    """Return how many children *supervisor* counts."""
    module = otpy.dynamic_supervisor if kind.dynamic else otpy.supervisor
    return msgspec.structs.asdict(module.count_children(supervisor))


def _spec_form(world: World, spec: otpy.ChildSpec) -> Form:
    shutdown = spec.shutdown
    return {
        "id": world.journal.writer.form(spec.id),
        "restart": spec.restart,
        "shutdown": round(shutdown * 1000) if isinstance(shutdown, int | float) else shutdown,
        "significant": spec.significant,
        "type": spec.type,
    }
