"""Plans of living systems: made without touching anything, carried out as they stand, refused when they do not fit."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import otpy
from otpy.planning.appup import read_instructions
from otpy.planning.instructions import Apply, Instructions, Restart, Update
from otpy.planning.plan import Plan
from tests.support import inside
from tests.upgrade.conftest import Make

SHOP = """
import otpy

__vsn__ = "1"

class Cart(otpy.GenServer):
    def init(self, arg):
        return otpy.Ok({"n": arg})

    def handle_call(self, request, from_, state):
        return otpy.Reply(state, state)

class Shop(otpy.Supervisor):
    CARTS = ("a", "b")

    def init(self, arg):
        specs = [Cart.child_spec(number, id=name, name=name) for number, name in enumerate(self.CARTS, 1)]
        return otpy.SupFlags(), specs
"""
NEW = SHOP.replace('"1"', '"2"').replace(
    "    def handle_call",
    """\
    def code_change(self, old_vsn, state, extra):
        return otpy.Ok({**state, "extra": extra})

    def handle_call""",
)
MORE = NEW.replace('("a", "b")', '("a", "b", "c")')

called: list[Any] = []


def note(*args: Any) -> None:
    """Take down that it was called, and which version ran then."""
    called.append((*args, otpy.code.vsn("plans_shop")))


def fail() -> None:
    """Go wrong."""
    msg = "no"
    raise RuntimeError(msg)


@pytest.fixture
def shop(module: Make) -> Any:
    """Version 1 of the shop."""
    return module("plans_shop", SHOP)


# case: release_handler_SUITE: otp_9395_check_and_purge
@inside
def test_a_plan_says_what_would_happen_and_does_nothing(shop: Any) -> None:
    """Children too: the new init was asked, on the quiet."""
    shop.Shop.start_link(None, name="shop")
    plan = otpy.upgrade.plan({"plans_shop": MORE})
    assert {each.behaviour: each.migration for each in plan.behaviours} == {
        "plans_shop.Shop": "init",
        "plans_shop.Cart": "code_change",
    }
    assert [(child.id, child.action) for each in plan.supervisors for child in each.children] == [("c", "add")]
    assert not plan.refused
    assert otpy.code.vsn("plans_shop") == "1"
    assert otpy.call("a", "state") == {"n": 1}
    assert len(otpy.supervisor.which_children("shop")) == 2


@inside
def test_children_are_told_where_only_the_body_of_init_changes(shop: Any) -> None:
    """No new class is made then; and the live one says what it said."""
    shop.Shop.start_link(None, name="shop")
    more = SHOP.replace("return otpy.SupFlags(), specs", "return otpy.SupFlags(), [*specs, Cart.child_spec(9, id='d')]")
    plan = otpy.upgrade.plan({"plans_shop": more})
    assert [(child.id, child.action) for each in plan.supervisors for child in each.children] == [("d", "add")]
    assert len(otpy.supervisor.which_children("shop")) == 2
    otpy.upgrade.install(plan)
    assert len(otpy.supervisor.which_children("shop")) == 3


@pytest.mark.parametrize("rehearse", [True, False])
@inside
def test_supervisors_are_asked_once(module: Make, rehearse: bool) -> None:
    """Their init is code of the program, and may take its time."""
    asks = SHOP.replace("class Shop", "from itertools import count\n\nASKED = count()\n\nclass Shop").replace(
        "        specs =", "        next(ASKED)\n        specs ="
    )
    made = module("plans_shop", asks)
    made.Shop.start_link(None, name="shop")
    plan = otpy.upgrade.plan({"plans_shop": asks.replace('("a", "b")', '("a", "b", "c")')}, rehearse=rehearse)
    assert [(child.id, child.action) for each in plan.supervisors for child in each.children] == [("c", "add")]
    assert next(made.ASKED) == 2  # an iterator is no part of the mirror in which it is asked the second time


@inside
def test_a_plan_is_carried_out_as_it_stands(shop: Any) -> None:
    """Kept as text meanwhile, as in git."""
    shop.Shop.start_link(None, name="shop")
    kept = otpy.upgrade.plan({"plans_shop": MORE}, extra={"k": 1}).to_json()
    report = otpy.upgrade.install(Plan.from_json(kept))
    assert (report.status, otpy.code.vsn("plans_shop")) == ("completed", "2")
    assert otpy.call("a", "state") == {"n": 1, "extra": {"k": 1}}
    assert len(otpy.supervisor.which_children("shop")) == 3


@inside
def test_a_plan_is_installed_once(shop: Any) -> None:
    """The second time, what runs is no longer what it was made for."""
    shop.Shop.start_link(None, name="shop")
    plan = otpy.upgrade.plan({"plans_shop": NEW})
    otpy.upgrade.install(plan)
    with pytest.raises(otpy.StalePlan, match="plans_shop runs another text") as stale:
        otpy.upgrade.install(plan)
    record = otpy.upgrade.history("plans_shop")[-1]
    assert (record.error_class, record.trigger, record.id) == ("StalePlan", "plan", stale.value.report.id)


@inside
def test_a_plan_is_stale_when_a_supervisor_has_other_children(shop: Any) -> None:
    """What it says of them would not be true."""
    sup = shop.Shop.start_link(None, name="shop")
    plan = otpy.upgrade.plan({"plans_shop": MORE})
    otpy.supervisor.start_child(sup, shop.Cart.child_spec(9, id="by hand"))
    with pytest.raises(otpy.StalePlan, match="supervisor shop has other child specs"):
        otpy.upgrade.install(plan)
    assert otpy.code.vsn("plans_shop") == "1"


@inside
def test_what_fails_on_copies_is_refused_in_the_plan(shop: Any) -> None:
    """And a plan with refusals is not installed."""
    shop.Shop.start_link(None, name="shop")
    plan = otpy.upgrade.plan({"plans_shop": NEW.replace('{**state, "extra": extra}', 'state["missing"]')})
    assert plan.refused
    assert "missing" in str(plan)
    with pytest.raises(otpy.IncompatibleUpgrade, match="the plan says itself"):
        otpy.upgrade.install(plan)
    assert otpy.call("a", "state") == {"n": 1}


# case: release_handler_SUITE: instructions
@inside
def test_instructions_by_hand_are_carried_out(shop: Any) -> None:
    """Extra and reset for one behaviour, a child to restart, functions before and after."""
    shop.Shop.start_link(None, name="shop")
    before = otpy.whereis("b")
    called.clear()
    said = Instructions(
        update=(Update("plans_shop", behaviour="Cart", extra="mine", suspend_timeout=3.0, purge="brutal"),),
        restart=(Restart("shop", "b"),),
        apply=(Apply(f"{__name__}:note", (1,), "before"), Apply(f"{__name__}:note", (2,), "after")),
    )
    plan = otpy.upgrade.plan({"plans_shop": NEW}, instructions=said)
    report = otpy.upgrade.install(Plan.from_json(plan.to_json()))
    assert otpy.call("a", "state") == {"n": 1, "extra": "mine"}
    assert otpy.call("b", "state") == {"n": 2}
    assert otpy.whereis("b") != before
    assert called == [(1, "1"), (2, "2")]
    assert [warning for warning in report.warnings if "after the upgrade" in warning] == []


@inside
def test_states_of_one_behaviour_are_made_anew_if_so_said(shop: Any) -> None:
    """The others are converted."""
    shop.Shop.start_link(None, name="shop")
    toml = '[[update]]\nmodule = "plans_shop"\nbehaviour = "Cart"\nstate = "reset"\n'
    plan = otpy.upgrade.plan({"plans_shop": NEW}, instructions=read_instructions(toml))
    otpy.upgrade.install(plan)
    assert otpy.call("a", "state") == {"n": 1}


@inside
def test_a_function_that_fails_before_stops_the_upgrade_and_after_is_told(shop: Any) -> None:
    """Before, nothing is touched yet; after, the upgrade stands."""
    shop.Shop.start_link(None, name="shop")
    before = Instructions(apply=(Apply(f"{__name__}:fail", when="before"),))
    with pytest.raises(otpy.UpgradeError, match="raised RuntimeError: no"):
        otpy.upgrade.install(otpy.upgrade.plan({"plans_shop": NEW}, instructions=before))
    assert otpy.code.vsn("plans_shop") == "1"
    after = Instructions(apply=(Apply(f"{__name__}:fail"), Apply(f"{__name__}:nothing")))
    report = otpy.upgrade.install(otpy.upgrade.plan({"plans_shop": NEW}, instructions=after))
    assert otpy.code.vsn("plans_shop") == "2"
    first, second = [warning for warning in report.warnings if warning.startswith("after the upgrade")]
    assert first.endswith("raised RuntimeError: no")
    assert "there is no such function" in second


@inside
def test_impact_of_a_module_is_told_with_and_without_a_new_text(shop: Any) -> None:
    """What any change could touch, and what this one does."""
    shop.Shop.start_link(None, name="shop")
    found = otpy.upgrade.analyze_dependencies("plans_shop")
    assert (found.change_type, len(found.affected_processes)) == ("unknown", 3)
    body = SHOP.replace("otpy.Reply(state, state)", "otpy.Reply(dict(state), state)")
    told = otpy.upgrade.analyze_dependencies("plans_shop", body)
    assert (told.change_type, told.pausing, told.risk_level) == ("body", 0, "low")
    same = otpy.upgrade.analyze_dependencies("plans_shop", SHOP)
    assert (same.changed_module, same.change_type) == ("plans_shop", "none")
    with pytest.raises(otpy.MissingDependency, match="plans_shp is not loaded"):
        otpy.upgrade.analyze_dependencies("plans_shp")


@inside
def test_graph_is_of_what_is_loaded(shop: Any, module: Make) -> None:
    """The program's own modules; not the standard library, not otpy."""
    module("plans_web", "import plans_shop\n")
    graph = otpy.upgrade.graph()
    assert graph.dependents("plans_shop") == ("plans_web",)
    assert "otpy.kernel.process" not in graph
    assert "json" not in graph
    assert "plans_shop" in sys.modules


@inside
def test_path_of_states_is_checked_from_the_texts(module: Make) -> None:
    """Before anybody loads anything."""
    old = (
        "import otpy\nfrom dataclasses import dataclass\n__vsn__ = '1'\n@dataclass\nclass State:\n    n: int\n"
        "class Cart(otpy.GenServer[State]):\n    def init(self, arg):\n        return otpy.Ok(State(1))\n"
    )
    live = module("plans_path", old)
    live.Cart.start()
    needs = old.replace("'1'", "'2'").replace("n: int", "n: int\n    region: str")
    (problem,) = otpy.upgrade.validate_upgrade_path("plans_path", needs)
    assert "plans_path.State needs region" in problem
    assert otpy.upgrade.validate_upgrade_path("plans_path", needs.replace("region: str", "region: str = 'EU'")) == ()
