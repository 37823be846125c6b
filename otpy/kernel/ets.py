"""Tables: rows that many processes read, and that one of them owns.

A table is a value of the runtime, not a process: nobody is asked and nobody waits. Its owner's death ends it before any
monitor hears of the death, or hands it to its heir; both happen inside the plane, as part of the death (signals.py).
How rows are kept and replaced is in ets_rows.py, what each change does to them in ets_changes.py, and what can be asked
of them in ets_reading.py.

Source: OTP ets.erl.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar, final, get_args

import msgspec

from otpy.errors import NoProcess, TableDenied, TableExists, TableGone
from otpy.kernel import ets_changes as changes
from otpy.kernel import ets_patterns, signals
from otpy.kernel.ets_order import Move
from otpy.kernel.ets_patterns import bind
from otpy.kernel.ets_reading import BAGS, UNSET, Kind, Reader, Snapshot, fixed_key
from otpy.kernel.ets_rows import Draft, Index, Row, Store
from otpy.kernel.ets_sweep import Sweep
from otpy.kernel.here import current
from otpy.kernel.messages import SIGNALS
from otpy.kernel.pid import Pid, next_number
from otpy.kernel.plane import plane
from otpy.kernel.process import Process, checked_pid, deliver
from otpy.kernel.runtime import current_runtime

T = TypeVar("T")
Access: TypeAlias = Literal["protected", "public", "private"]
Heir: TypeAlias = Pid | tuple[Pid, Any]


class Transfer(msgspec.Struct, frozen=True):
    """*table* is yours now: *from_pid* gave it away with *data*, or has ended and named you its heir with *data*."""

    table: Table
    from_pid: Pid
    data: Any


SIGNALS.add(Transfer)


class TableInfo(msgspec.Struct, frozen=True):
    """What is known of one table at one moment."""

    name: str | None
    kind: Kind
    access: Access
    owner: Pid
    heir: Pid | None
    keypos: int
    size: int


@final
class Table(Reader):
    """A table of rows: tuples, found by their key, which stands at *keypos*.

    A `set` has one row of each key, an `ordered_set` too and knows the next key, a `bag` any number of different ones,
    a `duplicate_bag` also of equal ones.
    Keys are told apart by hash and `==`. The running process owns the table. Everybody reads a `protected` table, and
    its owner alone changes it; a `public` one everybody changes, a `private` one nobody else reads. It ends with its
    owner, unless *heir* (a pid, or a pid and some data) lives: that one gets it, and `Transfer(table, from_pid, data)`.

    Every operation is atomic: others see all of it or nothing. Rows go in and out by reference, like messages; an
    upgrade brings them to its new classes, as it does with messages that wait. A table with a *name* is found with
    `Table.whereis(name)`.

    Source: OTP ets.erl: new/2.
    """

    ANY = ets_patterns.ANY
    Var = ets_patterns.Variable

    def __init__(
        self,
        name: str | None = None,
        *,
        kind: Kind = "set",
        access: Access = "protected",
        heir: Heir | None = None,
        keypos: int = 0,
    ) -> None:
        _check_option("kind", kind, Kind)
        _check_option("access", access, Access)
        if not isinstance(keypos, int) or isinstance(keypos, bool) or keypos < 0:
            msg = f"keypos is the place of the key in a row, counted from 0, not {keypos!r}"
            raise ValueError(msg)
        self.id = next_number()
        self.kind = kind
        self.access: Access = access
        self.keypos = keypos
        self._store = Store(ordered=kind == "ordered_set")
        self._heir, self._heir_data = _checked_heir(heir)
        self._owner = current()
        self._runtime = self._owner.runtime
        self._name: str | None = None
        taken = self._come_to_be(_checked_name(name))
        if name is not None and taken is not None:
            raise TableExists(name, taken)

    def _come_to_be(self, name: str | None) -> Table | None:
        """Take the name and the owner; return who has the name already."""
        with plane:
            alive = self._owner.exit_reason is None
            taken = self._enter_name(name) if alive else None
            if alive and taken is None:
                signals.own(self._owner, self)
            else:
                self._store.close()
        return taken

    def __repr__(self) -> str:
        return f"Table<{self.id} {self._name}>" if self._name else f"Table<{self.id}>"

    def __copy__(self) -> Table:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Table:
        return self

    def __reduce__(self) -> NoReturn:
        msg = f"{self!r} belongs to a process of this interpreter and cannot be pickled; take its to_list()"
        raise TypeError(msg)

    # -- names

    @classmethod
    def whereis(cls, name: str) -> Table | None:
        """Return the table that has *name*, or None."""
        return current_runtime().tables.get(name)

    @property
    def name(self) -> str | None:
        """Its name, or None."""
        return self._name

    def rename(self, name: str) -> None:
        """Give the table another name. Raises TableExists if a table has it. For whoever may write."""
        self._may_write()
        if _checked_name(name) == self._name:
            return
        with plane:
            taken = None if self._store.index is None else self._enter_name(name)
        if taken is not None:
            raise TableExists(name, taken)
        self._may_write()

    def _enter_name(self, name: str | None) -> Table | None:
        """Take *name*, inside the plane; return who has it already."""
        if name is None:
            return None
        taken = self._runtime.tables.get(name)
        if taken is None:
            self._leave_name()
            self._runtime.tables[name] = self
            self._name = name
        return taken

    def _leave_name(self) -> None:
        if self._name is not None and self._runtime.tables.get(self._name) is self:
            del self._runtime.tables[self._name]

    # -- owner and heir

    @property
    def owner(self) -> Pid:
        """Who owns it, or owned it last."""
        return self._owner

    def give_away(self, pid: Pid, data: Any = None) -> None:
        """Let *pid* own the table; it gets `Transfer(table, from_pid, data)`. For the owner; the dead raise NoProcess.

        Source: OTP ets.erl: give_away/3.
        """
        me = self._only_owner("give away")
        target = checked_pid(pid)
        if target is me:
            msg = f"{self!r} belongs to {pid!r} already"
            raise ValueError(msg)
        with plane:
            alive = target.exit_reason is None
            if alive and self._owner is me and self._store.index is not None:
                signals.disown(me, self)
                self._hand_to(target, data)
        if not alive:
            raise NoProcess(pid)

    def set_heir(self, heir: Heir | None) -> None:
        """Name who gets the table when its owner ends: a pid, a pid and some data, or None. For the owner."""
        self._only_owner("name an heir of")
        checked = _checked_heir(heir)
        with plane:
            old = self._heir, self._heir_data
            self._heir, self._heir_data = checked
        del old

    def drop(self) -> None:
        """Delete the table itself; later uses raise TableGone. For whoever may write.

        Source: OTP ets.erl: delete/1.
        """
        self._may_write()
        with plane:
            self._may_write()
            signals.disown(self._owner, self)
            left = self._close()
        del left

    def released(self, owner: Process) -> object:
        """See otpy.kernel.process.Belonging."""
        heir = self._heir
        if heir is None or heir.exit_reason is not None:
            return self._close()
        self._hand_to(heir, self._heir_data)
        return None

    def _hand_to(self, process: Process, data: Any) -> None:
        old, self._owner = self._owner, process
        signals.own(process, self)
        self._store.outdate()
        deliver(process, Transfer(self, old, data))

    def _close(self) -> object:
        self._leave_name()
        data, self._heir, self._heir_data = self._heir_data, None, None
        order, self._order = self._order, None
        return self._store.close(), order, data

    def replace_rows(self, change: Callable[[Row], Row | None]) -> int:
        """Put `change(row)` in the place of every row, or nothing, all at once; return how many rows have gone.

        For upgrades, when what rows hold gets new classes. *change* is called again for rows that come or change
        meanwhile. Raises KeysCollide, and leaves the table as it is, if two keys of a table that has one row of each
        are equal afterwards.
        """
        return Sweep(self._store, self.keypos, change, unique=self.kind not in BAGS).run()

    # -- who may do what

    def _only_owner(self, what: str) -> Process:
        me = current()
        if self._store.index is None:
            raise TableGone(self, self._owner)
        if me is not self._owner:
            raise TableDenied(self, me, self._owner, what)
        return me

    def _may_write(self) -> None:
        if self.access != "public":
            self._only_owner(f"change the {self.access}")
        elif current() and self._store.index is None:
            raise TableGone(self, self._owner)

    def _read(self) -> Index:
        me = current()
        index = self._store.index
        if index is None:
            raise TableGone(self, self._owner)
        if self.access == "private" and me is not self._owner:
            raise TableDenied(self, me, self._owner, "read the private")
        return index

    def _last_move(self) -> Move | None:
        return self._store.moved

    def _change(self, change: Callable[[Draft], T]) -> T:
        """Draft a change until it can be put in place; what `change` returns for the last draft."""
        while True:
            self._may_write()
            draft = Draft(self._store)
            result = change(draft)
            if draft.put_in_place():
                return result

    # -- reading that only a table has (see Reader for the rest)

    def size(self) -> int:
        """Return how many rows there are."""
        self._read()
        return self._store.size

    def snapshot(self) -> Snapshot:
        """Return a copy of all rows that never changes, belongs to nobody, and is read like the table."""
        return Snapshot(self.kind, self.keypos, self._read().copy())

    def info(self) -> TableInfo:
        """Return what is known of the table, whoever asks."""
        current()
        with plane:
            if self._store.index is not None:
                return TableInfo(
                    self._name, self.kind, self.access, self._owner, self._heir, self.keypos, self._store.size
                )
        raise TableGone(self, self._owner)

    # -- changing

    def insert(self, *rows: Row) -> None:
        """Put *rows* in, all at once. In a bag they come to those of their keys, else they replace them.

        What is in a bag already does not come again; it does in a duplicate_bag.
        """
        changes.check_rows(self, rows)
        self._change(lambda draft: changes.insert(draft, self, rows))

    def insert_new(self, *rows: Row) -> bool:
        """Put *rows* in if the table has none of their keys; otherwise change nothing and return False."""
        changes.check_rows(self, rows)
        return self._change(lambda draft: changes.insert_new(draft, self, rows))

    def delete(self, key: Any) -> None:
        """Take the rows of *key* out, if there are any."""
        self._change(lambda draft: changes.take(draft, key))

    def take(self, key: Any) -> list[Row]:
        """Take the rows of *key* out and return them."""
        return self._change(lambda draft: changes.take(draft, key))

    def delete_object(self, row: Row) -> None:
        """Take out the row that equals *row*, if there is one; in a bag other rows of its key stay."""
        changes.check_rows(self, (row,))
        self._change(lambda draft: changes.delete_object(draft, self, row))

    def match_delete(self, pattern: Row) -> int:
        """Take out the rows that match *pattern*, all at once, and return how many they were; see `match`."""
        key = fixed_key(self, pattern)
        if key is UNSET:
            return self.select_delete(lambda row: bind(pattern, row) is not None)
        return self._change(lambda draft: changes.delete_matching(draft, key, pattern))

    def select_delete(self, where: Callable[[Row], object]) -> int:
        """Take out the rows for which `where(row)` is true, all at once, and return how many they were.

        *where* is called again for rows that somebody changes meanwhile. It must not change the table itself: one that
        always does raises TableError.
        """
        self._may_write()
        gone = self.replace_rows(lambda row: None if where(row) else row)
        self._may_write()
        return gone

    def delete_all(self) -> None:
        """Take every row out."""
        self._may_write()
        with plane:
            self._may_write()
            left = self._store.clear()
        del left

    def update_counter(
        self,
        key: Any,
        increment: int = 1,
        default: Row | None = None,
        *,
        position: int | None = None,
        wrap: tuple[int, int] | None = None,
    ) -> int:
        """Add *increment* to the number at *position* in the row of *key* and return the sum. Nobody comes in between.

        *position* is the one behind the key unless given. Without such a row, *default* is put in first, with *key* as
        its key; NoSuchKey if there is none. With *wrap*, `(threshold, value)`, a sum beyond the threshold (above it, or
        below it if *increment* is negative) becomes *value*. Not for bags.

        Source: OTP ets.erl: update_counter/4.
        """
        place = changes.check_place(self, self.keypos + 1 if position is None else position)
        if default is not None:
            changes.check_rows(self, (default,))
        changes.check_count(increment, wrap)
        return self._change(
            lambda draft: changes.add_up(draft, self, key, place=place, increment=increment, default=default, wrap=wrap)
        )

    def update_element(self, key: Any, values: Mapping[int, Any], default: Row | None = None) -> None:
        """Replace what stands at some positions in the row of *key*: `{1: "new", 3: 0}`, all at once.

        Without such a row, *default* is put in first, with *key* as its key; NoSuchKey if there is none. Not for bags.
        """
        if not isinstance(values, Mapping):
            msg = f"the new values are a dict by position, such as {{1: 'new'}}, not {values!r}"
            raise TypeError(msg)
        places = {changes.check_place(self, position): value for position, value in values.items()}
        if default is not None:
            changes.check_rows(self, (default,))
        self._change(lambda draft: changes.replace(draft, self, key, places=places, default=default))


def rows_of(table: Table) -> list[Row]:
    """Return all rows, whoever asks: for upgrades, which look for what gets new classes."""
    index = table._store.index  # noqa: SLF001 - of its own module
    return [] if index is None else [row for bucket in list(index.values()) for _, rows in bucket for row in rows]


def _check_option(name: str, given: object, accepted: Any) -> None:
    if given not in get_args(accepted):
        msg = f"{name} is one of {', '.join(map(repr, get_args(accepted)))}, not {given!r}"
        raise ValueError(msg)


def _checked_name(name: str | None) -> str | None:
    if name is not None and (not isinstance(name, str) or not name):
        msg = f"the name of a table is a non-empty str, not {name!r}"
        raise TypeError(msg)
    return name


def _checked_heir(heir: Heir | None) -> tuple[Process | None, Any]:
    match heir:
        case None:
            return None, None
        case (pid, data):
            return checked_pid(pid), data
        case _:
            return checked_pid(heir), None
