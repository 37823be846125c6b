"""How an upgrade is done, and what it is watched for: values, checked where they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from math import inf
from typing import Any, Final, Literal, TypeAlias, cast, get_args

import msgspec

from otpy.code.version import Version
from otpy.planning.options import Strategy
from otpy.planning.steps import STEPS

StateMode: TypeAlias = Literal["auto", "preserve", "reset"] | Callable[[Any, Any], Any]
"""What becomes of states: converted, kept as they are, made anew by `init`, or what `f(old_vsn, copy)` returns."""

_SECONDS = ("suspend_timeout", "code_change_timeout", "timeout")


class WatchPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What the upgraded processes may do in the *window* seconds after an upgrade; past it, the upgrade goes back.

    None is no limit. Times are seconds, memory is bytes.
    """

    window: float = 10.0
    max_crashes: int | None = 3
    """Crashes of upgraded processes, and of those that were started in their place."""
    error_threshold: float | None = None
    """Share of the upgraded processes that may crash, from 0 to 1."""
    max_restarts: int | None = None
    """Restarts by their supervisors."""
    max_memory: int | None = None
    """Growth of the memory of the whole interpreter."""
    max_handler_time: float | None = None
    """How long one message of an upgraded process may take."""
    max_mailbox: int | None = None
    """Growth of the number of messages that wait for an upgraded process."""
    keep_work: bool = True
    """Going back converts the states as they are by then. False puts back those of before the upgrade: what was done
    since is lost, and reported."""

    def __post_init__(self) -> None:
        ends = is_seconds(self.window) and self.window < inf
        _refuse_unless(ends, "window", self.window, "seconds, more than 0")
        share = self.error_threshold
        allowed = share is None or (isinstance(share, int | float) and 0 <= share <= 1)
        _refuse_unless(allowed, "error_threshold", share, "a share from 0 to 1, or None")
        for name in ("max_crashes", "max_restarts", "max_memory", "max_mailbox"):
            count = getattr(self, name)
            whole = count is None or (isinstance(count, int) and not isinstance(count, bool) and count >= 0)
            _refuse_unless(whole, name, count, "a whole number, 0 or more, or None")
        longest = self.max_handler_time
        _refuse_unless(longest is None or is_seconds(longest), "max_handler_time", longest, "seconds, or None")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `reload_module`; times are seconds."""

    strategy: Strategy = "atomic"
    suspend_timeout: float = 5.0
    code_change_timeout: float = 5.0
    timeout: float = 30.0
    rehearse: bool = True
    watch: WatchPolicy | None = None
    state: Any = "auto"
    extra: Any = None
    dry_run: bool = False
    allow_dangerous: bool = False
    force_rollback_at: str | None = None
    identity: bool = False
    retries: int = 0
    """How often to try again after a SuspendTimeout, if there is time; in between, all go on for `suspend_timeout`."""
    group_size: int = 1
    """Rolling: how many processes are suspended together, at least."""
    canaries: int = 1
    """Canary: how many processes of each behaviour go first."""
    back_to: Mapping[str, Version] = {}
    """Set when going back: the version of each module that is gone back to."""
    down_to: Mapping[str, Any] = {}
    """Set when going back to what ran before: the vsn of each such module."""
    lenient: bool = False
    """Set when going back by itself: a process whose state cannot be converted is ended, and its supervisor acts."""
    extras: Mapping[str, Any] = {}
    """What single behaviours ("shop.cart.Cart") get instead of `extra`; a plan says so."""
    states: Mapping[str, StateMode] = {}
    """What becomes of the states of single behaviours, instead of what `state` says."""
    kept: Mapping[Any, Any] | None = None
    """Set when going back to the states of before: process → state."""
    paths: Mapping[str, str] = {}
    """The files that sources come from, by module, as messages shall name them."""
    trigger: str = "call"
    """What asked: "call", "command", "plan", "rollback", "watch", "files"."""

    def extra_for(self, kind: type) -> Any:
        """Return what `code_change` of class *kind* gets."""
        return self.extras.get(f"{kind.__module__}.{kind.__qualname__}", self.extra)

    def state_for(self, kind: type) -> Any:
        """Return what becomes of states of class *kind*."""
        return self.states.get(f"{kind.__module__}.{kind.__qualname__}", self.state)

    def __post_init__(self) -> None:
        strategies = get_args(Strategy)
        _refuse_unless(self.strategy in strategies, "strategy", self.strategy, _one_of(strategies))
        for name in _SECONDS:
            _refuse_unless(is_seconds(getattr(self, name)), name, getattr(self, name), "seconds, more than 0")
        for name, least in (("group_size", 1), ("canaries", 1), ("retries", 0)):
            count = getattr(self, name)
            _refuse_unless(type(count) is int and count >= least, name, count, f"a whole number, {least} or more")
        for name in ("rehearse", "dry_run", "allow_dangerous", "identity"):
            _refuse_unless(isinstance(getattr(self, name), bool), name, getattr(self, name), "True or False")
        modes = get_args(get_args(StateMode)[0])
        known = callable(self.state) or self.state in modes
        _refuse_unless(known, "state", self.state, f"{_one_of(modes)}, or a function of (old_vsn, state)")
        steps_or_none = self.force_rollback_at is None or self.force_rollback_at in STEPS
        _refuse_unless(
            steps_or_none, "force_rollback_at", self.force_rollback_at, f"one of the steps: {_one_of(STEPS)}"
        )
        watched = self.watch is None or isinstance(self.watch, WatchPolicy)
        _refuse_unless(watched, "watch", self.watch, "a WatchPolicy, or None")


def options(given: Mapping[str, Any], **internal: Any) -> Options:
    """Return the options that a caller has *given* by name, with what otpy says by itself: *internal* ones.

    Raises TypeError for a name that is none, or that is not the caller's to give.
    """
    for name in given:
        if name not in PUBLIC:
            close = get_close_matches(name, PUBLIC, n=1)
            meant = f"did you mean {close[0]!r}? " if close else ""
            msg = f"unknown option {name!r}; {meant}the options of an upgrade are {', '.join(PUBLIC)}"
            raise TypeError(msg)
    return Options(**given, **internal)


_INTERNAL: Final = frozenset({"back_to", "down_to", "lenient", "extras", "states", "kept", "paths", "trigger"})
"""What only otpy itself says."""

PUBLIC: Final = tuple(name for name in Options.__struct_fields__ if name not in _INTERNAL)
"""What the verbs take: `otpy.upgrade.UpgradeOptions`."""


def is_seconds(value: object) -> bool:
    """Whether *value* is a time: a number of seconds, more than 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and cast("float", value) > 0


def _one_of(values: tuple[str, ...]) -> str:
    return ", ".join(f'"{value}"' for value in values)


def _refuse_unless(good: bool, name: str, value: object, wanted: str) -> None:
    if not good:
        msg = f"{name} is {value!r}; give {wanted}"
        raise ValueError(msg)
