"""State machines on the event loop are upgraded live: `code_change` and `check_upgrade` are awaited."""

from __future__ import annotations

import textwrap
from typing import Any, Final

import pytest

import otpy
from otpy import upgrade
from tests.support import DEADLINE, eventually, inside, status
from tests.upgrade.conftest import Make

V1: Final = textwrap.dedent("""
    import asyncio, otpy
    from otpy import KeepState, NextState, Postpone, ReplyTo, StateTimeout

    __vsn__ = "1"

    class Machine(otpy.GenStatem):
        runs_on = "asyncio"

        async def init(self, arg):
            return NextState("busy", arg, StateTimeout(3600.0, "never"))

        async def handle_event(self, kind, content, state, data):
            await asyncio.sleep(0)
            match kind, content:
                case ("call", from_), "data":
                    return KeepState(actions=ReplyTo(from_, (state, data)))
                case ("call", from_), "later" if state == "idle":
                    return KeepState(actions=ReplyTo(from_, "done"))
                case ("call", _), "later":
                    return KeepState(actions=Postpone())
                case "cast", "rest":
                    return NextState("idle", data)
""")

V2: Final = (
    V1.replace('"1"', '"2"')
    + """
    async def check_upgrade(self, state):
        await asyncio.sleep(0)
        return isinstance(state[1], list)

    async def code_change(self, old_vsn, state, data, extra):
        await asyncio.sleep(0)
        if isinstance(old_vsn, otpy.DownTo):
            return NextState(state, data[0])
        if extra == "refuse":
            raise ValueError("refused after an await")
        return NextState(state, [data, extra])
"""
)


@inside
def test_an_upgrade_awaits_code_change_and_the_check(module: Make) -> None:
    """There and back; what was postponed stays so, and a code_change that raises after an await changes nothing."""
    machine = module("machine_on_loop", V1).Machine.start(7)
    later = otpy.send_request(machine, "later")
    assert otpy.call(machine, "data") == ("busy", 7)
    with pytest.raises(otpy.UpgradeError, match="refused after an await"):
        upgrade.reload_module("machine_on_loop", V2, extra="refuse")
    assert otpy.call(machine, "data") == ("busy", 7)
    upgrade.reload_module("machine_on_loop", V2, extra="given")
    assert otpy.call(machine, "data") == ("busy", [7, "given"])
    upgrade.rollback_module("machine_on_loop")
    assert otpy.call(machine, "data") == ("busy", 7)
    otpy.cast(machine, "rest")
    assert otpy.wait_response(later, timeout=DEADLINE) == "done"


@inside
def test_it_is_suspended_between_two_events_and_not_in_one(module: Make) -> None:
    """An upgrade waits for the callback that awaits; what comes meanwhile is handled by the new code."""
    machine = module("machine_on_loop", V1.replace("asyncio.sleep(0)", "otpy.acall('gate', 'through')")).Machine
    gate = Gate.start(name="gate")
    pid = machine.start(7)
    first = otpy.send_request(pid, "data")
    eventually(lambda: otpy.sys.get_state(gate))
    upgrading = otpy.send_request(Upgrading.start(), V2)
    eventually(lambda: status(pid) == "suspended")
    second = otpy.send_request(pid, "data")
    otpy.cast(gate, "open")
    assert otpy.wait_response(first, timeout=DEADLINE) == ("busy", 7)
    assert otpy.wait_response(upgrading, timeout=DEADLINE) == "completed"
    assert otpy.wait_response(second, timeout=DEADLINE) == ("busy", [7, None])


class Gate(otpy.GenServer[list[otpy.From]]):
    """Lets nobody through until it is opened."""

    def init(self, arg: object) -> otpy.Ok[list[otpy.From]]:
        """Nobody waits."""
        return otpy.Ok([])

    def handle_call(self, request: object, from_: otpy.From, state: list[otpy.From]) -> Any:
        """Let wait."""
        return otpy.NoReply([*state, from_])

    def handle_cast(self, request: object, state: list[otpy.From]) -> Any:
        """Let through."""
        for from_ in state:
            otpy.reply(from_, None)
        return otpy.NoReply([])


class Upgrading(otpy.GenServer[None]):
    """Upgrades, so that others need not wait for it."""

    runs_on = "thread"

    def init(self, arg: object) -> otpy.Ok[None]:
        """Begin."""
        return otpy.Ok(None)

    def handle_call(self, request: str, from_: otpy.From, state: None) -> otpy.Reply[str, None]:
        """Upgrade."""
        return otpy.Reply(upgrade.reload_module("machine_on_loop", request, rehearse=False).status, state)
