"""Tracebacks, `inspect.getsource` and lines are right for every version."""

import bdb
import inspect
import linecache
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import otpy
from otpy import code
from otpy.code.baseline import note_source
from otpy.code.journal import Journal
from otpy.code.loader import prepare, prepare_all
from otpy.errors import LoadFailed

SOURCE = """
def fail():
    raise ValueError("one")

class A:
    def fail(self):
        return fail()
"""
NEW = "# a comment\n# and another\n" + SOURCE.replace('ValueError("one")', 'ValueError("two")')


def shown(function: Callable[[], Any]) -> list[tuple[str, int | None, str | None]]:
    """Return file, line and text of each frame that *function* has when it raises."""
    try:
        function()
    except ValueError as error:
        return [(frame.filename, frame.lineno, frame.line) for frame in traceback.extract_tb(error.__traceback__)[1:]]
    raise AssertionError


def printed(error: BaseException) -> str:
    """Return the traceback of *error* as Python prints it."""
    return "".join(traceback.format_exception(error))


def test_function_that_someone_holds_shows_the_new_text(name: str) -> None:
    """It is the same function, and runs the new body."""
    code.load(SOURCE, name=name)
    old = sys.modules[name].fail
    code.load(NEW, name=name)
    new = sys.modules[name].fail
    assert new is old
    assert shown(old) == [(f"<otpy {name} 2>", 5, 'raise ValueError("two")')]


def test_versions_side_by_side_show_their_own_texts(name: str) -> None:
    """Where functions do not stay the same objects, as in a canary."""
    code.load(SOURCE, name=name)
    old = sys.modules[name].fail
    prepare_all({name: NEW}, in_place=False).install(Journal())
    assert shown(old) == [(f"<otpy {name} 1>", 3, 'raise ValueError("one")')]
    assert shown(sys.modules[name].fail) == [(f"<otpy {name} 2>", 5, 'raise ValueError("two")')]


def test_text_outlives_checkcache(name: str) -> None:
    """The traceback module drops entries whose file has changed or is gone: not these."""
    code.load(SOURCE, name=name)
    linecache.checkcache()
    assert linecache.getline(f"<otpy {name} 1>", 3) == '    raise ValueError("one")\n'


def test_source_of_functions_and_classes(name: str) -> None:
    """The new ones, whether they were edited or only moved."""
    code.load(SOURCE, name=name)
    module = sys.modules[name]
    code.load(NEW, name=name)
    assert 'ValueError("two")' in inspect.getsource(module.fail)
    assert inspect.getsource(module.A).startswith("class A:")
    assert inspect.getsource(module.A.fail).startswith("    def fail(self):")
    assert inspect.getsource(module) == NEW


def test_function_that_only_moved_keeps_its_identity_and_gets_its_lines(name: str) -> None:
    """Also what is inside it, and what was made by it."""
    source = "def outer():\n    def inner():\n        raise ValueError\n    return inner\n"
    code.load(source, name=name)
    module = sys.modules[name]
    outer, inner = module.outer, module.outer()
    code.load("\n\n" + source, name=name)
    assert module.outer is outer
    assert shown(inner) == shown(outer()) == [(f"<otpy {name} 2>", 5, "raise ValueError")]


def test_frame_that_runs_keeps_its_text(name: str) -> None:
    """A generator that was begun on the old version ends on it."""
    source = "def g():\n    yield 1\n    raise ValueError('old')\n"
    code.load(source, name=name)
    running = sys.modules[name].g()
    assert next(running) == 1
    code.load("\n\n" + source.replace("old", "new"), name=name)
    assert shown(lambda: next(running))[1:] == [(f"<otpy {name} 1>", 3, "raise ValueError('old')")]


def test_failing_module_body_shows_its_line(name: str) -> None:
    """The cause of the failure points into the text that was given."""
    with pytest.raises(LoadFailed) as caught:
        code.load("x = 1\ny = 1 / 0  # here\n", name=name)
    assert caught.value.__cause__ is not None
    last = traceback.extract_tb(caught.value.__cause__.__traceback__)[-1]
    assert (last.lineno, last.line) == (2, "y = 1 / 0  # here")


def test_form_feeds_do_not_shift_lines(name: str) -> None:
    """Python counts lines by newlines alone; str.splitlines does not."""
    code.load("x = 1\n\x0c\ndef f():\n    raise ValueError\n", name=name)
    assert shown(sys.modules[name].f) == [(f"<otpy {name} 1>", 4, "raise ValueError")]


# -- modules with a file ---------------------------------------------------------------------------


def test_current_version_of_a_file_has_the_real_path(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """So that breakpoints and editors find it."""
    path = on_disk(name, SOURCE)
    module = __import__(name)
    note_source(name)
    old = module.fail
    path.write_text(NEW)
    version = code.load(name)
    assert version.path == str(path)
    assert module.__file__ == str(path)
    assert shown(module.fail) == [(str(path), 5, 'raise ValueError("two")')]
    assert shown(module.A().fail)[0] == (str(path), 9, "return fail()")
    assert old is module.fail
    assert inspect.getsource(module.A).startswith("class A:")


def test_what_is_gone_from_a_file_shows_its_own_text(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """A function that the new version does not have is filed under a name of its own, if someone holds it."""
    on_disk(name, SOURCE)
    module = __import__(name)
    old = module.A.fail
    prepare(name, NEW.replace("class A", "class B")).install(Journal())
    assert shown(lambda: old(None))[1][:2] == (f"<otpy {name} 1>", 7)
    assert inspect.getsource(old) == "    def fail(self):\n        return fail()\n"


def test_file_that_is_edited_afterwards_does_not_confuse_tracebacks(
    name: str, on_disk: Callable[[str, str], Path]
) -> None:
    """What is shown is what runs, also when the text did not come from the disk."""
    path = on_disk(name, SOURCE)
    module = __import__(name)
    code.load(NEW, name=name)
    path.write_text("something = 'else entirely'\n" * 20)
    linecache.checkcache()
    assert shown(module.fail) == [(str(path), 5, 'raise ValueError("two")')]


def test_undo_gives_the_file_its_text_back(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """And the functions theirs."""
    path = on_disk(name, SOURCE)
    module = __import__(name)
    loaded, journal = prepare(name, NEW), Journal()
    loaded.install(journal)
    journal.undo()
    assert shown(module.fail) == [(str(path), 3, 'raise ValueError("one")')]


def test_text_that_does_not_run_is_not_believed(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """A file that was edited after the import says nothing about what runs: then everything is loaded anew."""
    path = on_disk(name, SOURCE + "kept = {}\n")
    module = __import__(name)
    old = module.fail
    path.write_text(NEW + "kept = {}\n")
    loaded = prepare(name, NEW + "kept = {}\n")
    assert loaded.loaded[0].previous is None
    assert "not known" in loaded.warnings[0]
    loaded.install(Journal())
    assert shown(module.fail)[0][2] == 'raise ValueError("two")'
    assert shown(old) == [(f"<otpy {name} 0>", 3, "")]


def test_constant_edited_after_the_import_is_noticed(
    name: str, on_disk: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the byte-code file, which knows how long the text was that it was made from."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = on_disk(name, "LIMIT = 1\n")
    module = __import__(name)
    path.write_text("LIMIT = 1000\n")
    code.load(name)
    assert module.LIMIT == 1000


def test_frame_of_a_superseded_file_shows_its_own_text(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """A generator that was begun before; Python's own traceback shows the line as it is in the file by now."""
    source = "def g():\n    yield 1\n    raise ValueError('old')\n"
    path = on_disk(name, source)
    module = __import__(name)
    running, undone = module.g(), module.g()
    next(running)
    next(undone)
    prepared, journal = prepare(name, "# one\n# two\n" + source.replace("old", "new")), Journal()
    prepared.install(journal)
    with pytest.raises(ValueError, match="old") as caught:
        next(running)
    assert f"File \"<otpy {name} 1>\", line 3, in g\n    raise ValueError('old')" in printed(caught.value)
    journal.undo()
    with pytest.raises(ValueError, match="old") as caught:
        next(undone)
    assert f"File \"{path}\", line 3, in g\n    raise ValueError('old')" in printed(caught.value)


def test_causes_and_groups_are_shown_right_too(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """However deep they are."""
    source = "def g():\n    yield 1\n    raise ValueError('old')\n"
    on_disk(name, source)
    running = __import__(name).g()
    next(running)
    code.load("\n" + source.replace("old", "new"), name=name)
    with pytest.raises(ValueError, match="old") as caught:
        next(running)
    group = ExceptionGroup("several", [caught.value])
    group.__cause__ = caught.value
    assert printed(group).count(f'File "<otpy {name} 1>", line 3, in g') == 2


LAYERS = "def inner():\n    yield 1\n    raise ValueError('old')\n\ndef outer():\n    x = 1\n    yield from inner()\n"


def test_every_way_to_print_shows_the_right_text(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """What comes from an error, from part of it, and from a frame; with the marks below the lines, and the locals."""
    on_disk(name, LAYERS)
    running = __import__(name).outer()
    next(running)
    code.load("\n\n" + LAYERS.replace("old", "new"), name=name)
    standing = traceback.extract_stack(running.gi_frame)
    assert [(frame.filename, frame.line) for frame in standing[-1:]] == [(f"<otpy {name} 1>", "yield from inner()")]
    with pytest.raises(ValueError, match="old") as caught:
        next(running)
    error = caught.value
    told = [(f"<otpy {name} 1>", "yield from inner()"), (f"<otpy {name} 1>", "raise ValueError('old')")]
    for limit, expected in {None: told, 2: told[:1], -1: told[1:], -2: told, 1: []}.items():
        stack = traceback.extract_tb(error.__traceback__, limit=limit)
        assert [(frame.filename, frame.line) for frame in stack if frame.filename != __file__] == expected
    marked = traceback.extract_tb(error.__traceback__)[1]
    assert (marked.colno, marked.end_colno) == (4, 22)
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert whole.stack[1].locals == {"x": "1"}


def test_what_nobody_catches_shows_the_right_text_from_python_3_13_on(tmp_path: Path) -> None:
    """The interpreter asks `traceback` then; before, it reads the file by itself."""
    Path(tmp_path, "layers.py").write_text(LAYERS, encoding="utf-8")
    program = f"""
import layers, otpy
running = layers.outer()
next(running)
otpy.code.load({LAYERS.replace("old", "new")!r}, name="layers")
next(running)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    shown = "<otpy layers 1>" if sys.version_info >= (3, 13) else str(tmp_path / "layers.py")
    assert f'File "{shown}", line 3, in inner' in ended.stderr


def test_a_log_shows_the_right_text(
    name: str, on_disk: Callable[[str, str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    """So do the reports of crashes."""
    on_disk(name, LAYERS)
    running = __import__(name).outer()
    next(running)
    code.load("\n\n" + LAYERS.replace("old", "new"), name=name)
    with otpy.runtime():
        ref = otpy.monitor(otpy.spawn(lambda: next(running)))
        otpy.receive(lambda message: getattr(message, "ref", None) == ref)
    assert f"File \"<otpy {name} 1>\", line 3, in inner\n    raise ValueError('old')" in caplog.text


class Breaks(bdb.Bdb):
    """Notes where it stops."""

    def __init__(self) -> None:
        super().__init__()
        self.stops: list[tuple[str, int, str]] = []

    def user_line(self, frame: FrameType) -> None:
        """At each line that it stops at."""
        name, line = frame.f_code.co_filename, frame.f_lineno
        if self.break_here(frame):
            self.stops.append((name, line, linecache.getline(name, line).strip()))
        self.set_continue()


@pytest.mark.parametrize("is_file", [True, False], ids=["file", "text"])
def test_breakpoints_stop_at_the_lines_of_the_new_text(
    name: str, on_disk: Callable[[str, str], Path], is_file: bool
) -> None:
    """In a function whose body was edited, and in one that only moved; by the name that its code has."""
    source = "def f():\n    x = 'old'\n    return x\ndef g():\n    y = 1\n    return y\n"
    if is_file:
        on_disk(name, source)
        module = __import__(name)
    else:
        code.load(source, name=name)
        module = sys.modules[name]
    code.load("# moved\n" + source.replace("old", "new"), name=name)
    debugger = Breaks()
    filename = module.f.__code__.co_filename
    assert debugger.set_break(filename, 3) is None
    assert debugger.set_break(filename, 6) is None
    debugger.runcall(module.f)
    debugger.runcall(module.g)
    shown_as = debugger.canonic(filename)
    assert [(line, text) for _, line, text in debugger.stops] == [(3, "x = 'new'"), (6, "y = 1")]
    assert shown_as == filename
