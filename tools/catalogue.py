"""Write docs/catalogue.md: each case of the suites of OTP and Elixir, with the tests of otpy that show it.

The cases are those that tests/catalogue/*.toml list, one file a suite:

    system = "Erlang/OTP"                   whose suite it is
    suite = "gen_event_SUITE"               its name there
    [cases]                                 title = what the case checks
    [marks]                                 title = "scale", "log" or "distribution": what it is about
    [recorded]                              title = the recordings in tests/oracle/traces that show it, as "file/name"
    [[not_here]]                            cases = titles, because = "why", decision = "NNNN": what otpy does not do

A test says which cases it shows in comments directly above it and its decorators, one line each:

    # case: gen_event_SUITE: add_handler

Cases about the text of logs or about several nodes need no test; all others need one, a recording or a decision.

    python -m tools.catalogue
"""

from __future__ import annotations

import ast
import io
import itertools
import json
import re
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

ThingT = TypeVar("ThingT")

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "catalogue.md"
TESTS: Final = ROOT / "tests"
CASES: Final = TESTS / "catalogue"
TRACES: Final = TESTS / "oracle" / "traces"
DECISIONS: Final = ROOT / "docs" / "decisions"

SYSTEMS: Final = ("Erlang/OTP", "Elixir")
"""In the order of the page."""

NEED_NO_TEST: Final = ("log", "distribution")
MARKS: Final = ("scale", *NEED_NO_TEST)
STATUSES: Final = ("tested", "tested, recorded", "recorded", "not here", *NEED_NO_TEST, "missing")
"""In the order of the columns of the summary."""

NAMING: Final = re.compile(r"# case: (?P<case>.+)")

HEAD: Final = """\
# The cases of OTP and Elixir

`make catalogue` writes this page from the cases in [tests/catalogue](../tests/catalogue) and from the comments above
the tests. Each case of the suites that OTP and Elixir test themselves with stands here, in our own words, with what
shows that otpy does the same. The cases are those of OTP 24 and later and of Elixir 1.14.

- **tested**: by these tests. **recorded**: these recordings of Erlang/OTP 25 or Elixir 1.14 are replayed, and show
  it.
- **not here**: otpy does not do this; the decision says why.
- **log**, **distribution**: about the text of logs, or about several nodes; otpy has its own text, and no distribution.

"""


@dataclass(frozen=True, slots=True)
class Absence:
    """Why otpy does not do what a case checks: in a phrase, and in which record (its number)."""

    because: str
    decision: str


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a suite: what it `checks`, what it is about (`mark`), and what is said of it in the list."""

    suite: str
    title: str
    checks: str
    mark: str | None = None
    recordings: tuple[str, ...] = ()
    absence: Absence | None = None

    @property
    def name(self) -> str:
        """As a test names it."""
        return f"{self.suite}: {self.title}"


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one suite, and `faults`: what its list says of cases that it does not have."""

    system: str
    name: str
    cases: tuple[Case, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Naming:
    """A comment that names a case: *test* is None if it stands above no test. *file* is below tests/."""

    case: str
    file: str
    test: str | None


def main() -> int:
    """Write the page, and print what is wrong with it; return 0 if nothing is."""
    all_suites, all_namings = suites(CASES), namings(TESTS)
    PAGE.write_text(text(all_suites, all_namings), encoding="utf-8")
    found = [*problems(all_suites, all_namings), *missing(all_suites, all_namings)]
    print("\n".join(found) or f"{PAGE.relative_to(ROOT)} is written, and every case is accounted for")
    return 1 if found else 0


def suites(folder: Path) -> list[Suite]:
    """Read all lists of cases, in the order of the page."""
    found = [suite(tomllib.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.toml")]
    return sorted(found, key=lambda each: (SYSTEMS.index(each.system), each.name))


def suite(listed: Mapping[str, Any]) -> Suite:
    """Return the suite of one list."""
    name, marks, recorded = listed["suite"], listed.get("marks", {}), listed.get("recorded", {})
    absences: dict[str, Absence] = {}
    said = [*marks, *recorded]
    for entry in listed.get("not_here", ()):
        said += entry["cases"]
        absences |= dict.fromkeys(entry["cases"], Absence(entry["because"], entry["decision"]))
    cases = tuple(
        Case(name, title, checks, marks.get(title), tuple(recorded.get(title, ())), absences.get(title))
        for title, checks in listed["cases"].items()
    )
    faults = [f"{name}: {title} is no case of the list" for title in said if title not in listed["cases"]]
    faults += [f"{name}: {mark} is no mark" for mark in marks.values() if mark not in MARKS]
    return Suite(listed["system"], name, cases, tuple(faults))


def namings(tests: Path) -> list[Naming]:
    """Return all comments that name a case, file by file, from top to bottom."""
    paths = sorted(path for path in tests.rglob("test_*.py") if "# case: " in path.read_text(encoding="utf-8"))
    return [naming for path in paths for naming in namings_in(path, str(path.relative_to(tests)))]


def namings_in(path: Path, file: str) -> Iterator[Naming]:
    """Find the comments of one file."""
    source = path.read_text(encoding="utf-8")
    tests = dict(tests_in(ast.parse(source)))
    comments = {
        token.start[0]: token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#")
    }
    for number, comment in comments.items():
        if naming := NAMING.fullmatch(comment):
            below = next(line for line in itertools.count(number + 1) if line not in comments)
            yield Naming(naming["case"], file, tests.get(below))


def tests_in(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield each test of a module with the line on which it begins, its decorators included."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]), node.name


def problems(all_suites: Sequence[Suite], all_namings: Sequence[Naming]) -> list[str]:
    """Return what contradicts itself: names of nothing, and what is named twice."""
    cases = [case for suite in all_suites for case in suite.cases]
    known = {case.name for case in cases}
    shown = {naming.case for naming in all_namings}
    found = [fault for suite in all_suites for fault in suite.faults]
    found += [f"tests/{each.file}: no test stands below “{each.case}”" for each in all_namings if each.test is None]
    found += [f"tests/{each.file}: there is no case “{each.case}”" for each in all_namings if each.case not in known]
    found += [f"tests/{each.file}: {each.test} names “{each.case}” twice" for each in repeated(all_namings)]
    found += [f"“{name}” is listed twice" for name in repeated(case.name for case in cases)]
    found += [f"“{case.name}” is not here, and is shown" for case in cases if case.absence and is_shown(case, shown)]
    recordings = names_of_recordings(TRACES)
    for case in cases:
        found += [f"“{case.name}”: no recording {name}" for name in case.recordings if name not in recordings]
        found += [f"“{case.name}” names {name} twice" for name in repeated(case.recordings)]
        if case.absence and not is_decided(case.title, case.absence.decision):
            found.append(f"“{case.name}”: decision {case.absence.decision} does not name it")
    return found


def missing(all_suites: Iterable[Suite], all_namings: Iterable[Naming]) -> list[str]:
    """Return the cases of which nothing is said."""
    shown = {naming.case for naming in all_namings}
    cases = (case for suite in all_suites for case in suite.cases)
    return [f"“{case.name}” has no test" for case in cases if status(case, is_tested=case.name in shown) == "missing"]


def is_shown(case: Case, shown: set[str]) -> bool:
    """Whether a test or a recording shows *case*."""
    return case.name in shown or bool(case.recordings)


def repeated(things: Iterable[ThingT]) -> list[ThingT]:
    """Return what comes more than once."""
    return [thing for thing, times in Counter(things).items() if times > 1]


def names_of_recordings(folder: Path) -> set[str]:
    """Return all recordings, as "file/name"."""
    files = {path: path.read_text(encoding="utf-8").splitlines() for path in folder.glob("*.jsonl")}
    return {f"{path.stem}/{json.loads(line)['name']}" for path, lines in files.items() for line in lines}


def record(number: str) -> Path | None:
    """Return the page of a decision."""
    return next(DECISIONS.glob(f"{number}-*.md"), None)


def is_decided(title: str, decision: str) -> bool:
    """Whether there is this decision, and names the case."""
    page = record(decision)
    return page is not None and f"`{title}`" in page.read_text(encoding="utf-8")


def status(case: Case, *, is_tested: bool) -> str:
    """Return how it stands with a case, as the page says it."""
    shown = [word for word, holds in (("tested", is_tested), ("recorded", case.recordings)) if holds]
    if shown:
        return ", ".join(shown)
    if case.absence:
        return "not here"
    return case.mark if case.mark in NEED_NO_TEST else "missing"


def text(all_suites: Sequence[Suite], all_namings: Sequence[Naming]) -> str:
    """Return the page."""
    tests: dict[str, list[Naming]] = {}
    for naming in all_namings:
        tests.setdefault(naming.case, []).append(naming)
    return HEAD + "\n\n".join([summary(all_suites, tests), *(section(suite, tests) for suite in all_suites)]) + "\n"


def summary(all_suites: Sequence[Suite], tests: Mapping[str, Sequence[Naming]]) -> str:
    """Return the counts: one row for each suite, and one for all."""
    counts = {
        suite: Counter(status(case, is_tested=case.name in tests) for case in suite.cases) for suite in all_suites
    }
    columns = [word for word in STATUSES if any(count[word] for count in counts.values())]
    rows = [
        [
            f"[{suite.name}](#{anchor(heading(suite))})",
            len(suite.cases),
            *(counts[suite][word] or "" for word in columns),
        ]
        for suite in all_suites
    ]
    total: Counter[str] = sum(counts.values(), Counter())
    rows.append(["all", total.total(), *(total[word] for word in columns)])
    return table(["suite", "cases", *columns], rows)


def section(suite: Suite, tests: Mapping[str, Sequence[Naming]]) -> str:
    """Return the part of one suite."""
    rows = [
        [
            f"`{case.title}`",
            case.checks + (f" *({case.mark})*" if case.mark == "scale" else ""),
            "<br>".join(evidence(case, tests.get(case.name, ()))),
            status(case, is_tested=case.name in tests),
        ]
        for case in suite.cases
    ]
    return f"## {heading(suite)}\n\n{table(['case', 'what it checks', 'shown by', 'status'], rows)}"


def evidence(case: Case, tests: Iterable[Naming]) -> Iterator[str]:
    """Return links to what shows a case, or to why nothing does."""
    for naming in tests:
        yield f"[{naming.file}::{naming.test}](../tests/{naming.file})"
    for recording in case.recordings:
        yield f"recording [{recording}](../tests/oracle/traces/{recording.partition('/')[0]}.jsonl)"
    if case.absence and (page := record(case.absence.decision)):
        yield f"{case.absence.because}: [decision {case.absence.decision}](decisions/{page.name})"


def heading(suite: Suite) -> str:
    """Return the heading of a suite."""
    return f"{suite.system}: {suite.name}"


def anchor(title: str) -> str:
    """Return what a link to a heading has behind its #."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of Markdown."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in (names, ["---"] * len(names), *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


if __name__ == "__main__":
    sys.exit(main())
