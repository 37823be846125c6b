"""A plan is installed only where what runs is what it was made for."""

import msgspec
import pytest

from otpy.planning.plan import PlanFacts
from otpy.planning.staleness import stale
from tests.planning.plan_kit import BOTH, plan_of

PLAN = plan_of(BOTH, children={"shop": "abc"})
NOW = PLAN.made_for


def facts(**changed: object) -> PlanFacts:
    """Return what ran when the plan was made, with something changed since."""
    return msgspec.structs.replace(NOW, **changed)


def test_nothing_has_changed() -> None:
    """Also when the plan was edited meanwhile."""
    assert stale(PLAN, NOW) == ()
    assert stale(PLAN.with_options(timeout=3.0), NOW) == ()
    assert stale(PLAN.without("prices"), PLAN.without("prices").made_for) == ()


CHANGES = {
    "text": (facts(modules={**NOW.modules, "cart": "f" * 64}), "cart runs another text: ffffffff…"),
    "gone": (facts(modules={"prices": NOW.modules["prices"]}), "cart is not loaded any more"),
    "dependent": (facts(dependents=("late",)), "late is loaded now, and uses what would change"),
    "behaviour": (facts(behaviours=(*NOW.behaviours, "cart.New")), "there are processes of cart.New now"),
    "children": (facts(children={"shop": "xyz"}), "supervisor shop has other child specs"),
    "no supervisor": (facts(children={}), "supervisor shop is gone"),
    "supervisor": (facts(children={**NOW.children, "b": "x"}), "supervisor b was not there when the plan was made"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_difference_is_said(what: str) -> None:
    """An operator sees what to look at."""
    now, told = CHANGES[what]
    (difference,) = stale(PLAN, now)
    assert told in difference


def test_new_and_lost_modules_are_told_apart() -> None:
    """A module that the plan would load for the first time is there already."""
    fresh = plan_of({"fresh": "X = 1\n"})
    assert stale(fresh, PlanFacts(modules={"fresh": "a" * 64})) == ("fresh was not loaded, and is now",)
    with_dependents = plan_of({"prices": BOTH["prices"]})
    lost = msgspec.structs.replace(with_dependents.made_for, dependents=())
    assert any("is not loaded any more, or does not use it" in told for told in stale(with_dependents, lost))


def test_fewer_processes_are_no_difference() -> None:
    """They come and go."""
    assert stale(PLAN, facts(behaviours=NOW.behaviours[:1])) == ()
