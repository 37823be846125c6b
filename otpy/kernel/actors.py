"""`otpy.Actor`: pykka's actor on otpy's runtime.

A drop-in for `pykka.ThreadingActor`. The same hooks run in the same order, handed the same messages, with the same
log; what runs them is a process, which can be linked, monitored, named, supervised and upgraded.

Source: pykka _actor.py, `Actor._actor_loop`.
"""

from __future__ import annotations

import logging
import sys
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Literal, NoReturn, Self, cast

import pykka
from greenlet import GreenletExit
from pykka import ActorRegistry, Future

from otpy.errors import InitStopped, NotRunning, ServerExited, SystemRequestError
from otpy.kernel import events, newborn, plain_futures, signals
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import Call, Cast, Failed, SystemCall, wait_for_answer
from otpy.kernel.carriers import Becoming, FunctionProcess, ProcessActor, ThreadOutside
from otpy.kernel.envelopes import ActorStop, CallParcel, Parcel, take_envelope
from otpy.kernel.futures import ActorFuture
from otpy.kernel.here import current, leave, waiting
from otpy.kernel.messages import Exit, StopServer
from otpy.kernel.pid import Pid
from otpy.kernel.process import Process, Unwound
from otpy.kernel.reasons import ExitProcess, Normal, Reason, is_abnormal, reason_of
from otpy.kernel.refs import ProcessRef
from otpy.kernel.reports import report_crash
from otpy.kernel.table import table
from otpy.kernel.via import Name, claim, give_back

__all__ = [
    "Actor",
    "ActorFuture",
    "Becoming",
    "FunctionProcess",
    "ProcessActor",
    "ProcessRef",
    "ThreadOutside",
    "take_envelope",
]

log = logging.getLogger("pykka")
plain_futures.install()


class Actor(pykka.Actor):
    """A drop-in for `pykka.ThreadingActor` on otpy's runtime.

    `on_start`, `on_receive` and the methods called through a proxy, `on_failure` and `on_stop` run as in pykka, and
    `runs_on` says where: on the "scheduler", or on a "thread" of its own for code that blocks.

    What otpy adds: `ref.pid` is the process. `otpy.call` is an ask, `otpy.cast` and `otpy.send` are tells; Down, Exit
    and other messages arrive in `on_receive`. The exit reason is `Normal()` after a stop, the reason that `otpy.stop`
    gave, or `Crash(error)`. As with every process, an exit signal ends it without `on_stop`, unless `on_start` has
    called `otpy.trap_exit(True)`: then the exit of its parent, such as a supervisor that shuts down, is an order to
    stop.
    """

    runs_on: ClassVar[Literal["scheduler", "thread"]] = "scheduler"

    _exit_reason: Reason = Normal()
    _logged = False  # pykka has logged why it ends

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Refuse a class that could not run as it says."""
        super().__init_subclass__(**arguments)
        if cls.runs_on not in {"scheduler", "thread"}:
            msg = (
                f'{cls.__qualname__}.runs_on is {cls.runs_on!r}; give "scheduler" or "thread", or write a GenServer '
                'with runs_on = "asyncio" for async def callbacks'
            )
            raise TypeError(msg)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """See pykka.Actor.__init__: as there, the hooks can count on `actor_ref` and the rest from here on."""
        process = current().runtime.new_process(self, _handle, self.runs_on)
        process.scheduled = True  # what comes before the start waits for it
        ref: ProcessRef[Self] = ProcessRef(process)
        process.actor_ref = ref
        self.actor_inbox = process
        self.actor_urn = ref.actor_urn
        self.actor_stopped = ref.actor_stopped
        self._actor_ref = ref

    @property
    def actor_ref(self) -> ProcessRef[Self]:  # pyright: ignore[reportIncompatibleMethodOverride] - it is pykka's Self
        """See pykka.Actor.actor_ref."""
        return cast("ProcessRef[Self]", self._actor_ref)

    # -- starting

    @classmethod
    def start(  # pyright: ignore[reportIncompatibleMethodOverride] - it is pykka's Self
        cls, *args: Any, **kwargs: Any
    ) -> ProcessRef[Self]:
        """See pykka.Actor.start. `pid` of the reference is the process."""
        return cast("ProcessRef[Self]", super().start(*args, **kwargs))

    @classmethod
    def start_link(cls, *args: Any, name: Name | None = None, **kwargs: Any) -> Pid:
        """Start an actor linked with the running process, as a supervisor does; return its pid when `on_start` has.

        *args* and *kwargs* go to the constructor, *name* (a str or a Via) is registered. Raises AlreadyStarted(pid) if
        the name is taken, and InitStopped(reason) if `on_start` raised or the actor ended in it.
        """
        me = waiting()
        actor = cls(*args, **kwargs)
        process = actor._process
        if name is not None:
            claim(process, name)
        acknowledged = process.serving = Call(me, None, process, me)
        process.parent = me
        signals.link(me, process)
        ActorRegistry.register(actor.actor_ref)
        actor._start_actor_loop()
        try:
            wait_for_answer(acknowledged, None)
        except ServerExited as exited:
            if name is not None:
                give_back(process, name)
            raise InitStopped(exited.reason) from None
        return process

    @classmethod
    def child_spec(
        cls,
        *args: Any,
        id: Any = None,  # noqa: A002 - OTP's name
        name: Name | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Return how a supervisor starts this actor with *args*, as a mapping.

        *id* is the class's name unless given; *fields* are other ones of a ChildSpec, such as `restart` and `shutdown`.
        """
        start = cls.start_link if name is None else partial(cls.start_link, name=name)
        return {
            "id": cls.__name__ if id is None else id,
            "start": (start, args),
            "modules": [cls.__module__],
            **fields,
        }

    @staticmethod
    def _create_actor_inbox() -> NoReturn:
        msg = "Actor.__init__ makes the inbox of an otpy.Actor"
        raise NotImplementedError(msg)

    @staticmethod
    def _create_future() -> Future[Any]:
        return ActorFuture()

    def _start_actor_loop(self) -> None:
        process = self._process
        process.boot = _boot
        me = current()
        process.starter, process.leader = me, me.leader
        newborn.enter(process)
        process.bar = process.gate
        try:
            process.runtime.launch(process)
        except NotRunning:
            table.discard(process)
            raise

    # -- the loop

    @runs_callbacks
    def _process_boot(self, process: Process) -> None:
        """Run on_start; a failure ends the actor, as in pykka."""
        acknowledged: Call | None = process.serving
        self._actor_loop_setup()
        if self.actor_stopped.is_set():
            if process.parent is not None and not process.parent.trapping:
                signals.unlink(process, process.parent)  # it gets the error, and is spared the exit signal
            self._process_end(process)
        if acknowledged is not None:
            process.serving = None
            acknowledged.put(True)

    @runs_callbacks
    def _process_message(self, process: Process, message: Any) -> None:
        """Handle one message as pykka's actor loop does, and end the process when the actor has stopped."""
        parcel = message if isinstance(message, Parcel) else self._parcel(process, message)
        if parcel is None:
            return
        process.serving = parcel
        try:
            self._answer(process, parcel)
        except (Unwound, GreenletExit, SystemExit):
            raise
        except ExitProcess as order:
            if process.fenced:
                raise
            self._exit_reason = order.reason
            self._stop()
        except BaseException as error:  # noqa: BLE001 - as pykka: whatever else it is ends all actors
            log.debug("%r in %s. Stopping all actors.", error, self)
            self._exit_reason, self._logged = reason_of(error), True
            self._stop()
            ActorRegistry.stop_all()
        if self.actor_stopped.is_set():
            self._process_end(process)
        process.serving = None

    @runs_callbacks
    def _answer(self, process: Process, parcel: Parcel) -> None:
        """Have the actor handle a message, and answer with what it returns or raises. The end answers a stop."""
        try:
            value = self._handle_receive(parcel.message)
            if process.fenced:
                leave(process)
            if not parcel.stops:
                parcel.succeed(value)
        except Exception as error:  # pykka hands it to who asked, or fails the actor
            if process.fenced:
                leave(process)
            if parcel.hand_back(error):
                log.info("Exception returned from %s to caller:", self, exc_info=True)
            else:
                self._fail()

    def _fail(self) -> None:
        """Do with an error that nobody has asked for what pykka does. Called while it is handled."""
        self._handle_failure(*sys.exc_info())
        try:
            self.on_failure(*sys.exc_info())
        except Exception:  # noqa: BLE001 - as pykka: logged, and the actor stops
            self._handle_failure(*sys.exc_info())

    def _parcel(self, process: Process, message: Any) -> Parcel | None:
        """Return a message of otpy as pykka's; None for one that asks for what only a behaviour has."""
        match message:
            case SystemCall(request=StopServer(reason, answered)):
                self._exit_reason = reason
                if answered:
                    message.put(None)
                return CallParcel(process, ActorStop(), message)
            case SystemCall():
                msg = f"{process!r} is an otpy.Actor, and otpy.sys serves behaviours; ask it, or use a proxy"
                message.put(Failed(SystemRequestError(msg)))
                return None
            case Call():
                return CallParcel(process, message.request, message)
            case Cast():
                return Parcel(process, message.request, None)
            case Exit(pid, reason) if pid is process.parent or pid is process.runtime.system:
                self._exit_reason = reason
                return Parcel(process, ActorStop(), None)
            case _:
                return Parcel(process, message, None)

    # -- the end

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """See pykka.Actor._handle_failure: it logs. The first failure is the reason for which the actor ends."""
        if exception_value is not None and not is_abnormal(self._exit_reason):
            self._exit_reason = reason_of(exception_value)
        self._logged = True
        super()._handle_failure(exception_type, exception_value, traceback)

    def _process_end(self, process: Process) -> NoReturn:
        """End the process of an actor that has stopped."""
        reason = self._exit_reason
        if not self._logged:
            report_crash(process, reason)
        elif is_abnormal(reason) and events.listened("process.crash"):
            events.emit("process.crash", pid=process, reason=reason, report={})
        signals.end(process, reason)
        raise Unwound

    @property
    def _process(self) -> Process:
        return cast("Process", self.actor_inbox)


@runs_callbacks
def _boot(process: Process) -> None:
    newborn.renew(process)
    process.actor._process_boot(process)


@runs_callbacks
def _handle(process: Process, message: Any) -> None:
    process.actor._process_message(process, message)


runs_callbacks(pykka.Actor._handle_receive)
