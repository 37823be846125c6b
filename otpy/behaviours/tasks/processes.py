"""The process of a task: it runs one function, sends its owner what that returns, and ends.

In comes a `Job`, which says everything; out comes the process. What it sends and how it ends is the same whoever
started it: its owner, a supervisor for somebody, or a stream.

Source: Elixir task/supervised.ex.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from types import CoroutineType, FunctionType
from typing import Any, Literal, NoReturn, TypeAlias, cast, final, get_args

import msgspec

from otpy.behaviours.tasks.outcomes import TaskReply
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.carriers import Becoming, FunctionProcess
from otpy.kernel.here import current, leave
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.process import Process, Unwound
from otpy.kernel.reasons import Normal, Reason, is_abnormal, reason_of
from otpy.kernel.reports import report_crash
from otpy.kernel.runtime import spawn_actor
from otpy.kernel.signals import end, link, tell_watcher, watch
from otpy.kernel.worker import StackDropped

RunsOn: TypeAlias = Literal["scheduler", "thread", "asyncio"]


@final
class Job(msgspec.Struct, frozen=True):
    """What a task does, and for whom.

    - `function`, `args`, `runs_on`: what runs, and where.
    - `callers`: who asked for it, who asked for that, and so on.
    - `owner`, `ref`: who monitors the task by this ref and gets the result; None if nobody does.
    - `linked`: whether the owner is linked with the task, beside whoever starts it.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    runs_on: RunsOn
    callers: tuple[Pid, ...]
    owner: Process | None = None
    ref: Ref | None = None
    linked: bool = False


def name_of(function: object) -> str:
    """Return what *function* is called, for people."""
    return str(getattr(function, "__qualname__", None) or repr(function))


def callers_of(process: Process) -> tuple[Pid, ...]:
    """Return the callers of a task that *process* starts: itself, and its own if it is a task."""
    actor = process.actor
    return (process, *actor.callers) if isinstance(actor, TaskProcess) else (process,)


def place_of(function: object, runs_on: str | None) -> RunsOn:
    """Return where *function* runs: where it is wanted, else an `async def` on the event loop, any other elsewhere.

    Raises TypeError for what is no function, or cannot run there; ValueError for what is no place.
    """
    if not callable(function):
        msg = f"a task runs a function, and {function!r} is none; give the function, and its arguments behind it"
        raise TypeError(msg)
    is_async = is_coroutine_function(function)
    if runs_on is None:
        return "asyncio" if is_async else "scheduler"
    if runs_on not in get_args(RunsOn):
        msg = f'runs_on is {runs_on!r}; give "scheduler", "thread" or "asyncio", or leave it out'
        raise ValueError(msg)
    if is_async != (runs_on == "asyncio"):
        what = "is an `async def`, which runs on" if is_async else "is no `async def`, so it does not run on"
        msg = f'{function!r} {what} the event loop: leave out runs_on={runs_on!r}, or give "asyncio" to an `async def`'
        raise TypeError(msg)
    return cast("RunsOn", runs_on)


def is_coroutine_function(function: object) -> bool:
    """Whether *function* is an `async def`, a partial of one, or an object whose `__call__` is one."""
    if type(function) is FunctionType and not function.__dict__:  # what nearly all are; inspect asks more than once
        return bool(function.__code__.co_flags & inspect.CO_COROUTINE)
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - whether it is async, not whether it is there


def begin(job: Job, *, with_link: bool) -> Process:
    """Start the process of *job*, linked with the running process if asked to.

    Its owner's monitor and link are there before it runs, so that nothing it does is missed.
    """
    return spawn_actor(
        TaskProcess(job),
        *job.args,
        starter=current(),
        label=name_of(job.function),
        link=with_link,
        runs_on=job.runs_on,
        before=None if job.owner is None else functools.partial(_belong, job),
    )


def begin_linked(job: Job) -> Process:
    """As `begin`, linked with the running process: as a child of a supervisor, or one of the tasks of a stream."""
    return begin(job, with_link=True)


def _belong(job: Job, process: Process) -> None:
    assert job.owner is not None
    assert job.ref is not None
    watch(job.owner, process, job.ref)
    if job.linked:
        link(process, job.owner)  # in this order: if the owner has ended, the task does too


@final
class TaskProcess(FunctionProcess):
    """Carries a task."""

    __slots__ = ("callers", "owner", "ref")

    def __init__(self, job: Job) -> None:
        self.fn = job.function
        self.arity = len(job.args)
        self.callers = job.callers
        self.owner = job.owner
        self.ref = job.ref

    @runs_callbacks
    def run(self, args: tuple[Any, ...]) -> Any:
        """Run the function; the process ends with it. A coroutine is run by whoever awaits the outcome."""
        process = self._process
        try:
            value = self.fn(*args)
        except Becoming as becoming:
            go_on = becoming.go_on
        except BaseException as error:  # noqa: BLE001 - whatever leaves the function is the task's end
            self._failed(process, args, error)
        else:
            return self._returned(process, args, value)
        return go_on(process)  # as a plain process: the task, and its result, have been left

    def _returned(self, process: Process, args: tuple[Any, ...], value: Any) -> Coroutine[Any, Any, None] | None:
        if isinstance(value, CoroutineType) and is_coroutine_function(self.fn):
            return self._awaited(process, args, value)
        self._succeeded(process, value)
        return None

    async def _awaited(self, process: Process, args: tuple[Any, ...], pending: Coroutine[Any, Any, Any]) -> None:
        try:
            value = await pending
        except BaseException as error:  # noqa: BLE001 - as in `run`
            self._failed(process, args, error)
        self._succeeded(process, value)

    def _succeeded(self, process: Process, value: Any) -> None:
        if process.fenced:
            leave(process)
        if self.owner is not None and self.ref is not None:
            tell_watcher(self.owner, self.ref, TaskReply(self.ref, value))
        end(process, Normal())

    def _failed(self, process: Process, args: tuple[Any, ...], error: BaseException) -> NoReturn:
        """End with the reason that *error* gives, reporting what the task was."""
        if isinstance(error, Unwound | StackDropped):
            raise error
        if process.fenced:
            leave(process)
        reason: Reason = reason_of(error)
        if is_abnormal(reason):
            report_crash(process, reason, function=self.fn, args=args, callers=self.callers)
        end(process, reason)
        raise Unwound
