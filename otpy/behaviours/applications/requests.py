"""What the application controller is asked, and told.

A request that may fail is answered by its error, or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from otpy.behaviours.applications.environment import Changes
from otpy.behaviours.applications.finding import Found
from otpy.behaviours.applications.spec import StartType
from otpy.behaviours.gen import Request
from otpy.errors import ApplicationError, ApplicationStartFailed
from otpy.kernel.process import Process

Answer: TypeAlias = ApplicationError | None


class Load(Request[Answer], msgspec.Struct, frozen=True):
    """Know an application. Fails with ApplicationAlreadyLoaded."""

    found: Found


class Unload(Request[Answer], msgspec.Struct, frozen=True):
    """Forget an application. Fails with ApplicationNotLoaded, ApplicationRunning."""

    name: str


class Start(Request[Answer], msgspec.Struct, frozen=True):
    """Start a loaded application whose dependencies are started; answered when it is up."""

    name: str
    type: StartType


class StopApplication(Request[Answer], msgspec.Struct, frozen=True):
    """Stop an application; answered when it is down. Fails with ApplicationNotStarted."""

    name: str


class SetEnv(Request[None], msgspec.Struct, frozen=True):
    """Set values in an environment."""

    name: str
    values: Mapping[str, Any]
    persistent: bool = False


class UnsetEnv(Request[None], msgspec.Struct, frozen=True):
    """Take a key out of an environment."""

    name: str
    key: str
    persistent: bool = False


class Configure(Request[list[tuple[Process, str, Changes]]], msgspec.Struct, frozen=True):
    """Take over what loaded applications are now, by name, and the configuration; make all environments anew.

    Replies whom to tell that its environment has changed: running ones, newest first.
    """

    found: Mapping[str, Found]
    config: Mapping[str, Mapping[str, Any]]


class Outcome(msgspec.Struct, frozen=True):
    """Cast by a starter: the master of *name*, or why there is none."""

    name: str
    result: Process | ApplicationStartFailed


Asked: TypeAlias = Start | StopApplication | Unload
"""What has to wait while its application is being started or stopped."""
