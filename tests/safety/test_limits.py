"""Limits on plans: all that are passed, each with what passes it."""

from hashlib import sha256
from typing import Any, get_args

import pytest

from otpy.analysis.risk import RiskLevel
from otpy.code.verdicts import DefinitionChange, Verdict
from otpy.errors import PlanRefused
from otpy.planning.plan import ModulePlan, Plan
from otpy.safety import VERDICTS, Limit, Policy, check_plan


def a_plan(
    *modules: str, definitions: tuple[DefinitionChange, ...] = (), pause: float = 0.01, risk: RiskLevel = "low"
) -> Plan:
    """Return a plan that changes *modules*."""
    sha = sha256(b"").hexdigest()
    names = modules or ("shop.cart",)
    return Plan(
        modules=tuple(ModulePlan(name=name, source="", new_sha256=sha) for name in names),
        definitions=definitions,
        expected_pause_s=pause,
        risk=risk,
    )


def change(verdict: Verdict, name: str = "Cart") -> DefinitionChange:
    """Return a change of one definition."""
    return DefinitionChange("shop.cart", name, verdict, 1)


def test_verdicts_are_all_there_are() -> None:
    """One that is missing could not be compared."""
    assert set(VERDICTS) == set(get_args(Verdict))


def test_policy_without_limits_lets_any_plan_pass() -> None:
    """The default has none."""
    assert check_plan(a_plan(definitions=(change("behaviour"),), pause=100.0, risk="high"), Policy()) == ()


PASSED = [
    (Policy(protected_modules=("shop.cart",)), a_plan(), "the plan changes shop.cart"),
    (Policy(protected_modules=("shop.*",)), a_plan(), "the plan changes shop.cart"),
    (Policy(max_pause_s=0.5), a_plan(pause=0.75), "processes are expected to pause for 0.75 s"),
    (Policy(riskiest_verdict="body"), a_plan(definitions=(change("shape"),)), "shop.cart.Cart is 'shape'"),
    (Policy(max_risk="low"), a_plan(risk="high"), "the risk of the plan is 'high'"),
]


@pytest.mark.parametrize(("policy", "plan", "what"), PASSED)
def test_limit_that_is_passed_is_told(policy: Policy, plan: Plan, what: str) -> None:
    """With what passes it."""
    (limit,) = check_plan(plan, policy)
    assert limit.what == what
    assert str(limit) == f"{limit.name}: {what}; allowed: {limit.allowed}"


KEPT = [
    (Policy(protected_modules=("shop",)), a_plan()),
    (Policy(max_pause_s=0.5), a_plan(pause=0.5)),
    (Policy(riskiest_verdict="shape"), a_plan(definitions=(change("shape"), change("body")))),
    (Policy(riskiest_verdict="body"), a_plan(definitions=(change("value", "__vsn__"), change("body")))),
    (Policy(max_risk="high"), a_plan(risk="high")),
]


@pytest.mark.parametrize(("policy", "plan"), KEPT)
def test_limit_itself_is_allowed(policy: Policy, plan: Plan) -> None:
    """A limit is the last thing that may be."""
    assert check_plan(plan, policy) == ()


def test_all_limits_come_at_once_whether_danger_is_allowed_or_not() -> None:
    """`allow_dangerous` speaks of sources: it does not open what is protected."""
    policy = Policy(protected_modules=("shop.*",), max_pause_s=0.1, riskiest_verdict="body", max_risk="low")
    plan = a_plan("shop.cart", "shop.stock", definitions=(change("shape"), change("cannot")), pause=1.0, risk="high")
    limits = check_plan(plan, policy)
    assert [limit.name for limit in limits] == [
        "protected_modules",
        "protected_modules",
        "max_pause_s",
        "riskiest_verdict",
        "riskiest_verdict",
        "max_risk",
    ]
    assert all(str(limit) in str(PlanRefused(limits)) for limit in limits)
    assert isinstance(limits[0], Limit)


@pytest.mark.parametrize("limit", [{"riskiest_verdict": "shap"}, {"max_risk": "hi"}])
def test_limit_that_names_nothing_is_an_error(limit: dict[str, Any]) -> None:
    """When the policy is made, not when an upgrade is under way."""
    with pytest.raises(ValueError, match=f"{next(iter(limit))} is one of"):
        Policy(**limit)
