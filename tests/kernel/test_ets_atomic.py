"""Tables: every operation is atomic, and no code of a user runs under a lock."""

from __future__ import annotations

import contextlib
import functools
import random
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

import otpy
from otpy import Table
from otpy.kernel.plane import in_plane
from tests.kernel.ets_kit import KINDS, Clash, Kind, owner_of
from tests.support import DEADLINE, get, inside, reason_of

kinds = pytest.mark.parametrize("kind", KINDS)

# -- many at once ----------------------------------------------------------------------------------


def at_once(*work: Callable[[], object]) -> None:
    """Run all of *work* on threads, and raise what one of them raises."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(work))

    def run(one: Callable[[], object]) -> None:
        start.wait()
        try:
            one()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Let the interpreter change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_switches")
def test_no_count_is_lost() -> None:
    """Threads and processes count the same key."""
    with otpy.runtime():
        table = Table(access="public")

        def count() -> None:
            for _ in range(500):
                table.update_counter(Clash("hits"), 1, ("_", 0))

        pids = [otpy.spawn(count) for _ in range(4)]
        at_once(*[count] * 4)
        for pid in pids:
            reason_of(pid)
        assert table.to_list() == [(Clash("hits"), 8 * 500)]


@pytest.mark.usefixtures("quick_switches")
@kinds
def test_what_is_inserted_together_is_seen_together(kind: Kind) -> None:
    """And deleted together: no reader sees a half."""
    with otpy.runtime():
        table = Table(kind=kind, access="public")
        done = threading.Event()

        def write() -> None:
            for number in range(300):
                table.insert(*((key, number) for key in range(5)))
                table.delete_all()
            done.set()

        def read() -> None:
            while not done.is_set():
                rows = table.to_list()
                assert len(rows) in {0, 5}
                assert len({row[1] for row in rows}) <= 1

        at_once(write, read, read)
        assert table.size() == 0


@pytest.mark.usefixtures("quick_switches")
def test_one_of_many_inserts_a_new_row() -> None:
    """The others are told that it is there; the size stays right."""
    with otpy.runtime():
        table = Table(access="public")
        won: list[int] = []

        def insert(who: int) -> None:
            won.extend(key for key in range(200) if table.insert_new((key, who), (key + 1000, who)))

        at_once(*(functools.partial(insert, who) for who in range(4)))
        assert sorted(won) == list(range(200))
        assert table.size() == len(table.to_list()) == 400
        assert all(table.lookup_element(key, 1) == table.lookup_element(key + 1000, 1) for key in range(200))


@pytest.mark.usefixtures("quick_switches")
def test_an_ordered_set_is_walked_while_others_change_it() -> None:
    """Keys that stay are met in their order, whatever comes and goes between them."""
    with otpy.runtime():
        table = Table(kind="ordered_set", access="public")
        table.insert(*((key,) for key in range(0, 100, 2)))
        done = threading.Event()

        def change() -> None:
            for number in range(400):
                table.insert((number % 50 * 2 + 1,))
                table.delete((number * 7) % 50 * 2 + 1)
            done.set()

        def walk() -> None:
            while not done.is_set():
                met, key = list[int](), table.first()
                while key is not None:
                    met.append(key)
                    key = table.next(key)
                assert [key for key in met if key % 2 == 0] == list(range(0, 100, 2))
                assert met == sorted(met)

        at_once(change, walk)


class Greedy(Clash):
    """A key whose `==` changes the table that it is looked up in."""

    def __init__(self, name: str, table: Table) -> None:
        super().__init__(name)
        self.table = table
        self.tries = 3

    def __eq__(self, other: object) -> bool:
        if self.tries:
            self.tries -= 1
            self.table.update_counter("count", 1, ("_", 0))
        return Clash.__eq__(self, other)

    __hash__ = Clash.__hash__


@inside
def test_a_comparison_may_change_the_table() -> None:
    """It runs outside every lock, and what it was run for is done anew; nothing is lost."""
    table = Table()
    table.insert((Clash("a"), 0))
    key = Greedy("a", table)
    assert table.update_counter(key) == 1
    assert table.lookup("count") == [("count", 3)]
    assert (table.lookup(Clash("a"))[0][1], table.size()) == (1, 2)


class Last:
    """A value whose finalizer counts in the table that it stood in."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __del__(self) -> None:
        if not in_plane():
            self.table.update_counter("finalized", 1, ("_", 0))


@inside
def test_a_finalizer_of_a_replaced_value_may_change_the_table() -> None:
    """No lock is held where the last reference goes."""
    table = Table()
    table.insert((1, Last(table)), (2, Last(table)), (3, Last(table)))
    table.insert((1, "replaced"))
    table.delete(2)
    table.update_element(3, {1: "replaced"})
    table.insert((4, Last(table)))
    kept = table.lookup_element("finalized", 1)
    assert kept == 3
    table.delete_all()
    assert table.to_list() == [("finalized", 1)]


@inside
def test_the_death_of_an_owner_finalizes_its_rows_outside_every_lock() -> None:
    """They may use otpy; the table is gone by then."""
    asker = otpy.self_pid()

    class Telling:
        def __del__(self) -> None:
            otpy.send(asker, "in a lock" if in_plane() else "finalized")

    pid, _ = owner_of(lambda: _with_row(Telling()))
    otpy.exit(pid, otpy.Kill())
    assert get() == "finalized"


def _with_row(value: object) -> Table:
    table = Table()
    table.insert(("row", value))
    return table


def use(table: Table) -> None:
    """Use it for ever."""
    while True:
        table.update_counter("a", 1, ("a", 0))
        assert table.lookup("a")


@pytest.mark.usefixtures("quick_switches")
def test_a_table_that_ends_under_its_users_says_so() -> None:
    """No operation is lost in it silently."""
    with otpy.runtime():
        for _ in range(20):
            pid, table = owner_of(lambda: Table(access="public"))

            def use_until_gone(table: Table = table) -> None:
                with pytest.raises(otpy.TableGone):
                    use(table)

            at_once(use_until_gone, use_until_gone, functools.partial(otpy.exit, pid, otpy.Kill()))


# -- all rows, while others change them ------------------------------------------------------------


@inside
def test_taking_out_comes_to_an_end_while_others_change_the_table() -> None:
    """Only what they have changed is looked at again: a busy table is never busy enough to keep it from that."""
    table = Table(access="public")
    table.insert(*((number,) for number in range(100)))

    def where(row: tuple[Any, ...]) -> bool:
        if row[0] != "count":
            table.update_counter("count", 1, ("_", 0))
        return row[0] in range(50)

    assert table.select_delete(where) == 50
    assert (table.size(), table.lookup_element("count", 1)) == (51, 100)


@inside
def test_a_function_that_always_changes_the_table_is_refused() -> None:
    """It would never come to an end; the table is as it was, but for what the function has done."""
    table = Table()
    table.insert(("a", 1))
    with pytest.raises(otpy.TableError, match="must not change it"):
        table.select_delete(lambda _: table.update_counter("a"))
    assert table.member("a")


@kinds
@inside
def test_rows_that_come_while_all_are_exchanged_are_exchanged_too(kind: Kind) -> None:
    """Random changes in between: afterwards all is new, and what was taken out stays out."""
    seed = random.randrange(2**32)  # noqa: S311 - a test
    print(f"seed {seed}")  # noqa: T201 - for who repeats it
    chance = random.Random(seed)  # noqa: S311 - a test
    table = Table(kind=kind, keypos=1)
    expected = set(range(40))
    table.insert(*(("old", number) for number in expected))
    left = 200

    def change(row: tuple[Any, ...]) -> tuple[Any, ...]:
        nonlocal left
        if left:
            left -= 1
            key = chance.randrange(60)
            if chance.random() < 0.5:
                table.delete(key)
                expected.discard(key)
            else:
                table.insert(("old", key, left))
                expected.add(key)
        return row if row[0] == "new" else ("new", *row[1:])

    table.replace_rows(change)
    rows = table.to_list()
    assert {row[0] for row in rows} <= {"new"}
    assert {row[1] for row in rows} == expected
    assert table.size() == len(rows)
    assert all(row in table.lookup(row[1]) for row in rows)


@kinds
@inside
def test_keys_that_become_equal_are_told_from_keys_that_were_never_there_together(kind: Kind) -> None:
    """A row that has gone while the others were looked at is nobody's rival."""
    table = Table(kind=kind)
    table.insert((1, "a"), (2, "b"))

    def change(row: tuple[Any, ...]) -> tuple[Any, ...]:
        if row[0] == 2:
            table.delete(1)
        return (7, row[1])

    table.replace_rows(change)
    assert table.to_list() == [(7, "b")]


@inside
def test_emptying_a_table_asks_no_key_anything() -> None:
    """Neither hashes nor comparisons run, and nobody can come in between."""
    table = Table()
    key = Greedy("a", table)
    table.insert((Clash("a"), 0), (1, 2))
    table.insert((key, 1))
    tries = key.tries = 3
    table.delete_all()
    assert (table.to_list(), table.size(), key.tries) == ([], 0, tries)


@contextlib.contextmanager
def written_all_the_time(table: Table) -> Generator[None]:
    """Have another thread change a row of *table* as often as it can."""
    stop, begun = threading.Event(), threading.Event()

    def write() -> None:
        while not stop.is_set():
            table.update_counter("counter", 1, ("counter", 0))
            begun.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(DEADLINE)
    try:
        yield
    finally:
        stop.set()
        thread.join(DEADLINE)


def test_a_change_of_all_rows_comes_to_its_end_while_others_write() -> None:
    """An upgrade must not wait for a quiet moment that never comes."""
    with otpy.runtime():
        table = Table(access="public")
        table.insert(*((number, "old") for number in range(3000)))
        with written_all_the_time(table):
            table.replace_rows(lambda row: (row[0], "new") if row[1] == "old" else row)
            assert table.select_count(lambda row: row[1] == "new") == 3000
            assert table.match_delete((Table.ANY, "new")) == 3000
            table.insert(*((number, "more") for number in range(3000)))
            table.delete_all()
            assert table.size() <= 1
        assert {row[0] for row in table.to_list()} <= {"counter"}
