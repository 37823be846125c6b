"""Would this state do with that version? Asked before anything is done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otpy.behaviours.migrations.compatibility import compatibility
from tests.behaviours.migration_kit import forget_kinds, module_of, picture


@pytest.fixture(autouse=True)
def kinds_module() -> Iterator[None]:
    """Leave no module `kinds` behind."""
    yield
    forget_kinds()


OLD = "@dataclass\nclass A:\n    x: int = 1\n    class B:\n        pass\n"
CASES = {
    "same": (OLD, True, "compatible"),
    "more": (OLD.replace("= 1\n", "= 1\n    y: int = 2\n"), True, "kinds.A: field y added"),
    "less": (OLD.replace("    x: int = 1\n", ""), True, "kinds.A: field x dropped"),
    "required": (
        OLD.replace("    x: int = 1\n", "    x: int\n    y: int\n"),
        False,
        "kinds.A: field y added, without a default\n",
    ),
    "gone": ("", False, "the state refers to kinds.A"),
    "renamed": ("import otpy\n@otpy.renamed('A')\n" + OLD.replace("A:", "Z:"), False, "kinds.A.B"),
}


@pytest.mark.parametrize(("new", "compatible", "words"), CASES.values(), ids=CASES)
def test_state_against_another_version(new: str, compatible: bool, words: str) -> None:
    """It says what its instances would go through, and touches nothing."""
    old = module_of(OLD)
    state = {"all": [old.A(), old.A.B()]}
    before = picture(state)
    found = compatibility(state, module_of(new))
    assert bool(found) is compatible
    assert words in str(found)
    assert picture(state) == before


def test_report_of_what_would_be_done_comes_along() -> None:
    """The same report that the upgrade would give."""
    old = module_of(OLD)
    found = compatibility([old.A()], vars(module_of(OLD.replace("= 1\n", "= 1\n    y: int = 2\n"))), name="kinds")
    assert found.report.filled == {"kinds.A": ("y",)}
