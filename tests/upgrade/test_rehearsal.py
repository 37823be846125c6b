"""A rehearsal sees the whole program as it will be, and leaves all of it as it is."""

from __future__ import annotations

import gc
import sys
import textwrap
from typing import Final

import pytest

import otpy
from otpy import upgrade
from tests.support import inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import BROKEN, V1, V2, source
from tests.upgrade.walking import all_of

# -- what it sees ------------------------------------------------------------------------------------


@inside
def test_a_class_that_only_inherits_is_rehearsed(module: Make) -> None:
    """Its states are converted by what it inherits, so what is wrong with that is found out before anybody rests."""
    module("m_counter", V1)
    loud = module("m_loud", "from m_counter import Counter\n\nclass Loud(Counter):\n    pass\n")
    pids = [loud.Loud.start(n) for n in range(3)]
    with pytest.raises(otpy.RehearsalFailed, match="cannot read that") as refused:
        upgrade.reload_module("m_counter", BROKEN)
    assert [p.partition(":")[0] for p in refused.value.problems] == [f"{pid!r}" for pid in pids]
    assert refused.value.report.affected_processes == ()
    report = upgrade.reload_module("m_counter", V2)
    assert report.rehearsal is not None
    assert [(each.behaviour, each.tried) for each in report.rehearsal.behaviours] == [("m_loud.Loud", 3)]
    assert otpy.call(pids[2], "n") == ("v2", 2)


@inside
def test_a_class_that_inherits_its_fields_is_rehearsed(module: Make) -> None:
    """An instance of a subclass lacks what the `__init__` of the edited class adds."""
    item = "class Item:\n    def __init__(self, n):\n        self.n = n\n"
    module("r_base", item)
    pid = module("r_keeper", KEEPER).Keeper.start(1)
    with pytest.raises(otpy.RehearsalFailed, match=r"r_keeper\.Special has a new field 'price' without a default"):
        upgrade.reload_module("r_base", item + "        self.price = ask(n)\n")
    assert otpy.call(pid, "show") == {"n": 1}
    report = upgrade.reload_module("r_base", item + "        self.price = 5\n")
    assert report.rehearsal is not None
    assert [each.filled for each in report.rehearsal.behaviours] == [{"r_keeper.Special": ("price",)}]
    assert otpy.call(pid, "show") == {"n": 1, "price": 5}


KEEPER: Final = source("""
    import otpy
    from r_base import Item

    class Special(Item):
        pass

    class Keeper(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(Special(arg))

        def handle_call(self, request, from_, state):
            return otpy.Reply(vars(state), state)
""")


UNITS: Final = source("""
    FACTOR = 1

    class Unit:
        def __init__(self, n):
            self.n = n

    def factor():
        return FACTOR
""")
PRICES: Final = source("""
    import functools
    import r_units
    from r_units import Unit, factor

    def price(n):
        return n * factor()

    @functools.cache
    def cached(n):
        return price(n)

    def unit(n):
        from r_units import Unit as Here
        assert Here is Unit is r_units.Unit
        return Unit(n)

    TABLE = {"price": price, "unit": unit}

    class Pricing:
        one = staticmethod(price)

        @classmethod
        def two(cls, n):
            return cls().three + price(n)

        @functools.cached_property
        def three(self):
            return factor()
""")
TILL: Final = source("""
    import otpy, r_prices
    from r_prices import price, TABLE, Pricing

    class Till(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)

        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)
""")
ASKS: Final = source("""
    def code_change(self, old_vsn, state, extra):
        seen = [price(1), r_prices.price(1), TABLE["price"](1), Pricing.one(1), Pricing.two(0), Pricing().three]
        seen += [r_prices.cached(1), TABLE["unit"](1).n, r_prices.Unit(1).n, (lambda: price(1))()]
        class Local:
            also = price(1)
        if {*seen, Local.also} != {100}:
            raise ValueError(f"saw what was: {seen}")
        return otpy.Ok(state)
""")


@inside
def test_unchanged_functions_of_all_modules_see_what_will_be(module: Make) -> None:
    """However they are reached: a name, a table, a method, a cache, an import inside a function."""
    for name, text in (("r_units", UNITS), ("r_prices", PRICES), ("r_till", TILL)):
        module(name, text)
    pid = sys.modules["r_till"].Till.start(1)
    units = UNITS.replace("FACTOR = 1", "FACTOR = 100").replace("self.n = n", "self.n = n * FACTOR")
    report = upgrade.reload_modules({"r_units": units, "r_till": TILL + textwrap.indent(ASKS, "    ")})
    assert report.rehearsal is not None
    assert [each.tried for each in report.rehearsal.behaviours] == [1]
    assert otpy.call(pid, "?") == 1


@inside
def test_what_the_program_has_made_of_a_class_is_there(module: Make) -> None:
    """A registry in a class keeps its entries when the class is edited, so the rehearsal finds them too."""
    text = V1.replace("def init(", "known = {}\n    name = None\n\n    def init(")
    counter = module("m_counter", text)
    counter.Counter.start(1)
    counter.Counter.known["n"] = 5
    counter.Counter.name = "here"
    counter.Counter.more = 1
    asks = "return otpy.Ok({**state, 'n': (self.known['n'], type(self).name, self.more)})"
    new = text.replace('"1"', '"2"') + f"\n    def code_change(self, old_vsn, state, extra):\n        {asks}\n"
    report = upgrade.reload_module("m_counter", new)
    assert report.rehearsal is not None
    assert [each.tried for each in report.rehearsal.behaviours] == [1]


@inside
def test_children_with_instances_as_arguments_are_the_same_children(module: Make) -> None:
    """The specs of before are compared with those of the mirror, in which their classes are others."""
    module("m_counter", V1)
    text = source("""
        import dataclasses, otpy
        from m_counter import Counter

        @dataclasses.dataclass
        class Start:
            n: int

        class Top(otpy.Supervisor):
            def init(self, arg):
                return otpy.SupFlags(), [Counter.child_spec(Start(n), id=n) for n in range(2)]
    """)
    module("m_top", text).Top.start_link(None, name="top")
    plan = upgrade.plan({"m_top": text.replace("range(2)", "range(3)").replace("n: int", "n: int\n    m: int = 0")})
    assert [(child.id, child.action) for each in plan.supervisors for child in each.children] == [("2", "add")]


# -- what it leaves as it is ---------------------------------------------------------------------------

WORLD: Final = source("""
    import abc, collections, dataclasses, enum, functools, threading, types, weakref
    import attrs, msgspec

    PLUGINS, LOG, COUNTS = {}, [], collections.defaultdict(list)
    QUEUE, NAMES, total = collections.deque([1]), {"a"}, 0
    LOCK, WEAK = threading.Lock(), weakref.WeakKeyDictionary()
    SPACE, CHAIN, ALIVE = types.SimpleNamespace(n=1), collections.ChainMap({}), weakref.WeakSet()

    def register(function):
        PLUGINS[function.__name__] = function
        return function

    @register
    def plugin():
        LOG.append("plugin")

    class Meta(type):
        made = []

        def __new__(meta, name, bases, names):
            meta.made.append(name)
            return super().__new__(meta, name, bases, names)

    class Base(metaclass=Meta):
        known, n = [], 0

        def __init_subclass__(cls, **kw):
            Base.known.append(cls)

        def grow(self):
            Base.n += 1
            self.known.append(1)

    class Derived(Base):
        def grow(self):
            super().grow()
            __class__.n = 5

    class Color(enum.Enum):
        RED = 1

    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): ...

    @Shape.register
    class Square:
        pass

    @dataclasses.dataclass(slots=True)
    class Slotted:
        items: list = dataclasses.field(default_factory=list)

    @attrs.define
    class Cart:
        slotted: Slotted = attrs.field(factory=Slotted, validator=attrs.validators.instance_of(Slotted))

    @dataclasses.dataclass
    class Settings:
        limit: int = 1
        inner: Slotted = dataclasses.field(default_factory=Slotted)

        @property
        def double(self):
            return self.limit * 2

        @double.setter
        def double(self, n):
            self.limit = n // 2

    class Point(msgspec.Struct):
        tags: list

    SETTINGS, POINT = Settings(), Point([])

    @functools.singledispatch
    def told(x):
        return "any"

    @told.register
    def _(x: int):
        return "int"

    @told.register
    def _(x: Square):
        return "square"

    class Teller:
        @functools.singledispatchmethod
        def tell(self, x):
            return "any"

        @tell.register
        def _(self, x: Square):
            return "square"

    @functools.lru_cache
    def cached(n):
        return [n]

    def counting():
        n = 0
        def more():
            nonlocal n
            n += 1
            return n
        return more

    more = counting()

    def with_default(seen=[]):
        seen.append(1)

    def save():
        open("nowhere/x", "w")

    def fork():
        threading.Thread(target=print).start()

    def patch():
        global LOG, SPACE
        Base.n, LOG, Base.grow = 7, None, None
        Base.known.clear()
        del SPACE
        globals()["more_of_it"] = 1

    def aliased():
        import r_world as me
        before = set(dir(me))
        me.NEW, vars(me)["NEWER"] = 1, 2
        del me.LOG, me.NEWER
        assert vars(me) is globals() and me.__name__ == __name__ and not hasattr(me, "LOG")
        assert vars(me).get("plugin") is plugin and dict(globals())["plugin"] is plugin and "LOG" not in globals()
        assert plugin in vars(me).values() and ("plugin", plugin) in globals().items() and "plugin" in [*globals()]
        return before ^ set(dir(me))

    def add():
        global total
        total += 1
        return total
""")
PROGRAM: Final = source("""
    import typing
    import otpy, r_world
    from r_world import *

    T = typing.TypeVar("T")
    LOCAL = []

    class Box(typing.Generic[T]):
        boxes = []

        def __init__(self, n):
            self.n = n
            type(self).boxes.append(n)

    class Prog(otpy.GenServer):
        seen = []

        def init(self, arg):
            return otpy.Ok({"n": arg, "box": Box(1), "slotted": Slotted([1]), "color": Color.RED, "told": told})

        def handle_call(self, request, from_, state):
            return otpy.Reply(state["n"], state)
""")
DOES: Final = {
    "nothing": "",
    "globals of an unchanged module": "add(); LOG.append(1); r_world.LOG.append(2); COUNTS['a'].append(1); patch()",
    "containers": "QUEUE.append(2); NAMES.add('b'); PLUGINS.clear(); LOCAL.append(1); WEAK[Derived()] = 1",
    "a module as an object": "assert r_world.aliased() == {'LOG', 'NEW'}",
    "registering": "register(lambda: 0); register(plugin); plugin()",
    "class attributes": "type(self).seen.append(1); Prog.extra = 1; Derived().grow(); patch()",
    "a subclass": "class More(Base): pass\n    assert More in Base.known and Meta.made[-1] == 'More'",
    "a subclass of a subclass": "class M(Derived): pass\n    assert M in Base.known and Derived.__bases__ == (Base,)",
    "what a library holds": "SPACE.n = 2; CHAIN['a'] = 1; KEEP = Derived(); ALIVE.add(KEEP); assert KEEP in ALIVE",
    "a singleton": "SETTINGS.limit = 5; SETTINGS.double = 8; SETTINGS.inner.items.append(1)",
    "factories and validators": "Cart(Slotted()).slotted = Slotted([2]); assert type(Cart().slotted) is Slotted",
    "a struct": "POINT.tags.append(1); POINT.tags = 1",
    "the state": "state['box'].n = 7; state['slotted'].items.append(2); state.clear(); Box[int](4)",
    "enumerations": "assert state['color'] is Color.RED and Color(1) is Color.RED",
    "dispatch": "told.register(str, len); assert [told('a'), told(1), state['told'](1)] == [1, 'int', 'int']",
    "dispatch by classes": "assert told(Square()) == 'square' == Teller().tell(Square()) and Teller().tell(1) == 'any'",
    "an abstract class": "assert issubclass(Square, Shape) and isinstance(Square(), Shape); Shape.register(Box)",
    "caches": "assert cached(1) == [1]; cached(1).append(2); cached.cache_clear()",
    "closures and defaults": "assert more() == 1; with_default(); more.tag = 1; with_default.__defaults__ = ()",
    "imports": "import r_world as w; from r_world import LOG as log; log.append(1); w.SETTINGS.limit = 6",
    "sending": "otpy.send(otpy.self_pid(), 'x')",
    "starting": "Prog.start(1)",
    "a name": "otpy.register('me', otpy.self_pid())",
    "calling": "otpy.call(otpy.self_pid(), 'n')",
    "a thread": "fork()",
    "a file": "save()",
}


@pytest.mark.parametrize("does", DOES.values(), ids=DOES.keys())
@inside
def test_a_rehearsal_that_fails_leaves_every_object_as_it_was(module: Make, does: str) -> None:
    """Whatever its code does: it works in a mirror, and what it asks of otpy and of the world is refused."""
    world, program = module("r_world", WORLD), module("r_program", PROGRAM)
    pid = program.Prog.start(3)
    before = all_of(world, program, otpy.sys.get_state(pid))
    code_change = f"\ndef code_change(self, old_vsn, state, extra):\n    {does}\n    raise ValueError('over')\n"
    with pytest.raises(otpy.RehearsalFailed) as refused:
        upgrade.reload_module("r_program", PROGRAM + textwrap.indent(code_change, "    "))
    asks = "EffectRefused" in str(refused.value)
    assert asks == (does in list(DOES.values())[-6:]), refused.value
    assert asks or "ValueError: over" in str(refused.value), refused.value
    assert all_of(world, program, otpy.sys.get_state(pid)) == before
    assert world.told("a") == "any"
    assert (world.SPACE.n, dict(world.CHAIN), len(world.ALIVE)) == (1, {}, 0)
    assert otpy.call(pid, "?") == 3


@inside
def test_going_back_is_rehearsed_in_a_mirror_too(module: Make) -> None:
    """It is the running class that converts then, and what it does is done to a mirror of what runs."""
    lines = """
        def code_change(self, old_vsn, state, extra):
            LOG.append(old_vsn)
            Point.made += 1
            state["point"].n = 7
            if WRONG:
                raise ValueError("over")
            return otpy.Ok({**state, "point": Point(6)})
    """
    text = source("""
        import otpy

        __vsn__ = "1"
        LOG, WRONG = [], []

        class Point:
            made = 0

            def __init__(self, n):
                self.n = n

        class Keeper(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok({"point": Point(arg)})

            def handle_call(self, request, from_, state):
                return otpy.Reply((state["point"].n, type(state["point"]) is Point), state)
    """)
    keeper = module("r_keeper", text)
    pid = keeper.Keeper.start(1)
    upgrade.reload_module("r_keeper", text.replace('"1"', '"2"') + textwrap.indent(textwrap.dedent(lines), "    "))
    keeper.LOG.clear()
    keeper.Point.made = 0
    keeper.WRONG.append(1)
    before = all_of(keeper, otpy.sys.get_state(pid))
    with pytest.raises(otpy.RehearsalFailed, match="ValueError: over"):
        upgrade.rollback_module("r_keeper")
    assert all_of(keeper, otpy.sys.get_state(pid)) == before
    keeper.WRONG.clear()
    report = upgrade.rollback_module("r_keeper")
    assert report.rehearsal is not None
    assert [each.tried for each in report.rehearsal.behaviours] == [1]
    assert otpy.call(pid, "?") == (6, True)
    assert len(keeper.LOG) == 1


@inside
def test_what_it_makes_is_given_back(module: Make) -> None:
    """No function, class or copy of a rehearsal lives on: a node that is upgraded every day would grow."""
    counter = module("m_counter", V1)
    counter.Counter.start(1)
    gc.collect()
    before = set(type.__subclasses__(otpy.GenServer))
    with pytest.raises(otpy.RehearsalFailed) as refused:
        upgrade.reload_module("m_counter", BROKEN)
    del refused
    gc.collect()
    assert set(type.__subclasses__(otpy.GenServer)) <= before


@inside
def test_it_costs_what_it_looks_at(module: Make) -> None:
    """Classes and values that no conversion comes near are not mirrored: their number is no matter."""
    many = "\n".join(f"class C{n}:\n    def m(self):\n        return C{n}\n" for n in range(1000))
    module("r_many", many + "\nDATA = [[n] for n in range(500_000)]\n")
    server = module("m_counter", V1 + "\nimport r_many\nfrom r_many import *\n")
    server.Counter.start(1)
    report = upgrade.reload_module("m_counter", V2 + "\nimport r_many\nfrom r_many import *\n")
    assert next(step.seconds for step in report.steps if step.name == "rehearse") < LITTLE


LITTLE: Final = 0.2
"""Seconds; to mirror all of them takes several times as many, on any machine."""


STRUCT: Final = """
import enum
import msgspec
import otpy

class Item:
    def __init__(self, n):
        self.n = n

class Kind(enum.Enum):
    FULL = "full"

class Box(msgspec.Struct):
    items: list
    kind: Kind = Kind.FULL

    def total(self):
        return sum(each.n for each in self.items if isinstance(each, Item))

class Boxes(otpy.GenServer):
    def init(self, arg):
        return otpy.Ok(Box([Item(1), Item(2)]))

    def handle_call(self, request, from_, state):
        return otpy.Reply(state.total(), state)
"""
STRUCT_CHANGED: Final = STRUCT.replace("self.n = n", "self.n = n\n        self.size = 1") + textwrap.indent(
    """
def code_change(self, old_vsn, state, extra):
    if state.total() != 3:
        raise ValueError(state.total())
    for each in state.items:
        each.size = 2
    return otpy.Ok(state)
""",
    "    ",
)


@inside
def test_what_the_mirror_cannot_judge_the_upgrade_itself_does(module: Make) -> None:
    """The methods of a struct work with live classes, of which nothing in a mirror is an instance."""
    pid = module("r_struct", STRUCT).Boxes.start()
    report = upgrade.reload_module("r_struct", STRUCT_CHANGED)
    assert [each.size for each in otpy.sys.get_state(pid).items] == [2, 2]
    assert otpy.call(pid, "total") == 3
    (doubt,) = [each for each in report.warnings if "cannot judge" in each]
    assert "ValueError: 0" in doubt
    assert "r_struct.Box" in doubt
    assert "Kind" not in doubt, "an enumeration that works with nothing else is no reason to doubt"


@inside
def test_what_the_mirror_cannot_judge_and_is_wrong_is_taken_back(module: Make) -> None:
    """The upgrade converts copies too."""
    pid = module("r_struct", STRUCT).Boxes.start()
    with pytest.raises(otpy.MigrationFailed) as failed:
        upgrade.reload_module("r_struct", STRUCT_CHANGED.replace("!= 3", "!= 4"))
    assert not isinstance(failed.value, otpy.RehearsalFailed)
    assert "ValueError: 3" in str(failed.value)
    assert otpy.call(pid, "total") == 3
    assert not hasattr(otpy.sys.get_state(pid).items[0], "size")


@inside
def test_without_a_reason_to_doubt_the_rehearsal_refuses(module: Make) -> None:
    """Whether a class has no counterpart matters only if its methods, its types or its defaults name others."""
    plain = STRUCT.replace("if isinstance(each, Item)", "").replace("kind: Kind = Kind.FULL", "kind: str = ''")
    pid = module("r_struct", plain).Boxes.start()
    changed = STRUCT_CHANGED.replace("if isinstance(each, Item)", "").replace(
        "kind: Kind = Kind.FULL", "kind: str = ''"
    )
    with pytest.raises(otpy.RehearsalFailed):
        upgrade.reload_module("r_struct", changed.replace("!= 3", "!= 4"))
    assert otpy.call(pid, "total") == 3


PAST: Final = {
    "pickle": "item = pickle.loads(pickle.dumps(state.item))",
    "get_type_hints": "assert isinstance(state.item, get_type_hints(Box)['item'])",
    "__subclasses__": "assert len(Part.__subclasses__()) == 2",
}
"""What a code_change may do that is right, and fails in a mirror."""

PARTS: Final = source("""
    import pickle
    from dataclasses import dataclass
    from typing import get_type_hints
    import otpy

    class Part:
        pass

    @dataclass
    class Item(Part):
        n: int

    class Other(Part):
        pass

    @dataclass
    class Box:
        item: Item

    class Boxes(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(Box(Item(1)))

        def handle_call(self, request, from_, state):
            return otpy.Reply(vars(state.item), state)
""")
PARTS_CHANGED: Final = PARTS.replace("n: int", "n: int\n    size: int = 7")


def converted_by(text: str) -> str:
    """Return the new version, whose code_change does *text* before all else."""
    change = f"\n    def code_change(self, old_vsn, state, extra):\n        {text}\n        return otpy.Ok(state)\n"
    return PARTS_CHANGED + change


@pytest.mark.parametrize("name", PAST)
@inside
def test_what_looks_past_the_mirror_is_left_to_the_upgrade_itself(module: Make, name: str) -> None:
    """It finds live classes, of which nothing in a mirror is an instance."""
    pid = module("r_parts", PARTS).Boxes.start()
    report = upgrade.reload_module("r_parts", converted_by(PAST[name]), allow_dangerous=True)
    assert otpy.call(pid, "item") == {"n": 1, "size": 7}
    (doubt,) = [each for each in report.warnings if "cannot judge" in each]
    assert f"r_parts.Boxes.code_change uses {name}, which finds the live classes" in doubt


@inside
def test_what_looks_past_the_mirror_and_is_wrong_is_taken_back(module: Make) -> None:
    """The upgrade finds out by itself."""
    pid = module("r_parts", PARTS).Boxes.start()
    wrong = converted_by("assert get_type_hints(Item)['n'] is str")
    with pytest.raises(otpy.MigrationFailed) as failed:
        upgrade.reload_module("r_parts", wrong)
    assert not isinstance(failed.value, otpy.RehearsalFailed)
    assert otpy.call(pid, "item") == {"n": 1}


@inside
def test_an_error_that_has_nothing_to_do_with_it_refuses(module: Make) -> None:
    """That the module uses pickle elsewhere is no reason to doubt."""
    uses = "\n\ndef save(value):\n    return pickle.dumps(value)\n"
    pid = module("r_parts", PARTS + uses).Boxes.start()
    with pytest.raises(otpy.RehearsalFailed, match="division"):
        upgrade.reload_module("r_parts", converted_by("1 / 0") + uses, allow_dangerous=True)
    assert otpy.call(pid, "item") == {"n": 1}
