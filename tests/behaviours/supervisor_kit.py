"""What the tests of supervisors share: a runtime whose clock jumps, and a worker that does as it is told."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, final

from otpy.behaviours import gen
from otpy.behaviours.child_spec import ChildSpec
from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import NoReply, Ok, Reply, Stop
from otpy.behaviours.supervisor import which_children
from otpy.kernel.clock import FOREVER
from otpy.kernel.messages import Down
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import exit as send_exit
from otpy.kernel.primitives import monitor, receive, trap_exit
from otpy.kernel.reasons import Kill
from otpy.kernel.runtime import run, runtime
from tests.support import all_wait

P = ParamSpec("P")

_LOOK_AGAIN = 0.0005  # seconds of real time


@final
class JumpingClock:
    """When all processes wait, it is at once the moment that the first of them waits for: waiting costs no time.

    That the scheduler has nothing to run does not tell it: a handler that the machine holds up runs on beside it.
    """

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Return the seconds that were waited for."""
        return self._now

    def wait_for(self, moment: float) -> float:
        """Make it *moment*."""
        if moment == FOREVER:
            return -1
        if not all_wait():
            return _LOOK_AGAIN
        self._now = max(self._now, moment)
        return 0.0


def inside(test: Callable[P, None]) -> Callable[P, None]:
    """Run a test as a process of a runtime of its own."""

    @functools.wraps(test)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        def main() -> None:
            test(*args, **kwargs)

        with runtime(clock=JumpingClock()):
            run(main)

    return wrapper


@dataclass
class Plan:
    """What a worker does. `starts` are results of `init`, one an attempt; after the last one it is Ok."""

    name: str
    log: list[tuple[str, ...]] = field(default_factory=list)
    starts: list[Any] = field(default_factory=list)
    trap: bool = True
    ending: Callable[[], object] = lambda: None

    def spec(self, **changed: Any) -> ChildSpec:
        """Return a child spec of a worker with this plan."""
        return Worker.child_spec(self, id=self.name, **changed)


class Worker(GenServer[Plan]):
    """Writes into the log of its plan when it starts and when it ends."""

    def init(self, arg: Plan) -> Any:
        """Begin as planned."""
        trap_exit(arg.trap)
        arg.log.append(("start", arg.name))
        return arg.starts.pop(0) if arg.starts else Ok(arg)

    def handle_call(self, request: Any, from_: object, state: Plan) -> Reply[Any, Plan]:
        """Give the request back."""
        return Reply(request, state)

    def handle_cast(self, request: Any, state: Plan) -> Stop[Plan]:
        """End with the request as reason; raise it if it is an error."""
        if isinstance(request, Exception):
            raise request
        return Stop(request, state)

    def handle_info(self, message: object, state: Plan) -> NoReply[Plan]:
        """Ignore it."""
        return NoReply(state)

    def terminate(self, reason: object, state: Plan) -> None:
        """End as planned."""
        state.log.append(("end", state.name, repr(reason)))
        state.ending()


def plans(names: str, **same: Any) -> list[Plan]:
    """Return a plan for each letter; all write into one log."""
    log: list[tuple[str, ...]] = []
    return [Plan(name, log, **same) for name in names]


def pids(supervisor: Any) -> dict[Any, Any]:
    """Return the children by id, in start order."""
    return {info.id: info.child for info in reversed(which_children(supervisor))}


def kill(pid: Any) -> None:
    """Kill *pid* and wait until it is dead."""
    ref = monitor(pid)
    send_exit(pid, Kill())
    await_down(ref)


def end(pid: Any, reason: Any) -> None:
    """Have a worker end itself with *reason* (raise it, if it is an error) and wait until it is dead."""
    ref = monitor(pid)
    gen.cast(pid, reason)
    await_down(ref)


def await_down(ref: object) -> Any:
    """Wait for the death that is watched by *ref* and return the reason."""
    return receive(lambda message: isinstance(message, Down) and message.ref is ref, timeout=10).reason


def exit_reason(pid: Pid) -> Any:
    """Wait until *pid* is dead; return why it is."""
    ref = monitor(pid)
    reason = await_down(ref)
    return getattr(pid, "exit_reason", reason)
