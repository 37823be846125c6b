"""What outlives the node: the store that upgrades are recorded in, and what is read out of it again."""

from __future__ import annotations

from typing import Any

import msgspec

from otpy.code.cache import cache
from otpy.errors import StoreError
from otpy.store.memory import MemoryStore
from otpy.store.recorder import Recorder
from otpy.store.times import utc_now
from otpy.store.values import Permanent, Record, Snapshot
from otpy.upgrade.boot import files_now
from otpy.upgrade.engine import engine
from otpy.upgrade.insight_values import time_range as range_of
from otpy.upgrade.insights import ReloadInsights
from otpy.upgrade.insights import insights as insights_of
from otpy.upgrade.state_text import state_text


class StateChange(msgspec.Struct, frozen=True):
    """What the state of one process was before an upgrade and after it, as text; or why that is not known."""

    process: str
    behaviour: str
    before: str
    after: str


class Timeline(msgspec.Struct, frozen=True):
    """One upgrade as the store has it: its `record` with every step, and the states of some of its processes."""

    record: Record
    states: tuple[StateChange, ...] = ()


def use_store(recorder: Recorder | None = None) -> Recorder:
    """Have upgrades recorded in *recorder* from now on, and compiled code kept there; return the one before.

    *recorder*: from `otpy.store.open_store`; None: the memory of this node. The one before is not closed.
    Raises: UpgradeInProgress, while there is an upgrade.
    """
    before = engine.use(MemoryStore() if recorder is None else recorder)
    cache.store = None if recorder is None else recorder.cache
    return before


def make_permanent(*modules: str) -> tuple[Permanent, ...]:
    """Have a restarted node run what upgrades have brought since this one started: of all modules, or of *modules*.

    Return what is permanent now, of these.
    Raises: StoreError, if the node has no store, a module of *modules* was not upgraded, or it cannot be written.
    """
    recorder = engine.recorder
    if isinstance(recorder, MemoryStore):
        msg = "this node has no store, so nothing outlives it; give it one: `otpy run --store PATH`, or use_store()"
        raise StoreError(msg)
    brought = modules or tuple(recorder.latest_versions())
    return recorder.make_permanent(modules or None, on_disk=files_now(brought))


def insights(time_range: Any = None) -> ReloadInsights:
    """Return what the recorded upgrades teach: rates, errors and their trend, times, modules with problems, advice.

    *time_range*: the last "90m", "24h" or "7d", a timedelta, a TimeRange; None: all. Raises: ValueError.
    """
    asked = range_of(time_range, now=utc_now())
    return insights_of(engine.recorder.history(since=asked.since, until=asked.until), asked)


def timeline(number: int | str) -> Timeline:
    """Return upgrade *number* (the `id` of its report), step by step and with states.

    Raises: StoreError, if there is none.
    """
    recorder = engine.recorder
    try:
        upgrade = int(number)
    except ValueError:
        msg = f"{number!r} is no id of an upgrade; history() lists them"
        raise StoreError(msg) from None
    states: dict[str, dict[str, Snapshot]] = {}
    for each in recorder.snapshots(upgrade):
        states.setdefault(each.process, {})[each.moment] = each
    return Timeline(recorder.upgrade(upgrade), tuple(_state_change(name, both) for name, both in states.items()))


def _state_change(process: str, moments: dict[str, Snapshot]) -> StateChange:
    behaviour = next(iter(moments.values())).behaviour
    return StateChange(process, behaviour, _shown(moments.get("before")), _shown(moments.get("after")))


def _shown(snapshot: Snapshot | None) -> str:
    if snapshot is None or snapshot.state is None:
        return "not kept" + (f": {snapshot.not_stored}" if snapshot is not None and snapshot.not_stored else "")
    return state_text(snapshot.state)
