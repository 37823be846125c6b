"""The records of a node that has no database: the same answers, as long as the node lives.

It holds what `Limits` allow. Nothing in it outlives the node, so nothing is ever interrupted, and what is made
permanent is so until the node ends.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, final

import msgspec

from otpy.errors import StoreError
from otpy.store.deciding import begun, ended
from otpy.store.packing import packed, unpacked
from otpy.store.picking import check_limit, installed, names, to_make_permanent
from otpy.store.times import to_number, utc_now
from otpy.store.values import (
    RESERVE,
    Ending,
    Event,
    Interrupted,
    Limits,
    Permanent,
    Planned,
    Record,
    Snapshot,
    Source,
    Step,
    StoredVersion,
)


@final
class MemoryBlobs:
    """A cache of bytes in memory; what was not used for longest goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return the value of *key*, None if it is not there (any more)."""
        with self._lock:
            if (value := self._values.get(key)) is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: str, value: bytes) -> None:
        """Keep *value*, unless it alone is more than the cache may hold."""
        with self._lock:
            self._size += len(value) - len(self._values.pop(key, b""))
            self._values[key] = value
            while self._size > self._limit:
                _, gone = self._values.popitem(last=False)
                self._size -= len(gone)


@final
class MemoryStore:
    """A `Recorder` without a database. *limits* bound what it holds; *now* tells the time."""

    def __init__(self, *, limits: Limits | None = None, now: Callable[[], datetime] = utc_now) -> None:
        self.where = "memory"
        self._limits = limits or Limits()
        self._now = now
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._records: dict[int, Record] = {}
        self._plans: dict[int, bytes] = {}
        self._snapshots: dict[int, tuple[Snapshot, ...]] = {}
        self._versions: dict[tuple[str, str], StoredVersion] = {}
        self._permanent: list[Permanent] = []
        self._events: deque[Event] = deque(maxlen=self._limits.events)
        self._cache = MemoryBlobs(self._limits.cache_bytes)

    @property
    def cache(self) -> MemoryBlobs:
        """The cache of compiled code."""
        return self._cache

    def begin(self, planned: Planned) -> int:
        """Record that an upgrade begins, and return its id."""
        at = self._now()
        with self._lock:
            upgrade = next(self._ids)
            running = {source.module: source for source in planned.running}
            for source in planned.sources:
                for one in filter(None, (running.get(source.module), source)):
                    self._versions.setdefault((one.module, one.sha256), _stored(one, at))
            self._records[upgrade] = begun(planned, upgrade=upgrade, boot=1, at=at)
            self._plans[upgrade] = planned.plan
            return upgrade

    def step(self, upgrade: int, step: Step) -> None:
        """Record that a step was finished. Raises: StoreError, if there is no such upgrade."""
        done = msgspec.structs.replace(step, at=step.at or self._now())
        with self._lock:
            record = self._find(upgrade)
            self._records[upgrade] = msgspec.structs.replace(record, steps=(*record.steps, done))

    def end(self, upgrade: int, ending: Ending) -> str | None:
        """Record how an upgrade ended. Raises: StoreError, if there is no such upgrade, or it cannot end so."""
        at = self._now()
        with self._lock:
            self._records[upgrade] = ended(self._find(upgrade), ending, at=at)
            self._forget()
        return None

    def snapshot(self, upgrade: int, states: Iterable[Snapshot]) -> None:
        """Keep the states of processes for an upgrade. Raises: StoreError, if there is no such upgrade."""
        taken = tuple(states)
        with self._lock:
            self._find(upgrade)
            self._snapshots[upgrade] = (*self._snapshots.get(upgrade, ()), *taken)

    def event(self, name: str, facts: Mapping[str, Any]) -> None:
        """Record something for analysis. Raises: TypeError, if *facts* are not plain data."""
        event = Event(name, self._now(), unpacked(packed(dict(facts))))
        with self._lock:
            self._events.append(event)

    def make_permanent(
        self, modules: Iterable[str] | None = None, *, on_disk: Mapping[str, str | None] | None = None
    ) -> tuple[Permanent, ...]:
        """Note what restarted nodes should run. Raises: StoreError, if a module of *modules* was not upgraded."""
        wanted = names(modules)
        at = self._now()
        with self._lock:
            chosen = to_make_permanent(self._records.values(), boot=1, modules=wanted)
            made = tuple(
                Permanent(
                    module=change.module,
                    vsn=change.after,
                    source=self._versions[change.module, change.after_sha256].source,
                    sha256=change.after_sha256,
                    on_disk=(on_disk or {}).get(change.module),
                    at=at,
                    upgrade=upgrade,
                )
                for upgrade, change in chosen
            )
            again = {(one.module, one.upgrade) for one in made}
            self._permanent = [one for one in self._permanent if (one.module, one.upgrade) not in again]
            self._permanent += made
            for upgrade in {permanent.upgrade for permanent in made}:
                self._records[upgrade] = msgspec.structs.replace(self._records[upgrade], state="permanent")
        return made

    def permanent_versions(self) -> dict[str, Permanent]:
        """Return what was made permanent last, by module."""
        with self._lock:
            return self._permanent_now()

    def latest_versions(self) -> dict[str, StoredVersion]:
        """Return what the last completed upgrade of each module brought."""
        with self._lock:
            found = installed(self._records.values())
            return {name: self._versions[name, change.after_sha256] for name, (_, change) in found.items()}

    def versions(self, module: str) -> tuple[StoredVersion, ...]:
        """Return the known versions of *module*, in the order in which they were first seen."""
        with self._lock:
            return tuple(version for version in self._versions.values() if version.module == module)

    def history(
        self,
        name: str | None = None,
        *,
        limit: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Record, ...]:
        """Return the upgrades, oldest first: of module *name*, the last *limit* of them, begun since and before."""
        check_limit(limit)
        first = None if since is None else to_number(since)
        end = None if until is None else to_number(until)
        with self._lock:
            found = [
                record
                for record in self._records.values()
                if (name is None or any(change.module == name for change in record.modules))
                and (first is None or to_number(record.started) >= first)
                and (end is None or to_number(record.started) < end)
            ]
        return tuple(without_details(record) for record in _last(found, limit))

    def upgrade(self, upgrade: int) -> Record:
        """Return one upgrade. Raises: StoreError, if there is no such."""
        with self._lock:
            return self._find(upgrade)

    def plan(self, upgrade: int) -> bytes:
        """Return the plan of an upgrade as it was given. Raises: StoreError, if there is no such upgrade."""
        with self._lock:
            self._find(upgrade)
            return self._plans[upgrade]

    def snapshots(self, upgrade: int) -> tuple[Snapshot, ...]:
        """Return the states that were kept for an upgrade."""
        with self._lock:
            return self._snapshots.get(upgrade, ())

    def events(self, name: str | None = None, *, limit: int | None = None) -> tuple[Event, ...]:
        """Return the events, oldest first: those called *name*, the last *limit* of them."""
        check_limit(limit)
        with self._lock:
            found = [event for event in self._events if name is None or event.name == name]
        return _last(found, limit)

    def recover(self, on_disk: Mapping[str, str | None] | None = None) -> tuple[Interrupted, ...]:
        """Return nothing: what was under way when a node ended is not known to the next one."""
        return ()

    def close(self) -> None:
        """Do nothing: memory goes with the node."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _find(self, upgrade: int) -> Record:
        if (record := self._records.get(upgrade)) is None:
            raise no_such_upgrade(upgrade, self.where)
        return record

    def _permanent_now(self) -> dict[str, Permanent]:
        return {made.module: made for made in self._permanent if self._records[made.upgrade].state == "permanent"}

    def _forget(self) -> None:
        """Drop what is more than the limits allow, oldest first."""
        newest = sorted(self._records, reverse=True)
        surplus = newest[self._limits.upgrades :]
        reserve = self._reserve()
        self._permanent = [made for made in self._permanent if made.upgrade not in surplus or made in reserve]
        kept = {made.upgrade for made in self._permanent}
        gone = [number for number in surplus if number not in kept and self._records[number].state != "prepared"]
        for number in gone:
            del self._records[number], self._plans[number]
        for number in (*gone, *newest[self._limits.snapshots :]):
            self._snapshots.pop(number, None)
        if gone:
            self._forget_versions()

    def _reserve(self) -> list[Permanent]:
        """What is permanent of each module, and what to fall back to if that is rolled back."""
        kept: list[Permanent] = []
        for made in reversed(self._permanent):
            of_module = sum(other.module == made.module for other in kept)
            if self._records[made.upgrade].state == "permanent" and of_module < RESERVE:
                kept.append(made)
        return kept

    def _forget_versions(self) -> None:
        used = {
            (change.module, sha256)
            for record in self._records.values()
            for change in record.modules
            for sha256 in (change.before_sha256, change.after_sha256)
        }
        self._versions = {key: version for key, version in self._versions.items() if key in used}


def no_such_upgrade(upgrade: int, where: str) -> StoreError:
    """Return the error for an id that nothing has."""
    return StoreError(f"the store ({where}) has no upgrade {upgrade!r}; history() lists those that it has")


def without_details(record: Record) -> Record:
    """Return *record* with steps that do not tell the states before and after."""
    steps = tuple(msgspec.structs.replace(step, before={}, after={}) for step in record.steps)
    return msgspec.structs.replace(record, steps=steps)


def _stored(source: Source, at: datetime) -> StoredVersion:
    return StoredVersion(source.module, source.vsn, source.sha256, source.text, at)


def _last(found: list[Any], limit: int | None) -> tuple[Any, ...]:
    return tuple(found if limit is None else found[len(found) - min(limit, len(found)) :])
