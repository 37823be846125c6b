"""Upgrades as users ask for them."""

from __future__ import annotations

from typing import Any, assert_type

import otpy
from otpy import WatchPolicy, upgrade


def convert(old_vsn: Any, state: Any) -> Any:
    """Return the state as it shall be."""
    return state


def use(source: str) -> None:
    """All options."""
    report = upgrade.reload_module(
        "shop",
        source,
        strategy="canary",
        suspend_timeout=1.0,
        code_change_timeout=1.0,
        timeout=10,
        rehearse=False,
        watch=WatchPolicy(window=5.0, max_crashes=None, max_memory=1_000_000, error_threshold=0.1),
        state=convert,
        extra={"any": "thing"},
        dry_run=True,
        allow_dangerous=True,
    )
    assert_type(report, upgrade.UpgradeReport)
    assert_type(report.status, str)
    assert_type(report.paused_s, dict[str, float])
    upgrade.reload_modules({"shop": source}, state="preserve", watch=None)
    plan = upgrade.plan({"shop": source})
    assert_type(plan, upgrade.Plan)
    upgrade.install(plan)
    assert_type(upgrade.history("shop"), list[upgrade.UpgradeRecord])
    try:
        upgrade.rollback()
    except otpy.UpgradeError as error:
        assert_type(str(error.recovery), str)


class Counter(otpy.GenServer[int]):
    """Something to migrate."""


@otpy.migration(Counter, old="1", new="2")
def step(state: Any) -> Any:
    """Return the state of version 2."""
    return state
