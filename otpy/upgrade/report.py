"""What an upgrade reports: values that print themselves and compare."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from otpy.code.verdicts import DefinitionChange
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
    """Only their rules: the process is the same."""
    replaced: tuple[Any, ...] = ()
    """Another start: a new process took the place of the old one."""
    irreversible: dict[Any, str] = {}
    """Those of added and replaced that could only be started when somebody had ended, each with the reason."""
    reordered: bool = False
    flags: dict[str, tuple[Any, Any]] = {}
    """The supervisor's own flags that changed, each with its old and its new value."""


class ErrorRecovery(msgspec.Struct, frozen=True):
    """What can be done about an upgrade that did not happen."""

    strategy: str
    """"fix_source", "fix_migration", "fix_dependencies", "change_policy", "plan_again", "retry", "wait", "repair"."""
    action: str
    """What otpy has done: as a rule everything is as before; if not, what is not."""
    user_message: str
    suggested_fixes: tuple[str, ...] = ()
    auto_recoverable: bool = False
    """Whether the same upgrade may succeed when it is simply tried again."""
    category: str = "runtime"
    """"compilation", "dependency", "state migration", "runtime" or "system"."""


class Rehearsed(msgspec.Struct, frozen=True):
    """How the states of one behaviour fared on copies."""

    behaviour: str
    tried: int
    total: int
    migrated: int = 0
    """Copies that became something else."""
    problems: tuple[str, ...] = ()
    dropped: dict[str, tuple[str, ...]] = {}
    """Fields that would be gone, by class."""
    filled: dict[str, tuple[str, ...]] = {}
    """Fields that would get their defaults, by class."""
    busy: int = 0
    """Processes that were not between two messages for long enough to copy their state."""

    def __str__(self) -> str:
        line = f"{self.behaviour}: would migrate {self.tried - len(self.problems)} of {self.tried}"
        if self.tried < self.total:
            line += f" tried, of {self.total}"
        facts = [f"{cls} loses {', '.join(names)}" for cls, names in self.dropped.items()]
        facts += [f"{cls} gets {', '.join(names)}" for cls, names in self.filled.items()]
        facts += [f"{self.busy} were busy"] if self.busy else []
        return "; ".join([line, *facts, *self.problems])


class Rehearsal(msgspec.Struct, frozen=True):
    """What a rehearsal has shown: nothing live was touched."""

    behaviours: tuple[Rehearsed, ...] = ()
    effects: tuple[str, ...] = ()
    """What the new code did to the world, or tried to, where it should only define and convert."""

    @property
    def problems(self) -> tuple[str, ...]:
        """All problems, of all behaviours."""
        return tuple(problem for each in self.behaviours for problem in each.problems)

    def __bool__(self) -> bool:
        """Whether all went well."""
        return not self.problems and not self.effects

    def __str__(self) -> str:
        return "\n".join([*map(str, self.behaviours), *(f"side effect: {e}" for e in self.effects)]) or "nothing to do"


class UpgradeReport(msgspec.Struct, frozen=True):
    """What an upgrade did, or how far it came. `paused_s` has p50, p99 and max in seconds over the processes."""

    status: str
    """"completed", "rolled_back", or "planned" of a dry run."""
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
    not_taken_back: tuple[str, ...] = ()
    """What is not as before although the upgrade was rolled back: something failed on the way back, too."""
    changes: tuple[DefinitionChange, ...] = ()
    """The verdict on each definition that is not unchanged."""
    rehearsal: Rehearsal | None = None
    strategy: str = "atomic"
    id: str = ""
    """Under which the upgrade is found in the history."""

    def with_warnings(self, more: Iterable[str]) -> UpgradeReport:
        """Return the same report with *more* warnings."""
        return msgspec.structs.replace(self, warnings=(*self.warnings, *more))

    def __str__(self) -> str:
        arrow = " → " if self.status == "completed" else " "  # else it is what ran before, and still does
        versions = ", ".join(f"{name}{arrow}{vsn}" for name, vsn in self.version.items())
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
        lines += [f"  not taken back: {each}" for each in self.not_taken_back]
        lines += [f"  warning: {warning}" for warning in self.warnings]
        lines.append("  " + " · ".join(f"{step.name} {step.seconds * 1e3:.1f} ms" for step in self.steps))
        return "\n".join(lines)


def _facts(change: SupervisorChange) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    return (
        ("added", change.added),
        ("removed", change.removed),
        ("changed", change.changed),
        ("replaced", change.replaced),
        ("started last", tuple(change.irreversible)),
        ("flags", tuple(change.flags)),
        ("reordered", ("yes",) if change.reordered else ()),
    )


class UpgradeRecord(msgspec.Struct, frozen=True):
    """One upgrade in the history of this node."""

    started_at: str
    """Local time, ISO 8601."""
    modules: tuple[str, ...]
    status: str
    """"completed", "rolled_back", or "rolled_back_by_watch"."""
    from_version: dict[str, Any]
    to_version: dict[str, Any]
    processes: int
    error: str | None
    report: UpgradeReport | None = None
    """None for upgrades of an earlier life of the node."""
    id: str = ""
    trigger: str = "call"
    strategy: str = "atomic"
    error_class: str | None = None
