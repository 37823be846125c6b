"""A conversion that takes too long, in the process itself: it is broken off, and the process goes on as before."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy import upgrade
from tests.support import DEADLINE, Listener, eventually, outside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import V1, V2

NAME = "m_counter"
CONVERTS = 'return otpy.Ok((state["n"], state["seen"]))'

LATE: dict[str, str] = {
    "a loop": "while True:\n    n = 1",
    "a loop on one line": "while True: pass",
    "a loop that swallows errors": "while True:\n    try:\n        n = 1\n    except Exception:\n        pass",
    "waits for a message": "otpy.receive(lambda message: message == 'never')",
    "sleeps": "otpy.sleep(3600)",
    "asks who does not answer": "otpy.call(sys.deaf, 'n', timeout=None)",
    "swallows all, and returns": "try:\n    otpy.sleep(3600)\nexcept BaseException:\n    pass",
    "asks again and again": "while True:\n    try:\n        otpy.sleep(3600)\n    except Exception:\n        pass",
}
"""What its code_change does when it is run in the process itself: a rehearsal would have refused it."""


class Deaf(otpy.GenServer[None]):
    """Answers nothing."""

    def init(self, arg: Any) -> otpy.Ok[None]:
        """Begin."""
        return otpy.Ok(None)

    def handle_call(self, request: Any, from_: otpy.From, state: None) -> otpy.NoReply[None]:
        """Let them wait."""
        return otpy.NoReply(state)


def have_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start who never answers, known to the modules as `sys.deaf`."""
    monkeypatch.setattr(sys, "deaf", Deaf.start(), raising=False)


def in_place(text: str, before: str) -> str:
    """Return *text* with the statement *before* in front of what its code_change returns."""
    indent = " " * 16
    inserted = before.replace("\n", f"\n{indent}")
    return "import sys\n" + text.replace(CONVERTS, f"{inserted}\n{indent}{CONVERTS}")


def on_thread(text: str) -> str:
    """Return *text* with servers that have a thread of their own."""
    return text.replace("(otpy.GenServer):\n", '(otpy.GenServer):\n    runs_on = "thread"\n')


PLACES: dict[str, Callable[[str], str]] = {"scheduler": lambda text: text, "thread": on_thread}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", LATE)
@outside
def test_a_server_serves_again_after_a_conversion_that_would_not_end(
    module: Make, kind: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upgrade never happened: not for the one whose code it was, either."""
    have_deaf(monkeypatch)
    as_placed = PLACES[place]
    pids = [module(NAME, as_placed(V1)).Counter.start(1), sys.modules[NAME].Counter.start(2)]
    for pid in pids:
        otpy.cast(pid, "before")
    with pytest.raises(otpy.MigrationFailed, match=r"code_change did not end within 0\.2 s"):
        upgrade.reload_module(NAME, as_placed(in_place(V2, LATE[kind])), rehearse=False, code_change_timeout=0.2)
    for pid in pids:
        otpy.cast(pid, "after")
    assert [otpy.call(pid, "n", timeout=DEADLINE) for pid in pids] == [("v1", 3), ("v1", 4)]
    upgrade.reload_module(NAME, as_placed(V2))
    assert [otpy.call(pid, "seen") for pid in pids] == [["before", "after"]] * 2


@outside
def test_a_long_conversion_moves_nobody_to_threads(module: Make) -> None:
    """It says nothing of what the handlers of that class do."""
    pid = module(NAME, V1).Counter.start(1)
    text = in_place(V2, "time.sleep(0.3)")
    with Listener("runtime.promoted") as listener:
        upgrade.reload_module(NAME, "import time\n" + text, rehearse=False)
        assert otpy.call(pid, "n") == ("v2", 1)
    assert listener.heard == []


ROLLING = [{"strategy": "rolling"}, {"strategy": "rolling", "group_size": 2}]


@pytest.mark.parametrize("how", ROLLING, ids=["one by one", "in groups"])
@pytest.mark.parametrize("kind", LATE)
@outside
def test_one_that_goes_ahead_serves_again_too(
    module: Make, kind: str, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is upgraded in a slice of its own, or in a group of its own."""
    have_deaf(monkeypatch)
    pids = [module(NAME, V1).Counter.start(number) for number in range(3)]
    with pytest.raises(otpy.MigrationFailed, match=r"code_change did not end within 0\.2 s"):
        upgrade.reload_module(NAME, in_place(V2, LATE[kind]), rehearse=False, code_change_timeout=0.2, **how)
    assert [otpy.call(pid, "n", timeout=DEADLINE) for pid in pids] == [("v1", number) for number in range(3)]
    upgrade.reload_module(NAME, V2, **how)
    assert [otpy.call(pid, "n") for pid in pids] == [("v2", number) for number in range(3)]


STUCK = """
lock = sys.lock_of_the_test
lock.acquire()
otpy.send(sys.listener, "from nowhere")
"""


def stuck_server(module: Make, place: str) -> otpy.Pid:
    """Return a server whose upgrade has been taken back, and which still stands where nothing can wake it."""
    as_placed = PLACES[place]
    pid: otpy.Pid = module(NAME, as_placed(V1)).Counter.start(1)
    text = as_placed(in_place(V2, STUCK.strip()))
    with pytest.raises(otpy.MigrationFailed, match="did not end within"):
        upgrade.reload_module(NAME, text, rehearse=False, allow_dangerous=True, code_change_timeout=0.2)
    return pid


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> threading.Lock:
    """Return the lock that such a code_change wants, taken."""
    made = threading.Lock()
    made.acquire()
    monkeypatch.setattr(sys, "lock_of_the_test", made, raising=False)
    return made


@pytest.mark.parametrize("place", PLACES)
@outside
def test_what_it_sends_when_it_goes_on_arrives_nowhere(
    module: Make, place: str, lock: threading.Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits outside otpy cannot be woken. When it comes back, it is stopped at the first thing that it asks."""
    heard: list[Any] = []
    listener = otpy.spawn(lambda: heard.append(otpy.receive()))
    monkeypatch.setattr(sys, "listener", listener, raising=False)
    pid = stuck_server(module, place)
    otpy.cast(pid, "meanwhile")
    lock.release()
    assert otpy.call(pid, "n", timeout=DEADLINE) == ("v1", 2)
    otpy.send(listener, "last")
    eventually(lambda: heard)
    assert heard == ["last"]


@pytest.mark.parametrize("place", PLACES)
@outside
def test_who_is_killed_before_it_has_left_is_dead(module: Make, place: str, lock: threading.Lock) -> None:
    """An order to die counts for more than that it may go on."""
    pid = stuck_server(module, place)
    otpy.exit(pid, otpy.Kill())
    lock.release()
    with pytest.raises(otpy.ServerExited, match="Killed"):
        otpy.call(pid, "n", timeout=DEADLINE)


ASYNC_V1 = """
import otpy

class Waiter(otpy.GenServer):
    runs_on = "asyncio"

    def init(self, arg):
        return otpy.Ok(arg)

    async def handle_call(self, request, from_, state):
        return otpy.Reply(("v1", state), state)
"""
ASYNC_V2 = """
import asyncio, sys, otpy

class Waiter(otpy.GenServer):
    runs_on = "asyncio"

    def init(self, arg):
        return otpy.Ok(arg)

    async def handle_call(self, request, from_, state):
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
        return otpy.Reply(("v2", state), state)

    async def code_change(self, old_vsn, state, extra):
        LATE
        return otpy.Ok(state + 10)
"""
ASYNC_LATE = {
    "sleeps": "await asyncio.sleep(3600)",
    "asks": "await otpy.acall(sys.deaf, 'n', timeout=None)",
    "swallows all": "try: await asyncio.sleep(3600)\n        except BaseException: pass",
}


@pytest.mark.parametrize("kind", ASYNC_LATE)
@outside
def test_a_server_on_the_event_loop_serves_again(module: Make, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its task is told to leave the conversion, and is not cancelled any more when it goes on."""
    have_deaf(monkeypatch)
    pid = module("m_waiter", ASYNC_V1).Waiter.start(1)
    with pytest.raises(otpy.MigrationFailed, match="did not end within"):
        upgrade.reload_module(
            "m_waiter", ASYNC_V2.replace("LATE", ASYNC_LATE[kind]), rehearse=False, code_change_timeout=0.2
        )
    assert otpy.call(pid, "n", timeout=DEADLINE) == ("v1", 1)
    upgrade.reload_module("m_waiter", ASYNC_V2.replace("LATE", "pass"))
    assert otpy.call(pid, "n", timeout=DEADLINE) == ("v2", 11)


CHECKS = "    def check_upgrade(self, state):\n        while True:\n            n = 1\n"


@pytest.mark.parametrize("how", [{}, *ROLLING], ids=["together", "one by one", "in groups"])
@outside
def test_a_check_that_would_not_end_is_broken_off_too(module: Make, how: dict[str, Any]) -> None:
    """The process is on its new version by then, and goes back with all others."""
    pids = [module(NAME, V1).Counter.start(number) for number in range(3)]
    text = V2.replace("    def code_change", f"{CHECKS}\n    def code_change")
    with pytest.raises(otpy.MigrationFailed, match="did not end within"):
        upgrade.reload_module(NAME, text, code_change_timeout=0.2, **how)
    assert [otpy.call(pid, "n", timeout=DEADLINE) for pid in pids] == [("v1", number) for number in range(3)]
