"""State machines with runs_on = "asyncio": every callback a coroutine, in both modes, through all of a life."""

from __future__ import annotations

import asyncio
import textwrap
from typing import Any, Final

import pytest

import otpy
from otpy import EventTimeout, GenericTimeout, KeepState, NextEvent, NextState, Postpone, ReplyTo, StateTimeout, upgrade
from tests.support import DEADLINE, down, eventually, get, inside, status
from tests.upgrade.conftest import collector, module

__all__ = ["collector", "module"]


class Door(otpy.GenStatem[str, Any]):
    """A door whose callbacks all wait for something. Its data is who is told."""

    callback_mode = "state_functions"
    state_enter = True
    runs_on = "asyncio"

    async def init(self, arg: Any) -> Any:
        """Begin locked."""
        await asyncio.sleep(0)
        return NextState("locked", arg)

    async def locked(self, kind: Any, content: Any, data: Any) -> Any:
        """Open on request; what cannot be done waits."""
        await asyncio.sleep(0)
        match kind, content:
            case "enter", before:
                otpy.send(data, ("locked after", before))
                return KeepState()
            case ("call", from_), "open":
                return NextState("opened", data, (ReplyTo(from_, "open"), NextEvent("internal", "opened")))
            case ("call", _), "walk":
                return KeepState(actions=Postpone())
            case _, wait if asyncio.iscoroutine(wait):
                await wait
                return KeepState()
            case _:
                return KeepState()

    async def opened(self, kind: Any, content: Any, data: Any) -> Any:
        """Let through, and lock again."""
        await asyncio.sleep(0)
        match kind, content:
            case "enter", before:
                otpy.send(data, ("opened after", before))
                return KeepState()
            case ("call", from_), "walk":
                return KeepState(actions=(ReplyTo(from_, "inside"), StateTimeout(0.001, "lock")))
            case "state_timeout", "lock":
                return NextState("locked", data)
            case "internal", content:
                otpy.send(data, content)
                return KeepState(actions=(EventTimeout(3600.0), GenericTimeout("tick", 0.001, "tock")))
            case ("timeout", "tick"), content:
                otpy.send(data, content)
                return KeepState()
            case _:
                return KeepState()

    async def terminate(self, reason: Any, state: str, data: Any) -> None:
        """Tell."""
        await asyncio.sleep(0)
        otpy.send(data, ("ended", state, reason))


@inside
def test_a_life_of_callbacks_that_are_awaited() -> None:
    """Enter calls, replies, postponed and inserted events, each kind of timeout, and terminate; in their order."""
    door = Door.start(otpy.self_pid())
    assert get() == ("locked after", "locked")
    walk = otpy.send_request(door, "walk")
    assert otpy.call(door, "open") == "open"
    assert otpy.wait_response(walk, timeout=DEADLINE) == "inside"
    told = [get() for _ in range(4)]
    assert told[:2] == [("opened after", "locked"), "opened"]
    assert sorted(map(str, told[2:])) == ["('locked after', 'opened')", "tock"]
    otpy.stop(door, otpy.Shutdown())
    assert get() == ("ended", "locked", otpy.Shutdown())


@inside
def test_a_kill_in_the_middle_of_an_await() -> None:
    """The coroutine is cancelled, callers are answered, postponed requests too, and no terminate runs."""
    door = Door.start(otpy.self_pid())
    assert get() == ("locked after", "locked")
    cancelled: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append("wait")

    postponed = otpy.send_request(door, "walk")
    otpy.sys.get_state(door)
    waiting, queued = otpy.send_request(door, wait()), otpy.send_request(door, "open")
    ref = otpy.monitor(door)
    eventually(lambda: _is_running(door))
    otpy.exit(door, otpy.Kill())
    assert down(ref) == otpy.Killed()
    for request in (postponed, waiting, queued):
        with pytest.raises(otpy.ServerExited):
            otpy.wait_response(request, timeout=DEADLINE)
    eventually(lambda: cancelled == ["wait"])
    assert otpy.flush() == []


def _is_running(pid: otpy.Pid) -> bool:
    info = otpy.process_info(pid)
    return info is not None and info.status == "running" and info.message_queue_len == 1


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
def test_an_upgrade_awaits_code_change_and_the_check(module: Any) -> None:
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
def test_it_is_suspended_between_two_events_and_not_in_one(module: Any) -> None:
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
