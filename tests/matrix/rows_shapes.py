"""Rows of enums, and of edits after which instances have another shape."""

from __future__ import annotations

from typing import Final

import otpy
from tests.matrix.row import Actors, Case, Look, Make, Modules, Refusal, Row, Things, edited, text

# -- enums

COLOR: Final = text("""
    import enum

    RATE = 1

    class Color(enum.Enum):
        RED = 1
        GREEN = 2
        SCARLET = 1

    class Right(enum.Flag):
        READ = 1
        WRITE = 2

    def paint():
        return Color.RED, RATE
""")


def _colors(modules: Modules) -> Things:
    m = modules.m
    return {"red": m.Color.RED, "by color": {m.Color.GREEN: "go"}, "both": m.Right.READ | m.Right.WRITE}


def _members_stay(modules: Modules, things: Things) -> None:
    m = modules.m
    assert things["red"] is m.Color.RED is m.Color.SCARLET is m.Color(1) is m.Color["RED"]
    assert things["by color"][m.Color.GREEN] == "go"
    assert things["both"] is m.Right.READ | m.Right.WRITE
    assert isinstance(things["red"], m.Color)


def _unrelated(modules: Modules, things: Things) -> None:
    _members_stay(modules, things)
    assert modules.m.paint() == (things["red"], 2)
    assert list(modules.m.Color) == [modules.m.Color.RED, modules.m.Color.GREEN]


def _method_of_enum(modules: Modules, things: Things) -> None:
    _members_stay(modules, things)
    assert things["red"].shout() == "RED!"


def _member_added(modules: Modules, things: Things) -> None:
    m = modules.m
    _members_stay(modules, things)
    assert list(m.Color) == [m.Color.RED, m.Color.GREEN, m.Color.BLUE]
    assert m.Color.BLUE is m.Color(3) is m.Color["BLUE"] is type(things["red"]).BLUE
    assert isinstance(m.Color.BLUE, m.Color)


def _flag_added(modules: Modules, things: Things) -> None:
    m = modules.m
    _members_stay(modules, things)
    assert list(m.Right) == [m.Right.READ, m.Right.WRITE, m.Right.OWN]
    assert m.Right(5) == m.Right.OWN | m.Right.READ
    assert things["both"] not in m.Right.OWN


# -- dataclasses

ITEM: Final = text("""
    from dataclasses import dataclass, field

    @dataclass
    class Item:
        name: str

    @dataclass(frozen=True)
    class Coin:
        cents: int

    @dataclass
    class Bag:
        owner: str
""")


def _items(modules: Modules) -> Things:
    m = modules.m
    return {"item": m.Item("tea"), "coin": m.Coin(5), "by coin": {m.Coin(5): "five"}}


def _field_added(modules: Modules, things: Things) -> None:
    m, item = modules.m, things["item"]
    assert item.price == 5
    assert repr(item) == "Item(name='tea', price=5)"
    assert item == m.Item("tea")
    assert item != m.Item("tea", 6)


def _frozen_field_added(modules: Modules, things: Things) -> None:
    m, coin = modules.m, things["coin"]
    assert coin.currency == "EUR"
    assert repr(coin) == "Coin(cents=5, currency='EUR')"
    assert coin == m.Coin(5)
    assert coin != m.Coin(5, "USD")
    assert hash(coin) == hash(m.Coin(5))


def _bags(modules: Modules) -> Things:
    return {"bag": modules.m.Bag("ann")}


def _new_bags_have_tags(modules: Modules, things: Things) -> None:
    assert modules.m.Bag("bob").tags == []
    assert isinstance(things["bag"], modules.m.Bag)


def _bag_has_tags(modules: Modules, things: Things) -> None:
    assert things["bag"] == modules.m.Bag("ann", [])
    assert things["bag"].tags is not modules.m.Bag("bob").tags


# -- __init__, __slots__, bases

CART: Final = text("""
    class Cart:
        def __init__(self, items, owner="ann"):
            self.items = items

        def total(self):
            return sum(self.items)

    class Point:
        def __init__(self, x):
            self.x = x

        def where(self):
            return ("at", self.x)

    class Pixel:
        __slots__ = ("x",)

        def __init__(self, x):
            self.x = x

    class Plain:
        kind = "plain"

    class Rich:
        kind = "rich"

        def hello(self):
            return "hello"

    class Dish(Plain):
        def __init__(self, name):
            self.name = name

    class Cup:
        def __init__(self, name):
            self.name = name
""")


def _carts(modules: Modules) -> Things:
    return {"cart": modules.m.Cart([1, 2])}


def _one_class(modules: Modules, things: Things) -> None:
    assert type(things["cart"]) is modules.m.Cart
    assert things["cart"].total() == 3


def _cart_has_coupons(modules: Modules, things: Things) -> None:
    _one_class(modules, things)
    assert things["cart"].coupons == []
    assert things["cart"].coupons is not modules.m.Cart([]).coupons


def _points(modules: Modules) -> Things:
    return {"point": modules.m.Point(1), "pixel": modules.m.Pixel(2)}


def _strays_stay(modules: Modules, things: Things) -> None:
    assert things["point"].where() == ("at", 1)
    assert things["pixel"].x == 2


def _point_has_slots(modules: Modules, things: Things) -> None:
    assert type(things["point"]) is modules.m.Point
    assert not hasattr(things["point"], "__dict__")
    assert (things["point"].where(), things["point"].y) == (("at", 1), 0)


def _pixel_has_more_slots(modules: Modules, things: Things) -> None:
    assert type(things["pixel"]) is modules.m.Pixel
    assert (things["pixel"].x, things["pixel"].y) == (2, 0)


def _dishes(modules: Modules) -> Things:
    return {"dish": modules.m.Dish("soup"), "cup": modules.m.Cup("tea")}


def _dish_is_rich(modules: Modules, things: Things) -> None:
    dish = things["dish"]
    assert type(dish) is modules.m.Dish
    assert isinstance(dish, modules.m.Rich)
    assert not isinstance(dish, modules.m.Plain)
    assert (dish.name, dish.kind, dish.hello()) == ("soup", "rich", "hello")


def _cup_stays(modules: Modules, things: Things) -> None:
    assert things["cup"].name == "tea"
    assert isinstance(modules.m.Cup("new"), modules.m.Rich)


def _cup_is_rich(modules: Modules, things: Things) -> None:
    cup = things["cup"]
    assert type(cup) is modules.m.Cup
    assert isinstance(cup, modules.m.Rich)
    assert (cup.name, cup.hello()) == ("tea", "hello")


# -- the rows


def _case(
    source: str,
    edit: tuple[str, str],
    make: Make,
    look: Look,
    *,
    what: str = "",
    warned: str = "",
    actors: Actors | None = None,
) -> Case:
    return Case(
        what=what,
        before={"m": source},
        after={"m": edited(source, *edit)},
        make=make,
        look=look,
        warned=warned,
        actors=actors or Actors(),
    )


SETS: Final = "self.items = items\n"
POINT: Final = "    def __init__(self, x):\n        self.x = x\n"
SLOTTED: Final = f'    __slots__ = ("x", "y")\n\n{POINT}        self.y = 0\n'

ROWS: Final = (
    Row(
        10,
        "enum: unrelated edit",
        "members keep identity",
        (
            _case(COLOR, ("RATE = 1", "RATE = 2"), _colors, _unrelated),
            _case(
                COLOR,
                ("    GREEN = 2\n", '    GREEN = 2\n\n    def shout(self):\n        return self.name + "!"\n\n'),
                _colors,
                _method_of_enum,
                what="a method added to the enum",
            ),
        ),
    ),
    Row(
        11,
        "enum: member added",
        "members keep identity, the new member is there",
        (
            _case(COLOR, ("    GREEN = 2\n", "    GREEN = 2\n    BLUE = 3\n"), _colors, _member_added),
            _case(COLOR, ("    WRITE = 2\n", "    WRITE = 2\n    OWN = 4\n"), _colors, _flag_added, what="of a flag"),
        ),
    ),
    Row(
        12,
        "dataclass field added with default",
        "old instances have it, repr and eq are new",
        (
            _case(ITEM, ("    name: str\n", "    name: str\n    price: int = 5\n"), _items, _field_added),
            _case(
                ITEM,
                ("    cents: int\n", '    cents: int\n    currency: str = "EUR"\n'),
                _items,
                _frozen_field_added,
                what="frozen",
            ),
            _case(
                ITEM,
                ("    owner: str\n", "    owner: str\n    tags: list = field(default_factory=list)\n"),
                _bags,
                _new_bags_have_tags,
                what="with a default_factory",
                actors=Actors(look=_bag_has_tags),
            ),
        ),
    ),
    Row(
        13,
        "`__init__` sets a new attribute",
        "state migrated where the default can be derived, else refused in the plan with the attribute named",
        (
            _case(
                CART,
                (SETS, f"{SETS}        self.coupons = []\n"),
                _carts,
                _one_class,
                what="the default can be derived",
                actors=Actors(look=_cart_has_coupons),
            ),
            _case(
                CART,
                (
                    f'items, owner="ann"):\n        {SETS}',
                    f"items, owner):\n        {SETS}        self.owner = owner\n",
                ),
                _carts,
                _one_class,
                what="it cannot",
                actors=Actors(refused=Refusal(otpy.UpgradeError, "owner")),
            ),
        ),
    ),
    Row(
        14,
        "`__slots__` added",
        "instances in states migrated; strays outside actors reported",
        (
            _case(
                CART,
                (f"{POINT}\n    def where", f"{SLOTTED}\n    def where"),
                _points,
                _strays_stay,
                warned=r"Point",
                actors=Actors(look=_point_has_slots),
            ),
            _case(
                CART,
                (f'    __slots__ = ("x",)\n\n{POINT}', SLOTTED),
                _points,
                _strays_stay,
                what="one more slot",
                warned=r"Pixel",
                actors=Actors(look=_pixel_has_more_slots),
            ),
        ),
    ),
    Row(
        28,
        "base class changed",
        "instances in states migrated; strays outside actors reported",
        (
            _case(
                CART, ("class Dish(Plain):", "class Dish(Rich):"), _dishes, _dish_is_rich, what="the layout allows it"
            ),
            _case(
                CART,
                ("class Cup:", "class Cup(Rich):"),
                _dishes,
                _cup_stays,
                what="it does not",
                warned=r"Cup",
                actors=Actors(look=_cup_is_rich),
            ),
        ),
    ),
)
