"""Upgrades that cannot be asked for."""

from __future__ import annotations

import otpy
from otpy import WatchPolicy, upgrade


class Counter(otpy.GenServer[int]):
    """Something to upgrade."""


def wrong_options(source: str) -> None:
    """Options that are none."""
    upgrade.reload_module("shop")  # error: no source
    upgrade.reload_module(Counter, source)  # error: a name
    upgrade.reload_module("shop", source, strategy="rollin")  # error: atomic, rolling or canary
    upgrade.reload_module("shop", source, suspend_timeout="5")  # error: seconds
    upgrade.reload_module("shop", source, state="presserve")  # error: auto, preserve, reset or a function
    upgrade.reload_module("shop", source, state=len)  # error: a function of two arguments
    upgrade.reload_module("shop", source, watch=True)  # error: a WatchPolicy
    upgrade.reload_module("shop", source, rehearsed=False)  # error: no such option
    upgrade.reload_modules([("shop", source)])  # error: name to source
    upgrade.reload_modules({"shop": source}, dry_run="yes")  # error: True or False
    upgrade.release(7)  # error: a path
    upgrade.rollback_module(Counter)  # error: a name
    upgrade.plan("shop")  # error: name to source
    upgrade.install({"shop": source})  # error: a plan


def wrong_policies() -> None:
    """Policies that are none."""
    WatchPolicy(10.0)  # error: by name
    WatchPolicy(window="10 s")  # error: seconds
    WatchPolicy(max_crashes=1.5)  # error: a whole number
    WatchPolicy(max_crash=1)  # error: no such limit


def wrong_reports(source: str) -> None:
    """Uses of a report as what it is not."""
    report = upgrade.reload_module("shop", source)
    report.state  # error: status
    report.status = "completed"  # error: a report is what was
    seconds: str = report.reload_time_s  # error: seconds are a number
    del seconds


@otpy.migration(Counter, old="1")  # error: to which version?
def step(state: int) -> int:
    """Return the state of another version."""
    return state
