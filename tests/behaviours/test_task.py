"""Task: one function as a process, and its result. Streams are in test_task_stream.py."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy import Done, Exited, Task, TaskReply
from otpy.kernel.here import here
from tests.support import HandClock, Listener, eventually, get, inside, outside, python, reason_of

BAD_TIMEOUTS: list[Any] = [-1.0, float("nan"), True, "soon"]


class Boom(Exception):
    """What a task raises."""


def fail() -> Any:
    """Fail with an exception."""
    raise Boom


def leave(reason: Any) -> Any:
    """End with a reason."""
    raise otpy.ExitProcess(reason)


def hold() -> Any:
    """Wait for a message and return it."""
    return get(timeout=None)


def hold_on() -> None:
    """Wait until the end, whatever order comes."""
    otpy.trap_exit(True)
    otpy.send("test", "ready")
    otpy.receive(lambda _: False)


def is_linked(pid: otpy.Pid | None) -> bool:
    """Whether the running process is linked with *pid*."""
    info = otpy.process_info(otpy.self_pid())
    assert info is not None
    return pid in info.links


def is_monitoring(pid: otpy.Pid | None) -> bool:
    """Whether the running process monitors *pid*."""
    info = otpy.process_info(otpy.self_pid())
    assert info is not None
    return pid in info.monitors


def dead(task: Task[Any]) -> None:
    """Wait until the process of *task* is dead."""
    assert task.pid is not None
    reason_of(task.pid)


# -- starting --------------------------------------------------------------------------------------


# case: task_test.exs: child_spec
@inside
def test_a_task_is_temporary_unless_its_spec_says_otherwise() -> None:
    """A task that has done its work, or failed at it, is not tried again by itself."""
    assert Task.child_spec(hold).restart == "temporary"
    spec = Task.child_spec(otpy.send, otpy.self_pid(), "ran", id="x", restart="transient", shutdown=1.0)
    assert (spec.id, spec.restart, spec.shutdown) == ("x", "transient", 1.0)
    otpy.supervisor.start_link([spec])
    assert get() == "ran"


# case: task_test.exs: async
@inside
def test_a_task_is_linked_and_monitored_and_sends_its_result_before_its_end() -> None:
    """So that an owner which is a server gets all there is to know by messages."""
    task = Task.async_(hold)
    assert is_linked(task.pid)
    assert is_monitoring(task.pid)
    assert task.owner is otpy.self_pid()
    otpy.send(task.pid, "value")  # type: ignore[arg-type]
    assert get() == TaskReply(task.ref, "value") == (task.ref, "value")
    assert get() == otpy.Down(task.ref, task.pid, otpy.Normal())  # type: ignore[arg-type]


# case: task_test.exs: async
@inside
def test_a_task_knows_its_callers() -> None:
    """Who wanted it, and who wanted that one: what a log or a trace of work goes by."""
    me = otpy.self_pid()
    assert Task.callers() == ()
    inner, outer = Task.async_(lambda: (Task.async_(Task.callers).await_(), otpy.self_pid())).await_()
    assert inner == (outer, me)
    otpy.spawn(lambda: otpy.send(me, Task.callers()))
    assert get() == ()


# case: task_test.exs: start
# case: task_test.exs: start_link
@inside
def test_start_and_start_link_run_a_function_for_its_effects() -> None:
    """Linked with who starts it or not; nobody gets a result."""
    linked, free = Task.start_link(hold), Task.start(hold)
    assert (is_linked(linked), is_linked(free)) == (True, False)
    assert not is_monitoring(linked)
    for pid in (linked, free):
        otpy.send(pid, "go on")
        assert reason_of(pid) == otpy.Normal()
    assert otpy.flush() == []


# case: task_test.exs: completed/1
@inside
def test_a_completed_task_is_as_any_other() -> None:
    """For code that has the value already where a task is wanted."""
    assert Task.completed(1).await_() == 1
    assert Task.completed(None).yield_(0) == Done(None)
    assert Task.await_many([Task.completed(1), Task.async_(lambda: 2)]) == [1, 2]
    assert Task.completed(3).ignore() == Done(3)
    with pytest.raises(ValueError, match="has no process"):
        Task.completed(4).shutdown()
    otpy.flush()


@pytest.mark.parametrize(
    ("wrong", "options", "error"),
    [
        (1, {}, "is none"),
        (fail, {"runs_on": "moon"}, '"scheduler", "thread" or "asyncio"'),
        (fail, {"runs_on": "asyncio"}, "is no `async def`"),
        (asyncio.sleep, {"runs_on": "thread"}, "is an `async def`"),
    ],
)
@inside
def test_what_cannot_run_is_refused_where_it_is_given(wrong: Any, options: Any, error: str) -> None:
    """And not in a process that somebody waits for."""
    for start in (Task.async_, Task.start, Task.start_link, Task.child_spec):
        with pytest.raises((TypeError, ValueError), match=error):
            start(wrong, **options)


@inside
def test_the_crash_of_a_task_is_reported_with_what_it_ran() -> None:
    """Whoever reads the log sees which work failed, and for whom."""
    with Listener("process.crash") as listener:
        reason_of(Task.start(fail))
    (facts,) = listener.facts("process.crash")
    assert facts["report"] == {"function": fail, "args": (), "callers": (otpy.self_pid(),)}


# -- await -----------------------------------------------------------------------------------------


# case: task_test.exs: await/2
@inside
def test_a_task_that_is_too_slow_is_an_error_and_its_result_is_dropped() -> None:
    """No message of it is found in the mailbox later."""
    task = Task.async_(hold)
    with pytest.raises(otpy.TaskTimeout) as caught:
        task.await_(0)
    assert (caught.value.task, caught.value.timeout) == (task, 0)
    otpy.send(task.pid, "late")  # type: ignore[arg-type]
    dead(task)
    assert otpy.flush() == []


# case: task_test.exs: await/2
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (functools.partial(leave, otpy.Normal()), otpy.Normal()),
        (functools.partial(leave, otpy.Shutdown("why")), otpy.Shutdown("why")),
        (functools.partial(leave, "thrown"), "thrown"),
    ],
)
@inside
def test_a_task_that_exits_has_no_result(end: Callable[[], Any], reason: Any) -> None:
    """Whatever its reason, who awaits it hears that one."""
    otpy.trap_exit(True)
    with pytest.raises(otpy.TaskExited) as caught:
        Task.async_(end).await_()
    assert caught.value.reason == reason


# case: task_test.exs: await/2
@inside
def test_what_a_task_raised_is_the_cause_of_the_error() -> None:
    """Its traceback leads to the line that failed."""
    otpy.trap_exit(True)
    with pytest.raises(otpy.TaskExited) as caught:
        Task.async_(fail).await_()
    assert isinstance(caught.value.__cause__, Boom)
    assert caught.value.reason == otpy.Crash(caught.value.__cause__)
    assert caught.traceback is not None
    names = [entry.name for entry in pytest.ExceptionInfo.from_exception(caught.value.__cause__).traceback]
    assert names[-1] == "fail"


@inside
def test_an_exception_that_cannot_be_shown_is_told_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """Who waits gets the error that it counts on, and not what the `__repr__` of somebody's exception raised."""

    class Mute(Exception):
        def __repr__(self) -> str:
            raise RuntimeError

        __str__ = __repr__

    def mute(_: object = None) -> Any:
        raise Mute

    otpy.trap_exit(True)
    with pytest.raises(otpy.TaskExited, match="ended with <Crash, whose repr raises RuntimeError>") as caught:
        Task.async_(mute).await_()
    assert isinstance(caught.value.__cause__, Mute)
    assert "ended with <Crash, whose repr raises RuntimeError>" in caplog.text
    with pytest.raises(otpy.InitStopped, match="whose repr raises"):
        otpy.Agent.start(mute)
    with pytest.raises(otpy.ServerExited, match="whose repr raises"):
        otpy.Agent.get(otpy.Agent.start(int), mute)


# case: task_test.exs: async
@inside
def test_a_task_that_fails_takes_its_owner_along() -> None:
    """They are linked: the owner counts on the result."""
    assert isinstance(reason_of(otpy.spawn(lambda: Task.async_(fail).await_())), otpy.Crash)
    seen = otpy.self_pid()

    def owner() -> None:
        otpy.send(seen, Task.async_(hold).pid)
        leave("gone")

    reason_of(otpy.spawn(owner))
    assert reason_of(get()) in {"gone", otpy.NoProc()}


@inside
def test_an_owner_that_awaits_a_task_that_was_shut_down_ends_as_a_shutdown() -> None:
    """As the caller of a server that was: nothing has crashed."""
    reason = reason_of(otpy.spawn(lambda: (otpy.trap_exit(True), Task.async_(leave, otpy.Shutdown()).await_())))
    assert isinstance(reason, otpy.Shutdown)
    assert isinstance(reason.detail, otpy.TaskExited)


# case: task_test.exs: await/2
# case: task_test.exs: yield/2
# case: task_test.exs: shutdown/2
# case: task_test.exs: ignore/1
# case: task_test.exs: await_many/2
@inside
def test_only_the_owner_gets_the_result() -> None:
    """The messages go to its mailbox, where nobody else looks."""
    task = Task.async_(hold)
    otpy.trap_exit(True)
    asked: list[Callable[[], Any]] = [
        task.await_, task.yield_, task.shutdown, task.ignore,
        lambda: Task.await_many([task]), lambda: Task.yield_many([task]),
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises(otpy.TaskExited) as caught:
            Task.async_(ask).await_()
        error = caught.value.__cause__
        assert isinstance(error, otpy.NotTaskOwner)
        assert isinstance(error, ValueError)
        assert (error.task, error.owner) == (task, otpy.self_pid())
    assert task.shutdown() is None


@pytest.mark.parametrize("wrong", BAD_TIMEOUTS, ids=str)
@inside
def test_a_time_that_is_none_is_refused(wrong: Any) -> None:
    """Before anybody waits for it."""
    task = Task.async_(hold)
    asked: list[Callable[[], Any]] = [
        lambda: task.await_(wrong), lambda: task.yield_(wrong), lambda: task.shutdown(wrong),
        lambda: Task.await_many([task], wrong), lambda: Task.yield_many([task], wrong),
        lambda: Task.async_stream([], str, timeout=wrong),
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises((TypeError, ValueError), match=r"timeout is .*; give seconds"):
            ask()
    task.shutdown()


# -- await_many ------------------------------------------------------------------------------------


# case: task_test.exs: await_many/2
@inside
def test_many_results_come_in_the_order_of_the_tasks() -> None:
    """Whichever is ready first; and what else is in the mailbox stays there."""
    otpy.send(otpy.self_pid(), "other")
    tasks = [Task.async_(hold) for _ in range(3)]
    for number, task in reversed(list(enumerate(tasks))):
        otpy.send(task.pid, number)  # pyright: ignore[reportArgumentType]
        dead(task)
    assert Task.await_many([*tasks, tasks[0]]) == [0, 1, 2, 0]
    assert Task.await_many([]) == []
    assert otpy.flush() == ["other"]


# case: task_test.exs: await_many/2
def test_many_tasks_share_one_timeout() -> None:
    """It is for all of them, and names who was late."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        tasks = [Task.async_(hold) for _ in range(2)]

        def help_one() -> None:
            eventually_waiting(main)
            clock.advance(3.0, runtime)
            otpy.send(tasks[0].pid, 1)  # type: ignore[arg-type]
            eventually_dead(tasks[0])
            eventually_waiting(main)
            clock.advance(3.0, runtime)

        main: Any = otpy.self_pid()
        helper = threading.Thread(target=help_one)
        helper.start()
        with pytest.raises(otpy.TaskTimeout) as caught:
            Task.await_many(tasks, 5.0)
        helper.join()
        assert caught.value.task == (tasks[1],)
        otpy.send(tasks[1].pid, 2)  # type: ignore[arg-type]
        eventually_dead(tasks[1])
        assert otpy.flush() == []


def eventually_waiting(process: Any) -> None:
    """Wait until *process* waits for a message, with nothing to take."""
    look = threading.Event()
    while process.parked is None or process.mailbox:
        look.wait(0.001)


def eventually_dead(task: Task[Any]) -> None:
    """Wait, as no process, until *task* is dead."""
    look = threading.Event()
    while task.pid is not None and otpy.is_alive(task.pid):
        look.wait(0.001)


# case: task_test.exs: await_many/2
@inside
def test_one_of_many_that_fails_ends_the_wait_at_once() -> None:
    """The results of the others are wanted no more."""
    otpy.trap_exit(True)
    slow, failing = Task.async_(hold), Task.async_(leave, "no")
    with pytest.raises(otpy.TaskExited) as caught:
        Task.await_many([slow, failing], None)
    assert (caught.value.task, caught.value.reason) == (failing, "no")
    otpy.send(slow.pid, 1)  # type: ignore[arg-type]
    dead(slow)
    assert [message for message in otpy.flush() if not isinstance(message, otpy.Exit)] == []


@inside
def test_what_cannot_be_asked_drops_no_result() -> None:
    """What is no task, or that of somebody else, is refused before any task in the list has been asked."""
    task = Task.async_(hold)
    foreign = Task.async_(Task.completed, 1).await_()
    refused: list[tuple[Any, type[Exception]]] = [
        ([task, 1], TypeError), (task, TypeError), ([task, foreign], otpy.NotTaskOwner),
    ]  # fmt: skip
    for ask in (Task.await_many, Task.yield_many):
        for wrong, error in refused:
            with pytest.raises(error):
                ask(wrong)
    otpy.send(task.pid, 2)  # type: ignore[arg-type]
    assert task.await_() == 2


# -- yield -----------------------------------------------------------------------------------------


# case: task_test.exs: yield/2
@inside
def test_yield_says_what_has_come_and_may_be_asked_again() -> None:
    """A result, an exit, or nothing yet."""
    otpy.trap_exit(True)
    task = Task.async_(hold)
    assert task.yield_(0) is None
    otpy.send(task.pid, 1)  # type: ignore[arg-type]
    assert task.yield_() == Done(1)
    assert task.yield_(0) is None
    assert Task.async_(leave, "no").yield_() == Exited("no")


# case: task_test.exs: yield_many/2
@inside
def test_yield_many_keeps_the_order_and_waits_no_longer_than_it_has_to() -> None:
    """Each task with what has come of it."""
    otpy.trap_exit(True)
    done, slow, failed = Task.async_(int), Task.async_(hold), Task.async_(leave, "no")
    dead(done)
    dead(failed)
    assert Task.yield_many([done, slow, failed], 0) == [(done, Done(0)), (slow, None), (failed, Exited("no"))]
    otpy.send(slow.pid, 1)  # type: ignore[arg-type]
    assert Task.yield_many([slow], None) == [(slow, Done(1))]
    assert Task.yield_many([]) == []


# -- shutdown --------------------------------------------------------------------------------------


# case: task_test.exs: shutdown/2
@pytest.mark.parametrize("timeout", [5.0, "brutal_kill", None])
@inside
def test_a_result_that_is_there_wins_over_a_shutdown(timeout: Any) -> None:
    """It was ready before anybody wanted the end."""
    task = Task.async_(int)
    dead(task)
    assert task.shutdown(timeout) == Done(0)
    assert otpy.flush() == []


# case: task_test.exs: shutdown/2
@pytest.mark.parametrize("timeout", [5.0, "brutal_kill", None])
@inside
def test_a_task_that_ends_by_the_shutdown_has_no_result(timeout: Any) -> None:
    """And does not take its owner along, which is what the link would do."""
    task = Task.async_(hold)
    assert task.shutdown(timeout) is None
    assert task.pid is not None
    assert not otpy.is_alive(task.pid)
    assert otpy.flush() == []


# case: task_test.exs: shutdown/2
@inside
def test_a_task_that_has_ended_says_how() -> None:
    """A shutdown of its own is what was wanted; any other reason is told; what was handled before is not known."""
    otpy.trap_exit(True)
    ends = {otpy.Shutdown(): None, "no": Exited("no"), otpy.Shutdown("why"): Exited(otpy.Shutdown("why"))}
    for reason, outcome in ends.items():
        task = Task.async_(leave, reason)
        dead(task)
        assert task.shutdown() == outcome
    killed = Task.async_(hold)
    otpy.exit(killed.pid, otpy.Kill())  # type: ignore[arg-type]
    dead(killed)
    assert killed.shutdown("brutal_kill") is None
    handled = Task.async_(int)
    assert handled.await_() == 0
    dead(handled)
    assert handled.shutdown() == Exited(otpy.NoProc())


# case: task_test.exs: shutdown/2
@inside
def test_a_task_that_does_not_obey_is_killed_after_the_time() -> None:
    """And that is another end than the wanted one; "brutal_kill" wanted no other."""
    otpy.register("test", otpy.self_pid())
    for timeout, outcome in ((0, Exited(otpy.Killed())), ("brutal_kill", None)):
        task = Task.async_(hold_on)
        assert get() == "ready"
        assert task.shutdown(timeout) == outcome  # type: ignore[arg-type]
    assert otpy.flush() == []


@outside
def test_an_owner_that_is_killed_while_it_shuts_a_task_down_leaves_none() -> None:
    """Between the link that is undone and the order to end there is no moment at which its end leaves the task."""
    from otpy.kernel import signals

    started: list[Task[Any]] = []

    def own() -> None:
        started.append(Task.async_(hold))
        started[0].shutdown()

    def unlink_and_be_killed(process: Any, other: Any) -> None:
        plainly(process, other)
        if started and other is started[0].pid:
            killer = threading.Thread(target=lambda: otpy.exit(process, otpy.Kill()))
            killer.start()
            killer.join()

    plainly = signals.unlink
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signals, "unlink", unlink_and_be_killed)
        assert reason_of(Task.start(own, runs_on="thread")) == otpy.Killed()
    dead(started[0])


@inside
def test_a_task_that_was_given_up_can_still_be_shut_down() -> None:
    """After a timeout nobody monitors it any more, and it runs on."""
    task = Task.async_(hold)
    with pytest.raises(otpy.TaskTimeout):
        task.await_(0)
    assert task.shutdown() is None


# -- ignore ----------------------------------------------------------------------------------------


# case: task_test.exs: ignore/1
@inside
def test_a_task_that_is_ignored_runs_on_by_itself() -> None:
    """Neither its result nor its failure concerns its owner any more."""
    task = Task.async_(lambda: leave(hold()))
    assert task.ignore() is None
    assert not is_linked(task.pid)
    assert not is_monitoring(task.pid)
    with pytest.raises(otpy.TaskTimeout):
        task.await_(0)
    otpy.send(task.pid, "no")  # type: ignore[arg-type]
    dead(task)
    assert otpy.flush() == []


# case: task_test.exs: ignore/1
@inside
def test_what_has_come_before_it_is_ignored_is_returned() -> None:
    """So that nothing is lost, and nothing is left in the mailbox."""
    otpy.trap_exit(True)
    done, failed = Task.async_(int), Task.async_(leave, "no")
    dead(done)
    dead(failed)
    assert done.ignore() == Done(0)
    assert failed.ignore() == Exited("no")
    assert done.ignore() is None
    assert [message for message in otpy.flush() if not isinstance(message, otpy.Exit)] == []


# -- where tasks run, and who asks -----------------------------------------------------------------


@inside
def test_an_async_def_runs_on_the_event_loop() -> None:
    """Nobody has to say so: the function does. It is ended by cancelling it."""

    async def answer(value: int) -> int:
        await asyncio.sleep(0)
        return value

    async def cancelled() -> None:
        otpy.send("test", "ready")
        await asyncio.Event().wait()

    otpy.register("test", otpy.self_pid())
    assert Task.async_(answer, 1).await_() == 1
    assert Task.async_(functools.partial(answer, 2), runs_on="asyncio").await_() == 2
    task = Task.async_(cancelled)
    assert get() == "ready"
    assert task.shutdown() is None

    async def fails() -> None:
        await asyncio.sleep(0)
        fail()

    otpy.trap_exit(True)
    with pytest.raises(otpy.TaskExited) as caught:
        Task.async_(fails).await_()
    assert isinstance(caught.value.__cause__, Boom)


@dataclasses.dataclass
class Add:
    """Something that can be called, and has no hash."""

    value: int

    def __call__(self, other: int) -> int:
        """Return the sum."""
        return self.value + other


@inside
def test_whatever_can_be_called_can_be_a_task() -> None:
    """Classes, bound methods, partials, builtins, objects."""
    tasks = [Task.async_(Add(1), 2), Task.async_(functools.partial(pow, 3), 1), Task.async_("abc".index, "c")]
    assert Task.await_many([*tasks, Task.async_(int, "4")]) == [3, 3, 2, 4]
    assert Task.async_(Add, 5).await_() == Add(5)
    pid = otpy.spawn(Add(1), 2)
    assert reason_of(pid) in {otpy.Normal(), otpy.NoProc()}


@inside
def test_a_task_that_computes_for_ever_can_be_ended() -> None:
    """It is dead at once for all others, and its thread is free again soon."""

    def compute() -> None:
        otpy.send("test", "ready")
        while True:
            pass

    otpy.register("test", otpy.self_pid())
    task = Task.async_(compute, runs_on="thread")
    assert get() == "ready"
    assert task.shutdown("brutal_kill") is None


@inside
def test_a_task_that_sleeps_for_long_may_leave_its_stack() -> None:
    """As a plain process may, with `proc_lib.hibernate`; its result has been left, too."""
    otpy.register("test", otpy.self_pid())
    task: Task[Any] = Task.async_(lambda: otpy.proc_lib.hibernate(lambda: otpy.send("test", otpy.receive())))
    otpy.send(task.pid, "woken")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert get() == "woken"
    with pytest.raises(otpy.TaskExited) as caught:
        task.await_()
    assert caught.value.reason == otpy.Normal()


@inside
def test_a_task_may_have_a_thread_of_its_own() -> None:
    """For code that blocks, or wants to stay on one thread."""
    threads = {Task.async_(threading.get_ident, runs_on="thread").await_() for _ in range(2)}
    assert threading.get_ident() not in threads


@outside
def test_a_plain_thread_that_awaits_a_failed_task_gets_the_error_once() -> None:
    """It lives on, as a new process, as after any link; a REPL or a notebook just goes on."""
    before = otpy.self_pid()
    for _ in range(50):
        with pytest.raises(otpy.TaskExited) as caught:
            Task.async_(fail).await_()
        assert isinstance(caught.value.__cause__, Boom)
        assert Task.async_(int).await_() == 0
        with pytest.raises(otpy.TaskExited):
            Task.await_many([Task.async_(fail)])
        assert isinstance(Task.async_(fail).yield_(), Exited)
        task = Task.async_(fail)
        assert isinstance(Task.yield_many([task])[0][1], Exited)
        assert Task.async_(int).await_() == 0
    assert otpy.self_pid() is not before


@outside
def test_a_plain_thread_that_comes_late_to_a_failed_task_gets_the_same_error() -> None:
    """Its process has ended in between, with the task; that is no riddle about owners."""
    task = Task.async_(fail)
    eventually_dead(task)
    look = threading.Event()
    while here.process is not None and not here.process.fenced:
        look.wait(0.001)
    with pytest.raises(otpy.TaskExited) as caught:
        task.await_()
    assert isinstance(caught.value.__cause__, Boom)


@outside
def test_a_plain_thread_hears_of_all_tasks_that_one_has_taken_along() -> None:
    """They ended with the process that the thread was; that is no riddle about owners, in whichever order it asks."""
    asks: list[Callable[[Task[Any]], Any]] = [
        lambda task: task.await_(),
        lambda task: task.shutdown(),
        lambda task: task.ignore(),
        lambda task: Task.await_many([task]),
        lambda task: Task.yield_many([task])[0][1],
    ]
    for ask in asks:
        for failing_first in (True, False):
            held = Task.async_(hold)
            failing = Task.async_(fail)
            first, later = (failing, held) if failing_first else (held, failing)
            with pytest.raises(otpy.TaskExited) as caught:
                first.await_(None)
            assert isinstance(caught.value.__cause__, Boom)
            try:
                outcome = ask(later)
            except otpy.TaskExited as error:
                outcome = Exited(error.reason)
            assert isinstance(outcome, Exited)
            assert isinstance(outcome.reason.error, Boom)
    assert Task.async_(int).await_() == 0


@outside
def test_a_plain_thread_that_was_told_of_its_end_has_no_tasks_of_before() -> None:
    """One without a link runs on, but what it would bring went with the process that the thread was."""
    supervisor = otpy.TaskSupervisor.start_link()
    otpy.unlink(supervisor)
    held = otpy.TaskSupervisor.async_nolink(supervisor, hold)
    with pytest.raises(otpy.TaskExited):
        Task.async_(fail).await_()
    asks: list[Callable[[Task[Any]], Any]] = [Task.await_, Task.yield_, lambda task: Task.yield_many([task])]
    for ask in asks:
        with pytest.raises(otpy.NotTaskOwner):
            ask(held)
    assert held.pid is not None
    assert otpy.is_alive(held.pid)


def test_coroutines_of_a_foreign_loop_hear_of_all_tasks_that_one_has_taken_along() -> None:
    """They share the process of their thread. Each is told at its own task, with what has happened."""

    async def outcome(task: Task[Any]) -> Any:
        try:
            return await task
        except otpy.TaskExited as error:
            return error.__cause__

    async def main() -> None:
        for _ in range(10):
            held, failing, other = Task.async_(asyncio.sleep, 60), Task.async_(fail), Task.async_(hold)
            heard = await asyncio.gather(*map(outcome, (held, failing, other)))
            assert [type(each) for each in heard] == [Boom] * 3
            assert await Task.async_(int) == 0

    with otpy.runtime():
        asyncio.run(main())


@outside
def test_a_plain_thread_that_traps_exits_stays_who_it_is() -> None:
    """It is told by messages, as any process is."""
    me = otpy.self_pid()
    otpy.trap_exit(True)
    task = Task.async_(leave, "no")
    with pytest.raises(otpy.TaskExited):
        task.await_()
    assert get() == otpy.Exit(task.pid, "no")  # type: ignore[arg-type]
    assert otpy.self_pid() is me
    otpy.trap_exit(False)


def test_without_a_runtime_of_ones_own_a_task_just_runs() -> None:
    """As in a REPL; and when it is left, whatever still runs is ended."""
    done = python("""
        import otpy
        task = otpy.Task.async_(sum, [1, 2])
        print(task.await_())
        otpy.Task.async_(otpy.receive)
    """)
    assert (done.stdout, done.stderr, done.returncode) == ("3\n", "", 0)


def test_a_coroutine_awaits_tasks() -> None:
    """On any event loop: in a process of otpy's loop, and in somebody else's."""

    async def answer(value: int) -> int:
        return value

    async def main() -> None:
        assert await Task.async_(sum, [1, 2]) == 3
        assert await Task.completed(4) == 4
        assert await asyncio.gather(*(Task.async_(answer, n) for n in range(5))) == [*range(5)]
        with pytest.raises(otpy.TaskExited) as caught:
            await Task.async_(fail)
        assert isinstance(caught.value.__cause__, Boom)
        task = Task.async_(int)
        assert await task == 0
        with pytest.raises(otpy.TaskExited):
            await task

    class Server(otpy.GenServer[None]):
        runs_on = "asyncio"

        def init(self, arg: Any) -> Any:
            otpy.trap_exit(True)
            return otpy.Ok(None)

        async def handle_call(self, request: Any, from_: Any, state: None) -> Any:
            await main()
            return otpy.Reply("done", state)

        def handle_info(self, message: Any, state: None) -> Any:
            assert isinstance(message, otpy.Exit), message
            return otpy.NoReply(state)

    with otpy.runtime():
        asyncio.run(main())
        assert otpy.call(Server.start(), "run") == "done"
        otpy.run(main)


def test_an_await_that_is_cancelled_leaves_nothing_behind() -> None:
    """The task runs on, and can be asked again."""

    async def main() -> None:
        task = Task.async_(hold)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(waits(task))), 0)
        otpy.send(task.pid, 1)  # type: ignore[arg-type]
        assert await task == 1

    async def waits(task: Task[Any]) -> Any:
        return await asyncio.wait_for(_awaiting(task), 0)

    async def _awaiting(task: Task[Any]) -> Any:
        return await task

    with otpy.runtime():
        asyncio.run(main())


class Owner(otpy.GenServer[dict[Any, Any]]):
    """A server that has tasks, and takes what comes of them as messages."""

    def init(self, arg: Any) -> Any:
        """Nothing has come."""
        return otpy.Ok({})

    def handle_call(self, request: Any, from_: Any, state: dict[Any, Any]) -> Any:
        """Start a task; its result answers."""
        task = Task.async_(request)
        return otpy.NoReply({**state, task.ref: from_})

    def handle_info(self, message: Any, state: dict[Any, Any]) -> Any:
        """Answer with a result."""
        match message:
            case TaskReply(ref, value):
                otpy.demonitor(ref, flush=True)
                otpy.reply(state[ref], value)
                return otpy.NoReply({key: kept for key, kept in state.items() if key is not ref})
            case _:
                raise AssertionError(message)


@inside
def test_a_server_may_take_the_result_as_a_message() -> None:
    """And goes on serving meanwhile."""
    owner = Owner.start()
    assert [otpy.call(owner, functools.partial(int, text)) for text in "123"] == [1, 2, 3]
    assert otpy.sys.get_state(owner) == {}


@inside
def test_a_task_holds_nothing_when_it_is_done() -> None:
    """Neither what it was given nor what it returned is kept by the process that has ended."""
    import weakref

    class Thing:
        pass

    def give(thing: Thing) -> Thing:
        return thing

    thing = Thing()
    gone = weakref.ref(thing)
    task = Task.async_(give, thing)
    assert task.await_() is thing
    dead(task)
    del thing
    eventually(lambda: gc.collect() >= 0 and gone() is None)
