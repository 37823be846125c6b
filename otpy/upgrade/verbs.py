"""What `otpy.upgrade` offers to users: each a thin verb on the engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack

from otpy.code import versions
from otpy.code.cache import cache
from otpy.code.history import histories
from otpy.code.version import Version
from otpy.errors import NoSuchVersion
from otpy.planning.options import Strategy
from otpy.safety.policy import Policy
from otpy.upgrade.engine import engine, explained
from otpy.upgrade.options import StateMode, WatchPolicy, options
from otpy.upgrade.recording import history as history_of
from otpy.upgrade.release import read_release
from otpy.upgrade.report import UpgradeRecord, UpgradeReport


class UpgradeOptions(TypedDict, total=False):
    """The options of every verb that upgrades; times are seconds."""

    strategy: Strategy
    """"atomic" (default): all processes together. "rolling": `group_size` after `group_size`. "canary": `canaries` of
    each behaviour first; the rest when the window of `watch` was passed well."""
    suspend_timeout: float
    """For all processes to come to rest; 5.0."""
    code_change_timeout: float
    """As long as no process ends its own conversion; 5.0."""
    timeout: float
    """For the whole; 30.0."""
    rehearse: bool
    """Convert copies of live states first, while all still run; True."""
    watch: WatchPolicy | None
    """Go back by itself when the upgraded processes do badly; None."""
    state: StateMode
    """"auto" (default), "preserve", "reset", or `f(old_vsn, copy) -> state`."""
    extra: Any
    """Handed to every `code_change`; None."""
    dry_run: bool
    """Stop before anybody is paused, and report; False."""
    allow_dangerous: bool
    """Only warn of what the safety policy refuses; False."""
    retries: int
    """How often to try again after a SuspendTimeout; in between, all go on for `suspend_timeout`; 0."""
    force_rollback_at: str | None
    """Name of a step after which to roll back, for tests of one's own; None."""
    identity: bool
    """Go through all steps with the very sources that run; False."""
    group_size: int
    canaries: int


def reload_module(name: str, source: str, **given: Unpack[UpgradeOptions]) -> UpgradeReport:
    """Bring module *name* to *source* while its processes live; what uses it is brought along.

    Where only bodies of functions change, nobody is paused. Else its processes, and those of modules that use it, are
    suspended together, their states are converted (by `code_change`, registered steps or by themselves), and they go
    on with what has come meanwhile. Pids, links, monitors, timers, names and mailboxes stay. If anything fails,
    everything is as before, and an UpgradeError says why; its `recovery` says what to do.

    For the options see UpgradeOptions. Raises UpgradeError; ValueError and TypeError for what is no option.
    """
    return reload_modules({name: source}, **given)


def reload_modules(sources: Mapping[str, str], **given: Unpack[UpgradeOptions]) -> UpgradeReport:
    """As `reload_module`, for several modules (name → source) as one transaction: all of them, or none."""
    return engine.upgrade(sources, options(given))


def release(path: str | Path, **given: Unpack[UpgradeOptions]) -> UpgradeReport:
    """Bring all loaded modules that folder *path* has to what stands there, as one transaction.

    The folder is laid out as an import path is. Modules that are new in it come along when something imports them.
    Raises ValueError if it has nothing of what is loaded, and what `reload_module` raises.
    """
    found = read_release(path)
    report = engine.upgrade(found.sources, options(given, paths=found.paths))
    return report.with_warnings(f"{name} is loaded, and not in {path}: it stays as it is" for name in found.missing)


def rollback_module(name: str, target_version: Any = None, **given: Unpack[UpgradeOptions]) -> UpgradeReport:
    """Bring module *name* back to an earlier version: its vsn, or None for the one before.

    The running version converts the states, with `code_change(DownTo(vsn), state, extra)`; one without a code_change
    of its own leaves it to the automatic migration. Raises NoSuchVersion and what `reload_module` raises.
    """
    with explained((name,)):
        target = _target(name, target_version)
    return _go_back({name: target}, given)


def rollback(**given: Unpack[UpgradeOptions]) -> UpgradeReport:
    """Take back the last upgrade that completed: all its modules go back together, as `rollback_module` does.

    Once more takes back the upgrade before. Modules that it brought for the first time stay loaded. Raises
    NoSuchVersion when there is nothing to take back.
    """
    targets = engine.lineage.last()
    with explained(()):
        if not targets:
            raise NoSuchVersion("the node", None)
    return _go_back(targets, given)


def history(name: str | None = None) -> list[UpgradeRecord]:
    """Return the upgrades of this node, those that failed too, oldest first; of module *name* only, if given."""
    return history_of(engine.recorder.history(), engine.reports, name)


def set_safety_policy(policy: Policy) -> Policy:
    """Have all upgrades of this node judged by *policy* from now on; returns the one before. See `otpy.safety`."""
    if not isinstance(policy, Policy):
        msg = f"{policy!r} is no policy; give an otpy.safety.Policy, such as otpy.safety.PRESETS['strict']"
        raise TypeError(msg)
    before, engine.policy = engine.policy, policy
    cache.policy = repr(policy)
    return before


def _target(name: str, vsn: Any) -> Version:
    """Return the newest version of *name* that is *vsn*; None is the one before the running one first ran.

    So going back again goes further back, and not forth.
    """
    known = versions(name)
    named = (version for version in reversed(known[:-1]) if version.vsn == vsn)
    target = histories.before(name) if vsn is None else next(named, None)
    if target is None:
        raise NoSuchVersion(name, vsn, [version.vsn for version in known])
    return target


def _go_back(targets: dict[str, Version], given: UpgradeOptions) -> UpgradeReport:
    """Go to *targets*; down to those that ran before what runs, up to the others."""
    down_to = {
        name: target.vsn
        for name, target in targets.items()
        if histories.first_number(target) < histories.first_number(versions(name)[-1])
    }
    sources = {name: target.source for name, target in targets.items()}
    return engine.upgrade(sources, options(given, trigger="rollback", back_to=targets, down_to=down_to))
