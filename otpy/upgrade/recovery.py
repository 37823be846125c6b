"""What can be done about each kind of failed upgrade."""

from __future__ import annotations

from otpy.errors import (
    CompilationFailed,
    ForcedRollback,
    IncompatibleUpgrade,
    LoadFailed,
    MigrationFailed,
    NoSuchVersion,
    ReloadTimeout,
    SuspendTimeout,
    UpgradeError,
    UpgradeFromWithin,
    UpgradeInProgress,
)
from otpy.upgrade.report import ErrorRecovery

_ACTION = "Nothing has changed: code, states and children are as before."

_ADVICE: dict[type[UpgradeError], tuple[str, bool, tuple[str, ...]]] = {
    CompilationFailed: ("fix_source", False, ("Mend the line that the message names and try again.",)),
    LoadFailed: (
        "fix_source",
        False,
        ("Import the new source on its own to see it fail, mend it and try again.",),
    ),
    MigrationFailed: (
        "fix_migration",
        False,
        (
            "Mend code_change in the new version so that it takes the state that the message shows.",
            "Give new fields a default, so that they need no code_change.",
        ),
    ),
    IncompatibleUpgrade: (
        "fix_source",
        False,
        ("Keep what running processes need, and remove it in a later version.",),
    ),
    SuspendTimeout: (
        "retry",
        True,
        (
            "Try again when the process is idle, or give suspend_timeout= more.",
            "Let the handler wait with then=Continue.",
        ),
    ),
    ReloadTimeout: ("retry", True, ("Give timeout= more.",)),
    UpgradeInProgress: ("wait", True, ("Try again when the other upgrade has ended.",)),
    UpgradeFromWithin: (
        "fix_source",
        False,
        ("Ask for the upgrade from a process or thread that it does not suspend.",),
    ),
    NoSuchVersion: ("fix_source", False, ("Choose one of the versions that otpy.upgrade.history lists.",)),
    ForcedRollback: ("retry", True, ()),
}


def recovery(error: UpgradeError) -> ErrorRecovery:
    """Return what can be done about *error*."""
    strategy, again, fixes = next(
        (_ADVICE[kind] for kind in type(error).__mro__ if kind in _ADVICE), ("retry", False, ())
    )
    return ErrorRecovery(strategy, _ACTION, str(error), fixes, again)
