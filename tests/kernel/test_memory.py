"""What an idle process costs."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import otpy
from tests.support import inside

COUNT = 20_000
BYTES = 1200


class Idle(otpy.GenServer[None]):
    """Does nothing."""

    def init(self, arg: object) -> otpy.Ok[None]:
        """Start with nothing."""
        return otpy.Ok(None)

    def handle_call(self, request: object, from_: otpy.From, state: None) -> Any:
        """Answer."""
        return otpy.Reply(request, state)


def bytes_each(start: Any) -> float:
    """Return what each of many processes takes, measured by what Python has allocated."""
    start()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        pids = [start() for _ in range(COUNT)]
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / len(pids)
    finally:
        tracemalloc.stop()


@inside
def test_an_idle_server_takes_little() -> None:
    """The goal of the issue: no thread, no greenlet, no mailbox before there is something for them."""
    assert bytes_each(Idle.start) < BYTES


@inside
def test_a_server_that_has_answered_is_small_again() -> None:
    """It keeps its mailbox, which is what it costs to have had a message."""

    def start() -> otpy.Pid:
        pid = Idle.start()
        otpy.call(pid, "hello")
        return pid

    assert bytes_each(start) < BYTES + 800


@inside
def test_the_dead_take_nothing_but_their_pid() -> None:
    """Millions of processes may come and go."""

    def start_and_stop() -> None:
        pid = Idle.start()
        otpy.exit(pid, otpy.Kill())

    assert bytes_each(start_and_stop) < 50
