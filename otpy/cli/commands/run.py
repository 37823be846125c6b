"""`otpy run`: a system as a node."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from otpy.cli.node import run_node
from otpy.cli.options import AS_TEXT, Output, RunDir
from otpy.cli.runfolder import check_name, default_folder, prepare_folder
from otpy.cli.show import say, say_json
from otpy.cli.target import load_target

Target = Annotated[
    str, Parameter(help="A sandbox folder (sandboxes/counter), a file (app.py or app.py:Root), or module:supervisor.")
]
Version = Annotated[str | None, Parameter(help="Version of the sandbox. [default: its first]")]
Name = Annotated[str | None, Parameter(help="Name of the node. [default: that of the sandbox, file or module]")]


def run(
    target: Target,
    /,
    *,
    version: Version = None,
    name: Name = None,
    run_dir: RunDir = None,
    output: Output = AS_TEXT,
) -> int:
    """Load the system, and run it until a signal or its own end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = prepare_folder(run_dir or default_folder())
    given = None if name is None else check_name(name)
    system = load_target(target, version)  # runs the user's code, so what can be refused without it is refused before
    node = given or check_name(system.name)

    def ready(socket: Path) -> None:
        if output.json:
            say_json({"node": node, "process": os.getpid(), "socket": str(socket)}, indent=None)
        else:
            say(f"{system.title} runs as node {node!r} (process {os.getpid()}), control socket {socket}")
            say(f"Look at it with `otpy tree --node {node}`; stop it with Ctrl-C.")

    return run_node(system, node, folder, ready)
