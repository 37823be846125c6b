"""What a store in a database does beyond every recorder: it outlives the node."""

import functools
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from otpy.errors import StoreError
from otpy.store import Limits, Planned, Snapshot, Source, Step, open_store
from otpy.store.database import Store
from tests.store.kit import BY_WATCH, COMMITTED, NOON, ROLLED_BACK, SHOP_1, SHOP_2, SHOP_3, Ticking, upgrade
from tests.support import eventually, python


def abandon(store: Store) -> None:
    """Leave a store as a node does that is killed: nothing more is written."""
    store._engine.dispose()
    store._release()
    store._closed = True


def test_everything_is_there_again(place: str) -> None:
    """This is what the store is for."""
    with open_store(place) as store:
        number = store.begin(Planned(sources=(SHOP_2,), running=(SHOP_1,), plan=b"plan"))
        store.step(number, Step("convert", 0.5, {"<1>": "old"}, {"<1>": "new"}))
        store.snapshot(number, [Snapshot(process="<1>", behaviour="B", vsn="1", state=b"\x80")])
        store.end(number, COMMITTED)
        store.make_permanent(on_disk={"shop": SHOP_1.sha256})
        store.event("boot", {"modules": 1})
        before = _all(store, number)
    with open_store(place) as store:
        assert _all(store, number) == before
        assert store.recover() == ()
        assert store.cache.get("nothing") is None


def _all(store: Store, number: int) -> list[Any]:
    asked = [store.upgrade(number), store.plan(number), store.snapshots(number), store.events()]
    return [*asked, store.versions("shop"), store.permanent_versions(), store.latest_versions(), store.history()]


def test_a_backup_has_everything_and_the_store_goes_on(tmp_path: Path) -> None:
    """It is a store of its own; while it is made, another thread may write."""
    file, copy = tmp_path / "store" / "otpy.db", tmp_path / "copy" / "otpy.db"
    copy.parent.mkdir(mode=0o700)
    with open_store(file) as store:
        number = upgrade(store, SHOP_2)
        before = _all(store, number)
        store.backup(copy)
        upgrade(store, SHOP_3)
        with open_store(copy) as copied:
            assert _all(copied, number) == before
        assert len(store.history()) == 2
        with pytest.raises(StoreError, match="is there already"):
            store.backup(copy)
        with pytest.raises(StoreError, match="No such file"):
            store.backup(tmp_path / "nowhere" / "otpy.db")


def test_an_upgrade_under_way_is_reported_as_interrupted_once(place: str) -> None:
    """Who restarts the node after a crash is told what had been going on; after the next start it is history."""
    store = open_store(place)
    done = upgrade(store, SHOP_2)
    lost = store.begin(Planned(sources=(SHOP_3,), running=(SHOP_2,)))
    store.step(lost, Step("suspend", 0.1))
    abandon(store)
    with open_store(place) as store:
        (told,) = store.recover({"shop": SHOP_1.sha256})
        assert (told.record.id, told.last_step) == (lost, "suspend")
        assert "the last upgrade brought shop 2, which was not made permanent: the file runs" in told.message
        assert [record.state for record in store.history()] == ["committed", "interrupted"]
        assert store.upgrade(done).boot < upgrade_boot(store)
        with pytest.raises(StoreError, match="is interrupted and cannot become committed"):
            store.end(lost, COMMITTED)
    with open_store(place) as store:
        assert store.recover() == ()


def upgrade_boot(store: Store) -> int:
    """Return the number of this start of the node, as its next upgrade is recorded with."""
    return store.upgrade(upgrade(store, Source("probe", "1", ""))).boot


def test_only_what_was_upgraded_since_the_start_can_be_made_permanent(place: str) -> None:
    """After a restart without make_permanent the node runs its files again: they are what runs, not the old upgrade."""
    with open_store(place) as store:
        upgrade(store, SHOP_2)
    with open_store(place) as store:
        assert store.make_permanent() == ()
        with pytest.raises(StoreError, match="upgraded were: none"):
            store.make_permanent(["shop"])
        assert store.latest_versions()["shop"].vsn == "2"


def test_a_second_process_is_told_who_has_the_store(place: str) -> None:
    """Two nodes in one store would each take the other's upgrades for interrupted ones."""
    code = """
        import sys
        from otpy.errors import StoreError
        from otpy.store import open_store
        try:
            open_store(sys.argv[1])
        except StoreError as error:
            print(error)
    """
    with open_store(place):
        said = python(code, place).stdout
    assert f"is in use by process {os.getpid()} on " in said
    assert "of its own" in said
    assert python(code, place).stdout == ""


def test_the_same_process_cannot_open_it_twice(place: str) -> None:
    """Two parts of one program would disturb each other just as much."""
    with open_store(place), pytest.raises(StoreError, match="is in use by"):
        open_store(place)


def test_a_closed_store_says_so(place: str) -> None:
    """Closing twice is harmless, asking afterwards is answered."""
    store = open_store(place)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="is closed; open it again"):
        store.history()


def test_a_child_of_fork_does_not_use_the_connection_of_its_parent(place: str) -> None:
    """SQLite's files and PostgreSQL's streams are damaged by two processes on one connection."""
    code = """
        import os, sys
        from otpy.errors import StoreError
        from otpy.store import Planned, Source, open_store
        with open_store(sys.argv[1]) as store:
            child = os.fork()
            if child == 0:
                try:
                    store.history()
                except StoreError as error:
                    print(error, flush=True)
                store.close()
                os._exit(0)
            os.waitpid(child, 0)
            print(store.begin(Planned(sources=(Source("shop", "1", ""),))))
    """
    done = python(code, place)
    assert done.returncode == 0, done.stderr
    assert "was opened before a fork" in done.stdout
    assert done.stdout.endswith("\n1\n")


def test_a_child_of_fork_does_not_keep_the_file(tmp_path: Path) -> None:
    """A worker that outlives its node must not keep the node from starting again."""
    code = """
        import os, signal, sys, time
        from otpy.store import open_store
        store = open_store(sys.argv[1])
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            time.sleep(60)
            os._exit(0)
        print(child, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    place = str(tmp_path / "store" / "otpy.db")
    left = int(python(code, place).stdout)
    try:
        eventually(functools.partial(can_be_opened, place))
    finally:
        os.kill(left, 9)


def can_be_opened(place: str) -> bool:
    """Open a store, if nobody else has it."""
    try:
        open_store(place).close()
    except StoreError:
        return False
    return True


def test_a_program_that_the_node_starts_does_not_keep_the_store(place: str) -> None:
    """A node that was killed can start again, though a program of its is still there."""
    code = """
        import os, signal, subprocess, sys
        from otpy.store import open_store
        store = open_store(sys.argv[1])
        child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    left = int(python(code, place).stdout)
    try:
        open_store(place).close()
    finally:
        os.kill(left, 9)


def test_old_upgrades_are_forgotten_and_what_is_permanent_stays(place: str) -> None:
    """A store must not grow for ever, nor lose what a restarted node needs."""
    with open_store(place, limits=Limits(upgrades=3, snapshots=1, events=2)) as store:
        first = upgrade(store, SHOP_2, running=(SHOP_1,))
        store.make_permanent()
        for number in range(6):
            cart = upgrade(store, Source("cart", str(number), f"x = {number}"), ending=None)
            store.snapshot(cart, [Snapshot(process="<1>", behaviour="B", vsn="1", state=b"")])
            store.end(cart, ROLLED_BACK)
            store.event("tick", {"number": number})
        last = first + 6
    with open_store(place, limits=Limits(upgrades=3, snapshots=1, events=2)) as store:
        assert [record.id for record in store.history()] == [first, last - 2, last - 1, last]
        assert [bool(store.snapshots(number)) for number in (last - 1, last)] == [False, True]
        assert [version.vsn for version in store.versions("cart")] == ["3", "4", "5"]
        assert [event.facts["number"] for event in store.events()] == [4, 5]
        assert store.permanent_versions()["shop"].source == SHOP_2.text
        assert [version.vsn for version in store.versions("shop")] == ["1", "2"]


def test_the_way_back_from_what_is_permanent_is_kept(place: str) -> None:
    """The watch may roll back what was made permanent long after the upgrade before it was forgotten."""
    with open_store(place, limits=Limits(upgrades=1)) as store:
        for source in (SHOP_1, SHOP_2):
            upgrade(store, source)
            store.make_permanent()
        last = upgrade(store, SHOP_3)
        store.make_permanent()
        for _ in range(3):
            upgrade(store, Source("cart", "1", ""))
        assert [record.modules[0].after for record in store.history("shop")] == ["2", "3"]
        store.end(last, BY_WATCH)
        assert store.permanent_versions()["shop"].vsn == "2"


@pytest.mark.parametrize("bad", [{"upgrades": 0}, {"cache_bytes": -1}, {"cache_seconds": 0.5}])
def test_limits_that_keep_nothing_are_refused(bad: dict[str, Any]) -> None:
    """A store that keeps nothing is a mistake."""
    with pytest.raises(ValueError, match="at least 1 is needed"):
        Limits(**bad)


def test_moments_come_from_the_clock_that_is_handed_in(place: str) -> None:
    """Tests, and people who replay a day, set the time."""
    with open_store(place, now=Ticking()) as store:
        number = upgrade(store, SHOP_2)
        found = store.upgrade(number)
    assert found.ended is not None
    assert NOON < found.started < found.ended < NOON + timedelta(minutes=1)


def test_steps_do_not_wait_for_the_disk_and_ends_do(tmp_path: Path) -> None:
    """A step is marked while processes are suspended; what has ended must survive even a power failure."""
    with open_store(tmp_path / "store" / "otpy.db") as store:
        ways = []
        for quick in (True, False):
            with store._transaction(quick=quick) as connection:
                pragmas = ("synchronous", "wal_autocheckpoint")
                ways.append([connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas])
    normal, full = 1, 2
    assert ways == [[normal, 0], [full, 1000]]


def test_only_this_user_can_read_the_files(tmp_path: Path) -> None:
    """The store has sources and states of processes."""
    path = tmp_path / "a" / "b" / "otpy.db"
    with open_store(path) as store:
        upgrade(store, SHOP_2)
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}


def test_no_other_connection_gets_into_the_file(tmp_path: Path) -> None:
    """SQLite before 3.51.3 can damage a log that two connections use; here SQLite itself lets in but one."""
    path = tmp_path / "store" / "otpy.db"
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM otpy_upgrades')"
    with open_store(path):
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert "database is locked" in done.stderr


def test_threads_share_the_one_connection(place: str) -> None:
    """A thread that asks while another writes waits for it, instead of failing."""
    with open_store(place) as store:
        inside, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            with store._transaction():
                inside.set()
                go_on.wait()

        holder = threading.Thread(target=hold)
        holder.start()
        inside.wait()
        reader = threading.Thread(target=store.history)
        reader.start()
        assert reader.is_alive()
        go_on.set()
        reader.join()
        holder.join()


def test_loading_it_is_put_off() -> None:
    """`import otpy.upgrade` must not load SQLAlchemy: most nodes have no database."""
    code = """
        import sys
        import otpy.upgrade
        from otpy.store import MemoryStore, Planned, Source, open_store
        MemoryStore().begin(Planned(sources=(Source("shop", "1", ""),)))
        print("sqlalchemy" in sys.modules)
    """
    assert python(code).stdout == "False\n"
