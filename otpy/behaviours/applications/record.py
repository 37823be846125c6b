"""What the application controller knows, and what the end of an application means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, final

import msgspec

from otpy.behaviours.applications.environment import Changes, Environment
from otpy.behaviours.applications.finding import Found
from otpy.behaviours.applications.requests import Asked
from otpy.behaviours.applications.spec import StartType
from otpy.kernel.calls import From
from otpy.kernel.here import is_rehearsed
from otpy.kernel.process import Process
from otpy.kernel.reasons import Normal, Reason


class ApplicationTerminated(msgspec.Struct, frozen=True):
    """Why a runtime stopped itself: *application* ended with *reason*."""

    application: str
    type: StartType
    reason: Reason

    def __str__(self) -> str:
        return f"the {self.type} application {self.application!r} ended with {self.reason!r}"


class ApplicationStartFailure(ApplicationTerminated, frozen=True):
    """Why a runtime stopped itself: *application* did not start, for *reason*."""

    def __str__(self) -> str:
        return f"the {self.type} application {self.application!r} did not start: {self.reason!r}"


@final
class Change:
    """A start or a stop that is under way: who waits for it, and what was asked meanwhile that has to wait."""

    __slots__ = ("callers", "kind", "later", "type")

    def __init__(self, kind: Literal["start", "stop"], caller: From, type_: StartType) -> None:
        self.kind: Literal["start", "stop"] = kind
        self.type: StartType = type_
        self.callers = [caller]
        self.later: list[tuple[Asked, From]] = []


@final
class Applications:
    """What the controller knows. `running` and `started` are in start order; who ended by itself is only `started`."""

    __slots__ = ("changing", "env", "loaded", "rehearsed", "running", "started", "watched")

    def __init__(self) -> None:
        self.env = Environment()
        self.rehearsed: Mapping[str, Mapping[str, Any]] = {}
        """Environments as an upgrade that is being rehearsed would make them, for the code that is rehearsed."""
        self.loaded: dict[str, Found] = {}
        self.started: dict[str, StartType] = {}
        self.running: dict[str, Process | None] = {}
        self.changing: dict[str, Change] = {}
        self.watched: dict[Process, str] = {}
        """Masters, and those who start them."""

    def environment(self, name: str) -> Mapping[str, Any]:
        """Return the environment of application *name*, as the running code is to see it."""
        if name in self.rehearsed and is_rehearsed():
            return self.rehearsed[name]
        return self.env.of(name)

    def whom_to_tell(self, differs: Mapping[str, Changes]) -> list[tuple[Process, str, Changes]]:
        """Return the masters of the running applications whose environments differ, newest first, and how."""
        masters = reversed(self.running.items())
        return [(master, name, differs[name]) for name, master in masters if master is not None and differs.get(name)]


def ends_node(type_: StartType, reason: Reason) -> bool:
    """Whether the runtime ends with an application that was started as *type_* and has ended with *reason*."""
    return type_ == "permanent" or (type_ == "transient" and not isinstance(reason, Normal))
