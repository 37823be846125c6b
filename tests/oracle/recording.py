"""Recordings: reading them from files, and telling a bad file in one line.

In: files with one JSON object a line, `{"name", "scenario", "trace"}` (unknown keys are left alone).
Out: `Recording` values whose scenario is typed, see the scenario modules.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from tests.oracle.gen_servers.scenario import GenServerScenario
from tests.oracle.groups.scenario import GroupsScenario
from tests.oracle.links.scenario import LinksScenario
from tests.oracle.managers.scenario import ManagerScenario
from tests.oracle.statems.scenario import StatemScenario
from tests.oracle.supervisors.scenario import SupervisorScenario
from tests.oracle.tables.scenario import TableScenario

Step: TypeAlias = dict[str, Any]

Scenario: TypeAlias = (
    SupervisorScenario
    | GenServerScenario
    | StatemScenario
    | ManagerScenario
    | LinksScenario
    | TableScenario
    | GroupsScenario
)
_KINDS: dict[str, type[Scenario]] = {
    "supervisor": SupervisorScenario,
    "servers": GenServerScenario,
    "machine": StatemScenario,
    "manager": ManagerScenario,
    "procs": LinksScenario,
    "table": TableScenario,
    "members": GroupsScenario,
}


class BadRecording(Exception):
    """A file cannot be read as recordings; the message names the file and the line."""


class Recording(msgspec.Struct, frozen=True):
    """One recorded scenario and what was seen after each step of it."""

    name: str
    scenario: Scenario
    trace: list[Step]
    actions: list[Any]
    """The actions as they stand in the file."""


class _Line(msgspec.Struct):
    name: str
    scenario: dict[str, Any]
    trace: list[Step]


def read(path: Path) -> list[Recording]:
    """Return the recordings of the file *path*, or of all `*.jsonl` files of that folder, in order.

    Raises:
        BadRecording: there is nothing to read, or a line is not a recording.
    """
    if path.is_dir():
        files = sorted(path.glob("*.jsonl"))
        if not files:
            msg = f"{path}: no *.jsonl files in this folder"
            raise BadRecording(msg)
        return [recording for file in files for recording in read(file)]
    recordings = list(_lines(path))
    if not recordings:
        msg = f"{path}: no recordings in this file"
        raise BadRecording(msg)
    return recordings


def _lines(path: Path) -> Iterator[Recording]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise BadRecording(msg) from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield parse(line)
            except (msgspec.DecodeError, ValueError) as error:
                msg = f"{path}:{number}: {error}"
                raise BadRecording(msg) from error


def parse(line: str) -> Recording:
    """Return the recording that *line* holds.

    Raises:
        msgspec.DecodeError: the line is no JSON, or lacks something.
        ValueError: the scenario is of no known kind, or its trace has not one step for each action.
    """
    raw = msgspec.json.decode(line, type=_Line)
    scenario = msgspec.convert(raw.scenario, _kind(raw.scenario))
    steps = scenario.steps()
    if len(raw.trace) != steps:
        msg = f"{raw.name}: {len(raw.trace)} recorded steps, but the scenario has {steps}"
        raise ValueError(msg)
    return Recording(raw.name, scenario, raw.trace, raw.scenario["actions"])


def _kind(scenario: dict[str, Any]) -> type[Scenario]:
    for key, kind in _KINDS.items():
        if key in scenario:
            return kind
    msg = f"a scenario needs one of {', '.join(_KINDS)}; found {', '.join(scenario) or 'nothing'}"
    raise ValueError(msg)
