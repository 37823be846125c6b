"""The command line, `otpy`: runs systems, and upgrades those that run. `main` is its way in.

Commands are in `app.py`. `run` opens a control socket (`runfolder.py`, `control.py`, `verbs.py`); the other commands
reach the node through it (`client.py`); `demo` needs no node. What is typed in `attach` and `rpc` is run in the node by
`evaluator.py` (`shells.py`); `top/` shows what `looking.py` reads there. Results go to standard output, errors to
standard error.
"""

from __future__ import annotations

from otpy.cli.entry import main

__all__ = ["main"]
