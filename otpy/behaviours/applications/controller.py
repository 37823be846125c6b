"""The application controller: one process for each runtime that knows its applications and starts and stops them.

It never waits for anybody: a start is carried out by a process of its own, and a stop by the master. Meanwhile the
application is *changing*: another request for a start joins the one under way, a stop finds it not started yet, and
what else is asked about it waits until that is over. So whatever runs while an application starts or stops may ask the
controller, about that application or others.

What the end of an application means is decided in `record.ends_node`: a permanent one takes the runtime down with it, a
transient one unless it ended as normal. A shutdown is not normal, and it is what a supervisor ends with that gives up.

The state is a record that this process alone changes; others read it without asking.

Source: OTP application_controller.erl.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from otpy.behaviours.applications.environment import Changes
from otpy.behaviours.applications.finding import Found
from otpy.behaviours.applications.master import ApplicationMaster, Order, StopNow
from otpy.behaviours.applications.record import (
    Applications,
    ApplicationStartFailure,
    ApplicationTerminated,
    Change,
    ends_node,
)
from otpy.behaviours.applications.requests import (
    Answer,
    Asked,
    Configure,
    Load,
    Outcome,
    SetEnv,
    Start,
    StopApplication,
    Unload,
    UnsetEnv,
)
from otpy.behaviours.applications.spec import StartType
from otpy.behaviours.gen import cast, reply
from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import NoReply, Ok, Reply
from otpy.errors import (
    ApplicationAlreadyLoaded,
    ApplicationAlreadyStarted,
    ApplicationNotLoaded,
    ApplicationNotRunning,
    ApplicationNotStarted,
    ApplicationRunning,
    ApplicationStartFailed,
    InitStopped,
)
from otpy.kernel import events
from otpy.kernel.calls import From
from otpy.kernel.here import current
from otpy.kernel.messages import Down
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import monitor
from otpy.kernel.process import Process
from otpy.kernel.reasons import Crash, Normal, Reason
from otpy.kernel.runtime import spawn_process

log = logging.getLogger("otpy.application")

# -- the process -----------------------------------------------------------------------------------


class ApplicationController(GenServer[Applications]):
    """See the head."""

    __slots__ = ()

    in_tree = False

    def init(self, arg: None) -> Ok[Applications]:
        """Know nothing yet."""
        return Ok(Applications())

    def handle_call(self, request: Any, from_: From, state: Applications) -> Any:
        """Do what is asked, or begin it."""
        match request:
            case Start() | StopApplication() | Unload():
                return _asked(state, request, from_)
            case Load(found):
                return Reply(_load(state, found), state)
            case SetEnv(name, values, persistent):
                state.env.set(name, values, persistent=persistent)
            case UnsetEnv(name, key, persistent):
                state.env.unset(name, key, persistent=persistent)
            case Configure(found, config):
                return Reply(_configure(state, found, config), state)
            case _:
                return super().handle_call(request, from_, state)
        return Reply(None, state)

    def handle_cast(self, request: Outcome, state: Applications) -> NoReply[Applications]:
        """Take notice of how a start has ended."""
        _ended_start(state, request.name, request.result)
        return NoReply(state)

    def handle_info(self, message: Any, state: Applications) -> Any:
        """Take notice of who has ended."""
        if not isinstance(message, Down):
            return super().handle_info(message, state)
        _gone(state, message.pid, message.reason)  # type: ignore[arg-type]
        return NoReply(state)


def _asked(state: Applications, request: Asked, from_: From) -> Any:
    """Begin what is asked, or put it off, or answer it at once."""
    change = state.changing.get(request.name)
    if change is None:
        answer = _BEGIN[type(request)](state, request, from_)
        return NoReply(state) if answer is _LATER else Reply(answer, state)
    if change.kind == "start" and isinstance(request, StopApplication):
        return Reply(ApplicationNotStarted(request.name), state)
    if change.kind == "start" and isinstance(request, Start):
        change.callers.append(from_)
    else:
        change.later.append((request, from_))
    return NoReply(state)


_LATER: Final[Any] = object()
"""In the place of an answer: it comes when the change has ended."""


def _done(state: Applications, name: str, answer: Answer) -> None:
    """End the change of *name*, and see to what was put off meanwhile, in order."""
    change = state.changing.pop(name)
    for caller in change.callers:
        reply(caller, answer)
    for request, from_ in change.later:
        result = _asked(state, request, from_)
        if isinstance(result, Reply):
            reply(from_, result.value)


# -- loading ---------------------------------------------------------------------------------------


def _load(state: Applications, found: Found) -> Answer:
    name = found.spec.name
    if name in state.loaded:
        return ApplicationAlreadyLoaded(name)
    state.loaded[name] = found
    state.env.load(name, found.spec.env)
    return None


def _unload(state: Applications, request: Unload, _from: From) -> Answer:
    name = request.name
    if name in state.running:
        return ApplicationRunning(name)
    if name not in state.loaded:
        return ApplicationNotLoaded(name)
    del state.loaded[name]
    state.env.unload(name)
    return None


def _configure(state: Applications, found: Mapping[str, Found], config: Mapping[str, Mapping[str, Any]]) -> Any:
    state.env.config = config
    differs: dict[str, Changes] = {}
    for name, before in list(state.loaded.items()):
        now = state.loaded[name] = found.get(name, before)
        differs[name] = state.env.renew(name, now.spec.env)
    return state.whom_to_tell(differs)


# -- starting --------------------------------------------------------------------------------------


def _start(state: Applications, request: Start, from_: From) -> Answer:
    name = request.name
    found = state.loaded.get(name)
    if found is None:
        return ApplicationNotLoaded(name)
    if name in state.running:
        return ApplicationAlreadyStarted(name)
    needed = [each for each in found.spec.applications if each not in found.spec.optional_applications]
    for each in needed:
        if each not in state.started:
            return ApplicationNotStarted(each, name)
    if found.cls is None:
        _runs(state, name, request.type, None)
        return None
    for each in needed:
        if each not in state.running:  # it counts as started, and has ended: in OTP, that is a start that fails
            refusal = ApplicationNotRunning(each, name)
            _exited(name, request.type, refusal, ApplicationStartFailure)
            return refusal
    state.changing[name] = Change("start", from_, request.type)
    me = current()
    order = Order(found.spec, found.cls)
    starter = spawn_process(_start_master, me, order, starter=me.runtime.system, label=f"start of {name}")
    state.watched[starter] = name
    monitor(starter)
    return _LATER  # type: ignore[no-any-return]


def _start_master(controller: Pid, order: Order) -> None:
    """Start the master. It is a root, as who starts it ends: the runtime stops such in reverse start order."""
    result: Any
    try:
        result = ApplicationMaster.start(order)
    except InitStopped as error:
        result = ApplicationStartFailed(order.spec.name, error.reason)
        result.__cause__ = error
    cast(controller, Outcome(order.spec.name, result))


def _ended_start(state: Applications, name: str, result: Process | ApplicationStartFailed) -> None:
    change = state.changing.get(name)
    if change is None or change.kind != "start":
        return  # the starter was ended, which was the answer
    if isinstance(result, Process):
        result.starter = result.runtime.system  # who started it has ended
        _runs(state, name, change.type, result)
        _done(state, name, None)
        return
    _done(state, name, result)
    _exited(name, change.type, result.reason, ApplicationStartFailure)


def _runs(state: Applications, name: str, type_: StartType, master: Process | None) -> None:
    state.started.pop(name, None)
    state.started[name] = type_
    state.running[name] = master
    if master is not None:
        state.watched[master] = name
        monitor(master)
    log.info("application %s started, %s", f"{name} {state.loaded[name].spec.vsn}".strip(), type_)
    events.emit("application.start", application=name, type=type_, master=master)


# -- the end ---------------------------------------------------------------------------------------


def _stop(state: Applications, request: StopApplication, from_: From) -> Answer:
    name = request.name
    if name not in state.started:
        return ApplicationNotStarted(name)
    master = state.running.get(name)
    if master is None:  # a library, or it has ended by itself
        _stopped(state, name)
        return None
    state.changing[name] = Change("stop", from_, state.started[name])
    cast(master, StopNow())
    return _LATER  # type: ignore[no-any-return]


def _stopped(state: Applications, name: str) -> None:
    type_ = state.started.pop(name)
    if name in state.running:
        del state.running[name]
        log.info("application %s stopped", name)
        events.emit("application.stop", application=name, type=type_)


def _gone(state: Applications, process: Process, reason: Reason) -> None:
    """A master, or who was to start one, has ended."""
    name = state.watched.pop(process, None)
    if name is None:
        return
    change = state.changing.get(name)
    if state.running.get(name) is process:
        if change is not None and change.kind == "stop":
            _stopped(state, name)
            _done(state, name, None)
            return
        del state.running[name]
        _exited(name, state.started[name], process.exit_reason, ApplicationTerminated)
    elif change is not None and change.kind == "start" and not isinstance(reason, Normal):
        _ended_start(state, name, ApplicationStartFailed(name, reason))


def _exited(name: str, type_: StartType, reason: Reason, why: Callable[..., ApplicationTerminated]) -> None:
    """An application has ended, or not even begun: say so, and do what its type says."""
    runtime = current().runtime
    if runtime.stopping:
        return
    ends = ends_node(type_, reason)
    told = why(name, type_, reason)
    event = "application.start_failed" if why is ApplicationStartFailure else "application.exit"
    error = reason.error if isinstance(reason, Crash) else None
    level, then = (logging.CRITICAL, ": the runtime is stopped") if ends else (logging.WARNING, "")
    log.log(level, "%s%s", told, then, exc_info=error if event == "application.start_failed" else None)
    events.emit(event, application=name, type=type_, reason=reason, ends_node=ends)
    if ends:
        runtime.halt(told)


_BEGIN: Final[Mapping[type, Callable[..., Any]]] = {Start: _start, StopApplication: _stop, Unload: _unload}
