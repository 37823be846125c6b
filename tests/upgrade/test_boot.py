"""What a starting node imports: the permanent versions of its store, or the files where these are newer."""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy import code
from otpy.behaviours.migrations.plain import to_bytes
from otpy.code.baseline import noted
from otpy.store import Ending, MemoryStore, Planned, Source
from otpy.upgrade.boot import PermanentFinder, files_now, permanent_versions, recovered, spec_on_disk
from otpy.upgrade.state_text import state_text

OLD = {
    "bootshop": "",
    "bootshop.stock": "def price():\n    return 1\n",
    "bootshop.cart": "from bootshop.stock import price\n",
}
NEW = {
    **OLD,
    "bootshop.stock": "def price():\n    return 2 // 0\n",
    "bootshop.cart": OLD["bootshop.cart"] + "vat = 7\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of a package on the import path."""
    package = tmp_path / "bootshop"
    package.mkdir()
    for name, text in OLD.items():
        (package / f"{name.partition('.')[2] or '__init__'}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package
    for name in OLD:
        sys.modules.pop(name, None)
        noted.pop(name, None)


def store_with(new: dict[str, str], old: dict[str, str]) -> MemoryStore:
    """Return a store in which one upgrade brought *new*, and was made permanent while *old* was on the disk."""
    store = MemoryStore()
    changed = [name for name in new if new[name] != old[name]]
    number = store.begin(
        Planned(
            sources=tuple(Source(name, "2", new[name]) for name in changed),
            running=tuple(Source(name, "1", old[name]) for name in changed),
        )
    )
    store.end(number, Ending(state="committed", outcome="completed"))
    store.make_permanent(on_disk={name: Source(name, "1", old[name]).sha256 for name in changed})
    return store


def test_what_is_permanent_is_imported_in_place_of_the_older_file(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is where the file is, tracebacks show its own text, its version is known, and the log says why."""
    with caplog.at_level(logging.INFO, "otpy.upgrade"), permanent_versions(store_with(NEW, OLD)):
        cart = importlib.import_module("bootshop.cart")
    stock = sys.modules["bootshop.stock"]
    assert (cart.vat, stock.__file__) == (7, str(folder / "stock.py"))
    with pytest.raises(ZeroDivisionError) as caught:
        cart.price()
    assert "return 2 // 0" in "".join(traceback.format_exception(caught.value))
    assert code.versions("bootshop.stock")[-1].source == NEW["bootshop.stock"]
    assert [record.getMessage().split(" runs ")[0] for record in caplog.records] == [
        "bootshop.cart 2",
        "bootshop.stock 2",
    ]
    assert not any(isinstance(finder, PermanentFinder) for finder in sys.meta_path)


def test_what_one_upgrade_brought_is_not_mixed_with_a_newer_file(folder: Path) -> None:
    """Two modules of one release fit each other; one of it and one of the next may not."""
    (folder / "stock.py").write_text("def price():\n    return 3\n")
    with permanent_versions(store_with(NEW, OLD)):
        cart = importlib.import_module("bootshop.cart")
    assert (cart.price(), hasattr(cart, "vat")) == (3, False)


def test_a_module_that_has_no_file_any_more_runs_from_the_store(folder: Path) -> None:
    """There is nothing else to run."""
    (folder / "cart.py").unlink()
    with permanent_versions(store_with(NEW, OLD)):
        assert importlib.import_module("bootshop.cart").vat == 7


def test_files_are_found_without_importing_anything(folder: Path) -> None:
    """Importing a package runs it, and it may be one of those that are to be decided about."""
    found = spec_on_disk("bootshop.cart")
    assert found is not None
    assert found.origin == str(folder / "cart.py")
    assert (spec_on_disk("bootshop.nothing"), spec_on_disk("nothing.at.all")) == (None, None)
    assert "bootshop" not in sys.modules
    importlib.import_module("bootshop.stock")
    on_disk = Source("bootshop.stock", "1", OLD["bootshop.stock"]).sha256
    assert files_now(["bootshop.stock", "bootshop.cart"]) == {"bootshop.stock": on_disk}


def test_without_an_interruption_nothing_is_told() -> None:
    """A log that cries wolf is not read."""
    assert recovered(MemoryStore()) == ()


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({"a": [1, 2.5, "x", None, b"y"], (1,): {3}}, "{'a': [1, 2.5, 'x', None, b'y'], (1,): {3}}"),
        (2**80, str(2**80)),
        (Source("m", "1", "t"), "Source(module='m', vsn='1', text='t')"),
        ([], "[]"),
    ],
    ids=["containers", "a large number", "a struct", "nothing"],
)
def test_a_stored_state_is_shown_as_python_would_write_it(state: object, shown: str) -> None:
    """Its classes may be gone, so it is told from the data alone."""
    data = to_bytes(state).data
    assert data is not None
    assert state_text(data) == shown


def test_a_stored_state_that_has_no_end_is_cut_off() -> None:
    """A ring, and a list too long to read."""
    ring: list[object] = [1]
    ring.append(ring)
    data, long = to_bytes(ring).data, to_bytes(list(range(100_000))).data
    assert data is not None
    assert long is not None
    assert state_text(data) == "[1, …]"
    assert state_text(long, longest=20).startswith("[0, 1, 2, 3,")
    assert len(state_text(long, longest=20)) <= 21
