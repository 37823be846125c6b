"""The public module `otpy.upgrade`: live upgrades that either complete or never happened."""

from __future__ import annotations

from otpy.upgrade.conversion import DownTo
from otpy.upgrade.coordinator import history, reload_module, reload_modules, rollback_module
from otpy.upgrade.report import ErrorRecovery, Step, SupervisorChange, UpgradeRecord, UpgradeReport

__all__ = [
    "DownTo",
    "ErrorRecovery",
    "Step",
    "SupervisorChange",
    "UpgradeRecord",
    "UpgradeReport",
    "history",
    "reload_module",
    "reload_modules",
    "rollback_module",
]
