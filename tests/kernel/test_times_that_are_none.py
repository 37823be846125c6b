"""A timeout that is no time is refused where it is given, before anything has happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from tests.support import Echo, inside

NO_TIMES: list[Any] = ["5", "infinity", [], True, -1, -0.5, float("nan")]

VERBS: dict[str, Callable[[otpy.Pid, Any], Any]] = {
    "call": lambda pid, timeout: otpy.call(pid, 1, timeout=timeout),
    "acall": lambda pid, timeout: asyncio.run(otpy.acall(pid, 1, timeout=timeout)),
    "stop": lambda pid, timeout: otpy.stop(pid, timeout=timeout),
    "wait_response": lambda pid, timeout: otpy.wait_response(otpy.send_request(pid, 1), timeout=timeout),
    "receive": lambda _, timeout: otpy.receive(timeout=timeout),
    "sleep": lambda _, seconds: otpy.sleep(seconds),
    "send_after": lambda pid, seconds: otpy.send_after(pid, "late", seconds),
    "start": lambda _, timeout: Echo.start(name="started", timeout=timeout),
    "start_monitor": lambda _, timeout: Echo.start_monitor(name="started", timeout=timeout),
    "sys": lambda pid, timeout: otpy.sys.suspend(pid, timeout=timeout),
    "lock": lambda _, timeout: otpy.Lock().acquire(timeout=timeout),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("time", NO_TIMES, ids=repr)
@inside
def test_what_is_no_time_is_refused_by_every_verb(verb: str, time: Any) -> None:
    """With what was given and what to give; the process is neither asked, nor started, nor ended."""
    pid = Echo.start()
    with pytest.raises((TypeError, ValueError), match=r"(timeout|seconds) is .*; give seconds"):
        VERBS[verb](pid, time)
    assert otpy.call(pid, "hello") == "hello"
    assert otpy.whereis("started") is None
    assert otpy.flush() == []


@pytest.mark.parametrize("time", [0, 0.0, 1, 20.5, float("inf"), None], ids=repr)
@inside
def test_seconds_are_whole_or_not_and_none_waits_for_ever(time: Any) -> None:
    """No time at all is a time: whoever has answered by then is heard."""
    pid = Echo.start()
    if time != 0:
        assert otpy.call(pid, "hello", timeout=time) == "hello"
    otpy.send(otpy.self_pid(), "there")
    assert otpy.receive(timeout=time) == "there"
