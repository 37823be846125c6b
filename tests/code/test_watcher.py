"""Saves become batches: together what belongs together, and never half a file."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from otpy import code
from otpy.code.saves import Batch, Saves, look
from otpy.code.watcher import batches, module_of, sources_running, watch
from tests.code.conftest import forget
from tests.support import DEADLINE, HandClock

SETTLE = 0.1
PATIENCE = 1.0
OLD = "X = 1\n"
NEW = "X = 2\n"


class Timeline:
    """What happens to files, step by step, with the time that passes: the stream that `batches` reads."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.known: dict[str, str] = {}
        self.steps: list[tuple[float, Callable[[], object] | None, Collection[Path]]] = []

    def at(self, seconds: float, do: Callable[[], object] | None = None, *touched: Path) -> None:
        """Let *seconds* pass, then *do* something, and have *touched* reported."""
        self.steps.append((seconds, do, touched))

    def quiet(self, seconds: float) -> None:
        """Let *seconds* pass in which nothing happens, with a look every now and then."""
        for _ in range(round(seconds / 0.05)):
            self.at(0.05)

    def __iter__(self) -> Iterator[Collection[Path]]:
        for seconds, do, touched in self.steps:
            self.clock._now += seconds
            if do is not None:
                do()
            yield touched

    def batches(self) -> list[Batch]:
        """Return what comes of it."""
        return list(batches(self, clock=self.clock.now, settle=SETTLE, patience=PATIENCE, known=self.known))


@pytest.fixture
def timeline() -> Timeline:
    """Nothing has happened yet."""
    return Timeline()


@pytest.fixture
def shop(name: str, on_disk: Callable[[str, str], Path], timeline: Timeline) -> Path:
    """The file of a loaded module called *name*."""
    path = on_disk(name, OLD)
    __import__(name)
    timeline.known = sources_running([path.parent])
    return path


@pytest.fixture
def package(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a loaded package called *name*, with two modules, `a` and `b`."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for each in ("a", "b"):
        (folder / f"{each}.py").write_text(OLD)
        __import__(f"{name}.{each}")
    yield folder
    for each in [module for module in sys.modules if module.startswith(f"{name}.")]:
        forget(each)


def test_save_becomes_a_batch_when_the_file_stands_still(timeline: Timeline, shop: Path, name: str) -> None:
    """Not at once: the next write may be on its way."""
    timeline.at(0.0, lambda: shop.write_text(NEW), shop)
    timeline.at(0.05)
    assert timeline.batches() == []
    timeline.quiet(0.1)
    assert timeline.batches() == [Batch({name: NEW}, {name: str(shop)})]


def test_file_that_goes_on_growing_is_waited_for(timeline: Timeline, shop: Path, name: str) -> None:
    """Each write begins the time anew, reported or not; also where every piece would parse."""
    whole = "".join(f"X{n} = {n}\n" for n in range(10))
    lines = whole.splitlines(keepends=True)
    timeline.at(0.0, lambda: shop.write_text(lines[0]), shop)
    for count in range(2, 11):
        timeline.at(0.09, lambda count=count: shop.write_text("".join(lines[:count])))  # type: ignore[misc]
    timeline.quiet(0.2)
    assert timeline.batches() == [Batch({name: whole}, {name: str(shop)})]


def test_truncated_file_is_waited_for(timeline: Timeline, shop: Path, name: str) -> None:
    """An editor that truncates, and is slow to write."""
    timeline.at(0.0, lambda: shop.write_text(""), shop)
    timeline.quiet(0.5)
    timeline.at(0.0, lambda: shop.write_text(NEW), shop)
    timeline.quiet(0.2)
    assert timeline.batches() == [Batch({name: NEW}, {name: str(shop)})]


def test_half_a_file_is_waited_for(timeline: Timeline, shop: Path, name: str) -> None:
    """It does not parse; the other half comes."""
    timeline.at(0.0, lambda: shop.write_text("def f(a,"), shop)
    timeline.quiet(0.5)
    timeline.at(0.0, lambda: shop.write_text("def f(a, b): ...\n"), shop)
    timeline.quiet(0.2)
    assert timeline.batches() == [Batch({name: "def f(a, b): ...\n"}, {name: str(shop)})]


@pytest.mark.parametrize("left", ["def f(:\n", ""])
def test_what_its_author_has_left_so_is_given_on(timeline: Timeline, shop: Path, name: str, left: str) -> None:
    """A syntax error that nobody is told of is worse than one that is told of late."""
    timeline.at(0.0, lambda: shop.write_text(left), shop)
    timeline.quiet(PATIENCE - 0.1)
    assert timeline.batches() == []
    timeline.quiet(0.2)
    assert timeline.batches() == [Batch({name: left}, {name: str(shop)})]


def test_bytes_that_are_no_text_are_never_given_on(timeline: Timeline, shop: Path) -> None:
    """There is no source in them."""
    timeline.at(0.0, lambda: shop.write_bytes(b"X = '\xff'\n"), shop)
    timeline.quiet(3)
    assert timeline.batches() == []


def test_file_in_another_encoding_is_read_as_python_does(timeline: Timeline, shop: Path, name: str) -> None:
    """The first line says which."""
    timeline.at(0.0, lambda: shop.write_bytes("# coding: latin-1\nX = 'é'\n".encode("latin-1")), shop)
    timeline.quiet(0.2)
    assert timeline.batches()[0].sources == {name: "# coding: latin-1\nX = 'é'\n"}


def test_saves_that_come_together_are_one_batch(timeline: Timeline, package: Path, name: str) -> None:
    """A checkout touches many, one after the other."""
    a, b = package / "a.py", package / "b.py"
    timeline.at(0.0, lambda: a.write_text(NEW), a)
    timeline.at(0.08, lambda: b.write_text(NEW), b)
    timeline.quiet(0.3)
    assert [batch.sources for batch in timeline.batches()] == [{f"{name}.a": NEW, f"{name}.b": NEW}]


def test_one_half_of_a_change_waits_for_the_other(timeline: Timeline, package: Path, name: str) -> None:
    """As long as that is being written."""
    a, b = package / "a.py", package / "b.py"
    timeline.at(0.0, lambda: a.write_text(NEW), a)
    timeline.at(0.0, lambda: b.write_text("def f("), b)
    timeline.quiet(0.5)
    timeline.at(0.0, lambda: b.write_text(NEW), b)
    timeline.quiet(0.3)
    assert [sorted(batch.sources) for batch in timeline.batches()] == [[f"{name}.a", f"{name}.b"]]


def test_file_that_never_stands_still_does_not_hold_up_the_others(timeline: Timeline, package: Path, name: str) -> None:
    """Something may write it all the time."""
    a, b = package / "a.py", package / "b.py"
    timeline.at(0.0, lambda: a.write_text(NEW), a)
    for n in range(120):
        timeline.at(0.05, lambda n=n: b.write_text(f"X = {n + 2}\n"), b)  # type: ignore[misc]
    first, *_ = timeline.batches()
    assert sorted(first.sources) == [f"{name}.a"]


def test_saves_apart_are_batches_apart(timeline: Timeline, shop: Path, name: str) -> None:
    """Each is an upgrade of its own."""
    for text in (NEW, "X = 3\n"):
        timeline.at(0.0, lambda text=text: shop.write_text(text), shop)  # type: ignore[misc]
        timeline.quiet(0.3)
    assert [batch.sources[name] for batch in timeline.batches()] == [NEW, "X = 3\n"]


def test_file_that_was_only_touched_is_no_news(timeline: Timeline, shop: Path) -> None:
    """Neither before the first change nor after one."""
    timeline.at(0.0, shop.touch, shop)
    timeline.quiet(0.3)
    timeline.at(0.0, lambda: shop.write_text(NEW), shop)
    timeline.quiet(0.3)
    timeline.at(0.0, shop.touch, shop)
    timeline.quiet(0.3)
    assert len(timeline.batches()) == 1


def test_going_back_to_what_runs_is_no_news(timeline: Timeline, shop: Path) -> None:
    """Undone before it was whole."""
    timeline.at(0.0, lambda: shop.write_text(NEW), shop)
    timeline.at(0.05, lambda: shop.write_text(OLD), shop)
    timeline.quiet(0.3)
    assert timeline.batches() == []


def test_save_by_renaming_is_a_save(timeline: Timeline, shop: Path, name: str) -> None:
    """The temporary file, in the same folder, is nobody's module, and gone."""
    other = shop.with_name("tmp4711.py")
    timeline.at(0.0, lambda: other.write_text(NEW), other)
    timeline.at(0.0, lambda: other.replace(shop), other, shop)
    timeline.quiet(0.3)
    assert timeline.batches() == [Batch({name: NEW}, {name: str(shop)})]


def test_file_that_is_deleted_and_written_again_was_not_deleted(timeline: Timeline, shop: Path, name: str) -> None:
    """So do some editors save."""
    timeline.at(0.0, shop.unlink, shop)
    timeline.at(0.05, lambda: shop.write_text(NEW), shop)
    timeline.quiet(0.3)
    assert timeline.batches() == [Batch({name: NEW}, {name: str(shop)})]


def test_deleted_file_is_told_and_not_applied(timeline: Timeline, package: Path, name: str) -> None:
    """Whoever imports it still runs it."""
    a = package / "a.py"
    timeline.at(0.0, a.unlink, a)
    timeline.quiet(0.3)
    assert timeline.batches() == [Batch({}, {}, (f"{name}.a",))]
    assert f"{name}.a" in sys.modules


def test_new_files_of_a_loaded_package_count(timeline: Timeline, package: Path, name: str) -> None:
    """Also in a new folder of it; not what cannot be imported."""
    new, deep, odd = package / "new.py", package / "sub" / "__init__.py", package / "not-a-name.py"

    def write() -> None:
        deep.parent.mkdir()
        for path in (new, deep, odd):
            path.write_text(NEW)

    timeline.at(0.0, write, new, deep, odd)
    timeline.quiet(0.3)
    (batch,) = timeline.batches()
    assert sorted(batch.sources) == [f"{name}.new", f"{name}.sub"]


def test_new_file_that_is_gone_again_was_never_there(timeline: Timeline, package: Path) -> None:
    """Editors try whether they may write."""
    probe = package / "probe4913.py"
    timeline.at(0.0, lambda: probe.write_text(NEW), probe)
    timeline.at(0.02, probe.unlink, probe)
    timeline.quiet(0.3)
    assert timeline.batches() == []


def test_files_of_nobody_are_passed_over(timeline: Timeline, tmp_path: Path, shop: Path) -> None:
    """Scripts beside, notes, backups."""
    for other in ("script.py", "notes.txt", "shop.py~", ".#shop.py"):
        path = tmp_path / other
        timeline.at(0.0, lambda path=path: path.write_text(NEW), path)  # type: ignore[misc]
    timeline.quiet(2)
    assert timeline.batches() == []


def test_modules_are_found_through_links(shop: Path, name: str, tmp_path: Path) -> None:
    """A deployed folder often is one."""
    (tmp_path / "link").symlink_to(shop.parent, target_is_directory=True)
    assert module_of(tmp_path / "link" / shop.name) == name


def test_main_and_otpy_itself_are_left_out() -> None:
    """The one cannot be imported by its name, the other cannot exchange what it stands on."""
    assert module_of(Path(code.__file__)) is None


def test_what_was_loaded_from_text_is_compared_with_that(timeline: Timeline, shop: Path, name: str) -> None:
    """After an upgrade its source is what runs, not what the file said at import."""
    code.load(NEW, name=name)
    timeline.at(0.0, lambda: shop.write_text(NEW), shop)
    timeline.quiet(0.3)
    assert timeline.batches() == []


def test_what_runs_is_not_read_from_a_file_that_was_edited_since(
    name: str, on_disk: Callable[[str, str], Path]
) -> None:
    """Then it is not known, and the next save is news."""
    path = on_disk(name, "def f():\n    return 1\n")
    __import__(name)
    path.write_text("def f():\n    return 2\n")
    assert sources_running([path]) == {}


def test_look_tells_two_contents_of_equal_size_and_time_apart(tmp_path: Path) -> None:
    """Clocks of file systems are coarse."""
    path = tmp_path / "m.py"
    path.write_text(OLD)
    first, stat = look(path), path.stat()
    path.write_text(NEW)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert look(path).stamp != first.stamp


def test_nothing_is_taken_when_nothing_was_touched() -> None:
    """Looking costs nothing then."""
    saves = Saves(name_of=lambda path: None, running=lambda name: None)
    assert saves.take(1.0) is None


# -- with watchfiles -------------------------------------------------------------------------------


@pytest.mark.parametrize("as_file", [False, True])
def test_watch_tells_of_saves_on_the_disk(shop: Path, name: str, as_file: bool) -> None:
    """Of a folder, or of one file, saved by renaming."""
    told: list[Batch] = []
    stop, heard = threading.Event(), threading.Event()

    def on_batch(batch: Batch) -> None:
        told.append(batch)
        heard.set()

    arguments = ([shop if as_file else shop.parent], on_batch, stop)
    watcher = threading.Thread(target=watch, args=arguments, kwargs={"settle": 0.05}, daemon=True)
    watcher.start()
    try:
        for n in range(2, 1000):  # until the watch has begun
            other = shop.with_suffix(".tmp")
            other.write_text(f"X = {n}\n")
            other.replace(shop)
            if heard.wait(0.25):
                break
        assert heard.wait(DEADLINE)
    finally:
        stop.set()
        watcher.join(DEADLINE)
    assert not watcher.is_alive()
    assert set(told[0].sources) == {name}


def test_missing_watchfiles_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install otpy\[watch\]"):
        watch([tmp_path], print, threading.Event())


def test_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A misspelled folder would be watched for ever."""
    with pytest.raises(FileNotFoundError, match="nowhere is not there"):
        watch([tmp_path / "nowhere"], print, threading.Event())


def test_watcher_does_without_watchfiles_until_it_is_used() -> None:
    """`import otpy.code.watcher` stays light."""
    program = "import sys, otpy.code.watcher; sys.exit('watchfiles' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
