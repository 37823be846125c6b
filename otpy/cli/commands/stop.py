"""`otpy stop`: end a node in order."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from otpy.cli.client import ask, is_stopping, the_node
from otpy.cli.exits import OK, BadInput, Failed
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Patience, Where
from otpy.cli.runfolder import default_folder, holder, socket_path
from otpy.cli.show import say, say_json
from otpy.kernel.clock import SystemClock

_LOOK_SECONDS = 0.02


def stop(*, timeout: Patience = math.inf, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Have the node stop, and wait until it has."""
    folder = where.run_dir or default_folder()
    node, process = the_node(where.node, where.run_dir)
    told: list[str] = []
    try:
        ask(socket_path(folder, node), "stop", {}, lambda event: told.append(event.name))
    except (BadInput, Failed):
        if "stopping" not in told and holder(folder, node) == process and not is_stopping(folder, node):
            raise  # else it has hung up because it stops
    if not _gone(lambda: holder(folder, node) != process, timeout):
        raise Failed(f"node {node!r} (process {process}) was told to stop, and has not ended within {timeout:g} s")
    if output.json:
        say_json({"node": node, "process": process})
    else:
        say(f"node {node!r} (process {process}) has stopped")
    return OK


def _gone(fact: Callable[[], bool], seconds: float) -> bool:
    """Wait until *fact* is true; False if it does not become so within *seconds*."""
    until, pause = SystemClock.now() + seconds, threading.Event()
    while not fact():
        if SystemClock.now() >= until:
            return False
        pause.wait(_LOOK_SECONDS)
    return True
