"""otpy's processes as pykka's actors, in both directions.

`otpy.Actor` is a drop-in for `pykka.ThreadingActor`: the same methods are called in the same order, on otpy's
scheduler. For every other process `ProcessRef` is pykka's ActorRef: `ask` is a call, `tell` a cast, `stop` a stop.
`ActorFuture.get` parks the process that waits, not its thread.

Source: pykka _actor.py, `Actor._actor_loop`; _threading.py, `ThreadingFuture`.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pykka
from greenlet import GreenletExit
from pykka import ActorDeadError, ActorRef, ActorRegistry, Future
from pykka.messages import _ActorStop

from otpy.errors import CallTimeout
from otpy.kernel.calls import Call, Cast, Failed, pause, wait_on
from otpy.kernel.clock import FOREVER
from otpy.kernel.here import current, here, waiting
from otpy.kernel.process import Process, Unwound
from otpy.kernel.reasons import Crash, ExitProcess, Normal, Reason

if TYPE_CHECKING:
    from pykka._envelope import Envelope
    from pykka._types import OptExcInfo

T = TypeVar("T")
log = logging.getLogger("pykka")


# -- futures ---------------------------------------------------------------------------------------


class ActorFuture(Future[T]):
    """A pykka future whose `get` parks the waiting process. Outside a process it blocks the thread."""

    def __init__(self) -> None:
        super().__init__()
        self._chance = [True]  # popped by the one who sets: a second set finds nothing
        self._outcome: tuple[Any, OptExcInfo | None] | None = None
        self._waiting: deque[Call] = deque()

    def get(self, *, timeout: float | None = None) -> Any:
        """See pykka.Future.get."""
        try:
            return super().get(timeout=timeout)
        except NotImplementedError:
            pass
        if self._outcome is None:
            self._wait(timeout)
        assert self._outcome is not None
        value, exc_info = self._outcome
        if exc_info is None:
            return value
        error = exc_info[1]
        if error is None:
            assert exc_info[0] is not None
            error = exc_info[0]()
        raise error.with_traceback(exc_info[2])

    def _wait(self, timeout: float | None) -> None:
        me = waiting()
        ticket = pause(me)
        self._waiting.append(ticket)
        if self._outcome is not None:
            return
        me.deadline = FOREVER if timeout is None else me.runtime.clock.now() + timeout
        try:
            wait_on(ticket, me, timeout)
        except CallTimeout:
            msg = f"{timeout} seconds"
            raise pykka.Timeout(msg) from None
        me.deadline = FOREVER

    def set(self, value: Any | None = None) -> None:
        """See pykka.Future.set."""
        self._settle(value, None)

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """See pykka.Future.set_exception."""
        self._settle(None, exc_info if exc_info is not None else sys.exc_info())

    def _settle(self, value: Any, exc_info: OptExcInfo | None) -> None:
        if self._get_hook is not None:
            raise queue.Full
        try:
            self._chance.pop()
        except IndexError:
            raise queue.Full from None
        self._outcome = (value, exc_info)
        while self._waiting:
            self._waiting.popleft().put(None)

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """See pykka.Future.set_get_hook."""
        if self._outcome is not None:
            raise queue.Full
        super().set_get_hook(func)

    def __await__(self) -> Generator[Any, None, T]:
        """Await the value on an event loop without blocking it."""
        import asyncio  # noqa: PLC0415 - only who awaits needs it

        from otpy.kernel.aio import FutureWaiter  # noqa: PLC0415

        if self._get_hook is None and self._outcome is None:
            waiter = FutureWaiter(asyncio.get_running_loop())
            me = current()
            self._waiting.append(Call(me, None, me, waiter))
            if self._outcome is None:
                yield from waiter.future
        elif self._get_hook is not None:
            return cast("T", (yield from asyncio.to_thread(self.get).__await__()))
        return cast("T", self.get())

    __iter__ = __await__


class FutureAnswer:
    """Hands the answer of a Call on to a pykka future. See process.Waiter."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future
        self.call: Call | None = None
        self.parked = True
        self.executor: Any = self

    def submit(self, _waiter: object) -> None:
        """Set the future."""
        assert self.call is not None
        answer = self.call.answer
        if type(answer) is Failed:
            self._future.set_exception((type(answer.error), answer.error, answer.error.__traceback__))
        else:
            self._future.set(answer)


def open_envelope(process: Process, envelope: Envelope[Any]) -> Any:
    """Return the message that *process* is to find for what pykka's ActorRef sends."""
    if isinstance(process.actor, Actor):
        return Parcel(envelope.message, envelope.reply_to, process)
    message = StopRequest() if isinstance(envelope.message, _ActorStop) else envelope.message
    if envelope.reply_to is None:
        return message if isinstance(message, StopRequest) else Cast(message)
    answer = FutureAnswer(envelope.reply_to)
    answer.call = Call(current(), message, process, answer)
    return answer.call


class StopRequest:
    """pykka's order to stop, as a request to a process of otpy."""


# -- references ------------------------------------------------------------------------------------


class ProcessRef(ActorRef[Any]):
    """pykka's reference of a process that is no pykka actor at heart: a GenServer, a supervisor, a function."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._actor_weakref = weakref.ref(process.actor) if process.actor is not None else _nobody
        self.actor_class = type(process.actor)
        self.actor_inbox = process
        self.actor_urn = uuid.uuid4().urn
        self.actor_stopped = cast("threading.Event", Stopped(process))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessRef) and other._process is self._process

    def __hash__(self) -> int:
        return hash(self._process)


def _nobody() -> None:
    return None


class Stopped:
    """Looks like the threading.Event that pykka keeps for each actor, without costing one."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def is_set(self) -> bool:
        """Whether the process has ended."""
        return self._process.exit_reason is not None

    def set(self) -> None:
        """Do nothing: only the end of the process sets it."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end of the process, *timeout* seconds or for ever."""
        from otpy.kernel.primitives import demonitor, monitor, receive  # noqa: PLC0415 - above this module

        ref = monitor(self._process)
        try:
            receive(lambda message: getattr(message, "ref", None) is ref, timeout=timeout)
        except TimeoutError:
            demonitor(ref, flush=True)
        return self.is_set()


# -- actors ----------------------------------------------------------------------------------------


class ProcessActor(pykka.Actor):
    """The pykka half of a process of otpy: carries the behaviour, holds no state of its own."""

    __slots__ = ("actor_inbox",)

    supervises = False

    def __init__(self) -> None:
        """Make the actor. Its inbox, the process, is set by who starts it."""

    @property
    def _process(self) -> Process:
        return cast("Process", self.actor_inbox)

    @property
    def actor_ref(self) -> ActorRef[Any]:
        """See pykka.Actor.actor_ref."""
        return self._process.ref

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """See pykka.Actor.actor_urn."""
        return self._process.ref.actor_urn

    @property
    def actor_stopped(self) -> threading.Event:  # type: ignore[override]
        """See pykka.Actor.actor_stopped."""
        return self._process.ref.actor_stopped

    @staticmethod
    def _create_actor_inbox() -> Any:
        msg = "a process of otpy is started with its start or start_link"
        raise TypeError(msg)

    @staticmethod
    def _create_future() -> Future[Any]:
        return ActorFuture()

    def _start_actor_loop(self) -> None:
        msg = "a process of otpy is started with its start or start_link"
        raise TypeError(msg)


class FunctionProcess(ProcessActor):
    """A plain process: a function that runs once."""

    __slots__ = ("fn",)

    def __init__(self, fn: Callable[..., Any]) -> None:
        super().__init__()
        self.fn = fn

    @property
    def kind(self) -> object:
        """What is remembered if the function blocks: its code, which all functions of one `def` or lambda share."""
        return getattr(self.fn, "__code__", self.fn)

    def run(self, args: tuple[Any, ...]) -> None:
        """Run the function; the process ends with it."""
        self.fn(*args)
        raise ExitProcess(Normal())


class ThreadOutside(ProcessActor):
    """The process of a thread that otpy did not make."""

    __slots__ = ()

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.actor_inbox = process


class Parcel:
    """A message to an `otpy.Actor`, with the future that waits for the reply."""

    __slots__ = ("message", "process", "reply_to")

    def __init__(self, message: Any, reply_to: Future[Any] | None, process: Process) -> None:
        self.message = message
        self.reply_to = reply_to
        self.process = process

    def fail(self, _reason: Reason) -> None:
        """The actor has ended without handling it."""
        if self.reply_to is None:
            return
        if isinstance(self.message, _ActorStop):
            self.reply_to.set(None)
            return
        error = ActorDeadError(f"{self.process.ref} stopped before handling the message")
        self.reply_to.set_exception((ActorDeadError, error, None))

    def refuse(self) -> None:
        """The actor had ended before it came."""
        self.fail(None)


class Actor(pykka.Actor):
    """A drop-in for `pykka.ThreadingActor` on otpy's runtime.

    The same hooks run in the same order: `on_start`, `on_receive` and proxied methods, `on_failure`, `on_stop`. It can
    be linked, monitored, supervised and upgraded like every process. `runs_on` says where it runs.
    """

    runs_on = "scheduler"
    supervises = False

    @staticmethod
    def _create_actor_inbox() -> Any:
        from otpy.kernel.runtime import current_runtime  # noqa: PLC0415 - the runtime is above this module

        return current_runtime().new_process(cast("Any", None), _handle_parcel)

    @staticmethod
    def _create_future() -> Future[Any]:
        return ActorFuture()

    def _start_actor_loop(self) -> None:
        process = cast("Process", self.actor_inbox)
        process.actor = self
        process.actor_ref = self.actor_ref
        process.label = process.label or type(self).__name__
        process.executor = process.runtime.executor(self.runs_on)
        process.boot = _boot_actor
        if process.starter is None:
            process.starter = current()
        process.runtime.launch(process)


def _boot_actor(process: Process) -> None:
    """Run on_start; a failure ends the actor, as in pykka."""
    actor: Any = process.actor
    actor._actor_loop_setup()  # noqa: SLF001 - pykka's way to start
    _end_if_stopped(actor, Normal())


def _handle_parcel(process: Process, parcel: Any) -> None:
    """Handle one message as pykka's actor loop does, and end the process when the actor has stopped."""
    actor: Any = process.actor
    if not isinstance(parcel, Parcel):  # sent with otpy.send or otpy.cast, or a signal
        parcel = open_message(process, parcel)
    process.serving = parcel
    reason: Reason = Normal()
    try:
        response = actor._handle_receive(parcel.message)  # noqa: SLF001
        if parcel.reply_to is not None:
            parcel.reply_to.set(response)
    except Exception as error:  # noqa: BLE001 - pykka hands it to who asked, or fails the actor
        reason = Crash(error)
        _failed(actor, parcel)
    except (ExitProcess, Unwound, GreenletExit, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - as pykka: whatever else it is ends all actors
        log.debug("%r in %s. Stopping all actors.", error, actor)
        actor._stop()  # noqa: SLF001
        ActorRegistry.stop_all()
    process.serving = None
    _end_if_stopped(actor, reason)


def open_message(process: Process, message: Any) -> Parcel:
    """Return a message of otpy as pykka's: requests wait for what on_receive returns."""
    if isinstance(message, Call):
        request = _ActorStop() if isinstance(message.request, StopRequest) else message.request
        return Parcel(request, CallFuture(message), process)
    if isinstance(message, Cast):
        return Parcel(message.request, None, process)
    if isinstance(message, StopRequest):
        return Parcel(_ActorStop(), None, process)
    return Parcel(message, None, process)


class CallFuture(ActorFuture[Any]):
    """The future of a request made with `otpy.call`: setting it answers the call."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call

    def _settle(self, value: Any, exc_info: OptExcInfo | None) -> None:
        super()._settle(value, exc_info)
        self._call.put(value if exc_info is None or exc_info[1] is None else Failed(exc_info[1]))


def _failed(actor: Any, parcel: Parcel) -> None:
    if parcel.reply_to is not None:
        log.info("Exception returned from %s to caller:", actor, exc_info=True)
        parcel.reply_to.set_exception()
        return
    actor._handle_failure(*sys.exc_info())  # noqa: SLF001
    try:
        actor.on_failure(*sys.exc_info())
    except Exception:  # noqa: BLE001 - as pykka: logged, and the actor stops
        actor._handle_failure(*sys.exc_info())  # noqa: SLF001


def _end_if_stopped(actor: pykka.Actor, reason: Reason) -> None:
    if actor.actor_stopped.is_set():
        raise ExitProcess(reason)


# -- pykka's own futures ---------------------------------------------------------------------------

_get_blocking = pykka.ThreadingFuture.get


def _get_parking(self: pykka.ThreadingFuture[Any], *, timeout: float | None = None) -> Any:
    """pykka.ThreadingFuture.get, but parking a process of the scheduler instead of blocking everybody else's thread."""
    process = here.process
    if process is None or process.runner is None or not hasattr(process.runner, "pool") or self._result is not None:
        return _get_blocking(self, timeout=timeout)
    from otpy.kernel.primitives import blocking  # noqa: PLC0415 - above this module

    return blocking(lambda: _get_blocking(self, timeout=timeout))


pykka.ThreadingFuture.get = _get_parking  # type: ignore[method-assign]
