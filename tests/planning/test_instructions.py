"""Instructions that an author gives by hand: read from TOML, checked, and put into a plan."""

from __future__ import annotations

import textwrap

import pytest

from otpy.errors import BadPlan
from otpy.planning.appup import read_instructions
from otpy.planning.instructions import Apply, Instructions, Restart, Update, constrained
from otpy.planning.plan import BehaviourPlan, ChildPlan, Plan
from tests.planning.plan_kit import BOTH, OLD, plan_of

FILE = """
from = ["1"]
to = "2"

[options]
timeout = 60.0

[[update]]
module = "cart"
after = ["prices"]
extra = { currency = "EUR" }
purge = "brutal"

[[update]]
module = "cart"
behaviour = "Cart"
suspend_timeout = 2.0

[[restart]]
supervisor = "shop"
child = "logger"

[[apply]]
function = "shop.steps:warm_up"
args = [1, "two"]
when = "before"
"""
VALUE = Instructions(
    from_=("1",),
    to="2",
    options={"timeout": 60.0},
    update=(
        Update("cart", after=("prices",), extra={"currency": "EUR"}, purge="brutal"),
        Update("cart", behaviour="Cart", suspend_timeout=2.0),
    ),
    restart=(Restart("shop", "logger"),),
    apply=(Apply("shop.steps:warm_up", (1, "two"), "before"),),
    origin="upgrade.toml",
)
# The impact is asked for cart and prices without an import between them.
FREE = {**OLD, "cart": OLD["cart"].replace("from prices import price\n", "")}
FREE_BOTH = {**BOTH, "cart": BOTH["cart"].replace("from prices import price\n", "")}


def carts(plan: Plan) -> BehaviourPlan:
    """Return what the carts go through."""
    (found,) = [each for each in plan.behaviours if each.behaviour == "cart.Cart"]
    return found


def test_a_file_is_read_as_the_value_that_it_stands_for() -> None:
    """TOML beside the sources, or Python: the same."""
    assert read_instructions(FILE) == VALUE
    assert read_instructions('from = "1"').from_ == ("1",)
    assert not read_instructions("")


def test_instructions_take_precedence_over_what_is_computed() -> None:
    """Extra, purge and timeouts; a child to restart; functions to call."""
    plan = plan_of(BOTH, instructions=VALUE)
    assert carts(plan).extra == {"currency": "EUR"}
    assert carts(plan).suspend_timeout == 2.0
    assert {module.name: module.purge for module in plan.modules} == {"prices": "soft", "cart": "brutal"}
    assert plan.options.timeout == 60.0
    (shop,) = plan.supervisors
    assert shop.children == (ChildPlan(id="logger", action="restart"),)
    assert plan.applies[0].args == [1, "two"]
    text = str(plan)
    assert "with extra {'currency': 'EUR'}" in text
    assert "    -/+ child logger" in text
    assert "  ~ call shop.steps:warm_up before it" in text
    assert "1 child restarted" in text
    assert Plan.from_json(plan.to_json()) == plan


def test_state_of_one_behaviour_can_be_reset() -> None:
    """What is said of a class goes before what is said of its module."""
    said = Instructions(update=(Update("cart", behaviour="Cart", state="reset"), Update("cart", state="preserve")))
    plan = plan_of(BOTH, instructions=said)
    assert {each.behaviour: each.migration for each in plan.behaviours} == {
        "cart.Shop": "preserve",
        "cart.Cart": "reset",
    }


def test_order_is_as_the_author_says_where_it_is_free() -> None:
    """Modules that do not import each other may still depend on each other."""
    free = plan_of(FREE_BOTH, old=FREE)
    assert [module.name for module in free.modules] == ["cart", "prices"]
    said = Instructions(update=(Update("cart", after=("prices",)),))
    assert [m.name for m in plan_of(FREE_BOTH, old=FREE, instructions=said).modules] == ["prices", "cart"]


def test_order_that_cannot_be_kept_is_refused() -> None:
    """The cart imports prices."""
    with pytest.raises(BadPlan, match=r"update.after cannot be kept: cart, prices .* \(prices after cart\); take one"):
        plan_of(BOTH, instructions=Instructions(update=(Update("prices", after=("cart",)),)))


def test_order_inside_a_ring_of_imports_is_python_s_own() -> None:
    """Its modules are loaded as one."""
    old = {"a": "import b\nX = 1", "b": "import a\nX = 1"}
    new = {name: text.replace("X = 1", "X = 2") for name, text in old.items()}
    with pytest.raises(BadPlan, match="a, b would each have to come before the other"):
        plan_of(new, old=old, instructions=Instructions(update=(Update("b", after=("a",)),)))


WRONG = {
    "syntax": ("from = [", "upgrade.toml: this is no TOML: "),
    "key": ("[[update]]\nmodul = 'cart'", "upgrade.toml: update[0].modul is not known; did you mean 'module'?"),
    "top": ("updates = []", "upgrade.toml: updates is not known; did you mean 'update'?"),
    "option": ("[options]\nstratgy = 'x'", "upgrade.toml: options.stratgy is not known; did you mean 'strategy'?"),
    "table": ("[update]\nmodule = 'cart'", "upgrade.toml: update is a table; write it as [[update]]"),
    "type": (
        "[[update]]\nmodule = 'cart'\nsuspend_timeout = 'long'",
        "upgrade.toml: update[0].suspend_timeout: Expected",
    ),
    "missing": ("[[update]]\nextra = 1", "upgrade.toml: update[0]: Object missing required field `module`"),
    "value": (
        "[[update]]\nmodule = 'cart'\npurge = 'hard'",
        "upgrade.toml: update[0].purge: Invalid enum value 'hard'",
    ),
    "when": ("[[apply]]\nfunction = 'a:b'\nwhen = 'now'", "upgrade.toml: apply[0].when: Invalid enum value 'now'"),
}


# case: release_handler_SUITE: install_release_syntax_check
@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_refused_with_file_and_key(what: str) -> None:
    """Its author goes to the place."""
    text, told = WRONG[what]
    with pytest.raises(BadPlan) as caught:
        read_instructions(text)
    assert any(problem.startswith(told) for problem in caught.value.problems), caught.value.problems


UNFIT = {
    "module": (
        Instructions(update=(Update("crat"),)),
        "update[0].module is 'crat', which this upgrade does not change; did",
    ),
    "from": (
        Instructions(from_=("0",), update=(Update("cart"),)),
        "module cart is at version 1; the instructions are for",
    ),
    "to": (
        Instructions(to="9", update=(Update("cart"),)),
        "module cart goes to 2; the instructions are for going to 9",
    ),
    "behaviour": (
        Instructions(update=(Update("cart", behaviour="Crat"),)),
        "behaviour is 'Crat', of which no processes",
    ),
    "after": (
        Instructions(update=(Update("cart", after=("x",)),)),
        "after[0] is 'x', which this upgrade does not change",
    ),
    "timeout": (Instructions(update=(Update("cart", suspend_timeout=-1.0),)), "suspend_timeout is -1.0; give seconds"),
    "extra": (Instructions(update=(Update("cart", extra={1}),)), "extra is {1}; a plan keeps only what JSON has"),
    "twice": (Instructions(update=(Update("cart"), Update("cart"))), "update has cart twice; say it in one"),
    "function": (Instructions(apply=(Apply("warm_up"),)), "apply[0].function is 'warm_up'; give \"module:function\""),
    "args": (Instructions(apply=(Apply("a:b", (object(),)),)), "apply[0].args is [<object"),
    "option": (Instructions(options={"nope": 1}), "options.nope is no option of a plan"),
}


# case: release_handler_SUITE: install_release_syntax_check
@pytest.mark.parametrize("what", UNFIT)
def test_instructions_that_do_not_fit_the_plan_are_refused(what: str) -> None:
    """Left over from the upgrade before, or misspelt."""
    instructions, told = UNFIT[what]
    with pytest.raises(BadPlan) as caught:
        constrained(plan_of(BOTH), instructions)
    assert any(told in problem for problem in caught.value.problems), caught.value.problems


def test_problems_say_which_file_they_are_in() -> None:
    """There may be one for each release."""
    said = read_instructions(textwrap.dedent("[[update]]\nmodule = 'crat'"), origin="v2/upgrade.toml")
    with pytest.raises(BadPlan, match=r"^v2/upgrade.toml: update\[0\].module is 'crat'"):
        constrained(plan_of(BOTH), said)
