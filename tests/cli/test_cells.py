"""Lines of a shell become pieces that can be run, as at Python's own prompt."""

from __future__ import annotations

import pytest

from otpy.cli.cells import Cells, incomplete


def pieces(text: str) -> list[str]:
    """Return the pieces that the lines of *text* make."""
    cells = Cells()
    return [piece for line in text.splitlines() for piece in cells.add(line)] + cells.end()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\nx\n", ["x = 1", "x"]),
        ("\n\n  \nx\n", ["x"]),
        ("f(1,\n  2)\n", ["f(1,\n  2)"]),
        ("f(\n1\n)\nx\n", ["f(\n1\n)", "x"]),
        ("'''a\nb'''\n", ["'''a\nb'''"]),
        ("def f():\n    return 1\n\nf()\n", ["def f():\n    return 1\n", "f()"]),
        ("def f():\n    return 1\nf()\n", ["def f():\n    return 1", "f()"]),
        ("if a:\n    b\nelse:\n    c\nd\n", ["if a:\n    b\nelse:\n    c", "d"]),
        ("try:\n    a\nexcept E:\n    b\nfinally:\n    c\n\n", ["try:\n    a\nexcept E:\n    b\nfinally:\n    c\n"]),
        ("@d\nclass A:\n    x = 1\n# c\n    y = 2\n\n", ["@d\nclass A:\n    x = 1\n# c\n    y = 2\n"]),
        ("class A:\n    x = 1\nclass B:\n    y = 2\n", ["class A:\n    x = 1", "class B:\n    y = 2"]),
        ("await f()\n", ["await f()"]),
        ("async with a:\n    await b\n\n", ["async with a:\n    await b\n"]),
        ("1 +\nx\n", ["1 +", "x"]),
        ("def f(\n", ["def f("]),
        ("x \\\n= 1\n", ["x \\\n= 1"]),
    ],
)
def test_lines_become_pieces(text: str, expected: list[str]) -> None:
    """A block ends at an empty line or where something else begins; what is wrong is a piece, as the node says so."""
    assert pieces(text) == expected


def test_what_was_begun_can_be_dropped() -> None:
    """Ctrl-C at the prompt begins anew."""
    cells = Cells()
    assert cells.add("if x:") == []
    assert cells.open
    cells.drop()
    assert not cells.open
    assert cells.add("y") == ["y"]


@pytest.mark.parametrize(("source", "expected"), [("if x:", True), ("x", False), ("x =", False), ("\0", False)])
def test_what_is_wrong_is_not_incomplete(source: str, expected: bool) -> None:
    """Nobody waits for more lines when no line could mend it."""
    assert incomplete(source) is expected
