"""At rest means at rest: races between a suspension and the runners, and whose time stands still."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.kernel.suspension import Suspension
from tests.support import DEADLINE, Echo, ThreadEcho, down, eventually, inside, status
from tests.upgrade.conftest import Make
from tests.upgrade.sources import V1, V2, source

IDLE = source("""
    import otpy

    class Idle(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok([], then=otpy.After(0.1))

        def handle_info(self, message, state):
            return otpy.NoReply([*state, message])

        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)
""")


def test_a_thread_that_is_let_in_when_nobody_needs_it_any_more(
    otp_runtime: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller dies between the look and the slice: the set is at rest only when that slice has ended."""
    asker, server = Echo.start(), ThreadEcho.start()
    under_way, over = threading.Event(), threading.Event()
    at_rest: list[bool] = []
    takes_part = Suspension._takes_part

    def takes_part_late(self: Suspension, process: Any) -> bool:
        answer = takes_part(self, process)
        if answer and process is server:
            otpy.exit(asker, otpy.Kill())
            over.wait(0.02)  # many looks of the suspension
        return answer

    monkeypatch.setattr(Suspension, "_takes_part", takes_part_late)
    otpy.cast(server, lambda: under_way.wait(DEADLINE))
    otpy.cast(asker, lambda: otpy.call(server, lambda: at_rest.append(over.is_set())))
    eventually(lambda: status(asker) == "waiting")
    suspension = Suspension(otp_runtime, lambda _kind: False)
    processes: Any = [asker, server]
    threading.Timer(0.01, under_way.set).start()
    suspension.suspend(lambda: [processes], DEADLINE)
    over.set()
    suspension.resume()
    otpy.call(server, "ended")
    assert at_rest == [False]


@inside
def test_who_waits_for_others_is_not_to_blame(module: Make) -> None:
    """The process that is named when the set does not come to rest is the one that all wait for."""
    first, second, third = Echo.start(), Echo.start(), Echo.start()
    otpy.cast(third, lambda: otpy.receive(lambda message: message == "go on"))
    eventually(lambda: status(third) == "waiting")
    otpy.cast(second, lambda: otpy.call(third, 1))
    otpy.cast(first, lambda: otpy.call(second, 1))
    eventually(lambda: status(first) == status(second) == "waiting")
    suspension = Suspension(otpy.self_pid().runtime, lambda _kind: False)  # type: ignore[attr-defined]
    processes: Any = [first, second, third]
    with pytest.raises(otpy.SuspendTimeout) as stuck:
        suspension.suspend(lambda: [processes], 0.05)
    assert stuck.value.pid is third
    assert "test_at_rest" in stuck.value.frame


@inside
def test_a_time_given_with_after_does_not_run_for_who_is_suspended_by_sys(module: Make) -> None:
    """The upgrade lets it go on as it was: suspended. Its time begins anew at sys.resume."""
    pid = module("m_idle", IDLE).Idle.start()
    otpy.sys.suspend(pid)
    upgrade.reload_module("m_idle", IDLE + "\nX = 1\n")
    otpy.sleep(0.2)
    otpy.sys.resume(pid)
    assert otpy.call(pid, "seen") == []


@inside
def test_the_time_of_an_indirect_caller_stands_still(module: Make) -> None:
    """Who waits for somebody who waits for a suspended process has not been served slowly either."""
    pid = module("m_counter", V1).Counter.start(5)
    sleeping = V2.replace("        match old_vsn:", "        otpy.sleep(0.3)\n        match old_vsn:")
    gateway = Echo.start()
    _, ref = otpy.spawn_monitor(_ask_through, gateway, pid)
    upgrade.reload_module("m_counter", sleeping)
    assert down(ref) == otpy.Normal()


def _ask_through(gateway: otpy.Pid, pid: otpy.Pid) -> None:
    eventually(lambda: status(pid) == "suspended")
    otpy.call(gateway, lambda: otpy.call(pid, "n"), timeout=0.1)
