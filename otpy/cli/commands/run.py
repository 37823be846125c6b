"""`otpy run`: a system as a node."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from otpy.cli.configuration import Configuration
from otpy.cli.node import run_node
from otpy.cli.nodestore import opened, place_of
from otpy.cli.options import AS_TEXT, Output, RunDir
from otpy.cli.runfolder import check_name, claimed, default_folder, prepare_folder
from otpy.cli.show import say, say_json
from otpy.cli.target import load_target, name_of
from otpy.upgrade.boot import recovered
from otpy.upgrade.program import note_sources

_log = logging.getLogger("otpy.node")

Target = Annotated[
    str,
    Parameter(
        help="module:Application or module:Supervisor, a file (app.py or app.py:Root), an application that "
        "pyproject.toml declares, or a sandbox folder (sandboxes/counter)."
    ),
]
Config = Annotated[
    Path | None,
    Parameter(
        help="TOML file with a table of the environment of each application; read again at SIGHUP.", show_default=False
    ),
]
Version = Annotated[str | None, Parameter(help="Version of the sandbox. [default: its first]", show_default=False)]
Name = Annotated[
    str | None, Parameter(help="Name of the node. [default: that of the sandbox, file or module]", show_default=False)
]
Store = Annotated[
    str | None,
    Parameter(
        help="What outlives the node: a file, postgresql://USER:PASSWORD@HOST/DATABASE, or none. "
        "[default: $XDG_STATE_HOME/otpy/NODE/otpy.db]",
        show_default=False,
    ),
]


def run(
    target: Target,
    /,
    *,
    version: Version = None,
    name: Name = None,
    config: Config = None,
    store: Store = None,
    run_dir: RunDir = None,
    output: Output = AS_TEXT,
) -> int:
    """Load the system, and run it until a signal or its own end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = prepare_folder(run_dir or default_folder())
    # What can be refused without running the user's code is refused before.
    called = name_of(target)  # in any case: it puts the current folder on the path
    node = check_name(called if name is None else name)
    configuration = Configuration(config)
    with claimed(folder, node) as path, opened(place_of(store, node)) as recorder:
        system = load_target(target, version)
        note_sources()

        def ready(socket: Path) -> None:
            where = recorder.where if recorder is not None else None
            if output.json:
                about = {"node": node, "process": os.getpid(), "socket": str(socket), "store": where}
                say_json(about, indent=None)
            else:
                say(f"{system.title} runs as node {node!r} (process {os.getpid()}), control socket {socket}")
                say(f"Look at it with `otpy tree --node {node}`; stop it with Ctrl-C.")

        if recorder is None:
            _log.info("the sources on disk run: there is no store")
        else:
            if not recorder.permanent_versions():
                _log.info("the sources on disk run: nothing was made permanent in the store")
            recovered(recorder)
        return run_node(system, node, path, ready, configuration)
