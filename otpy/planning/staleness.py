"""Is what runs still what a plan was made for? Two values are compared; the differences are sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otpy.planning.plan import Plan, PlanFacts

_SHA = 8


def stale(plan: Plan, facts: PlanFacts) -> tuple[str, ...]:
    """Return what has changed since *plan* was made; *facts* say what runs now. Empty: it may be installed.

    How many processes there are may change; that there are some of a behaviour that the plan does not know, may not.
    """
    return tuple(_differences(plan.made_for, facts))


def _differences(then: PlanFacts, now: PlanFacts) -> Iterator[str]:
    for module, sha in then.modules.items():
        found = now.modules.get(module, "")
        if found != sha:
            yield _module(module, sha, found)
    for module in _more(now.dependents, (*then.dependents, *then.modules)):
        yield f"{module} is loaded now, and uses what would change"
    for module in _more(then.dependents, (*now.dependents, *now.modules)):
        yield f"{module}, which used what would change, is not loaded any more, or does not use it any more"
    for behaviour in _more(now.behaviours, then.behaviours):
        yield f"there are processes of {behaviour} now, of which the plan does not know"
    for supervisor in dict.fromkeys([*then.children, *now.children]):
        if then.children.get(supervisor) != now.children.get(supervisor):
            yield _supervisor(supervisor, then, now)


def _more(here: Iterable[str], there: Iterable[str]) -> list[str]:
    known = set(there)
    return [name for name in here if name not in known]


def _module(module: str, then: str, now: str) -> str:
    if not then:
        return f"{module} was not loaded, and is now"
    if not now:
        return f"{module} is not loaded any more"
    return f"{module} runs another text: {now[:_SHA]}…, the plan was made for {then[:_SHA]}…"


def _supervisor(supervisor: str, then: PlanFacts, now: PlanFacts) -> str:
    if supervisor not in now.children:
        return f"supervisor {supervisor} is gone"
    if supervisor not in then.children:
        return f"supervisor {supervisor} was not there when the plan was made"
    return f"supervisor {supervisor} has other child specs"
