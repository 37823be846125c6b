"""Start, restart, idling and fairness of pykka's actors."""

from __future__ import annotations

import time
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any, Final

import pykka

from benchmarks.entries.pykka.actors import Counter, Ref, inside
from benchmarks.entries.shape import (
    HOGS,
    LIMIT,
    PAUSE,
    answers,
    burn,
    idle,
    per_second,
    resident,
    restarts,
    warm_up,
)
from benchmarks.values import Contest, Figure


def spawn(size: int) -> Figure:
    """Bare starts."""
    begun = time.perf_counter()
    for _ in range(size):
        Counter.start()
    figure = per_second(size, begun)
    pykka.ActorRegistry.stop_all(block=False)
    return figure


def memory(size: int) -> Figure:
    """Idle actors, each with its thread."""
    before = resident()
    refs = [Counter.start() for _ in range(size)]
    figure = idle(len(refs), before)
    pykka.ActorRegistry.stop_all(block=False)
    return figure


class Child(pykka.ThreadingActor):
    """Crashes on demand, and tells its supervisor of that."""

    def __init__(self, supervisor: Ref) -> None:
        super().__init__()
        self.supervisor = supervisor

    def on_receive(self, message: str) -> str:
        """Crash, or answer."""
        if message == "crash":
            raise RuntimeError(message)
        return message

    def on_failure(self, exception_type: object, exception_value: object, traceback: object) -> None:
        """Tell the supervisor."""
        self.supervisor.tell("down")


class Supervisor(pykka.ThreadingActor):
    """A supervisor by hand, of one child with a name."""

    def __init__(self, names: dict[str, Ref], up: SimpleQueue[None]) -> None:
        super().__init__()
        self.names = names
        self.up = up

    def on_receive(self, message: str) -> None:
        """Start the child, at first and after each death, and announce it."""
        self.names["child"] = Child.start(self.actor_ref)
        self.up.put(None)


def restart(size: int) -> Figure:
    """A crash, the announcement of the next child, and its answer under the same name."""
    names: dict[str, Ref] = {}
    up: SimpleQueue[None] = SimpleQueue()
    supervisor = Supervisor.start(names, up)
    supervisor.ask("start")
    up.get()

    def once() -> float:
        begun = time.perf_counter()
        names["child"].tell("crash")
        up.get()
        names["child"].ask("ping", timeout=LIMIT)
        return time.perf_counter() - begun

    for _ in range(warm_up(size)):
        once()
    figure = restarts([once() for _ in range(size)])
    pykka.ActorRegistry.stop_all()
    return figure


class Hog(pykka.ThreadingActor):
    """Burns CPU and tells itself to go on."""

    def on_receive(self, message: Any) -> None:
        """Burn."""
        burn()
        self.actor_ref.tell(message)


def fairness(size: int) -> Figure:
    """An actor that asks another while the hogs burn."""
    echo = Counter.start()
    for _ in range(HOGS):
        Hog.start().tell("burn")

    def main() -> Figure:
        seconds: list[float] = []
        end = time.perf_counter() + size / 1e3
        while (begun := time.perf_counter()) < end:
            echo.ask("get")
            seconds.append(time.perf_counter() - begun)
            time.sleep(PAUSE)
        return answers(seconds)

    return inside(main)


CONTESTS: Final[Mapping[str, Contest]] = {
    "spawn": spawn,
    "memory": memory,
    "restart": restart,
    "fairness": fairness,
}
