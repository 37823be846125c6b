"""The verb of a node that follows the files of its modules: what is saved is upgraded, until the client leaves."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, final

import msgspec

from otpy.cli.changing import bad_values, options_of
from otpy.cli.exits import BadInput
from otpy.cli.options import AS_USUAL, How
from otpy.cli.plain import plain
from otpy.code.watcher import watch as watch_files
from otpy.errors import UpgradeError
from otpy.upgrade.engine import engine
from otpy.upgrade.options import options
from otpy.upgrade.plans import planned
from otpy.upgrade.program import own_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from otpy.cli.control import Emit
    from otpy.code.saves import Batch


class WatchArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """*paths* are files and folders, absolute; none: the files of all modules of the program."""

    paths: list[str] = []
    plan_only: bool = False
    how: How = AS_USUAL


def watch(_node: str, args: WatchArgs, emit: Emit) -> None:
    """Upgrade whenever files are saved, or only say what would happen; each outcome is an event for the client."""
    paths = args.paths or [str(path) for path in own_files()]
    if not paths:
        raise BadInput("no module of this node has a file that could be watched; give files or folders")
    with bad_values():
        options(options_of(args.how))
    begun = partial(emit, "watching", paths=_folders(paths))
    try:
        watch_files(paths, partial(_saved, args, emit), LeftBy(emit, begun))
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise BadInput(str(error)) from error


@final
class LeftBy(threading.Event):
    """Is set when the client has left.

    Whoever watches files asks for that again and again, from when the operating system tells of every save; so the
    first question is the moment to tell the client that it has *begun*.
    """

    def __init__(self, emit: Emit, begun: Callable[[], object]) -> None:
        super().__init__()
        self._emit = emit
        self._begun: Callable[[], object] | None = begun

    def is_set(self) -> bool:
        """Look whether the client is still there."""
        if self._begun is not None:
            begun, self._begun = self._begun, None
            begun()
        return self._emit.gone()


def _saved(args: WatchArgs, emit: Emit, batch: Batch) -> None:
    emit("saved", modules=list(batch.sources), deleted=list(batch.deleted))
    if not batch.sources:
        return
    given = options_of(args.how)
    try:
        if args.plan_only:
            plan = planned(batch.sources, options(given, paths=batch.paths))
            emit("planned", text=str(plan), refused=plan.refused)
        else:
            report = engine.upgrade(batch.sources, options(given, trigger="files", paths=batch.paths))
            emit("upgraded", text=str(report), report=plain(report))
    except UpgradeError as error:
        advice = error.recovery.suggested_fixes if error.recovery is not None else ()
        emit("refused", error=type(error).__name__, message=str(error), advice=list(advice))


def _folders(paths: list[str]) -> list[str]:
    """Return the folders that *paths* are in, or are: there may be hundreds of files."""
    return sorted({str(path if path.is_dir() else path.parent) for path in map(Path, paths)})
