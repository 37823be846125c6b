"""TaskSupervisor: whose child a task is, with whom it is linked, and what a full supervisor says."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import pytest

import otpy
from otpy import Done, Exited, Task, TaskReply, TaskSupervisor
from otpy.behaviours.tasks.hub import Hub
from tests.support import down, eventually, get, inside, reason_of


class Boom(Exception):
    """What a task raises."""


def fail() -> Any:
    """Fail with an exception."""
    raise Boom


def hold(_: object = None) -> Any:
    """Wait for a message and return it."""
    return get(timeout=None)


def leave(reason: Any) -> Any:
    """End with a reason."""
    raise otpy.ExitProcess(reason)


def half(value: int) -> float:
    """Fail for 0."""
    return 2 / value


def links() -> tuple[otpy.Pid, ...]:
    """Return with whom the running process is linked."""
    info = otpy.process_info(otpy.self_pid())
    assert info is not None
    return info.links


def monitored() -> tuple[otpy.Pid, ...]:
    """Return whom the running process monitors."""
    info = otpy.process_info(otpy.self_pid())
    assert info is not None
    return info.monitors


# -- what a task is to whom ------------------------------------------------------------------------


# case: task/supervisor_test.exs: child spec
# case: task/supervisor_test.exs: async
# case: task/supervisor_test.exs: async_nolink
@inside
def test_async_links_the_caller_and_async_nolink_does_not() -> None:
    """Both monitor it, and both tasks are children of the supervisor, temporary ones."""
    supervisor = TaskSupervisor.start_link()
    linked = TaskSupervisor.async_(supervisor, hold)
    free = TaskSupervisor.async_nolink(supervisor, hold)
    assert set(links()) == {supervisor, linked.pid}
    assert set(monitored()) == {linked.pid, free.pid}
    assert set(TaskSupervisor.children(supervisor)) == {linked.pid, free.pid}
    for task in (linked, free):
        assert task.pid is not None
        assert otpy.supervisor.get_childspec(supervisor, task.pid).restart == "temporary"
        otpy.send(task.pid, "value")
        assert task.await_() == "value"
    eventually(lambda: TaskSupervisor.children(supervisor) == [])
    assert set(links()) == {supervisor}


# case: task/supervisor_test.exs: async_nolink
@inside
def test_a_task_without_a_link_may_fail() -> None:
    """Its owner hears by a message, or by the error of `await_`."""
    supervisor = TaskSupervisor.start_link()
    task = TaskSupervisor.async_nolink(supervisor, fail)
    assert isinstance(down(task.ref).error, Boom)
    with pytest.raises(otpy.TaskExited) as caught:
        TaskSupervisor.async_nolink(supervisor, fail).await_()
    assert isinstance(caught.value.__cause__, Boom)
    done = TaskSupervisor.async_nolink(supervisor, int)
    assert get() == TaskReply(done.ref, 0)


# case: task/supervisor_test.exs: async
@inside
def test_a_linked_task_takes_its_owner_along_and_not_its_supervisor() -> None:
    """The supervisor serves others; and the end of an owner ends its linked task."""
    supervisor = TaskSupervisor.start_link()
    owner = otpy.spawn(lambda: TaskSupervisor.async_(supervisor, fail).await_())
    assert isinstance(reason_of(owner).error, Boom)
    assert otpy.is_alive(supervisor)
    me = otpy.self_pid()
    owner = otpy.spawn(lambda: (otpy.send(me, TaskSupervisor.async_(supervisor, hold).pid), hold()))
    ref = otpy.monitor(get())
    otpy.exit(owner, "gone")
    assert down(ref) == "gone"


@inside
def test_a_supervisor_that_ends_takes_its_tasks_along() -> None:
    """They are told to stop, as all children are."""
    otpy.trap_exit(True)
    supervisor = TaskSupervisor.start_link()
    task = TaskSupervisor.async_nolink(supervisor, hold)
    otpy.stop(supervisor, otpy.Shutdown())
    with pytest.raises(otpy.TaskExited) as caught:
        task.await_()
    assert caught.value.reason == otpy.Shutdown()
    with pytest.raises(otpy.NoProcess):
        _ = TaskSupervisor.async_(supervisor, hold)


# case: task/supervisor_test.exs: shutdown and restart
@inside
def test_each_task_may_have_its_own_shutdown_and_restart() -> None:
    """As any child; what is no shutdown is refused."""
    supervisor = TaskSupervisor.start_link(max_restarts=10)
    brutal = TaskSupervisor.async_nolink(supervisor, hold, shutdown="brutal_kill")
    assert brutal.pid is not None
    assert otpy.supervisor.get_childspec(supervisor, brutal.pid).shutdown == "brutal_kill"
    brutal.shutdown()
    me = otpy.self_pid()
    lasting = TaskSupervisor.start_child(
        supervisor, lambda: (otpy.send(me, otpy.self_pid()), hold()), restart="permanent"
    )
    assert get() == lasting
    otpy.send(lasting, "end")
    again = get()
    assert again != lasting
    assert TaskSupervisor.children(supervisor) == [again]
    with pytest.raises(otpy.BadChildSpec, match="shutdown is -1"):
        _ = TaskSupervisor.async_(supervisor, hold, shutdown=-1)
    with pytest.raises(otpy.BadChildSpec, match="restart"):
        TaskSupervisor.start_child(supervisor, hold, restart="sometimes")  # type: ignore[arg-type]


# case: task/supervisor_test.exs: max_children
@inside
def test_a_full_supervisor_refuses_a_task() -> None:
    """Whoever asks is told at once, and nothing is left of the attempt."""
    supervisor = TaskSupervisor.start_link(max_children=1)
    task = TaskSupervisor.async_(supervisor, hold)
    for start in (TaskSupervisor.async_, TaskSupervisor.async_nolink, TaskSupervisor.start_child):
        with pytest.raises(otpy.MaxChildren):
            start(supervisor, hold)
    assert set(links()) == {supervisor, task.pid}
    assert monitored() == (task.pid,)
    task.shutdown()


# -- start_child -----------------------------------------------------------------------------------


# case: task/supervisor_test.exs: start_child/1
# case: task/supervisor_test.exs: start_child/3
@inside
def test_a_child_is_nobodys_but_the_supervisors() -> None:
    """It runs for its effects; its end concerns nobody else."""
    supervisor = TaskSupervisor.start_link()
    pid = TaskSupervisor.start_child(supervisor, otpy.send, otpy.self_pid(), "ran")
    assert get() == "ran"
    assert links() == (supervisor,)
    assert isinstance(pid, otpy.Pid)
    with pytest.raises(TypeError, match="is none"):
        TaskSupervisor.start_child(supervisor, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="runs_on"):
        TaskSupervisor.start_child(supervisor, hold, runs_on="moon")  # type: ignore[arg-type]


# case: task/supervisor_test.exs: terminate_child
@inside
def test_a_child_is_terminated_by_its_pid() -> None:
    """Once; then it is not known any more."""
    supervisor = TaskSupervisor.start_link(name="tasks")
    pid = TaskSupervisor.start_child("tasks", hold)
    TaskSupervisor.terminate_child("tasks", pid)
    assert not otpy.is_alive(pid)
    with pytest.raises(otpy.ChildNotFound):
        TaskSupervisor.terminate_child(supervisor, pid)


# case: task/supervisor_test.exs: $callers and $ancestors
@inside
def test_ancestors_name_the_supervisor_and_callers_who_asked() -> None:
    """So a log of the work leads to who wanted it, and one of crashes to where it ran."""
    me = otpy.self_pid()
    supervisor = TaskSupervisor.start_link()

    def both() -> Any:
        info = otpy.process_info(otpy.self_pid())
        assert info is not None
        return info.ancestors[0], Task.callers()

    assert TaskSupervisor.async_(supervisor, both).await_() == (supervisor, (me,))
    assert TaskSupervisor.async_nolink(supervisor, both).await_() == (supervisor, (me,))
    TaskSupervisor.start_child(supervisor, lambda: otpy.send(me, both()))
    assert get() == (supervisor, (me,))
    outer = Task.async_(lambda: (otpy.self_pid(), TaskSupervisor.async_(supervisor, both).await_()))
    pid, (ancestor, callers) = outer.await_()
    assert (ancestor, callers) == (supervisor, (pid, me))
    assert list(TaskSupervisor.async_stream(supervisor, [0], lambda _: both())) == [Done((supervisor, (me,)))]


# case: task/supervisor_test.exs: await
@inside
def test_after_a_timeout_nothing_of_the_task_comes() -> None:
    """Neither its result nor its end; it runs on under its supervisor."""
    supervisor = TaskSupervisor.start_link()
    task = TaskSupervisor.async_nolink(supervisor, hold)
    with pytest.raises(otpy.TaskTimeout):
        task.await_(0)
    assert monitored() == ()
    assert TaskSupervisor.children(supervisor) == [task.pid]
    assert task.pid is not None
    otpy.send(task.pid, "late")
    reason_of(task.pid)
    assert otpy.flush() == []


# case: task/supervisor_test.exs: await
@pytest.mark.parametrize("reason", [otpy.Normal(), otpy.Shutdown(), "thrown"])
@inside
def test_await_tells_the_reason(reason: Any) -> None:
    """Whatever it is."""
    task = TaskSupervisor.async_nolink(TaskSupervisor.start_link(), functools.partial(leave, reason))
    with pytest.raises(otpy.TaskExited) as caught:
        task.await_()
    assert caught.value.reason == reason


# -- streams ---------------------------------------------------------------------------------------


def hubs() -> list[otpy.Pid]:
    """Return the processes of streams that are under way."""
    return [pid for pid in otpy.processes() if isinstance(getattr(pid, "actor", None), Hub)]


# case: task/supervisor_test.exs: async_stream
# case: task/supervisor_test.exs: async_stream_nolink
@inside
def test_streams_under_a_supervisor_give_the_same_outcomes() -> None:
    """The tasks are its children."""
    supervisor = TaskSupervisor.start_link()
    for stream in (TaskSupervisor.async_stream, TaskSupervisor.async_stream_nolink):
        assert list(stream(supervisor, [1, 2], half)) == [Done(2.0), Done(1.0)]
        assert list(stream(supervisor, [1, 2], pow, 2, max_concurrency=1, shutdown=1.0)) == [Done(1), Done(4)]
    eventually(lambda: TaskSupervisor.children(supervisor) == [])


# case: task/supervisor_test.exs: async_stream
# case: task/supervisor_test.exs: async_stream_nolink
@inside
def test_a_task_that_fails_is_an_outcome_where_nothing_is_linked() -> None:
    """The stream goes on; with its input, if that is wanted."""
    supervisor = TaskSupervisor.start_link()
    first, second = TaskSupervisor.async_stream_nolink(supervisor, [0, 1], half)
    assert isinstance(first, Exited)
    assert isinstance(first.reason.error, ZeroDivisionError)
    assert second == Done(2.0)
    (failed,) = TaskSupervisor.async_stream_nolink(supervisor, ["no"], leave, zip_input_on_exit=True)
    assert failed == Exited(("no", "no"))
    otpy.trap_exit(True)
    with pytest.raises(otpy.TaskExited):
        list(TaskSupervisor.async_stream(supervisor, [0, 1], half))
    assert otpy.flush() == []


# case: task/supervisor_test.exs: async_stream
# case: task/supervisor_test.exs: async_stream_nolink
@inside
def test_who_leaves_a_stream_early_has_the_link_with_the_supervisor_alone() -> None:
    """All tasks are dead, and no message is left."""
    supervisor = TaskSupervisor.start_link()
    me = otpy.self_pid()

    def first_answers(value: int) -> int:
        if value:
            otpy.send(me, otpy.self_pid())
            hold()
        return value

    for stream in (TaskSupervisor.async_stream, TaskSupervisor.async_stream_nolink):
        for outcome in stream(supervisor, itertools.count(), first_answers, max_concurrency=3):
            assert outcome == Done(0)
            tasks = [get(), get()]
            assert set(tasks) <= set(TaskSupervisor.children(supervisor))
            break
        eventually(lambda: TaskSupervisor.children(supervisor) == [] and hubs() == [])
        assert links() == (supervisor,)
        assert otpy.flush() == []


@inside
def test_what_a_supervisor_cannot_do_is_refused_where_it_is_given() -> None:
    """A stream says so before somebody iterates; one that is not for tasks says so instead of taking them."""
    supervisor: Any = TaskSupervisor.start_link()
    wrong: Any = "soft"
    for stream in (TaskSupervisor.async_stream, TaskSupervisor.async_stream_nolink):
        with pytest.raises(otpy.BadChildSpec, match="shutdown is 'soft'"):
            stream(supervisor, [1], str, shutdown=wrong)
    fixed = otpy.supervisor.start_link([])
    with pytest.raises(otpy.NotSupported, match="is not for a one_for_one supervisor"):
        TaskSupervisor.start_child(fixed, int)
    assert otpy.supervisor.which_children(fixed) == []


# case: task/supervisor_test.exs: max_children
# case: task/supervisor_test.exs: async_stream
# case: task/supervisor_test.exs: async_stream_nolink
@inside
def test_a_stream_that_finds_its_supervisor_full_cleans_up() -> None:
    """It cannot do what it was asked for; it says so, and ends what it has begun. So where there is no supervisor."""
    supervisor = TaskSupervisor.start_link(max_children=1)
    for stream in (TaskSupervisor.async_stream, TaskSupervisor.async_stream_nolink):
        with pytest.raises(otpy.MaxChildren):
            list(stream(supervisor, [1, 2, 3], hold, max_concurrency=2))
        eventually(lambda: TaskSupervisor.children(supervisor) == [] and hubs() == [])
        with pytest.raises(otpy.NoProcess):
            list(stream("nobody", [1], hold))
    assert links() == (supervisor,)
    assert otpy.flush() == []


# -- the supervisor itself -------------------------------------------------------------------------


@inside
def test_a_task_supervisor_is_a_child_like_any_other() -> None:
    """With its options, under its name; a subclass has an id of its own."""

    class Jobs(TaskSupervisor):
        """Another name."""

    specs = [TaskSupervisor.child_spec(name="tasks", max_children=1), Jobs.child_spec()]
    assert [spec.id for spec in specs] == ["tasks", "Jobs"]
    by_key = TaskSupervisor.child_spec(
        name=otpy.Via(otpy.PartitionSupervisor, ("jobs", 1)), restart="temporary", shutdown=1.0
    )
    assert (by_key.id, by_key.restart, by_key.shutdown, by_key.type) == (("jobs", 1), "temporary", 1.0, "supervisor")
    top = otpy.supervisor.start_link(specs)
    assert otpy.supervisor.count_children(top).supervisors == 2
    TaskSupervisor.start_child("tasks", hold)
    with pytest.raises(otpy.MaxChildren):
        TaskSupervisor.start_child("tasks", hold)
    with pytest.raises(otpy.InitStopped, match="max_children"):
        TaskSupervisor.start_link(max_children=-1)
