"""The commands of `otpy`, by name. Each is imported when it is used, so that `otpy --help` stays quick."""

from __future__ import annotations

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

    Ctrl-C and SIGTERM stop it in reverse start order (exit codes 130 and 0), a second of them at once. SIGHUP has the
    configuration read again. A service manager is told by sd_notify when it is ready, reloads, works and stops.
    """,
    "ping": """Say whether a node works.

    It answers, its system is up, and its scheduler turns: the exit code is 0; else 1 or 2. For probes.
    """,
    "pid": "Print the process id of a node, which is not asked.",
    "stop": """Stop a node as SIGTERM does, and wait until it has stopped.

    The exit code is 1 if that takes longer than --timeout; the node goes on stopping.
    """,
    "backup": """Copy the store of a node to a new file, while the node runs.

    Nobody else may open a store that a node uses. To start from the copy, put it where the store was, while the node is
    down.
    """,
    "versions": "List which versions of applications and modules a node runs, and which it would run after a restart.",
    "tree": "Print the processes of a node as a tree.",
    "rpc": """Run Python in a node, or call one of its functions, and print the value.

    It runs in a process of its own, which is ended with this command; `await` may stand at the top, and everything of
    otpy is at hand. What the code prints is printed here. An exception gives its traceback, and exit code 1.
    """,
    "attach": """Open a shell in a node: Python, with everything of otpy at hand.

    Ctrl-C interrupts what runs, Ctrl-D leaves; the node goes on. Whoever may do this has all power over the node: its
    user, and nobody else.
    """,
    "top": """Watch the processes of a node: who runs, who waits, whose messages pile up, and upgrades.

    Only reads what the node knows anyway: no process gets a message. With --once it prints a table and ends. The screen
    needs Textual: pip install 'otpy[top]'.
    """,
    "plan": """Say what an upgrade would do, without touching anything.

    What changes in which definition, who pauses and for how long, which states are converted by whom, which children
    come and go, what is refused and why. The exit code is 1 if it would be refused. The plan can be kept (--out),
    reviewed, edited, and carried out later with `otpy upgrade --plan`.
    """,
    "upgrade": """Upgrade a node while it runs.

    One module from a file, all modules of a sandbox's version, all of a release, or a plan: as one transaction. If
    anything fails, nothing has changed: code, states and children are as before, and the exit code is 1.
    """,
    "rollback": "Take a module of a node, or its last upgrade, back to the version before, while it runs.",
    "history": "List the upgrades of a node, done and refused; tell one of them step by step.",
    "watch": """Have a node upgrade itself whenever files of its modules are saved.

    What is saved together is taken over together, when it stands still. What cannot be taken over is said, and
    everything stays as it was. Ctrl-C ends it, and not the node.
    """,
    "check": """Say whether an edit can be taken over live, for editors and CI.

    Compares FILE with its last commit, with another file, or with what a node runs, and prints lines `FILE:LINE: …`.
    Exit codes: 0 it can, 1 something is refused, 2 bad input.
    """,
    "insights": "Say what past upgrades of a node teach: rates, errors, times, and what to do.",
    "make-permanent": "Have a restarted node run what upgrades have brought since it started.",
}
"""Each is the function of its name (- is _) in `commands/NAME.py`; the first line of its help stands in the list."""


app = App(
    name="otpy",
    help="Supervised processes for Python, upgraded while they run.",
    help_epilogue=EXIT_CODES,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)
for _name, _help in COMMANDS.items():
    _function = _name.replace("-", "_")
    app.command(f"otpy.cli.commands.{_function}:{_function}", name=_name, help=_help)
