"""State machines at an upgrade: state, data, what is postponed and what timeouts were given go over together."""

from __future__ import annotations

from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.planning.steps import STEPS
from tests.properties.deeds import at_step
from tests.support import HandClock, eventually, inside
from tests.upgrade.conftest import Make

NAME = "m_machine"

V1 = """
from dataclasses import dataclass
import otpy
from otpy import GenericTimeout, KeepState, NextEvent, NextState, Postpone, ReplyTo, StateTimeout

__vsn__ = "1"

@dataclass
class Item:
    name: str

class Machine(otpy.GenStatem[str, list]):
    callback_mode = "state_functions"

    def init(self, arg):
        return NextState("closed", [])

    def closed(self, kind, content, data):
        match kind, content:
            case "cast", "open":
                return NextState("opened", data)
            case "cast", ("wait", seconds):
                later = [StateTimeout(seconds, Item("state")), GenericTimeout("g", seconds, Item("named"))]
                return KeepState(actions=later)
            case _:
                return KeepState(actions=Postpone())

    def opened(self, kind, content, data):
        return KeepState([*data, (kind if isinstance(kind, str) else kind[0], content)])
"""

V2_ITEM = "name: str\n    __slots__ = ('name',)\n    def more(self): return 1"
V2 = V1.replace('"1"', '"2"').replace("name: str", V2_ITEM)
"""A class that cannot stay the same object: its instances are brought over wherever they are."""

MODE = (
    V2[: V2.index("class Machine")]
    + """
class Machine(otpy.GenStatem[int, list]):
    def init(self, arg):
        return NextState(0, [])

    def handle_event(self, kind, content, state, data):
        if content == "open":
            return NextState(1, data)
        return KeepState([*data, (kind if isinstance(kind, str) else kind[0], content)])

    def code_change(self, old_vsn, state, data, extra=None):
        if not isinstance(old_vsn, otpy.DownTo):
            return NextState({"closed": 0, "opened": 1}[state], [*data, ("from", old_vsn, extra)])
        return NextState(("closed", "opened")[state], data)
"""
)


def data_of(pid: otpy.Pid) -> Any:
    """Return the data of a machine."""
    return otpy.sys.get_state(pid, timeout=None)[1]


@pytest.mark.parametrize("fired", [False, True], ids=["running", "fired"])
def test_what_waits_in_a_machine_is_brought_over(module: Make, *, fired: bool) -> None:
    """Postponed events, and contents of timeouts, those too that have fired and whose message waits."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        loaded = module(NAME, V1)
        pid, old = loaded.Machine.start(), loaded.Item
        otpy.cast(pid, old("postponed"))
        otpy.cast(pid, ("wait", 5.0))
        otpy.sys.suspend(pid, timeout=None)
        if fired:
            clock.advance(5.0, runtime)
        upgrade.reload_module(NAME, V2)
        otpy.sys.resume(pid, timeout=None)
        clock.advance(0.0 if fired else 5.0, runtime)
        otpy.sys.get_state(pid, timeout=None)
        otpy.cast(pid, "open")
        seen = data_of(pid)
        assert [(kind, item.name) for kind, item in seen] == [
            ("cast", "postponed"),
            ("state_timeout", "state"),
            ("timeout", "named"),
        ]
        assert loaded.Item is not old
        assert {type(item) for _, item in seen} == {loaded.Item}


NAMED = """
from dataclasses import dataclass
import otpy
from otpy import CANCEL, GenericTimeout, KeepState, NextState

@dataclass(frozen=True)
class Order:
    number: int

class Machine(otpy.GenStatem[str, list]):
    def init(self, arg):
        return NextState("any", [])

    def handle_event(self, kind, content, state, data):
        match content:
            case ("begin", seconds, number):
                return KeepState(data, GenericTimeout(Order(number), seconds, "fired"))
            case ("cancel", number):
                return KeepState(data, GenericTimeout(Order(number), CANCEL))
            case "fired":
                return KeepState([*data, kind == ("timeout", Order(kind[1].number))])
"""
FIELD = NAMED.replace("number: int", "number: int\n    day: int = 0")
NO_FIELD = NAMED.replace("number: int", "day: int = 0")
SLOTS = FIELD.replace("frozen=True", "frozen=True, slots=True")


@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
@pytest.mark.parametrize("new", [FIELD, SLOTS], ids=["another field", "another class"])
def test_the_names_of_timeouts_are_brought_over(module: Make, new: str, *, back: bool) -> None:
    """Else they could not be cancelled, nor would the machine know them when they fire."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        pid = module(NAME, NAMED).Machine.start()
        for number in range(3):
            otpy.cast(pid, ("begin", 5, number))
        assert data_of(pid) == []
        if back:
            with pytest.raises(otpy.UpgradeError):
                upgrade.reload_module(NAME, new, force_rollback_at="check")
        else:
            upgrade.reload_module(NAME, new)
        otpy.cast(pid, ("cancel", 1))
        assert data_of(pid) == []
        clock.advance(5.0, runtime)
        assert data_of(pid) == [True, True]


@inside
def test_names_of_timeouts_that_would_be_equal_are_refused(module: Make) -> None:
    """One of the two timeouts would be lost."""
    pid = module(NAME, NAMED).Machine.start()
    for number in range(2):
        otpy.cast(pid, ("begin", 100, number))
    with pytest.raises(otpy.MigrationFailed, match="two timeouts"):
        upgrade.reload_module(NAME, NO_FIELD)
    otpy.cast(pid, ("cancel", 1))
    assert data_of(pid) == []


# case: gen_statem_SUITE: code_change
@inside
def test_a_machine_goes_over_to_the_other_callback_mode_and_back(module: Make) -> None:
    """By its code_change, which gets state and data, and DownTo on the way back."""
    pid = module(NAME, V1).Machine.start()
    otpy.cast(pid, "open")
    otpy.cast(pid, 1)
    upgrade.reload_module(NAME, MODE, extra="x")
    otpy.cast(pid, 2)
    assert otpy.sys.get_state(pid) == (1, [("cast", 1), ("from", "1", "x"), ("cast", 2)])
    upgrade.rollback_module(NAME)
    otpy.cast(pid, 3)
    assert otpy.sys.get_state(pid) == ("opened", [("cast", 1), ("from", "1", "x"), ("cast", 2), ("cast", 3)])


@pytest.mark.parametrize("step", STEPS)
@inside
def test_whatever_fails_leaves_the_machine_as_it_was(module: Make, step: str) -> None:
    """State, data, and the very events that it has postponed."""
    old = module(NAME, V1)
    pid = old.Machine.start()
    item = old.Item("postponed")
    otpy.cast(pid, item)
    before = otpy.sys.get_state(pid)
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module(NAME, V2, force_rollback_at=step)
    assert otpy.sys.get_state(pid) is before
    otpy.cast(pid, "open")
    (kept,) = data_of(pid)
    assert kept[1] is item


@inside
def test_a_server_cannot_become_a_machine(module: Make) -> None:
    """Its state is none that a machine could be in."""
    server = "import otpy\nclass Machine(otpy.GenServer):\n    def init(self, arg): return otpy.Ok(1)\n"
    pid = module(NAME, server).Machine.start()
    with pytest.raises(otpy.IncompatibleUpgrade, match="is a GenStatem in the new version and was a GenServer"):
        upgrade.reload_module(NAME, V1)
    assert otpy.sys.get_state(pid) == 1


@inside
def test_data_of_another_type_than_declared_is_refused(module: Make) -> None:
    """`GenStatem[int, list]` says what both have to be."""
    module(NAME, V1).Machine.start()
    with pytest.raises(otpy.MigrationFailed, match="expected int"):
        upgrade.reload_module(NAME, MODE.replace('{"closed": 0, "opened": 1}[state]', "state"))


def test_a_machine_that_is_reset_begins_anew(module: Make) -> None:
    """No timeout of before comes after that; but what it had postponed still waits, as messages do."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        old = module(NAME, V1)
        pid = old.Machine.start()
        otpy.cast(pid, old.Item("postponed"))
        otpy.cast(pid, ("wait", 5.0))
        otpy.sys.get_state(pid, timeout=None)
        upgrade.reload_module(NAME, V2, state="reset")
        clock.advance(5.0, runtime)
        otpy.cast(pid, "open")
        ((kind, item),) = data_of(pid)
        assert (kind, item.name, type(item)) == ("cast", "postponed", old.Item)


@inside
def test_a_request_that_was_postponed_is_answered_after_a_reset(module: Make) -> None:
    """Whoever asked would wait for ever."""
    source = V1.replace("return KeepState([*data", "return StopAndReply(otpy.Normal(), ReplyTo(kind[1], content))  # ")
    source = source.replace("ReplyTo, ", "ReplyTo, StopAndReply, ")
    pid = module(NAME, source).Machine.start()
    request = otpy.send_request(pid, "?")
    otpy.sys.get_state(pid)
    upgrade.reload_module(NAME, source.replace('"1"', '"2"'), state="reset")
    otpy.cast(pid, "open")
    assert otpy.wait_response(request, timeout=20.0) == "?"


@pytest.mark.parametrize("runs_on", ["scheduler", "thread", "asyncio"])
@inside
def test_a_machine_that_has_not_begun_is_in_nobodys_way(module: Make, runs_on: str) -> None:
    """While its `init` waits, it has neither events nor timeouts that could be brought over."""
    wait = (
        "await otpy.acall(arg, 'go on', timeout=None)"
        if runs_on == "asyncio"
        else "otpy.call(arg, 'go on', timeout=None)"
    )
    init = f"def init(self, arg):\n        if arg: {wait}\n        return NextState"
    old = V1.replace("def init(self, arg):\n        return NextState", init)
    if runs_on == "asyncio":
        old = old.replace("def init", "async def init")
    old = old.replace("callback_mode", f"runs_on = {runs_on!r}\n    callback_mode")
    made = module(NAME, old)
    made.Machine.start()
    gate = Gate.start()
    starter = otpy.spawn(lambda: made.Machine.start(gate))
    eventually(lambda: otpy.sys.get_state(gate) is not None)
    with at_step("suspend", lambda: otpy.cast(gate, "go on")):
        report = upgrade.reload_module(NAME, old.replace('"1"', '"2"').replace("name: str", V2_ITEM))
    assert report.status == "completed"
    eventually(lambda: not otpy.is_alive(starter))


class Gate(otpy.GenServer[Any]):
    """Answers when it is told to."""

    def init(self, arg: Any) -> Any:
        """Nobody has asked yet."""
        return otpy.Ok(None)

    def handle_call(self, request: Any, from_: Any, state: Any) -> Any:
        """Let who asks wait."""
        return otpy.NoReply(from_)

    def handle_cast(self, request: Any, state: Any) -> Any:
        """Answer who has asked."""
        otpy.reply(state, request)
        return otpy.NoReply(None)
