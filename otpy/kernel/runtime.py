"""A runtime: one scheduler with its names, timers and threads.

One runtime is the current one. `with runtime():` makes one and stops its processes at the end; without it the first
use of otpy starts a default one, which stops when the interpreter exits.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import inspect
import os
import threading
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from greenlet import GreenletExit

from otpy.errors import BlockingRefused, NotRunning, ServerExited
from otpy.kernel import plane, signals
from otpy.kernel.actors import Becoming, FunctionProcess, ProcessRef, ThreadOutside, take_envelope
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import PENDING, Call, Failed, wait_for_answer
from otpy.kernel.clock import Clock, SystemClock
from otpy.kernel.here import current, here, set_adopter, waiting
from otpy.kernel.loop import LoopThread
from otpy.kernel.loop_watch import SLOW_SECONDS, check_slow_seconds
from otpy.kernel.process import SINK, Executor, Process, Unwound
from otpy.kernel.reasons import ExitProcess, Kill, Killed, Normal, Reason, Shutdown
from otpy.kernel.reloading import Reloads
from otpy.kernel.scheduler import Scheduler
from otpy.kernel.table import table
from otpy.kernel.threads import ForeignThread, OwnThread, Pool, Ward

if TYPE_CHECKING:
    from pykka import Actor, ActorRef

    from otpy.kernel.ets import Table
    from otpy.kernel.groups import Scope
    from otpy.kernel.process import Handle
    from otpy.kernel.suspension import Suspension
    from otpy.kernel.via import NameRegistry
    from otpy.kernel.worker import Worker

ResultT = TypeVar("ResultT")

RUNS_ON = ("scheduler", "thread", "asyncio")
_STOP_SECONDS = 5.0


def _ignore(process: Process, message: object) -> None:
    """Handle nothing: the process takes its messages itself, or has none."""


class Runtime:
    """Everything that lives and dies with one scheduler."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        debug: bool = False,
        shutdown_timeout: float = _STOP_SECONDS,
        reload_every: int | None = None,
        slow_callback_duration: float | None = SLOW_SECONDS,
    ) -> None:
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.shutdown_timeout = shutdown_timeout
        self.slow_callback_duration = check_slow_seconds(slow_callback_duration)
        self.stopped = False
        self.stopping = False
        self.halted: Reason = None  # why it was stopped from inside
        self._stopping = threading.Lock()
        self.names: dict[str, Process] = {}
        self.tables: dict[str, Table] = {}
        self.registries: dict[str, NameRegistry] = {}  # what Via finds by name
        self.scopes: dict[str, Scope] = {}  # of process groups
        self.pool = Pool(self)
        self.scheduler = Scheduler(self, debug=debug)
        self.timers = self.scheduler.timers
        self.system = Process(self, self.scheduler, _ignore)  # whose code runs where no process runs
        self.system.label = "runtime"
        self.system.scheduled = True
        self.system.trapping = True
        self.suspension: Suspension | None = None  # the last one, or the one under way
        self._loop: LoopThread | None = None
        self._loop_lock = threading.RLock()
        self._foreign: set[Process] = set()
        self.take_envelope = take_envelope
        self.reloads = None if reload_every is None else Reloads(self, reload_every)
        self.scheduler.start()

    # -- processes

    def executor(self, runs_on: str) -> Executor:
        """Return where a process with this `runs_on` runs."""
        if runs_on == "scheduler":
            return self.scheduler
        if runs_on == "thread":
            return OwnThread(self)
        return self.loop_thread()

    def loop_thread(self) -> LoopThread:
        """Return the event loop of the asyncio processes, started now if there is none."""
        with self._loop_lock:
            if self._loop is None:
                self._loop = LoopThread(self)
            return self._loop

    def new_process(self, actor: Actor, handle: Handle, runs_on: str = "scheduler") -> Process:
        """Make the record of a process; `launch` lets it live."""
        return Process(self, self.executor(runs_on), handle, actor)

    def launch(self, process: Process) -> None:
        """Enter *process* into the table and have it run."""
        if self.stopped:
            msg = "this runtime has stopped; start processes inside `with otpy.runtime():` or otpy.run(main)"
            raise NotRunning(msg)
        self._enter(process)
        process.scheduled = True
        process.executor.submit(process)

    def launch_inside(self, process: Process, starter: Process, worker: Worker) -> None:
        """As `launch`, running the boot of *process* on the stack of *starter*, which would wait for it anyway."""
        self._enter(process)
        process.scheduled = True
        worker.run_inside(starter, process)

    def _enter(self, process: Process) -> None:
        """Enter *process* into the table. By its name or its link somebody may have ended it already."""
        if self.reloads is not None:
            process.handle = self.reloads.counted(process.handle)
        table.add(process)
        if process.exit_reason is not None:
            table.discard(process)

    def forget(self, process: Process) -> None:
        """Take the dead *process* out of the table."""
        table.discard(process)
        self._foreign.discard(process)

    def processes(self) -> list[Process]:
        """Return the living processes, oldest first, without those of foreign threads."""
        return [process for process in table.processes() if process.runtime is self]

    def everybody(self) -> list[Process]:
        """Return the living processes, oldest first, those of foreign threads at the end."""
        return [*self.processes(), *self._foreign]

    def kill(self, process: Process) -> None:
        """End *process*, whatever it does."""
        signals.signal(self.system, process, Kill())

    def actor_ref(self, process: Process) -> ActorRef[Any]:
        """Make pykka's reference of *process*."""
        return ProcessRef(process)

    def adopt_thread(self) -> Process:
        """Make a process of the running thread, which otpy did not make."""
        runner = ForeignThread(self)
        runner.ident = threading.get_ident()
        process = Process(self, runner, _ignore)
        process.actor = ThreadOutside(process)
        process.label = f"thread {threading.current_thread().name}"
        process.scheduled = True
        process.runner = runner
        runner.current = process
        self._foreign.add(process)
        here.process = process
        here.ward = Ward(process)
        return process

    # -- the end

    def halt(self, reason: Reason) -> None:
        """Stop this runtime from inside, by a thread of its own. Who uses it afterwards is told *reason*."""
        if self.halted is None and not self.stopping:
            self.halted = reason
            threading.Thread(target=self._halt, name="otpy-halt").start()

    def _halt(self) -> None:
        self.adopt_thread()
        self.stop()

    def stop(self) -> None:
        """Stop every root process in reverse start order, then what is left, then the threads.

        Who comes second waits until that is done.
        """
        if self.stopped:
            return
        with self._stopping:
            if not self.stopped:
                self.stopping = True
                self._stop()

    def _stop(self) -> None:
        if self.reloads is not None:
            self.reloads.stop()
        try:
            me = current()
        except ExitProcess:  # the process of this thread has been ended; it is a new one from now on
            me = current()
        trapped, me.trapping = me.trapping, True  # children of the thread that stops must not take it along
        while (roots := self._roots()) and self._stop_all(roots, me):
            pass
        self._end_the_rest()
        self._let_unwind(me)
        me.trapping = trapped
        self.stopped = True
        self._end_the_rest()  # what other threads have started meanwhile
        for process in list(self._foreign):
            signals.end(process, Normal())
        if self._loop is not None:
            self._loop.stop()
        self.pool.stop()
        self.scheduler.stop()

    def abandon(self, reason: Reason) -> None:
        """Declare everything dead without a word: the threads do not exist any more."""
        self.stopped = True
        self.scheduler.abandon()
        dead = (*self._foreign, *self.processes())
        for process in dead:
            process.exit_reason = reason
            process.fenced = True
            process.mailbox = SINK
            process.scheduled = True
            table.discard(process)
        self.names.clear()
        for process in dead:  # after all have been declared dead: there is no heir
            for belonging in process.belongings or ():
                belonging.released(process)

    def _roots(self) -> list[Process]:
        """Return the processes whose starter is gone or is no process of this runtime."""
        return [each for each in self.processes() if each.exit_reason is None and self._is_root(each.starter)]

    def _is_root(self, starter: Process | None) -> bool:
        return starter is None or starter.exit_reason is not None or starter in self._foreign or starter is self.system

    def _end_the_rest(self) -> None:
        for process in self.processes():
            signals.end(process, Killed())

    def _let_unwind(self, me: Process) -> None:
        """Wait until what was ended has left its code, `finally` by `finally`: a last process runs after all those."""
        gone = Call(me, None, self.system, me)
        if signals.on_death(spawn_process(int, starter=self.system), gone):
            _answered(gone, self.shutdown_timeout)

    def _stop_all(self, roots: list[Process], me: Process) -> bool:
        """Stop *roots*, youngest first; False if one of them had to be left."""
        stopped = [self._stop_one(process, me) for process in reversed(roots)]
        return all(stopped)

    def _stop_one(self, process: Process, me: Process) -> bool:
        gone = Call(me, None, process, me)
        if not signals.on_death(process, gone):
            return True
        signals.signal(process.parent or self.system, process, Shutdown())
        if _answered(gone, self.shutdown_timeout):
            return True
        self.kill(process)
        return _answered(gone, self.shutdown_timeout)


def _answered(call: Call, timeout: float) -> bool:
    """Wait for an answer *timeout* seconds: of the runtime, and of the machine where the former may stand still."""
    late = Failed(TimeoutError())
    alarm = threading.Timer(timeout, call.put, (late,))
    alarm.daemon = True
    if not isinstance(call.server.runtime.clock, SystemClock):
        alarm.start()
    with contextlib.suppress(Exception):
        wait_for_answer(call, timeout)
    alarm.cancel()
    return call.answer is not PENDING and call.answer is not late


# -- the current runtime ---------------------------------------------------------------------------

_stack: list[Runtime] = []
_start_lock = threading.RLock()


def current_runtime() -> Runtime:
    """Return the runtime of the running process, else the innermost one, else the default one, started now."""
    process: Process | None = here.process if here.process is not None else here.resident
    if process is not None and not process.runtime.stopped:
        return process.runtime
    with _start_lock:
        while _stack and _stack[-1].stopped:
            if _stack[-1].halted is not None:
                msg = f"this runtime was stopped from inside: {_stack[-1].halted}"
                raise NotRunning(msg)
            _stack.pop()
        if not _stack:
            _stack.append(Runtime())
        return _stack[-1]


@contextlib.contextmanager
def runtime(
    *,
    clock: Clock | None = None,
    debug: bool = False,
    shutdown_timeout: float = _STOP_SECONDS,
    reload_every: int | None = None,
    slow_callback_duration: float | None = SLOW_SECONDS,
) -> Generator[Runtime]:
    """Run the block in a runtime of its own, and stop every root process of it, youngest first, at the end.

    *clock* replaces the machine's clock in tests. *debug* changes threads between messages, so that code which counts
    on its thread fails at once. *shutdown_timeout* is the seconds a root gets to end before it is killed.
    *reload_every* has every so many handled messages followed by a reload of all behaviours from the same source,
    which must change nothing: a test of the upgrades, and of code that has to live through them.
    *slow_callback_duration*: what keeps the event loop of the asyncio processes from everybody else for more seconds
    than this is named in a warning; None names nothing.
    """
    if here.resident is not None:
        msg = "a runtime is started by a thread of your own, not inside a process; there, use start or spawn"
        raise BlockingRefused(msg)
    if here.process is not None and here.process.fenced:
        with contextlib.suppress(NotRunning):  # the one before was stopped from inside, and this is a new one
            current()
    made = Runtime(
        clock=clock,
        debug=debug,
        shutdown_timeout=shutdown_timeout,
        reload_every=reload_every,
        slow_callback_duration=slow_callback_duration,
    )
    outer = here.process, here.ward  # who this thread is in the runtime around this one
    here.process = here.ward = None
    with _start_lock:
        _stack.append(made)
    try:
        yield made
    finally:
        try:
            made.stop()
        finally:
            with _start_lock:
                if made in _stack:  # else somebody has seen already that it has stopped
                    _stack.remove(made)
            here.process, here.ward = outer


def runtimes_beside(mine: Runtime) -> list[Runtime]:
    """Return the other runtimes of this interpreter."""
    with _start_lock:
        return [made for made in _stack if made is not mine]


@overload
def run(main: Callable[..., Coroutine[Any, Any, ResultT]], *args: Any) -> ResultT: ...
@overload
def run(main: Callable[..., ResultT], *args: Any) -> ResultT: ...
def run(main: Callable[..., Any], *args: Any) -> Any:
    """Run `main(*args)` as a process inside the runtime and return what it returns, or raise what it raises.

    Calls from inside cost no change of threads. A runtime made for this is stopped at the end, also by Ctrl-C. An
    `async def` main runs with `asyncio.run` in this thread, which is a process too, and may start, call and await.
    """
    with contextlib.ExitStack() as stack:
        if not _stack or _stack[-1].stopped:
            stack.enter_context(runtime())
        label = getattr(main, "__qualname__", repr(main))
        if inspect.iscoroutinefunction(main):
            return _run_async(main, args, label)
        me = current()
        answer = Call(me, None, me.runtime.system, me)
        process = spawn_process(_answer_with, answer, main, args, starter=me, label=label, before=table.hide)
        if not signals.on_death(process, answer):
            answer.fail(process.exit_reason)
        try:
            return wait_for_answer(answer, None)
        except ServerExited as ended:
            if me.runtime.halted is None:
                raise
            msg = f"the runtime was stopped from inside: {me.runtime.halted}"
            raise NotRunning(msg) from ended
        except KeyboardInterrupt:
            signals.signal(me, process, Kill())
            raise


def _run_async(main: Callable[..., Any], args: tuple[Any, ...], label: str) -> Any:
    if here.resident is None:
        return asyncio.run(main(*args))
    return run_on_thread(asyncio.run, main(*args), label=label)  # a process of the scheduler must not hold its thread


def run_on_thread(fn: Callable[..., Any], *args: Any, label: str) -> Any:
    """Run `fn(*args)` as a process on a thread of its own, wait for it, and return or raise what came of it."""
    return wait_for_answer(_begin(fn, args, label=label, runs_on="thread"), None)


def run_all(functions: Iterable[Callable[[], ResultT]], *, label: str) -> list[ResultT]:
    """Run each function in a process of its own, linked with this one, and return what they return, in their order.

    Raises what the first of them raised.
    """
    waiting()
    begun = [_begin(fn, (), label=label, link=True) for fn in functions]
    return [wait_for_answer(answer, None) for answer in begun]


def _begin(
    fn: Callable[..., Any], args: tuple[Any, ...], *, label: str, runs_on: str = "scheduler", link: bool = False
) -> Call:
    """Start a process that runs `fn(*args)`, and return what its answer comes in."""
    me = current()
    answer = Call(me, None, me.runtime.system, me)
    process = spawn_process(_answer_with, answer, fn, args, starter=me, label=label, runs_on=runs_on, link=link)
    if not signals.on_death(process, answer):
        answer.fail(process.exit_reason)
    return answer


def _answer_with(answer: Call, main: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Put what came of `main(*args)` as the answer; its error is raised at the caller of `run`, not reported here."""
    try:
        value = main(*args)
    except (ExitProcess, Unwound, GreenletExit):  # the process was ended, by itself or by others
        raise
    except Becoming:
        value = Failed(TypeError("somebody waits for what this function returns, so it cannot become something else"))
    except BaseException as error:  # noqa: BLE001 - raised again at the caller of run, SystemExit too
        value = Failed(error)
    answer.put(value)


def spawn_process(
    fn: Callable[..., Any],
    *args: Any,
    starter: Process,
    label: str | None = None,
    link: bool = False,
    runs_on: str = "scheduler",
    before: Callable[[Process], None] | None = None,
) -> Process:
    """Make and launch a process that runs `fn(*args)`; where asked, linked with *starter* and after `before`."""
    label = label or str(getattr(fn, "__qualname__", repr(fn)))
    actor = FunctionProcess(fn, len(args))
    return spawn_actor(actor, *args, starter=starter, label=label, link=link, runs_on=runs_on, before=before)


@runs_callbacks
def spawn_actor(
    actor: FunctionProcess,
    *args: Any,
    starter: Process,
    label: str,
    link: bool = False,
    runs_on: str = "scheduler",
    before: Callable[[Process], None] | None = None,
) -> Process:
    """As `spawn_process`, for a function that an *actor* carries already, which may do more than call it."""
    made = starter.runtime
    process = made.new_process(actor, _ignore, "thread" if actor.kind in made.scheduler.blocking else runs_on)
    actor.actor_inbox = process
    process.boot = lambda _process: actor.run(args)
    process.starter, process.leader = starter, starter.leader
    process.label = label
    if link:
        process.parent = starter
        signals.link(starter, process)
    if before is not None:
        before(process)
    if made.suspension is not None:
        made.suspension.lets_in(process)
    made.launch(process)
    return process


def _adopt() -> Process:
    return current_runtime().adopt_thread()


set_adopter(_adopt)


@atexit.register
def _stop_default() -> None:
    for made in reversed(_stack):
        made.stop()


def _after_fork() -> None:
    """In the child of a fork the scheduler's threads do not exist: every process of the parent is dead here."""
    plane.reset()
    _start_lock._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001 - made for this
    reason: Reason = NotRunning("the process lives in the parent of a fork")
    for made in _stack:
        made.abandon(reason)
    _stack.clear()
    here.process = here.resident = here.ward = None
    here.on_loop = False


os.register_at_fork(after_in_child=_after_fork)
