"""How declared states change, told from two texts without running either."""

import ast
import textwrap

import pytest

from otpy.analysis.conversions import StepFacts, class_vsn, has_code_change, steps_in
from otpy.analysis.state_shape import FieldFacts, ShapeChange, state_changes

HEAD = """
import attrs
import enum
import msgspec
import otpy
import pydantic
from dataclasses import dataclass, field
from typing import NamedTuple
"""


def changes(old: str, new: str, behaviour: str = "Cart") -> tuple[ShapeChange, ...]:
    """Return the changes of the states of a behaviour of module shop."""
    trees = [{"shop": ast.parse(HEAD + textwrap.dedent(text))} for text in (old, new)]
    return state_changes([("shop", behaviour)], old=trees[0], new=trees[1])


CART = "\nclass Cart(otpy.GenServer[Order]): ...\n"

KINDS = {
    "dataclass": "@dataclass\nclass Order:\n    item: str\n    {}\n" + CART,
    "slots": "@dataclass(slots=True, frozen=True)\nclass Order:\n    item: str\n    {}\n" + CART,
    "attrs": "@attrs.define\nclass Order:\n    item: str\n    {}\n" + CART,
    "pydantic": "class Order(pydantic.BaseModel):\n    item: str\n    {}\n" + CART,
    "struct": "class Order(msgspec.Struct):\n    item: str\n    {}\n" + CART,
    "tuple": "class Order(NamedTuple):\n    item: str\n    {}\n" + CART,
    "inherited": "@dataclass\nclass Base:\n    item: str\n    {}\n@dataclass\nclass Order(Base): ...\n" + CART,
}


@pytest.mark.parametrize("kind", KINDS)
def test_fields_of_every_kind_of_class_are_seen(kind: str) -> None:
    """Added with and without a default, removed, of another type."""
    old = KINDS[kind].format("euros: int")
    (found,) = [c for c in changes(old, KINDS[kind].format("currency: str = 'EUR'")) if c.type == "shop.Order"]
    assert (found.added, found.removed) == ((FieldFacts("currency", "str", "'EUR'"),), ("euros",))
    assert (found.required, found.always) == ((), True)
    (retyped,) = [c for c in changes(old, KINDS[kind].format("euros: float")) if c.type == "shop.Order"]
    assert retyped.retyped == (("euros", "int", "float"),)
    (needs,) = [c for c in changes(old, KINDS[kind].format("cents: int")) if c.type == "shop.Order"]
    assert needs.required == ("cents",)
    assert changes(old, old) == ()


def test_factories_are_defaults() -> None:
    """`field(default_factory=list)` is a value for states that lack it, `field(repr=False)` is none."""
    old, new = (
        KINDS["dataclass"].format("x: int"),
        "x: int\n    a: list = field(default_factory=list)\n    b: int = field(repr=False)",
    )
    (found,) = changes(old, KINDS["dataclass"].format(new))
    assert [(f.name, f.default) for f in found.added] == [("a", "list()"), ("b", "")]


def test_attributes_of_plain_classes_are_those_that_init_sets() -> None:
    """A value that depends on an argument is none for a state that was made long ago."""
    old = "class Order:\n    def __init__(self, item):\n        self.item = item\n" + CART
    new = (
        "class Order:\n    def __init__(self, item, region, rate=3):\n        self.item = item\n"
        "        self.seen = []\n        self.region = region\n        self.rate = rate\n" + CART
    )
    (found,) = changes(old, new)
    assert found.added == (FieldFacts("seen", "", "[]"), FieldFacts("region"), FieldFacts("rate", "", "3"))
    assert found.required == ("region",)


def test_enums_lose_members_and_need_none() -> None:
    """A state that has a member that is gone cannot go on with it."""
    old = "class Order(enum.Enum):\n    OPEN = 1\n    SHUT = 2\n" + CART
    (found,) = changes(old, old.replace("SHUT", "CLOSED"))
    assert (found.added, found.removed) == ((), ("SHUT",))


def test_renames_are_taken_from_the_hint() -> None:
    """`@otpy.renamed` tells a rename from a removal."""
    old = KINDS["dataclass"].format("euros: int")
    new = old.replace("euros", "amount").replace("@dataclass", "@otpy.renamed(fields={'euros': 'amount'})\n@dataclass")
    (found,) = changes(old, new)
    assert (found.renamed, found.added, found.removed) == ((("euros", "amount"),), (), ())
    renamed = new.replace("Order", "Purchase").replace("renamed(", "renamed('Order', ")
    assert [(c.type, c.renamed) for c in changes(old, renamed)] == [("shop.Purchase", (("euros", "amount"),))]


@pytest.mark.parametrize(
    ("declared", "always"),
    [("Order", True), ("list[Order]", False), ("Order | None", False), ("'dict[str, Order]'", False), ("Outer", False)],
)
def test_states_may_hold_classes_at_any_depth(declared: str, *, always: bool) -> None:
    """Only a state that is one itself is certain to be concerned."""
    head = f"@dataclass\nclass Outer:\n    orders: 'list[Order]'\nclass Cart(otpy.GenServer[{declared}]): ...\n"
    old = "@dataclass\nclass Order:\n    item: str\n" + head
    new = "@dataclass\nclass Order:\n    item: str\n    euros: int\n" + head
    assert [(c.type, c.always) for c in changes(old, new)] == [("shop.Order", always)]


def test_annotation_of_the_state_argument_declares_it_too() -> None:
    """For a GenServer without brackets."""
    cart = "class Cart(otpy.GenServer):\n    def handle_cast(self, request, state: Order): ...\n"
    old = "@dataclass\nclass Order:\n    item: str\n" + cart
    assert [c.type for c in changes(old, old.replace("item", "name"))] == ["shop.Order"]
    undeclared = old.replace(": Order", "")
    assert changes(undeclared, undeclared.replace("item", "name")) == ()


def test_classes_of_other_modules_are_followed_through_their_imports() -> None:
    """The behaviour is in a module that stays as it is."""
    shop = ast.parse("import otpy\nfrom .models import Order as O\nclass Cart(otpy.GenServer[O]): ...")
    models = "from dataclasses import dataclass\n@dataclass\nclass Order:\n    item: str\n"
    old = {"shop.cart": shop, "shop.models": ast.parse(models)}
    new = {"shop.cart": shop, "shop.models": ast.parse(models + "    n: int = 1\n")}
    (found,) = state_changes([("shop.cart", "Cart")], old=old, new=new)
    assert str(found) == "shop.models.Order gets n = 1"


def test_a_change_prints_itself() -> None:
    """As the plan shows it."""
    shape = ShapeChange(
        type="shop.Order",
        added=(FieldFacts("currency", "str", "'EUR'"), FieldFacts("region", "str")),
        removed=("old",),
        renamed=(("a", "b"),),
        retyped=(("n", "int", "float"),),
    )
    assert str(shape) == (
        "shop.Order gets currency = 'EUR', needs region, which has no default, loses old, has b for a, n: int -> float"
    )


def test_code_changes_versions_and_steps_are_read_from_the_text() -> None:
    """A plan says how states get from one version to the next."""
    text = """
    import otpy
    from otpy import migration as step

    class Base:
        __vsn__ = "7"
        def code_change(self, old_vsn, state, extra): ...

    class Cart(Base): ...
    class Other: ...

    @step(Cart, old="1", new="2")
    def in_cents(state): ...

    @otpy.migration(Cart, old="2", new="3")
    def with_region(state): ...

    @otpy.something(Cart, old="3", new="4")
    def no_step(state): ...
    """
    trees = {"shop": ast.parse(textwrap.dedent(text))}
    cart = [("shop", "Cart"), ("shop", "Base")]
    assert has_code_change(cart, trees)
    assert not has_code_change([("shop", "Other")], trees)
    assert class_vsn(cart, trees) == "7"
    assert class_vsn([("shop", "Other"), ("elsewhere", "X")], trees) == ""
    assert steps_in(trees) == (
        StepFacts("shop.Cart", "1", "2", "shop.in_cents"),
        StepFacts("shop.Cart", "2", "3", "shop.with_region"),
    )
