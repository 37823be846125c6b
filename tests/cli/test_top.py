"""`otpy top`: what the screen shows, what it costs, and what a table is instead; driven as a person drives it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

import otpy as otp
from otpy.cli.rows import Batch, Child, Level, Row
from otpy.cli.top.app import Top
from otpy.cli.top.branches import Branches
from otpy.cli.top.listing import Listing
from otpy.cli.top.model import COLUMNS, Processes, column_named, fitted
from tests.cli.conftest import Here, Shell, one_line
from tests.support import Echo

DEADLINE: Final = 20.0
MANY: Final = 10_000
SIZE: Final = (110, 30)


def row(pid: int, name: str = "", **facts: Any) -> Row:
    """Return a row with these facts."""
    given: dict[str, Any] = {"behaviour": "B", "vsn": "1", "status": "idle", "queue": 0, "reductions": 0, "links": 1}
    return Row(pid, name or f"n{pid}", **(given | facts))


# -- the model -------------------------------------------------------------------------------------------


def test_batches_add_up() -> None:
    """Rows that came, changed and went; rates are of the last batch."""
    known = Processes()
    known.take(Batch(10.0, [row(1), row(2, reductions=5), row(3)]))
    assert known.rate == 0
    known.take(Batch(12.0, [row(2, reductions=25, queue=4), row(4)], gone=[1]))
    assert [line.row.pid for line in known.lines(by=COLUMNS[0], descending=False)] == [2, 3, 4]
    assert (known.count, known.queued, known.rate) == (3, 4, 10.0)
    known.take(Batch(13.0, []))
    assert known.rate == 0


@pytest.mark.parametrize(
    ("column", "descending", "pids"),
    [
        ("pid", False, [1, 2, 3]),
        ("pid", True, [3, 2, 1]),
        ("name", False, [3, 1, 2]),
        ("queue", True, [2, 1, 3]),
        ("Status", False, [1, 3, 2]),
        ("reductions", True, [1, 2, 3]),
        ("links", True, [1, 2, 3]),
        ("version", False, [1, 2, 3]),
    ],
)
def test_processes_are_sorted_by_any_column(column: str, descending: bool, pids: list[int]) -> None:
    """Those that are alike, by age."""
    known = Processes()
    known.take(Batch(0.0, [row(3, "a"), row(1, "b"), row(2, "c", queue=5, status="waiting")]))
    found = known.lines(by=column_named(column), descending=descending)
    assert [line.row.pid for line in found] == pids


def test_the_filter_looks_at_what_is_shown() -> None:
    """In any column of text, whatever the case; the number, too."""
    known = Processes()
    known.take(Batch(0.0, [row(17, "Cart"), row(2, "shop", status="waiting"), row(3, queue=9)]))

    def found(text: str) -> list[int]:
        return [line.row.pid for line in known.lines(by=COLUMNS[0], descending=False, containing=text)]

    assert found("cart") == [17]
    assert found("WAIT") == [2]
    assert found("17") == [17]
    assert found("nothing") == []
    assert [line.row.pid for line in known.queues(containing="")] == [3]


@pytest.mark.parametrize("width", [1, 10, 40, 60, 80, 100, 200])
def test_columns_fit_into_any_width(width: int) -> None:
    """The less important ones go; the pid stays; nothing is wider than the screen unless there is room for nothing."""
    chosen = fitted(COLUMNS, width)
    assert chosen
    used = sum(room for _, room in chosen) + len(chosen) - 1
    assert used == width or len(chosen) == 1
    if width >= 100:
        assert len(chosen) == len(COLUMNS)
    assert any(column.title in {"PID", "Name", "Status", "Queue"} for column, _ in chosen)


# -- the screen ------------------------------------------------------------------------------------------

Drive = Callable[[Pilot[None], Top], Awaitable[None]]


def drive(here: Here, steps: Drive, *, interval: float = 0.1, **options: Any) -> None:
    """Run the app on the node, and *steps* as the person before it."""

    async def run() -> None:
        app = Top(here.socket, here.name, interval=interval, **options)
        async with app.run_test(size=SIZE) as pilot:
            await steps(pilot, app)

    asyncio.run(run())


async def until(pilot: Pilot[None], fact: Callable[[], object]) -> None:
    """Let the app work until *fact* holds."""
    for _ in range(int(DEADLINE / 0.02)):
        if fact():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"did not come true: {screen(pilot)}")


def screen(pilot: Pilot[None]) -> str:
    """Return what is seen, line by line."""
    return "\n".join(
        "".join(segment.text for segment in strip) for strip in pilot.app.screen._compositor.render_strips()
    )


def test_processes_are_listed_and_followed(here: Here) -> None:
    """Those that come, go and change, with the totals at the top."""
    Echo.start(name="early")

    async def steps(pilot: Pilot[None], app: Top) -> None:
        await until(pilot, lambda: "early" in screen(pilot))
        assert "1 processes" in screen(pilot)
        late = Echo.start(name="late")
        await until(pilot, lambda: "late" in screen(pilot))
        otp.sys.suspend(late)
        otp.cast(late, 1)
        await until(pilot, lambda: "suspended" in screen(pilot) and "1 messages wait" in screen(pilot))
        otp.sys.resume(late)
        otp.stop(late)
        await until(pilot, lambda: "late" not in screen(pilot))

    drive(here, steps)


def test_keys_sort_filter_and_open_details(here: Here) -> None:
    """Everything can be done from the keyboard; the footer says how."""
    for name in ("ada", "bob", "cleo"):
        Echo.start(name=name)
    otp.sys.suspend("bob")
    otp.cast("bob", 1)

    def first() -> str:
        return str(app_listing.selected.row.name)

    app_listing: Any = None

    async def steps(pilot: Pilot[None], app: Top) -> None:
        nonlocal app_listing
        app_listing = app.query_one("#processes-list", Listing)
        await until(pilot, lambda: "cleo" in screen(pilot))
        keys = ("Filter", "Sort", "Reverse", "Details", "State", "Pause", "Quit")
        await until(pilot, lambda: all(word in screen(pilot).splitlines()[-1] for word in keys))
        await pilot.press("r")
        await pilot.press("home")
        assert first() == "cleo"
        for _ in range(5):
            await pilot.press("s")
        assert "Queue▼" in screen(pilot)
        await pilot.press("home")
        assert first() == "bob"
        await pilot.press("slash", *"ad")
        await until(pilot, lambda: "cleo" not in screen(pilot) and "ada" in screen(pilot))
        await pilot.press("enter")
        assert not app.query_one("#filter", Input).has_class("shown")
        await pilot.press("enter")
        await until(pilot, lambda: "tests.support.Echo" in screen(pilot))
        assert "press v" in screen(pilot)
        await pilot.press("v")
        await until(pilot, lambda: "press v" not in screen(pilot) and "\n state" in screen(pilot))
        await pilot.press("escape")
        assert not app.query_one("#details").has_class("shown")
        await pilot.press("slash")
        await pilot.press("escape")
        await until(pilot, lambda: "cleo" in screen(pilot))

    drive(here, steps)


def test_the_mouse_sorts_selects_and_opens(here: Here) -> None:
    """By a click on a header, on a line, and on the selected line."""
    for name in ("ada", "bob"):
        Echo.start(name=name)

    async def steps(pilot: Pilot[None], app: Top) -> None:
        listing = app.query_one("#processes-list", Listing)
        await until(pilot, lambda: "bob" in screen(pilot))
        await pilot.click(listing, offset=(10, 0))
        assert "Name▲" in screen(pilot)
        await pilot.click(listing, offset=(10, 0))
        assert "Name▼" in screen(pilot)
        await pilot.click(listing, offset=(10, 1))
        assert listing.selected.row.name == "bob"
        assert "tests.support.Echo" not in screen(pilot)
        await pilot.click(listing, offset=(10, 1))
        await until(pilot, lambda: "tests.support.Echo" in screen(pilot))

    drive(here, steps)


def test_the_selection_stays_with_its_process(here: Here) -> None:
    """When others come before it, and when the order changes."""
    names = [f"n{number}" for number in range(5)]
    for name in names:
        Echo.start(name=name)

    async def steps(pilot: Pilot[None], app: Top) -> None:
        listing = app.query_one("#processes-list", Listing)
        await until(pilot, lambda: "n4" in screen(pilot))
        await pilot.press("down", "down")
        assert listing.selected.row.name == "n2"
        await pilot.press("r")
        assert listing.selected.row.name == "n2"
        otp.stop("n4")
        await until(pilot, lambda: "n4" not in screen(pilot))
        assert listing.selected.row.name == "n2"
        otp.stop("n2")
        await until(pilot, lambda: "n2" not in screen(pilot))
        assert listing.selected is not None

    drive(here, steps)


def test_the_tree_is_unfolded_level_by_level(here: Here) -> None:
    """Only what is unfolded is asked for; a restart changes the line, and leaves what is unfolded."""
    otp.supervisor.start_link([{"id": "inner", "start": (start_inner, ()), "type": "supervisor"}], name="outer")

    async def steps(pilot: Pilot[None], app: Top) -> None:
        branches = app.query_one("#branches", Branches)
        await pilot.press("2")
        await until(pilot, lambda: "outer" in screen(pilot))
        assert branches.wanted() == [0]
        assert "leaf" not in screen(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "inner" in screen(pilot))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "leaf" in screen(pilot))
        leaf = otp.whereis("leaf")
        assert leaf is not None
        otp.exit(leaf, otp.Kill())
        await until(pilot, lambda: f"<{leaf.id}>" not in screen(pilot) and "leaf" in screen(pilot))
        assert len(branches.wanted()) == 3
        await pilot.press("down", "enter")
        await until(pilot, lambda: "tests.support.Echo" in screen(pilot))

    drive(here, steps)


def start_inner() -> otp.Pid:
    """Start the inner supervisor."""
    return otp.supervisor.start_link([Echo.child_spec(id="leaf", name="leaf")], name="inner")


def test_the_longest_queue_comes_first(here: Here) -> None:
    """Those without messages are left out."""
    for name, count in (("few", 2), ("none", 0), ("many", 120)):
        Echo.start(name=name)
        otp.sys.suspend(name)
        for _ in range(count):
            otp.cast(name, 1)

    async def steps(pilot: Pilot[None], app: Top) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "many" in screen(pilot))
        lines = [line for line in screen(pilot).splitlines() if "suspended" in line]
        assert ["many" in lines[0], "few" in lines[1], len(lines)] == [True, True, 2]

    drive(here, steps)


def test_upgrades_are_listed_when_they_have_happened(here: Here) -> None:
    """The last one first; also those that were refused."""

    async def steps(pilot: Pilot[None], app: Top) -> None:
        await pilot.press("4")
        await until(pilot, lambda: "Status" in screen(pilot))
        await asyncio.to_thread(otp.upgrade.reload_module, "tests.cli.looked_at", "VALUE = 3\n")
        await until(pilot, lambda: "looked_at" in screen(pilot) and "completed" in screen(pilot))

    import tests.cli.looked_at

    assert tests.cli.looked_at
    drive(here, steps)


def test_a_node_that_goes_away_is_said_and_found_again(here: Here) -> None:
    """What it told last stays to be read; when it is back, what follows is all anew."""
    Echo.start(name="before")

    async def steps(pilot: Pilot[None], app: Top) -> None:
        await until(pilot, lambda: "before" in screen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "tests.support.Echo" in screen(pilot))
        app.link.retry = 0.02
        await asyncio.to_thread(here.stop)
        await until(pilot, lambda: "gone, trying again" in screen(pilot))
        assert "before" in screen(pilot)
        otp.stop("before")
        Echo.start(name="after")
        here.start()
        await until(pilot, lambda: "after" in screen(pilot))
        assert "before" not in screen(pilot)
        assert "gone" not in screen(pilot)
        assert "tests.support.Echo" not in screen(pilot)  # the number may be another process's now

    drive(here, steps)


def test_pause_stops_asking_and_refresh_asks_once(here: Here) -> None:
    """A screen that stands still can be read."""

    async def steps(pilot: Pilot[None], app: Top) -> None:
        await until(pilot, lambda: "0 processes" in screen(pilot))
        await pilot.press("p")
        await until(pilot, lambda: "paused" in screen(pilot))
        await pilot.pause(0.1)
        Echo.start(name="late")
        await pilot.pause(0.1)
        assert "late" not in screen(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "late" in screen(pilot))
        await pilot.press("p")
        Echo.start(name="later")
        await until(pilot, lambda: "later" in screen(pilot))

    drive(here, steps)


def test_the_pace_can_be_changed(here: Here) -> None:
    """Within bounds."""

    async def steps(pilot: Pilot[None], app: Top) -> None:
        await pilot.press("plus")
        assert app.link.interval == 2.0
        for _ in range(8):
            await pilot.press("minus")
        assert app.link.interval == 0.25

    drive(here, steps, interval=1.0)


def test_of_ten_thousand_processes_only_visible_lines_are_drawn(here: Here) -> None:
    """A refresh draws no more lines than there are on the screen, wherever in the list it is."""
    otp.DynamicSupervisor.start_link(name="pool")
    pids = [otp.dynamic_supervisor.start_child("pool", Echo.child_spec()) for _ in range(MANY)]

    async def steps(pilot: Pilot[None], app: Top) -> None:
        listing = app.query_one("#processes-list", Listing)
        await until(pilot, lambda: "10,001 processes" in screen(pilot))
        await pilot.press("p")
        await pilot.press("end")
        assert listing.selected.row.pid == pids[-1].id
        await pilot.pause()
        before = listing.drawn
        for pid in pids[:100]:
            otp.call(pid, "x")
        await pilot.press("f5")
        await until(pilot, lambda: app._processes.rate > 0 or listing.drawn > before)
        await pilot.pause()
        assert 0 < listing.drawn - before <= 4 * SIZE[1]

    drive(here, steps)


def test_a_large_level_of_the_tree_is_cut(here: Here) -> None:
    """The tree has no more lines than can be looked at."""

    async def steps(pilot: Pilot[None], app: Top) -> None:
        branches = app.query_one("#branches", Branches)
        children = [Child("", number, f"n{number}", "B", "", "idle", 0, 0) for number in range(1, 501)]
        branches.show([Level(0, 9000, children)])
        assert len(branches.root.children) == 501
        assert "8,500 more" in str(branches.root.children[-1].label)
        before = branches.root.children[0]
        branches.show([Level(0, 9000, children)])
        assert branches.root.children[0] is before

    drive(here, steps, interval=60.0)


def test_odd_names_stay_on_their_line(here: Here) -> None:
    """Control characters and wide ones do not break the screen."""
    Echo.start(name="new\nline \x1b[31m")
    Echo.start(name="名前" * 30)

    async def steps(pilot: Pilot[None], app: Top) -> None:
        await until(pilot, lambda: "2 processes" in screen(pilot) and "名" in screen(pilot))
        assert "\x1b" not in screen(pilot)
        assert "new line" in screen(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "tests.support.Echo" in screen(pilot))
        assert "\x1b" not in screen(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "new line" in screen(pilot))
        assert "\x1b" not in screen(pilot)

    drive(here, steps)
    once = here.otpy("top", "--once").out
    assert "\x1b" not in once
    assert len(once.splitlines()) == 3
    assert "\x1b" in here.otpy.json("top", "--once")[0]["name"]


# -- without a screen --------------------------------------------------------------------------------------


def test_once_prints_a_table(here: Here) -> None:
    """For scripts, and where Textual is not installed."""
    for name in ("ada", "bob"):
        Echo.start(name=name)
    lines = here.otpy("top", "--once").out.splitlines()
    assert lines[0].split() == ["PID", "Name", "Behaviour", "Version", "Status", "Queue", "Reductions", "Links"]
    assert [line.split()[1] for line in lines[1:]] == ["ada", "bob"]
    assert here.otpy("top", "--once", "--limit", "1").out.splitlines()[-1] == "1 of 2 processes"
    assert "ada" not in here.otpy("top", "--once", "--filter", "BOB").out


def test_once_as_json_has_all_columns(here: Here) -> None:
    """The values, not their text."""
    otp.sys.suspend(Echo.start(name="ada"))
    otp.cast("ada", 1)
    Echo.start(name="bob")
    found = here.otpy.json("top", "--once", "--sort", "queue")
    assert [each["name"] for each in found] == ["ada", "bob"]
    assert set(found[0]) == {"pid", "name", "behaviour", "vsn", "status", "queue", "reductions", "links"}
    assert (found[0]["queue"], found[0]["status"]) == (1, "suspended")
    assert json.dumps(found)


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--sort", "age"], "no column 'age'"),
        (["--interval", "0"], "more than 0"),
        (["--interval", "nan"], "more than 0"),
        (["--limit", "5"], "together with --once"),
        (["--once", "--limit", "0"], "from 1"),
        (["--json"], "give --once too"),
        (["--once", "--sort", "red/s"], "two looks"),
        ([], "needs a terminal"),
    ],
)
def test_wrong_arguments_are_bad_input(here: Here, args: list[str], why: str) -> None:
    """With what is accepted."""
    finished = here.otpy("top", *args)
    assert finished.code == 2
    assert why in one_line(finished.err)


def test_without_textual_it_says_what_to_install(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what does without."""
    for name in [each for each in sys.modules if each.startswith(("textual", "otpy.cli.top.app"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual", None)
    finished = here.otpy("top")
    assert finished.code == 1
    assert "pip install 'otpy[top]'" in one_line(finished.err)
    assert here.otpy("top", "--once").code == 0


def test_several_nodes_and_a_dead_socket_are_said(otpy: Shell, here: Here) -> None:
    """With what to do about it."""
    other = Here(otpy, here.runtime, "other")
    other.start()
    try:
        for command in (["top", "--once"], ["rpc", "1"], ["attach"]):
            assert "choose one with --node: here, other" in one_line(otpy(*command).err)
        assert otpy("rpc", "1", "--node", "other").out == "1\n"
    finally:
        other.stop()
    assert "no node 'other' runs" in one_line(otpy("rpc", "1", "--node", "other").err)
