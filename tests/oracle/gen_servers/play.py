"""Playing a gen_server scenario. The play is the client: it does the actions, and its mailbox is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, final

from msgspec import UnsetType

import otpy
from tests.oracle.forms import Form, to_reason, to_seconds
from tests.oracle.gen_servers import scenario as do
from tests.oracle.gen_servers import sys_requests
from tests.oracle.gen_servers.scenario import GenServerScenario, Message
from tests.oracle.gen_servers.server import Server, State, World
from tests.oracle.journal import Incarnation
from tests.oracle.recording import Step
from tests.oracle.stage import Errand, settle


def play(scenario: GenServerScenario) -> Iterator[Step]:
    """Play *scenario* in the running process, and yield what is seen after each action."""
    otpy.trap_exit(flag=True)
    client = Client(World(scenario.servers))
    with client.world.journal.recording_exits():
        for action in scenario.actions:
            result = client.act(action)
            if action.nowait:
                settle()  # what was sent is on its way, and comes before what the next action sends
                yield {"result": result, "log": [], "mail": [], "servers": None}
            else:
                yield {"result": result, **client.look()}


@final
class Client:
    """Who starts, calls, stops, links and monitors the servers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._errands: dict[str, Errand] = {}
        self._monitors: dict[str, list[otpy.Ref]] = {}

    def act(self, action: do.ServerAction) -> Form:
        """Do *action* and return its result."""
        try:
            return self._act(action)
        except otpy.CallError as error:
            return ["exit", self.world.journal.writer.failed_call(error)]

    def _act(self, action: do.ServerAction) -> Form:
        match action:
            case do.Start():
                return self._start(action)
            case do.CallServer() | do.SpawnCall() | do.Await() | do.Poll():
                return self._ask(action)
            case do.CastServer() | do.SendInfo() | do.StopServer():
                return self._tell(action)
            case do.SignalServer() | do.Monitor() | do.Demonitor() | do.Link() | do.Unlink():
                return self._signal(action)
            case do.Whereis():
                return self.world.journal.writer.form(otpy.whereis(str(action.name)))
            case do.SleepServer():
                otpy.sleep(action.ms / 1000)
                return "ok"
            case _:
                return sys_requests.ask(self.world, self._target(action), action)

    # -- single actions

    def _start(self, action: do.Start) -> Form:
        conf = self.world.confs[action.server]
        number = self.world.journal.attempt(action.server)
        state = State(self.world, Incarnation(action.server, number, numbered=False), [])
        start = Server.start_link if conf.link else Server.start
        name = None if isinstance(conf.name, UnsetType) else conf.name
        writer = self.world.journal.writer
        try:
            start(state, name=name, timeout=to_seconds(action.timeout))
        except otpy.StartIgnored:
            return "ignore"
        except otpy.InitStopped as error:
            return ["error", writer.form(error.reason)]
        except otpy.StartError as error:
            return ["error", writer.form(error)]
        return "ok"

    def _ask(self, action: do.CallServer | do.SpawnCall | do.Await | do.Poll) -> Form:
        match action:
            case do.CallServer():
                return self._call(self._target(action), action)
            case do.SpawnCall():
                return self._spawn_call(action)
            case do.Await():
                return self._errands[action.client].wait()
            case do.Poll():
                errand = self._errands[action.client]
                return errand.wait() if errand.done else "pending"

    def _call(self, server: otpy.Pid | str, action: do.CallServer | do.SpawnCall) -> Form:
        answer = otpy.call(server, Message(action.tag, action.ret), timeout=to_seconds(action.timeout))
        return ["ok", answer.tags if isinstance(answer, State) else self.world.journal.writer.form(answer)]

    def _spawn_call(self, action: do.SpawnCall) -> Form:
        server = self._target(action)

        def call() -> Form:
            try:
                return self._call(server, action)
            except otpy.CallError as error:
                return ["exit", self.world.journal.writer.failed_call(error)]

        self._errands[action.client] = Errand(call)
        return "ok"

    def _tell(self, action: do.CastServer | do.SendInfo | do.StopServer) -> Form:
        server = self._target(action)
        match action:
            case do.CastServer():
                otpy.cast(server, Message(action.tag, action.ret))
            case do.SendInfo():
                with suppress(otpy.NoProcess):  # a name that nobody has
                    otpy.send(server, Message(action.tag, action.ret))
            case do.StopServer():
                otpy.stop(server, to_reason(action.reason), timeout=to_seconds(action.timeout))
        return "ok"

    def _signal(self, action: do.SignalServer | do.Monitor | do.Demonitor | do.Link | do.Unlink) -> Form:
        pid = self._pid(action)
        monitors = self._monitors.setdefault(action.server, [])
        match action:
            case do.SignalServer(from_="client"):
                otpy.exit(pid, to_reason(action.reason))
            case do.SignalServer():
                Errand(lambda: otpy.exit(pid, to_reason(action.reason))).wait()
            case do.Monitor():
                monitors.append(otpy.monitor(pid))
            case do.Demonitor():
                otpy.demonitor(monitors.pop(), flush=action.flush)
            case do.Link():
                otpy.link(pid)
            case do.Unlink():
                otpy.unlink(pid)
        return "ok"

    def _target(self, action: Any) -> otpy.Pid | str:
        """Return the name or the process that *action* is for."""
        name = action.name
        return self.world.server(action.server) if isinstance(name, UnsetType) else str(name)

    def _pid(self, action: Any) -> otpy.Pid:
        target = self._target(action)
        pid = otpy.whereis(target) if isinstance(target, str) else target
        if pid is None:
            raise otpy.NoProcess(target)
        return pid

    # -- looking

    def look(self) -> Step:
        """Wait until every server is idle (or suspended), and return what is seen then."""
        self._wait_until_quiet()
        writer = self.world.journal.writer
        mail: list[Form] = []
        for message in otpy.flush():
            match message:
                case otpy.Down(_, pid, reason):
                    mail.append(["DOWN", *writer.items((pid, reason))])
                case otpy.Exit(pid, reason):
                    mail.append(["EXIT", *writer.items((pid, reason))])
                case _:
                    mail.append(["message", writer.form(message)])
        return {"log": self.world.journal.take(), "mail": mail, "servers": self._servers()}

    def _wait_until_quiet(self) -> None:
        """Ask every server for its state, which it tells after all that came before, until that changes nothing."""
        seen = -1
        while seen != len(self.world.journal):
            seen = len(self.world.journal)
            settle()
            for pid in self._living().values():
                with suppress(otpy.CallError):
                    otpy.sys.get_state(pid, timeout=None)
            settle()

    def _living(self) -> dict[str, otpy.Pid]:
        found = ((label, self.world.journal.latest(label)) for label in self.world.confs)
        return {label: one.pid for label, one in found if one is not None and one.alive and one.pid is not None}

    def _servers(self) -> dict[str, Form]:
        """Return what is to be seen of each server that was started."""
        living = self._living()
        started = (label for label in self.world.confs if self.world.journal.latest(label) is not None)
        return {label: sys_requests.look(living[label]) if label in living else {"alive": False} for label in started}
