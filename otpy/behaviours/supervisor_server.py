"""The process of a supervisor, whatever its kind of children: requests, exits, retries, the end.

Source: OTP supervisor.erl, the gen_server callbacks.
"""

from __future__ import annotations

from typing import Any

import msgspec

from otpy.behaviours.children_state import Children, TryAgain
from otpy.behaviours.gen import call
from otpy.behaviours.gen_server import Server
from otpy.behaviours.results import NoReply, Reply, Stop
from otpy.behaviours.supervisor_reports import log
from otpy.errors import SupervisorError
from otpy.kernel.here import current
from otpy.kernel.messages import Exit
from otpy.kernel.primitives import Dest
from otpy.kernel.reasons import Reason, Shutdown


class Request(msgspec.Struct, frozen=True):
    """Asks for one method of Children, and the answer is what that returns."""

    def answer(self, children: Children) -> Any:
        """Return what the caller gets; a SupervisorError is raised there."""
        raise NotImplementedError


class StartChild(Request, frozen=True):
    """Add and start a child: *what* has its spec, or the extra arguments for simple_one_for_one."""

    what: tuple[Any, ...]

    def answer(self, children: Children) -> Any:
        """See Request."""
        return children.start_child(self.what)


class TerminateChild(Request, frozen=True):
    """End the child *name* (an id or a pid)."""

    name: Any

    def answer(self, children: Children) -> Any:
        """See Request."""
        return children.terminate_child(self.name)


class RestartChild(Request, frozen=True):
    """Start the child *name*, which does not run."""

    name: Any

    def answer(self, children: Children) -> Any:
        """See Request."""
        return children.restart_child(self.name)


class DeleteChild(Request, frozen=True):
    """Forget the child *name*, which does not run."""

    name: Any

    def answer(self, children: Children) -> Any:
        """See Request."""
        return children.delete_child(self.name)


class GetChildspec(Request, frozen=True):
    """Return the spec of the child *name*."""

    name: Any

    def answer(self, children: Children) -> Any:
        """See Request."""
        return children.get_childspec(self.name)


class WhichChildren(Request, frozen=True):
    """List the children."""

    def answer(self, children: Children) -> Any:
        """See Request."""
        return children.which_children()


class CountChildren(Request, frozen=True):
    """Count the children."""

    def answer(self, children: Children) -> Any:
        """See Request."""
        return children.count_children()


def ask(server: Dest, request: Request) -> Any:
    """Ask a supervisor, however long a child takes to start or end; raise what it refuses with."""
    answer = call(server, request, timeout=None)
    if isinstance(answer, SupervisorError):
        raise answer
    return answer


class SupervisorServer(Server[Children]):
    """What Supervisor and DynamicSupervisor share; they add `_init` and `code_change`."""

    __slots__ = ()

    supervises = True

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Refuse a class that could not run as it says."""
        super().__init_subclass__(**arguments)
        if cls.runs_on == "asyncio":
            msg = (
                f'{cls.__qualname__}.runs_on is "asyncio", but a supervisor waits while its children start and end, '
                'and would block the event loop: leave it on the "scheduler"; its children may run on the loop'
            )
            raise TypeError(msg)

    def handle_call(self, request: Any, from_: object, state: Children) -> Reply[Any, Children] | NoReply[Children]:
        """Answer a request; a SupervisorError is an answer too, raised at the caller."""
        if isinstance(request, Request):
            return Reply(request.answer(state), state)
        log.error("%r: %r asked for what no supervisor does: %r", current(), from_, request)
        return NoReply(state)

    def handle_info(self, message: Any, state: Children) -> NoReply[Children] | Stop[Children]:
        """Take the end of a child, or go on with a restart."""
        match message:
            case Exit(pid, reason):
                goes_on = state.ended(pid, reason)  # type: ignore[arg-type]
            case TryAgain(name):
                goes_on = state.try_again(name)
            case _:
                log.error("%r: unexpected message %r", current(), message)
                goes_on = True
        return NoReply(state) if goes_on else Stop(Shutdown(), state)

    def handle_cast(self, request: Any, state: Children) -> NoReply[Children]:
        """Nothing is cast to a supervisor: note it and go on."""
        log.error("%r: unexpected cast %r", current(), request)
        return NoReply(state)

    def terminate(self, reason: Reason, state: Children) -> None:
        """End all children."""
        state.end_all()
