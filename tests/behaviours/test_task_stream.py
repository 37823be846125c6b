"""Streams of tasks: order, how many run, timeouts, failures, and leaving early."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import otpy
from otpy import Done, Exited, Task, TaskStream, TaskSupervisor
from otpy.behaviours.tasks.hub import Hub
from otpy.behaviours.tasks.stream import Order
from tests.support import HandClock, eventually, eventually_outside, get, inside, outside, reason_of


def double(value: int) -> int:
    """Return twice the value."""
    return 2 * value


def obey(pid: otpy.Pid) -> Any:
    """Say who runs, and return what is sent then; an exit reason ends it."""
    otpy.send(pid, otpy.self_pid())
    order = get(timeout=None)
    if isinstance(order, Exited):
        raise otpy.ExitProcess(order.reason)
    return order


def hold(_value: object) -> None:
    """Wait for ever."""
    otpy.receive(lambda _: False)


def hubs() -> list[otpy.Pid]:
    """Return the processes of streams that are under way."""
    return [pid for pid in otpy.processes() if isinstance(getattr(pid, "actor", None), Hub)]


def nothing_is_left() -> None:
    """Check that the running process has neither messages nor links nor monitors of a stream, and that none lives."""
    assert otpy.flush() == []
    info = otpy.process_info(otpy.self_pid())
    assert info is not None
    assert (info.links, info.monitors) == ((), ())
    eventually(lambda: hubs() == [])


# -- results ---------------------------------------------------------------------------------------


# case: task_test.exs: async_stream/2
@inside
def test_results_come_in_the_order_of_the_inputs() -> None:
    """Each of them as Done; further arguments go to each task."""
    assert list(Task.async_stream(range(5), double)) == [Done(value) for value in (0, 2, 4, 6, 8)]
    assert list(Task.async_stream([3, 2], pow, 2, max_concurrency=1)) == [Done(9), Done(4)]
    assert list(Task.async_stream([], double)) == []
    nothing_is_left()


# case: task_test.exs: async_stream/2
@inside
def test_unordered_results_come_as_they_get_ready() -> None:
    """The slow one holds nobody up."""
    me = otpy.self_pid()

    def consume(ordered: bool) -> None:
        otpy.send(me, [*Task.async_stream([me] * 2, obey, ordered=ordered, max_concurrency=2)])

    for ordered, expected in ((False, ["b", "a"]), (True, ["a", "b"])):
        otpy.spawn(consume, ordered)
        first, second = get(), get()
        otpy.send(second, "b")
        reason_of(second)
        otpy.send(first, "a")
        assert get() == [Done(value) for value in expected]


# case: task_test.exs: async_stream/2
@inside
def test_no_more_tasks_run_at_a_time_than_were_asked_for() -> None:
    """A task that ends makes room for the next, also one that is not first in the order."""
    me = otpy.self_pid()
    otpy.spawn(lambda: otpy.send(me, len([*Task.async_stream([me] * 5, obey, max_concurrency=2, timeout=None)])))
    running = {get(), get()}
    for _ in range(3):
        assert otpy.flush() == []
        otpy.send(running.pop(), "go on")
        running.add(get())
    for pid in running:
        otpy.send(pid, "go on")
    assert get() == 5


# case: task_test.exs: async_stream/2
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_concurrency": 0}, "give 1 or more"),
        ({"max_concurrency": -1}, "give 1 or more"),
        ({"max_concurrency": 1.5}, "a whole number"),
        ({"max_concurrency": True}, "a whole number"),
        ({"on_timeout": "die"}, '"exit" or "kill_task"'),
        ({"ordered": 1}, "ordered is 1; give True or False"),
        ({"zip_input_on_exit": None}, "zip_input_on_exit is None"),
        ({"runs_on": "moon"}, "runs_on is 'moon'"),
        ({"max_concurency": 1}, "no option max_concurency; give some of max_concurrency, ordered"),
    ],
)
@inside
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], error: str) -> None:
    """When the stream is made, and not when somebody iterates."""
    with pytest.raises((TypeError, ValueError), match=error):
        Task.async_stream([1], double, **options)
    with pytest.raises((TypeError, ValueError), match=error):
        TaskSupervisor.async_stream("sup", [1], double, **options)


@inside
def test_what_is_no_iterable_is_refused() -> None:
    """As above."""
    nothing: Any = 1
    with pytest.raises(TypeError, match="takes its inputs from an iterable"):
        Task.async_stream(nothing, double)


# case: task_test.exs: async_stream/2
@inside
def test_inputs_are_taken_as_there_is_room() -> None:
    """So they may be endless; and nothing runs before somebody iterates, nor ahead of who does not go on."""
    taken: list[int] = []

    def inputs() -> Iterator[int]:
        for number in itertools.count():
            taken.append(number)
            yield number

    stream = Task.async_stream(inputs(), double, max_concurrency=2)
    assert taken == []
    outcomes = iter(stream)
    assert next(outcomes) == Done(0)
    assert taken == [0, 1]
    assert [next(outcomes) for _ in range(3)] == [Done(2), Done(4), Done(6)]
    assert len(taken) <= 5
    del outcomes
    nothing_is_left()


@inside
def test_a_stream_runs_anew_each_time() -> None:
    """It is a recipe, as a list of inputs is."""
    stream = Task.async_stream([1, 2], double)
    assert list(stream) == list(stream) == [Done(2), Done(4)]
    assert "double" in repr(stream)


# case: task_test.exs: async_stream/2
@inside
def test_a_stream_belongs_to_who_iterates() -> None:
    """It can be made in one process and consumed in another: callers, links and messages are those of the latter."""
    stream: TaskStream[Any] = Task.async_stream([0], lambda _: Task.callers())
    consumer = Task.async_(lambda: (otpy.self_pid(), [*stream]))
    pid, outcomes = consumer.await_()
    assert outcomes == [Done((pid, otpy.self_pid()))]
    nothing_is_left()


# -- timeouts --------------------------------------------------------------------------------------


def with_late_tasks(consume: Callable[[], Any], *, late: int) -> Any:
    """Run *consume* as a task on a clock of its own, and let five seconds pass when *late* tasks hold on."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        otpy.trap_exit(True)
        task = Task.async_(consume)

        def holding() -> int:
            infos = [otpy.process_info(pid) for pid in otpy.processes()]
            return sum(info.status == "waiting" and info.label == "hold" for info in infos if info is not None)

        eventually_outside(lambda: holding() == late)
        clock.advance(5.0, runtime)
        try:
            return task.await_(None)
        finally:
            eventually_outside(lambda: hubs() == [])
            otpy.trap_exit(False)


# case: task_test.exs: async_stream/2
def test_a_late_task_ends_the_stream() -> None:
    """The others are ended with it, and no message is left."""

    def consume() -> Any:
        with pytest.raises(otpy.TaskTimeout) as caught:
            list(Task.async_stream([1, 2], hold, max_concurrency=2))
        return caught.value.timeout, otpy.flush()

    assert with_late_tasks(consume, late=2) == (5.0, [])


# case: task_test.exs: async_stream/2
@pytest.mark.parametrize("ordered", [True, False])
def test_a_late_task_may_be_killed_instead(ordered: bool) -> None:
    """The stream goes on, with the timeout in its place; that is so for linked tasks, too."""

    def consume() -> Any:
        options: Any = {"max_concurrency": 3, "on_timeout": "kill_task", "ordered": ordered, "zip_input_on_exit": True}
        return [*Task.async_stream(range(3), hold_one, **options)], otpy.flush()

    def hold_one(value: int) -> Any:
        if value == 1:
            otpy.set_label("hold")
            hold(value)
        return value

    outcomes, left = with_late_tasks(consume, late=1)
    assert left == []
    late = next(outcome for outcome in outcomes if isinstance(outcome, Exited))
    assert late.reason[0] == 1
    assert isinstance(late.reason[1], otpy.TaskTimeout)
    assert [outcome for outcome in outcomes if outcome is not late] == [Done(0), Done(2)]
    assert outcomes.index(late) == (1 if ordered else 2)


# -- failures --------------------------------------------------------------------------------------


def fail(value: int) -> int:
    """Fail for 1."""
    return 1 // (value - 1)


# case: task_test.exs: async_stream/2
@inside
def test_a_task_that_fails_takes_who_iterates_along() -> None:
    """By the link; where exits are trapped it is an error, with what was raised as cause, and no message is left."""
    reason = reason_of(otpy.spawn(lambda: list(Task.async_stream(range(3), fail))))
    assert isinstance(reason, otpy.Crash)
    assert isinstance(reason.error, ZeroDivisionError)
    otpy.trap_exit(True)
    stream = Task.async_stream(range(3), fail)
    with pytest.raises(otpy.TaskExited) as caught:
        list(stream)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.task is stream
    nothing_is_left()


# case: task_test.exs: async_stream/2
@inside
def test_a_task_that_exits_normally_without_a_result_is_an_exit_in_its_place() -> None:
    """Nobody is taken along by a normal end."""

    def leave(value: int) -> int:
        raise otpy.ExitProcess(otpy.Normal())

    assert list(Task.async_stream([7], leave, zip_input_on_exit=True)) == [Exited((7, otpy.Normal()))]


# case: task_test.exs: async_stream/2
@inside
def test_the_end_of_who_iterates_ends_the_tasks() -> None:
    """However it ends: nobody wants their results any more."""
    me = otpy.self_pid()
    for reason in ("gone", otpy.Kill(), otpy.Shutdown()):
        consumer = otpy.spawn(lambda: list(Task.async_stream([me, me], obey, max_concurrency=2)))
        tasks = [get(), get()]
        otpy.exit(consumer, reason)
        for task in tasks:
            reason_of(task)
    consumer = otpy.spawn(lambda: (iter_once(me), otpy.receive(lambda _: False)))
    task = get()
    otpy.exit(consumer, otpy.Normal())
    otpy.send(task, 1)
    reason_of(task)
    otpy.exit(consumer, otpy.Kill())


def iter_once(pid: otpy.Pid) -> Any:
    """Take the first of two."""
    return next(iter(Task.async_stream([pid, pid], obey, max_concurrency=1)))


@inside
def test_an_input_that_raises_ends_the_stream_with_that_error() -> None:
    """It is raised in who iterates, where the inputs come from."""

    def inputs() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        list(Task.async_stream(inputs(), hold, max_concurrency=2))
    nothing_is_left()


@inside
def test_inputs_that_cannot_be_iterated_after_all_leave_nothing() -> None:
    """What an `__iter__` raises is raised, and nobody has been started."""

    class Inputs:
        def __iter__(self) -> Iterator[int]:
            raise OSError("closed")

    with pytest.raises(OSError, match="closed"):
        list(Task.async_stream(Inputs(), double))
    nothing_is_left()


@outside
def test_a_plain_thread_gets_the_error_of_a_failed_task_once() -> None:
    """As with a task that it awaits."""
    for _ in range(50):
        with pytest.raises(otpy.TaskExited) as caught:
            list(Task.async_stream(range(3), fail))
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert list(Task.async_stream([1], double)) == [Done(2)]


# -- leaving early ---------------------------------------------------------------------------------


# case: task_test.exs: async_stream/2
@inside
def test_who_leaves_early_ends_the_tasks_that_are_not_needed() -> None:
    """They are dead when the loop has been left, and nothing of them is in the mailbox."""
    me = otpy.self_pid()

    def one_answers(value: int) -> int:
        if value:
            obey(me)
        return value

    for leave in (False, True):
        tasks: list[Any] = []
        with pytest.raises(OSError, match="enough") if leave else contextlib.nullcontext():
            for outcome in Task.async_stream(itertools.count(), one_answers, max_concurrency=3):
                assert outcome == Done(0)
                tasks = [get(), get()]
                if leave:
                    raise OSError("enough")
                break
        assert [otpy.is_alive(task) for task in tasks] == [False, False]
        nothing_is_left()


@inside
def test_a_stream_that_the_collector_finds_is_closed_without_waiting() -> None:
    """It may come at any moment, in any process, where nobody may wait."""

    def ring() -> None:
        outcomes = iter(Task.async_stream([1, 2], double, max_concurrency=2))
        next(outcomes)
        kept: list[Any] = [outcomes]
        kept.append(kept)

    gc.disable()
    try:
        ring()
        assert len(hubs()) == 1
    finally:
        gc.enable()
    gc.collect()
    eventually(lambda: hubs() == [])


# -- on an event loop ------------------------------------------------------------------------------


# case: task_test.exs: async_stream/2
def test_a_coroutine_iterates_with_async_for() -> None:
    """On any loop, with the same rules: order, endless inputs, errors, and an early end."""

    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value

    async def main() -> None:
        assert [outcome async for outcome in Task.async_stream(range(5), later)] == [Done(n) for n in range(5)]
        assert [outcome async for outcome in Task.async_stream([3], double)] == [Done(6)]
        stream = Task.async_stream(itertools.count(), later)
        outcomes = aiter(stream)
        assert [await anext(outcomes), await anext(outcomes)] == [Done(0), Done(1)]
        await outcomes.aclose()  # type: ignore[attr-defined]
        with pytest.raises(otpy.TaskExited) as caught:
            async for _ in Task.async_stream(range(3), fail):
                pass
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert otpy.flush() == []

    class Server(otpy.GenServer[None]):
        runs_on = "asyncio"

        def init(self, arg: Any) -> Any:
            otpy.trap_exit(True)
            return otpy.Ok(None)

        async def handle_call(self, request: Any, from_: Any, state: None) -> Any:
            await main()
            return otpy.Reply("done", state)

    with otpy.runtime():
        asyncio.run(main())
        assert otpy.call(Server.start(), "run", timeout=20.0) == "done"
        eventually_outside(lambda: hubs() == [])


def test_a_stream_that_is_cancelled_leaves_no_process() -> None:
    """A web framework cancels whenever a client goes away."""

    async def main() -> None:
        for _ in range(20):
            task = asyncio.ensure_future(collect())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    async def collect() -> None:
        async for _ in Task.async_stream(itertools.count(), double):
            pass

    with otpy.runtime():
        asyncio.run(main())
        eventually_outside(lambda: hubs() == [])


# -- what is decided -------------------------------------------------------------------------------


def test_the_order_gives_what_it_can_and_no_more() -> None:
    """In order, what is ready waits for what comes before it."""
    order = Order("abc", 2, is_ordered=True, zips=False)
    assert [each.position for each in order.begins()] == [0, 1]
    order.finish([(1, Done("B"))])
    assert list(order.outcomes()) == []
    assert [each.given for each in order.begins()] == ["c"]
    order.finish([(0, Exited("no"))])
    assert list(order.outcomes()) == [Exited("no"), Done("B")]
    assert not order.is_over
    order.finish([(2, Done("C"))])
    assert list(order.outcomes()) == [Done("C")]
    assert list(order.begins()) == []
    assert order.is_over
