"""What a node does for the commands: one function per verb of the control socket.

Arguments are checked against the struct of the verb before anything is done; results are plain data.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import msgspec

from otpy import upgrade
from otpy.behaviours.tree import tree as take_tree
from otpy.cli.exits import BadInput
from otpy.cli.plain import plain
from otpy.cli.sandboxes import changed
from otpy.code import versions

if TYPE_CHECKING:
    from otpy.cli.control import Emit, Handler
    from otpy.cli.frames import Request


Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]


class TreeArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: the tree of all processes."""


class UpgradeArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """*sources* by module, taken over as one transaction. The seconds are those of `upgrade.reload_modules`."""

    sources: dict[str, str]
    suspend_timeout: Seconds = 5.0
    code_change_timeout: Seconds = 5.0
    timeout: Seconds = 30.0


class RollbackArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """*module* goes back to version *to*; None is the one before."""

    module: str
    to: str | None = None


class HistoryArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The upgrades of *module*; None is of all."""

    module: str | None = None


def tree(node: str, _args: TreeArgs, _emit: Emit) -> dict[str, Any]:
    """Return the process tree, as text and as data."""
    snapshot = take_tree()
    return {"node": node, "process": os.getpid(), "text": str(snapshot), "tree": plain(snapshot.to_dict())}


def upgrade_modules(_node: str, args: UpgradeArgs, emit: Emit) -> Any:
    """Take over new sources and return the report."""
    loaded = [module for module in args.sources if module in sys.modules]
    if not loaded:
        raise BadInput(_unknown(next(iter(args.sources), "")))
    emit("upgrading", modules=list(args.sources))
    report = upgrade.reload_modules(
        changed(args.sources),
        suspend_timeout=args.suspend_timeout,
        code_change_timeout=args.code_change_timeout,
        timeout=args.timeout,
    )
    return _told(report)


def rollback(_node: str, args: RollbackArgs, emit: Emit) -> Any:
    """Go back and return the report."""
    if args.module not in sys.modules:
        raise BadInput(_unknown(args.module))
    emit("rolling back", modules=[args.module])
    # A command gives text; a version may be a number.
    known = {str(version.vsn): version.vsn for version in versions(args.module)}
    return _told(upgrade.rollback_module(args.module, args.to and known.get(args.to, args.to)))


def history(_node: str, args: HistoryArgs, _emit: Emit) -> Any:
    """Return the records of past upgrades, oldest first."""
    return plain(upgrade.history(args.module))


Verb: TypeAlias = tuple[type[msgspec.Struct], Callable[..., Any]]

VERBS: Final[dict[str, Verb]] = {
    "tree": (TreeArgs, tree),
    "upgrade": (UpgradeArgs, upgrade_modules),
    "rollback": (RollbackArgs, rollback),
    "history": (HistoryArgs, history),
}


def handler(node: str) -> Handler:
    """Return what carries out the requests to *node*."""

    def handle(request: Request, emit: Emit) -> object:
        found = VERBS.get(request.verb)
        if found is None:
            raise BadInput(f"this node does not know {request.verb!r}; it knows {', '.join(VERBS)}")
        wanted, verb = found
        try:
            args = msgspec.convert(request.args, wanted)
        except msgspec.ValidationError as error:
            raise BadInput(f"bad arguments for {request.verb}: {error}") from error
        return verb(node, args, emit)

    return handle


def _told(report: upgrade.UpgradeReport) -> dict[str, Any]:
    return {"text": str(report), "report": plain(report)}


def _unknown(module: str) -> str:
    near = difflib.get_close_matches(module, sys.modules, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "give the name by which the node imported it"
    return f"the node has not loaded a module {module!r}; {hint}"
