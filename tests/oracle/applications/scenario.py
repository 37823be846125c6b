"""Scenarios of applications: scripted ones, and what is asked of the controller, in the words of the recordings."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec


class Script(msgspec.Struct, forbid_unknown_fields=True):
    """One application: what it depends on, its environment and phases, and how its callbacks end."""

    applications: list[str]
    env: dict[str, int]
    phases: list[tuple[str, int]] | None
    start: Literal["ok", "ok_state", "error", "crash", "exit_normal", "junk"]
    prep_stop: Literal["ok", "crash"]
    stop: Literal["ok", "crash"]


Action: TypeAlias = list[Any]
"""`["start", name, type]`, `["end", name, reason]`, `["configure", config]`, …, `["stop_node"]`."""


class Step(msgspec.Struct):
    """What was seen after an action; of one that has ended the node, only what the callbacks wrote down."""

    log: list[Any]
    answer: Any = None
    running: list[str] | None = None
    loaded: list[str] | None = None
    env: dict[str, dict[str, int]] | None = None


class ApplicationScenario(msgspec.Struct, forbid_unknown_fields=True):
    """Applications by name, and what is done with them."""

    applications: dict[str, Script]
    actions: list[Action]


class ApplicationRecording(msgspec.Struct, forbid_unknown_fields=True):
    """A scenario, and what Erlang did in it."""

    name: str
    scenario: ApplicationScenario
    trace: list[Step]
