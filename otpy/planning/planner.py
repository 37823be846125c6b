"""Make a plan: what the verdicts, the impact, the texts and the author's instructions come to. Pure.

Nothing here looks at a live process; what is known of them is in the `Impact` and in the plans for supervisors, which
the caller has asked for in a rehearsal.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from otpy.analysis.conversions import StepFacts, class_vsn, has_code_change, steps_in
from otpy.analysis.dependencies import LOADING
from otpy.analysis.graph import DependencyGraph
from otpy.analysis.impact import Impact, still_used
from otpy.analysis.processes import BehaviourFacts, ProcessFacts, by_behaviour
from otpy.analysis.state_shape import ShapeChange, state_changes
from otpy.planning import strategies
from otpy.planning.checks import digest
from otpy.planning.instructions import Instructions, constrained
from otpy.planning.options import PlanOptions
from otpy.planning.paths import Way, way_of
from otpy.planning.plan import BehaviourPlan, Migration, ModulePlan, Plan, PlanFacts, Refusal, SupervisorPlan

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Texts:
    """The syntax trees of the modules concerned, by name, as they run (*old*) and as they shall be (*new*).

    Modules that stay as they are (dependents whose processes are concerned) are in both, or left out: then nothing is
    known of their states. *packages*: those modules that relative imports start from.
    """

    old: Mapping[str, ast.Module] = field(default_factory=dict)
    new: Mapping[str, ast.Module] = field(default_factory=dict)
    packages: Collection[str] = ()


def module_plan(
    name: str, source: str, *, old_source: str | None = None, new_vsn: object = "", old_vsn: object = "", path: str = ""
) -> ModulePlan:
    """Return the part of a plan on one module. *old_source*: what runs; None for a module that is not loaded."""
    return ModulePlan(
        name=name,
        source=source,
        new_sha256=digest(source),
        old_sha256="" if old_source is None else digest(old_source),
        new_vsn=str(new_vsn),
        old_vsn="" if old_source is None else str(old_vsn),
        path=path,
    )


def make_plan(
    modules: Sequence[ModulePlan],
    impact: Impact,
    *,
    graph: DependencyGraph,
    texts: Texts | None = None,
    options: PlanOptions | None = None,
    steps: Iterable[StepFacts] = (),
    supervisors: Iterable[SupervisorPlan] = (),
    children: Mapping[str, str] | None = None,
    warnings: Iterable[str] = (),
    refusals: Iterable[Refusal] = (),
    instructions: Instructions | None = None,
    created_at: str = "",
) -> Plan:
    """Return what an upgrade of *modules* would do.

    - *impact*: of the change, with its verdicts (see `impact_of`); *graph* is the one that it was made with.
    - *texts*: to see declared states, code_changes and registered steps. *steps*: more of these, registered already.
    - *supervisors*: what becomes of children (see `children.supervisor_plan`), and *children*, by supervisor, a
      fingerprint of the specs that they have now.
    - *warnings*, *refusals*: what the caller has found by itself.
    - *created_at*: UTC, ISO 8601.

    A plan with refusals is a plan, and says so; it is for the caller not to install it.
    Raises: BadPlan, for instructions that do not fit.
    """
    order = {name: number for number, name in enumerate(impact.changed_modules)}
    ordered = tuple(sorted((m for m in modules if m.name in order), key=lambda m: order[m.name]))
    options, texts = options or PlanOptions(), texts or Texts()
    every_step = (*steps, *steps_in(texts.new, packages=texts.packages))
    work = _Work({m.name: m for m in ordered}, impact, graph=graph, texts=texts, options=options, steps=every_step)
    behaviours = tuple(work.behaviours())
    facts = PlanFacts(
        modules={module.name: module.old_sha256 for module in ordered},
        dependents=impact.dependents,
        behaviours=tuple(each.behaviour for each in behaviours),
        children=dict(children or {}),
    )
    plan = Plan(
        modules=ordered,
        definitions=impact.verdicts,
        dependents=impact.dependents,
        behaviours=behaviours,
        supervisors=tuple(supervisors),
        warnings=(*work.warnings(), *warnings),
        refusals=(*work.refusals(), *refusals),
        options=options,
        pause_kind=impact.pause_kind,
        expected_pause_s=impact.estimated_downtime_s,
        risk=impact.risk_level,
        risk_reasons=tuple(risk.reason for risk in impact.risks if risk.level == impact.risk_level),
        created_at=created_at,
        made_for=facts,
        fingerprint=facts.fingerprint,
    )
    if not instructions:
        return plan
    needs = {module.name: graph.dependencies(module.name, kinds=LOADING, transitive=True) for module in ordered}
    return constrained(plan, instructions, needs=needs)


@final
class _Work:
    """What is found out for one plan."""

    def __init__(
        self,
        modules: Mapping[str, ModulePlan],
        impact: Impact,
        *,
        graph: DependencyGraph,
        texts: Texts,
        options: PlanOptions,
        steps: Sequence[StepFacts],
    ) -> None:
        self.modules = modules
        self.impact = impact
        self.graph = graph
        self.texts = texts
        self.options = options
        self.steps = steps
        self.groups = by_behaviour(impact.affected_processes)
        self.held = {number for level in impact.suspension_levels for number in level}
        self.users = {name: {name, *graph.dependents(name, kinds=LOADING, transitive=True)} for name in modules}
        self.shapes: list[ShapeChange] = []
        self.ways: list[tuple[BehaviourFacts, Way]] = []

    def behaviours(self) -> Iterator[BehaviourPlan]:
        """Yield what the processes of each behaviour go through."""
        texts = self.texts
        for behaviour, processes in self.groups.items():
            pauses = any(process.number in self.held for process in processes)
            shapes: tuple[ShapeChange, ...] = ()
            if pauses:
                shapes = state_changes(behaviour.classes, old=texts.old, new=texts.new, packages=texts.packages)
                self.shapes += shapes
            migration, path = self._migration(behaviour, processes, shapes) if pauses else ("none", ())
            yield BehaviourPlan(
                behaviour=behaviour.name,
                module=behaviour.module,
                processes=len(processes),
                because=self._because(behaviour),
                pauses=pauses,
                migration=migration,
                path=path,
                shapes=shapes,
            )

    def _because(self, behaviour: BehaviourFacts) -> tuple[str, ...]:
        return tuple(name for name, users in self.users.items() if not users.isdisjoint(behaviour.modules))

    def _migration(
        self, behaviour: BehaviourFacts, processes: Sequence[ProcessFacts], shapes: tuple[ShapeChange, ...]
    ) -> tuple[Migration, tuple[str, ...]]:
        if behaviour.kind == "supervisor":
            return "init", ()
        own = next((self.modules[module] for module in behaviour.modules if module in self.modules), None)
        if self.options.state in ("preserve", "reset"):
            return ("preserve" if self.options.state == "preserve" else "reset"), ()
        if own is None:
            return ("automatic" if shapes else "none"), ()
        ways = [self._way(behaviour, old, own, shapes) for old in self._versions_of(behaviour, processes, own)]
        self.ways += [(behaviour, way) for way in ways]
        return ways[0].by, ways[0].path

    def _versions_of(
        self, behaviour: BehaviourFacts, processes: Iterable[ProcessFacts], module: ModulePlan
    ) -> list[str]:
        """Return the versions that the states of *processes* have, the most frequent first."""
        before = class_vsn(behaviour.classes, self.texts.old) or module.old_vsn
        counts = Counter(process.vsn or before for process in processes)
        return [version for version, _ in counts.most_common()]

    def _way(self, behaviour: BehaviourFacts, old: str, module: ModulePlan, shapes: tuple[ShapeChange, ...]) -> Way:
        return way_of(
            behaviour.name,
            old,
            class_vsn(behaviour.classes, self.texts.new) or module.new_vsn,
            steps=self._steps_of(behaviour),
            has_code_change=has_code_change(behaviour.classes, self.texts.new),
            shapes=shapes,
        )

    def _steps_of(self, behaviour: BehaviourFacts) -> list[tuple[str, str]]:
        """Return the steps of the behaviour, or of the nearest base that has any, as (old, new)."""
        for place in behaviour.classes:
            own = [(step.old, step.new) for step in self.steps if step.behaviour == ".".join(place)]
            if own:
                return list(dict.fromkeys(own))
        return []

    # -- what to say -------------------------------------------------------------------------------

    def warnings(self) -> Iterator[str]:
        """Yield what an operator should know. After `behaviours`."""
        yield from dict.fromkeys(doubt for _, way in self.ways for doubt in way.doubts)
        yield from still_used(self.graph, self.impact.verdicts)
        for ring in self.impact.rings:
            yield f"{' and '.join(ring)} need each other, and are loaded one after the other as one"
        starting = [process for process in self.impact.affected_processes if not process.started]
        if starting:
            yield f"{len(starting)} of the processes are still in init: {_few(starting)}"

    def refusals(self) -> Iterator[Refusal]:
        """Yield what cannot be done. After `behaviours`."""
        for change in self.impact.verdicts:
            if change.verdict == "cannot":
                where = f"{change.module}.{change.name} (line {change.line})"
                yield Refusal(where, change.detail, change.advice, (change.module,))
        for behaviour, way in self.ways:
            yield from (Refusal(way.behaviour, told, "", self._because(behaviour)) for told in way.problems)
        own = {".".join(place) for behaviour in self.groups for place in behaviour.classes}
        own |= {shape.type for shape in self.shapes}
        yield from strategies.refusals_of(self.options.strategy, self.impact.verdicts, own)


def _few(processes: Sequence[ProcessFacts]) -> str:
    more = len(processes) - _SHOWN
    return ", ".join(map(str, processes[:_SHOWN])) + (f" and {more} more" if more > 0 else "")
