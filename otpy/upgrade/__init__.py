"""The public module `otpy.upgrade`: live upgrades that either complete or never happened."""

from __future__ import annotations

from otpy.behaviours.migrations.compatibility import Compatibility
from otpy.kernel.reloading import set_reloader
from otpy.planning.appup import read_instructions
from otpy.planning.plan import Plan
from otpy.planning.steps import STEPS
from otpy.upgrade.again import reload_all
from otpy.upgrade.conversion import DownTo
from otpy.upgrade.installing import install
from otpy.upgrade.options import WatchPolicy
from otpy.upgrade.plans import analyze_dependencies, graph, plan, rehearse, validate_upgrade_path
from otpy.upgrade.report import (
    ErrorRecovery,
    Rehearsal,
    Rehearsed,
    Step,
    SupervisorChange,
    UpgradeRecord,
    UpgradeReport,
)
from otpy.upgrade.snapshots import Snapshot
from otpy.upgrade.states import preserve_process_state, restore_process_state, validate_state_compatibility
from otpy.upgrade.stored import StateChange, Timeline, insights, make_permanent, timeline, use_store
from otpy.upgrade.verbs import (
    UpgradeOptions,
    history,
    release,
    reload_module,
    reload_modules,
    rollback,
    rollback_module,
    set_safety_policy,
)

__all__ = [
    "STEPS",
    "Compatibility",
    "DownTo",
    "ErrorRecovery",
    "Plan",
    "Rehearsal",
    "Rehearsed",
    "Snapshot",
    "StateChange",
    "Step",
    "SupervisorChange",
    "Timeline",
    "UpgradeOptions",
    "UpgradeRecord",
    "UpgradeReport",
    "WatchPolicy",
    "analyze_dependencies",
    "graph",
    "history",
    "insights",
    "install",
    "make_permanent",
    "plan",
    "preserve_process_state",
    "read_instructions",
    "rehearse",
    "release",
    "reload_module",
    "reload_modules",
    "restore_process_state",
    "rollback",
    "rollback_module",
    "set_safety_policy",
    "timeline",
    "use_store",
    "validate_state_compatibility",
    "validate_upgrade_path",
]

set_reloader(reload_all)
