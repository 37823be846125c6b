"""A plan as people read it, like `terraform plan`: what is added (+), changed (~), removed (-), replaced (-/+)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from otpy.code.verdicts import DefinitionChange

if TYPE_CHECKING:
    from otpy.planning.plan import BehaviourPlan, ChildAction, Migration, ModulePlan, Plan, SupervisorPlan

_SYMBOLS: Final[dict[ChildAction, str]] = {"add": "+", "remove": "-", "update": "~", "restart": "-/+", "replace": "-/+"}
_DONE: Final[dict[ChildAction, str]] = {
    "add": "added",
    "remove": "removed",
    "update": "updated",
    "restart": "restarted",
    "replace": "replaced",
}
_SIGNS: Final = {"added": "+", "removed": "-", "cannot": "!"}
_IN_WORDS: Final[dict[Migration, str]] = {
    "none": "states stay as they are",
    "automatic": "states are migrated by themselves",
    "code_change": "states are converted by code_change",
    "steps": "states are converted step by step",
    "preserve": "states are kept as they are, as asked",
    "reset": "states are made anew by init, as asked",
    "init": "init runs again",
    "restart": "restarted, as asked",
}
_MILLISECONDS: Final = 1e3
_SHA: Final = 8


def text(plan: Plan) -> str:
    """Return all of *plan*, its summary last."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    for module in plan.modules:
        yield _module(module)
        for change in plan.definitions:
            if change.module == module.name and _is_told(change):
                told = (
                    change.detail if change.detail.startswith(change.verdict) else f"{change.verdict} {change.detail}"
                )
                yield f"    {_SIGNS.get(change.verdict, '~')} {change.name}: {told.rstrip()} (line {change.line})"
    if plan.dependents:
        yield f"  used by {', '.join(plan.dependents)}"
    for behaviour in plan.behaviours:
        yield from _behaviour(behaviour)
    for supervisor in plan.supervisors:
        yield from _supervisor(supervisor)
    yield from (f"  ~ call {each.function} {each.when} it" for each in plan.applies)
    yield from (f"  warning: {warning}" for warning in plan.warnings)
    yield from (f"  risk {plan.risk}: {reason}" for reason in plan.risk_reasons)
    yield from (f"  refused: {refusal}" for refusal in plan.refusals)
    yield summary(plan)


def _is_told(change: DefinitionChange) -> bool:
    """Whether it has a line of its own; the version stands in the line of its module."""
    return change.verdict != "unchanged" and change.name != "__vsn__"


def _module(module: ModulePlan) -> str:
    if not module.old_sha256:
        return f"  + {module.name} (new, vsn {module.new_vsn})"
    old, new = module.old_vsn or module.old_sha256[:_SHA], module.new_vsn or module.new_sha256[:_SHA]
    return f"  ~ {module.name} (vsn {old} -> {new})"


def _behaviour(behaviour: BehaviourPlan) -> Iterator[str]:
    count = _count(behaviour.processes, "process", "processes")
    verb = _plural(behaviour.processes, "pauses", "pause") if behaviour.pauses else "without a pause"
    way = f" ({' -> '.join(behaviour.path)})" if behaviour.path else ""
    extra = f", with extra {behaviour.extra!r}" if behaviour.extra is not None else ""
    yield f"  ~ {behaviour.behaviour}: {count} {verb}; {_IN_WORDS[behaviour.migration]}{way}{extra}"
    for shape in behaviour.shapes:
        yield f"      {_count(behaviour.processes, 'state') if shape.always else 'states that have one'}: {shape}"


def _supervisor(supervisor: SupervisorPlan) -> Iterator[str]:
    yield f"  ~ supervisor {supervisor.supervisor}" + (": children in another order" if supervisor.reordered else "")
    yield from (f"    ~ {name}: {old} -> {new}" for name, old, new in supervisor.flags)
    for child in supervisor.children:
        fields = f": {', '.join(child.fields)}" if child.fields else ""
        start = f" ({child.start})" if child.start else ""
        final = f"; cannot be taken back: {child.irreversible}" if child.irreversible else ""
        yield f"    {_SYMBOLS[child.action]} child {child.id}{start}{fields}{final}"


def summary(plan: Plan) -> str:
    """Return *plan* in one line, such as "Plan: 2 modules, 3 definitions in place, 214 processes pause …"."""
    if not plan.modules:
        return "Plan: nothing to do"
    parts = [_count(len(plan.modules), "module"), *_definitions(plan)]
    if plan.pausing:
        milliseconds = plan.expected_pause_s * _MILLISECONDS
        verb = _plural(plan.pausing, "pauses", "pause")
        parts.append(f"{_count(plan.pausing, 'process', 'processes')} {verb} for about {milliseconds:.3g} ms")
    else:
        parts.append("nobody pauses")
    children = Counter(child.action for each in plan.supervisors for child in each.children)
    parts += [f"{_count(children[a], 'child', 'children')} {word}" for a, word in _DONE.items() if children[a]]
    return f"Plan: {', '.join(parts)}; {len(plan.refusals)} refused"


def _definitions(plan: Plan) -> Iterator[str]:
    verdicts = Counter(change.verdict for change in plan.definitions if _is_told(change))
    added, removed = verdicts["added"], verdicts["removed"]
    in_place = verdicts.total() - added - removed - sum(verdicts[v] for v in ("unchanged", "documented", "cannot"))
    yield from (f"{_count(n, 'definition')} {word}" for n, word in ((added, "added"), (removed, "removed")) if n)
    if in_place:
        yield f"{_count(in_place, 'definition')} in place"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {_plural(number, one, many or one + 's')}"


def _plural(number: int, one: str, many: str) -> str:
    return one if number == 1 else many
