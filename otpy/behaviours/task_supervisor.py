"""TaskSupervisor: tasks that are children of a supervisor, which ends them with itself and can count them.

It is a DynamicSupervisor. Such a task has two above it: the supervisor, its ancestor, and who asked for it, its caller.

Source: Elixir task/supervisor.ex.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar, TypeVarTuple, Unpack, overload

from otpy.behaviours import dynamic_supervisor
from otpy.behaviours.child_spec import ChildSpec, check_spec
from otpy.behaviours.child_spec import Restart as RestartType
from otpy.behaviours.child_spec import Shutdown as ShutdownType
from otpy.behaviours.children_start import start_by_name
from otpy.behaviours.dynamic_supervisor import DynamicSupervisor
from otpy.behaviours.results import UNSET, Unset
from otpy.behaviours.task import Task
from otpy.behaviours.tasks.processes import Job, RunsOn, begin_linked, callers_of, name_of, place_of
from otpy.behaviours.tasks.stream import StreamOptions, TaskStream
from otpy.errors import BadChildSpec
from otpy.kernel.here import current
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import Dest
from otpy.kernel.process import Process
from otpy.kernel.via import Name, Via

InputT = TypeVar("InputT")
ResultT = TypeVar("ResultT")
Args = TypeVarTuple("Args")


class TaskSupervisor(DynamicSupervisor):
    """Start one with `start_link`, and tasks in it with the functions of this class, which take it as *supervisor*.

    A full supervisor (`max_children`) refuses another task with MaxChildren.
    """

    __slots__ = ()

    @classmethod
    def start_link(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - no extra arguments
        cls,
        max_children: int | None = None,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        *,
        name: Name | None = None,
    ) -> Pid:
        """Start a supervisor without tasks, linked with the caller; see DynamicSupervisor.start_link."""
        return super().start_link(max_children, max_restarts, max_seconds, name=name)

    @classmethod
    def child_spec(  # pyright: ignore[reportIncompatibleMethodOverride] - options, not an argument
        cls,
        max_children: int | None = None,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        *,
        id: Any = None,  # noqa: A002 - OTP's name
        restart: RestartType = "permanent",
        shutdown: ShutdownType | Unset = UNSET,
        significant: bool = False,
        name: Name | None = None,
    ) -> ChildSpec:
        """Return how a supervisor starts this one.

        Unless given, *id* is the name, or the key if that is a Via, or that of the class.
        """
        called = name.key if isinstance(name, Via) else name
        given = id if id is not None else called if called is not None else cls.__name__
        kwargs = {} if name is None else {"name": name}
        start = start_by_name(cls.start_link, (max_children, max_restarts, max_seconds), kwargs)
        return ChildSpec(given, start, restart, significant, shutdown, type="supervisor")

    @overload
    @staticmethod
    def async_(
        supervisor: Dest,
        function: Callable[[Unpack[Args]], Coroutine[Any, Any, ResultT]],
        *args: *Args,
        shutdown: ShutdownType | Unset = UNSET,
        runs_on: RunsOn | None = None,
    ) -> Task[ResultT]: ...
    @overload
    @staticmethod
    def async_(
        supervisor: Dest,
        function: Callable[[Unpack[Args]], ResultT],
        *args: *Args,
        shutdown: ShutdownType | Unset = UNSET,
        runs_on: RunsOn | None = None,
    ) -> Task[ResultT]: ...
    @staticmethod  # type: ignore[misc]  # mypy does not see that *args: Any takes them all
    def async_(
        supervisor: Dest,
        function: Callable[..., Any],
        *args: Any,
        shutdown: ShutdownType | Unset = UNSET,
        runs_on: RunsOn | None = None,
    ) -> Task[Any]:
        """As `Task.async_`, with the task as a child of *supervisor*; it is linked with the running process, too.

        *shutdown* is what a child spec says: the seconds that the task has to stop, or "brutal_kill" or "infinity".
        Raises MaxChildren, NoProcess.
        """
        return _async(supervisor, function, args, shutdown=shutdown, runs_on=runs_on, linked=True)

    @overload
    @staticmethod
    def async_nolink(
        supervisor: Dest,
        function: Callable[[Unpack[Args]], Coroutine[Any, Any, ResultT]],
        *args: *Args,
        shutdown: ShutdownType | Unset = UNSET,
        runs_on: RunsOn | None = None,
    ) -> Task[ResultT]: ...
    @overload
    @staticmethod
    def async_nolink(
        supervisor: Dest,
        function: Callable[[Unpack[Args]], ResultT],
        *args: *Args,
        shutdown: ShutdownType | Unset = UNSET,
        runs_on: RunsOn | None = None,
    ) -> Task[ResultT]: ...
    @staticmethod  # type: ignore[misc]  # mypy does not see that *args: Any takes them all
    def async_nolink(
        supervisor: Dest,
        function: Callable[..., Any],
        *args: Any,
        shutdown: ShutdownType | Unset = UNSET,
        runs_on: RunsOn | None = None,
    ) -> Task[Any]:
        """As `async_`, not linked with the running process: for a task that may fail. Its owner hears by a message.

        In a server, `handle_info` gets `TaskReply(ref, value)`, or `Down(ref, pid, reason)` if it failed.
        """
        return _async(supervisor, function, args, shutdown=shutdown, runs_on=runs_on, linked=False)

    @staticmethod
    def start_child(
        supervisor: Dest,
        function: Callable[[Unpack[Args]], Any],
        *args: *Args,
        restart: RestartType = "temporary",
        shutdown: ShutdownType | Unset = UNSET,
        runs_on: RunsOn | None = None,
    ) -> Pid:
        """Run `function(*args)` for its effects, as a child of *supervisor* and linked with nobody else.

        *restart* "transient" starts it again if it fails, "permanent" always. Raises MaxChildren, NoProcess.
        """
        job = Job(function, args, place_of(function, runs_on), callers_of(current()))
        return _start(supervisor, shutdown, restart, job)

    @staticmethod
    def terminate_child(supervisor: Dest, pid: Pid) -> None:
        """End the task *pid* and return when it is dead. Raises ChildNotFound."""
        dynamic_supervisor.terminate_child(supervisor, pid)

    @staticmethod
    def children(supervisor: Dest) -> list[Pid]:
        """Return the tasks that run, in no particular order."""
        found = (info.child for info in dynamic_supervisor.which_children(supervisor))
        return [child for child in found if isinstance(child, Pid)]

    @overload
    @staticmethod
    def async_stream(
        supervisor: Dest,
        inputs: Iterable[InputT],
        function: Callable[[InputT, *Args], Coroutine[Any, Any, ResultT]],
        *args: *Args,
        shutdown: ShutdownType | Unset = UNSET,
        **options: Unpack[StreamOptions],
    ) -> TaskStream[ResultT]: ...
    @overload
    @staticmethod
    def async_stream(
        supervisor: Dest,
        inputs: Iterable[InputT],
        function: Callable[[InputT, *Args], ResultT],
        *args: *Args,
        shutdown: ShutdownType | Unset = UNSET,
        **options: Unpack[StreamOptions],
    ) -> TaskStream[ResultT]: ...
    @staticmethod  # type: ignore[misc]  # mypy does not see that *args: Any takes them all
    def async_stream(
        supervisor: Dest,
        inputs: Iterable[Any],
        function: Callable[..., Any],
        *args: Any,
        shutdown: ShutdownType | Unset = UNSET,
        **options: Unpack[StreamOptions],
    ) -> TaskStream[Any]:
        """As `Task.async_stream`, with the tasks as children of *supervisor*. *shutdown* as in `async_`.

        It raises MaxChildren, and ends what runs, if there is no room for as many as run at a time.
        """
        begin = _starter(supervisor, function, shutdown)
        return TaskStream(inputs, function, args, options, begin=begin)

    @overload
    @staticmethod
    def async_stream_nolink(
        supervisor: Dest,
        inputs: Iterable[InputT],
        function: Callable[[InputT, *Args], Coroutine[Any, Any, ResultT]],
        *args: *Args,
        shutdown: ShutdownType | Unset = UNSET,
        **options: Unpack[StreamOptions],
    ) -> TaskStream[ResultT]: ...
    @overload
    @staticmethod
    def async_stream_nolink(
        supervisor: Dest,
        inputs: Iterable[InputT],
        function: Callable[[InputT, *Args], ResultT],
        *args: *Args,
        shutdown: ShutdownType | Unset = UNSET,
        **options: Unpack[StreamOptions],
    ) -> TaskStream[ResultT]: ...
    @staticmethod  # type: ignore[misc]  # mypy does not see that *args: Any takes them all
    def async_stream_nolink(
        supervisor: Dest,
        inputs: Iterable[Any],
        function: Callable[..., Any],
        *args: Any,
        shutdown: ShutdownType | Unset = UNSET,
        **options: Unpack[StreamOptions],
    ) -> TaskStream[Any]:
        """As `async_stream`, for tasks that may fail: one that does gives `Exited(reason)` in its place."""
        begin = _starter(supervisor, function, shutdown)
        return TaskStream(inputs, function, args, options, begin=begin, linked=False)


def _async(
    supervisor: Dest,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    *,
    shutdown: ShutdownType | Unset,
    runs_on: RunsOn | None,
    linked: bool,
) -> Task[Any]:
    place = place_of(function, runs_on)
    me, ref = current(), Ref()
    job = Job(function, args, place, callers_of(me), me, ref, linked)
    return Task(_start(supervisor, shutdown, "temporary", job), ref, me, name_of(function), linked)


def _starter(
    supervisor: Dest, function: Callable[..., Any], shutdown: ShutdownType | Unset
) -> Callable[[Job], Process]:
    """Return what starts the tasks of a stream. Raises BadChildSpec, and TypeError for a function that is none."""
    bad = check_spec(_spec(shutdown, "temporary", Job(function, (), place_of(function, None), ())))
    if isinstance(bad, BadChildSpec):
        raise bad
    return functools.partial(_start, supervisor, shutdown, "temporary")


def _start(supervisor: Dest, shutdown: ShutdownType | Unset, restart: RestartType, job: Job) -> Process:
    """Start the process of *job* as a child of *supervisor*."""
    return dynamic_supervisor.start_child(supervisor, _spec(shutdown, restart, job))  # type: ignore[no-any-return]


def _spec(shutdown: ShutdownType | Unset, restart: RestartType, job: Job) -> ChildSpec:
    return ChildSpec(
        id=name_of(job.function),
        start=start_by_name(begin_linked, (job,)),
        restart=restart,
        shutdown=shutdown,
        modules=[getattr(job.function, "__module__", None) or __name__],
    )
