"""What the store is given and gives back: plain frozen values of text, numbers and bytes.

msgpack and JSON can hold them. A process is named by text here (its label, or what prints for its pid), a version by
its vsn as text. All moments are in UTC with a time zone, all durations float seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

import msgspec

State: TypeAlias = Literal["prepared", "committed", "rolled_back", "interrupted", "permanent"]
"""Where an upgrade stands. prepared: it is under way. interrupted: the node ended meanwhile. permanent: committed, and
what a restarted node runs."""

End: TypeAlias = Literal["committed", "rolled_back"]
"""How an upgrade ends while its node lives."""

RESERVE: Final = 2
"""Permanent versions that are kept of each module: the one that counts, and the one to fall back to."""


class Source(msgspec.Struct, frozen=True, dict=True):
    """The source text of one version of a module."""

    module: str
    vsn: str
    text: str

    @cached_property
    def sha256(self) -> str:
        """The hash of the text, in hex; the same as of the file that holds it in UTF-8."""
        return sha256(self.text.encode(errors="surrogatepass")).hexdigest()


class StoredVersion(msgspec.Struct, frozen=True):
    """A version that the store has. `created` is when it was first seen."""

    module: str
    vsn: str
    sha256: str
    source: str
    created: datetime


class ModuleChange(msgspec.Struct, frozen=True):
    """From which version to which one an upgrade brought a module; `before` and `before_sha256` are None if unknown."""

    module: str
    before: str | None
    after: str
    before_sha256: str | None
    after_sha256: str


class Step(msgspec.Struct, frozen=True):
    """One step that was finished, and how long it took in seconds.

    `before` and `after` say in words what was there, by whom it belongs to: a process and its state, a supervisor and
    its children. `at` is filled in by the store.
    """

    name: str
    seconds: float
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    at: datetime | None = None


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """An upgrade that is about to begin.

    `sources` are the versions to come, `running` those of the same modules that run now, where they are known.
    `trigger` is what asked for it ("call", "command line", "watcher", "rollback", …), `asked_by` who. `plan` is kept
    as given.
    """

    sources: tuple[Source, ...]
    running: tuple[Source, ...] = ()
    trigger: str = "call"
    strategy: str = "atomic"
    asked_by: str = ""
    dependents: tuple[str, ...] = ()
    processes: int = 0
    plan: bytes = b""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an upgrade ended.

    `outcome` says it more finely than `state`: "rolled_back_by_watch", "forced", "refused", and the like. `paused_s`
    has p50, p95, p99 and max over the processes, as far as they are known; `processes` says how many were paused.
    """

    state: End
    outcome: str
    seconds: float = 0.0
    paused_s: dict[str, float] = {}
    processes: int = 0
    migrated: int = 0
    error_class: str | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One upgrade as the store knows it. `boot` counts the starts of the node; `steps` are those that were finished."""

    id: int
    boot: int
    state: State
    outcome: str
    started: datetime
    ended: datetime | None = None
    trigger: str = "call"
    strategy: str = "atomic"
    asked_by: str = ""
    modules: tuple[ModuleChange, ...] = ()
    dependents: tuple[str, ...] = ()
    processes: int = 0
    migrated: int = 0
    seconds: float = 0.0
    paused_s: dict[str, float] = {}
    error_class: str | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one process, `before` or `after` an upgrade, as bytes of the caller's making.

    `not_stored` says what of it is missing, and why; None as state, that all of it is.
    """

    process: str
    behaviour: str
    vsn: str
    moment: Literal["before", "after"] = "before"
    state: bytes | None = None
    not_stored: str = ""


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a node, for analysis: `facts` are plain data."""

    name: str
    at: datetime
    facts: dict[str, Any]


class Permanent(msgspec.Struct, frozen=True, kw_only=True):
    """The version of a module that a restarted node runs.

    `on_disk` is the hash of the module's file when that was decided, None if it had none; it tells later whether
    somebody has put a newer file there. `upgrade` brought the version.
    """

    module: str
    vsn: str
    source: str
    sha256: str
    on_disk: str | None
    at: datetime
    upgrade: int


class Decision(msgspec.Struct, frozen=True):
    """What a node runs of a module when it starts, and why; `reason` is for the log."""

    source: Literal["disk", "store"]
    reason: str


class Interrupted(msgspec.Struct, frozen=True):
    """An upgrade that was under way when its node ended. `last_step` was finished, None if no step was."""

    record: Record
    last_step: str | None
    message: str


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a store keeps; what is older goes first. What is permanent, and what is needed to go back to it, stays.

    `upgrades` and `events` are counts, `snapshots` the number of upgrades whose snapshots are kept; the compile cache
    has at most `cache_bytes`, and nothing that was not used for `cache_seconds`.
    """

    upgrades: int = 1000
    snapshots: int = 20
    events: int = 10_000
    cache_bytes: int = 64 * 2**20
    cache_seconds: float = 30 * 86_400.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) < 1:
                msg = f"Limits({name}={getattr(self, name)!r}): at least 1 is needed"
                raise ValueError(msg)


def changes(planned: Planned) -> tuple[ModuleChange, ...]:
    """Return what *planned* does to each module."""
    running: Mapping[str, Source] = {source.module: source for source in planned.running}
    return tuple(_change(running.get(source.module), source) for source in planned.sources)


def _change(before: Source | None, after: Source) -> ModuleChange:
    return ModuleChange(
        module=after.module,
        before=None if before is None else before.vsn,
        after=after.vsn,
        before_sha256=None if before is None else before.sha256,
        after_sha256=after.sha256,
    )
