"""Which versions of which modules this interpreter has had: in memory, with limits.

One `History` per module: its versions, oldest first, the current one last. Going back to an older version is loading
its source again, as a further version. Of that, it is noted which one it is `again`: what ran before it is what ran
before the older one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from threading import RLock
from typing import Final, final

from otpy.code.journal import Journal
from otpy.code.sources import hide
from otpy.code.version import Version

MAX_VERSIONS: Final = 20
"""Versions kept for each module; first go those that were only gone back to, then the oldest. Frames that still run on
one that went lose their text."""

MAX_FAILED: Final = 10
"""Texts of versions that were never installed, or taken back, kept for the tracebacks that name them."""


@dataclass(slots=True)
class History:
    """The versions of one module."""

    versions: list[Version] = field(default_factory=list)
    numbers: int = 0
    again: dict[int, int] = field(default_factory=dict)
    """By the number of a version that was there before: the number that it had when it first ran."""


@final
class Histories:
    """The histories of all modules. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._modules: dict[str, History] = {}
        self._failed: deque[str] = deque()

    def next_number(self, name: str) -> int:
        """A number that no version of *name* has had."""
        with self._lock:
            history = self._modules.setdefault(name, History())
            history.numbers += 1
            return history.numbers

    def versions(self, name: str) -> tuple[Version, ...]:
        """All versions kept, oldest first; the last one is current."""
        with self._lock:
            history = self._modules.get(name)
            return tuple(history.versions) if history else ()

    def current(self, name: str) -> Version | None:
        """The version that runs, None if nothing is known of the module."""
        kept = self.versions(name)
        return kept[-1] if kept else None

    def original(self, name: str) -> Version | None:
        """The current version, or the one that it is again; None if nothing is known, or that is not kept."""
        kept = self.versions(name)
        first = self.first_number(kept[-1]) if kept else 0
        return next((version for version in kept if version.number == first), None)

    def before(self, name: str) -> Version | None:
        """What ran before the current version first did; None if nothing did, or it is not kept."""
        kept = self.versions(name)
        first = self.first_number(kept[-1]) if kept else 0
        return next((version for version in reversed(kept) if version.number < first), None)

    def first_number(self, version: Version) -> int:
        """The number that *version* had when it first ran: its own, or that of which it is again."""
        with self._lock:
            history = self._modules.get(version.name)
            return history.again.get(version.number, version.number) if history else version.number

    def come_again(self, version: Version) -> None:
        """Note that the current version of the module is *version*, which was there before."""
        with self._lock:
            history = self._modules[version.name]
            history.again[history.versions[-1].number] = self.first_number(version)

    def push(self, version: Version, journal: Journal) -> None:
        """Make *version* the current one."""
        with self._lock:
            history = self._modules.setdefault(version.name, History())
            before = list(history.versions)

            def restore() -> None:
                with self._lock:
                    history.versions[:] = before
                    self.retire(version)

            journal.write(f"history of {version.name}", restore)
            history.versions.append(version)
            if before and before[-1].source == version.source:
                self.come_again(before[-1])
            while len(history.versions) > MAX_VERSIONS:
                dropped = history.versions.pop(_least_needed(history))
                history.again.pop(dropped.number, None)
                self.retire(dropped)

    def retire(self, version: Version) -> None:
        """The text of *version* may be forgotten, when more such texts have come."""
        with self._lock:
            if version.filename not in self._failed:
                self._failed.append(version.filename)
            kept = {v.filename for h in self._modules.values() for v in h.versions}
            while len(self._failed) > MAX_FAILED:
                filename = self._failed.popleft()
                if filename not in kept:
                    hide(filename)

    def forget(self, name: str) -> None:
        """Drop the history of *name*, with its texts."""
        with self._lock:
            history = self._modules.pop(name, None)
            for version in history.versions if history else ():
                hide(version.filename)


def _least_needed(history: History) -> int:
    """The index of the version to drop: one that was gone back to and is kept as its original too, else the oldest."""
    kept = {version.number for version in history.versions}
    again = (i for i, v in enumerate(history.versions[:-1]) if history.again.get(v.number) in kept)
    return next(again, 0)


histories: Final = Histories()
