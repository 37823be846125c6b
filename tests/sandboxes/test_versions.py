"""The example systems: every version works by itself, under load, and takes over the state of the one before."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import otpy
from otpy.cli.crew import Crew
from otpy.cli.exits import BadInput
from otpy.cli.sandboxes import Sandbox, example_names, load_version, loaded, open_sandbox, unload

EXAMPLES = [(name, version) for name in example_names() for version in open_sandbox(name).about.versions]


@pytest.fixture(autouse=True)
def _nothing_is_left_loaded() -> Iterator[None]:
    before = (set(sys.modules), list(sys.path))
    yield
    left = {re.split(r"[._]", name)[0] for name in set(sys.modules) - before[0]} & set(example_names())
    assert (left, sys.path) == (set(), before[1])


@pytest.mark.parametrize(("name", "version"), EXAMPLES)
def test_a_version_handles_all_that_its_clients_send(name: str, version: str) -> None:
    """Each version is a system of its own, whatever it was upgraded from."""
    sandbox = open_sandbox(name)
    with loaded(sandbox, version), otpy.runtime():
        root = sandbox.start()
        crew = Crew(sandbox.function(sandbox.about.load.work), ["ann", "bob", "cid"])
        crew.wait_for_rounds(10)
        tallies = crew.dismiss()
        handled, out_of_order = sandbox.function(sandbox.about.load.audit)()
        assert [tally.failure for tally in tallies] == [None, None, None]
        assert (handled, out_of_order) == ({tally.client: tally.sent for tally in tallies}, 0)
        assert otpy.is_alive(root)


@pytest.mark.parametrize(("name", "version"), EXAMPLES)
def test_what_is_new_in_a_version_can_be_shown(name: str, version: str) -> None:
    """The demo shows it as one line."""
    sandbox = open_sandbox(name)
    shows = sandbox.about.versions[version].shows
    with loaded(sandbox, version), otpy.runtime():
        sandbox.start()
        sandbox.function(sandbox.about.load.work)("ann", 0)
        shown = "one line" if shows is None else sandbox.function(shows)()
    assert shown
    assert "\n" not in shown


def test_the_counter_notices_what_is_lost_twice_or_overtaken() -> None:
    """The demo's proof rests on it."""
    sandbox = open_sandbox("counter")
    for version in sandbox.about.versions:
        with loaded(sandbox, version), otpy.runtime():
            sandbox.start()
            for number in (1, 2, 2, 5, 4):
                otpy.cast("counter", ("count", "ann", number))
            assert sandbox.function(sandbox.about.load.audit)()[1] == 3


def test_the_shop_sells_no_more_than_it_has() -> None:
    """What is sold out is left out of the receipt; from version 2 on it stays in the basket."""
    sandbox = open_sandbox("shop")
    baskets = {}
    for version in sandbox.about.versions:
        with loaded(sandbox, version), otpy.runtime():
            sandbox.start()
            messages = importlib.import_module("shop.messages")
            otpy.sys.replace_state("stock", lambda state: _with_one_left(state, "tea"))
            for item in ("tea", "cup", "tea"):
                otpy.cast("cart", messages.Put("ann", item))
            assert otpy.call("cart", messages.Checkout("ann")).items == ("tea", "cup")
            baskets[version] = otpy.sys.get_state("cart").get("ann")
    assert baskets == {"v1": None, "v2": ["tea"], "v3": ["tea"]}


def _with_one_left(state: dict[str, Any], item: str) -> dict[str, Any]:
    state[item].on_hand = 1
    return state


def test_the_audit_finds_the_books_balanced_after_sales() -> None:
    """In both versions that have it, with money in the unit of the version."""
    sandbox = open_sandbox("shop")
    for version in ("v2", "v3"):
        with loaded(sandbox, version), otpy.runtime():
            sandbox.start()
            sandbox.function(sandbox.about.load.work)("ann", 0)
            books = otpy.call("audit", importlib.import_module("shop.audit").Compare())
            assert (books.sold, books.booked, books.balanced) == (3, 3, True)


def test_the_counter_converts_the_state_of_version_1() -> None:
    """Each client gets a record, with the total as it was."""
    old = _state("v1", last={"ann": 3, "bob": 4}, total=7)
    new = _converted("v2", "1", old)
    assert (new.total, {name: client.counted for name, client in new.clients.items()}) == (7, {"ann": 3, "bob": 4})


def test_the_counters_version_3_says_why_it_refuses() -> None:
    """A reader of the demo has to understand it."""
    assert _converted("v3", "2", _state("v2", total=999)).digits == "999"
    with pytest.raises(ValueError, match="stands at 1000, but the display ends at 999"):
        _converted("v3", "2", _state("v2", total=1000))


def test_the_shop_converts_money_to_the_cent() -> None:
    """Floats that stand for whole cents lose none of them."""
    sandbox = open_sandbox("shop")
    with loaded(sandbox, "v1"):
        ledger = importlib.import_module("shop.ledger")
        old = ledger.State({"ann": ledger.Account(items=3, spent=7.95 + 3.2 + 0.1 + 0.2)}, receipts=1)
    with loaded(sandbox, "v2"):
        new = importlib.import_module("shop.ledger").Ledger.code_change(cast("Any", None), "1", old).state
    with loaded(sandbox, "v3"), pytest.raises(ValueError, match=r"ann stands at 11\.45 euros"):
        importlib.import_module("shop.ledger").Ledger.code_change(cast("Any", None), "2", new)
    assert (new.accounts["ann"].spent_cents, new.accounts["ann"].visits, new.receipts) == (1145, 0, 1)


def test_messages_stay_the_same_from_version_to_version() -> None:
    """Messages under way during an upgrade are understood by either version."""
    sandbox = open_sandbox("shop")
    assert len({sandbox.sources(version)["shop.messages"] for version in sandbox.about.versions}) == 1


def test_a_sandbox_is_found_by_name_and_by_folder() -> None:
    """Both name the same one."""
    by_name = open_sandbox("counter")
    assert open_sandbox(by_name.folder) == by_name


def test_an_unknown_sandbox_or_version_is_refused_with_the_known_ones() -> None:
    """The reader sees what there is."""
    with pytest.raises(BadInput, match="counter, shop"):
        open_sandbox("conuter")
    with pytest.raises(BadInput, match="v1, v2, v3"):
        open_sandbox("counter").sources("v9")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = ", "sandbox.toml"),
        ("name = 1", "Expected `str`"),
        ('name = "x"', "missing required field"),
        ('nmae = "x"', "unknown field"),
    ],
)
def test_a_description_that_does_not_fit_is_refused_with_the_place(tmp_path: Path, text: str, problem: str) -> None:
    """It is written by hand."""
    (tmp_path / "sandbox.toml").write_text(text)
    with pytest.raises(BadInput, match=problem):
        open_sandbox(tmp_path)


def test_a_module_that_is_loaded_already_is_not_replaced() -> None:
    """It would silently be another's module."""
    sandbox = open_sandbox("counter")
    with loaded(sandbox, "v1"), pytest.raises(BadInput, match="'counter' is loaded already"):
        load_version(sandbox, "v2")
    unload(sandbox)


def test_no_examples_is_said_with_the_way_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are part of the source, not of the package."""
    monkeypatch.setattr("otpy.cli.sandboxes.__file__", str(tmp_path / "otpy" / "cli" / "sandboxes.py"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="clone the repository"):
        open_sandbox("counter")


def _state(version: str, **facts: Any) -> Any:
    sandbox = open_sandbox("counter")
    with loaded(sandbox, version):
        return importlib.import_module("counter").State(**facts)


def _converted(version: str, old_vsn: str, old: Any) -> Any:
    sandbox: Sandbox = open_sandbox("counter")
    with loaded(sandbox, version):
        return importlib.import_module("counter").Counter.code_change(cast("Any", None), old_vsn, old).state


def test_the_counter_keeps_its_counts_there_and_back() -> None:
    """Version 2 knows how to give version 1 its state back."""
    sandbox = open_sandbox("counter")
    for _ in range(2):  # what one run has upgraded is not in the way of the next
        with loaded(sandbox, "v1"), otpy.runtime():
            sandbox.start()
            work, audit = sandbox.function(sandbox.about.load.work), sandbox.function(sandbox.about.load.audit)
            work("ann", 0)
            otpy.upgrade.reload_modules(sandbox.sources("v2"))
            work("ann", 10)
            otpy.upgrade.rollback_module("counter")
            work("ann", 20)
            assert audit() == ({"ann": 30}, 0)
            assert otpy.call("counter", "total") == 30
            assert otpy.code.vsn("counter") == "1"
            otpy.upgrade.reload_modules(sandbox.sources("v2"))
            assert otpy.call("counter", "busiest") == "ann"
