"""The verbs that look before they leap: what would a change touch, and what would an upgrade do?

A plan is made as an upgrade is: the new versions are compiled, run beside the live modules, and tried on copies of
states; supervisors are asked which children they would have. Then all of it is thrown away but for the plan.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator, Mapping
from typing import Final, Unpack

import msgspec

from otpy.analysis.graph import DependencyGraph
from otpy.analysis.impact import Impact, impact_of
from otpy.code.baseline import source_of
from otpy.errors import (
    IncompatibleUpgrade,
    MissingDependency,
    RehearsalFailed,
    UnsafeCode,
)
from otpy.kernel.here import waiting
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime, run_on_thread
from otpy.planning.children import supervisor_plan
from otpy.planning.instructions import Instructions
from otpy.planning.plan import Plan, Refusal, SupervisorPlan
from otpy.safety.limits import check_plan
from otpy.upgrade.engine import check_sources, engine, explained
from otpy.upgrade.forecast import impact_for, plan_for, plan_options
from otpy.upgrade.installing import options_of
from otpy.upgrade.members import concerns, processes_of
from otpy.upgrade.options import Options, options
from otpy.upgrade.preparation import Preparation
from otpy.upgrade.program import program_graph
from otpy.upgrade.rehearsal import Proposals
from otpy.upgrade.rehearsal import rehearse as rehearse_transaction
from otpy.upgrade.report import Rehearsal
from otpy.upgrade.transaction import Transaction
from otpy.upgrade.verbs import UpgradeOptions
from otpy.upgrade.world import world_of

_POLICY: Final = "the safety policy"

# -- looking -----------------------------------------------------------------------------------------


def graph() -> DependencyGraph:
    """Return who depends on whom among the program's own modules, as they run."""
    return program_graph()


def analyze_dependencies(name: str, source: str | None = None) -> Impact:
    """Return what a change of module *name* touches: of its text to *source*, or any change at all.

    Raises: MissingDependency, if it is not loaded; CompilationFailed.
    """
    processes = waiting().runtime.processes()
    if source is not None:
        preparation = Preparation({name: source}, Options())
        preparation.compile()
        found = impact_for(preparation, processes, history=engine.pauses())
        return found if found.changed_module else msgspec.structs.replace(found, changed_module=name)
    running = source_of(name) if name in sys.modules else None
    if running is None:
        raise MissingDependency(name, name, f"{name} is not loaded, or has no Python source; import it first")
    known = program_graph({name: running})
    world = world_of(processes, concerned=concerns(known.reload_order(name)))
    return impact_of([name], None, graph=known, world=world, history=engine.pauses())


def validate_upgrade_path(name: str, source: str) -> tuple[str, ...]:
    """Return what is in the way of the states of module *name* to the version in *source*; empty if nothing is.

    Told from the texts alone: nothing is run. Raises: CompilationFailed.
    """
    preparation = Preparation({name: source}, Options())
    preparation.compile()
    return tuple(str(each) for each in plan_for(preparation, waiting().runtime.processes()).refusals)


# -- planning ----------------------------------------------------------------------------------------


def plan(
    sources: Mapping[str, str], *, instructions: Instructions | None = None, **given: Unpack[UpgradeOptions]
) -> Plan:
    """Return what an upgrade to *sources* (module name → text) would do; nothing is touched.

    What cannot be done stands in its `refusals`. *instructions*: what the author says by hand. The options are those
    of `reload_modules`.
    Raises: CompilationFailed, LoadFailed and the like, for sources that cannot be looked at; BadPlan.
    """
    return planned(sources, options(given), instructions)


def planned(sources: Mapping[str, str], wanted: Options, instructions: Instructions | None = None) -> Plan:
    """As `plan`, with checked options."""
    check_sources(sources)
    me = waiting()
    with explained(tuple(sources)):
        made: Plan = run_on_thread(_plan, me.runtime, dict(sources), wanted, me, instructions, label="plan")
    return made


def rehearse(plan: Plan) -> Rehearsal:
    """Try *plan* on copies of the states that there are now; nothing live is touched.

    Raises: RehearsalFailed, naming every problem, and what `install` raises before it touches anything.
    """
    wanted = msgspec.structs.replace(options_of(plan), rehearse=True, dry_run=True)
    return engine.upgrade(plan.sources, wanted).rehearsal or Rehearsal()


def _plan(
    runtime: Runtime, sources: Mapping[str, str], wanted: Options, asked_by: Process, instructions: Instructions | None
) -> Plan:
    with engine.alone():
        transaction = Transaction(runtime, sources, wanted, asked_by=asked_by, policy=engine.policy)
        preparation = transaction.preparation
        preparation.compile()
        try:
            proposals: Proposals = {}
            refusals = tuple(_tried(transaction, proposals))
            asked = _children(transaction, proposals) if proposals and not refusals else {}
            made = plan_for(
                preparation,
                runtime.processes(),
                options=plan_options(wanted),
                supervisors=asked,
                warnings=transaction.warnings,
                instructions=instructions,
                history=engine.pauses(),
                created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            )
        finally:
            preparation.discard()
    known = {refusal.where.partition(" ")[0] for refusal in made.refusals}
    more = [refusal for refusal in refusals if refusal.where not in known]
    more += [Refusal(_POLICY, str(limit)) for limit in check_plan(made, engine.policy)]
    return msgspec.structs.replace(made, refusals=(*made.refusals, *more))


def _tried(transaction: Transaction, proposals: Proposals) -> Iterator[Refusal]:
    """Go as far as an upgrade goes without touching anything, and yield why it would not go on.

    Supervisors are asked even if nothing else is rehearsed; *proposals* takes what they say.
    """
    preparation = transaction.preparation
    try:
        transaction.warnings += preparation.allow(transaction.policy)
    except UnsafeCode as error:
        yield from (Refusal(_POLICY, str(finding)) for finding in error.findings)
        return
    try:
        preparation.load(transaction.policy, transaction.steps)
        transaction.concerned = preparation.concerned()
        members = processes_of(transaction.concerned, transaction.runtime.processes())
        if not transaction.options.rehearse:
            members = [process for process in members if getattr(process.actor, "supervises", False)]
        if members:
            proposals.update(rehearse_transaction(transaction, members)[1])
    except IncompatibleUpgrade as error:
        if not any(change.verdict == "cannot" for change in preparation.changes):  # the plan names those by itself
            yield Refusal(", ".join(preparation.new), str(error))
    except RehearsalFailed as error:
        yield from (Refusal("the rehearsal", str(problem)) for problem in error.problems or (error,))


def _children(transaction: Transaction, proposals: Proposals) -> dict[Process, SupervisorPlan | None]:
    """Return what a plan says of the *proposals* of supervisors, those that are still there."""
    facts = world_of(transaction.runtime.processes(), concerned=transaction.concerned).by_number()
    return {p: supervisor_plan(facts[p.id], proposal) for p, proposal in proposals.items() if p.id in facts}
