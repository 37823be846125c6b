"""Where only bodies change, nobody is suspended, however many servers run them."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

import otpy
from otpy import upgrade
from tests.support import outside
from tests.upgrade.conftest import Make, module
from tests.upgrade.sources import V1

NUMBERS = count(2)
QUICK = 0.005
"""Seconds: a thread may have to wait as long for its turn; 20,000 servers would take many times that, each in turn."""
TRIES = 40

__all__ = ["module"]  # the fixture


@pytest.mark.timeout(120)
@outside
def test_bodies_are_exchanged_in_no_more_time_for_many_servers_than_for_few(module: Make) -> None:
    """One edit that is as quick tells it, since the others may have waited for a busy machine."""
    counter: Any = module("m_pauses", V1).Counter
    pids = [counter.start(0) for _ in range(10)]
    assert any(edit(pids) < QUICK for _ in range(TRIES))
    pids += [counter.start(0) for _ in range(20_000)]
    assert any(edit(pids) < QUICK for _ in range(TRIES))


def edit(pids: list[otpy.Pid]) -> float:
    """Edit the body; every server shows it, and none was suspended. Returns the seconds of the exchange."""
    answer = f"v{next(NUMBERS)}"
    report = upgrade.reload_module("m_pauses", V1.replace('("v1", ', f'("{answer}", '))
    assert {otpy.call(pid, "n")[0] for pid in (pids[0], pids[-1])} == {answer}
    assert (report.paused_s.get("max", 0.0), report.migrated) == (0.0, 0)
    return sum(step.seconds for step in report.steps if step.name in {"install", "commit"})
