"""What a plan says of an edit: modules, definitions, processes, states, children, and what it refuses."""

from __future__ import annotations

import msgspec
import pytest

from otpy.analysis.processes import BehaviourFacts, ProcessFacts, World
from otpy.behaviours.child_spec import MFA, ChildSpec, SpecChange, diff
from otpy.code.verdicts import DefinitionChange
from otpy.planning.children import supervisor_plan
from otpy.planning.options import PlanOptions
from otpy.planning.plan import ChildPlan, Plan, Refusal, SupervisorPlan
from tests.planning.plan_kit import BODY, BOTH, CART, CARTS, OLD, REQUIRED, SHOP, WITH_DEFAULT, WORLD, plan_of


def migrations(plan: Plan) -> dict[str, str]:
    """Return what becomes of the states of each behaviour."""
    return {behaviour.behaviour: behaviour.migration for behaviour in plan.behaviours}


def test_modules_stand_in_the_order_in_which_they_are_loaded() -> None:
    """The cart takes prices from the module of that name."""
    plan = plan_of(BOTH)
    assert [(module.name, module.old_vsn, module.new_vsn) for module in plan.modules] == [
        ("prices", "1", "2"),
        ("cart", "1", "2"),
    ]
    assert plan.sources == {"prices": BODY["prices"], "cart": WITH_DEFAULT["cart"]}


def test_modules_that_stay_the_same_are_left_out() -> None:
    """A release hands in all of its files."""
    plan = plan_of({**BODY, "stock": OLD["stock"]})
    assert [module.name for module in plan.modules] == ["prices"]
    assert not plan_of({"stock": OLD["stock"]})
    assert str(plan_of({"stock": OLD["stock"]})).splitlines()[-1] == "Plan: nothing to do"


def test_bodies_pause_nobody() -> None:
    """And no state is looked at."""
    plan = plan_of({"prices": BODY["prices"].replace('"2"', '"1"')})
    assert plan.pausing == 0
    assert set(migrations(plan).values()) == {"none"}
    assert "nobody pauses" in plan.summary


def test_a_field_with_a_default_is_migrated_by_itself() -> None:
    """The plan says which field, and to what."""
    plan = plan_of(WITH_DEFAULT)
    assert migrations(plan) == {"cart.Shop": "init", "cart.Cart": "automatic"}
    (cart,) = [each for each in plan.behaviours if each.behaviour == "cart.Cart"]
    assert (cart.processes, cart.because, [str(shape) for shape in cart.shapes]) == (
        3,
        ("cart",),
        ["cart.Order gets euros = 3"],
    )
    assert not plan.refused


def test_a_required_field_that_every_state_needs_is_refused_by_name() -> None:
    """Before anything is touched, with what to do."""
    plan = plan_of(REQUIRED)
    assert plan.refused
    assert [str(refusal) for refusal in plan.refusals] == [
        "cart.Cart: cart.Order needs region, which has no default; give one, or convert in cart.Cart.code_change"
    ]


def test_a_required_field_that_some_states_may_need_is_a_warning() -> None:
    """A list of orders may be empty: the rehearsal knows."""
    old = {**OLD, "cart": CART.replace("GenServer[Order]", "GenServer[list[Order]]")}
    new = {"cart": old["cart"].replace('"1"', '"2"').replace("item: str", "item: str\n    region: str")}
    plan = plan_of(new, old=old)
    assert not plan.refused
    assert any("needs region" in warning for warning in plan.warnings)


@pytest.mark.parametrize(
    ("more", "migration", "path"),
    [
        ("", "refused", ()),
        ("    def code_change(self, old_vsn, state, extra): ...\n", "code_change", ()),
        ("@otpy.migration(Cart, old='1', new='2')\ndef step(state): ...\n", "steps", ("1", "2")),
        (
            (
                "@otpy.migration(Cart, old='1.5', new='2')\ndef two(state): ...\n"
                "@otpy.migration(Cart, old='1', new='1.5')\ndef one(state): ...\n"
            ),
            "steps",
            ("1", "1.5", "2"),
        ),
    ],
)
def test_who_converts_is_read_from_the_new_text(more: str, migration: str, path: tuple[str, ...]) -> None:
    """Registered steps by the shortest way, else code_change, else the automatic migration."""
    text = REQUIRED["cart"]
    head, shop = text.split("class Shop")
    plan = plan_of({"cart": f"{head.rstrip()}\n{more}\nclass Shop{shop}"})
    (cart,) = [each for each in plan.behaviours if each.behaviour == "cart.Cart"]
    if migration == "refused":
        assert plan.refused
    else:
        assert (cart.migration, cart.path, plan.refused) == (migration, path, False)


def test_a_new_shape_under_the_same_vsn_is_refused() -> None:
    """No step could tell the two apart."""
    plan = plan_of({"cart": WITH_DEFAULT["cart"].replace('"2"', '"1"')})
    assert [refusal.where for refusal in plan.refusals] == ["cart.Cart"]
    assert "give its module a new __vsn__" in plan.refusals[0].reason


@pytest.mark.parametrize("state", ["preserve", "reset"])
def test_an_option_says_what_becomes_of_all_states(state: str) -> None:
    """But for those of supervisors, whose init says it."""
    plan = plan_of(REQUIRED, options=PlanOptions(state=state))
    assert migrations(plan) == {"cart.Shop": "init", "cart.Cart": state}
    assert not plan.refused


def test_states_of_several_versions_are_each_looked_at() -> None:
    """A process that missed an upgrade needs another way."""
    carts = (*CARTS, ProcessFacts(9, BehaviourFacts("cart", "Cart"), vsn="0"))
    step = "\n@otpy.migration(Cart, old='1', new='2')\ndef step(state): ...\n"
    plan = plan_of({"cart": REQUIRED["cart"] + step}, world=World(carts))
    assert [str(refusal) for refusal in plan.refusals] == [
        "cart.Cart: the registered steps lead from 1 to 2, but not from 0 to 2; register what is missing"
    ]


def test_what_cannot_be_done_is_refused_with_advice() -> None:
    """The verdict says it, the plan repeats it."""
    cannot = DefinitionChange("prices", "TAX", "cannot", 3, "is a lock that somebody holds", "release it first")
    plan = plan_of(BODY, more=[cannot])
    assert plan.refusals == (
        Refusal("prices.TAX (line 3)", "is a lock that somebody holds", "release it first", ("prices",)),
    )
    assert plan.risk == "high"
    assert "1 refused" in plan.summary


@pytest.mark.parametrize("strategy", ["rolling", "canary"])
def test_only_what_belongs_to_a_process_is_rolled_out_one_by_one(strategy: str) -> None:
    """A function is changed for everybody at once, so it is refused by name; behaviours and their states are not."""
    options = PlanOptions(strategy=strategy)  # type: ignore[arg-type]
    assert not plan_of(WITH_DEFAULT, options=options).refused
    assert not plan_of(BOTH).refused
    both = plan_of(BOTH, options=options)
    assert [refusal.where for refusal in both.refusals] == ["prices.price"]
    assert strategy in both.refusals[0].reason


def test_names_that_are_removed_but_still_used_are_a_warning() -> None:
    """With the line of who uses them."""
    plan = plan_of({"prices": BODY["prices"].replace("def price", "def cost")})
    assert "prices.price is removed, but cart still uses it (line 4)" in plan.warnings
    assert plan.risk == "high"


def test_processes_in_init_are_mentioned() -> None:
    """They begin on the new code."""
    starting = msgspec.structs.replace(CARTS[0], started=False)
    plan = plan_of(WITH_DEFAULT, world=World((SHOP, starting)))
    assert "1 of the processes are still in init: <3 Cart>" in plan.warnings


def test_a_new_module_is_one_without_a_past() -> None:
    """It is loaded, and nobody pauses for it."""
    plan = plan_of({"fresh": "X = 1\n"})
    assert (plan.modules[0].old_sha256, plan.pausing) == ("", 0)
    assert "  + fresh (new, vsn " in str(plan)


def spec(ident: str, function: str = "Cart.start_link", restart: str = "permanent", name: str = "") -> ChildSpec:
    """Return a child spec."""
    return ChildSpec(ident, MFA("cart", function, (), {"name": name} if name else {}), restart)  # type: ignore[arg-type]


class Change(msgspec.Struct, frozen=True):
    """A change among children, as it comes from otpy/behaviours."""

    added: tuple[ChildSpec, ...] = ()
    removed: tuple[ChildSpec, ...] = ()
    changed: tuple[SpecChange, ...] = ()
    replaced: tuple[SpecChange, ...] = ()
    irreversible: dict[str, str] = {}
    reordered: bool = False
    flags: dict[str, tuple[object, object]] = {}


def test_children_are_planned_with_what_cannot_be_taken_back() -> None:
    """A replacement that needs the name of its predecessor is started when that one has ended."""
    found = diff(
        [spec("a"), spec("b"), spec("gone")], [spec("new"), spec("a", restart="transient"), spec("b", "Other.start")]
    )
    change = Change(
        added=found.added,
        removed=found.removed,
        changed=found.changed[:1],
        replaced=found.changed[1:],
        irreversible={"b": "it registers the name 'b'"},
        flags={"intensity": (1, 5)},
    )
    plan = supervisor_plan(SHOP, change)
    assert plan == SupervisorPlan(
        supervisor="shop",
        number=1,
        behaviour="cart.Shop",
        children=(
            ChildPlan(id="new", action="add", start="cart.Cart.start_link"),
            ChildPlan(id="a", action="update", fields=("restart",)),
            ChildPlan(
                id="b",
                action="replace",
                fields=("start",),
                start="cart.Other.start",
                irreversible="it registers the name 'b'",
            ),
            ChildPlan(id="gone", action="remove"),
        ),
        flags=(("intensity", "1", "5"),),
    )
    assert supervisor_plan(SHOP, Change()) is None


def test_plan_prints_like_the_tool_that_everybody_knows() -> None:
    """All of it, the summary last."""
    change = Change(added=(spec("returns"),), removed=(spec("old"),), reordered=True, flags={"intensity": (1, 5)})
    shop = supervisor_plan(SHOP, change)
    assert shop is not None
    plan = plan_of(BOTH, supervisors=[shop], warnings=["the moon is full"])
    assert str(plan).splitlines() == [
        "  ~ prices (vsn 1 -> 2)",
        "    ~ price: body (line 4)",
        "  ~ cart (vsn 1 -> 2)",
        "    ~ Order: shape field euros added, default 3 (line 11)",
        "    ~ Cart: derived uses Order (line 13)",
        "  ~ cart.Shop: 1 process pauses; init runs again",
        "  ~ cart.Cart: 3 processes pause; states are migrated by themselves",
        "      3 states: cart.Order gets euros = 3",
        "  ~ supervisor shop: children in another order",
        "    ~ intensity: 1 -> 5",
        "    + child returns (cart.Cart.start_link)",
        "    - child old",
        "  warning: the moon is full",
        "  risk medium: cart.Cart (made anew, from what has changed)",
        "  risk medium: cart.Order (other shape: states that have it are migrated)",
        "  risk medium: shop (init is asked again which children there are)",
        (
            "Plan: 2 modules, 3 definitions in place, 4 processes pause for about 3.16 ms, 1 child added, "
            "1 child removed; 0 refused"
        ),
    ]


def test_what_runs_is_part_of_the_plan() -> None:
    """To be refused when it is something else."""
    plan = plan_of(BOTH, children={"shop": "abc"})
    assert plan.made_for.behaviours == ("cart.Shop", "cart.Cart")
    assert plan.made_for.children == {"shop": "abc"}
    assert set(plan.made_for.modules) == {"prices", "cart"}
    assert plan.fingerprint == plan.made_for.fingerprint != plan_of(BODY).fingerprint
    assert len(WORLD) == 5
