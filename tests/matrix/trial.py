"""Try a row: after the edit everything is as it must be, and an edit that is taken back leaves no trace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, final

import otpy
from otpy import code
from otpy.errors import ForcedRollback
from otpy.planning.steps import STEPS
from tests.matrix.row import Case, Refusal, Row
from tests.matrix.stage import Stage, imported

FAILED: Final = "**does not hold**"


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one row: for objects anywhere and in actors (empty where no class is touched), case by case."""

    number: int
    anywhere: list[str]
    in_actors: list[str]
    taken_back: str
    """How many times the edit was taken back without a trace, all cases together."""

    @property
    def failed(self) -> bool:
        """Whether something of the row does not hold."""
        return any(FAILED in told for told in (*self.anywhere, *self.in_actors, self.taken_back))


def try_row(row: Row) -> Outcome:
    """Try all cases of *row*; what does not hold is told in the outcome."""
    with_actors = [case for case in row.cases if case.actors is not None]
    return Outcome(
        row.number,
        [_labelled(case, _told(partial(try_case, case, actors=False))) for case in row.cases],
        [_labelled(case, _told(partial(try_case, case, actors=True))) for case in with_actors],
        _told(lambda: sum(map(try_steps, row.cases)) or ""),
    )


def _told(trial: Callable[[], object]) -> str:
    try:
        return str(trial())
    except Exception:  # noqa: BLE001 - whatever it raised: the row does not hold, and the tests tell why
        return FAILED


def _labelled(case: Case, outcome: str) -> str:
    return f"{case.what}: {outcome}" if case.what else outcome


@cache
def try_case(case: Case, *, actors: bool) -> str:
    """Make the edit and look. Returns what came of it, in a word; raises AssertionError for what does not hold."""
    refused = _refusal(case, actors=actors)
    with imported(case) as modules, otpy.runtime():
        stage = Stage(case, modules, actors=actors)
        if refused is not None:
            _refuse(stage, refused)
            return "refused"
        report = stage.upgrade()
        if case.warned and not actors:
            warnings = "\n".join(report.warnings)
            assert re.search(case.warned, warnings), f"no warning names {case.warned}: {warnings or 'there is none'}"
        stage.look()
        if actors:
            return "migrated" if report.migrated else "in place"
        return "reported" if case.warned else "new"


def _refusal(case: Case, *, actors: bool) -> Refusal | None:
    return case.refused or (case.actors.refused if actors and case.actors is not None else None)


def _refuse(stage: Stage, refusal: Refusal) -> None:
    """Assert that the edit is refused, with its reason, and has left no trace."""
    before = stage.picture()
    try:
        stage.upgrade()
    except refusal.error as error:
        message = str(error)
    else:
        raise AssertionError(f"was not refused for {refusal.names}")
    assert re.search(refusal.names, message), f"{refusal.names} is not in: {message}"
    stage.assert_untouched(before)
    if stage.pid is not None:
        stage.state()


@cache
def try_steps(case: Case) -> int:
    """Make the edit fail after each of its steps; it must leave no trace. Returns at how many steps it failed.

    Where a case has actors, they have the objects too. An edit that is refused ends by itself: it is not failed.
    """
    if case.refused is not None:
        return 0
    failed = list(_failing_steps(case, actors=case.actors is not None and case.actors.refused is None))
    assert failed, "the edit has no step at which it could be taken back"
    return len(failed)


def _failing_steps(case: Case, *, actors: bool) -> Iterator[str]:
    """The steps at which the edit was failed, all on one stage: after each it has to be as it was at first."""
    steps = list(STEPS)
    while steps:
        with imported(case) as modules, otpy.runtime():
            stage = Stage(case, modules, actors=actors)
            before = stage.picture()
            while steps and _fails(stage, step := steps.pop(0)):
                stage.assert_untouched(before)  # only now: the error keeps what was given up
                yield step


def _fails(stage: Stage, step: str) -> bool:
    """Whether the edit has *step*, so that it fails there; else it is done, and the stage with it."""
    version = code.vsn("m")
    try:
        report = stage.upgrade(force_rollback_at=step)
    except ForcedRollback:
        assert code.vsn("m") == version
        return True
    assert step not in {done.name for done in report.steps}, f"did not fail at {step}"
    return False
