"""Playing a pg scenario."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import otpy
from otpy import pg
from tests.oracle.groups.scenario import Action, GroupsScenario
from tests.oracle.recording import Step
from tests.support import idle_process, reason_of

SCOPE = "scope"


def play(scenario: GroupsScenario) -> Iterator[Step]:
    """Play *scenario* in the running process, and yield what each action returned, left and told."""
    owner = pg.start(SCOPE)
    stage = _Stage([idle_process() for _ in range(scenario.members)])
    for action in scenario.actions:
        result = stage.do(action)
        yield {
            "result": result,
            "members": {group: stage.numbers(pg.members(group, scope=SCOPE)) for group in "ab"},
            "told": [stage.told(message) for message in otpy.flush()],
        }
    for pid in (*stage.pids, owner):
        otpy.exit(pid, otpy.Kill())


class _Stage:
    """The processes and the monitors, by their numbers."""

    def __init__(self, pids: list[otpy.Pid]) -> None:
        self.pids = pids
        self.refs: list[otpy.Ref] = []

    def do(self, action: Action) -> Any:
        """Do *action* and return what the recording has for it."""
        match action:
            case ["join", group, who]:
                pg.join(group, self._who(who), scope=SCOPE)
                return "ok"
            case ["leave", group, who]:
                return "ok" if pg.leave(group, self._who(who), scope=SCOPE) else "not_joined"
            case ["kill", number]:
                otpy.exit(self.pids[number], otpy.Kill())
                reason_of(self.pids[number])
                return "ok"
            case ["monitor", group]:
                ref, members = pg.monitor(group, scope=SCOPE)
                self.refs.append(ref)
                return self.numbers(members)
            case ["monitor_scope"]:
                ref, groups = pg.monitor_scope(scope=SCOPE)
                self.refs.append(ref)
                return {group: self.numbers(members) for group, members in groups.items()}
            case ["demonitor", number]:
                return "ok" if pg.demonitor(self.refs[number], scope=SCOPE) else "false"
            case _:
                raise ValueError(action)

    def told(self, message: Any) -> Any:
        """Return what a monitor was told, as the recording has it."""
        assert isinstance(message, pg.Joined | pg.Left)
        change = "join" if isinstance(message, pg.Joined) else "leave"
        return [self.refs.index(message.ref), change, message.group, self.numbers(message.pids)]

    def numbers(self, pids: Any) -> list[int]:
        """Return the numbers of *pids*."""
        return [self.pids.index(pid) for pid in pids]

    def _who(self, who: Any) -> Any:
        return [self.pids[number] for number in who] if isinstance(who, list) else self.pids[who]
