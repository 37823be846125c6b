"""What went wrong with an upgrade, and what can be done about it: every kind of failure classified. Pure."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from otpy.errors import (
    BadPlan,
    CanaryFailed,
    CheckFailed,
    CircularDependency,
    CompilationFailed,
    EffectRefused,
    ForcedRollback,
    IncompatibleUpgrade,
    LoadFailed,
    MigrationFailed,
    MissingDependency,
    NoSuchVersion,
    PlanRefused,
    RehearsalFailed,
    ReloadTimeout,
    StalePlan,
    StoreError,
    SuspendTimeout,
    UnsafeCode,
    UpgradeError,
    UpgradeFromWithin,
    UpgradeInProgress,
)
from otpy.upgrade.report import ErrorRecovery

Category: TypeAlias = Literal["compilation", "dependency", "state migration", "runtime", "system"]

NOTHING_CHANGED: Final = "Nothing has changed: code, states and children are as before."
_RESTART: Final = "Restart the node: it begins with what is permanent, or else with the files."


class Advice(msgspec.Struct, frozen=True):
    """What one kind of failure is, and what helps."""

    category: Category
    strategy: str
    fixes: tuple[str, ...]
    again: bool = False
    """Whether the same upgrade may succeed when it is simply tried again."""


_ADVICE: Final[dict[type[UpgradeError], Advice]] = {
    CompilationFailed: Advice("compilation", "fix_source", ("Mend the line that the message names and try again.",)),
    UnsafeCode: Advice(
        "compilation",
        "change_policy",
        (
            "Follow the advice beside each finding.",
            "Allow the rule in the safety policy, or pass allow_dangerous=True to be warned only.",
        ),
    ),
    LoadFailed: Advice(
        "dependency",
        "fix_source",
        ("Import the new source on its own to see it fail, mend it and try again.",),
    ),
    MissingDependency: Advice(
        "dependency",
        "fix_dependencies",
        (
            "Keep the name until nobody uses it any more.",
            "Give the modules that use it in the same upgrade: reload_modules({…}).",
        ),
    ),
    CircularDependency: Advice(
        "dependency", "fix_dependencies", ("Give all modules of the ring in one upgrade: reload_modules({…}).",)
    ),
    IncompatibleUpgrade: Advice(
        "dependency", "fix_source", ("Keep what running processes need, and remove it in a later version.",)
    ),
    NoSuchVersion: Advice(
        "dependency", "fix_source", ("Choose one of the versions that otpy.code.versions(module) lists.",)
    ),
    MigrationFailed: Advice(
        "state migration",
        "fix_migration",
        (
            "Mend code_change in the new version so that it takes the state that the message shows.",
            "Give new fields a default, so that they need no code_change.",
        ),
    ),
    RehearsalFailed: Advice(
        "state migration",
        "fix_migration",
        (
            "Mend what the message names; no process was paused.",
            "Move effects out of module level, code_change and the init of supervisors.",
            "Where only the rehearsal is at fault (the guide of upgrades says what it cannot mirror), rehearse=False.",
        ),
    ),
    EffectRefused: Advice(
        "state migration",
        "fix_source",
        (
            "Do it in handle_continue, or have a child do it; not at import, in a supervisor's init or in code_change.",
            "Allow it in the safety policy: Policy(effects=…, otpy_effects=…).",
        ),
    ),
    BadPlan: Advice("runtime", "plan_again", ("Mend the places that the message names, or make the plan anew.",)),
    CanaryFailed: Advice(
        "runtime", "fix_source", ("See the log for what the first processes did on the new version, and mend it.",)
    ),
    CheckFailed: Advice("state migration", "fix_migration", ("See why check_upgrade refuses the converted state.",)),
    PlanRefused: Advice(
        "runtime",
        "change_policy",
        ("Make the edit smaller, choose another time, or raise the limit in the safety policy.",),
    ),
    StalePlan: Advice("runtime", "plan_again", ("Make the plan anew and look at it again.",)),
    SuspendTimeout: Advice(
        "runtime",
        "retry",
        (
            "Try again when the process is idle, or give suspend_timeout= more.",
            "Let the handler wait with then=Continue.",
        ),
        again=True,
    ),
    ReloadTimeout: Advice(
        "runtime",
        "retry",
        (
            "Give timeout= more.",
            "If it was in code of yours: what runs at import, in code_change and in init has to end by itself.",
        ),
        again=True,
    ),
    UpgradeInProgress: Advice("runtime", "wait", ("Try again when the other upgrade has ended.",), again=True),
    UpgradeFromWithin: Advice(
        "runtime", "fix_source", ("Ask for the upgrade from a process or thread that it does not suspend.",)
    ),
    ForcedRollback: Advice("runtime", "retry", ("Leave force_rollback_at out.",), again=True),
    StoreError: Advice(
        "system", "repair", ("Mend what the message names (disk, rights, server), or go on without a store.",)
    ),
    UpgradeError: Advice("system", "retry", ("Look into the log of the node for the cause.",)),
}


def classify(error: UpgradeError) -> Advice:
    """Return what is known of failures like *error*: the entry of its class, or of the nearest one above."""
    return next(_ADVICE[kind] for kind in type(error).__mro__ if kind in _ADVICE)


def advice_for(error_class: str) -> tuple[str, ...]:
    """Return what helps against failures of the class of that name, as a store has it; nothing for an unknown one."""
    return next((advice.fixes for kind, advice in _ADVICE.items() if kind.__name__ == error_class), ())


def recovery(error: UpgradeError) -> ErrorRecovery:
    """Return what can be done about *error*, whose report is known."""
    advice = classify(error)
    found = ErrorRecovery(
        strategy=advice.strategy,
        action=NOTHING_CHANGED,
        user_message=str(error),
        suggested_fixes=advice.fixes,
        auto_recoverable=advice.again,
        category=advice.category,
    )
    left: tuple[str, ...] = error.report.not_taken_back
    if not left:
        return found
    action = f"It was rolled back, but for what could not be taken back: {'; '.join(left)}."
    fixes = (_RESTART, *found.suggested_fixes)
    return replace(found, strategy="repair", action=action, suggested_fixes=fixes, auto_recoverable=False)
