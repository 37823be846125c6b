"""What a node does for the commands: one function per verb of the control socket.

Arguments are checked against the struct of the verb before anything is done; results are plain data. The verbs that
change the node are in `changing.py` and `watching.py`, those that run what somebody types in `shells.py`, those that
look at processes in `looking.py`; the others that only look are here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from otpy import upgrade
from otpy.behaviours.tree import tree as take_tree
from otpy.cli.changing import PlanArgs, RollbackArgs, UpgradeArgs, bad_values, plan, rollback, upgrade_modules
from otpy.cli.checking import CheckArgs, check
from otpy.cli.exits import BadInput
from otpy.cli.lifecycle import BackupArgs, PingArgs, StopArgs, VersionsArgs, backup, ping, versions
from otpy.cli.looking import (
    ProcessArgs,
    TopArgs,
    process,
    top,
)
from otpy.cli.plain import fields, plain
from otpy.cli.shells import AttachArgs, RpcArgs, attach, rpc
from otpy.cli.version import version
from otpy.cli.watching import WatchArgs, watch
from otpy.upgrade.recovery import advice_for

if TYPE_CHECKING:
    from otpy.cli.control import Emit, Handler
    from otpy.cli.frames import Request


class TreeArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: the tree of all processes."""


class HistoryArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The upgrades of *module*; None is of all."""

    module: str | None = None


class TimelineArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Upgrade *id* in all its steps."""

    id: int


class InsightsArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the upgrades of the *last* "24h", "7d" and so on teach; None is of all."""

    last: str | None = None


class PermanentArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What upgrades have brought of *modules*, or of all, is to outlive the node."""

    modules: list[str] = []


def tree(node: str, _args: TreeArgs, _emit: Emit) -> dict[str, Any]:
    """Return the process tree, as text and as data."""
    snapshot = take_tree()
    return {"node": node, "process": os.getpid(), "text": str(snapshot), "tree": plain(snapshot.to_dict())}


def history(_node: str, args: HistoryArgs, _emit: Emit) -> Any:
    """Return the records of past upgrades, oldest first."""
    return plain(upgrade.history(args.module))


def timeline(_node: str, args: TimelineArgs, _emit: Emit) -> Any:
    """Return one upgrade, with what can be done about it if it failed."""
    found = upgrade.timeline(args.id)
    return {**fields(found), "advice": list(advice_for(found.record.error_class or ""))}


def insights(_node: str, args: InsightsArgs, _emit: Emit) -> Any:
    """Return what the records of upgrades teach."""
    with bad_values():
        return upgrade.insights(args.last).to_dict()


def make_permanent(_node: str, args: PermanentArgs, _emit: Emit) -> Any:
    """Return what a restarted node would run."""
    made = upgrade.make_permanent(*args.modules)
    return [{"module": each.module, "vsn": each.vsn, "upgrade": each.upgrade} for each in made]


Verb: TypeAlias = tuple[type[msgspec.Struct], Callable[..., Any]]

VERBS: Final[dict[str, Verb]] = {
    "tree": (TreeArgs, tree),
    "plan": (PlanArgs, plan),
    "check": (CheckArgs, check),
    "upgrade": (UpgradeArgs, upgrade_modules),
    "rollback": (RollbackArgs, rollback),
    "watch": (WatchArgs, watch),
    "history": (HistoryArgs, history),
    "timeline": (TimelineArgs, timeline),
    "insights": (InsightsArgs, insights),
    "make-permanent": (PermanentArgs, make_permanent),
    "backup": (BackupArgs, backup),
    "ping": (PingArgs, ping),
    "versions": (VersionsArgs, versions),
    "rpc": (RpcArgs, rpc),
    "attach": (AttachArgs, attach),
    "top": (TopArgs, top),
    "process": (ProcessArgs, process),
}


def _nothing() -> None:
    """Stop nothing: there is no node around it."""


def handler(node: str, stop: Callable[[], None] = _nothing) -> Handler:
    """Return what carries out the requests to *node*. *stop* has its main thread stop it."""

    def stop_node(_node: str, _args: StopArgs, emit: Emit) -> None:
        emit("stopping", process=os.getpid())
        stop()

    verbs: dict[str, Verb] = {**VERBS, "stop": (StopArgs, stop_node)}

    def handle(request: Request, emit: Emit) -> object:
        found = verbs.get(request.verb)
        if found is None:
            raise BadInput(
                f"this node does not know {request.verb!r}; it knows {', '.join(verbs)}{_of_another_version(request)}"
            )
        wanted, verb = found
        try:
            args = msgspec.convert(request.args, wanted)
        except msgspec.ValidationError as error:
            raise BadInput(f"bad arguments for {request.verb}: {error}{_of_another_version(request)}") from error
        return verb(node, args, emit)

    return handle


def _of_another_version(request: Request) -> str:
    """Return what to add to a refusal of a client that is not of the node's version."""
    if request.version in {version(), ""}:
        return ""
    return f". The node is otpy {version()}, this command {request.version}: use the otpy that runs the node"
