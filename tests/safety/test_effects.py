"""Effects on the world are caught where they happen, in the rehearsal and nowhere else."""

import contextlib
import ctypes
import importlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import otpy
from otpy.errors import EffectRefused, UpgradeError
from otpy.safety import KINDS, Effect, watched
from otpy.safety.effects import EVENTS, is_the_authors
from tests.support import inside, python

WORLD: list[tuple[str, Callable[[Path], object]]] = [
    ("file", lambda folder: (folder / "new").write_text("x")),
    ("file", lambda folder: (folder / "there").open("a")),
    ("file", lambda folder: os.open(folder / "new", os.O_CREAT | os.O_WRONLY)),
    ("file", lambda folder: (folder / "there").unlink()),
    ("file", lambda folder: (folder / "there").rename(folder / "new")),
    ("file", lambda folder: (folder / "new").mkdir()),
    ("file", shutil.rmtree),
    ("file", lambda folder: (folder / "there").chmod(0o600)),
    ("file", lambda folder: tempfile.mkdtemp(dir=folder)),
    ("file", lambda folder: sqlite3.connect(folder / "new")),
    ("socket", lambda folder: socket.socket()),
    ("socket", lambda folder: socket.getaddrinfo("localhost", 1)),
    ("process", lambda folder: subprocess.run([sys.executable, "-c", ""], check=False)),
    ("process", lambda folder: os.system(f"touch {folder}")),  # noqa: S605  # pyright: ignore[reportDeprecated] - it is to be stopped
    ("process", lambda folder: os.kill(os.getpid(), 0)),
    ("thread", lambda folder: threading.Thread(target=print).start()),
    ("system", lambda folder: os.environ.__setitem__("OTPY_TEST", "x")),
    ("system", os.chdir),
    ("system", lambda folder: ctypes.CDLL(None)),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one file, `there`."""
    (tmp_path / "there").write_text("as it was")
    return tmp_path


def listing(folder: Path) -> dict[str, str]:
    """Return the files of *folder* with what is in them."""
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize(("kind", "do"), WORLD, ids=[f"{kind}{n}" for n, (kind, _) in enumerate(WORLD)])
def test_effect_is_stopped_and_told(kind: str, do: Callable[[Path], object], folder: Path) -> None:
    """Nothing has happened, and the place is the author's own code, not Python's."""
    before, cwd = listing(folder), Path.cwd()
    with watched() as watch, pytest.raises(EffectRefused) as caught:
        do(folder)
    assert isinstance(caught.value, UpgradeError)
    assert [effect.kind for effect in watch.effects] == [kind]
    assert watch.refused == tuple(watch.effects)
    assert watch.effects[0].where.startswith(__file__)
    assert (listing(folder), Path.cwd(), os.environ.get("OTPY_TEST")) == (before, cwd, None)


def test_effect_prints_what_and_where(folder: Path) -> None:
    """For the report of a rehearsal."""
    with watched() as watch, pytest.raises(EffectRefused, match=r"opens .* for writing, at .*test_effects.py"):
        (folder / "new").write_text("x")
    effect = watch.effects[0]
    assert str(effect) == f"file: opens '{folder / 'new'}' for writing, at {effect.where}"
    assert effect.where.endswith("in test_effect_prints_what_and_where")


def test_swallowed_refusal_is_told_all_the_same(folder: Path) -> None:
    """Code that catches everything must not get a rehearsal past the policy."""
    with watched() as watch, contextlib.suppress(Exception):
        (folder / "new").write_text("x")
    assert [effect.kind for effect in watch.refused] == ["file"]


def test_what_only_looks_is_let_pass(folder: Path) -> None:
    """Reading, computing, and importing are no effects."""
    with watched() as watch:
        (folder / "there").read_text()
        list(folder.iterdir())
        Path(os.devnull).write_text("x")
        sqlite3.connect(":memory:").close()
        os.environ.get("PATH")
    assert watch.effects == []


def test_byte_code_that_python_keeps_is_no_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first import of a module writes a file, and nobody asked for it."""
    (tmp_path / "imported_in_a_rehearsal.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    with watched() as watch:
        importlib.import_module("imported_in_a_rehearsal")
    del sys.modules["imported_in_a_rehearsal"]
    assert watch.effects == []
    assert list((tmp_path / "__pycache__").iterdir()) != []


def test_effect_of_an_imported_module_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machinery of imports is let pass, what a module does at its top level is not."""
    module = tmp_path / "writes_at_import.py"
    module.write_text(f"open({str(tmp_path / 'new')!r}, 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with watched() as watch, pytest.raises(EffectRefused):
        importlib.import_module("writes_at_import")
    assert watch.effects[0].where == f"{module}:1 in <module>"


def test_what_is_allowed_happens_and_is_told(folder: Path) -> None:
    """The author knows better; the report still says it."""
    with watched(allow=["file"]) as watch:
        (folder / "new").write_text("x")
        with pytest.raises(EffectRefused):
            socket.socket()
    assert (folder / "new").read_text() == "x"
    assert [effect.kind for effect in watch.effects] == ["file", "socket"]
    assert [effect.kind for effect in watch.refused] == ["socket"]


def test_kind_that_there_is_not_is_refused() -> None:
    """A misspelled one would allow nothing, and nobody would know why."""
    with (
        pytest.raises(ValueError, match="there is no kind of effect 'files'; there are file, socket"),
        watched(["files"]),
    ):
        pass


def test_other_threads_are_left_alone(folder: Path) -> None:
    """The system runs on while an upgrade is rehearsed."""
    go, done = threading.Event(), threading.Event()

    def other() -> None:
        go.wait()
        (folder / "new").write_text("x")
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with watched() as watch:
        go.set()
        assert done.wait(20)
    thread.join()
    assert watch.effects == []
    assert (folder / "new").read_text() == "x"


class Writer(otpy.GenServer[Path]):
    """Writes files when it is told to."""

    def init(self, arg: Path) -> otpy.Ok[Path]:
        """Remember where."""
        return otpy.Ok(arg)

    def handle_call(self, request: str, from_: otpy.From, state: Path) -> otpy.Reply[str, Path]:
        """Write *request*."""
        (state / request).write_text("x")
        return otpy.Reply(request, state)


@inside
def test_other_processes_on_the_same_thread_are_left_alone(tmp_path: Path) -> None:
    """They run on greenlets of one thread, in turns."""
    pid = Writer.start(tmp_path)
    with watched() as watch:
        assert otpy.call(pid, "theirs") == "theirs"
        with pytest.raises(EffectRefused):
            (tmp_path / "ours").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]
    assert len(watch.effects) == 1
    otpy.stop(pid)


def test_after_the_rehearsal_everything_goes_again(folder: Path) -> None:
    """Also if it ended with an exception."""
    with pytest.raises(KeyError), watched():
        raise KeyError
    (folder / "new").write_text("x")


def test_one_inside_the_other_both_are_told(folder: Path) -> None:
    """What the inner one allows the outer one may forbid."""
    with watched() as outer, watched(allow=["file"]) as inner, pytest.raises(EffectRefused):
        (folder / "new").write_text("x")
    assert outer.effects == inner.effects
    assert (len(outer.refused), len(inner.refused)) == (1, 0)


def test_hook_is_installed_once_and_not_before_it_is_needed() -> None:
    """It cannot be taken away again, so each one more would cost for ever."""
    done = python(
        """
        import sys
        hooks = []
        add = sys.addaudithook
        sys.addaudithook = lambda hook: (hooks.append(hook), add(hook))
        import otpy.safety
        assert hooks == []
        for _ in range(3):
            with otpy.safety.watched():
                pass
        assert len(hooks) == 1
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_values_of_users_are_not_asked_for_their_repr() -> None:
    """That is their code, and it runs inside the hook."""

    class Path_(str):  # noqa: N801 - a text that lies
        """A path whose repr does something."""

        __slots__ = ()

        def __repr__(self) -> str:
            raise AssertionError

    told = EVENTS["os.mkdir"]((Path_("x"), 0o777, -1))
    assert told == ("file", "makes the folder Path_")


def test_place_is_in_the_authors_code_wherever_that_is_installed() -> None:
    """Packages are often installed inside the folder of Python itself."""
    assert is_the_authors(str(Path(sysconfig.get_path("purelib")) / "shop" / "cart.py"))
    assert is_the_authors("<otpy shop.cart 2>")
    assert is_the_authors(__file__)
    assert not is_the_authors(os.__file__)
    assert not is_the_authors(otpy.__file__)
    assert not is_the_authors("<frozen importlib._bootstrap>")


def test_kinds_are_all_in_use() -> None:
    """Each can be met, and allowed."""
    assert {kind for kind, _ in WORLD} == set(KINDS)
    assert hash(Effect("file", "x", "y")) == hash(Effect("file", "x", "y"))
