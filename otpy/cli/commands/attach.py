"""`otpy attach`: a shell in a node."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from otpy.cli.cells import Cells
from otpy.cli.client import conversation, find_node
from otpy.cli.exits import FAILED, OK
from otpy.cli.nodestore import state_folder
from otpy.cli.options import ANY_NODE, Flag, Where
from otpy.cli.remote import Remote
from otpy.cli.show import say
from otpy.cli.terminal import Interrupted, Pipe, Terminal, remembered

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEAVES: Final = frozenset({"exit", "exit()", "quit", "quit()"})


def attach(*, where: Where = ANY_NODE, debug: Flag = False) -> int:  # noqa: ARG001 - `main` reads it
    """Run what is typed in the node, piece by piece; from a pipe, the exit code says whether all of it went well."""
    with conversation(find_node(where.node, where.run_dir), "attach", {"client": os.getpid()}) as talk:
        shell = Remote(talk)
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            went_well = [shell.run(piece) for piece in _pieces(Pipe())]
            return OK if all(went_well) else FAILED
        _greet(shell)
        with remembered(state_folder() / "attach_history", shell.complete):
            for piece in _pieces(Terminal(shell.about["node"])):
                shell.run(piece)
    return OK


def _pieces(source: Terminal | Pipe) -> Iterator[str]:
    """Yield what is typed, whenever something is complete, until somebody leaves."""
    cells = Cells()
    while True:
        try:
            line = source.line(more=cells.open)
        except Interrupted:
            cells.drop()
            continue
        for piece in cells.end() if line is None else cells.add(line):
            if piece.strip() in _LEAVES:
                return
            yield piece
        if line is None:
            return


def _greet(shell: Remote) -> None:
    about = shell.about
    where = f"process {about['process']}, Python {about['python']}, otpy {about['otpy']}"
    say(f"A shell in node {about['node']!r}: {where}. You are {about['pid']}.")
    say("Everything of otpy is at hand, and `await` may stand at the top.")
    say("Ctrl-C interrupts what runs, Ctrl-D leaves; the node goes on.")
