"""Ends that come from outside while something is half done: a start that takes too long, a code_change that fails."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import otpy
from otpy.errors import ChangeCodeFailed
from tests.support import DEADLINE, inside


@pytest.mark.parametrize("runs_on", ["scheduler", "thread"])
@inside
def test_the_name_is_free_when_a_start_has_timed_out(runs_on: str) -> None:
    """As in OTP: nothing of a failed start is left when it returns, even if its code still runs."""
    go_on = threading.Event()
    place: Any = runs_on

    class Slow(otpy.GenServer[None]):
        runs_on = place

        def init(self, arg: object) -> Any:
            if place == "thread":
                go_on.wait(DEADLINE)
            else:
                otpy.sleep(DEADLINE)

    with pytest.raises(otpy.StartTimeout):
        Slow.start(name="slow", timeout=0.02)
    assert otpy.whereis("slow") is None
    go_on.set()


class Clumsy(otpy.GenServer[dict[str, int]]):
    """Changes what it is given before it finds out that it cannot."""

    def init(self, arg: int) -> Any:
        """Start with a number."""
        return otpy.Ok({"n": arg})

    def code_change(self, old_vsn: object, state: dict[str, int], extra: object = None) -> Any:
        """Refuse, too late."""
        state["n"] = -1
        raise ValueError(old_vsn)


@inside
def test_sys_change_code_that_fails_leaves_the_state_alone() -> None:
    """It gets a copy, as in an upgrade."""
    pid = Clumsy.start(7)
    state = otpy.sys.get_state(pid)
    otpy.sys.suspend(pid)
    with pytest.raises(ChangeCodeFailed):
        otpy.sys.change_code(pid, __name__, "1")
    assert otpy.sys.get_state(pid) is state
    assert state == {"n": 7}
