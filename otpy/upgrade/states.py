"""Looking after states by hand: would this one fit, keep it, put it back."""

from __future__ import annotations

from types import ModuleType

from otpy.behaviours.migrations.compatibility import Compatibility, compatibility
from otpy.code.journal import Journal
from otpy.errors import NoProcess
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import resolve
from otpy.kernel.process import Process
from otpy.kernel.runtime import run_on_thread
from otpy.upgrade.commit import commit
from otpy.upgrade.engine import engine, explained
from otpy.upgrade.members import nobody
from otpy.upgrade.options import Options
from otpy.upgrade.resting import Resting, bring_to_rest
from otpy.upgrade.snapshots import Snapshot, restored, snapshot_of
from otpy.upgrade.steps import Steps


def validate_state_compatibility(state: object, module: ModuleType) -> Compatibility:
    """Try whether *state* could go over to the classes of *module*, another version of its own; nothing is touched."""
    return compatibility(state, module)


def preserve_process_state(server: Pid | str) -> Snapshot:
    """Return a copy of the state of *server*, taken between two of its messages.

    Raises: NoProcess, SuspendTimeout, MigrationFailed for a state that cannot be copied.
    """
    with explained(()):
        taken: Snapshot = run_on_thread(_at_rest, _living(server), snapshot_of, label="snapshot")
    return taken


def restore_process_state(server: Pid | str, snapshot: Snapshot) -> None:
    """Give *server* the state of *snapshot* again, between two of its messages; what it did since is lost.

    Raises: NoProcess, SuspendTimeout, UpgradeInProgress; MigrationFailed, if it runs another class or version by now.
    """

    def restore(process: Process) -> None:
        commit([restored(process, snapshot)], Journal())

    with explained(()):
        run_on_thread(_at_rest, _living(server), restore, label="restore")


def _living(server: Pid | str) -> Process:
    process = resolve(server)
    if process.exit_reason is not None:
        raise NoProcess(process)
    return process


def _at_rest(process: Process, do: object) -> object:
    """Do something with *process* while it is at rest."""
    options = Options()
    steps = Steps(process.runtime.clock, options)
    with engine.alone():
        resting: Resting = bring_to_rest(process.runtime, lambda: [[process]], nobody, options=options, steps=steps)
        try:
            if process.exit_reason is not None:
                raise NoProcess(process)
            return do(process)  # type: ignore[operator]
        finally:
            resting.resume()
