"""What a node tells `otpy top`: read from its own tables, bounded in its work, and nobody gets a message for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import otpy as otp
from otpy import Ok, SupFlags
from otpy.cli import looking
from otpy.cli.client import ask
from otpy.cli.exits import BadInput
from otpy.cli.looking import LEVEL_AT_MOST, Changes, levels, rows
from otpy.cli.rows import Batch, Details, Level, Row
from otpy.cli.top.link import all_processes, details_of
from otpy.kernel.primitives import status_of
from tests.cli.conftest import Here
from tests.support import Echo, eventually_outside

MANY = 10_000


class Secretive(otp.GenServer[dict[str, Any]]):
    """Hides a part of its state."""

    __vsn__ = "3"

    def init(self, arg: dict[str, Any]) -> Ok[dict[str, Any]]:
        """Start with *arg*."""
        return Ok(arg)

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        """Hide the password."""
        if status["state"].get("broken"):
            raise ValueError("no")
        return {**status, "state": {**status["state"], "password": "***"}}


class Shop(otp.Supervisor):
    """Has a pool, a child that runs, and one that does not."""

    def init(self, arg: object) -> tuple[SupFlags, list[Any]]:
        """Return the children."""
        pool = otp.ChildSpec(id="pool", start=otp.MFA(__name__, "start_pool", ()), type="supervisor")
        return SupFlags(), [pool, Echo.child_spec(id="echo", name="echo"), Echo.child_spec(id=("a", 1))]


def start_pool() -> otp.Pid:
    """Start the pool."""
    return otp.DynamicSupervisor.start_link(name="pool")


@pytest.fixture
def runtime() -> Iterator[Any]:
    """Give a runtime of its own."""
    with otp.runtime() as made:
        yield made


def living(runtime: Any) -> list[Any]:
    """Return the processes."""
    return list(runtime.processes())


def settled(changes: Changes) -> None:
    """Wait until nothing changes any more."""
    eventually_outside(lambda: changes.batch().rows == [])


def fill(count: int) -> list[otp.Pid]:
    """Start a pool of *count* servers."""
    otp.DynamicSupervisor.start_link(name="pool")
    return [otp.dynamic_supervisor.start_child("pool", Echo.child_spec()) for _ in range(count)]


def test_a_row_says_what_process_info_says(runtime: Any) -> None:
    """They are read from the same tables, at less cost."""
    pid = Secretive.start({}, name="it")
    otp.sys.suspend(pid)
    for _ in range(3):
        otp.cast(pid, "x")
    info = otp.process_info(pid)
    assert info is not None
    [row] = [row for row in rows(living(runtime)) if row.pid == pid.id]
    assert row == Row(pid.id, "it", "Secretive", "3", info.status, 3, info.reductions, 0)
    assert info.message_queue_len == 3
    assert info.status == "suspended"


def test_only_what_has_changed_is_told(runtime: Any) -> None:
    """Of ten thousand processes, those that did something: what is sent is in proportion to that."""
    pids = fill(MANY)
    changes = Changes(runtime)
    assert len(changes.batch().rows) == MANY + 1
    settled(changes)
    for pid in pids[:10]:
        otp.call(pid, "x")
    otp.exit(pids[-1], otp.Kill())
    eventually_outside(lambda: otp.process_info(pids[-1]) is None)
    otp.dynamic_supervisor.count_children("pool")  # it has seen the end
    batch = changes.batch()
    told = {row.pid for row in batch.rows}
    assert {pid.id for pid in pids[:10]} <= told
    assert len(told) <= 13  # and the pool, its new child
    assert batch.gone == [pids[-1].id]
    changes.close()


def test_looking_sends_nothing_and_wakes_nobody(runtime: Any) -> None:
    """Observing never messages the observed: not one reduction, whatever is looked at."""
    Shop.start(None, name="shop")
    fill_pids = [otp.dynamic_supervisor.start_child("pool", Echo.child_spec()) for _ in range(50)]
    changes = Changes(runtime)
    settled(changes)
    before = list(rows(living(runtime)))
    for _ in range(3):
        assert changes.batch().rows == []
        levels([0, *(pid.id for pid in otp.processes())])
        for pid in fill_pids:
            looking.process("node", looking.ProcessArgs(pid.id), lambda *_args, **_facts: None)  # type: ignore[arg-type]
    assert list(rows(living(runtime))) == before
    changes.close()


def test_a_look_costs_a_fixed_number_of_steps_for_each_process(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ancestors are followed, no children walked, no texts made: one look at each, once."""
    fill(1000)
    looks: list[object] = []

    def counted(process: Any) -> str:
        looks.append(process)
        return status_of(process)

    monkeypatch.setattr(looking, "status_of", counted)
    changes = Changes(runtime)
    changes.batch()
    assert len(looks) == 1001
    looks.clear()
    changes.batch()
    assert len(looks) == 1001
    changes.close()


def test_a_level_has_children_that_do_not_run_too(runtime: Any) -> None:
    """In start order, with ids, and how many are below each."""
    otp.spawn(otp.receive)
    shop = Shop.start(None, name="shop")
    otp.supervisor.terminate_child("shop", ("a", 1))
    [top, below] = sorted(levels([shop.id, 0]), key=lambda level: level.pid)
    assert (top.pid, top.count) == (0, 2)
    assert [(child.name, child.children) for child in top.children] == [("receive", 0), ("shop", 3)]
    assert [(child.id, child.name, child.status, child.pid is None) for child in below.children] == [
        ("pool", "pool", "idle", False),
        ("echo", "echo", "idle", False),
        ("('a', 1)", "", "stopped", True),
    ]


def test_of_a_large_level_the_beginning_is_told(runtime: Any) -> None:
    """And how many there are."""
    fill(LEVEL_AT_MOST + 20)
    pool = otp.whereis("pool")
    assert pool is not None
    [level] = levels([pool.id])
    assert level.count == LEVEL_AT_MOST + 20
    assert len(level.children) == LEVEL_AT_MOST
    assert {child.id for child in level.children} == {""}
    assert levels([10**9]) == []


def test_what_crosses_the_socket_is_what_was_told(here: Here) -> None:
    """Rows, levels and details come out as they went in."""
    Shop.start(None, name="shop")
    batch = all_processes(here.socket)
    assert isinstance(batch, Batch)
    assert [row.name for row in batch.rows] == ["shop", "pool", "echo", "Echo"]
    found = details_of(here.socket, batch.rows[2].pid)
    assert isinstance(found, Details)
    assert (found.name, found.state) == ("echo", None)
    assert Level(0, 0, []).children == []


def test_details_name_links_callers_and_ancestors(here: Here) -> None:
    """All that process_info has, and whom it waits for."""
    slow = otp.spawn(otp.receive, callable)  # which no message is
    pid = otp.spawn(lambda: otp.call(slow, "never", timeout=None))
    eventually_outside(lambda: details_of(here.socket, pid.id).waits_for is not None)
    found = details_of(here.socket, pid.id)
    assert found.waits_for == repr(slow)
    assert found.status == "waiting"
    assert found.ancestors


def test_a_state_is_shown_only_if_asked_for_and_as_it_may_be_seen(here: Here) -> None:
    """A copy, through format_status; where that fails, nothing is shown."""
    pid = Secretive.start({"user": "ada", "password": "secret"})
    assert details_of(here.socket, pid.id).state is None
    state = details_of(here.socket, pid.id, state=True).state
    assert state is not None
    assert "ada" in state
    assert "secret" not in state
    assert "***" in state
    broken = Secretive.start({"broken": True, "password": "secret"})
    hidden = details_of(here.socket, broken.id, state=True).state
    assert hidden is not None
    assert "hidden" in hidden
    assert "secret" not in hidden


def test_a_large_state_is_cut(here: Here) -> None:
    """What is shown is bounded, whatever there is."""
    pid = Secretive.start({"user": "x" * 1_000_000, "many": list(range(100_000))})
    state = details_of(here.socket, pid.id, state=True).state
    assert state is not None
    assert len(state) < 10_000


def test_a_name_that_is_no_unicode_is_escaped(here: Here) -> None:
    """One odd name does not hide all the others, in the tree of `otpy tree` either."""
    Echo.start(name="half \ud800")
    [row] = all_processes(here.socket).rows
    assert row.name == "half \\ud800"
    assert "half \\ud800" in here.otpy("tree").out
    assert "half \\ud800" in details_of(here.socket, row.pid).pid


def test_who_has_no_state_or_is_not_there_is_said(here: Here) -> None:
    """Instead of a traceback."""
    plain = otp.spawn(otp.receive)
    with pytest.raises(BadInput, match="no state of its own"):
        details_of(here.socket, plain.id, state=True)
    with pytest.raises(BadInput, match="no living process has the number 999999"):
        details_of(here.socket, 999_999)
    with pytest.raises(BadInput, match="bad arguments"):
        ask(here.socket, "process", {"pid": "x"})


def test_the_upgrade_under_way_and_those_that_ended_are_told(runtime: Any) -> None:
    """So that who watches sees when there is something to ask the history for."""
    changes = Changes(runtime)
    seen: list[Any] = []

    def stepped(**_facts: Any) -> None:
        seen.append(changes.batch().upgrade)

    detach = otp.events.attach("upgrade.step", stepped)
    try:
        otp.upgrade.reload_module("tests.cli.looked_at", "VALUE = 2\n")
    finally:
        detach()
        changes.close()
    after = changes.batch()
    assert after.upgrade is None
    assert after.upgrades == 1
    assert any(each is not None and each.modules == ["tests.cli.looked_at"] for each in seen)
