"""What an upgrade would do, told beforehand: its impact and its plan, from what was compiled and what runs.

This is where values come from that `analysis` and `planning` work on; nothing is decided here, and nothing touched.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from otpy.analysis.graph import DependencyGraph
from otpy.analysis.impact import Impact, impact_of
from otpy.analysis.pauses import PauseKind, PauseRecord
from otpy.code import versions
from otpy.errors import BadPlan
from otpy.kernel.process import Process
from otpy.planning.instructions import Instructions
from otpy.planning.options import PlanOptions
from otpy.planning.plan import Plan, PlanFacts, SupervisorPlan
from otpy.planning.planner import Texts, make_plan, module_plan
from otpy.store.values import Record
from otpy.upgrade.members import concerns
from otpy.upgrade.options import Options
from otpy.upgrade.preparation import Preparation
from otpy.upgrade.program import program_graph
from otpy.upgrade.world import children_fingerprint, world_of


def impact_for(
    preparation: Preparation,
    processes: Iterable[Process],
    *,
    graph: DependencyGraph | None = None,
    history: Iterable[PauseRecord] = (),
) -> Impact:
    """Return what the upgrade of *preparation*, which has compiled, touches among *processes*.

    *graph*: of the program with the new sources, if it is known already; *history*: how long past upgrades paused.
    """
    known = graph if graph is not None else program_graph(_sources(preparation))
    names = list(preparation.new)
    return impact_of(
        names,
        preparation.changes,
        graph=known,
        world=world_of(processes, concerned=concerns(known.reload_order(names))),
        history=history,
        touched={*preparation.touched, *preparation.dependents} if preparation.prepared is not None else None,
    )


def plan_for(
    preparation: Preparation,
    processes: Iterable[Process],
    *,
    options: PlanOptions | None = None,
    supervisors: Mapping[Process, SupervisorPlan | None] | None = None,
    warnings: Iterable[str] = (),
    instructions: Instructions | None = None,
    history: Iterable[PauseRecord] = (),
    created_at: str = "",
) -> Plan:
    """Return the plan for the upgrade of *preparation*, which has compiled.

    *options*: how it would be done; None: as usual. *supervisors*: those that were asked for their new children, each
    with what changes. *created_at*: UTC, ISO 8601. Raises: BadPlan, for instructions that do not fit.
    """
    graph = program_graph(_sources(preparation))
    impact = impact_for(preparation, processes, graph=graph, history=history)
    asked = supervisors or {}
    return make_plan(
        [
            module_plan(
                name,
                version.source,
                old_source=None if running is None else running.source,
                new_vsn=version.vsn,
                old_vsn="" if running is None else running.vsn,
                path=version.path or "",
            )
            for name, version in preparation.new.items()
            for running in [preparation.running.get(name)]
        ],
        impact,
        graph=graph,
        texts=_texts(preparation, impact),
        options=options,
        supervisors=[plan for plan in asked.values() if plan is not None],
        children={
            plan.supervisor: children_fingerprint(process) for process, plan in asked.items() if plan is not None
        },
        warnings=(*preparation.warnings, *warnings),
        instructions=instructions,
        created_at=created_at,
    )


def pauses_in(records: Iterable[Record]) -> Iterator[PauseRecord]:
    """Yield how long processes paused in the upgrades of *records*."""
    for record in records:
        if record.processes and record.state != "rolled_back":
            kind: PauseKind = "migrate" if record.migrated else "edit"
            yield PauseRecord(kind, record.processes, record.paused_s.get("max", 0.0))


def facts_now(plan: Plan, processes: Iterable[Process]) -> PlanFacts:
    """Return what runs now, as far as *plan* depends on it: see `otpy.planning.staleness.stale`."""
    everybody = list(processes)
    graph = program_graph(plan.sources)
    reached = graph.reload_order(plan.sources)
    world = world_of(everybody, concerned=concerns(reached))
    return PlanFacts(
        modules={name: _running_sha(name) for name in plan.sources},
        dependents=tuple(name for name in reached if name not in plan.sources),
        behaviours=tuple(dict.fromkeys(each.name for process in world.of_modules(reached) for each in process.runs)),
        children={
            each.supervisor: children_fingerprint(process)
            for each in plan.supervisors
            for process in everybody
            if each.supervisor in plan.made_for.children and process.id == each.number and process.exit_reason is None
        },
    )


def plan_options(options: Options) -> PlanOptions:
    """Return those of *options* that a plan keeps. Raises: BadPlan, for a function or extra that JSON cannot have."""
    state: Any = options.state
    if inspect.isfunction(state):
        if "<" in state.__qualname__:
            raise BadPlan([f"options.state is {state!r}; a plan keeps functions by name: give one of a module"])
        state = f"{state.__module__}:{state.__qualname__}"
    return PlanOptions(
        strategy=options.strategy,
        state=state,
        extra=options.extra,
        suspend_timeout=float(options.suspend_timeout),
        code_change_timeout=float(options.code_change_timeout),
        timeout=float(options.timeout),
        retries=options.retries,
        group_size=options.group_size,
        canaries=options.canaries,
        rehearse=options.rehearse,
        allow_dangerous=options.allow_dangerous,
    )


def _sources(preparation: Preparation) -> dict[str, str]:
    return {name: version.source for name, version in preparation.new.items()}


def _texts(preparation: Preparation, impact: Impact) -> Texts:
    """Return the trees of what changes, and of the modules of behaviours that are concerned by it."""
    old = {name: running.tree for name, running in preparation.running.items() if running is not None}
    new = {name: version.tree for name, version in preparation.new.items()}
    stay: dict[str, ast.Module] = {}
    behaviours = {each for process in impact.affected_processes for each in process.runs}
    for module in {module for behaviour in behaviours for module in behaviour.modules} - new.keys():
        known = versions(module)
        if known:
            stay[module] = known[-1].tree
    return Texts({**stay, **old}, {**stay, **new})


def _running_sha(name: str) -> str:
    known = versions(name)
    return known[-1].sha256 if known else ""
