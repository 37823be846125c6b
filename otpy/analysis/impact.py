"""What does a change touch? Modules, processes, supervisors; for how long, and at what risk: one value. Pure.

In go the verdicts on the definitions, the graph of modules, a snapshot of the processes and what past upgrades took;
out comes an `Impact`, which prints itself and is plain JSON.

Source: API.md, `analyze_dependencies`; UPGRADE.md, the transaction, step 2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from otpy.analysis.call_levels import levels_of
from otpy.analysis.calls import reached
from otpy.analysis.dependencies import LOADING
from otpy.analysis.graph import DependencyGraph
from otpy.analysis.pauses import PauseKind, PauseRecord, expected_pause, pause_kind
from otpy.analysis.processes import BehaviourFacts, ProcessFacts, World, by_behaviour
from otpy.analysis.risk import Risk, RiskLevel, risks_of_changes, risks_of_processes, risks_of_use, worst
from otpy.code.verdicts import DefinitionChange, Verdict
from otpy.errors import MissingDependency

ChangeType: TypeAlias = Literal[
    "unknown", "none", "documentation", "body", "interface", "value", "removal", "shape", "behaviour", "refused"
]

_TYPES: Final[tuple[tuple[ChangeType, frozenset[Verdict]], ...]] = (
    ("refused", frozenset({"cannot"})),
    ("behaviour", frozenset({"behaviour"})),
    ("shape", frozenset({"shape"})),
    ("removal", frozenset({"removed"})),
    ("interface", frozenset({"added", "signature", "decorator", "property"})),
    ("value", frozenset({"value", "attribute", "derived", "kept"})),
    ("body", frozenset({"body"})),
    ("documentation", frozenset({"documented"})),
)
"""The change is called by the first of these that it has."""

_MILLISECOND: Final = 1e3


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of some modules touches. `print` shows it; `msgspec.json.encode` writes it.

    - `changed_modules`: in the order in which they are loaded; `changed_module` is the first that was asked about.
    - `direct_dependents`, `indirect_dependents`: the loaded modules that use them.
    - `reload_order`: all of these, what a module depends on before it; `rings` of them are loaded as one.
    - `affected_processes`: whose behaviour, or a base of it, is from one of these. Where no more than bodies change,
      they go on without a pause, but for those whose `code_change`, or `init` of a supervisor, is another.
    - `affected_supervisors`: those above them, and those whose own code changes.
    - `suspension_levels`: the numbers of the processes that pause, callers first; a level is at rest before the next
      is held.
    - `estimated_downtime_s`: the expected pause of a process, in seconds.
    - `verdicts`: definition by definition; those that stay as they are left out.
    """

    changed_module: str
    changed_modules: tuple[str, ...] = ()
    change_type: ChangeType = "unknown"
    direct_dependents: tuple[str, ...] = ()
    indirect_dependents: tuple[str, ...] = ()
    reload_order: tuple[str, ...] = ()
    rings: tuple[tuple[str, ...], ...] = ()
    affected_processes: tuple[ProcessFacts, ...] = ()
    affected_supervisors: tuple[ProcessFacts, ...] = ()
    suspension_levels: tuple[tuple[int, ...], ...] = ()
    pause_kind: PauseKind = "migrate"
    estimated_downtime_s: float = 0.0
    risk_level: RiskLevel = "none"
    risks: tuple[Risk, ...] = ()
    verdicts: tuple[DefinitionChange, ...] = ()

    @property
    def pausing(self) -> int:
        """How many processes pause."""
        return sum(len(level) for level in self.suspension_levels)

    @property
    def dependents(self) -> tuple[str, ...]:
        """All modules that use the changed ones."""
        return (*self.direct_dependents, *self.indirect_dependents)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def impact_of(
    modules: Sequence[str],
    changes: Iterable[DefinitionChange] | None = None,
    *,
    graph: DependencyGraph,
    world: World,
    history: Iterable[PauseRecord] = (),
    touched: Collection[str] | None = None,
) -> Impact:
    """Return what a change of *modules* touches.

    - *changes*: the verdicts on their definitions; None: what they will be is not known, so the worst is assumed.
    - *graph*: with the new sources of the changed modules, and the other modules of the program.
    - *history*: what past upgrades took, for the expected pause.
    - *touched*: the modules, dependents too, whose processes have to rest, if the loader has told; None: the changed
      ones, and all that depends on them when they are loaded, unless only bodies change.

    Raises: MissingDependency, if one of *modules* is not in the graph.
    """
    verdicts = None if changes is None else tuple(c for c in changes if c.verdict != "unchanged")
    changed = _changed(modules, verdicts)
    direct, indirect = _dependents(graph, changed)
    kind = "migrate" if verdicts is None else pause_kind(verdicts)
    reach = {*changed, *direct, *indirect}
    affected = world.of_modules(reach if touched is None or kind == "nobody" else touched)
    if kind != "nobody":
        held = affected
    else:
        held = _converted_otherwise(affected, verdicts or (), graph) if touched is None else world.of_modules(touched)
        kind = "edit" if held else kind
    levels = levels_of(held, graph, world) if held else ()
    pause = expected_pause(kind, len(held), history)
    order = graph.reload_order(changed) if changed else ()
    rings = graph.cycles(changed) if changed and kind != "nobody" else ()
    supervisors = world.supervisors_of(affected)
    risks = (
        *risks_of_changes(verdicts or ()),
        *risks_of_use(tuple(still_used(graph, verdicts or ())), rings),
        *risks_of_processes(len(held), _asked_again(held, changed), pause),
    )
    return Impact(
        changed_module=modules[0] if modules else "",
        changed_modules=graph.reload_order(changed, only=True) if changed else (),
        change_type="unknown" if verdicts is None else change_type(verdicts),
        direct_dependents=direct,
        indirect_dependents=indirect,
        reload_order=order,
        rings=rings,
        affected_processes=affected,
        affected_supervisors=supervisors,
        suspension_levels=levels,
        pause_kind=kind,
        estimated_downtime_s=pause,
        risk_level=worst(risks),
        risks=risks,
        verdicts=verdicts or (),
    )


def change_type(changes: Iterable[DefinitionChange]) -> ChangeType:
    """Return what a change is called, by the gravest of its verdicts; that the version is another says nothing."""
    verdicts = {change.verdict for change in changes if change.name != "__vsn__"}
    for name, those in _TYPES:
        if verdicts & those:
            return name
    return "none"


def still_used(graph: DependencyGraph, changes: Iterable[DefinitionChange]) -> Iterator[str]:
    """Yield a sentence for each use of a name that is removed: who uses it, in which line."""
    for change in changes:
        if change.verdict == "removed" and change.module in graph:
            for user in graph.dependents(change.module):
                for use in graph.between(user, change.module):
                    if use.name == change.name or use.name.startswith(f"{change.name}."):
                        yield f"{change.module}.{change.name} is removed, but {user} still uses it (line {use.line})"
                        break


def _changed(modules: Sequence[str], verdicts: tuple[DefinitionChange, ...] | None) -> tuple[str, ...]:
    if verdicts is None:
        return tuple(dict.fromkeys(modules))
    really = {change.module for change in verdicts}
    return tuple(dict.fromkeys(module for module in modules if module in really))


def _dependents(graph: DependencyGraph, changed: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    for module in changed:
        if module not in graph:
            raise MissingDependency(module, module, f"{module} is not in the graph; add it with its new source")
    direct = _others((d for module in changed for d in graph.dependents(module, kinds=LOADING)), changed)
    every = (d for module in changed for d in graph.dependents(module, kinds=LOADING, transitive=True))
    return direct, _others(every, (*changed, *direct))


def _others(found: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(module for module in found if module not in known))


def _converted_otherwise(
    processes: Sequence[ProcessFacts], verdicts: Iterable[DefinitionChange], graph: DependencyGraph
) -> tuple[ProcessFacts, ...]:
    """Return those of *processes* that a new body concerns now, and not at their next message.

    What a supervisor's `init` said is kept in its child specs; who edits a `code_change` means the states.
    """
    bodies = {(change.module, change.name) for change in verdicts if change.verdict == "body"}
    asked: dict[BehaviourFacts, bool] = {}
    for behaviour in by_behaviour(processes) if bodies else ():
        callback = "init" if behaviour.kind == "supervisor" else "code_change"
        roots = [(module, f"{name}.{callback}") for module, name in behaviour.classes]
        asked[behaviour] = not bodies.isdisjoint(reached(roots, graph))
    return tuple(process for process in processes if any(map(asked.get, process.runs)))


def _asked_again(held: Iterable[ProcessFacts], changed: Collection[str]) -> Iterator[str]:
    """Yield the supervisors whose own code changes."""
    for process in held:
        if process.behaviour.kind == "supervisor" and not set(changed).isdisjoint(process.behaviour.modules):
            yield process.name or str(process)


def _lines(impact: Impact) -> Iterator[str]:
    yield f"{', '.join(impact.changed_modules) or impact.changed_module}: {_headline(impact)}"
    for change in impact.verdicts:
        yield f"  {change}"
    if impact.dependents:
        yield f"  used by {', '.join(impact.direct_dependents)}"
    if impact.indirect_dependents:
        yield f"  and through them by {', '.join(impact.indirect_dependents)}"
    for ring in impact.rings:
        yield f"  loaded as one: {' ↔ '.join(ring)}"
    for behaviour, group in by_behaviour(impact.affected_processes).items():
        yield f"  {len(group)} {'process' if len(group) == 1 else 'processes'} of {behaviour.name}"
    if impact.affected_supervisors:
        yield f"  under {', '.join(map(str, impact.affected_supervisors))}"
    if impact.pausing:
        pause = impact.estimated_downtime_s * _MILLISECOND
        yield f"  {impact.pausing} pause, in {len(impact.suspension_levels)} levels, for about {pause:.1f} ms"
    for risk in impact.risks:
        yield f"  risk {risk}"


def _headline(impact: Impact) -> str:
    if impact.change_type == "unknown":
        return f"whatever is changed there; risk {impact.risk_level}"
    return f"{impact.change_type}; risk {impact.risk_level}"
