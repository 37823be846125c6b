"""The verbs of a node about its own life: ping, stop, versions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from otpy.behaviours import application
from otpy.cli.exits import Failed
from otpy.cli.pulse import turns
from otpy.code import vsn
from otpy.errors import NoSuchVersion
from otpy.kernel.runtime import current_runtime
from otpy.upgrade.engine import engine
from otpy.upgrade.program import own_sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpy.cli.control import Emit


class PingArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many *seconds* the scheduler has to come round."""

    seconds: Annotated[float, msgspec.Meta(gt=0)] = 5.0


class StopArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class VersionsArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


def ping(node: str, args: PingArgs, _emit: Emit) -> dict[str, Any]:
    """Return who answers, if its scheduler turns."""
    if not turns(current_runtime(), args.seconds):
        raise Failed(
            f"node {node!r} (process {os.getpid()}) answers, but its scheduler did not turn for {args.seconds} s"
        )
    return {"node": node, "process": os.getpid()}


def versions(node: str, _args: VersionsArgs, _emit: Emit) -> dict[str, Any]:
    """Return which version of each application and module runs, and which a restart would run."""
    known = application.known()
    applications = [
        {
            "name": name,
            "vsn": found.spec.vsn,
            "description": found.spec.description,
            "type": known.started.get(name),
            "running": name in known.running,
        }
        for name, found in list(known.loaded.items())
    ]
    return {"node": node, "applications": applications, "modules": list(_modules())}


def _modules() -> Iterator[dict[str, Any]]:
    permanent = engine.recorder.permanent_versions()
    for name in sorted({name for name, _source in own_sources()} - {"__main__"}):
        try:
            runs = str(vsn(name))
        except NoSuchVersion:
            continue
        kept = permanent.get(name)
        yield {"module": name, "vsn": runs, "permanent": None if kept is None else str(kept.vsn)}
