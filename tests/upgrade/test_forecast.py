"""A plan for a system that runs: what it says is true, and it is stale when the system has changed."""

from __future__ import annotations

import otpy
from otpy.kernel.process import Process
from otpy.kernel.runtime import current_runtime
from otpy.planning.children import supervisor_plan
from otpy.planning.options import PlanOptions
from otpy.planning.plan import Plan
from otpy.planning.staleness import stale
from otpy.upgrade import children
from otpy.upgrade.forecast import facts_now, plan_for, plan_options
from otpy.upgrade.options import options
from otpy.upgrade.preparation import Preparation
from otpy.upgrade.world import world_of
from tests.support import inside
from tests.upgrade.conftest import Make

PRICES = '__vsn__ = "1"\ndef price(n):\n    return n\n'
SHOP = """
import otpy
from dataclasses import dataclass
from forecast_prices import price

__vsn__ = "1"

@dataclass
class Order:
    item: str

class Cart(otpy.GenServer[Order]):
    def init(self, arg):
        return otpy.Ok(Order("tea"))

class Shop(otpy.Supervisor):
    def init(self, arg):
        return otpy.SupFlags(), [Cart.child_spec(id="cart")]
"""
NEW = SHOP.replace('"1"', '"2"').replace("item: str", "item: str\n    euros: int = 3")
MORE = NEW.replace('[Cart.child_spec(id="cart")]', '[Cart.child_spec(id="cart"), Cart.child_spec(id="more")]')


def compiled(sources: dict[str, str]) -> Preparation:
    """Return an upgrade that has compiled."""
    preparation = Preparation(sources, options({}))
    preparation.compile()
    return preparation


def processes() -> list[Process]:
    """Return what the runtime has."""
    return current_runtime().processes()


@inside
def test_plan_tells_what_the_upgrade_then_does(module: Make) -> None:
    """Three processes, one shape, one child more."""
    module("forecast_prices", PRICES)
    shop = module("forecast_shop", SHOP)
    sup = shop.Shop.start_link(None, name="forecast")
    for _ in range(2):
        shop.Cart.start()
    preparation = compiled({"forecast_shop": MORE})
    with_new = module("forecast_new", MORE)  # what init of the new version says
    asked, _ = children.proposal(sup, with_new.Shop)
    (facts,) = [f for f in world_of(processes()).processes if f.number == sup.id]
    plan = plan_for(preparation, processes(), supervisors={sup: supervisor_plan(facts, asked)})
    assert {each.behaviour: (each.processes, each.migration) for each in plan.behaviours} == {
        "forecast_shop.Shop": (1, "init"),
        "forecast_shop.Cart": (3, "automatic"),
    }
    assert [str(shape) for each in plan.behaviours for shape in each.shapes] == ["forecast_shop.Order gets euros = 3"]
    assert "added" in plan.summary
    assert "1 child" in plan.summary
    assert not plan.refused
    assert Plan.from_json(plan.to_json()) == plan


@inside
def test_plan_is_stale_when_what_runs_is_something_else(module: Make) -> None:
    """And is not when nothing has happened, or more of the same processes are there."""
    module("forecast_prices", PRICES)
    shop = module("forecast_shop", SHOP)
    shop.Shop.start_link(None, name="forecast")
    plan = plan_for(compiled({"forecast_prices": PRICES.replace("return n", "return n + 1")}), processes())
    assert (plan.dependents, plan.pausing) == (("forecast_shop",), 0)
    assert stale(plan, facts_now(plan, processes())) == ()
    shop.Cart.start()
    assert stale(plan, facts_now(plan, processes())) == ()
    otpy.code.load(PRICES.replace("return n", "return n + 2"), name="forecast_prices")
    (told,) = stale(plan, facts_now(plan, processes()))
    assert told.startswith("forecast_prices runs another text")


@inside
def test_plan_notices_processes_that_it_does_not_know(module: Make) -> None:
    """Of a behaviour of which there were none."""
    module("forecast_prices", PRICES)
    shop = module("forecast_shop", SHOP)
    plan = plan_for(compiled({"forecast_shop": NEW}), processes())
    assert plan.behaviours == ()
    shop.Cart.start()
    assert stale(plan, facts_now(plan, processes())) == (
        "there are processes of forecast_shop.Cart now, of which the plan does not know",
    )


def convert(old_vsn: object, state: object) -> object:
    """Convert nothing."""
    return state


def test_a_function_for_states_is_kept_by_name() -> None:
    """So that a plan can be written down."""
    assert plan_options(options({"state": convert})).state == "tests.upgrade.test_forecast:convert"
    assert plan_options(options({"timeout": 3, "strategy": "rolling"})) == PlanOptions(timeout=3.0, strategy="rolling")
