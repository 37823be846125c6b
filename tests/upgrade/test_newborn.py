"""Processes that are started while an upgrade is under way: afterwards all run one version."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.upgrade import transaction
from tests.support import DEADLINE, eventually
from tests.upgrade.conftest import Make
from tests.upgrade.sources import BROKEN, V1, V2, source


@contextmanager
def in_thread(work: Callable[[], object]) -> Generator[None]:
    """Have *work* done on a thread until the block ends."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def _slowly(text: str) -> str:
    return text.replace("        match old_vsn:", "        otpy.sleep(0.2)\n        match old_vsn:")


@pytest.mark.parametrize("held", ["old", "new"])
@pytest.mark.parametrize(("text", "expected"), [(V2, ("v2", 5)), (BROKEN, ("v1", 5))])
def test_a_process_started_after_the_installation(
    otp_runtime: object, module: Make, text: str, expected: tuple[str, int], held: str
) -> None:
    """Whichever class its starter still holds, it begins when it is clear which version stays, and as that."""
    counter = module("m_counter", V1)
    old = counter.Counter
    old.start(0)

    def reload() -> None:
        try:
            upgrade.reload_module("m_counter", _slowly(text), rehearse=False)
        except otpy.MigrationFailed:
            assert text is BROKEN

    with in_thread(reload):
        eventually(lambda: counter.__vsn__ == "2")
        pid = (old if held == "old" else counter.Counter).start(5)
    assert otpy.call(pid, "n") == expected
    assert otpy.sys.get_status(pid)["behaviour"] is sys.modules["m_counter"].Counter


def test_a_process_started_while_the_set_is_looked_up(
    otp_runtime: object, module: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not in the table yet when that is read, so its starter has to know of the upgrade."""
    counter = module("m_counter", V1)
    counter.Counter.start(0)
    started: list[otpy.Pid] = []
    starters: list[threading.Thread] = []
    look = transaction.Transaction._members

    def look_and_start(*args: Any) -> Any:
        found = look(*args)
        before = len(otpy.processes())
        starters.append(threading.Thread(target=lambda: started.append(counter.Counter.start(7))))
        starters[0].start()
        eventually(lambda: len(otpy.processes()) > before)
        return found

    monkeypatch.setattr(transaction.Transaction, "_members", look_and_start)
    upgrade.reload_module("m_counter", V2)
    starters[0].join(DEADLINE)
    assert otpy.call(started[0], "n") == ("v2", 7)


ACTOR = source("""
    import otpy

    __vsn__ = "1"

    class Worker(otpy.Actor):
        def __init__(self, arg):
            super().__init__()
            self.arg = arg
            self.began = None

        def on_start(self):
            self.began = "v1"

        def on_receive(self, message):
            return self.began, "v1", self.arg

    class Slow(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)

        def code_change(self, old_vsn, state, extra):
            ENTERED.set()
            GO_ON.wait(20)
            if state == "refuses":
                raise ValueError("no")
            return otpy.Ok(state)

    import threading
    ENTERED, GO_ON = threading.Event(), threading.Event()
""")


@pytest.mark.parametrize("held", ["old", "new"])
@pytest.mark.parametrize("how", ["start", "start_link"])
@pytest.mark.parametrize("state", ["agrees", "refuses"])
def test_an_actor_started_while_its_class_is_upgraded(
    otp_runtime: object, module: Make, state: str, how: str, held: str
) -> None:
    """Its on_start is of the class that stays, like all of it."""
    made = module("m_actor", ACTOR)
    old, events = made.Worker, (made.ENTERED, made.GO_ON)
    made.Slow.start(state)
    new = ACTOR.replace('"v1"', '"v2"').replace('__vsn__ = "1"', '__vsn__ = "2"')
    refs: list[Any] = []

    def reload() -> None:
        try:
            upgrade.reload_module("m_actor", new, code_change_timeout=20, rehearse=False)
        except otpy.MigrationFailed:
            assert state == "refuses"

    with in_thread(reload):
        eventually(lambda: events[0].is_set() or made.ENTERED.is_set())
        start = getattr(old if held == "old" else made.Worker, how)
        with in_thread(lambda: refs.append(start(5))):
            eventually(lambda: any(_runs(pid, "Worker", "suspended") for pid in otpy.processes()))
            for event in (events[1], made.GO_ON):
                event.set()
    ref = refs[0] if how == "start" else refs[0].ref
    expected = "v2" if state == "agrees" else "v1"
    assert ref.ask("what are you?") == (expected, expected, 5)
    assert ref.actor_class is made.Worker
    ref.stop()


def _runs(pid: otpy.Pid, behaviour: str, status: str) -> bool:
    info = otpy.process_info(pid)
    kind = None if info is None else info.current_behaviour
    return info is not None and kind is not None and (kind.__name__, info.status) == (behaviour, status)


def test_who_holds_the_class_of_before_starts_the_new_one(otp_runtime: object, module: Make) -> None:
    """A class that an upgrade has replaced is started as what it is now, also two versions later."""
    old = module("m_counter", V1).Counter
    upgrade.reload_module("m_counter", V2)
    upgrade.reload_module("m_counter", V2.replace('("v2",', '("v3",').replace('__vsn__ = "2"', '__vsn__ = "3"'))
    assert otpy.call(old.start(1), "n") == ("v3", 1)
    upgrade.rollback_module("m_counter", "1")
    assert otpy.call(old.start(1), "n") == ("v1", 1)
