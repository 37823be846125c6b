"""Tables: who may do what with them, and what becomes of them when their owner ends."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy import Table, Transfer
from otpy.kernel import signals
from otpy.kernel.plane import in_plane, plane
from otpy.kernel.process import Process
from tests.kernel.ets_kit import owner_of, run_in_process
from tests.support import down, eventually, get, idle_process, inside, python, reason_of

ANY = Table.ANY

# -- access ----------------------------------------------------------------------------------------

READS: dict[str, Callable[[Table], object]] = {
    "lookup": lambda table: table.lookup("a"),
    "member": lambda table: table.member("a"),
    "lookup_element": lambda table: table.lookup_element("a", 1),
    "to_list": lambda table: table.to_list(),
    "match": lambda table: table.match((ANY, ANY)),
    "match_object": lambda table: table.match_object(("a", ANY)),
    "select": lambda table: table.select(bool),
    "select_count": lambda table: table.select_count(bool),
    "size": lambda table: table.size(),
    "first": lambda table: table.first(),
    "next": lambda table: table.next("_"),
    "snapshot": lambda table: table.snapshot(),
}
WRITES: dict[str, Callable[[Table], object]] = {
    "insert": lambda table: table.insert(("a", 2)),
    "insert_new": lambda table: table.insert_new(("b", 2)),
    "delete": lambda table: table.delete("a"),
    "take": lambda table: table.take("a"),
    "delete_object": lambda table: table.delete_object(("a", 1)),
    "delete_all": lambda table: table.delete_all(),
    "match_delete": lambda table: table.match_delete((ANY, ANY)),
    "select_delete": lambda table: table.select_delete(bool),
    "update_counter": lambda table: table.update_counter("a"),
    "update_element": lambda table: table.update_element("a", {1: 5}),
    "rename": lambda table: table.rename("other"),
    "drop": lambda table: table.drop(),
}
OWNERS: dict[str, Callable[[Table], object]] = {
    "give_away": lambda table: table.give_away(otpy.self_pid()),
    "set_heir": lambda table: table.set_heir(None),
}
MAY = {"private": {}, "protected": READS, "public": READS | WRITES}


@pytest.mark.parametrize("access", MAY)
@pytest.mark.parametrize("operation", READS | WRITES | OWNERS)
@inside
def test_others_may_do_what_the_access_says(access: Any, operation: str) -> None:
    """The error names who asked and who owns it; the owner may do everything."""
    table = Table(kind="ordered_set", access=access)
    table.insert(("a", 1))
    do = (READS | WRITES | OWNERS)[operation]
    result = run_in_process(lambda: do(table))
    if operation in MAY[access]:
        assert not isinstance(result, Exception)
    else:
        assert isinstance(result, otpy.TableDenied)
        assert result.owner is otpy.self_pid()
        assert result.pid is not result.owner
        assert "ask the owner" in str(result)
        assert table.to_list() == [("a", 1)]
        if operation != "give_away":
            do(table)


# -- owner and heir --------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", READS | WRITES | OWNERS | {"info": Table.info})
@inside
def test_a_table_ends_with_its_owner(operation: str) -> None:
    """Every later use says so."""
    pid, table = owner_of(lambda: Table("users", kind="ordered_set", access="public"))
    otpy.exit(pid, otpy.Kill())
    reason_of(pid)
    with pytest.raises(otpy.TableGone, match="an heir") as error:
        (READS | WRITES | OWNERS | {"info": Table.info})[operation](table)
    assert error.value.owner is pid
    assert Table.whereis("users") is None


@inside
def test_a_table_is_gone_before_the_monitors_of_its_owner_hear() -> None:
    """Who hears the death can take the name, also of an owner that was dead when it looked."""
    for _ in range(50):
        pid, table = owner_of(lambda: Table("users"))
        ref = otpy.monitor(pid)
        threading.Thread(target=otpy.exit, args=(pid, otpy.Kill())).start()
        down(ref)
        with pytest.raises(otpy.TableGone):
            table.size()
        Table("users").drop()


class Released:
    """A belonging that keeps whether the plane was held, and its owner alive, when it was released."""

    def __init__(self) -> None:
        self.found: list[tuple[bool, bool]] = []

    def released(self, owner: Process) -> object:
        """Look around."""
        self.found.append((in_plane(), otpy.is_alive(owner)))
        return None


@inside
def test_a_belonging_is_released_inside_the_plane() -> None:
    """As part of the death; what was disowned before is left alone."""
    pid = idle_process()
    assert isinstance(pid, Process)
    kept, left = Released(), Released()
    with plane:
        signals.own(pid, kept)
        signals.own(pid, left)
        signals.disown(pid, left)
    otpy.exit(pid, otpy.Kill())
    assert (kept.found, left.found) == ([(True, False)], [])


def test_who_monitors_the_dead_finds_no_table_of_theirs() -> None:
    """Whoever hears of a death, by a monitor that came too late too, can take the name."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with otpy.runtime():
            for _ in range(300):
                pid, _ = owner_of(lambda: Table("users"))
                thread = threading.Thread(target=otpy.exit, args=(pid, otpy.Kill()))
                thread.start()
                while not any(isinstance(message, otpy.Down) for message in otpy.flush()):
                    otpy.monitor(pid)
                assert Table.whereis("users") is None
                thread.join()
                otpy.flush()
    finally:
        sys.setswitchinterval(before)


@inside
def test_the_heir_gets_the_table_before_it_hears_of_the_death() -> None:
    """With a message that says from whom, and the rows as they were; nobody else notices."""
    heir = otpy.self_pid()
    pid, table = owner_of(lambda: Table("users", heir=(heir, "data")))
    otpy.monitor(pid)
    otpy.send(pid, "end")
    assert get() == Transfer(table, pid, "data")
    assert isinstance(get(), otpy.Down)
    assert table.owner is heir
    table.insert(("mine", 1))
    assert Table.whereis("users") is table


@inside
def test_a_dead_heir_gets_nothing() -> None:
    """The table ends."""
    heir = idle_process()
    pid, table = owner_of(lambda: Table(heir=heir))
    for each in (heir, pid):
        otpy.exit(each, otpy.Kill())
        reason_of(each)
    with pytest.raises(otpy.TableGone):
        table.size()


@inside
def test_an_heir_that_dies_with_the_owner_gets_nothing_for_long() -> None:
    """A link takes both; the table does not stay behind, and its name is free."""
    asker = otpy.self_pid()

    def own() -> None:
        heir = otpy.spawn_link(otpy.receive)
        otpy.send(asker, (heir, Table("users", heir=heir)))
        otpy.receive()

    pid = otpy.spawn(own)
    heir, table = get()
    otpy.exit(pid, otpy.Kill())
    reason_of(heir)
    with pytest.raises(otpy.TableGone):
        table.size()
    assert Table.whereis("users") is None


@inside
def test_the_heir_may_be_changed() -> None:
    """Also by who has got the table."""
    me = otpy.self_pid()
    table = Table()
    table.set_heir((me, 1))
    assert table.info().heir is me
    table.set_heir(None)
    assert table.info().heir is None


@inside
def test_a_table_is_given_away() -> None:
    """The new owner is told, and the table lives and dies with it."""
    asker = otpy.self_pid()

    def take() -> None:
        message = get()
        message.table.insert(("by", "the new owner"))
        otpy.send(asker, message)
        otpy.receive()

    pid = otpy.spawn(take)
    table = Table()
    table.give_away(pid, "data")
    assert get() == Transfer(table, asker, "data")
    assert table.to_list() == [("by", "the new owner")]
    with pytest.raises(otpy.TableDenied):
        table.insert(("a", 1))
    otpy.exit(pid, otpy.Kill())
    reason_of(pid)
    with pytest.raises(otpy.TableGone):
        table.size()


@inside
def test_a_table_cannot_be_given_to_the_dead_or_to_its_owner() -> None:
    """It stays where it is."""
    table = Table()
    pid = idle_process()
    otpy.exit(pid, otpy.Kill())
    reason_of(pid)
    with pytest.raises(otpy.NoProcess):
        table.give_away(pid)
    with pytest.raises(ValueError, match="already"):
        table.give_away(otpy.self_pid())
    with pytest.raises(TypeError, match="no Pid"):
        table.give_away("name")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert table.owner is otpy.self_pid()


@inside
def test_a_table_outlives_its_readers() -> None:
    """A reader that is restarted finds the rows as they were."""
    table = Table("cache", access="public")
    for number in range(3):
        run_in_process(functools.partial(table.insert, (number, "from a reader")))
    found = run_in_process(lambda: Table.whereis("cache"))
    assert found is table
    assert run_in_process(table.size) == 3


def test_a_thread_owns_its_table_until_it_ends() -> None:
    """A thread is a process."""
    with otpy.runtime():
        made: list[Table] = []
        thread = threading.Thread(target=lambda: made.append(Table()))
        thread.start()
        thread.join()
        eventually(lambda: otpy.process_info(made[0].owner) is None)
        with pytest.raises(otpy.TableGone):
            made[0].size()


def test_tables_do_not_outlive_the_runtime_nor_cross_a_fork() -> None:
    """The child of a fork has no processes, so it has no tables."""
    done = python(
        """
        import os, warnings, otpy
        warnings.simplefilter("ignore")
        table = otpy.Table("users", heir=otpy.spawn(otpy.receive))
        table.insert(("a", 1))
        child = os.fork()
        if not child:
            try:
                table.lookup("a")
            except otpy.TableGone:
                os._exit(0 if otpy.Table.whereis("users") is None else 2)
            os._exit(1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), table.lookup("a"))
        """
    )
    assert done.stdout == "0 [('a', 1)]\n", done.stderr
