"""What a supervisor decides when a child has ended. Pure: times and reasons are handed in.

Source: OTP supervisor.erl, do_restart/3, restart/2, add_restart/1, do_auto_shutdown/2, shutdown/1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, TypeVar

from otpy.kernel.reasons import Killed, Normal, Reason, Shutdown

if TYPE_CHECKING:
    from otpy.behaviours import child_spec as spec

IdT = TypeVar("IdT", bound=Hashable)


def is_restarted(restart: spec.Restart, reason: Reason) -> bool:
    """Whether a child of this restart type, ended with *reason* by itself, is started again."""
    if restart == "permanent":
        return True
    return restart == "transient" and not isinstance(reason, (Normal, Shutdown))


def is_reported(restart: spec.Restart, reason: Reason) -> bool:
    """Whether that end is told to the operators: always, but for the orderly end of what need not run for ever."""
    return restart == "permanent" or not isinstance(reason, (Normal, Shutdown))


def ended_well(restart: spec.Restart, shutdown: spec.Shutdown, reason: Reason) -> bool:
    """Whether a child that its supervisor told to end obeyed, and did not crash or have to be killed.

    A permanent child that happened to end by itself just then has not, however orderly its reason.
    """
    if shutdown == "brutal_kill" and isinstance(reason, Killed):
        return True
    if shutdown != "brutal_kill" and reason == Shutdown():
        return True
    return restart != "permanent" and isinstance(reason, (Normal, Shutdown))


def allows(restarts: deque[float], now: float, flags: spec.SupFlags) -> bool:
    """Note a restart at *now* in *restarts*, oldest first, and return whether the intensity allows it.

    Restarts older than the period are forgotten; one exactly as old still counts. Group restarts count once.
    """
    oldest_that_counts = now - flags.period
    while restarts and restarts[0] < oldest_that_counts:
        restarts.popleft()
    restarts.append(now)
    return len(restarts) <= flags.intensity


def group(strategy: spec.Strategy, ids: Sequence[IdT], failed: IdT) -> Sequence[IdT]:
    """Return which of *ids*, in start order, are ended (from the last) and started again (from the first)."""
    match strategy:
        case "one_for_all":
            return ids
        case "rest_for_one":
            return ids[ids.index(failed) :]
        case "one_for_one" | "simple_one_for_one":
            return [failed]


def ends_supervisor(auto_shutdown: spec.AutoShutdown, *, significant: bool, others_left: bool) -> bool:
    """Whether the final end of a child ends its supervisor.

    *significant* is the child, *others_left* whether any other significant child runs or is being restarted.
    """
    if not significant or auto_shutdown == "never":
        return False
    return auto_shutdown == "any_significant" or not others_left
