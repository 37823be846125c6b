"""Registries, groups and tables at an upgrade: who is known stays known, and what is kept gets the new classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy import Registry, Table, Via, pg, upgrade
from otpy.planning.steps import STEPS
from tests.properties.deeds import at_step
from tests.support import DEADLINE, eventually, get, idle_process, inside
from tests.upgrade.conftest import Make

NAME = "m_registered"

V1 = """
from dataclasses import dataclass
import otpy

__vsn__ = "1"

@dataclass(frozen=True)
class Room:
    name: str
    floor: int = 0

class Server(otpy.GenServer):
    def init(self, arg):
        return otpy.Ok(arg)

    def handle_call(self, request, from_, state):
        return otpy.Reply(request(), state)

    def answer(self):
        return 1
"""

V2 = V1.replace('"1"', '"2"').replace(
    "floor: int = 0", "floor: int\n    __slots__ = ('name', 'floor')\n    def more(self): return 1"
)
"""A class that cannot stay the same object: its instances are brought over wherever they are."""

NO_FLOOR = V1.replace('"1"', '"2"').replace("    floor: int = 0\n", "")
"""What told some rooms apart is gone."""


def in_server(via: Any, fn: Callable[[], Any]) -> Any:
    """Have the server of *via* run *fn*."""
    return otpy.call(via, fn, timeout=DEADLINE)


@pytest.mark.parametrize("source", [V1.replace("return 1", "return 2"), V2], ids=["body", "class"])
@inside
def test_who_is_registered_stays_registered(module: Make, source: str) -> None:
    """Under its name, its keys, and in its groups; back and forth."""
    loaded = module(NAME, V1)
    registry = Registry("unique", name="rooms")
    pid: otpy.Pid = loaded.Server.start(name=Via("rooms", "hall", {"seats": 3}))
    topics = Registry("duplicate")
    in_server(pid, lambda: [topics.register("news"), topics.register("news")])
    pg.join("servers", [pid, pid])
    changes: list[Callable[[], object]] = [
        lambda: upgrade.reload_module(NAME, source),
        lambda: upgrade.rollback_module(NAME),
    ]
    for change in changes:
        change()
        assert otpy.whereis(Via("rooms", "hall")) is pid
        assert registry.lookup("hall") == [(pid, {"seats": 3})]
        assert registry.keys(pid) == ["hall"]
        assert topics.values("news", pid) == [None, None]
        assert pg.members("servers") == [pid, pid]
    otpy.stop(pid)
    assert registry.count() == topics.count() == 0
    assert pg.members("servers") == []


def _owner_is_a_server(loaded: Any) -> Any:
    return loaded.Server.start()


def _owner_is_another_server(_loaded: Any) -> Any:
    """Of a module that is not touched."""

    class Other(otpy.GenServer[None]):
        def init(self, arg: None) -> Any:
            return otpy.Ok(arg)

        def handle_call(self, request: Any, from_: otpy.From, state: None) -> Any:
            return otpy.Reply(request(), state)

    return Other.start()


OWNERS: dict[str, Callable[[Any], Any]] = {
    "of the module": _owner_is_a_server,
    "of another module": _owner_is_another_server,
}


@pytest.mark.parametrize("owner", OWNERS)
@inside
def test_values_and_keys_of_a_server_are_brought_over(module: Make, owner: str) -> None:
    """With what its state shares with them; and rollback restores the very objects."""
    loaded = module(NAME, V1)
    old = loaded.Room
    pid = OWNERS[owner](loaded)
    registry = Registry("unique", meta={"first": old("meta")})
    key, value = old("key"), old("value", 2)
    in_server(pid, lambda: registry.register(key, [value]))
    pg.join(old("group"), pid)
    upgrade.reload_module(NAME, V2)
    new = loaded.Room
    assert new is not old
    assert registry.lookup(new("key", 0)) == [(pid, [new("value", 2)])]
    assert type(registry.meta("first")) is new
    assert registry.lookup(key) == []
    assert in_server(pid, lambda: registry.update_value(new("key", 0), len)) == (1, [new("value", 2)])
    assert pg.members(new("group", 0)) == [pid]
    assert [type(group) for group in pg.which_groups()] == [new]
    upgrade.rollback_module(NAME)
    assert [type(entry[0]).__name__ for entry in registry.select()] == ["Room"]
    assert registry.lookup(loaded.Room("key")) == [(pid, 1)]
    assert registry.lookup(new("key", 0)) == []
    assert pg.members(loaded.Room("group")) == [pid]


@inside
def test_values_of_plain_processes_are_brought_over(module: Make) -> None:
    """They cannot rest, and need not: an entry is exchanged as a whole."""
    loaded = module(NAME, V1)
    old, me = loaded.Room, otpy.self_pid()
    registry = Registry("duplicate", listeners=["listener"])
    table = Table()
    registry.register("k", old("mine"))
    registry.register("k", "other")
    table.insert(("row", old("row")), ("other", 1))
    before = table.lookup("other")
    upgrade.reload_module(NAME, V2)
    new = loaded.Room
    assert registry.values("k", me) == [new("mine", 0), "other"]
    assert table.lookup("row") == [("row", new("row", 0))]
    assert table.lookup("other")[0] is before[0]
    upgrade.rollback_module(NAME)
    assert [type(value) for value in registry.values("k", me)] == [loaded.Room, str]
    assert type(table.lookup("row")[0][1]) is loaded.Room


@inside
def test_rows_are_brought_over_whoever_owns_them(module: Make) -> None:
    """Also if the owner is a server of another module, such as a supervisor that outlives its children."""
    loaded = module(NAME, V1)
    old = loaded.Room
    pid = _owner_is_another_server(loaded)
    table: Table = in_server(pid, lambda: Table(kind="bag", access="public"))
    table.insert(("k", old("a")), ("k", old("b")), (old("key"), 1))
    upgrade.reload_module(NAME, V2)
    new = loaded.Room
    assert table.lookup("k") == [("k", new("a", 0)), ("k", new("b", 0))]
    assert table.lookup(new("key", 0)) == [(new("key", 0), 1)]


@pytest.mark.parametrize("step", STEPS)
@inside
def test_whatever_fails_leaves_all_entries_as_they_were(module: Make, step: str) -> None:
    """The very objects, under the very keys."""
    old = module(NAME, V1)
    pid = old.Server.start()
    registry, table = Registry("unique"), Table()
    key, value = old.Room("key"), old.Room("value")
    in_server(pid, lambda: registry.register(key, value))
    pg.join(key, pid)
    registry.register("mine", value)
    table.insert((key, value))
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module(NAME, V2, force_rollback_at=step)
    assert registry.lookup(key)[0][1] is value
    assert registry.keys(pid)[0] is key
    assert registry.lookup("mine")[0][1] is value
    assert pg.which_groups()[0] is key
    assert pg.members(key) == [pid]
    assert table.to_list()[0][0] is key
    assert table.lookup(key)[0][1] is value


@pytest.mark.parametrize("kept_in", ["registry", "table"])
@inside
def test_keys_that_become_equal_are_refused(module: Make, kept_in: str) -> None:
    """One of two names would be lost; so nothing changes."""
    old = module(NAME, V1)
    one, other = old.Room("hall", 1), old.Room("hall", 2)
    registry, table = Registry("unique"), Table()
    if kept_in == "registry":
        registry.register(one, 1)
        registry.register(other, 2)
    else:
        table.insert((one, 1), (other, 2))
    with pytest.raises(otpy.MigrationFailed, match="equal after the migration"):
        upgrade.reload_module(NAME, NO_FLOOR, rehearse=False)
    if kept_in == "registry":
        assert [registry.lookup(key)[0][1] for key in (one, other)] == [1, 2]
        assert [key.floor for key in registry.keys(otpy.self_pid())] == [1, 2]
    else:
        assert [table.lookup(key) for key in (one, other)] == [[(one, 1)], [(other, 2)]]


@pytest.mark.parametrize("step", STEPS)
@inside
def test_keys_of_a_class_that_stays_the_same_object_are_found_again(module: Make, step: str) -> None:
    """Its instances have another hash while the new version is tried, and the old one afterwards."""
    old = module(NAME, V1)
    registry, table = Registry("unique"), Table()
    keys = [old.Room("hall", floor) for floor in range(2)]
    registry.register(keys[0], 0)
    table.insert((keys[0], 0))
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module(NAME, NO_FLOOR, force_rollback_at=step)
    registry.register(keys[1], 1)
    table.insert((keys[1], 1))
    assert [registry.lookup(key)[0][1] for key in keys] == [0, 1]
    assert [table.lookup(key) for key in keys] == [[(keys[0], 0)], [(keys[1], 1)]]


@inside
def test_who_watches_a_group_goes_on_watching(module: Make) -> None:
    """Also if the group has another name afterwards."""
    loaded = module(NAME, V1)
    old = loaded.Room
    ref, _ = pg.monitor(old("group"))
    other = idle_process()
    pg.join(old("group"), other)
    assert type(get()) is pg.Joined
    upgrade.reload_module(NAME, V2)
    pg.leave(loaded.Room("group", 0), other)
    assert get() == pg.Left(ref, loaded.Room("group", 0), (other,))


@inside
def test_a_sleeper_and_a_server_made_of_it_are_upgraded(module: Make) -> None:
    """A plain process that has become a server is one for upgrades, too; one that sleeps wakes in the new code."""
    source = (
        V1
        + """
def begin():
    otpy.proc_lib.init_ack()
    otpy.proc_lib.enter_loop(Server, otpy.Ok([Room("state")]))

def sleep():
    otpy.proc_lib.init_ack()
    otpy.proc_lib.hibernate(wake)

def wake():
    otpy.send("test", (otpy.receive(), "one"))
"""
    )
    otpy.register("test", otpy.self_pid())
    loaded = module(NAME, source)
    pid, sleeper = otpy.proc_lib.start(loaded.begin), otpy.proc_lib.start(loaded.sleep)
    report = upgrade.reload_module(NAME, source.replace(V1, V2).replace('"one"', '"two"'))
    assert [type(room) for room in otpy.sys.get_state(pid)] == [loaded.Room]
    assert pid in report.affected_processes
    otpy.send(sleeper, "wake")
    assert get() == ("wake", "two")


@pytest.mark.parametrize(
    "source", [V1.replace("floor: int = 0", "floor: int = 0\n    x: int = 0"), V2], ids=["fields", "class"]
)
@inside
def test_what_others_do_meanwhile_stays_when_the_upgrade_goes_back(module: Make, source: str) -> None:
    """They are not held: a counter that they raise, a value that they exchange, is as they have left it."""
    room = module(NAME, V1).Room
    seats: Table = Table("seats", access="public")
    seats.insert((room("hall"), 1), (room("attic"), 5))
    registry = Registry("unique", name="rooms", meta={"best": room("hall"), room("attic"): "dusty"})

    def who_is_not_held() -> None:
        registry.register(room("hall"), "empty")
        otpy.receive()
        (hall,) = registry.keys(otpy.self_pid())
        seats.update_counter(hall, 1)
        registry.update_value(hall, lambda _: "full")
        registry.delete_meta("best")
        registry.put_meta("open", value=True)
        otpy.receive()

    def meanwhile() -> None:
        otpy.send(other, "begin")
        eventually(lambda: registry.meta("open"))

    other = otpy.spawn(who_is_not_held)
    eventually(lambda: registry.count() == 1)
    with at_step("check", meanwhile), pytest.raises(otpy.UpgradeError):
        upgrade.reload_module(NAME, source, force_rollback_at="children")
    assert seats.lookup(room("hall")) == [(room("hall"), 2)]
    assert seats.lookup(room("attic")) == [(room("attic"), 5)]
    assert registry.lookup(room("hall")) == [(other, "full")]
    assert (registry.meta("open"), registry.meta("best"), registry.meta(room("attic"))) == (True, None, "dusty")
