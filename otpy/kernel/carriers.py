"""The pykka half of otpy's own processes: of behaviours, plain functions and threads.

Every process is a `pykka.Actor`. These have nothing of an actor but what pykka's references and registry look at; the
process behind them, their inbox, is run by otpy's loop. `otpy.Actor` (see actors.py) is the one that is an actor at
heart.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, cast

import pykka
from pykka import ActorRef, Future

from otpy.kernel.futures import ActorFuture
from otpy.kernel.process import Process
from otpy.kernel.reasons import ExitProcess, Normal


class ProcessActor(pykka.Actor):
    """Carries a behaviour, and holds no state of its own."""

    __slots__ = ("actor_inbox",)

    supervises: ClassVar[bool] = False

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
    def _create_actor_inbox() -> NoReturn:
        raise _not_by_pykka()

    @staticmethod
    def _create_future() -> Future[Any]:
        return ActorFuture()

    def _start_actor_loop(self) -> NoReturn:
        raise _not_by_pykka()


def _not_by_pykka() -> TypeError:
    return TypeError("a process of otpy is started with its start or start_link")


class FunctionProcess(ProcessActor):
    """A plain process: a function that runs once."""

    __slots__ = ("fn",)

    def __init__(self, fn: Callable[..., Any]) -> None:
        if inspect.iscoroutinefunction(fn):
            msg = (
                f"{fn!r} is an `async def`, and a plain process is a function that may block: start it with "
                'asyncio.create_task, or write a GenServer with runs_on = "asyncio"'
            )
            raise TypeError(msg)
        super().__init__()
        self.fn = fn

    @property
    def kind(self) -> object:
        """What is remembered if the function blocks: its code, which all functions of one `def` or lambda share."""
        return getattr(self.fn, "__code__", self.fn)

    def run(self, args: tuple[Any, ...]) -> Any:
        """Run the function; the process ends with it. On the event loop an awaitable is awaited."""
        self.fn(*args)
        raise ExitProcess(Normal())


class ThreadOutside(ProcessActor):
    """The process of a thread that otpy did not make."""

    __slots__ = ()

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.actor_inbox = process
