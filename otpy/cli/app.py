"""The commands of `otpy`, by name. Each is imported when it is used, so that `otpy --help` stays quick."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from cyclopts import App

from otpy.cli.exits import EXIT_CODES

COMMANDS: Final = {
    "demo": """Upgrade example systems under load, live, and show what became of it.

    Each system is started in its first version; clients send and call all the time; then every further version is
    taken over live. A version whose migration fails has to leave everything as it was. What the clients sent is
    compared with what the system handled; the exit code is 1 if anything does not hold.
    """,
    "run": """Run a supervised system as a node that the other commands can reach.

    Ctrl-C and SIGTERM stop it in reverse start order (exit codes 130 and 0), a second of them at once.
    """,
    "tree": "Print the processes of a node as a tree.",
    "upgrade": """Upgrade a node while it runs.

    Either one module from a file, or all modules of a sandbox's version in one step. If anything fails, nothing
    has changed: code, states and children are as before, and the exit code is 1.
    """,
    "rollback": "Take a module of a node back to an earlier version, while it runs.",
    "history": "List the upgrades of a node, done and refused.",
}
"""Each is the function of its name in `commands/NAME.py`; the first line of its help stands in the list of all."""


def _version() -> str:
    try:
        return version("otpy")
    except PackageNotFoundError:
        return "unknown (not installed)"


app = App(
    name="otpy",
    help="Supervised processes for Python, upgraded while they run.",
    help_epilogue=EXIT_CODES,
    help_format="plaintext",
    version=_version,
    suppress_keyboard_interrupt=False,
)
for _name, _help in COMMANDS.items():
    app.command(f"otpy.cli.commands.{_name}:{_name}", name=_name, help=_help)
