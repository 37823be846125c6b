"""Looking into a server and steering it from outside: OTP's `sys`.

Each request queues in the server's mailbox in order, behind what was sent before: `get_state` after casts is a
barrier. A suspended process keeps receiving and handles nothing but these requests (and the exit of its parent).

Source: OTP sys.erl; UPGRADE_FACTS: a suspended process.
"""

from __future__ import annotations

import contextlib
import inspect
import sys as _sys
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Literal

import msgspec

from otpy.behaviours.behaviour import Behaviour
from otpy.behaviours.loop import Ending, serve_system, serve_system_async, shown
from otpy.behaviours.loop import carry_out as _carry_out
from otpy.behaviours.loop import carry_out_async as _carry_out_async
from otpy.behaviours.results import Ok
from otpy.behaviours.special import Special, SystemMessage, handle_debug, handle_system_msg
from otpy.behaviours.vsn import vsn_of
from otpy.errors import CallbackFailed, ChangeCodeFailed
from otpy.kernel import calls
from otpy.kernel.calls import PENDING, Call, SystemCall
from otpy.kernel.messages import Exit, StopServer
from otpy.kernel.primitives import Dest, resolve
from otpy.kernel.process import Handle, Process
from otpy.kernel.reasons import Crash, ExitProcess, Normal, Reason, check_reason

__all__ = [
    "DONE",
    "In",
    "Out",
    "Special",
    "Statistics",
    "SystemMessage",
    "change_code",
    "get_state",
    "get_status",
    "handle_debug",
    "handle_system_msg",
    "install",
    "log",
    "no_debug",
    "remove",
    "replace_state",
    "resume",
    "statistics",
    "suspend",
    "terminate",
    "trace",
]


def _ask(server: Dest, serve: Callable[[Process], Any], timeout: float | None) -> Any:
    return calls.ask(resolve(server), serve, timeout, SystemCall)


# -- suspending ------------------------------------------------------------------------------------


def suspend(server: Dest, *, timeout: float | None = 5.0) -> None:
    """Let *server* handle nothing until `resume`; what comes waits in order. Twice is no error."""
    _ask(server, _suspend, timeout)


def resume(server: Dest, *, timeout: float | None = 5.0) -> None:
    """Let *server* go on, with what came meanwhile first. One resume is enough; without suspend it is no error."""
    _ask(server, _resume, timeout)


def _suspend(process: Process) -> None:
    process.suspended = True
    process.deadline = float("inf")  # `After` does not run while suspended, and starts anew at resume
    _choose_handle(process)


def _resume(process: Process) -> None:
    process.suspended = False
    _choose_handle(process)
    held, process.held = process.held, None
    if held:
        box = process.mailbox
        assert box is not None
        box.extendleft(reversed(held))


def _choose_handle(process: Process) -> None:
    """Set what handles the messages of *process*, after what it is now."""
    if process.suspended:
        process.handle = _handle_suspended
    elif process.debug is not None:
        process.handle = _handle_observed
    else:
        process.handle = _plain(process)


def _plain(process: Process) -> Handle:
    plain = type(process.actor)._handle_of()  # noqa: SLF001 - the hook of its own behaviour
    reloads = process.runtime.reloads
    return plain if reloads is None else reloads.counted(plain)


def _awaits(process: Process) -> bool:
    """Whether the callbacks of *process* may be coroutines."""
    return bool(process.actor.runs_on == "asyncio")


def _handle_suspended(process: Process, message: Any) -> Any:
    """Serve system requests, obey the parent's exit, keep everything else."""
    kind = type(message)
    if kind is SystemCall:
        if _awaits(process):
            return _serve_suspended(process, message)
        step = serve_system(process, message)
    elif kind is Exit and (message.pid is process.parent or message.pid is process.runtime.system):
        step = Ending(message.reason, message)
    else:
        if process.held is None:
            process.held = deque()
        process.held.append(message)
        return None
    if _awaits(process):
        return _carry_out_async(process, step)
    return _carry_out(process, step)


async def _serve_suspended(process: Process, call: SystemCall) -> None:
    await _carry_out_async(process, await serve_system_async(process, call))


# -- states and code -------------------------------------------------------------------------------


def get_state(server: Dest, *, timeout: float | None = 5.0) -> Any:
    """Return the state itself, not a copy; do not change it.

    That of an event manager is a list of (class, id, state), one for each handler.
    """
    return _ask(server, lambda process: process.actor._seen(process.state), timeout)  # noqa: SLF001 - the hook of its own behaviour


def replace_state(server: Dest, fn: Callable[[Any], Any], *, timeout: float | None = 5.0) -> Any:
    """Set the state to `fn(state)`, called in the server, and return it. CallbackFailed if *fn* raises.

    In an event manager *fn* is called for each handler, with (class, id, state), and returns that with another state;
    where it raises, that handler keeps its state.
    """

    def replace(process: Process) -> Any:
        actor: Behaviour[Any] = process.actor
        try:
            process.state = actor._replaced(fn, process.state)  # noqa: SLF001 - the hook of its own behaviour
        except (Exception, ExitProcess) as error:
            raise CallbackFailed(error) from error
        return actor._seen(process.state)  # noqa: SLF001 - the hook of its own behaviour

    return _ask(server, replace, timeout)


def change_code(
    server: Dest, module: str, old_vsn: Any = None, extra: Any = None, *, timeout: float | None = 5.0
) -> None:
    """Run the suspended *server*'s `code_change(old_vsn, state, extra)` with the class that *module* holds now.

    Raises ChangeCodeFailed if the server is not suspended or its code_change fails; it keeps its old state and class
    then, and stays suspended. This is OTP's primitive, and code_change gets the
    state itself: what it changes in place stays changed. `otpy.upgrade` does the whole of an upgrade, on copies.
    """

    def change(process: Process) -> Any:
        if not process.suspended:
            raise ChangeCodeFailed(("unknown_system_msg", ("change_code", module, old_vsn, extra)))
        convert = _convert_async if _awaits(process) else _convert
        return convert(process, module, old_vsn, extra)

    _ask(server, change, timeout)


def _convert(process: Process, module: str, old_vsn: Any, extra: Any) -> None:
    with _code_of(process, module) as actor:
        result = actor._change_code(module, old_vsn, process.state, extra)  # noqa: SLF001 - the hook of its own behaviour
        process.state = _changed(result)


async def _convert_async(process: Process, module: str, old_vsn: Any, extra: Any) -> None:
    with _code_of(process, module) as actor:
        result = actor._change_code(module, old_vsn, process.state, extra)  # noqa: SLF001 - the hook of its own behaviour
        process.state = _changed(await result if inspect.isawaitable(result) else result)


@contextlib.contextmanager
def _code_of(process: Process, module: str) -> Generator[Behaviour[Any]]:
    """Give the actor of *process* the class that *module* has now; if the block fails, the old one again."""
    actor: Behaviour[Any] = process.actor
    old_class = type(actor)
    new_class = getattr(_sys.modules.get(module), old_class.__qualname__, old_class)
    if isinstance(new_class, type) and new_class is not old_class:
        object.__setattr__(actor, "__class__", new_class)  # past the refusal to set attributes
    try:
        yield actor
    except (Exception, ExitProcess) as error:
        object.__setattr__(actor, "__class__", old_class)
        if isinstance(error, ChangeCodeFailed):
            raise
        reason = error.reason if isinstance(error, ExitProcess) else Crash(error)
        raise ChangeCodeFailed(("EXIT", reason)) from error
    process.vsn = vsn_of(type(actor))


def _changed(result: Any) -> Any:
    """Return the new state that code_change returned."""
    if not isinstance(result, Ok):
        raise ChangeCodeFailed(result)
    return result.state


def get_status(server: Dest, *, timeout: float | None = 5.0) -> dict[str, Any]:
    """Return what *server* is and does, its state as its `format_status` shows it."""
    return _ask(server, _status, timeout)  # type: ignore[no-any-return]


def _status(process: Process) -> dict[str, Any]:
    actor = process.actor
    return {
        "pid": process,
        "name": process.names[0] if process.names else None,
        "behaviour": type(actor),
        "vsn": process.vsn,
        "status": "suspended" if process.suspended else "running",
        "parent": process.parent,
        **{name: value for name, value in shown(process, None, Normal()).items() if name != "last_message"},
        "log": list(process.debug.events) if process.debug is not None else [],
    }


def terminate(server: Dest, reason: Reason = Normal(), *, timeout: float | None = 5.0) -> None:  # noqa: B008 - a frozen value
    """Order *server* to end with *reason* through its `terminate`; returns when it has taken the order."""
    calls.ask(resolve(server), StopServer(check_reason(reason), answered=True), timeout, SystemCall)


# -- debug functions -------------------------------------------------------------------------------


class In(msgspec.Struct, frozen=True):
    """A message that the server is about to handle."""

    message: Any


class Out(msgspec.Struct, frozen=True):
    """A reply that the server has given."""

    reply: Any
    to: Any


Event = In | Out
DONE = object()
"""What an installed function returns when it has seen enough."""

DebugFunction = Callable[[Event, Any], object]


class Statistics(msgspec.Struct, frozen=True):
    """What `statistics(server, "get")` returns; times in the runtime's seconds."""

    start_time: float
    current_time: float
    messages_in: int
    messages_out: int


class _Debug:
    """What is observed of one server."""

    def __init__(self) -> None:
        self.functions: list[DebugFunction] = []
        self.events: deque[Event] = deque(maxlen=0)
        self.tracing = False
        self.started: float | None = None
        self.counts = [0, 0]

    @property
    def wanted(self) -> bool:
        return bool(self.functions or self.events.maxlen or self.tracing or self.started is not None)

    def see(self, process: Process, event: Event) -> None:
        self.counts[type(event) is Out] += 1
        self.events.append(event)
        if self.tracing:
            _sys.stdout.write(f"*DBG* {process!r} {'got' if type(event) is In else 'sent'} {event!r}\n")
        for function in tuple(self.functions):
            try:
                seen_enough = function(event, process.state) is DONE
            except Exception:  # noqa: BLE001 - as in OTP, a debug function that fails is taken away
                seen_enough = True
            if seen_enough:
                self.functions.remove(function)


def _handle_observed(process: Process, message: Any) -> Any:
    debug: _Debug = process.debug
    if type(message) is SystemCall:
        return _plain(process)(process, message)
    debug.see(process, In(message.request if hasattr(message, "request") else message))
    if _awaits(process):
        return _observe_async(process, message, debug)
    type(process.actor)._handle_of()(process, message)  # noqa: SLF001 - the hook of its own behaviour
    _see_reply(process, message, debug)
    return None


async def _observe_async(process: Process, message: Any, debug: _Debug) -> None:
    await type(process.actor)._handle_of()(process, message)  # noqa: SLF001 - the hook of its own behaviour
    _see_reply(process, message, debug)


def _see_reply(process: Process, message: Any, debug: _Debug) -> None:
    if isinstance(message, Call) and message.answer is not PENDING:
        debug.see(process, Out(message.answer, message.pid))


def _debugging(server: Dest, change: Callable[[_Debug, Process], Any], timeout: float | None) -> Any:
    def serve(process: Process) -> Any:
        debug = process.debug if process.debug is not None else _Debug()
        answer = change(debug, process)
        process.debug = debug if debug.wanted else None
        _choose_handle(process)
        return answer

    return _ask(server, serve, timeout)


def trace(server: Dest, flag: bool, *, timeout: float | None = 5.0) -> None:
    """Print each message in and each reply out on standard output, or stop that."""
    _debugging(server, lambda debug, _process: setattr(debug, "tracing", bool(flag)), timeout)


def log(server: Dest, n: int, *, timeout: float | None = 5.0) -> list[Event]:
    """Keep the last *n* events from now on (0 stops) and return those kept so far."""
    if not isinstance(n, int) or isinstance(n, bool) or n < 0:
        msg = f"n is {n!r}; give the number of events to keep, 0 to stop"
        raise ValueError(msg)

    def change(debug: _Debug, _process: Process) -> list[Event]:
        kept = list(debug.events)
        debug.events = deque(kept, maxlen=n)
        return kept

    return _debugging(server, change, timeout)  # type: ignore[no-any-return]


def statistics(server: Dest, flag: bool | Literal["get"], *, timeout: float | None = 5.0) -> Statistics | None:
    """Start (True) or stop (False) counting; "get" returns the counts, or None if nobody counts."""

    def change(debug: _Debug, process: Process) -> Statistics | None:
        now = process.runtime.clock.now()
        if flag == "get":
            return None if debug.started is None else Statistics(debug.started, now, *debug.counts)
        debug.started = now if flag else None
        debug.counts = [0, 0]
        return None

    return _debugging(server, change, timeout)  # type: ignore[no-any-return]


def install(server: Dest, fn: DebugFunction, *, timeout: float | None = 5.0) -> None:
    """Call `fn(event, state)` for each In and Out, in the server; it goes when it returns DONE or raises."""

    def change(debug: _Debug, _process: Process) -> None:
        if fn not in debug.functions:
            debug.functions.append(fn)

    _debugging(server, change, timeout)


def remove(server: Dest, fn: DebugFunction, *, timeout: float | None = 5.0) -> None:
    """Take an installed function away; an unknown one is no error."""

    def change(debug: _Debug, _process: Process) -> None:
        if fn in debug.functions:
            debug.functions.remove(fn)

    _debugging(server, change, timeout)


def no_debug(server: Dest, *, timeout: float | None = 5.0) -> None:
    """Take away everything that observes *server*."""
    _debugging(server, lambda debug, _process: debug.__init__(), timeout)  # type: ignore[misc]
