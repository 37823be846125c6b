"""Whom an upgrade concerns beyond the processes of its classes: who holds what changes, and other runtimes."""

from __future__ import annotations

import sys

import pytest

import otpy
from otpy import upgrade
from otpy.kernel.runtime import Runtime
from tests.properties.deeds import at_step
from tests.support import eventually, inside, status
from tests.upgrade.conftest import Make
from tests.upgrade.sources import V1, V2, source

MAKER = source("""
    import otpy

    class Point:
        __slots__ = ("x",)

        def __init__(self, x):
            self.x = x

    class Maker(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(0)

        def handle_cast(self, request, state):
            otpy.receive(lambda message: message == "go on")
            otpy.cast("cache", Point(1))
            return otpy.NoReply(state)
""")
CACHE = source("""
    import otpy

    class Cache(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok([])

        def handle_cast(self, request, state):
            return otpy.NoReply([*state, request])

        def handle_call(self, request, from_, state):
            return otpy.Reply([type(each) for each in state], state)
""")


@inside
def test_who_is_sent_an_instance_while_the_others_come_to_rest(module: Make) -> None:
    """It held none when the holders were looked for, and has one of the class that is to go."""
    made = module("m_maker", MAKER)
    module("m_cache", CACHE).Cache.start(0, name="cache")
    maker = made.Maker.start(0)
    otpy.cast(maker, "make")
    eventually(lambda: status(maker) == "waiting")

    def go_on() -> None:
        eventually(lambda: status(maker) == "suspended")
        otpy.send(maker, "go on")

    otpy.spawn(go_on)
    new = MAKER.replace('("x",)', '("x", "y")').replace("self.x = x", "self.x = self.y = x")
    upgrade.reload_module("m_maker", new, rehearse=False)
    assert otpy.call("cache", "types") == [sys.modules["m_maker"].Point]


@inside
def test_reports_do_not_keep_all_processes_that_there_ever_were(module: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is upgraded a hundred times a day, with as many processes, would fill its memory with the dead."""
    monkeypatch.setattr("otpy.upgrade.engine._PIDS_IN_REPORTS", 5)
    made = module("m_counter", V1)
    for n in range(3):
        made.Counter.start(n)
    for number in range(3):
        upgrade.reload_module("m_counter", V1 + f"X = {number}\n")
    kept = [record.report for record in upgrade.history("m_counter")[-3:]]
    assert [report and len(report.affected_processes) for report in kept] == [None, None, 3]


def test_processes_of_another_runtime_are_not_left_with_old_states(module: Make) -> None:
    """They would run the new code on what they have; so nothing is done as long as they live."""
    made = module("m_counter", V1)
    with otpy.runtime():
        elsewhere = made.Counter.start(1)
        with otpy.runtime():
            here = made.Counter.start(2)
            with pytest.raises(otpy.IncompatibleUpgrade, match="another runtime"):
                upgrade.reload_module("m_counter", V2)
            assert otpy.call(here, "n") == ("v1", 2)
            upgrade.reload_module("m_counter", V1.replace('"v1"', '"still v1"'))  # bodies need no conversion
        assert otpy.call(elsewhere, "n") == ("still v1", 1)


def test_who_is_started_in_another_runtime_after_the_first_look_is_found_too(module: Make) -> None:
    """It has begun with the old code, and nobody would convert it."""
    made = module("m_counter", V1)
    started: list[otpy.Pid] = []

    def begin() -> None:
        otpy.receive()
        started.append(made.Counter.start(1))

    def meanwhile() -> None:
        otpy.send(elsewhere, "begin")
        eventually(lambda: started)

    with otpy.runtime():
        elsewhere = otpy.spawn(begin)
        with otpy.runtime():
            here = made.Counter.start(2)
            with at_step("install", meanwhile), pytest.raises(otpy.IncompatibleUpgrade, match="another runtime"):
                upgrade.reload_module("m_counter", V2)
            assert otpy.call(here, "n") == ("v1", 2)
        assert otpy.call(started[0], "n") == ("v1", 1)


@inside
def test_an_edit_of_bodies_looks_for_nobody(module: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes as long under a hundred thousand processes as under one."""
    pid = module("m_counter", V1).Counter.start(1)
    with monkeypatch.context() as patch:
        patch.setattr(Runtime, "processes", property(lambda _: pytest.fail("everybody was looked at")))
        report = upgrade.reload_module("m_counter", V1.replace('"v1"', '"still v1"'))
    assert report.affected_processes == ()
    assert otpy.call(pid, "n") == ("still v1", 1)
