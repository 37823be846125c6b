"""Start, restart, idling and fairness of fauxtp's servers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint
from fauxtp import PID, ChildSpec, GenServer, Registry, Supervisor, call, cast
from fauxtp.primitives.pid import Ref

from benchmarks.entries.fauxtp.servers import Counter, Given, inside, rate
from benchmarks.entries.shape import HOGS, PATIENCE, PAUSE, answers, burn, idle, resident, restarts, warm_up
from benchmarks.values import Contest, Figure

Ups = deque[anyio.Event]


class Announcing(Given[anyio.Event]):
    """Sets an event when it lives."""

    async def init(self) -> anyio.Event:
        """Announce."""
        self.given.set()
        return self.given


class Parent(GenServer[Any, None]):
    """Starts as many children as it is told to, one after the other, and hears of their exits."""

    async def init(self) -> None:
        """Nothing to hold."""

    async def handle_call(self, request: Any, from_ref: Ref, state: None) -> tuple[Any, None]:
        """Start."""

        async def heard(_pid: PID, _reason: str) -> None:
            pass

        for _ in range(request):
            up = anyio.Event()
            await self.spawn_child_actor(Announcing, up, on_exit=heard)
            await up.wait()
        return "started", None


def spawn(size: int) -> Figure:
    """Children of an actor, each initialised before the next is started."""

    async def main(group: TaskGroup) -> Figure:
        parent = await Parent.start(task_group=group)

        async def start(count: int) -> None:
            await call(parent, count, timeout=PATIENCE)

        return await rate(start, size)

    return inside(main)


def memory(size: int) -> Figure:
    """Idle servers."""

    async def main(group: TaskGroup) -> Figure:
        before = resident()
        pids = [await Counter.start(task_group=group) for _ in range(size)]
        await call(pids[-1], "get")
        return idle(len(pids), before)

    return inside(main)


class Child(Given[Ups]):
    """Sets the event that it finds, and crashes on demand."""

    async def init(self) -> Ups:
        """Announce."""
        self.given.pop().set()
        return self.given

    async def handle_call(self, request: Any, from_ref: Ref, state: Ups) -> tuple[Any, Ups]:
        """Answer."""
        return request, state

    async def handle_cast(self, request: Any, state: Ups) -> Ups:
        """Crash."""
        raise RuntimeError(request)


def restart(size: int) -> Figure:
    """A crash, the announcement of the next child, and its answer under the same name."""

    async def main(group: TaskGroup) -> Figure:
        registry = await Registry.start(task_group=group)
        up = anyio.Event()
        ups = deque([up])
        spec = ChildSpec(actor=Child, name="child", args=(ups,))
        await Supervisor.start([spec], registry=registry, task_group=group)
        await up.wait()

        async def once() -> float:
            begun = time.perf_counter()
            child: PID = await call(registry, ("get", "child"))
            up = anyio.Event()
            ups.append(up)
            await cast(child, "crash")
            await up.wait()
            new: PID = await call(registry, ("get", "child"))
            assert new != child
            await call(new, "ping")
            return time.perf_counter() - begun

        for _ in range(warm_up(size)):
            await once()
        return restarts([await once() for _ in range(size)])

    return inside(main)


class Hog(GenServer[Any, None]):
    """Burns CPU and tells itself to go on."""

    async def init(self) -> None:
        """Nothing to hold."""

    async def handle_cast(self, request: Any, state: None) -> None:
        """Burn. Without the checkpoint its mailbox would never be empty, and nobody else would ever have a turn."""
        burn()
        await checkpoint()
        await cast(self.pid, request)


def fairness(size: int) -> Figure:
    """A coroutine that calls a server while the hogs burn."""

    async def main(group: TaskGroup) -> Figure:
        echo = await Counter.start(task_group=group)
        for _ in range(HOGS):
            await cast(await Hog.start(task_group=group), "burn")
        seconds: list[float] = []
        end = time.perf_counter() + size / 1e3
        while (begun := time.perf_counter()) < end:
            await call(echo, "get", timeout=PATIENCE)
            seconds.append(time.perf_counter() - begun)
            await anyio.sleep(PAUSE)
        return answers(seconds)

    return inside(main)


CONTESTS: Final[Mapping[str, Contest]] = {
    "spawn": spawn,
    "memory": memory,
    "restart": restart,
    "fairness": fairness,
}
