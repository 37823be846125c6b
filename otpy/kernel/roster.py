"""Rosters: which processes have entered themselves under which keys, each with a value. Under registries and groups.

Invariant: an entry is gone before anybody hears of its process's death. A roster is among the belongings of each
process that has an entry in it, and belongings are released in the step that decides a death (signals.py: `_mark`),
inside the plane and before any monitor or link is told. So who looks up a key because of a Down message finds the key
free; nobody is needed to clean up, and there is no moment at which a roster shows the dead.

Keys are compared strictly, as Erlang's `=:=` does: by type and `==`, so 1, 1.0 and True are three keys. Hashes and
comparisons are code of the user, so they run outside the plane, against what was there; a change is made only if
nothing has changed meanwhile, else it is decided anew. Inside the plane entries are told apart by identity alone.

What subclasses tell others of a change (`_entered`, `_left`) is put into mailboxes in the same step, so that all
listeners hear of all changes in the order in which they happened.

Source: Elixir registry.ex; OTP pg.erl. Both clean up when they hear of a death themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NoReturn, final

from otpy.kernel import signals
from otpy.kernel.ets_sweep import KeysCollide
from otpy.kernel.pid import Pid, next_number
from otpy.kernel.plane import plane
from otpy.kernel.process import Process


def same(one: Any, other: Any) -> bool:
    """Whether two keys are one: of one type and equal, in tuples part by part."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) is tuple:
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@final
class Entry:
    """That *pid* is known under *key*, with *value*, which only *pid* and upgrades change."""

    __slots__ = ("key", "number", "pid", "value")

    def __init__(self, key: Any, pid: Process, value: Any) -> None:
        self.number = hash(key)
        self.key = key
        self.pid = pid
        self.value = value


class Roster:
    """Entries by key and by process. With *unique* a key has one entry at most.

    Once it has ended, looking and entering raise what `gone` returns.
    """

    def __init__(self, *, unique: bool) -> None:
        self.id = next_number()
        self.unique = unique
        self.owner: Process | None = None  # the process that it ends with, if there is one
        self._by_key: dict[int, dict[Entry, None]] | None = {}  # by the hashes of keys; None: it has ended
        self._by_process: dict[Process, dict[Entry, None]] = {}
        self._version = 0  # grows with every change

    def __copy__(self) -> Roster:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Roster:
        return self

    def __reduce__(self) -> NoReturn:
        msg = f"{self!r} knows processes of this interpreter and cannot be pickled"
        raise TypeError(msg)

    # -- looking: what belongs to one key is taken in one step of the interpreter, as it is at one moment

    def entries(self) -> list[Entry]:
        """Return all entries, in no order to rely on."""
        return [entry for bucket in list(self._buckets().values()) for entry in list(bucket)]

    def entries_of(self, key: Any) -> list[Entry]:
        """Return the entries of *key*, oldest first. Raises TypeError if it has no hash."""
        bucket = self._buckets().get(hash(key))
        return [entry for entry in list(bucket) if same(entry.key, key)] if bucket else []

    def one_of(self, key: Any) -> Entry | None:
        """Return an entry of *key*, None if there is none. It takes no longer where there are many."""
        bucket = self._buckets().get(hash(key))
        if not bucket:
            return None
        try:
            first = next(iter(bucket))
        except (StopIteration, RuntimeError):  # it changes at this moment
            return next(iter(self.entries_of(key)), None)
        if same(first.key, key):
            return first
        return next(iter(self.entries_of(key)), None)  # of another key with this hash

    def _buckets(self) -> dict[int, dict[Entry, None]]:
        if self._by_key is None:
            raise self.gone()
        return self._by_key

    def entries_by(self, process: Pid) -> list[Entry]:
        """Return the entries of *process*, oldest first."""
        return list(self._by_process.get(process, ()))  # type: ignore[call-overload]  # every Pid is a Process

    def entries_under(self, key: Any, process: Process) -> list[Entry]:
        """Return the entries of *process* under *key*, oldest first.

        Takes as long as there are entries of that process, or of that key, whichever are fewer.
        """
        number = hash(key)
        of_key, own = self._buckets().get(number), self._by_process.get(process)
        if not of_key or not own:
            return []
        if len(of_key) <= len(own):
            return [entry for entry in list(of_key) if entry.pid is process and same(entry.key, key)]
        return [entry for entry in list(own) if entry.number == number and same(entry.key, key)]

    # -- changing

    def enter(self, entry: Entry) -> Process | None:
        """Put *entry* in, and return None; or who has its key, where keys are unique. The dead are not entered."""
        while True:
            version = self._version
            if self.unique and (taken := self.one_of(entry.key)) is not None:
                return taken.pid
            with plane:
                if entry.pid.exit_reason is not None:
                    return None
                if self._put(entry, version):
                    self._entered(entry)
                    return None

    def _put(self, entry: Entry, version: int) -> bool:
        """Put the entry of a living process in, inside the plane; False if the roster has changed since *version*.

        Between the test and the last store stand no call and no jump back, so that no finalizer and no signal handler
        runs there. What comes before is harmless if the test fails.
        """
        buckets = self._buckets()
        signals.own(entry.pid, self)  # first: whatever happens, nothing is in that nobody would release
        bucket = buckets.setdefault(entry.number, {})
        own = self._by_process.setdefault(entry.pid, {})
        if self._version != version:
            return False
        bucket[entry] = None
        own[entry] = None
        self._version = version + 1
        return True

    def remove(self, entries: Iterable[Entry]) -> list[Entry]:
        """Take entries out, all at once; return those that were in."""
        with plane:
            left = [entry for entry in entries if self._leave_process(entry)]
            self._take_out(left)
        return left

    def _leave_process(self, entry: Entry) -> bool:
        own = self._by_process.get(entry.pid, {})
        if entry not in own:
            return False
        del own[entry]
        if not own:
            del self._by_process[entry.pid]
            if entry.pid is not self.owner:
                signals.disown(entry.pid, self)
        return True

    def _take_out(self, entries: Sequence[Entry]) -> None:
        """Take entries that have left their processes out of their buckets, inside the plane, and say so."""
        for entry in entries:
            self._drop(entry.number, entry)
        if entries:
            self._version += 1
            self._left(entries)

    def _drop(self, number: int, entry: Entry) -> None:
        buckets = self._by_key or {}
        bucket = buckets.get(number, {})
        bucket.pop(entry, None)
        if not bucket:
            buckets.pop(number, None)

    def replace(self, entry: Entry, change: Callable[[tuple[Any, Any]], tuple[Any, Any]]) -> None:
        """Let *entry*, if it is in, have what `change((key, value))` returns: for upgrades, when classes change.

        *change* may be called again, if somebody changes the entry meanwhile. Raises KeysCollide, and leaves the entry
        as it is, if another has that key and keys are unique.
        """
        while True:
            version, old = self._version, (entry.key, entry.value)
            new = change(old)
            if new is old or self._by_key is None:
                return
            key, value = new
            number = hash(key)
            if self.unique and any(other is not entry for other in self.entries_of(key)) and self._version == version:
                raise KeysCollide(key)
            with plane:
                if entry not in self._by_process.get(entry.pid, {}):
                    return
                buckets = self._buckets()
                bucket, before = buckets.setdefault(number, {}), entry.number
                if self._version == version and entry.value is old[1]:
                    bucket[entry] = None
                    entry.number, entry.key, entry.value = number, key, value
                    self._version = version + 1
                    if before != number:
                        self._drop(before, entry)
                    return

    def own(self) -> Collection[tuple[Any, Any]]:
        """Return what the roster keeps itself, which is nobody's entry: keys with values."""
        return ()

    def replace_own(self, change: Callable[[tuple[Any, Any]], tuple[Any, Any]]) -> None:
        """Let each of `own` be what `change((key, value))` returns, all at once. Raises KeysCollide."""

    # -- the end

    def open(self, owner: Process) -> None:
        """Live and end with *owner*, which calls this in its `init`."""
        with plane:
            self.owner = owner
            if owner.exit_reason is None:
                signals.own(owner, self)

    def released(self, owner: Process) -> object:
        """See otpy.kernel.process.Belonging: *owner* has ended, and its entries with it, or the roster itself."""
        if owner is self.owner:
            return self._close()
        entries = list(self._by_process.pop(owner, ()))
        self._take_out(entries)
        return entries

    def _close(self) -> object:
        """End it, inside the plane; return what was in it, to be dropped outside."""
        left = self._by_key, self._by_process
        self._by_key, self._by_process = None, {}
        self._version += 1
        for process in left[1]:
            signals.disown(process, self)
        return left

    # -- what subclasses say

    def gone(self) -> Exception:
        """Return what is raised where a roster is wanted that has ended."""
        raise NotImplementedError

    def _entered(self, entry: Entry) -> None:
        """Tell of an entry that has come in; inside the plane, so no code of a user may run."""

    def _left(self, entries: Sequence[Entry]) -> None:
        """Tell of entries that have gone, oldest first; inside the plane, so no code of a user may run."""
