"""Streams of tasks, as who iterates sees them: inputs go in as there is room, outcomes come out in their order.

What is started and what is given next is decided by an `Order`, which does nothing itself; the hub (hub.py) does. The
loops that ask it, for processes and for coroutines, are the same but for the waiting.

Source: Elixir task/supervised.ex, stream_reduce/7 and stream_deliver/7.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from typing import Any, Generic, Literal, TypeAlias, TypedDict, TypeVar, cast, final, get_args

from otpy.behaviours import gen
from otpy.behaviours.cores import cores
from otpy.behaviours.starting import start_soon
from otpy.behaviours.tasks.hub import Begin, Close, Finished, Hub, Take, Work
from otpy.behaviours.tasks.outcomes import Exited, Outcome
from otpy.behaviours.tasks.processes import Job, RunsOn, begin_linked, callers_of, name_of, place_of
from otpy.behaviours.tasks.waiting import survives
from otpy.errors import BlockingRefused, CallError, CallingSelf, NoProcess, ServerExited, TaskExited
from otpy.kernel.clock import check_timeout
from otpy.kernel.here import current
from otpy.kernel.messages import Exit
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import take
from otpy.kernel.process import Process
from otpy.kernel.reasons import ExitProcess

T = TypeVar("T")
OnTimeout: TypeAlias = Literal["exit", "kill_task"]


class StreamOptions(TypedDict, total=False):
    """The options of a stream; see `Task.async_stream`."""

    max_concurrency: int | None
    ordered: bool
    timeout: float | None
    on_timeout: OnTimeout
    zip_input_on_exit: bool
    runs_on: RunsOn | None


@final
class TaskStream(Generic[T]):
    """The outcomes of tasks, one for each input: `for outcome in stream`, or `async for` on an event loop.

    It is lazy, and runs anew each time somebody iterates. See `Task.async_stream` for what the arguments mean.
    """

    def __init__(
        self,
        inputs: Iterable[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        options: StreamOptions,
        *,
        begin: Callable[[Job], Process] = begin_linked,
        linked: bool = True,
    ) -> None:
        if not isinstance(inputs, Iterable):
            msg = f"a stream of tasks takes its inputs from an iterable, and {inputs!r} is none; give such as a list"
            raise TypeError(msg)
        self._inputs = inputs
        self._function = function
        self._args = args
        self._options = _checked_options(options)
        self._runs_on: RunsOn = place_of(function, options.get("runs_on"))
        self._begin = begin
        self._is_linked = linked

    def __repr__(self) -> str:
        return f"<TaskStream {name_of(self._function)}>"

    def __iter__(self) -> Iterator[Outcome[T]]:
        me = current()
        order = self._order()
        hub = start_soon(Hub, self._work(me))
        try:
            with self._failing(hub, me):
                while True:
                    for each in order.begins():
                        gen.cast(hub, each)
                    if order.is_over:
                        return
                    order.finish(_checked(gen.call(hub, Take(), timeout=None)))
                    yield from order.outcomes()
        finally:
            _close(hub)

    async def __aiter__(self) -> AsyncIterator[Outcome[T]]:
        me = current()
        order = self._order()
        hub = start_soon(Hub, self._work(me))
        try:
            with self._failing(hub, me):
                while True:
                    for each in order.begins():
                        gen.cast(hub, each)
                    if order.is_over:
                        return
                    order.finish(_checked(await gen.acall(hub, Take(), timeout=None)))
                    for outcome in order.outcomes():
                        yield outcome
        finally:
            with contextlib.suppress(CallError):  # it has ended
                await gen.acall(hub, Close(), timeout=None)

    @contextlib.contextmanager
    def _failing(self, hub: Pid, me: Process) -> Generator[None]:
        """While *hub* works for *me*: that it ends, with a task that failed, is an error of the stream."""
        try:
            yield
        except (ServerExited, NoProcess) as error:
            if error.server is not hub:
                raise
            reason = cast("Process", hub).exit_reason
        except ExitProcess as order:
            if not survives(me):
                raise
            reason = order.reason
        else:
            return
        with contextlib.suppress(ExitProcess):  # a plain thread hears it by the error alone
            take(lambda message: type(message) is Exit and message.pid is hub)
        failed = TaskExited(self, reason)
        raise failed from failed.__cause__

    def _work(self, consumer: Process) -> Work:
        return Work(
            consumer=consumer,
            callers=callers_of(consumer),
            function=self._function,
            args=self._args,
            runs_on=self._runs_on,
            begin=self._begin,
            linked=self._is_linked,
            timeout=self._options.get("timeout", 5.0),
            kills_late=self._options.get("on_timeout") == "kill_task",
        )

    def _order(self) -> Order:
        limit = self._options.get("max_concurrency")
        return Order(
            self._inputs,
            cores() if limit is None else limit,
            is_ordered=self._options.get("ordered", True),
            zips=self._options.get("zip_input_on_exit", False),
        )


@final
class Order:
    """What is started next, and what is given next.

    At most *limit* tasks run; what has finished is given in the order of the inputs if *is_ordered*, else as it comes.
    *zips* puts its input beside the reason of each that exited.
    """

    def __init__(self, inputs: Iterable[Any], limit: int, *, is_ordered: bool, zips: bool) -> None:
        self._inputs = iter(inputs)
        self._limit = limit
        self._is_ordered = is_ordered
        self._kept: dict[int, Any] | None = {} if zips else None
        self._begun = 0
        self._given = 0
        self._running = 0
        self._ready: dict[int, Outcome[Any]] = {}

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come. Ask when all that there is room for has begun."""
        return not self._running

    def begins(self) -> Iterator[Begin]:
        """Yield what there is room for, taking inputs one by one."""
        while self._running < self._limit:
            try:
                given = next(self._inputs)
            except StopIteration:
                return
            position = self._begun
            self._begun += 1
            self._running += 1
            if self._kept is not None:
                self._kept[position] = given
            yield Begin(position, given)

    def finish(self, finished: list[Finished]) -> None:
        """Take what has finished."""
        for position, outcome in finished:
            self._running -= 1
            given = None if self._kept is None else self._kept.pop(position)
            if self._kept is not None and isinstance(outcome, Exited):
                outcome = Exited((given, outcome.reason))  # noqa: PLW2901 - the same, with more
            self._ready[position] = outcome

    def outcomes(self) -> Iterator[Outcome[Any]]:
        """Yield what can be given by now."""
        while self._ready:
            position = self._given if self._is_ordered else next(iter(self._ready))
            if position not in self._ready:
                return
            self._given += 1
            yield self._ready.pop(position)


def _checked(taken: list[Finished] | Exception) -> list[Finished]:
    if isinstance(taken, Exception):
        raise taken
    return taken


def _close(hub: Pid) -> None:
    """End the hub and what it runs, and return when they are dead; where nobody may wait, without waiting."""
    try:
        gen.call(hub, Close(), timeout=None)
    except (BlockingRefused, CallingSelf):  # the loop was left, and the garbage collector, anywhere, is who noticed
        gen.cast(hub, Close())
    except CallError:  # it has ended
        return


def _checked_options(options: StreamOptions) -> StreamOptions:
    """Return *options*, or raise TypeError or ValueError for what makes no sense."""
    unknown = options.keys() - StreamOptions.__annotations__
    if unknown:
        known = ", ".join(StreamOptions.__annotations__)
        msg = f"a stream has no option {', '.join(sorted(unknown))}; give some of {known}"
        raise TypeError(msg)
    check_timeout(options.get("timeout"))
    limit: object = options.get("max_concurrency")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool)):
        msg = f"max_concurrency is {limit!r}; give a whole number, 1 or more, or None for as many as there are cores"
        raise TypeError(msg)
    if limit is not None and limit < 1:
        msg = f"max_concurrency is {limit!r}, and no task could run; give 1 or more"
        raise ValueError(msg)
    if options.get("on_timeout", "exit") not in get_args(OnTimeout):
        msg = f'on_timeout is {options.get("on_timeout")!r}; give "exit" or "kill_task"'
        raise ValueError(msg)
    for name in ("ordered", "zip_input_on_exit"):
        if not isinstance(options.get(name, True), bool):
            msg = f"{name} is {options.get(name)!r}; give True or False"
            raise TypeError(msg)
    return options
