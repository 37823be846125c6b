"""What an upgrade reports: values that print themselves and compare."""

from __future__ import annotations

from typing import Any

import msgspec

from otpy.kernel.pid import Pid


class Step(msgspec.Struct, frozen=True):
    """One step of the transaction and how long it took."""

    name: str
    seconds: float


class SupervisorChange(msgspec.Struct, frozen=True):
    """What changed among the children of one supervisor, as child ids."""

    supervisor: Pid
    added: tuple[Any, ...] = ()
    removed: tuple[Any, ...] = ()
    changed: tuple[Any, ...] = ()


class ErrorRecovery(msgspec.Struct, frozen=True):
    """What can be done about an upgrade that did not happen."""

    strategy: str
    """"fix_source", "fix_migration", "retry" or "wait"."""
    action: str
    """What otpy has done: everything is as before."""
    user_message: str
    suggested_fixes: tuple[str, ...] = ()
    auto_recoverable: bool = False
    """Whether the same upgrade may succeed when it is simply tried again."""


class UpgradeReport(msgspec.Struct, frozen=True):
    """What an upgrade did, or how far it came. `paused_s` has p50, p99 and max in seconds over the processes."""

    status: str
    """"completed" or "rolled_back"."""
    reloaded_modules: tuple[str, ...]
    affected_processes: tuple[Pid, ...] = ()
    migrated: int = 0
    """States that were converted."""
    dependency_chain: tuple[str, ...] = ()
    """Modules that use what was reloaded."""
    steps: tuple[Step, ...] = ()
    paused_s: dict[str, float] = {}
    reload_time_s: float = 0.0
    version: dict[str, Any] = {}
    """The vsn of each module, after."""
    supervisor_changes: tuple[SupervisorChange, ...] = ()
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        versions = ", ".join(f"{name} → {vsn}" for name, vsn in self.version.items())
        longest = self.paused_s.get("max", 0.0)
        lines = [
            f"{self.status} in {self.reload_time_s * 1e3:.1f} ms: {versions or ', '.join(self.reloaded_modules)}",
            (
                f"  {len(self.affected_processes)} processes paused, at most {longest * 1e3:.1f} ms; "
                f"{self.migrated} states converted"
            ),
        ]
        for change in self.supervisor_changes:
            facts = [f"{what} {', '.join(map(str, ids))}" for what, ids in _facts(change) if ids]
            lines.append(f"  {change.supervisor!r}: {'; '.join(facts)}")
        lines += [f"  warning: {warning}" for warning in self.warnings]
        lines.append("  " + " · ".join(f"{step.name} {step.seconds * 1e3:.1f} ms" for step in self.steps))
        return "\n".join(lines)


def _facts(change: SupervisorChange) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    return ("added", change.added), ("removed", change.removed), ("changed", change.changed)


class UpgradeRecord(msgspec.Struct, frozen=True):
    """One upgrade in the history of this node."""

    started_at: str
    """Local time, ISO 8601."""
    modules: tuple[str, ...]
    status: str
    from_version: dict[str, Any]
    to_version: dict[str, Any]
    processes: int
    error: str | None
    report: UpgradeReport
