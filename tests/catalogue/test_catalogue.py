"""docs/catalogue.md says what is so: every case is accounted for, and what is named is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import catalogue
from tools.catalogue import Absence, Case, Naming, Suite

SUITES = catalogue.suites(catalogue.CASES)
NAMINGS = catalogue.namings(catalogue.TESTS)


def suite_of(*cases: Case, faults: tuple[str, ...] = ()) -> list[Suite]:
    """Return a list with one suite."""
    return [Suite("Erlang/OTP", "x_SUITE", cases, faults)]


def test_the_page_is_up_to_date() -> None:
    """`make catalogue` writes it anew."""
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.text(SUITES, NAMINGS)


def test_what_is_named_is_there() -> None:
    """A case whose name is misspelled would seem to have no test, or one that it has not."""
    assert catalogue.problems(SUITES, NAMINGS) == []


def test_every_case_is_accounted_for() -> None:
    """By a test, a recording of the real thing, or a decision; those about logs and several nodes aside."""
    assert catalogue.missing(SUITES, NAMINGS) == []


def test_a_test_names_its_cases_in_the_comments_directly_above_it(tmp_path: Path) -> None:
    """Above its decorators; other comments may stand among them, and what stands above anything else is found out."""
    (tmp_path / "test_it.py").write_text("""\
# case: x_SUITE: first
# why it is so
# case: x_SUITE: second
@decorated(
    1
)
@again
def test_a(): ...

# case: x_SUITE: third
async def test_b(): ...

# case: x_SUITE: lost

def test_c(): ...

# case: x_SUITE: helper
def helper(): ...
""")
    assert catalogue.namings(tmp_path) == [
        Naming("x_SUITE: first", "test_it.py", "test_a"),
        Naming("x_SUITE: second", "test_it.py", "test_a"),
        Naming("x_SUITE: third", "test_it.py", "test_b"),
        Naming("x_SUITE: lost", "test_it.py", None),
        Naming("x_SUITE: helper", "test_it.py", None),
    ]


@pytest.mark.parametrize(
    ("case", "named", "problem"),
    [
        (Case("x_SUITE", "a", ""), Naming("x_SUITE: b", "f", "t"), "tests/f: there is no case “x_SUITE: b”"),
        (Case("x_SUITE", "a", ""), Naming("x_SUITE: a", "f", None), "tests/f: no test stands below “x_SUITE: a”"),
        (
            Case("x_SUITE", "stop5", "", absence=Absence("never", "0016")),
            Naming("x_SUITE: stop5", "f", "t"),
            "“x_SUITE: stop5” is not here, and is shown",
        ),
        (Case("x_SUITE", "a", "", absence=Absence("?", "9999")), None, "“x_SUITE: a”: decision 9999 does not name it"),
        (Case("x_SUITE", "a", "", absence=Absence("?", "0001")), None, "“x_SUITE: a”: decision 0001 does not name it"),
        (Case("x_SUITE", "a", "", recordings=("links/no",)), None, "“x_SUITE: a”: no recording links/no"),
    ],
)
def test_each_contradiction_is_told(case: Case, named: Naming | None, problem: str) -> None:
    """With the place, where there is one."""
    assert catalogue.problems(suite_of(case), [named] if named else []) == [problem]


def test_what_is_named_twice_is_told() -> None:
    """A copied line that was not changed hides a case that nobody tests."""
    naming = Naming("x_SUITE: a", "f", "t")
    case = Case("x_SUITE", "a", "", recordings=("links/ring", "links/ring"))
    assert catalogue.problems(suite_of(case, case), [naming, naming])[:2] == [
        "tests/f: t names “x_SUITE: a” twice",
        "“x_SUITE: a” is listed twice",
    ]
    assert "“x_SUITE: a” names links/ring twice" in catalogue.problems(suite_of(case), [])


def test_a_list_that_speaks_of_what_it_does_not_have_is_told() -> None:
    """A mark, a recording or a reason of a case that is spelled otherwise would be lost."""
    listed = {
        "system": "Elixir",
        "suite": "x_test.exs",
        "cases": {"a": "something"},
        "marks": {"a": "slow"},
        "recorded": {"b": ["links/ring"]},
        "not_here": [{"cases": ["c"], "because": "no", "decision": "0005"}],
    }
    assert catalogue.suite(listed).faults == (
        "x_test.exs: b is no case of the list",
        "x_test.exs: c is no case of the list",
        "x_test.exs: slow is no mark",
    )


@pytest.mark.parametrize(
    ("case", "is_tested", "status"),
    [
        (Case("s", "a", ""), True, "tested"),
        (Case("s", "a", "", recordings=("links/ring",)), True, "tested, recorded"),
        (Case("s", "a", "", recordings=("links/ring",)), False, "recorded"),
        (Case("s", "a", "", mark="log"), True, "tested"),
        (Case("s", "a", "", mark="log"), False, "log"),
        (Case("s", "a", "", mark="distribution"), False, "distribution"),
        (Case("s", "a", "", mark="scale"), False, "missing"),
        (Case("s", "a", "", absence=Absence("never", "0005")), False, "not here"),
        (Case("s", "a", ""), False, "missing"),
    ],
)
def test_how_it_stands_with_a_case(case: Case, is_tested: bool, status: str) -> None:
    """A test counts for more than a reason why there need be none; speed has to be shown as well."""
    assert catalogue.status(case, is_tested=is_tested) == status
    assert catalogue.missing(suite_of(case), []) == (["“s: a” has no test"] if status == "missing" else []) or is_tested
