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

from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.futures import ActorFuture
from otpy.kernel.process import Process
from otpy.kernel.reasons import ExitProcess, Normal
from otpy.kernel.signals import unlink


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


class Becoming(BaseException):
    """Raised in the function of a plain process, to leave it for good and do something else; its `finally`s run."""

    def __init__(self, go_on: Callable[[Process], object]) -> None:
        super().__init__()
        self.go_on = go_on


class FunctionProcess(ProcessActor):
    """A plain process: a function that runs once, with *arity* arguments."""

    __slots__ = ("arity", "fn")

    def __init__(self, fn: Callable[..., Any], arity: int = 0) -> None:
        if not callable(fn):
            msg = f"a process runs a function, and {fn!r} is none"
            raise TypeError(msg)
        if inspect.iscoroutinefunction(fn):
            msg = (
                f"{fn!r} is an `async def`, and a plain process is a function that may block: start it with "
                'asyncio.create_task, or write a GenServer with runs_on = "asyncio"'
            )
            raise TypeError(msg)
        super().__init__()
        self.fn = fn
        self.arity = arity

    @property
    def kind(self) -> object:
        """What is remembered if the function blocks: its code, which all functions of one `def` or lambda share."""
        fn: Any = self.fn
        code = getattr(
            fn, "__code__", None
        )  # an object that can be called need not be hashable: it has that of its class
        return code if code is not None else getattr(type(fn).__call__, "__code__", fn)

    @runs_callbacks
    def run(self, args: tuple[Any, ...]) -> Any:
        """Run the function; the process ends with it. On the event loop an awaitable is awaited."""
        try:
            self.fn(*args)
        except Becoming as becoming:
            go_on = becoming.go_on
        else:
            raise ExitProcess(Normal())
        return go_on(self._process)  # outside the `except`, which would hold on to what has been left


class Starting(FunctionProcess):
    """A plain process whose starter waits for it to acknowledge (`proc_lib.init_ack`)."""

    __slots__ = ()

    @runs_callbacks
    def run(self, args: tuple[Any, ...]) -> Any:
        """As FunctionProcess.run; a starter that still waits gets an error, and is spared the exit signal."""
        process = self._process
        try:
            return super().run(args)
        except BaseException:
            if process.serving is not None and process.parent is not None:
                unlink(process, process.parent)
            raise


class ThreadOutside(ProcessActor):
    """The process of a thread that otpy did not make."""

    __slots__ = ()

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.actor_inbox = process
