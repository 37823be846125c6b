"""Playing a supervisor scenario: start the root, do one action after the other, look after each what has become of it.

The play is the parent of the root supervisor: linked with it, and trapping exits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import otpy
from tests.oracle.forms import Form, to_reason
from tests.oracle.recording import Step
from tests.oracle.stage import Errand, settle
from tests.oracle.supervisors import requests, supervisor
from tests.oracle.supervisors.cast import ROOT, Arrival, Open, SupervisorScript, World
from tests.oracle.supervisors.quiet import wait_until_quiet
from tests.oracle.supervisors.scenario import Batch, Call, ExitChild, Gated, Sleep, StopSup, SupervisorScenario
from tests.oracle.supervisors.worker import CrashWith, StopWith

_NOT_RUNNING = "not_running"


def play(scenario: SupervisorScenario) -> Iterator[Step]:
    """Play *scenario* in the running process, and yield what is seen after the start and after each action."""
    otpy.trap_exit(flag=True)
    world = World()
    with world.journal.recording_exits():
        yield _step(world, _start_root(world, scenario))
        for action in scenario.actions:
            match action:
                case Batch():
                    result = _batch(world, action)
                case Gated():
                    result = _gated(world, action)
                case _:
                    result = _do(world, action)
            yield _step(world, result)


def _start_root(world: World, scenario: SupervisorScenario) -> Form:
    writer = world.journal.writer
    try:
        return ["ok", writer.form(supervisor.start(SupervisorScript(world, ROOT, scenario.supervisor)))]
    except otpy.StartIgnored:
        return "ignore"
    except otpy.InitStopped as error:
        return ["error", writer.form(error.reason)]


def _step(world: World, result: Form) -> Step:
    tree = wait_until_quiet(world)
    root = world.journal.latest(ROOT)
    seen: Step = {"result": result, "log": world.journal.take(), "children": tree.rows, "count": None}
    if root is None:
        seen["sup"] = ["dead", "not_started"]
    elif root.pid is None or not root.alive:
        seen["sup"] = ["dead", root.exit]
    else:
        seen["sup"] = "alive"
        counts = requests.counts(root.pid, world.flags[ROOT])
        seen["count"] = [counts["specs"], counts["active"], counts["supervisors"], counts["workers"]]
    return seen


# -- actions ---------------------------------------------------------------------------------------


def _batch(world: World, action: Batch) -> Form:
    """Do the calls while the supervisor is suspended, so that their requests and the exits of children queue up."""
    suspended = world.journal.latest(action.sup)
    if suspended is None or suspended.pid is None or not suspended.alive:
        return _NOT_RUNNING
    otpy.sys.suspend(suspended.pid)
    outcomes = [_begin(world, call) for call in action.calls]
    with suppress(otpy.CallError):  # one of the calls may have ended it
        otpy.sys.resume(suspended.pid)
    return [outcome() for outcome in outcomes]


def _gated(world: World, action: Gated) -> Form:
    """Do the calls while the supervisor waits for the start of a child that stands at its gate."""
    trigger = _begin(world, action.trigger)
    otpy.call(world.keeper, Arrival(action.gate), timeout=None)
    outcomes = [trigger, *(_begin(world, call) for call in action.calls)]
    otpy.call(world.keeper, Open(action.gate), timeout=None)
    return [outcome() for outcome in outcomes]


def _begin(world: World, call: Call) -> Callable[[], Form]:
    """Do *call*, but leave what waits for a supervisor to a process of its own; return how to get the result.

    When this returns, the request is in the supervisor's mailbox, behind all earlier ones.
    """
    if isinstance(call, ExitChild | Sleep) or (isinstance(call, StopSup) and call.how != "stop"):
        result = _do(world, call)
        return lambda: result
    errand = Errand(lambda: _do(world, call))
    settle()
    return errand.wait


def _do(world: World, call: Call) -> Form:
    match call:
        case ExitChild():
            return _exit_child(world, call)
        case StopSup():
            return _stop_sup(world, call)
        case Sleep(ms):
            otpy.sleep(ms / 1000)
            return "ok"
        case _:
            return requests.ask(world, call)


def _exit_child(world: World, action: ExitChild) -> Form:
    """Make a child end, and wait until it is dead or has taken notice."""
    child = world.journal.latest(action.child)
    if child is None or child.pid is None or not child.alive:
        return _NOT_RUNNING
    fatal = _is_fatal(world, child.pid, action)
    monitor = otpy.monitor(child.pid)
    match action.how:
        case "stop" if action.child in world.flags:
            with suppress(otpy.CallError):  # the supervisor may end with another reason
                otpy.stop(child.pid, to_reason(action.reason))
        case "stop":
            otpy.cast(child.pid, StopWith(action.reason))
        case "crash":
            otpy.cast(child.pid, CrashWith(action.reason))
        case "signal":
            otpy.exit(child.pid, to_reason(action.reason))
    if fatal:
        otpy.receive(lambda message: isinstance(message, otpy.Down) and message.ref is monitor)
    else:
        settle()
        otpy.demonitor(monitor, flush=True)
    return "ok"


def _is_fatal(world: World, pid: otpy.Pid, action: ExitChild) -> bool:
    if action.how != "signal":
        return action.how == "stop" or action.child not in world.flags  # a supervisor has no handler that crashes
    if action.reason == "kill":
        return True
    info = otpy.process_info(pid)
    return info is not None and not info.trap_exit and action.reason != "normal"


def _stop_sup(world: World, action: StopSup) -> Form:
    """Make the root end, by whatever means."""
    root = world.journal.latest(ROOT)
    if root is None or root.pid is None or not root.alive:
        return _NOT_RUNNING
    pid, reason = root.pid, to_reason(action.reason)
    match action.how:
        case "parent_exit":
            otpy.exit(pid, reason)
        case "other_exit":
            Errand(lambda: otpy.exit(pid, reason)).wait()
        case "stop":
            with suppress(otpy.CallError):  # it may end with another reason
                otpy.stop(pid, reason)
        case "kill":
            otpy.exit(pid, otpy.Kill())
    return "ok"
