"""The verbs of a node about its own life: ping, stop, versions, backup."""

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
from otpy.store.database import Store
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


class BackupArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The *file* to copy the store to, on the node's machine."""

    file: str


def backup(node: str, args: BackupArgs, _emit: Emit) -> dict[str, Any]:
    """Copy the store of the node. Raises Failed, StoreError."""
    store = engine.recorder
    if not isinstance(store, Store):
        raise Failed(f"node {node!r} runs without a store: there is nothing to back up")
    store.backup(args.file)
    return {"node": node, "store": store.where, "file": args.file}


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
