"""Carrying out a plan: just what it says, on just what it was made for.

What an author wants by hand beyond an upgrade of its own (functions to call, children to restart, old code to end) is
done here: before anything is touched, or when the upgrade stands.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial, reduce
from typing import Any

from otpy.behaviours import supervisor
from otpy.behaviours.children_state import children_of
from otpy.code import purge
from otpy.errors import IncompatibleUpgrade, MissingDependency, PlanRefused, StalePlan, UpgradeError
from otpy.kernel.here import waiting
from otpy.kernel.primitives import resolve
from otpy.kernel.process import Process
from otpy.planning.plan import ApplyPlan, Plan, SupervisorPlan
from otpy.planning.staleness import stale
from otpy.safety.limits import check_plan
from otpy.upgrade.engine import engine, explained
from otpy.upgrade.forecast import facts_now
from otpy.upgrade.options import Options
from otpy.upgrade.report import UpgradeReport


def install(plan: Plan) -> UpgradeReport:
    """Carry out *plan*, if it may be, and if what runs is still what it was made for.

    Raises: IncompatibleUpgrade, for a plan with refusals; PlanRefused, by the policy; StalePlan; and what
    `reload_modules` raises.
    """
    with explained(tuple(plan.sources)):
        wanted = options_of(plan)
        try:
            _refuse(plan, waiting().runtime.processes())
            for each in plan.applies:
                if each.when == "before":
                    _apply(each)
        except UpgradeError as error:
            engine.refuse(plan.sources, wanted, error)
            raise
    report = engine.upgrade(plan.sources, wanted)
    return report.with_warnings([*_afterwards(plan)])


def _refuse(plan: Plan, processes: Iterable[Process]) -> None:
    if plan.refused:
        raise IncompatibleUpgrade(
            "the plan says itself what cannot be done:\n" + "\n".join(f"  {r}" for r in plan.refusals)
        )
    limits = check_plan(plan, engine.policy)
    if limits:
        raise PlanRefused(limits)
    differences = stale(plan, facts_now(plan, processes))
    if differences:
        raise StalePlan(differences)


def options_of(plan: Plan) -> Options:
    """Return the options with which *plan* is carried out."""
    said = plan.options
    timeouts = [each.suspend_timeout for each in plan.behaviours if each.suspend_timeout is not None]
    by_hand = {each.behaviour: each for each in plan.behaviours}
    return Options(
        strategy=said.strategy,
        state=_function(said.state) if ":" in said.state else said.state,
        extra=said.extra,
        extras={name: each.extra for name, each in by_hand.items() if each.extra is not None},
        states={name: each.migration for name, each in by_hand.items() if each.migration in ("preserve", "reset")},
        suspend_timeout=max(timeouts, default=said.suspend_timeout),  # all rest together: the longest counts
        code_change_timeout=said.code_change_timeout,
        timeout=said.timeout,
        retries=said.retries,
        group_size=said.group_size,
        canaries=said.canaries,
        rehearse=said.rehearse,
        allow_dangerous=said.allow_dangerous,
        trigger="plan",
    )


def _function(name: str) -> Any:
    """Return the function that "module:name" names. Raises: MissingDependency."""
    module, _, path = name.partition(":")
    try:
        return reduce(getattr, path.split("."), importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise MissingDependency(
            module, path, f"the plan names {name}, and there is no such function: {error}"
        ) from error


def _apply(each: ApplyPlan) -> None:
    """Call what an author wants to be called before. Raises: UpgradeError, and nothing has changed."""
    function = _function(each.function)
    try:
        function(*each.args)
    except Exception as error:
        msg = f"{each.function}, which the plan calls before anything is done, raised {type(error).__name__}: {error}"
        raise UpgradeError(msg) from error


def _afterwards(plan: Plan) -> Iterator[str]:
    """Do what comes after the commit, and yield what went wrong: the upgrade itself stands."""
    jobs: list[Callable[[], object]] = []
    for each in plan.supervisors:
        jobs += [partial(_restart, each, child.id) for child in each.children if child.action == "restart"]
    for module in plan.modules:
        if module.purge == "brutal":
            jobs.append(partial(purge, module.name))
    jobs += [partial(_apply, each) for each in plan.applies if each.when == "after"]
    for job in jobs:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - the upgrade stands; what is left over is said
            yield f"after the upgrade: {error}"


def _restart(supervisor_of: SupervisorPlan, child: str) -> None:
    pid = resolve(supervisor_of.supervisor)
    ident = next((row.id for row in children_of(pid) if child in (row.id, repr(row.id))), child)
    supervisor.terminate_child(pid, ident)
    supervisor.restart_child(pid, ident)
