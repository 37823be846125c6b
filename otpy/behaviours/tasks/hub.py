"""The process between a stream and its tasks: it starts them, watches their time, and hands on what comes of them.

It gives only what it is asked for, so whoever leaves a stream early finds nothing of it in its mailbox. It is linked
with who iterates: it ends with that one, and with a task that fails where tasks are linked; and with it end the tasks.

Source: Elixir task/supervised.ex, stream_monitor/5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias, final

import msgspec

from otpy.behaviours import children_shutdown
from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import NoReply, Ok, Reply, Stop
from otpy.behaviours.tasks.outcomes import Done, Exited, TaskReply
from otpy.behaviours.tasks.processes import Job, RunsOn, name_of
from otpy.errors import TaskTimeout
from otpy.kernel.calls import From, answer
from otpy.kernel.here import current
from otpy.kernel.messages import Down, Exit
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import cancel_timer, demonitor, link, send_after, set_label, trap_exit, unlink
from otpy.kernel.primitives import exit as send_exit
from otpy.kernel.process import Process, Unwound
from otpy.kernel.reasons import Kill, Normal, Reason
from otpy.kernel.signals import end
from otpy.kernel.timers import TimerRef

Finished: TypeAlias = tuple[int, Done[Any] | Exited]
"""The position of an input, and what came of its task."""


@final
class Work(msgspec.Struct, frozen=True):
    """What a stream does, and for whom.

    - `consumer`, `callers`: who iterates, and the callers of its tasks.
    - `function`, `args`, `runs_on`: what the tasks run.
    - `begin`: starts the process of a job, of which the hub is the owner.
    - `linked`: whether a task that fails ends the stream.
    - `timeout`, `kills_late`: seconds for each task, and whether a late one is killed; else it ends the stream.
    """

    consumer: Pid
    callers: tuple[Pid, ...]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    runs_on: RunsOn
    begin: Callable[[Job], Process]
    linked: bool
    timeout: float | None
    kills_late: bool


class Begin(msgspec.Struct, frozen=True):
    """Start the task of *given*, the input at *position*."""

    position: int
    given: Any


class Take(msgspec.Struct, frozen=True):
    """Return what has finished, at least one; or the error that ends the stream."""


class Close(msgspec.Struct, frozen=True):
    """End all tasks, and then yourself."""


class Late(msgspec.Struct, frozen=True):
    """The time of a task is over."""

    ref: Ref


class Running(msgspec.Struct, frozen=True):
    """A task that runs."""

    position: int
    pid: Process
    timer: TimerRef | None


@final
class HubState(msgspec.Struct):
    """The state of a hub.

    - `running`: the tasks by their refs.
    - `finished`: what nobody has taken yet.
    - `asker`: who waits for the next that finishes.
    - `failure`: what ends the stream, where it is no crash of a task.
    """

    work: Work
    running: dict[Ref, Running] = {}
    finished: list[Finished] = []
    asker: From | None = None
    failure: Exception | None = None

    def tell(self) -> None:
        """Answer who waits, if there is something to tell."""
        if self.asker is not None and (self.finished or self.failure is not None):
            asker, self.asker = self.asker, None
            answer(asker, self.take())

    def take(self) -> list[Finished] | Exception:
        """Return what an asker gets."""
        if self.failure is not None:
            return self.failure
        taken, self.finished = self.finished, []
        return taken

    def finish(self, ref: Ref, outcome: Done[Any] | Exited) -> None:
        """Note what came of the task *ref*, and have it told."""
        task = self.running.pop(ref)
        if task.timer is not None:
            cancel_timer(task.timer)
        self.finished.append((task.position, outcome))
        self.tell()


@final
class Hub(GenServer[HubState]):
    """See above."""

    __slots__ = ()

    def init(self, arg: Work) -> Ok[HubState]:
        """Belong to the consumer; nothing runs yet."""
        trap_exit(True)
        set_label(f"stream of {name_of(arg.function)}")
        link(arg.consumer)
        return Ok(HubState(arg))

    def handle_cast(self, request: Begin | Close, state: HubState) -> NoReply[HubState] | Stop[HubState]:
        """Start a task, or end."""
        if isinstance(request, Close):
            return Stop(Normal(), state)
        if state.failure is None:
            try:
                self._begin(request, state)
            except Exception as error:  # noqa: BLE001 - raised at who iterates: its supervisor is full, or gone
                self._fail(error, state)
        return self._go_on(state)

    def _go_on(self, state: HubState) -> NoReply[HubState]:
        """Be seen to wait for a task while somebody waits for us, so that an upgrade knows whom that one waits for."""
        awaited = state.running.values() if state.asker is not None else ()
        current().wait_on = next((task.pid for task in awaited), None)
        return NoReply(state)

    def _begin(self, request: Begin, state: HubState) -> None:
        work, me, ref = state.work, current(), Ref()
        job = Job(work.function, (request.given, *work.args), work.runs_on, work.callers, me, ref, linked=work.linked)
        pid = work.begin(job)
        timer = None if work.timeout is None else send_after(me, Late(ref), work.timeout)
        state.running[ref] = Running(request.position, pid, timer)

    def handle_call(self, request: Take | Close, from_: From, state: HubState) -> Any:
        """Hand over, or end."""
        if isinstance(request, Close):
            return Stop(Normal(), state, reply=None)
        if state.finished or state.failure is not None:
            return Reply(state.take(), state)
        state.asker = from_
        return self._go_on(state)

    def handle_info(self, message: Any, state: HubState) -> NoReply[HubState]:
        """Take what comes of tasks, and what ends the stream."""
        match message:
            case TaskReply(ref, value) if ref in state.running:
                demonitor(ref, flush=True)
                state.finish(ref, Done(value))
            case Down(ref, _, reason) if ref in state.running:
                if state.work.linked and not isinstance(reason, Normal):
                    self._fall(reason, state)
                state.finish(ref, Exited(reason))
            case Late(ref) if ref in state.running:
                self._late(ref, state)
            case Exit(pid, reason) if pid is state.work.consumer:
                self._fall(reason, state)
            case _:
                pass  # what a task that is over has left: its exit, or its time
        return self._go_on(state)

    def _late(self, ref: Ref, state: HubState) -> None:
        pid = state.running[ref].pid
        error = TaskTimeout(pid, state.work.timeout)
        if not state.work.kills_late:
            self._fail(error, state)
            return
        demonitor(ref, flush=True)
        unlink(pid)
        send_exit(pid, Kill())
        state.finish(ref, Exited(error))

    def _fail(self, error: Exception, state: HubState) -> None:
        """End the tasks, and have *error* raised where somebody asks for the next result."""
        self._end_tasks(state)
        state.running.clear()
        state.failure = error
        state.tell()

    def _fall(self, reason: Reason, state: HubState) -> NoReturn:
        """End as one that a linked process takes along: it is no crash of its own, and reported by who crashed."""
        self._end_tasks(state)
        end(current(), reason)
        raise Unwound

    def terminate(self, reason: Reason, state: HubState) -> None:
        """End what still runs; where all is as it should be, no exit signal tells of it."""
        self._end_tasks(state)
        if isinstance(reason, Normal):
            unlink(state.work.consumer)

    def _end_tasks(self, state: HubState) -> None:
        children_shutdown.end({task.pid: "brutal_kill" for task in state.running.values()})
