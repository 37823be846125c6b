"""A plan as a value: it comes back from JSON as it was, is compared, edited, and checked after edits by hand."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpy.errors import BadPlan, UpgradeError
from otpy.planning.differences import PlanDiff
from otpy.planning.options import PlanOptions
from otpy.planning.plan import Plan
from tests.planning.plan_kit import BODY, BOTH, WITH_DEFAULT, plan_of
from tests.planning.plan_strategies import plain, plans

PLAN = plan_of(BOTH)


@settings(max_examples=40, deadline=None)  # plans are large
@given(plans())
def test_a_plan_comes_back_from_json_as_it_was(plan: Plan) -> None:
    """What was reviewed is what is installed; it prints the same, too."""
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.to_json() == plan.to_json()
    assert str(again) == str(plan)
    assert Plan.from_data(json.loads(plan.to_json())) == plan


@settings(max_examples=40, deadline=None)  # plans are large
@given(plans(), plans())
def test_the_difference_of_two_plans_leads_from_one_to_the_other(one: Plan, other: Plan) -> None:
    """And is false just for a plan and itself."""
    change = one.diff(other)
    assert one.apply(change) == other
    assert bool(change) == (one != other)
    assert one.diff(one) == PlanDiff()
    assert len(str(change)) > 0


@settings(max_examples=40, deadline=None)  # plans are large
@given(plans(), st.data())
def test_a_plan_without_some_modules_fits_together(plan: Plan, data: st.DataObject) -> None:
    """Nothing in it speaks of them any more."""
    gone = data.draw(st.lists(st.sampled_from(list(plan.sources)), unique=True))
    rest = plan.without(*gone)
    assert list(rest.sources) == [name for name in plan.sources if name not in gone]
    assert Plan.from_json(rest.to_json()) == rest
    assert {change.module for change in rest.definitions}.isdisjoint(gone)
    assert all(set(behaviour.because).isdisjoint(gone) for behaviour in rest.behaviours)


def test_a_difference_names_the_places() -> None:
    """It is read in a review."""
    edited = PLAN.with_options(strategy="rolling", timeout=60.0)
    assert str(PLAN.diff(edited)).splitlines() == [
        "~ options.strategy: 'atomic' -> 'rolling'",
        "~ options.timeout: 30.0 -> 60.0",
    ]
    assert [difference.place for difference in PLAN.diff(plan_of(BODY)).differences][:2] == ["modules", "definitions"]
    assert str(PLAN.diff(PLAN)) == "no difference"


def test_a_difference_fits_the_plan_that_it_was_made_for() -> None:
    """A review of another plan is no review of this one."""
    change = PLAN.diff(PLAN.with_options(timeout=60.0))
    with pytest.raises(BadPlan, match=r"options.timeout is 5.0 here and not 30.0"):
        PLAN.with_options(timeout=5.0).apply(change)


def test_options_are_changed_by_name() -> None:
    """And checked."""
    assert PLAN.with_options(rehearse=False).options.rehearse is False
    with pytest.raises(BadPlan, match=r"options\.strategi is no option of a plan; there are strategy"):
        PLAN.with_options(strategi="rolling")
    with pytest.raises(BadPlan, match=r"options\.timeout is 0; give seconds, more than 0"):
        PLAN.with_options(timeout=0)


def test_a_module_that_is_not_in_the_plan_cannot_be_taken_out() -> None:
    """It is misspelt."""
    with pytest.raises(BadPlan, match="crat is not in the plan; there are prices, cart"):
        PLAN.without("crat")


def test_dropping_a_module_drops_what_is_done_on_its_account() -> None:
    """The carts pause for the module cart, and for prices, which it uses."""
    rest = PLAN.without("cart")
    assert [behaviour.because for behaviour in rest.behaviours] == [("prices",), ("prices",)]
    assert plan_of(WITH_DEFAULT).without("cart").behaviours == ()


EDITS: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "unknown key": (("stratgey",), "rolling", "the plan cannot be read"),
    "unknown option": (("options", "lunch"), 3, "options: Object contains unknown field `lunch`"),
    "group": (("options", "group_size"), 0, "options.group_size is 0; give a whole number, 1 or more"),
    "strategy": (("options", "strategy"), "slow", "options.strategy: Invalid enum value 'slow'"),
    "timeout": (("options", "timeout"), -1, "options.timeout is -1.0; give seconds, more than 0"),
    "state": (
        ("options", "state"),
        "kept",
        'options.state is \'kept\'; give "auto", "preserve", "reset" or a function',
    ),
    "source": (("modules", 0, "source"), "x = 1", "modules[0].source of prices is not the text that the plan was made"),
    "name": (("modules", 0, "name"), "a b", "modules[0].name is 'a b'; give it as in `import`"),
    "twice": (("modules", 0, "name"), "cart", "modules has cart 2 times; keep one of them"),
    "definition": (("definitions", 0, "module"), "x", "definitions[0] is about x, which is not among the modules"),
    "because": (("behaviours", 0, "because", 0), "x", "behaviours[0].because names x, which is not among the modules"),
    "count": (("behaviours", 0, "processes"), -1, "behaviours[0].processes is -1; give how many there are"),
    "type": (("behaviours", 0, "processes"), "3", "behaviours[0].processes: Expected `int`, got `str`"),
    "suspend": (("behaviours", 0, "suspend_timeout"), 0.0, "behaviours[0].suspend_timeout is 0.0; give seconds"),
    "pause": (("expected_pause_s",), -1.0, "expected_pause_s is -1.0; give seconds"),
    "facts": (("made_for", "modules", "cart"), "0" * 64, "made_for was edited"),
    "format": (("format",), 2, "format: Invalid enum value 2"),
    "missing": (("modules", 0), {"name": "x"}, "modules[0]: Object missing required field `source`"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_by_hand_is_checked_and_refused_with_its_place(edit: str) -> None:
    """JSON kept in git is edited in git."""
    path, value, told = EDITS[edit]
    data: Any = json.loads(PLAN.to_json())
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(BadPlan) as caught:
        Plan.from_json(json.dumps(data))
    assert any(told in problem for problem in caught.value.problems), caught.value.problems
    assert isinstance(caught.value, UpgradeError)


def test_all_problems_are_told_at_once() -> None:
    """One round of mending is enough."""
    data: Any = json.loads(PLAN.to_json())
    data["modules"][0]["source"] += "# edited"
    data["definitions"][0]["module"] = "elsewhere"
    with pytest.raises(BadPlan) as caught:
        Plan.from_data(data)
    assert len(caught.value.problems) == 2


def test_an_edit_that_makes_sense_is_taken() -> None:
    """Options are what people edit."""
    data: Any = json.loads(PLAN.to_json())
    data["options"]["strategy"] = "canary"
    data["warnings"] = ["reviewed by Ann"]
    plan = Plan.from_json(json.dumps(data))
    assert (plan.options.strategy, plan.warnings) == ("canary", ("reviewed by Ann",))


@pytest.mark.parametrize("text", ["", "{", "[]", b"\xff"])
def test_what_is_no_plan_is_refused(text: str | bytes) -> None:
    """With a word on what it is instead."""
    with pytest.raises(BadPlan, match=r"no JSON|cannot be read"):
        Plan.from_json(text)


@settings(deadline=None)
@given(plain)
def test_extra_may_be_whatever_json_has(extra: Any) -> None:
    """And comes back as it was."""
    plan = PLAN.with_options(extra=extra)
    assert Plan.from_json(plan.to_json()).options.extra == extra


@pytest.mark.parametrize("extra", [(1, 2), {1: 2}, {1, 2}, object(), float("nan"), 2**64, [b"x"]])
def test_extra_that_json_does_not_have_is_refused(extra: Any) -> None:
    """It would come back as something else, or not at all."""
    with pytest.raises(BadPlan, match="a plan keeps only what JSON has"):
        PlanOptions(extra=extra)


def test_a_plan_is_a_value() -> None:
    """It can be compared, and nobody changes it under somebody else."""
    assert plan_of(BOTH) == PLAN
    assert plan_of(BODY) != PLAN
    with pytest.raises(AttributeError):
        PLAN.warnings = ()  # type: ignore[misc]
    assert msgspec.structs.replace(PLAN, warnings=("x",)) != PLAN
