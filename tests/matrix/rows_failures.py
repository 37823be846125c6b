"""Rows of edits that fail: nothing has changed, and no name has leaked, in either file."""

from __future__ import annotations

from typing import Final

import otpy
from tests.matrix.row import Case, Modules, Refusal, Row, Things, edited, text

M: Final = text("""
    RATE = 1

    class Cart:
        def total(self):
            return RATE
""")
NEAR: Final = text("""
    from m import RATE, Cart

    PRICE = RATE * 2
""")
CONSTANT: Final = edited(M, "RATE = 1", "RATE = 2\nLEAKED = 1")


def _make(modules: Modules) -> Things:
    return {"cart": modules.m.Cart(), "bound": modules.m.Cart().total}


def _nothing(modules: Modules, things: Things) -> None:
    """A refused edit is not looked at: its picture has to be the one before."""


def _case(after: dict[str, str], refused: Refusal, what: str = "", beside: dict[str, str] | None = None) -> Case:
    return Case(
        what=what,
        before={"m": M, "near": NEAR},
        after=after,
        beside=beside or {},
        make=_make,
        look=_nothing,
        refused=refused,
    )


ROWS: Final = (
    Row(
        19,
        "syntax error",
        "nothing changed",
        (_case({"m": CONSTANT + "def broken(:\n"}, Refusal(otpy.CompilationFailed, ":7")),),
    ),
    Row(
        20,
        "import error half-way",
        "nothing changed, no leaked name",
        (
            _case(
                {"m": CONSTANT + "import beside\nimport nowhere_to_be_found\nLATE = 1\n"},
                Refusal(otpy.UpgradeError, "nowhere_to_be_found"),
                beside={"beside": "here = True\n"},
            ),
            _case(
                {"m": edited(CONSTANT, "class Cart:", "def fresh(): pass\n\nRATE / 0\n\nclass Cart:")},
                Refusal(otpy.UpgradeError, "division by zero"),
                "it raises half-way",
            ),
        ),
    ),
    Row(
        21,
        "two files, the second fails",
        "nothing changed, no leaked name, in either file",
        (
            _case(
                {"m": CONSTANT, "near": edited(NEAR, "RATE * 2", "RATE * nothing")},
                Refusal(otpy.UpgradeError, "nothing"),
            ),
            _case(
                {"m": CONSTANT, "near": edited(NEAR, "RATE * 2", "RATE *")},
                Refusal(otpy.CompilationFailed, ":3"),
                "it does not compile",
            ),
        ),
    ),
)
