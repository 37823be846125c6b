"""The public module `otpy.code`."""

import linecache
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import otpy
from otpy import code
from otpy.code import history
from otpy.code.history import histories
from otpy.errors import LoadFailed, NoSuchVersion


def test_public_names() -> None:
    """What users may rely on."""
    assert code.__all__ == [
        "Lingering",
        "check_process_code",
        "load",
        "purge",
        "soft_purge",
        "versions",
        "vsn",
        "which",
        "who_runs",
    ]
    assert otpy.code is code


def test_versions_are_kept_with_their_sources(name: str) -> None:
    """Oldest first, the last one runs; going back is loading an old source again."""
    first = code.load("x = 1", name=name)
    second = code.load("x = 2", name=name)
    assert code.versions(name) == (first, second)
    assert [version.number for version in code.versions(sys.modules[name])] == [1, 2]
    code.load(first.source, name=name)
    assert sys.modules[name].x == 1
    assert code.vsn(name) == first.vsn


def test_vsn_is_the_explicit_one_or_a_hash(name: str) -> None:
    """By name or by module."""
    code.load('__vsn__ = "1.0"\n', name=name)
    assert code.vsn(name) == code.vsn(sys.modules[name]) == "1.0"


def test_vsn_of_a_module_that_is_not_loaded_is_an_error() -> None:
    """It names the module."""
    with pytest.raises(NoSuchVersion, match="no_such_module_at_all"):
        code.vsn("no_such_module_at_all")


def test_which_tells_the_file(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """The real one if there is one, else the name that tracebacks show; None if nothing is loaded."""
    assert code.which(name) is None
    code.load("x = 1", name=name)
    assert code.which(name) == f"<otpy {name} 1>"
    path = on_disk(f"{name}_file", "x = 1\n")
    code.load(f"{name}_file")
    assert code.which(f"{name}_file") == str(path)


def test_module_that_was_imported_has_one_version(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """Asking does not change anything."""
    on_disk(name, "x = 1\n")
    __import__(name)
    assert [version.source for version in code.versions(name)] == ["x = 1\n"]
    assert code.vsn(name) == code.vsn(name)
    assert histories.versions(name) == ()


def test_loading_by_name_reads_the_file_again(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """Imports the module the first time."""
    path = on_disk(name, "x = 1\n")
    assert code.load(name).number == 1
    path.write_text("x = 2  # longer\n")
    assert code.load(sys.modules[name]).source == "x = 2  # longer\n"
    assert sys.modules[name].x == 2


def test_loading_what_has_no_file_asks_for_the_text(name: str) -> None:
    """The error says what to do."""
    code.load("x = 1", name=name)
    with pytest.raises(LoadFailed, match="name="):
        code.load(name)
    with pytest.raises(LoadFailed, match="no_such_module_at_all"):
        code.load("no_such_module_at_all")


def test_old_versions_are_dropped_beyond_the_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is edited all day does not fill the memory."""
    monkeypatch.setattr(history, "MAX_VERSIONS", 3)
    for number in range(6):
        code.load(f"x = {number}", name=name)
    assert [version.source for version in code.versions(name)] == ["x = 3", "x = 4", "x = 5"]


def test_texts_of_failed_versions_are_dropped_beyond_the_limit(name: str) -> None:
    """They are kept for the tracebacks that name them, but not for ever."""
    for _ in range(history.MAX_FAILED * 3):
        with pytest.raises(LoadFailed):
            code.load("1 / 0", name=name)
    texts = [filename for filename in linecache.cache if filename.startswith(f"<otpy {name} ")]
    assert 0 < len(texts) <= history.MAX_FAILED
