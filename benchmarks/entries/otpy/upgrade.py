"""Live upgrades of thousands of servers under load: 20,000 casts a second, none of which may be lost.

The value is the longest pause of any server, from when it stopped until it went on, as the report tells it; where
nobody is suspended, the time in which code was exchanged. Beside it stand the time of the whole upgrade, from the call
of `reload_module` to its return, and how many casts were lost.
"""

from __future__ import annotations

import importlib
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import otpy
from benchmarks.entries.shape import CASTS, TICK
from benchmarks.values import Contest, Figure

_BEFORE: Final = """
from dataclasses import dataclass
import otpy


@dataclass
class State:
    count: int


class Account(otpy.GenServer[State]):
    def init(self, arg):
        return otpy.Ok(State(arg))

    def handle_cast(self, request, state):
        state.count += 1
        return otpy.NoReply(state)

    def handle_call(self, request, from_, state):
        return otpy.Reply(("old", state.count), state)
"""

_BODIES: Final = _BEFORE.replace('"old"', '"new"')

_SHAPE: Final = _BODIES.replace("    count: int\n", '    count: int\n    currency: str = "EUR"\n')

_STATE: Final = (
    _SHAPE
    + """
    def code_change(self, old_vsn, state, extra=None):
        return otpy.Ok(State(state.count, "EUR"))
"""
)

_EXCHANGE: Final = ("install", "commit")
"""The steps of an upgrade in which code is exchanged."""


def _upgrade(source: str, size: int, **options: Any) -> tuple[otpy.upgrade.UpgradeReport, int]:
    """Reload the module under *size* servers and load; returns the report, and how many casts were lost."""
    with tempfile.TemporaryDirectory(prefix="otpy-bench-") as folder, otpy.runtime():
        Path(folder, "upgraded_accounts.py").write_text(_BEFORE, encoding="utf-8")
        sys.path.insert(0, folder)
        accounts: Any = importlib.import_module("upgraded_accounts")
        pids = [accounts.Account.start(0) for _ in range(size)]
        stop = _load(pids)
        report = otpy.upgrade.reload_module("upgraded_accounts", source, **options)
        cast = stop()
        answers = [otpy.call(pid, "get") for pid in pids]
        assert {version for version, _ in answers} == {"new"}
        return report, cast - sum(count for _, count in answers)


def _load(pids: list[otpy.Pid]) -> Callable[[], int]:
    """Start a process that casts to random servers; returns what ends it and tells how many casts it has made."""
    me = otpy.self_pid()
    going = [True]

    def work() -> None:
        dice = random.Random(1)  # noqa: S311 - dice, not secrets
        casts = 0
        while going[0]:
            for pid in dice.choices(pids, k=CASTS):
                otpy.cast(pid, "tick")
            casts += CASTS
            otpy.sleep(TICK)
        otpy.send(me, casts)

    def stop() -> int:
        going[0] = False
        return int(otpy.receive(lambda message: isinstance(message, int), timeout=60))

    otpy.spawn(work)
    otpy.sleep(TICK * 20)
    return stop


def _figure(source: str, size: int) -> Figure:
    report, lost = _upgrade(source, size)
    exchange = sum(step.seconds for step in report.steps if step.name in _EXCHANGE)
    pause = report.paused_s.get("max", 0.0) or exchange
    return Figure(pause * 1e3, {"wall ms": report.reload_time_s * 1e3, "lost": lost})


def bodies(size: int) -> Figure:
    """Only the body of a callback has changed."""
    return _figure(_BODIES, size)


def state(size: int) -> Figure:
    """The state has a field more, which `code_change` fills in."""
    return _figure(_STATE, size)


def shape(size: int) -> Figure:
    """The state has a field more, which is filled in without a `code_change`."""
    return _figure(_SHAPE, size)


def rolling(size: int) -> Figure:
    """As `state`, one server after the other: the median of their pauses, in microseconds."""
    report, lost = _upgrade(_STATE, size, strategy="rolling")
    return Figure(
        report.paused_s["p50"] * 1e6,
        {"max ms": report.paused_s["max"] * 1e3, "wall ms": report.reload_time_s * 1e3, "lost": lost},
    )


CONTESTS: Final[Mapping[str, Contest]] = {
    "upgrade-bodies": bodies,
    "upgrade-bodies-few": bodies,
    "upgrade-state": state,
    "upgrade-state-many": state,
    "upgrade-rolling": rolling,
}
