"""How upgrades are recorded: one protocol, for the database and for a node that has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self

from otpy.code.cache import CacheStore
from otpy.store.values import (
    Ending,
    Event,
    Interrupted,
    Permanent,
    Planned,
    Record,
    Snapshot,
    Step,
    StoredVersion,
)


class Recorder(Protocol):
    """Where a coordinator records its upgrades. Any thread may call, also several at once."""

    @property
    def cache(self) -> CacheStore:
        """The cache of compiled code."""
        ...

    @property
    def where(self) -> str:
        """What it is, for messages: a path, an address without its password, "memory"."""
        ...

    def begin(self, planned: Planned) -> int:
        """Record that an upgrade begins, with its sources and its plan, and return its id.

        Raises: StoreError; then nothing is recorded, and the upgrade must not begin.
        """
        ...

    def step(self, upgrade: int, step: Step) -> None:
        """Record that a step was finished. One that cannot be written now comes with the end: that is no error.

        It is cheap, and survives `kill -9`. Whether it survives a power failure is left open, for the sake of those
        who wait.

        Raises: StoreError, if there is no such upgrade.
        """
        ...

    def end(self, upgrade: int, ending: Ending) -> str | None:
        """Record how an upgrade ended; one that was committed may be rolled back later.

        Return None if that is written. If it cannot be, the upgrade has ended all the same: return what to tell people,
        and write it as soon as the store can be written again.

        Raises: StoreError, if there is no such upgrade, or it cannot end so after what was recorded.
        """
        ...

    def snapshot(self, upgrade: int, states: Iterable[Snapshot]) -> None:
        """Keep the states of processes for an upgrade. Raises: StoreError; then none of them is kept."""
        ...

    def event(self, name: str, facts: Mapping[str, Any]) -> None:
        """Record something for analysis; *facts* is what msgpack can hold. Raises: StoreError."""
        ...

    def make_permanent(
        self, modules: Iterable[str] | None = None, *, on_disk: Mapping[str, str | None] | None = None
    ) -> tuple[Permanent, ...]:
        """Have restarted nodes run what upgrades have brought since this node started: of all modules, or of *modules*.

        *on_disk* has the sha256 of the modules' files, None or nothing where there is no file. Return what is permanent
        now, of these modules.

        Raises: StoreError, also if a module of *modules* was not upgraded.
        """
        ...

    def permanent_versions(self) -> dict[str, Permanent]:
        """Return what a restarted node runs, by module."""
        ...

    def latest_versions(self) -> dict[str, StoredVersion]:
        """Return what the last completed upgrade of each module brought, whether or not it is permanent."""
        ...

    def versions(self, module: str) -> tuple[StoredVersion, ...]:
        """Return the versions of *module* that the store has, in the order in which they were first seen."""
        ...

    def history(
        self,
        name: str | None = None,
        *,
        limit: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Record, ...]:
        """Return the upgrades, oldest first: of module *name*, the last *limit* of them, begun since and before.

        Their steps do not tell the states before and after; `upgrade` does.
        """
        ...

    def upgrade(self, upgrade: int) -> Record:
        """Return one upgrade. Raises: StoreError, if there is no such."""
        ...

    def plan(self, upgrade: int) -> bytes:
        """Return the plan of an upgrade as it was given. Raises: StoreError, if there is no such upgrade."""
        ...

    def snapshots(self, upgrade: int) -> tuple[Snapshot, ...]:
        """Return the states that were kept for an upgrade."""
        ...

    def events(self, name: str | None = None, *, limit: int | None = None) -> tuple[Event, ...]:
        """Return the events, oldest first: those called *name*, the last *limit* of them."""
        ...

    def recover(self, on_disk: Mapping[str, str | None] | None = None) -> tuple[Interrupted, ...]:
        """Return the upgrades that were under way when the node ended before this start, with words for the log.

        *on_disk* has the sha256 of the modules' files, None for those without a file.
        """
        ...

    def close(self) -> None:
        """Give the store up; nothing else can be asked of it then."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
