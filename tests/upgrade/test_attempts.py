"""Code that does not end when it is only tried: given up in time, ended where it can be, and nothing is left of it."""

from __future__ import annotations

import sys
import threading

import pytest

import otpy
from otpy import upgrade
from otpy.upgrade import attempts
from tests.support import eventually, inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import V1, V2
from tests.upgrade.test_ends import kill_coordinator, nothing_under_way

NAME = "m_counter"

NEVER_ENDS: dict[str, str] = {
    "a loop": "while True:\n    X = 1\n",
    "a loop on one line": "while True: pass\n",
    "a loop that swallows errors": (
        "def spin():\n    while True:\n        try:\n            n = 1\n"
        "        except Exception:\n            pass\nspin()\n"
    ),
    "a loop in a class": "class Late:\n    for _ in iter(int, 1):\n        n = 1\n",
    "a loop that is called from C": "X = sorted(1 for _ in iter(int, 1))\n",
}


def threads_of(label: str) -> list[threading.Thread]:
    """Return the threads of the processes with that label."""
    return [thread for thread in threading.enumerate() if thread.name.endswith(label)]


@pytest.mark.parametrize("kind", NEVER_ENDS)
@inside
def test_a_module_that_never_ends_loading_is_given_up(module: Make, kind: str) -> None:
    """All is as before, its thread is free, and the next upgrade works."""
    counter = module(NAME, V1)
    pid, names, modules = counter.Counter.start(1), dict(vars(counter)), dict(sys.modules)
    versions = [version.number for version in otpy.code.versions(NAME)]
    with pytest.raises(
        otpy.ReloadTimeout, match=r"longer than 0\.2 s, it was at step 'load', at <otpy m_counter"
    ) as late:
        upgrade.reload_module(NAME, V2 + NEVER_ENDS[kind], timeout=0.2)
    assert not late.value.goes_on
    eventually(lambda: not threads_of("load"))
    assert dict(vars(counter)) == names
    assert all(sys.modules[name] is known for name, known in modules.items())
    assert [version.number for version in otpy.code.versions(NAME)] == versions
    assert late.value.recovery.suggested_fixes
    assert otpy.call(pid, "n") == ("v1", 1)
    upgrade.reload_module(NAME, V2)
    assert otpy.call(pid, "n") == ("v2", 1)


@inside
def test_a_plan_gives_it_up_too(module: Make) -> None:
    """It runs the same code."""
    module(NAME, V1)
    with pytest.raises(otpy.ReloadTimeout, match="step 'load'"):
        upgrade.plan({NAME: V2 + "while True:\n    X = 1\n"}, timeout=0.2)
    assert nothing_under_way()


@inside
def test_what_cannot_be_interrupted_is_said_and_left_behind(module: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else waits for it; and when it ends one day, nothing comes of it."""
    monkeypatch.setattr(attempts, "LAST_SECONDS", 0.05)
    counter = module(NAME, V1)
    lock = threading.Lock()
    lock.acquire()
    monkeypatch.setattr(sys, "lock_of_the_test", lock, raising=False)
    stuck = V2 + "import sys\nsys.lock_of_the_test.acquire()\nclass Other:\n    pass\n"
    with pytest.raises(otpy.ReloadTimeout, match="cannot be interrupted: its thread goes on") as late:
        upgrade.reload_module(NAME, stuck, timeout=0.2, allow_dangerous=True)
    assert late.value.goes_on
    assert sys.modules[NAME] is counter
    (thread,) = threads_of("load")
    pid = counter.Counter.start(1)
    upgrade.reload_module(NAME, V2)
    assert otpy.call(pid, "n") == ("v2", 1)
    lock.release()
    thread.join()
    assert sys.modules[NAME] is counter
    assert [version.vsn for version in otpy.code.versions(NAME)] == ["1", "2"]
    assert otpy.call(pid, "n") == ("v2", 1)


@inside
def test_who_carries_it_out_is_ended_while_a_module_loads(module: Make) -> None:
    """Then its code is ended with it."""
    counter = module(NAME, V1)
    names = dict(vars(counter))

    def kill_soon() -> None:
        eventually(lambda: threads_of("load"))
        kill_coordinator()

    otpy.spawn(kill_soon)
    with pytest.raises(otpy.UpgradeError, match="was ended with Killed"):
        upgrade.reload_module(NAME, V2 + NEVER_ENDS["a loop"])
    eventually(lambda: not threads_of("load"))
    assert dict(vars(counter)) == names
    assert sys.modules[NAME] is counter


CONVERTS = 'return otpy.Ok((state["n"], state["seen"]))'


@inside
def test_a_conversion_that_never_ends_is_ended_after_its_rehearsal(module: Make) -> None:
    """It would compute on beside the program for ever."""
    pid = module(NAME, V1).Counter.start(1)
    text = V2.replace(CONVERTS, f"while True:\n                    n = 1\n                {CONVERTS}")
    with pytest.raises(otpy.RehearsalFailed, match=r"did not end within 0\.2 s; it stood at <otpy m_counter"):
        upgrade.reload_module(NAME, text, code_change_timeout=0.2)
    eventually(lambda: not threads_of("rehearsal"))
    assert otpy.call(pid, "n") == ("v1", 1)


SUPERVISED = """
import otpy

class Top(otpy.Supervisor):
    def init(self, arg):
        return otpy.SupFlags(), []
"""


@inside
def test_an_init_of_a_supervisor_that_never_ends_is_ended_too(module: Make) -> None:
    """Nothing of it is left."""
    module(NAME, SUPERVISED).Top.start()
    text = SUPERVISED.replace("        return", "        while True:\n            n = 1\n        return")
    with pytest.raises(otpy.RehearsalFailed, match=r"did not end within 0\.2 s"):
        upgrade.reload_module(NAME, text, code_change_timeout=0.2)
    eventually(lambda: not threads_of("rehearsal"))
