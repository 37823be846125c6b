"""Playing a links scenario: plain processes that do what the play tells them, and write down what reaches them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, final

import otpy
from tests.oracle.forms import Form, Raised, to_reason, to_value
from tests.oracle.journal import Incarnation, Journal
from tests.oracle.links import scenario as do
from tests.oracle.links.scenario import LinksScenario, ProcessAction
from tests.oracle.recording import Step
from tests.oracle.stage import settle


class Told(NamedTuple):
    """To a process: do this."""

    action: ProcessAction


def play(scenario: LinksScenario) -> Iterator[Step]:
    """Play *scenario* in the running process, and yield what is seen after each action."""
    world = World()
    with world.journal.recording_exits():
        for label, traps in scenario.procs:
            world.spawn(label, traps=traps, link=False)
        settle()
        for action in scenario.actions:
            otpy.send(world.pid(action.p), Told(action))
            settle()
            yield world.look()


@final
class World:
    """The processes of one scenario."""

    def __init__(self) -> None:
        self.journal = Journal()

    def spawn(self, label: str, *, traps: bool, link: bool) -> None:
        """Start the process *label*, linked with the running one if *link* says so."""
        incarnation = Incarnation(label, self.journal.attempt(label), numbered=False)
        pid = (otpy.spawn_link if link else otpy.spawn)(_live, self, incarnation, traps)
        self.journal.bind(incarnation, pid)
        self.journal.decide(incarnation, started=True)

    def pid(self, label: str) -> otpy.Pid:
        """Return the process *label*, dead or alive."""
        incarnation = self.journal.latest(label)
        if incarnation is None or incarnation.pid is None:
            msg = f"no process {label!r} in this scenario"
            raise LookupError(msg)
        return incarnation.pid

    def look(self) -> Step:
        """Return the events by process, and who lives."""
        log: dict[str, list[Form]] = {}
        for kind, label, *facts in self.journal.take():
            log.setdefault(label, []).append([kind, *facts])
        return {"log": log, "alive": sorted(process.label for process in self.journal.alive())}


def _live(world: World, me: Incarnation, traps: bool) -> None:
    """Take messages until told to return."""
    otpy.trap_exit(traps)
    monitors: dict[str, list[otpy.Ref]] = {}
    while True:
        message = otpy.receive()
        if not isinstance(message, Told):
            _write(world.journal, me, message)
        elif isinstance(message.action, do.ReturnFrom):
            return
        else:
            _obey(world, message.action, monitors)


def _write(journal: Journal, me: Incarnation, message: Any) -> None:
    match message:
        case otpy.Exit(pid, reason):
            event = ["EXIT", *journal.writer.items((pid, reason))]
        case otpy.Down(_, pid, reason):
            event = ["DOWN", *journal.writer.items((pid, reason))]
        case _:
            event = ["message", journal.writer.form(message)]
    journal.write(event[0], me.label, *event[1:])


def _obey(world: World, action: do.Order, monitors: dict[str, list[otpy.Ref]]) -> None:  # noqa: C901 - a flat list
    match action:
        case do.LinkTo():
            otpy.link(world.pid(action.to))
        case do.UnlinkFrom():
            otpy.unlink(world.pid(action.to))
        case do.MonitorOf():
            monitors.setdefault(action.to, []).append(otpy.monitor(world.pid(action.to)))
        case do.DemonitorOf():
            otpy.demonitor(monitors[action.to].pop(), flush=action.flush)
        case do.SignalTo():
            otpy.exit(world.pid(action.to), to_reason(action.reason))
        case do.SendTo():
            otpy.send(world.pid(action.to), to_value(action.message))
        case do.Trap():
            otpy.trap_exit(action.value)
        case do.SpawnLink():
            world.spawn(action.new, traps=action.trap, link=True)
        case do.ExitWith():
            raise otpy.ExitProcess(to_reason(action.reason))
        case do.RaiseError():
            raise Raised(to_value(action.reason))
