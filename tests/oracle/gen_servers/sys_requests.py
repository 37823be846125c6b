"""System requests to a scripted server, and how the recordings write what came of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, UnsetType

import otpy
from tests.oracle.forms import Form, Raised, to_reason, to_seconds, to_value
from tests.oracle.gen_servers import scenario as do
from tests.oracle.gen_servers import server as scripted
from tests.oracle.gen_servers.server import State, World

_OOPS: Form = ["error", "oops"]


def ask(world: World, server: otpy.Pid | str, action: Any) -> Form:
    """Make the request *action* to *server* and return its result. A CallError is the caller's."""
    timeout = to_seconds(action.timeout)
    match action:
        case do.SysSuspend():
            otpy.sys.suspend(server, timeout=timeout)
        case do.SysResume():
            otpy.sys.resume(server, timeout=timeout)
        case do.SysTerminate():
            otpy.sys.terminate(server, to_reason(action.reason), timeout=timeout)
        case do.SysStatus():
            return otpy.sys.get_status(server, timeout=timeout)["status"]
        case do.GetState():
            return ["ok", otpy.sys.get_state(server, timeout=timeout).tags]
        case do.ReplaceState():
            return _replace_state(world, server, action)
        case do.ChangeCode():
            return _change_code(world, server, action)
        case _:
            msg = f"no such request: {action!r}"
            raise TypeError(msg)
    return "ok"


def look(pid: otpy.Pid) -> Form:
    """Return what is to be seen of a living server."""
    state: State = otpy.sys.get_state(pid, timeout=None)
    return {"alive": True, "state": state.tags, "sys": otpy.sys.get_status(pid, timeout=None)["status"]}


def _replace_state(world: World, server: otpy.Pid | str, action: do.ReplaceState) -> Form:
    try:
        return ["ok", otpy.sys.replace_state(server, _change(action), timeout=to_seconds(action.timeout)).tags]
    except otpy.CallbackFailed as error:
        failure = error.error
        kind = failure.kind if isinstance(failure, Raised) else "error"
        why = failure.payload if isinstance(failure, Raised) else failure
        return ["error", ["callback_failed", "$where", [kind, world.journal.writer.form(why)]]]


def _change(action: do.ReplaceState) -> Callable[[State], State]:
    """Return the function that is to make a new state of the old one."""

    def fail(_state: State) -> State:
        kind, why = _failure(action.raise_)
        raise Raised(to_value(why), kind)

    if not isinstance(action.to, UnsetType):
        tags = action.to
        return lambda state: state.having(tags)
    return fail if action.append is UNSET else lambda state: state.after(action.append)


def _failure(given: Form) -> Form:
    """Return the class and the term to fail with: those given, an error of the term given, or just any error."""
    if isinstance(given, list):
        return given
    return _OOPS if given is True else ["error", given]


def _change_code(world: World, server: otpy.Pid | str, action: do.ChangeCode) -> Form:
    vsn, extra = to_value(action.vsn), to_value(action.extra)
    try:
        otpy.sys.change_code(server, scripted.__name__, vsn, extra, timeout=to_seconds(action.timeout))
    except otpy.ChangeCodeFailed as error:
        reason = error.reason
        match reason:
            case (str(tag), ("change_code", _, *rest)):
                reason = (tag, ("change_code", "$module", *rest))
            case _:
                pass
        return ["error", world.journal.writer.form(reason)]
    return "ok"
