"""The upgrades of packages that no one here wrote, step by step, with what was refused and why.

Each story asserts what must hold on the way, and returns what README.md tells of it.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

import otpy
from otpy import code, upgrade
from otpy.code.history import histories
from otpy.upgrade.release import read_release
from tests.system.actors import CROSSING, LIBRARY, PARSES_AGAIN
from tests.system.clients import PATIENCE, Clients
from tests.system.releases import (
    SIX,
    SQLPARSE_NEW,
    SQLPARSE_OLD,
    TRANSITIONS_NEW,
    TRANSITIONS_OLD,
    Wheel,
    importable,
)

PAGE: Final = Path(__file__).with_name("README.md")

_HEAD: Final = """\
# Packages of others, upgraded live

Two packages from the package index that no one here wrote are upgraded from one of their releases to a later one, all
of their modules as one transaction, while clients keep actors busy whose states (and, of transitions, messages) are
made of their objects. No message is lost, and afterwards the upgrade is rolled back. Written by
`python -m tests.system` from a run of [stories.py](stories.py); the tests hold it to the last run.
"""


def page() -> str:
    """Return README.md."""
    return "\n".join([_HEAD, *transitions_story(), "", *sqlparse_story()]) + "\n"


@cache
def transitions_story() -> list[str]:
    """Machines get the attributes of the new release while they work."""
    with importable(SIX, TRANSITIONS_OLD), server_module("crossing", CROSSING) as crossing, otpy.runtime():
        pid = crossing.Crossing.start(5, name="crossing")
        clients = Clients("crossing", crossing.light)
        with clients.busy():
            report = release(TRANSITIONS_NEW)
        clients.check(otpy.call("crossing", "book"))
        _machines_are_new(otpy.call("crossing", "lights"))
        assert (otpy.whereis("crossing"), report.migrated) == (pid, 1)
        with clients.busy():
            upgrade.rollback(suspend_timeout=PATIENCE, timeout=PATIENCE)
        clients.check(otpy.call("crossing", "book"))
        _machines_are_old(otpy.call("crossing", "lights"))
    return [
        *_told(TRANSITIONS_OLD, TRANSITIONS_NEW, report),
        "- Machines, their states and their models went over by themselves: `State.final` is new, and the machines'",
        "  `model_override` and `_on_final`; their defaults stand in the signatures and bodies of `__init__`.",
        "- Rolled back, they had lost these attributes again, and went on.",
    ]


def _machines_are_new(lights: list[Any]) -> None:
    import transitions  # type: ignore[import-not-found,unused-ignore]

    for light in lights:
        machine = light.machine
        assert type(machine) is transitions.Machine
        assert (machine.model_override, machine.on_final) == (False, [])
        for state in machine.states.values():
            assert type(state) is transitions.State
            assert state.final is False
        assert light.state in {"red", "green"}


def _machines_are_old(lights: list[Any]) -> None:
    for light in lights:
        assert not hasattr(light.machine, "model_override")
        assert all("final" not in vars(state) for state in light.machine.states.values())


@cache
def sqlparse_story() -> list[str]:
    """Statements are refused as long as nobody says what their new slot holds."""
    with importable(SQLPARSE_OLD), server_module("library", LIBRARY) as library, otpy.runtime():
        library.Library.start(name="library")
        clients = Clients("library", lambda: "select a, b from t where a = 1 -- why\n")
        with clients.busy():
            with pytest.raises(otpy.UpgradeError) as refused:
                release(SQLPARSE_NEW)
            _statements_are(otpy.call("library", "statements"), new=False)
        clients.check(otpy.call("library", "book"))
        with clients.busy():
            report = release(SQLPARSE_NEW, also={"library": PARSES_AGAIN})
        clients.check(otpy.call("library", "book"))
        _statements_are(otpy.call("library", "statements"), new=True)
    return [
        *_told(SQLPARSE_OLD, SQLPARSE_NEW, report),
        "- First it was refused, and all was as before:",
        *(f"  > {line}" for line in _without_pids(str(refused.value)).splitlines()),
        "- So the actor's own module came along, with a `code_change` that parses its statements again. It was",
        f"  rehearsed on {_tried(report)} state with the whole new release: what did not change worked with that, too.",
    ]


def _tried(report: upgrade.UpgradeReport) -> int:
    assert report.rehearsal is not None
    return sum(each.tried for each in report.rehearsal.behaviours)


def _statements_are(statements: list[Any], *, new: bool) -> None:
    sql: Any = sys.modules["sqlparse.sql"]
    assert statements
    for statement in statements:
        assert type(statement) is sql.Statement
        for token in statement.flatten():
            assert isinstance(token, sql.Token)
            assert hasattr(token, "is_newline") is new
        assert statement.get_type() == "SELECT"


# -- what the stories share


def release(wheel: Wheel, *, also: dict[str, str] | None = None) -> upgrade.UpgradeReport:
    """Bring all loaded modules of a package to the release *wheel*, with patience, and *also* other modules."""
    if also is None:
        return upgrade.release(wheel.folder(), suspend_timeout=PATIENCE, timeout=PATIENCE)
    sources = {**read_release(wheel.folder()).sources, **also}
    return upgrade.reload_modules(sources, suspend_timeout=PATIENCE, timeout=PATIENCE)


@contextmanager
def server_module(name: str, text: str) -> Generator[Any]:
    """Load a module from its text, and forget it afterwards."""
    code.load(text, name=name)
    try:
        module: ModuleType = importlib.import_module(name)
        yield module
    finally:
        sys.modules.pop(name, None)
        histories.forget(name)


def _told(old: Wheel, new: Wheel, report: upgrade.UpgradeReport) -> list[str]:
    """What every story tells of an upgrade that completed."""
    verdicts = Counter(change.verdict for change in report.changes)
    lines = [
        f"## {old.name} {old.version} to {new.version}",
        "",
        f"- {len(report.reloaded_modules)} modules; definitions by verdict: "
        + ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items())),
    ]
    return lines + [f"- Warned: {_without_pids(warning)}" for warning in report.warnings if not _counts(warning)]


def _counts(warning: str) -> bool:
    """Whether *warning* tells how many objects there happen to be: that is another number each time."""
    return warning[:1].isdigit()


def _without_pids(text: str) -> str:
    return re.sub(r"Pid<\d+ ?", "Pid<", re.sub(r" at 0x[0-9a-fA-F]+", "", text))
