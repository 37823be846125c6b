"""Process groups of one scope: who is in which group, and who is told when that changes.

Who dies has left before anybody hears of it (see roster.py). Each change and what is told of it are one step: who
begins to watch a group gets its members of that moment, and from then on every change.

A change may be a death, and is then told inside the plane, where names of groups, which belong to users, cannot be
compared. So everybody in a group and everybody who watches it has the same `Watched` at hand, found beforehand.

Source: OTP pg.erl.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, final

import msgspec

from otpy.errors import NoProcess
from otpy.kernel.messages import SIGNALS
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.plane import plane
from otpy.kernel.process import Process, deliver
from otpy.kernel.roster import Entry, Roster

Watched: TypeAlias = dict[Ref, Process]
"""Who watches one group, oldest first."""

EVERYTHING: Any = object()
"""What who watches all groups stands under."""


class Joined(msgspec.Struct, frozen=True):
    """*pids* have joined *group*; *ref* is what `pg.monitor` or `pg.monitor_scope` returned."""

    ref: Ref
    group: Any
    pids: tuple[Pid, ...]


class Left(msgspec.Struct, frozen=True):
    """*pids* have left *group*, or have ended; *ref* is what `pg.monitor` or `pg.monitor_scope` returned."""

    ref: Ref
    group: Any
    pids: tuple[Pid, ...]


SIGNALS.update((Joined, Left))


class Watchers(Roster):
    """Who watches which group: an entry's value is the ref, and where that is to be taken out at the end."""

    def __init__(self, name: str) -> None:
        super().__init__(unique=False)
        self.name = name
        self.by_ref: dict[Ref, Entry] = {}

    def gone(self) -> Exception:
        """See Roster."""
        return NoProcess(self.name)

    def _entered(self, entry: Entry) -> None:
        ref, watched = entry.value
        self.by_ref[ref] = entry
        watched[ref] = entry.pid

    def _left(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            ref, watched = entry.value
            del self.by_ref[ref], watched[ref]


@final
class Scope(Roster):
    """The groups of one scope: an entry's key is a group, its value who watches that."""

    def __init__(self, name: str) -> None:
        super().__init__(unique=False)
        self.name = name
        self.watchers = Watchers(name)
        self._watch_all: Watched = {}

    def __repr__(self) -> str:
        return f"Scope<{self.name}>"

    # -- changing

    def join(self, group: Any, pids: Sequence[Process]) -> None:
        """Let *pids* join, in front of the others. The dead do not."""
        made = [Entry(group, pid, None) for pid in pids]
        while True:
            version = self._version
            watched = self._watched(group)
            with plane:
                if self._version != version:
                    continue
                joined = [entry for entry in made if entry.pid.exit_reason is None]
                for entry in reversed(joined):
                    entry.value = watched
                    while not self._put(entry, self._version):
                        pass
                if joined:
                    self._tell(Joined, joined)
                return

    def leave(self, group: Any, pids: Sequence[Process]) -> bool:
        """Take *pids* out, each once for each time that it is given; False if none of them was in."""
        while True:
            version = self._version
            leaving = list(self._newest(group, pids))
            with plane:
                if self._version == version:
                    self.remove(leaving)
                    return bool(leaving)

    def watch(self, process: Process, *group: Any) -> tuple[Ref, list[Entry]]:
        """Have *process* told of changes of *group*, or of all; return the ref, and what is there now."""
        ref = Ref()
        while True:
            version = self._version
            entries = self.entries_of(*group) if group else []
            watched = self._watched(*group) if group else self._watch_all
            watcher = Entry(group[0] if group else EVERYTHING, process, (ref, watched))
            with plane:
                if self._version == version:
                    self.watchers.enter(watcher)
                    self._version += 1
                    return ref, entries if group else self.entries()

    def unwatch(self, ref: Ref) -> bool:
        """Undo `watch`; False if there is no such ref."""
        with plane:
            entry = self.watchers.by_ref.get(ref)
            return entry is not None and bool(self.watchers.remove([entry]))

    def _watched(self, group: Any) -> Watched:
        """Return who watches *group*: what those in it and those who watch it have at hand, a new one if nobody is."""
        member = self.one_of(group)
        if member is not None:
            return member.value  # type: ignore[no-any-return]
        watcher = self.watchers.one_of(group)
        return {} if watcher is None else watcher.value[1]

    def _newest(self, group: Any, pids: Sequence[Process]) -> Iterator[Entry]:
        """Find for each of *pids* its newest entry in *group* that was not found before, if there is one."""
        found = set[Entry]()
        for pid in pids:
            for entry in reversed(self.entries_under(group, pid)):
                if entry not in found:
                    found.add(entry)
                    yield entry
                    break

    # -- telling

    def _left(self, entries: Sequence[Entry]) -> None:
        if entries[0].pid.exit_reason is None:
            self._tell(Left, entries)
            return
        for entry in reversed(entries):  # an end: one group after the other, as OTP does
            self._tell(Left, [entry])

    def _tell(self, change: type[Joined | Left], entries: Sequence[Entry]) -> None:
        """Tell of *entries* of one group: who watches all groups, oldest first, then who watches it, youngest first."""
        group, pids = entries[0].key, tuple(entry.pid for entry in entries)
        of_this = entries[0].value
        for ref, process in (*self._watch_all.items(), *reversed(of_this.items())):
            deliver(process, change(ref, group, pids))

    # -- the end

    def gone(self) -> Exception:
        """See Roster."""
        return NoProcess(self.name)

    def _close(self) -> object:
        assert self.owner is not None
        scopes = self.owner.runtime.scopes
        if scopes.get(self.name) is self:
            del scopes[self.name]
        return super()._close(), self.watchers._close()  # noqa: SLF001 - a Roster, too
