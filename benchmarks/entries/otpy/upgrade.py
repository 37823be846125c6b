"""Live upgrades: a module is reloaded under thousands of idle servers, and the longest pause of any is reported."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import otpy
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

    def handle_call(self, request, from_, state):
        return otpy.Reply(("old", state.count), state)
"""

_BODIES: Final = _BEFORE.replace('"old"', '"new"')

_STATE: Final = (
    _BODIES.replace("    count: int\n", '    count: int\n    currency: str = "EUR"\n')
    + """
    def code_change(self, old_vsn, state, extra=None):
        return otpy.Ok(State(state.count, "EUR"))
"""
)


def _upgrade(source: str, size: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="otpy-bench-") as folder, otpy.runtime():
        Path(folder, "upgraded_accounts.py").write_text(_BEFORE, encoding="utf-8")
        sys.path.insert(0, folder)
        accounts = importlib.import_module("upgraded_accounts")
        pids = [accounts.Account.start(index) for index in range(size)]
        report = otpy.upgrade.reload_module("upgraded_accounts", source)
        assert otpy.call(pids[-1], "get") == ("new", size - 1)
        return Figure(report.paused_s["max"] * 1e3, {"wall ms": report.reload_time_s * 1e3})


def bodies(size: int) -> Figure:
    """Only the body of a callback has changed."""
    return _upgrade(_BODIES, size)


def state(size: int) -> Figure:
    """The state has a field more, which `code_change` fills in."""
    return _upgrade(_STATE, size)


CONTESTS: Final[Mapping[str, Contest]] = {"upgrade-bodies": bodies, "upgrade-state": state}
