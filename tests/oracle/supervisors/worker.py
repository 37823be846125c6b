"""The scripted worker, and the function that starts it."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias, assert_never

from msgspec import UNSET

import otpy
from tests.oracle.forms import Form, Raised, to_reason, to_value
from tests.oracle.journal import Incarnation
from tests.oracle.supervisors.cast import Hang, Pass, WorkerScript, World
from tests.oracle.supervisors.scenario import Behaviour


class StopWith(NamedTuple):
    """To a worker: stop with this reason."""

    reason: Form


class CrashWith(NamedTuple):
    """To a worker: raise an error."""

    reason: Form


class Script(NamedTuple):
    """One incarnation of a worker, and what it does."""

    world: World
    incarnation: Incarnation
    behaviour: Behaviour
    supervisor: otpy.Pid


Result: TypeAlias = otpy.NoReply[Script] | otpy.Stop[Script]


def start(script: WorkerScript, *extra: Form) -> Any:
    """Start a worker; the start function of its child specs. Runs in the supervisor."""
    script = script.with_extra(extra)
    behaviour = script.parsed()
    world = script.world
    incarnation = world.incarnation(script.label)
    match behaviour.outcome(incarnation.number):
        case ["bad_return", junk] as outcome:
            world.journal.write("init", *incarnation.fields, outcome)
            return to_value(junk)
        case _:
            pid = Worker.start_link(Script(world, incarnation, behaviour, otpy.self_pid()))
            return pid if behaviour.extra is UNSET else (pid, to_value(behaviour.extra))


class Worker(otpy.GenServer[Script]):
    """Does what its script says, and writes down what happens to it."""

    def init(self, arg: Script) -> otpy.Ok[Script] | otpy.Ignore | otpy.Stop[Script]:
        """Begin as attempt number n is to begin, behind the gate if there is one."""
        world, incarnation, behaviour, supervisor = arg
        otpy.trap_exit(behaviour.trap)
        if behaviour.unlink:
            otpy.unlink(supervisor)
            incarnation.unlinked = True
        outcome = behaviour.outcome(incarnation.number)
        match outcome:
            case ["gate", behind]:
                otpy.call(world.keeper, Pass(incarnation.label), timeout=None)
                outcome = behind
            case _:
                pass
        world.journal.write("init", *incarnation.fields, outcome)
        return _begin(arg, outcome)

    def handle_cast(self, request: StopWith | CrashWith, state: Script) -> Result:
        """End as told."""
        match request:
            case StopWith(why):
                return otpy.Stop(to_reason(why), state)
            case CrashWith(why):
                raise Raised(to_value(why))
            case _:
                assert_never(request)

    def handle_info(self, message: Any, state: Script) -> Result:
        """Write down the exit signal of a stranger."""
        match message:
            case otpy.Exit(_, why):
                journal = state.world.journal
                journal.write("info", *state.incarnation.fields, ["EXIT", journal.writer.form(why)])
            case _:
                pass
        return otpy.NoReply(state)

    def terminate(self, reason: Any, state: Script) -> None:
        """Say why, then go, or not."""
        journal = state.world.journal
        journal.write("terminate", *state.incarnation.fields, journal.writer.form(reason))
        _leave(state)


def _begin(script: Script, outcome: Form) -> otpy.Ok[Script] | otpy.Ignore | otpy.Stop[Script]:
    journal = script.world.journal
    match outcome:
        case "ok":
            journal.bind(script.incarnation, otpy.self_pid())
            journal.decide(script.incarnation, started=True)
            return otpy.Ok(script)
        case "ignore":
            return otpy.Ignore()
        case ["error", why]:
            return otpy.Stop(to_reason(why))
        case ["crash", why]:
            raise Raised(to_value(why))
        case _:
            msg = f"no such outcome of init: {outcome!r}"
            raise ValueError(msg)


def _leave(script: Script) -> None:
    match script.behaviour.terminate:
        case "ok":
            pass
        case "hang":
            otpy.call(script.world.keeper, Hang(), timeout=None)
        case ["sleep", ms]:
            otpy.sleep(ms / 1000)
        case ["exit", why]:
            raise otpy.ExitProcess(to_reason(why))
        case other:
            msg = f"no such way to terminate: {other!r}"
            raise ValueError(msg)
