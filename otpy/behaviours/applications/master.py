"""The master of an application: the process that runs its callbacks and lives as long as it does.

It starts the tree and does the phases in its `init`, so who starts it waits for all of it.
Every process that is started from inside an application belongs to it (Process.leader), and ends with it at the latest.

The order at a stop: `prep_stop`, the tree, `stop`, whatever is left. So it is too when the tree ends by itself, but
that nothing is left to be ended.

Source: OTP application_master.erl: start_it_old/4, start_the_app/5, loop_it/4, kill_all_procs/0.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from otpy.behaviours.applications.callbacks import Application
from otpy.behaviours.applications.environment import Changes
from otpy.behaviours.applications.spec import ApplicationSpec
from otpy.behaviours.children_start import current_version
from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import Ignore, NoReply, Ok, Reply, Stop
from otpy.errors import BadReturn, InitStopped, StartIgnored
from otpy.kernel.calls import From
from otpy.kernel.here import current
from otpy.kernel.messages import Down, Exit
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import exit, link, monitor, receive, trap_exit  # noqa: A004 - OTP's name
from otpy.kernel.process import Process
from otpy.kernel.reasons import ExitProcess, Kill, Killed, Normal, Reason, Shutdown, reason_of

log = logging.getLogger("otpy.application")


class Order(msgspec.Struct, frozen=True):
    """What a master is started with."""

    spec: ApplicationSpec
    cls: type[Application[Any]]


class Running(msgspec.Struct, frozen=True):
    """The state of a master. *child* is the top of the tree, None when it has ended."""

    name: str
    app: Application[Any]
    child: Pid | None
    state: Any = None


class StopNow(msgspec.Struct, frozen=True):
    """Cast to a master: stop the application."""


class ApplicationMaster(GenServer[Running]):
    """One application that runs."""

    __slots__ = ()

    def init(self, arg: Order) -> Ok[Running] | Stop[Running]:
        """Start the application."""
        me = current()
        me.leader, me.label = me, arg.spec.name
        trap_exit(True)
        app = current_version(arg.cls)()
        try:
            pid, state = _started(app, arg.spec)
        except Exception as error:  # noqa: BLE001 - whatever it raises is why the start failed
            _give_up(me)
            return Stop(_reason(error))
        except ExitProcess as ended:
            current()  # raises if it is the master itself that has to end
            _give_up(me)
            return Stop(ended.reason)
        if me.starter is None or me.starter.exit_reason is not None:  # it was ended: the start has failed without it
            _end_all([pid])
            return Stop(Killed())
        return Ok(Running(arg.spec.name, app, pid, state))

    def handle_call(self, request: Any, from_: From, state: Running) -> Any:
        """Tell the application how its environment has changed; reply what that raised, or None."""
        if not isinstance(request, Changes):  # nothing for it; a master takes no notice of such, as in OTP
            return NoReply(state)
        try:
            state.app.config_change(request.changed, request.new, request.removed)
        except Exception as error:  # noqa: BLE001 - handed to who asked
            return Reply(error, state)
        return Reply(None, state)

    def handle_cast(self, request: Any, state: Running) -> NoReply[Running] | Stop[Running]:
        """Stop, if that is what is asked."""
        return Stop(Normal(), state) if isinstance(request, StopNow) else NoReply(state)

    def handle_info(self, message: Any, state: Running) -> NoReply[Running] | Stop[Running]:
        """The end of the tree is the end of the application; other messages are for nobody, as in OTP."""
        if isinstance(message, Exit) and message.pid is state.child:
            return Stop(message.reason, msgspec.structs.replace(state, child=None))
        return NoReply(state)

    def terminate(self, reason: Reason, state: Running) -> None:
        """Stop the application, for whatever reason."""
        last = _tried(state.app.prep_stop, state.state)
        if state.child is not None:
            _end_all([state.child])
        _tried(state.app.stop, last)
        _end_belongings(current())

    def _below(self, state: Running) -> Iterable[Pid]:
        return () if state.child is None else (state.child,)


# -- starting --------------------------------------------------------------------------------------


def _started(app: Application[Any], spec: ApplicationSpec) -> tuple[Pid, Any]:
    """Start the tree and do the phases; return its top and what goes with it."""
    match app.start("normal", spec.args):
        case Process() as pid:
            state = None
        case (Process() as pid, state):
            pass
        case other:
            raise BadReturn("start", other)
    link(pid)
    for phase, args in spec.start_phases or ():
        app.start_phase(phase, "normal", args)
    return pid, state


def _reason(error: Exception) -> Reason:
    match error:
        case InitStopped():
            return error.reason
        case StartIgnored():
            return BadReturn("start", Ignore())
        case BadReturn():
            return error
        case _:
            return reason_of(error)


# -- ending ----------------------------------------------------------------------------------------


def _tried(callback: Callable[[Any], Any], state: Any) -> Any:
    """Return what *callback* makes of *state*; *state* if it raises, which must not keep the rest from being ended."""
    try:
        return callback(state)
    except Exception:
        log.exception("%s raised; the application is stopped all the same", getattr(callback, "__qualname__", callback))
        return state


def _give_up(me: Process) -> None:
    """End what a start has started that has failed."""
    _end_all([each for each in me.links or () if each.leader is me])
    _end_belongings(me)


def _end_all(processes: Iterable[Pid]) -> None:
    """Tell *processes* to shut down, and wait until they have."""
    refs = [(process, monitor(process)) for process in processes]
    for process, _ in refs:
        exit(process, Shutdown())
    _await_all(refs)


def _await_all(refs: Iterable[tuple[Pid, Ref]]) -> None:
    left = {ref for _, ref in refs}
    while left:
        down: Down = receive(lambda message: isinstance(message, Down) and message.ref in left)
        left.discard(down.ref)


def _end_belongings(me: Process) -> None:
    """Kill what belongs to the application and is not in its tree, until nothing is left."""
    while left := [each for each in me.runtime.processes() if each.leader is me and each is not me]:
        refs = [(process, monitor(process)) for process in left]
        for process, _ in refs:
            exit(process, Kill())
        _await_all(refs)
