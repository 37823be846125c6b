"""When is a saved file whole, and which saves belong together?

Editors truncate a file and write it, or write another and rename it; a formatter follows; a checkout touches hundreds.
What is read in between is half a file, or half a change. So a file is looked at until it stands still, and a batch
waits until all that has been touched does. A text that is empty or does not parse is given more time: most likely the
rest is on its way. After that it is what its author has left there, and the upgrade says what is wrong with it.

Nothing here waits: whoever has the events and the clock asks.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, final

from otpy.code.compiler import parse
from otpy.errors import CompilationFailed


@dataclass(frozen=True, slots=True)
class Look:
    """What a file was like at one moment.

    *stamp* is equal for two looks if nothing was done to it, and None if there is no file; *text* is None if its bytes
    are no text; *whole* says that it could be a module as it is.
    """

    stamp: tuple[int, int, str] | None
    text: str | None
    whole: bool


def look(path: Path) -> Look:
    """Look at the file *path* now."""
    try:
        stat, content = path.stat(), path.read_bytes()
    except OSError:
        return Look(None, None, whole=True)
    stamp = (stat.st_mtime_ns, stat.st_size, hashlib.sha256(content).hexdigest())
    try:
        text = importlib.util.decode_source(content)
    except (UnicodeDecodeError, SyntaxError):
        return Look(stamp, None, whole=False)
    return Look(stamp, text, whole=bool(content.strip()) and _parses(text, path))


def _parses(text: str, path: Path) -> bool:
    try:
        parse(text, str(path))
    except CompilationFailed:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Batch:
    """Saves that belong together: the new *sources* by module, and the *paths* that they are from.

    *deleted* are modules whose file is gone. They are only told of: a module goes when nobody imports it any more.
    """

    sources: Mapping[str, str]
    paths: Mapping[str, str] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()


@dataclass(slots=True)
class _Pending:
    """A file that was touched: how it was at the last look, and since when it has been so."""

    seen: Look
    since: float


NameOf: TypeAlias = Callable[[Path], "str | None"]
Running: TypeAlias = Callable[[str], "str | None"]


@final
class Saves:
    """Collects saves until they can be given on.

    *settle*: seconds for which a file must not have changed. *patience*: as many for a text that is empty or does not
    parse. *longest*: seconds after which what is ready is given on although something else never stands still.
    *name_of* gives the module of a file, None if it is none; *running* the source that a module runs now, None if it is
    not known or there is no such module.
    """

    def __init__(
        self,
        *,
        name_of: NameOf,
        running: Running,
        settle: float = 0.1,
        patience: float = 1.0,
        longest: float = 5.0,
        look: Callable[[Path], Look] = look,
    ) -> None:
        self._name_of = name_of
        self._running = running
        self._settle = settle
        self._patience = patience
        self._longest = longest
        self._look = look
        self._pending: dict[Path, _Pending] = {}
        self._began = 0.0

    def touched(self, paths: Iterable[Path], now: float) -> None:
        """Note that something has happened to *paths*; *now* is the time in seconds."""
        for path in paths:
            if not self._pending:
                self._began = now
            self._pending[path] = _Pending(self._look(path), now)

    def take(self, now: float) -> Batch | None:
        """Look again, and return what can be given on; None if it is too early, or nothing of it is news."""
        for path, pending in self._pending.items():
            seen = self._look(path)
            if seen.stamp != pending.seen.stamp:
                self._pending[path] = _Pending(seen, now)
        ready = {path: p.seen for path, p in self._pending.items() if now - p.since >= self._time_for(p.seen)}
        if not ready or (len(ready) < len(self._pending) and now - self._began < self._longest):
            return None
        for path in ready:
            del self._pending[path]
        self._began = now
        return self._batch(ready)

    def _time_for(self, seen: Look) -> float:
        return self._settle if seen.whole else max(self._patience, self._settle)

    def _batch(self, ready: Mapping[Path, Look]) -> Batch | None:
        sources: dict[str, str] = {}
        paths: dict[str, str] = {}
        deleted: list[str] = []
        for path, seen in sorted(ready.items()):
            name = self._name_of(path)
            if name is None:
                continue
            if seen.stamp is None:
                if self._running(name) is not None:
                    deleted.append(name)
            elif seen.text is not None and seen.text != self._running(name):
                sources[name], paths[name] = seen.text, str(path)
        return Batch(sources, paths, tuple(deleted)) if sources or deleted else None
