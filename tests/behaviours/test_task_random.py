"""Random streams of tasks beside what they should give, and random ends of tasks beside what is heard of them."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy import Done, Exited, Task, TaskReply, TaskSupervisor
from otpy.behaviours.tasks.hub import Hub
from tests.support import eventually, inside, reason_of

SEEDS = range(20)

Fate = tuple[str, Any]


def live(fate: Fate) -> Any:
    """Do what the fate says."""
    what, value = fate
    for _ in range(value % 3):
        otpy.sleep(0)
    match what:
        case "value":
            return value
        case "raise":
            raise ValueError(value)
        case "exit":
            raise otpy.ExitProcess(value)
        case "kill":
            otpy.exit(otpy.self_pid(), otpy.Kill())
        case _:
            pass
    return otpy.receive(lambda _: False)


def expected(fate: Fate) -> Any:
    """Return what comes of it, so that it can be compared."""
    what, value = fate
    return {"value": ("done", value), "raise": ("raised", value), "kill": otpy.Killed()}.get(what, value)


def seen(outcome: Any) -> Any:
    """Return an outcome so that it can be compared."""
    match outcome:
        case Done(value):
            return "done", value
        case Exited(otpy.Crash(error)):
            return "raised", error.args[0]
        case Exited(reason):
            return reason
        case _:
            return outcome


def fates(rng: random.Random, *kinds: str) -> list[Fate]:
    """Return some fates of these kinds."""
    return [(rng.choice(kinds), rng.randrange(1000)) for _ in range(rng.randrange(1, 12))]


def nothing_is_left(*kept: otpy.Pid) -> None:
    """Check that the running process has no messages, and no links but with *kept*."""
    assert otpy.flush() == []
    info = otpy.process_info(otpy.self_pid())
    assert info is not None
    assert set(info.links) == set(kept)
    assert info.monitors == ()
    eventually(lambda: not [p for p in otpy.processes() if isinstance(getattr(p, "actor", None), Hub)])


@pytest.mark.parametrize("seed", SEEDS)
@inside
def test_a_random_stream_gives_what_its_tasks_came_to(seed: int) -> None:
    """In order or not, whole or left early, however many at a time; and nothing of it is left."""
    rng = random.Random(seed)  # noqa: S311 - a game
    supervisor = TaskSupervisor.start_link()
    otpy.trap_exit(rng.choice([True, False]))
    for _ in range(5):
        inputs = fates(rng, "value", "raise", "exit", "kill")
        ordered, limit = rng.choice([True, False]), rng.randrange(1, 6)
        stream = TaskSupervisor.async_stream_nolink(
            supervisor, inputs, live, ordered=ordered, max_concurrency=limit, timeout=None
        )
        stop = rng.randrange(1, len(inputs) + 1)
        got = []
        for outcome in stream:
            got.append(seen(outcome))
            if len(got) == stop:
                break
        wanted = [expected(fate) for fate in inputs]
        if ordered:
            assert got == wanted[:stop]
        else:
            assert all(got.count(each) <= wanted.count(each) for each in got)
        eventually(lambda: TaskSupervisor.children(supervisor) == [])
        nothing_is_left(supervisor)


@pytest.mark.parametrize("seed", SEEDS)
@inside
def test_random_tasks_are_heard_of_once(seed: int) -> None:
    """By whichever question; whoever has heard of a task finds no more messages of it."""
    rng = random.Random(seed)  # noqa: S311 - a game
    supervisor = TaskSupervisor.start_link()
    asks: list[Callable[[Task[Any]], Any]] = [
        lambda task: task.yield_(None),
        lambda task: Task.yield_many([task], None)[0][1],
        _heard,
        lambda task: dead(task).ignore(),
        lambda task: dead(task).shutdown(),
    ]
    for _ in range(10):
        given = fates(rng, "value", "raise", "exit", "kill")
        tasks = [TaskSupervisor.async_nolink(supervisor, live, fate) for fate in given]
        order = list(range(len(tasks)))
        rng.shuffle(order)
        got = {number: seen(rng.choice(asks)(tasks[number])) for number in order}
        assert [got[number] for number in range(len(tasks))] == [expected(fate) for fate in given]
        nothing_is_left(supervisor)


@pytest.mark.parametrize("seed", SEEDS)
@inside
def test_random_tasks_that_are_given_up_leave_nothing(seed: int) -> None:
    """By a timeout, by a shutdown, or ignored, at whatever moment."""
    rng = random.Random(seed)  # noqa: S311 - a game
    supervisor = TaskSupervisor.start_link()
    for _ in range(10):
        given = fates(rng, "value", "raise", "exit", "kill", "never")
        for task in [TaskSupervisor.async_nolink(supervisor, live, fate) for fate in given]:
            match rng.choice(["timeout", "shutdown", "kill", "ignore"]):
                case "timeout":
                    with contextlib.suppress(otpy.TaskError):
                        task.await_(0)
                case "shutdown":
                    task.shutdown(rng.choice([0, 5.0]))
                case "kill":
                    task.shutdown("brutal_kill")
                case _:
                    task.ignore()
            if task.pid is not None:
                otpy.exit(task.pid, otpy.Kill())
                reason_of(task.pid)
        nothing_is_left(supervisor)


def _heard(task: Task[Any]) -> Any:
    """Take the messages of a task as a server would."""
    match otpy.receive(lambda message: getattr(message, "ref", None) is task.ref):
        case TaskReply(_, value):
            assert isinstance(otpy.receive(lambda m: isinstance(m, otpy.Down) and m.ref is task.ref), otpy.Down)
            return Done(value)
        case otpy.Down(_, _, reason):
            return Exited(reason)
        case message:
            raise AssertionError(message)


def dead(task: Task[Any]) -> Task[Any]:
    """Wait until the process of *task* is dead, and return the task."""
    assert task.pid is not None
    reason_of(task.pid)
    return task
