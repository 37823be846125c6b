"""Task: one function, run as a process of its own, whose result its owner fetches later.

A task is linked with its owner and monitored by it. Its result is a message, so an owner that is a server may as well
take it in its `handle_info`. Streams of tasks are in tasks/stream.py, tasks under a supervisor in task_supervisor.py.

Source: Elixir task.ex.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from typing import Any, Generic, Literal, TypeVar, TypeVarTuple, Unpack, final, overload

import msgspec

from otpy.behaviours.child_spec import ChildSpec
from otpy.behaviours.child_spec import Restart as RestartType
from otpy.behaviours.child_spec import Shutdown as ShutdownType
from otpy.behaviours.children_start import start_by_name
from otpy.behaviours.results import UNSET, Unset
from otpy.behaviours.tasks.outcomes import Done, Exited, Outcome, TaskReply
from otpy.behaviours.tasks.processes import Job, RunsOn, begin, callers_of, name_of, place_of
from otpy.behaviours.tasks.stream import StreamOptions, TaskStream
from otpy.behaviours.tasks.waiting import (
    await_fall,
    end_and_wait,
    end_of,
    ended,
    is_monitoring,
    is_past,
    receive_from,
    survives,
)
from otpy.errors import NotTaskOwner, ReceiveTimeout, TaskExited, TaskTimeout
from otpy.kernel.clock import check_timeout
from otpy.kernel.here import current
from otpy.kernel.messages import Down
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import demonitor, receive, take, unlink
from otpy.kernel.process import deliver
from otpy.kernel.reasons import ExitProcess, Killed, NoProc, Shutdown

T = TypeVar("T")
ResultT = TypeVar("ResultT")
InputT = TypeVar("InputT")
Args = TypeVarTuple("Args")


@final
class Task(msgspec.Struct, Generic[T], frozen=True, eq=False):
    """A task, as its owner sees it: `task.await_()` gives its result.

    - `pid`: its process; None if it was `completed` from the start.
    - `ref`: what its messages to the owner carry, `TaskReply(ref, value)` and `Down(ref, pid, reason)`.
    - `owner`: who started it, and alone may ask for its result.
    - `name`: what it runs, for people.
    - `linked`: whether it is linked with its owner.

    A task that fails takes a linked owner along, unless that traps exits. An owner that is a plain thread, a REPL or a
    notebook lives on, and gets TaskExited where it asks for the result.
    """

    pid: Pid | None
    ref: Ref
    owner: Pid
    name: str
    linked: bool = True

    def __repr__(self) -> str:
        return f"<Task {self.name}>" if self.pid is None else f"<Task {self.name}, {self.pid!r}>"

    # -- starting

    @overload
    @staticmethod
    def async_(
        function: Callable[[Unpack[Args]], Coroutine[Any, Any, ResultT]],
        *args: *Args,
        runs_on: RunsOn | None = None,
    ) -> Task[ResultT]: ...
    @overload
    @staticmethod
    def async_(
        function: Callable[[Unpack[Args]], ResultT], *args: *Args, runs_on: RunsOn | None = None
    ) -> Task[ResultT]: ...
    @staticmethod  # type: ignore[misc]  # mypy does not see that *args: Any takes them all
    def async_(function: Callable[..., Any], *args: Any, runs_on: RunsOn | None = None) -> Task[Any]:
        """Run `function(*args)` as a process linked with this one, which gets the result.

        *runs_on* is "scheduler", or "thread" for code that blocks or computes for long; an `async def` function runs on
        the runtime's event loop. Ask for the result by `await_`, or `yield_`, or take the message; or `ignore` it.
        """
        place = place_of(function, runs_on)
        me = current()
        ref = Ref()
        process = begin(Job(function, args, place, callers_of(me), me, ref), with_link=True)
        return Task(process, ref, me, name_of(function))

    @staticmethod
    def completed(value: ResultT) -> Task[ResultT]:
        """Return a task that is done from the start, where a Task is wanted and *value* is known."""
        me = current()
        ref = Ref()
        deliver(me, TaskReply(ref, value))
        return Task(None, ref, me, "completed", linked=False)

    @staticmethod
    def start_link(function: Callable[[Unpack[Args]], Any], *args: *Args, runs_on: RunsOn | None = None) -> Pid:
        """Run `function(*args)` for its effects, as a process linked with this one. Nobody gets the result."""
        return begin(Job(function, args, place_of(function, runs_on), callers_of(current())), with_link=True)

    @staticmethod
    def start(function: Callable[[Unpack[Args]], Any], *args: *Args, runs_on: RunsOn | None = None) -> Pid:
        """As `start_link`, without the link: use it only for what may fail unseen."""
        return begin(Job(function, args, place_of(function, runs_on), callers_of(current())), with_link=False)

    @staticmethod
    def child_spec(
        function: Callable[[Unpack[Args]], Any],
        *args: *Args,
        id: Any = "Task",  # noqa: A002 - OTP's name
        restart: RestartType = "temporary",
        shutdown: ShutdownType | Unset = UNSET,
        significant: bool = False,
        runs_on: RunsOn | None = None,
    ) -> ChildSpec:
        """Return how a supervisor starts `function(*args)` by `start_link`. A task is not restarted unless you say."""
        place = place_of(function, runs_on)
        kwargs: dict[str, Any] = {} if runs_on is None else {"runs_on": place}
        return ChildSpec(
            id=id,
            start=start_by_name(Task.start_link, (function, *args), kwargs),
            restart=restart,
            shutdown=shutdown,
            significant=significant,
            modules=[getattr(function, "__module__", None) or __name__],
        )

    @overload
    @staticmethod
    def async_stream(
        inputs: Iterable[InputT],
        function: Callable[[InputT, *Args], Coroutine[Any, Any, ResultT]],
        *args: *Args,
        **options: Unpack[StreamOptions],
    ) -> TaskStream[ResultT]: ...
    @overload
    @staticmethod
    def async_stream(
        inputs: Iterable[InputT],
        function: Callable[[InputT, *Args], ResultT],
        *args: *Args,
        **options: Unpack[StreamOptions],
    ) -> TaskStream[ResultT]: ...
    @staticmethod  # type: ignore[misc]  # mypy does not see that *args: Any takes them all
    def async_stream(
        inputs: Iterable[Any], function: Callable[..., Any], *args: Any, **options: Unpack[StreamOptions]
    ) -> TaskStream[Any]:
        """Return a stream that runs `function(input, *args)` as a task for each of *inputs*, some at a time.

        It is lazy: tasks run while somebody iterates (`for`, or `async for`), and belong to who does. It gives a
        `Done(value)` for each input. Who leaves the loop early ends what still runs.

        - `max_concurrency=None`: how many run at a time; None is as many as there are cores. Inputs are taken as there
          is room, so they may be endless.
        - `ordered=True`: give the outcomes in the order of the inputs; with False as they get ready.
        - `timeout=5.0`: seconds for each task; None for ever.
        - `on_timeout="exit"`: raise TaskTimeout and end all of them; "kill_task" kills the late one, and gives
          `Exited(TaskTimeout)` in its place.
        - `zip_input_on_exit=False`: with True it is `Exited((input, reason))`.
        - `runs_on=None`: as in `async_`.

        A task that fails takes who iterates along, as any task does with its owner; where exits are trapped, and in a
        plain thread, it raises TaskExited. For tasks that may fail there is `TaskSupervisor.async_stream_nolink`.
        """
        return TaskStream(inputs, function, args, options)

    @staticmethod
    def callers() -> tuple[Pid, ...]:
        """Return who asked for the task that runs here, who asked for that, and so on; () where no task runs.

        The `ancestors` of a task under a supervisor name the supervisor; these lead to who wanted it.
        """
        return callers_of(current())[1:]

    # -- the result

    def await_(self, timeout: float | None = 5.0) -> T:
        """Return the result of the task; ask once. *timeout* in seconds; None waits for ever.

        Raises TaskExited if the task failed, with what it raised as cause; TaskTimeout: it runs on then, and its
        result is dropped; NotTaskOwner. On an event loop write `await task`, which has no timeout of its own.
        """
        check_timeout(timeout)
        try:
            outcome = self._outcome(timeout)
        except ReceiveTimeout:
            self._forget()
            raise TaskTimeout(self, timeout) from None
        return self._value(outcome)

    def __await__(self) -> Generator[Any, None, T]:
        """As `await_`, on an event loop."""
        return self._awaited().__await__()

    async def _awaited(self) -> T:
        try:
            self._check_owner()
            if self.pid is not None:
                await ended(self.pid, self.ref)
                self._check_owner()  # a link may have ended it meanwhile
            message = take(self._is_mine)
            outcome: Outcome[T] = Exited(NoProc()) if message is None else self._taken(message)
        except ExitProcess as order:
            outcome = self._lost(order)
        return self._value(outcome)

    def yield_(self, timeout: float | None = 5.0) -> Outcome[T] | None:
        """Return `Done(value)`, `Exited(reason)`, or None if nothing has come within *timeout* seconds.

        After None ask again, or end the task with `shutdown`. Raises NotTaskOwner.
        """
        check_timeout(timeout)
        try:
            return self._outcome(timeout)
        except ReceiveTimeout:
            return None

    def ignore(self) -> Outcome[T] | None:
        """Want its result no more: unlink it, and let it run. What has come by now is returned, as by `yield_`."""
        try:
            self._check_owner()
        except ExitProcess as order:
            return self._lost(order)
        message = take(self._is_mine)
        if self.pid is not None:
            unlink(self.pid)
        if message is not None:
            return self._taken(message)
        self._forget()
        return None

    def shutdown(self, timeout: float | Literal["brutal_kill"] | None = 5.0) -> Outcome[T] | None:
        """End the task and return when it is dead: `Done(value)` if it had a result, None if it ended by this.

        *timeout* in seconds, None for ever: it is told `Shutdown()`, and killed when they are over; "brutal_kill" kills
        it at once. `Exited(reason)` is any other end: `Killed()` after the time, `NoProc()` if its end was handled
        before. Raises NotTaskOwner; ValueError for a `completed` task, which has no process.
        """
        if isinstance(timeout, str) and timeout != "brutal_kill":
            msg = f'timeout is {timeout!r}; give seconds, "brutal_kill", or None to wait for ever'
            raise ValueError(msg)
        if timeout != "brutal_kill":
            check_timeout(timeout)
        if self.pid is None:
            msg = f"{self!r} has no process that could be ended: ask for its result"
            raise ValueError(msg)
        try:
            self._check_owner()
        except ExitProcess as order:
            return self._lost(order)
        expected = Killed() if timeout == "brutal_kill" else Shutdown()
        reason = end_and_wait(self.pid, timeout)
        reply = take(self._is_reply)
        down = receive(self._is_mine) if is_monitoring(self.ref) else take(self._is_mine)
        if reply is not None:
            return Done(reply.value)
        if reason is None:  # it had ended before
            reason = NoProc() if down is None else down.reason
        return None if reason == expected else Exited(reason)

    @staticmethod
    def await_many(tasks: Iterable[Task[ResultT]], timeout: float | None = 5.0) -> list[ResultT]:
        """Return the results of *tasks*, in their order. *timeout* in seconds is for all of them; None for ever.

        Raises as `await_`, as soon as one of them has failed; the others run on then, and their results are dropped.
        """
        check_timeout(timeout)
        wanted = _checked(tasks)
        results: dict[Ref, ResultT] = {}
        try:
            for task, outcome in _outcomes(wanted, timeout):
                results[task.ref] = task._value(outcome)  # noqa: SLF001 - a task of this class
        except NotTaskOwner:  # nobody has been asked, so nothing is dropped
            raise
        except BaseException as error:
            missing = tuple(task for task in wanted if task.ref not in results)
            for task in missing:
                task._forget()  # noqa: SLF001 - a task of this class
            if isinstance(error, ReceiveTimeout):
                raise TaskTimeout(missing, timeout) from None
            raise
        return [results[task.ref] for task in wanted]

    @staticmethod
    def yield_many(
        tasks: Iterable[Task[ResultT]], timeout: float | None = 5.0
    ) -> list[tuple[Task[ResultT], Outcome[ResultT] | None]]:
        """Return each of *tasks* with what `yield_` would give, in their order, after at most *timeout* seconds."""
        check_timeout(timeout)
        wanted = _checked(tasks)
        found: dict[Ref, Outcome[ResultT]] = {}
        with contextlib.suppress(ReceiveTimeout):
            found.update((task.ref, outcome) for task, outcome in _outcomes(wanted, timeout))
        return [(task, found.get(task.ref)) for task in wanted]

    # -- the messages that bring it

    def _is_mine(self, message: Any) -> bool:
        return type(message) in _MESSAGES and message.ref is self.ref

    def _is_reply(self, message: Any) -> bool:
        return type(message) is TaskReply and message.ref is self.ref

    def _check_owner(self) -> None:
        """Raise NotTaskOwner; ExitProcess where the owner was this plain thread's process, and a link has ended it."""
        me = current()
        if me is self.owner:
            return
        refusal = NotTaskOwner(self, self.owner, me)
        if is_past(self.owner, me):
            raise ExitProcess(end_of(self.owner)) from refusal
        raise refusal

    def _outcome(self, timeout: float | None) -> Outcome[T]:
        """Wait for what comes of the task. Raises ReceiveTimeout."""
        try:
            self._check_owner()
            return self._taken(receive_from(self.pid, self._is_mine, timeout))
        except ExitProcess as order:
            return self._lost(order)

    def _taken(self, message: TaskReply | Down) -> Outcome[T]:
        """Return what *message*, taken out of the mailbox, says; no other one of this task comes any more."""
        if isinstance(message, Down):
            await_fall(message.pid, message.reason)
            return Exited(message.reason)
        demonitor(self.ref, flush=True)
        return Done(message.value)

    def _lost(self, order: ExitProcess) -> Exited:
        """Return the end that the task shares with the process of this plain thread; raise *order* if it does not."""
        if self.linked and survives(self.owner):
            return Exited(order.reason)
        raise order.__cause__ if isinstance(order.__cause__, NotTaskOwner) else order  # see _check_owner

    def _value(self, outcome: Outcome[T]) -> T:
        if isinstance(outcome, Done):
            return outcome.value
        raise TaskExited(self, outcome.reason)

    def _forget(self) -> None:
        """See to it that no message of the task comes any more, and that none is there."""
        demonitor(self.ref)
        while take(self._is_mine) is not None:
            pass


_MESSAGES = (TaskReply, Down)


def _checked(tasks: Iterable[Task[T]]) -> tuple[Task[T], ...]:
    """Return *tasks*. Raises TypeError for what is none."""
    if not isinstance(tasks, Iterable):
        msg = f"{tasks!r} is not several tasks: give a list of them, or ask one by its await_ or yield_"
        raise TypeError(msg)
    found = tuple(tasks)
    for task in found:
        if not isinstance(task, Task):
            msg = f"{task!r} is no task: give such as Task.async_(…) returns"
            raise TypeError(msg)
    return found


def _outcomes(tasks: Iterable[Task[T]], timeout: float | None) -> Iterator[tuple[Task[T], Outcome[T]]]:
    """Yield *tasks* with what comes of them, as it comes. Raises ReceiveTimeout after *timeout* seconds in all."""
    missing = {task.ref: task for task in tasks}
    try:
        yield from _arriving(missing, timeout)
    except ExitProcess as order:
        along = [task for task in missing.values() if task.linked] or [*missing.values()]
        yield from [(task, task._lost(order)) for task in along]  # noqa: SLF001 - a task of this module


def _arriving(missing: dict[Ref, Task[T]], timeout: float | None) -> Iterator[tuple[Task[T], Outcome[T]]]:
    clock = current().runtime.clock
    until = None if timeout is None else clock.now() + timeout
    for task in missing.values():
        task._check_owner()  # noqa: SLF001 - a task of this module
    while missing:
        left = None if until is None else max(0.0, until - clock.now())
        one = next((task.pid for task in missing.values() if task.pid is not None), None)
        message = receive_from(one, lambda m: type(m) in _MESSAGES and m.ref in missing, left)
        task = missing[message.ref]
        outcome = task._taken(message)  # noqa: SLF001 - a task of this module
        del missing[message.ref]
        yield task, outcome
