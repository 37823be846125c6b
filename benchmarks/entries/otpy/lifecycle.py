"""Start, restart and idling of otpy's servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import otpy
from benchmarks.entries.otpy.servers import Counter, rate
from benchmarks.entries.shape import RESTARTS, idle, resident, restarts, warm_up
from benchmarks.values import Contest, Figure


def spawn(size: int) -> Figure:
    """Children of a dynamic supervisor."""

    def main() -> Figure:
        supervisor = otpy.DynamicSupervisor.start_link()

        def start(count: int) -> None:
            for _ in range(count):
                otpy.dynamic_supervisor.start_child(supervisor, Counter.child_spec(0))

        return rate(start, size)

    return otpy.run(main)


def task(size: int) -> Figure:
    """Tasks, each a linked and monitored process of its own."""

    def main() -> Figure:
        def run(count: int) -> None:
            for _ in range(count):
                otpy.Task.async_(int).await_()

        return rate(run, size)

    return otpy.run(main)


def memory(size: int) -> Figure:
    """Idle servers."""

    def main() -> Figure:
        before = resident()
        pids = [Counter.start(index) for index in range(size)]
        return idle(len(pids), before)

    return otpy.run(main)


def million(size: int) -> Figure:
    """The seconds to spawn them all, and the whole resident set with them."""

    def main() -> Figure:
        begun = time.perf_counter()
        pids = [Counter.start(index) for index in range(size)]
        seconds = time.perf_counter() - begun
        assert otpy.call(pids[-1], "get") == size - 1
        return Figure(seconds, {"resident MB": resident() / 1e6})

    return otpy.run(main)


class Child(otpy.GenServer[otpy.Pid]):
    """Announces that it lives, and crashes on demand."""

    def init(self, arg: otpy.Pid) -> otpy.Ok[otpy.Pid]:
        """Announce."""
        otpy.send(arg, "up")
        return otpy.Ok(arg)

    def handle_call(self, request: object, from_: otpy.From, state: otpy.Pid) -> otpy.Reply[object, otpy.Pid]:
        """Answer."""
        return otpy.Reply(request, state)

    def handle_cast(self, request: str, state: otpy.Pid) -> otpy.NoReply[otpy.Pid]:
        """Crash."""
        raise RuntimeError(request)


class Parent(otpy.Supervisor):
    """A supervisor of one named child, which may crash as often as it likes."""

    def init(self, arg: otpy.Pid) -> tuple[otpy.SupFlags, list[otpy.ChildSpec]]:
        """The child."""
        flags = otpy.SupFlags(intensity=RESTARTS, period=1.0)
        return flags, [Child.child_spec(arg, id="child", name="child")]


def _crash() -> None:
    otpy.cast("child", "crash")


def _kill() -> None:
    child = otpy.whereis("child")
    assert child is not None
    otpy.exit(child, otpy.Kill())


def _restarts(end: Callable[[], None], size: int) -> Figure:
    def once() -> float:
        begun = time.perf_counter()
        end()
        otpy.receive()
        otpy.call("child", "ping")
        return time.perf_counter() - begun

    def main() -> Figure:
        Parent.start_link(otpy.self_pid())
        otpy.receive()
        for _ in range(warm_up(size)):
            once()
        return restarts([once() for _ in range(size)])

    return otpy.run(main)


def restart(size: int) -> Figure:
    """A crash, the announcement of the next child, and its answer under the same name."""
    return _restarts(_crash, size)


def restart_kill(size: int) -> Figure:
    """As `restart`, by a kill from outside the child."""
    return _restarts(_kill, size)


CONTESTS: Final[Mapping[str, Contest]] = {
    "spawn": spawn,
    "task": task,
    "memory": memory,
    "million": million,
    "restart": restart,
    "restart-kill": restart_kill,
}
