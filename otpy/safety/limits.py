"""Limits on plans: what a policy says of what an upgrade would do, before anything is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from otpy.analysis.risk import RISK_LEVELS
from otpy.safety.policy import VERDICTS, Policy

if TYPE_CHECKING:
    from otpy.planning.plan import Plan


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that a plan passes: the *name* of the field of the policy, what is *allowed*, and *what* passes it."""

    name: str
    allowed: str
    what: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}; allowed: {self.allowed}"


def check_plan(plan: Plan, policy: Policy) -> tuple[Limit, ...]:
    """Return the limits of *policy* that *plan* passes, all of them; none if it may be carried out."""
    return tuple(_passed(plan, policy))


def _passed(plan: Plan, policy: Policy) -> Iterator[Limit]:
    for pattern in policy.protected_modules:
        for module in plan.modules:
            if fnmatchcase(module.name, pattern):
                yield Limit("protected_modules", f"no upgrade of {pattern}", f"the plan changes {module.name}")
    longest = policy.max_pause_s
    if longest is not None and plan.expected_pause_s > longest:
        what = f"processes are expected to pause for {plan.expected_pause_s:.3g} s"
        yield Limit("max_pause_s", f"{longest} s", what)
    if policy.riskiest_verdict is not None:
        riskiest = VERDICTS.index(policy.riskiest_verdict)
        for change in plan.definitions:
            if VERDICTS.index(change.verdict) > riskiest and change.name != "__vsn__":  # a number is no risk
                what = f"{change.module}.{change.name} is {change.verdict!r}"
                yield Limit("riskiest_verdict", f"up to {policy.riskiest_verdict!r}", what)
    highest = policy.max_risk
    if highest is not None and RISK_LEVELS.index(plan.risk) > RISK_LEVELS.index(highest):
        yield Limit("max_risk", f"up to {highest!r}", f"the risk of the plan is {plan.risk!r}")
