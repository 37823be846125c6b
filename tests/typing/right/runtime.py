"""The runtime and the daily verbs as users write them."""

from __future__ import annotations

from typing import Any, assert_type

import otpy
from otpy import safety


def main(amount: int) -> str:
    """Run as a process."""
    return str(amount)


async def main_awaited(amount: int) -> str:
    """Run on an event loop."""
    return str(amount)


def use() -> None:
    """Options, arguments and results."""
    with otpy.runtime(debug=True, shutdown_timeout=1.0, slow_callback_duration=None):
        assert_type(otpy.run(main, 1), str)
        assert_type(otpy.run(main_awaited, 1), str)
    pid, ref = otpy.spawn_monitor(main, 1)
    assert_type(pid, otpy.Pid)
    otpy.demonitor(ref, flush=True)
    assert_type(otpy.receive(lambda message: message == 1, timeout=0.0), Any)
    assert_type(otpy.send("name", 7), int)
    timer = otpy.send_after("name", "message", 1)
    assert_type(otpy.cancel_timer(timer), float | None)
    assert_type(otpy.whereis("name"), otpy.Pid | None)
    info = otpy.process_info(pid)
    if info is not None:
        assert_type(info.message_queue_len, int)
    assert_type(otpy.blocking(main, 1), str)
    otpy.Table("prices", kind="ordered_set", access="public", heir=(pid, "data"))
    otpy.upgrade.set_safety_policy(safety.Policy(max_pause_s=0.5, protected_modules=("bank.*",), max_risk="medium"))
