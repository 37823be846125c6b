"""Agent: a process that keeps a value, which functions read and change.

Those functions run in the agent, one at a time, so what they do happens at once for everybody else. It is a GenServer,
and its state is upgraded as that of any other: the process of an agent is otpy's, the classes in its state are yours.

Source: Elixir agent.ex, agent/server.ex.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, TypeVarTuple, Unpack

import msgspec

from otpy.behaviours import gen, starting
from otpy.behaviours.child_spec import ChildSpec
from otpy.behaviours.child_spec import Restart as RestartType
from otpy.behaviours.child_spec import Shutdown as ShutdownType
from otpy.behaviours.children_start import MFA, resolve, start_by_name
from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import UNSET, NoReply, Ok, Reply, Stop, Unset
from otpy.behaviours.tasks.processes import is_coroutine_function
from otpy.errors import BadReturn, NoProcess, UndefinedCallback
from otpy.kernel.calls import From
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import Dest
from otpy.kernel.primitives import resolve as process_of
from otpy.kernel.process import Process
from otpy.kernel.reasons import Normal, Reason
from otpy.kernel.via import Name

T = TypeVar("T")
Args = TypeVarTuple("Args")
_PAIR = 2


class Applied(msgspec.Struct, frozen=True):
    """A function and what it is given behind the state."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()


class First(Applied, frozen=True):
    """The first state is what the function returns."""


class Get(Applied, frozen=True):
    """Return what the function makes of the state."""


class Update(Applied, frozen=True):
    """The state is what the function makes of it."""


class GetAndUpdate(Applied, frozen=True):
    """Return the first of the pair that the function makes of the state; the second is the state."""


class Agent(GenServer[Any]):
    """A process that keeps a value. Start one with `start_link`; the functions of this class take it as *agent*.

    A function runs inside the agent, as `function(state, *args)`. One that raises, or returns what it should not, ends
    the agent, and its caller gets ServerExited. A subclass with `runs_on = "asyncio"` takes `async def` functions, too;
    those of one with `runs_on = "thread"` may block.
    """

    __slots__ = ()

    # -- starting

    @classmethod
    def start_link(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - a function is given
        cls,
        function: Callable[[Unpack[Args]], Any],
        *args: *Args,
        name: Name | None = None,
        timeout: float | None = None,
    ) -> Pid:
        """Start an agent, linked with the running process. Its first state is what `function(*args)` returns there.

        Raises AlreadyStarted (the name is taken), InitStopped (the function raised), StartTimeout after *timeout*
        seconds.
        """
        return starting.start(cls, _accepted(cls, First(function, args)), name=name, timeout=timeout, link=True)

    @classmethod
    def start(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - a function is given
        cls,
        function: Callable[[Unpack[Args]], Any],
        *args: *Args,
        name: Name | None = None,
        timeout: float | None = None,
    ) -> Pid:
        """As `start_link`, without the link."""
        return starting.start(cls, _accepted(cls, First(function, args)), name=name, timeout=timeout, link=False)

    @classmethod
    def start_monitor(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - a function is given
        cls,
        function: Callable[[Unpack[Args]], Any],
        *args: *Args,
        name: Name | None = None,
        timeout: float | None = None,
    ) -> tuple[Pid, Ref]:
        """As `start`, monitored by the running process from the start."""
        return starting.start_monitor(cls, _accepted(cls, First(function, args)), name=name, timeout=timeout)

    @classmethod
    def child_spec(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - a function is given
        cls,
        function: Callable[[Unpack[Args]], Any],
        *args: *Args,
        id: Any = None,  # noqa: A002 - OTP's name
        restart: RestartType = "permanent",
        shutdown: ShutdownType | Unset = UNSET,
        significant: bool = False,
        name: Name | None = None,
    ) -> ChildSpec:
        """Return how a supervisor starts an agent by `start_link`; *id* is the class's name unless given."""
        _accepted(cls, First(function, args))
        return ChildSpec(
            id=id if id is not None else cls.__name__,
            start=start_by_name(cls.start_link, (function, *args), {} if name is None else {"name": name}),
            restart=restart,
            shutdown=shutdown,
            significant=significant,
        )

    # -- using

    @staticmethod
    def get(agent: Dest, function: Callable[[Any, Unpack[Args]], T], *args: *Args, timeout: float | None = 5.0) -> T:
        """Return what `function(state, *args)` returns; the state stays.

        *timeout* in seconds; None waits for ever. Raises as `otpy.call`.
        """
        return _ask(agent, Get(function, args), timeout)  # type: ignore[no-any-return]

    @staticmethod
    def update(
        agent: Dest, function: Callable[[Any, Unpack[Args]], Any], *args: *Args, timeout: float | None = 5.0
    ) -> None:
        """Have `function(state, *args)` as the state. Timeout and errors as in `get`."""
        _ask(agent, Update(function, args), timeout)

    @staticmethod
    def get_and_update(
        agent: Dest,
        function: Callable[[Any, Unpack[Args]], tuple[T, Any]],
        *args: *Args,
        timeout: float | None = 5.0,
    ) -> T:
        """Return the first of the pair `function(state, *args)`, and have the second as the state.

        Anything but a pair ends the agent with BadReturn. Timeout and errors as in `get`.
        """
        return _ask(agent, GetAndUpdate(function, args), timeout)  # type: ignore[no-any-return]

    @staticmethod
    async def aget(
        agent: Dest, function: Callable[[Any, Unpack[Args]], T], *args: *Args, timeout: float | None = 5.0
    ) -> T:
        """As `get`, awaited on any event loop."""
        return await _aask(agent, Get(function, args), timeout)  # type: ignore[no-any-return]

    @staticmethod
    async def aupdate(
        agent: Dest, function: Callable[[Any, Unpack[Args]], Any], *args: *Args, timeout: float | None = 5.0
    ) -> None:
        """As `update`, awaited on any event loop. One that is cancelled is done nevertheless."""
        await _aask(agent, Update(function, args), timeout)

    @staticmethod
    async def aget_and_update(
        agent: Dest,
        function: Callable[[Any, Unpack[Args]], tuple[T, Any]],
        *args: *Args,
        timeout: float | None = 5.0,
    ) -> T:
        """As `get_and_update`, awaited on any event loop. One that is cancelled is done nevertheless."""
        return await _aask(agent, GetAndUpdate(function, args), timeout)  # type: ignore[no-any-return]

    @staticmethod
    def cast(agent: Dest, function: Callable[[Any, Unpack[Args]], Any], *args: *Args) -> None:
        """As `update`, without waiting; an agent that is not there is no error."""
        update = _accepted(None, Update(function, args))
        with contextlib.suppress(NoProcess):
            process = process_of(agent)
            gen.cast(process, _accepted(_kind_of(process), update))

    @staticmethod
    def stop(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - pykka's is of the actor
        agent: Dest,
        reason: Reason = Normal(),  # noqa: B008 - a frozen value
        *,
        timeout: float | None = None,
    ) -> None:
        """Order *agent* to end with *reason* and wait until it has; see `otpy.stop`."""
        gen.stop(agent, reason, timeout=timeout)

    # -- the server

    def init(self, arg: First) -> Any:
        """Make the first state."""
        return self._with(arg.function(*arg.args), Ok)

    def handle_call(self, request: Any, from_: From, state: Any) -> Any:
        """Run a function and answer."""
        if not isinstance(request, Applied):
            raise UndefinedCallback(type(self), "handle_call", request)
        value = request.function(state, *request.args)
        match request:
            case Get():
                return self._with(value, lambda value: Reply(value, state))
            case GetAndUpdate():
                return self._with(value, lambda pair: _answer_and_state(pair, state))
            case _:
                return self._with(value, lambda new: Reply(None, new))

    def handle_cast(self, request: Any, state: Any) -> Any:
        """Run a function."""
        if not isinstance(request, Applied):
            raise UndefinedCallback(type(self), "handle_cast", request)
        return self._with(request.function(state, *request.args), NoReply)

    def code_change(self, old_vsn: Any, state: Any, extra: Any = None) -> Any:
        """Have what *extra* makes of the state as the state: a function, or an MFA, as in Elixir; else keep it."""
        if isinstance(extra, MFA):
            return self._with(resolve(extra)(state, *extra.args, **extra.kwargs), Ok)
        return self._with(extra(state), Ok) if callable(extra) else Ok(state)

    def _with(self, value: Any, result: Callable[[Any], Any]) -> Any:
        """Return `result(value)`, or an awaitable of it where functions may be coroutines."""
        awaits = self.runs_on == "asyncio" and inspect.isawaitable(value)
        return _later(value, result) if awaits else result(value)


async def _later(value: Awaitable[Any], result: Callable[[Any], Any]) -> Any:
    return result(await value)


def _answer_and_state(pair: Any, state: Any) -> Any:
    if isinstance(pair, tuple) and len(pair) == _PAIR:
        return Reply(*pair)
    return Stop(BadReturn("get_and_update", pair), state)


def _ask(agent: Dest, request: Applied, timeout: float | None) -> Any:
    process = process_of(agent)
    return gen.call(process, _accepted(_kind_of(process), request), timeout=timeout)


async def _aask(agent: Dest, request: Applied, timeout: float | None) -> Any:
    process = process_of(agent)
    return await gen.acall(process, _accepted(_kind_of(process), request), timeout=timeout)


def _kind_of(agent: Process) -> type | None:
    """Return the class of *agent*; None if it has ended, as whoever asks it is told."""
    return None if agent.actor is None else type(agent.actor)


def _accepted(kind: type | None, applied: Applied) -> Applied:
    """Return *applied*, or raise TypeError for what could do nothing but end an agent of class *kind*."""
    function = applied.function
    if not callable(function):
        msg = f"an agent is given functions, and {function!r} is none; give one that takes the state"
        raise TypeError(msg)
    if kind is None:
        return applied
    if not issubclass(kind, Agent):
        msg = f"{function!r} is for an agent, and not for a {kind.__qualname__}; give what Agent.start_link returns"
        raise TypeError(msg)
    if kind.runs_on != "asyncio" and is_coroutine_function(function):
        msg = f'{function!r} is an `async def`: make a subclass of Agent with runs_on = "asyncio" for such functions'
        raise TypeError(msg)
    return applied
