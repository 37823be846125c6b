"""A start that takes too long."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import otpy
from tests.support import DEADLINE, inside


# case: gen_server_SUITE: otp_7669
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
