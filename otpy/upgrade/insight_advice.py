"""What to do about what upgrades teach: rules, each of which looks at one thing and names the facts it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from otpy.store.values import Record
from otpy.upgrade.insight_values import ErrorPattern, ModuleInsight, Recommendation, Timings

_OFTEN: Final = 2
"""From so many errors of a class on it is worth doing something about the class."""

_LONG_PAUSE_S: Final = 1.0
_LARGE_SHARE: Final = 0.5

_ABOUT: Final[dict[str, str]] = {
    "CompilationFailed": "Let the editor or CI run `otpy check` before an upgrade: sources did not compile.",
    "LoadFailed": "Import new versions once in a test: they raised while they were loaded.",
    "MissingDependency": "Upgrade modules together with those that use them: names were gone that others still use.",
    "CircularDependency": "Give modules that import each other in one upgrade, or break the ring.",
    "UnsafeCode": "Run `otpy check` with the node's safety policy in CI: sources did what the policy forbids.",
    "PlanRefused": "Split upgrades so that each stays within the policy's limits, or change these limits knowingly.",
    "StalePlan": "Install plans soon after they are made: what runs had changed in between.",
    "IncompatibleUpgrade": "Keep what running processes need, and remove it a version later.",
    "SuspendTimeout": (
        "Make handlers return sooner, with `then=Continue`, or give `suspend_timeout` more: processes did not come to "
        "rest."
    ),
    "ReloadTimeout": "Give `timeout` more, or upgrade fewer modules at a time.",
    "MigrationFailed": "Test migrations on states like the live ones: they could not be converted.",
    "RehearsalFailed": "Read the report of the rehearsal before trying again: it names every state that would fail.",
    "CheckFailed": "Look at what `check_upgrade` refused: converted states were not what the new version needs.",
    "UpgradeInProgress": "Ask for one upgrade at a time, for instance from one deployment job.",
    "UpgradeFromWithin": "Ask for upgrades from a process that they do not suspend.",
    "StoreError": "See to the store, its disk or its server: upgrades could not be recorded.",
    "Interrupted": "Find out in the system's log what ended the node, and stop it only between upgrades.",
}
"""What to do about each class of error."""

_NOT_NEWS: Final = frozenset({"RolledBackByWatch", "ForcedRollback"})
"""The watch has a rule of its own; and who forced a rollback knows why."""


def recommendations(
    records: Sequence[Record],
    *,
    patterns: Sequence[ErrorPattern],
    timings: Timings,
    modules: Sequence[ModuleInsight],
) -> tuple[Recommendation, ...]:
    """Return what to do, most urgent first; nothing, if nothing is wrong. *records* have ended, oldest first."""
    return (
        *_about_watch(modules),
        *_about_errors(patterns),
        *_about_modules(modules),
        *_about_pauses(timings),
        *_about_permanence(records),
    )


def _about_watch(modules: Sequence[ModuleInsight]) -> Iterable[Recommendation]:
    thrown_out = [module for module in modules if module.rolled_back_by_watch]
    if thrown_out:
        yield Recommendation(
            'Try these modules on a few processes first, with strategy="canary": their new versions passed the upgrade '
            "and failed in use.",
            tuple(
                f"{module.module}: {module.rolled_back_by_watch} of {module.rate.attempts} upgrades rolled back by the "
                "watch"
                for module in thrown_out
            ),
        )


def _about_errors(patterns: Sequence[ErrorPattern]) -> Iterable[Recommendation]:
    for pattern in patterns:
        if pattern.error_class not in _NOT_NEWS and pattern.count >= _OFTEN:
            default = f"Look into {pattern.error_class}: it keeps coming back."
            yield Recommendation(
                _ABOUT.get(pattern.error_class, default),
                (
                    f"{pattern.error_class}: {pattern.count} times, {pattern.trend}, in {', '.join(pattern.modules)}",
                    f"the last one: {_first_line(pattern.example)}",
                ),
            )


def _about_modules(modules: Sequence[ModuleInsight]) -> Iterable[Recommendation]:
    for module in modules:
        failed, attempts = module.rate.failed, module.rate.attempts
        if module.problems and failed >= _OFTEN and failed >= _LARGE_SHARE * attempts:
            errors = ", ".join(f"{name} {count} times" for name, count in module.errors.items())
            yield Recommendation(
                f"Rehearse upgrades of {module.module} before they are installed (`otpy plan`): most of them fail.",
                (f"{failed} of {attempts} upgrades failed", *([errors] if errors else [])),
            )


def _about_pauses(timings: Timings) -> Iterable[Recommendation]:
    if timings.pause.p95 < _LONG_PAUSE_S:
        return
    pause = timings.pause
    facts = [f"the longest pause of an upgrade: p50 {pause.p50:.2f} s, p95 {pause.p95:.2f} s, max {pause.max:.2f} s"]
    slowest = timings.steps[0] if timings.steps else None
    if slowest is not None:
        facts.append(f"slowest step: {slowest.name}, p95 {slowest.seconds.p95:.2f} s, {slowest.share:.0%} of all time")
    if slowest is not None and slowest.name == "suspend":
        what = "Make handlers shorter: processes pause mostly while the others come to rest."
    else:
        what = 'Upgrade group by group, with strategy="rolling", where messages stay compatible: pauses are long.'
    yield Recommendation(what, tuple(facts))


def _about_permanence(records: Sequence[Record]) -> Iterable[Recommendation]:
    last = {change.module: record for record in records if _completed(record) for change in record.modules}
    lost = [name for name, record in last.items() if record.state != "permanent"]
    if lost:
        yield Recommendation(
            "Call make_permanent(), or save the sources, if these are to outlive a restart of the node.",
            tuple(f"{name}: upgrade {last[name].id} was not made permanent" for name in sorted(lost)),
        )


def _completed(record: Record) -> bool:
    return record.state in {"committed", "permanent"}


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]
