"""Replaying a recording on otpy, and saying where the two first differ."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.oracle import stage
from tests.oracle.compare import difference
from tests.oracle.gen_servers.play import play as play_gen_servers
from tests.oracle.gen_servers.scenario import GenServerScenario
from tests.oracle.groups.play import play as play_groups
from tests.oracle.groups.scenario import GroupsScenario
from tests.oracle.links.play import play as play_links
from tests.oracle.links.scenario import LinksScenario
from tests.oracle.managers.play import play as play_managers
from tests.oracle.managers.scenario import ManagerScenario
from tests.oracle.recording import Recording, Scenario, Step
from tests.oracle.statems.play import play as play_statems
from tests.oracle.statems.scenario import StatemScenario
from tests.oracle.supervisors.concurrency import pools, together
from tests.oracle.supervisors.play import play as play_supervisors
from tests.oracle.supervisors.scenario import SupervisorScenario
from tests.oracle.tables.play import play as play_tables
from tests.oracle.tables.scenario import TableScenario


def replay(recording: Recording) -> str | None:
    """Play the scenario of *recording*; return None if all went as recorded, else the first difference."""
    steps: list[Step] = []
    failure: str | None = None
    try:
        stage.perform(lambda: _play(recording.scenario), steps.append)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is a difference, and the next recording is played
        failure = f"{type(error).__name__}: {error}"
    for number, (expected, actual) in enumerate(zip(_expected(recording), steps, strict=False)):
        found = difference(expected, actual)
        if found is not None:
            return f"{_title(recording, number)}: {found}"
    return None if failure is None else f"{_title(recording, len(steps))}: {failure}"


def _play(scenario: Scenario) -> Iterator[Step]:
    match scenario:
        case SupervisorScenario():
            return play_supervisors(scenario)
        case GenServerScenario():
            return play_gen_servers(scenario)
        case StatemScenario():
            return play_statems(scenario)
        case ManagerScenario():
            return play_managers(scenario)
        case LinksScenario():
            return play_links(scenario)
        case TableScenario():
            return play_tables(scenario)
        case GroupsScenario():
            return play_groups(scenario)


def _expected(recording: Recording) -> list[Step]:
    """Return the recorded steps, with what happens at once marked as such."""
    scenario = recording.scenario
    if not isinstance(scenario, SupervisorScenario):
        return recording.trace
    first, *others = recording.trace
    at_once = pools(scenario)
    marked = zip(others, scenario.actions, strict=True)
    return [first, *(step | {"log": together(step["log"], action, at_once)} for step, action in marked)]


def _title(recording: Recording, number: int) -> str:
    """Return the number of a step, as in the trace, and the action before it."""
    actions = recording.actions
    first = len(recording.trace) - len(actions)  # supervisors: the start is a step, too
    if number < first:
        return f"step {number}, the start"
    if number >= len(recording.trace):
        return "after the last step"
    return f"step {number}, {json.dumps(actions[number - first])}"
