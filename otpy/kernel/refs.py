"""pykka's references of otpy's processes: `pid.ref`, and `ref.pid` back."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

from pykka import Actor, ActorRef

from otpy.errors import CallError
from otpy.kernel.calls import pause, wait_for_answer
from otpy.kernel.carriers import ProcessActor
from otpy.kernel.here import waiting
from otpy.kernel.pid import Pid
from otpy.kernel.process import Process
from otpy.kernel.signals import forget_death, on_death

if TYPE_CHECKING:
    import threading

    from pykka import ActorProxy

ActorT = TypeVar("ActorT", bound=Actor)


class ProcessRef(ActorRef[ActorT]):
    """The ActorRef of a process. `ask` is a call, `tell` a cast, `stop` a stop; `pid` is the process.

    What pykka copies from the actor when it makes a reference is looked up here: an upgrade may have changed it.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._last_class: type[Actor] = ProcessActor
        self.actor_inbox = process
        self.actor_urn = uuid.uuid4().urn
        self.actor_stopped = cast("threading.Event", Stopped(process))

    @property
    def pid(self) -> Pid:
        """The pid of the same process."""
        return self._process

    @property
    def actor_class(self) -> type[ActorT]:  # type: ignore[override]
        """The class that the process runs now, or ran last."""
        actor = self._process.actor
        if actor is not None:
            self._last_class = type(actor)
        return cast("type[ActorT]", self._last_class)

    def _actor_weakref(self) -> ActorT | None:  # type: ignore[override]
        """Return the actor (pykka keeps a weakref here; the process lets go of its actor when it ends)."""
        return cast("ActorT | None", self._process.actor)

    def proxy(self) -> ActorProxy[ActorT]:
        """See pykka.ActorRef.proxy; only an `otpy.Actor` has one."""
        if issubclass(self.actor_class, ProcessActor):
            self._refuse_proxy()
        return super().proxy()

    def _refuse_proxy(self) -> NoReturn:
        msg = f"{self._process!r} has no proxy: only an otpy.Actor has; use ref.ask(…) or otpy.call(pid, …)"
        raise TypeError(msg)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessRef) and other._process is self._process

    def __hash__(self) -> int:
        return hash(self._process)


class Stopped:
    """Looks like the threading.Event that pykka keeps for each actor, without costing one."""

    __slots__ = ("_process", "_set")

    def __init__(self, process: Process) -> None:
        self._process = process
        self._set = False

    def is_set(self) -> bool:
        """Whether the process has ended, or handles no more messages."""
        return self._set or self._process.exit_reason is not None

    def set(self) -> None:
        """Have the actor handle no more messages."""
        self._set = True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end of the process, *timeout* seconds or for ever."""
        death = pause(waiting())
        if on_death(self._process, death):
            with contextlib.suppress(CallError):  # it has ended, or the time is up
                wait_for_answer(death, None if timeout is None else max(timeout, 0.0))  # as of a threading.Event
            forget_death(self._process, death)
        return self.is_set()
