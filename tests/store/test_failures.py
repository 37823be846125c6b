"""What goes wrong with a store is said before anything is touched, and with what to do."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from otpy.errors import StoreError
from otpy.store import Planned, Snapshot, Source, Step, open_store
from otpy.store.database import Store
from otpy.store.schema import NUMBER
from tests.store.kit import COMMITTED, SHOP_2, upgrade
from tests.support import python

BIG = Source("big", "1", "x" * 500_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a store that is not there yet."""
    return tmp_path / "store" / "otpy.db"


@pytest.fixture
def full(path: Path) -> Iterator[Store]:
    """Give the test a store that has an upgrade under way and can grow no more, until `make_room`."""
    with open_store(path) as store:
        assert store.begin(Planned(sources=(SHOP_2,))) == 1
        _pragma(store, "max_page_count = 1")  # SQLite takes it for: as large as it is
        yield store


def make_room(store: Store) -> None:
    """Let the store grow again."""
    _pragma(store, "max_page_count = 1000000")


def _pragma(store: Store, words: str) -> None:
    with store._transaction() as connection:
        connection.exec_driver_sql(f"PRAGMA {words}")


def test_an_upgrade_that_cannot_be_recorded_does_not_begin(full: Store) -> None:
    """Nothing may be half done: neither in the node nor in the store."""
    before = (full.history(), full.versions("big"))
    with pytest.raises(StoreError, match="no room left: free some"):
        full.begin(Planned(sources=(BIG,)))
    assert (full.history(), full.versions("big")) == before
    make_room(full)
    assert full.begin(Planned(sources=(BIG,))) == 2


def test_an_end_that_cannot_be_written_is_told_and_written_later(full: Store) -> None:
    """The upgrade has happened: that cannot be refused any more, so it is said, and made good."""
    full.step(1, Step("convert", 0.5, {"<1>": "s" * 200_000}))
    ending = type(COMMITTED)(state="committed", outcome="completed", error="e" * 200_000)
    told = full.end(1, ending)
    assert told is not None
    assert re.match(r"upgrade 1 is committed, but that could not be written: .* no room left", told)
    assert full.upgrade(1).state == "prepared"
    assert full.upgrade(1).steps == ()
    make_room(full)
    upgrade(full, Source("shop", "3", "x = 3"))
    found = full.upgrade(1)
    assert (found.state, found.error) == ("committed", ending.error)
    assert [(step.name, len(step.before["<1>"])) for step in found.steps] == [("convert", 200_000)]


def test_what_is_owed_is_written_when_the_node_stops(full: Store, path: Path) -> None:
    """A node that stops in order loses nothing."""
    ending = type(COMMITTED)(state="committed", outcome="completed", error="e" * 200_000)
    assert full.end(1, ending) is not None
    make_room(full)
    full.close()
    with open_store(path) as store:
        assert store.upgrade(1).state == "committed"
        assert store.recover() == ()


def test_what_is_still_owed_at_the_end_goes_to_the_log(full: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Closing does not fail, and does not hide what is lost either."""
    ending = type(COMMITTED)(state="committed", outcome="completed", error="e" * 200_000)
    assert full.end(1, ending) is not None
    full.close()
    assert "could not be written: the store" in caplog.text


def test_snapshots_and_events_are_whole_or_not_there(full: Store) -> None:
    """Half a set of states would restore half a system."""
    states = [Snapshot(process=f"<{n}>", behaviour="B", vsn="1", state=b"s" * 100_000) for n in range(5)]
    with pytest.raises(StoreError, match="no room left"):
        full.snapshot(1, states)
    assert full.snapshots(1) == ()
    with pytest.raises(StoreError, match="no room left"):
        full.event("big", {"text": "e" * 500_000})
    assert full.events() == ()


def test_a_limit_on_files_is_named(path: Path) -> None:
    """`ulimit -f` and quotas stop a write in the middle; the store is as before."""
    code = """
        import resource, sys
        from otpy.errors import StoreError
        from otpy.store import Planned, Source, open_store
        with open_store(sys.argv[1]) as store:
            store.begin(Planned(sources=(Source("shop", "1", ""),)))
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
            try:
                store.begin(Planned(sources=(Source("big", "1", "x" * 500_000),)))
            except StoreError as error:
                print(error)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            print(len(store.history()), store.begin(Planned(sources=(Source("shop", "2", ""),))))
    """
    done = python(code, str(path))
    assert "look at the system's log, `df` and `ulimit -f`" in done.stdout, done.stderr
    assert done.stdout.endswith("\n1 2\n")


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_damaged_file_is_named(path: Path, content: bytes) -> None:
    """What is there is not overwritten: it may be somebody's only copy."""
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="it is damaged, or no database of otpy: put a backup"):
        open_store(path)
    assert path.read_bytes() == content


def test_damage_in_the_middle_is_named_when_it_is_met(path: Path) -> None:
    """SQLite finds damaged pages when it reads them."""
    with open_store(path) as store:
        upgrade(store, BIG)
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    path.write_bytes(data)
    with pytest.raises(StoreError, match="it is damaged"), open_store(path) as store:
        store.versions("big")


def test_a_file_of_another_program_that_is_open_is_named(path: Path) -> None:
    """Somebody looks into the file with `sqlite3` and has a transaction open."""
    open_store(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another program has it open: close that one"):
        open_store(path)
    other.close()
    open_store(path).close()


def test_a_newer_schema_is_refused(place: str) -> None:
    """An older otpy would not understand, and perhaps destroy, what a newer one wrote."""
    with open_store(place) as store, store._transaction() as connection:
        connection.execute(text("UPDATE otpy_schema SET number = :newer"), {"newer": NUMBER + 1})
    with pytest.raises(StoreError, match=f"has schema {NUMBER + 1}, and this otpy knows schemas up to {NUMBER}"):
        open_store(place)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (":memory:", "a node without a database has a MemoryStore"),
        ("sqlite://", "a node without a database has a MemoryStore"),
        ("", "give the path of a file, or postgresql://"),
        ("mysql://somebody@somewhere/db", "give the path of a file, or postgresql://"),
        ("nonsense://x", "give the path of a file, or postgresql://"),
        ("postgresql://host:port/db", "give the path of a file, or postgresql://"),
        ("/", "/ is a folder: give the path of a file in it"),
    ],
)
def test_what_is_no_place_for_a_store_is_refused(given: str, words: str) -> None:
    """The message says what is accepted."""
    with pytest.raises(StoreError, match=re.escape(words)):
        open_store(given)


def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    """The database has sources and states, and SQLite makes its files readable for everybody."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(StoreError, match=r"is open to others \(mode 755\).*`chmod 700` it"):
        open_store(folder / "otpy.db")
    assert list(folder.iterdir()) == []


def test_a_place_where_nothing_can_be_made_is_refused(tmp_path: Path) -> None:
    """A path through a file leads nowhere, whoever asks."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"the store .*/file/otpy\.db: "):
        open_store(tmp_path / "file" / "otpy.db")


def test_a_file_that_cannot_be_written_is_refused() -> None:
    """A store that nobody can write would lose every record."""
    code = """
        import os, pathlib, shutil, tempfile
        import otpy.store.database
        from otpy.errors import StoreError
        from otpy.store import open_store
        if os.geteuid() == 0:
            os.seteuid(65534)  # root may write everything
        folder = pathlib.Path(tempfile.mkdtemp())
        (folder / "otpy.db").touch(mode=0o400)
        try:
            open_store(folder / "otpy.db")
        except StoreError as error:
            print(error)
        shutil.rmtree(folder)
    """
    done = python(code)
    assert "it cannot be written: give this user the right to write the file and its folder" in done.stdout, done.stderr


def test_no_server_is_an_error_with_the_address_and_without_the_password() -> None:
    """A password must not get into logs."""
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://anna:secret@127.0.0.1:1/shop")
    said = str(caught.value)
    assert "postgresql://anna:***@127.0.0.1:1/shop" in said
    assert "no server answers there: start it, or correct the address" in said
    assert "secret" not in said
