"""What pykka's references send, as otpy's messages, and the other way round.

pykka's `ask`, `tell` and `stop` put an envelope into the inbox: a message and perhaps a future for the reply. An
`otpy.Actor` gets it as a `Parcel`, every other process as the call, cast or order to stop that it stands for.

Source: pykka _ref.py; _actor.py, `Actor._actor_loop_running` and `_actor_loop_teardown`.
"""

from __future__ import annotations

import contextlib
import queue
from typing import TYPE_CHECKING, Any, Final

from pykka import ActorDeadError, Future
from pykka.messages import _ActorStop  # pyright: ignore[reportPrivateUsage]

from otpy.errors import CallError, ServerExited
from otpy.kernel.calls import Call, Cast, Failed, SystemCall
from otpy.kernel.carriers import FunctionProcess, ProcessActor, ThreadOutside
from otpy.kernel.futures import ActorFuture
from otpy.kernel.here import current, here
from otpy.kernel.messages import StopServer
from otpy.kernel.process import AWAITED, CARRIED, Process, deliver
from otpy.kernel.reasons import Normal, Reason, Shutdown
from otpy.kernel.signals import on_death, signal

if TYPE_CHECKING:
    from pykka._envelope import Envelope

ActorStop: Final = _ActorStop
"""What a reference's `stop` sends."""


def take_envelope(process: Process, envelope: Envelope[Any]) -> None:
    """Deliver what a reference has sent to *process*."""
    me = here.process
    if me is not None and me.fenced:
        current()
    actor, future = process.actor, envelope.reply_to
    if isinstance(future, ActorFuture):
        future.asked = process
    if not isinstance(actor, ProcessActor):
        _put(process, Parcel(process, envelope.message, future))
    elif not isinstance(envelope.message, ActorStop):
        plain = isinstance(actor, _PLAIN)
        _put(process, _request(process, envelope.message, future, plain=plain))
    elif isinstance(actor, _PLAIN):
        _end(process, future)
    else:
        _put(process, _call(SystemCall, process, StopServer(Normal()), future))


_PLAIN: Final = (FunctionProcess, ThreadOutside)


def _put(process: Process, message: Any) -> None:
    deliver(process, message)
    if process.exit_reason is not None:  # it may have ended between the look at its mailbox and the append
        refuse = getattr(message, "refuse", None)
        if refuse is not None:
            refuse()


def _request(process: Process, message: Any, future: Future[Any] | None, *, plain: bool) -> Any:
    """Return what an ask or a tell is to a process. A plain function is told the message itself."""
    if future is not None:
        return _call(Call, process, message, future)
    return message if plain else Cast(message)


def _call(kind: type[Call], process: Process, request: Any, future: Future[Any] | None) -> Call:
    if future is None:
        return kind(current(), request, process, None)
    answer = FutureAnswer(future)
    answer.call = kind(current(), request, process, answer)
    return answer.call


def _end(process: Process, future: Future[Any] | None) -> None:
    """Order a plain function to end, which has no loop that could take the order from its mailbox."""
    told = _call(SystemCall, process, StopServer(Shutdown()), future)
    if on_death(process, told):
        signal(process.runtime.system, process, Shutdown())
    else:
        told.refuse()


class FutureAnswer:
    """Hands the answer of a Call on to a pykka future. See process.Waiter."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future
        self.call: Call | None = None
        self.parked = True
        self.executor: Any = self

    def submit(self, _waiter: object) -> None:
        """Set the future; a process that is not there, or no more, is pykka's ActorDeadError."""
        assert self.call is not None
        answer = self.call.answer
        if type(answer) is not Failed:
            self._future.set(answer)
        elif isinstance(answer.error, ServerExited) and isinstance(self.call.request, StopServer):
            self._future.set(None)
        elif isinstance(answer.error, CallError):
            dead = ActorDeadError(str(answer.error))
            dead.__cause__ = answer.error
            self._future.set_exception((ActorDeadError, dead, None))
        else:
            self._future.set_exception((type(answer.error), answer.error, answer.error.__traceback__))


class Parcel:
    """A message to an `otpy.Actor`, with the future that waits for the reply."""

    __slots__ = ("future", "message", "process")

    def __init__(self, process: Process, message: Any, future: Future[Any] | None) -> None:
        self.process = process
        self.message = message
        self.future = future

    @property
    def stops(self) -> bool:
        """Whether it is the order to stop."""
        return isinstance(self.message, ActorStop)

    def succeed(self, value: Any) -> None:
        """Answer with what the actor returned."""
        if self.future is not None:
            self.future.set(value)

    def hand_back(self, error: BaseException) -> bool:
        """Answer with the *error* that the actor raised; False if nobody waits for an answer."""
        if self.future is None:
            return False
        self.future.set_exception((type(error), error, error.__traceback__))
        return True

    def fail(self, _reason: Reason) -> None:
        """Answer that the actor has ended."""
        if self.future is None:
            return
        with contextlib.suppress(queue.Full):  # answered just before the end
            if self.stops:
                self.future.set(None)
            else:
                dead = ActorDeadError(f"{self.process.ref} stopped before handling the message")
                self.future.set_exception((ActorDeadError, dead, None))

    def refuse(self) -> None:
        """Answer that the actor had ended before."""
        self.fail(None)


AWAITED.add(Parcel)
CARRIED[Parcel] = "message"


class CallParcel(Parcel):
    """A request of `otpy.call` or `otpy.stop` to an `otpy.Actor`."""

    __slots__ = ("call",)

    def __init__(self, process: Process, message: Any, call: Call) -> None:
        super().__init__(process, message, None)
        self.call = call

    def succeed(self, value: Any) -> None:
        """See Parcel.succeed."""
        self.call.put(value)

    def hand_back(self, error: BaseException) -> bool:
        """See Parcel.hand_back."""
        self.call.put(Failed(error))
        return True

    def fail(self, reason: Reason) -> None:
        """See Parcel.fail."""
        self.call.fail(reason)


CARRIED[CallParcel] = "message"
