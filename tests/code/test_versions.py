"""A version as a value: what it is called, what lies between two of them, and what is said when there is none."""

import pytest

from otpy.code.version import read_version
from otpy.errors import CompilationFailed


def test_explicit_vsn_is_taken_as_it_is() -> None:
    """Any literal that can be compared."""
    assert read_version("m", '__vsn__ = "1.2"').vsn == "1.2"
    assert read_version("m", "__vsn__ = (1, 2)").vsn == (1, 2)


def test_vsn_that_is_no_literal_is_not_guessed() -> None:
    """Then the hash of the definitions tells versions apart."""
    version = read_version("m", "__vsn__ = str(1)")
    assert isinstance(version.vsn, str)
    assert len(version.vsn) == 16


def test_comments_moved_lines_and_order_do_not_change_the_vsn() -> None:
    """Two functions that change places are the same two functions."""
    one = read_version("m", "def f(): return 1\ndef g(): return 2\n")
    other = read_version("m", '# comment\ndef g():\n    """Docs."""\n    return 2\n\ndef f(): return 1\n')
    assert one.vsn == other.vsn
    assert one.sha256 != other.sha256


def test_any_other_difference_changes_the_vsn() -> None:
    """A version without an explicit vsn is what it defines."""
    assert read_version("m", "x = 1").vsn != read_version("m", "x = 2").vsn


def test_versions_are_equal_by_number_and_source() -> None:
    """They can be compared and kept in sets."""
    assert read_version("m", "x = 1") == read_version("m", "x = 1")
    assert read_version("m", "x = 1") != read_version("m", "x = 1", number=2)
    assert len({read_version("m", "x = 1"), read_version("m", "x = 1")}) == 1


ERRORS = [
    ("x = 1\ndef f(:\n    pass\n", 2, 7, "def f(:\n          ^"),
    ("if x:\n\treturn 1 +\n", 2, None, "\treturn 1 +"),
    ("def f():\n    nonlocal x\n", 2, 5, "    nonlocal x\n        ^"),
    ("return 1\n", 1, 1, "return 1\n    ^"),
    ("x = 'open\n", 1, 5, "x = 'open"),
]


@pytest.mark.parametrize(("source", "line", "column", "shown"), ERRORS)
def test_error_shows_the_place(source: str, line: int, column: int | None, shown: str) -> None:
    """File, line and column as facts; the line itself and a caret in the message."""
    with pytest.raises(CompilationFailed) as caught:
        read_version("shop", source, path="/src/shop.py")
    error = caught.value
    assert (error.filename, error.line) == ("/src/shop.py", line)
    assert column is None or error.column == column
    assert str(error).startswith(f"/src/shop.py:{line}:{error.column}: ")
    assert shown in str(error)


@pytest.mark.parametrize("source", ["x = 1\0", "x = " + "(" * 500 + ")" * 500])
def test_what_cannot_be_parsed_at_all_is_refused_too(source: str) -> None:
    """Null bytes, and nesting that is too deep."""
    with pytest.raises(CompilationFailed, match=r"shop\.py"):
        read_version("shop", source, path="shop.py")
