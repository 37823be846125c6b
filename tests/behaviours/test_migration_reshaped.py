"""Instances of classes that were edited in place: they get the fields of the class as it is now, on copies.

The class is the same object before and after, so the shape that it had is taken before the edit.
"""

# ruff: noqa: E501 - a case is easiest to read on one line

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from otpy.behaviours.migrations import Migration, Report, copy_state, difference, shape_of, shapes_of
from otpy.errors import MigrationFailed
from tests.behaviours.migration_kit import edit, everything, forget_kinds, module_of, picture


@pytest.fixture(autouse=True)
def kinds_module() -> Iterator[None]:
    """Leave no module `kinds` behind."""
    yield
    forget_kinds()


def edited(old: str, new: str, make: Callable[[Any], Any]) -> tuple[ModuleType, Any, Migration]:
    """Return the module after its classes were edited from *old* to *new*, a state from before, and the migration."""
    live = module_of(old)
    state = make(live)
    classes = [value for value in vars(live).values() if isinstance(value, type) and value.__module__ == "kinds"]
    before = shapes_of(classes)
    ghosts = module_of(new)
    for cls in classes:
        edit(cls, vars(ghosts)[cls.__name__])
    return live, state, Migration({}, before)


@dataclass
class Kind:
    """A class edited from *old* to *new*; a state made before, and what must hold of it afterwards."""

    name: str
    old: str
    new: str
    make: Callable[[Any], Any]
    check: Callable[[Any, Any], object]


def attributes(thing: object) -> dict[str, object]:
    """Return what *thing* itself has."""
    return vars(thing)


DATA = "@dataclass\nclass A:\n    x: int = 1\n    gone: str = 'g'\n"
DATA_NEW = "@dataclass\nclass A:\n    x: int = 1\n    added: int = 7\n    made: list = field(default_factory=list)\n"
FROZEN = "@dataclass(frozen=True)"
INIT_ONE = "class A:\n    def __init__(self, x):\n        self.x = x\n"
INIT_TWO = INIT_ONE + "        self.gone = [x]\n"
CHILD = "class B(A):\n    pass\n"

KINDS = [
    Kind("dataclass", DATA, DATA_NEW, lambda m: m.A(3), lambda s, m: attributes(s) == {"x": 3, "added": 7, "made": []}),
    Kind("dataclass, many", DATA, DATA_NEW, lambda m: [m.A(n) for n in range(100)], lambda s, m: s == [m.A(n, 7, []) for n in range(100)]),
    Kind("frozen dataclass as a key", DATA.replace("@dataclass", FROZEN), DATA_NEW.replace("@dataclass", FROZEN).replace("made: list = field(default_factory=list)", "made: int = 0"), lambda m: {m.A(3): [m.A(4)]}, lambda s, m: s == {m.A(3, 7): [m.A(4, 7)]}),
    Kind("dataclass that holds itself", "@dataclass\nclass A:\n    me: object = None\n", "@dataclass\nclass A:\n    me: object = None\n    n: int = 1\n", lambda m: _at_home(m.A()), lambda s, _: s.me is s and attributes(s)["n"] == 1),
    Kind("dataclass, keyword only", "@dataclass(kw_only=True)\nclass A:\n    x: int\n", "@dataclass(kw_only=True)\nclass A:\n    y: int = 2\n    x: int\n", lambda m: m.A(x=1), lambda s, m: s == m.A(x=1, y=2)),
    Kind("plain class whose __init__ sets one attribute more", "class A:\n    def __init__(self, x):\n        self.x = x\n", "class A:\n    def __init__(self, x):\n        self.x = x\n        self.log = []\n        self.n = 0\n", lambda m: [m.A(1), m.A(2)], lambda s, _: [attributes(a) for a in s] == [{"x": 1, "log": [], "n": 0}, {"x": 2, "log": [], "n": 0}] and s[0].log is not s[1].log),
    Kind("plain class whose __init__ sets one attribute less", INIT_TWO, INIT_ONE, lambda m: _with(m.A(1), seen=3), lambda s, _: attributes(s) == {"x": 1, "seen": 3}),
    Kind("plain class whose __init__ set it under a condition", "class A:\n    def __init__(self, x):\n        self.x = x\n        if x:\n            self.gone, self.n = 1, 2\n", INIT_ONE + "        self.n = 0\n", lambda m: [m.A(1), m.A(0)], lambda s, _: [attributes(a) for a in s] == [{"x": 1, "n": 2}, {"x": 0, "n": 0}]),
    Kind("plain class with a private attribute less", INIT_ONE + "        self.__gone = 1\n", INIT_ONE, lambda m: m.A(1), lambda s, _: attributes(s) == {"x": 1}),
    Kind("subclass whose base sets one attribute less", INIT_TWO + CHILD, INIT_ONE + CHILD, lambda m: m.B(1), lambda s, _: attributes(s) == {"x": 1}),
    Kind("metaclass", "class M(type):\n    pass\n" + INIT_TWO.replace("A:", "A(metaclass=M):"), "class M(type):\n    n = 1\n" + INIT_ONE.replace("A:", "A(metaclass=M):"), lambda m: m.A(1), lambda s, _: attributes(s) == {"x": 1}),
    Kind("exception with one attribute less", INIT_TWO.replace("A:", "A(Exception):"), INIT_ONE.replace("A:", "A(Exception):"), lambda m: m.A(1), lambda s, _: attributes(s) == {"x": 1}),
    Kind("subclass that inherits it", "class A:\n    def __init__(self, x):\n        self.x = x\n" + CHILD, "class A:\n    def __init__(self, x):\n        self.x = x\n        self.n = 0\n" + CHILD, lambda m: m.B(1), lambda s, m: type(s) is m.B and attributes(s) == {"x": 1, "n": 0}),
    Kind("attribute that has become a property", "class A:\n    def __init__(self): self.x, self.twice = 2, 4\n", "class A:\n    @property\n    def twice(self): return self.x * 2\n", lambda m: m.A(), lambda s, _: s.twice == 4 and attributes(s) == {"x": 2}),
    Kind("attrs without slots", "@attrs.define(slots=False)\nclass A:\n    x: int\n    gone: int = 0\n", "@attrs.define(slots=False)\nclass A:\n    x: int\n    y: list = attrs.Factory(list)\n    z: int = attrs.Factory(lambda s: s.x * 2, takes_self=True)\n", lambda m: m.A(4), lambda s, m: s == m.A(4, [], 8) and not hasattr(s, "gone")),
    Kind("pydantic", "import pydantic\nclass A(pydantic.BaseModel):\n    x: int\n    gone: int = 0\n    _old: int = 5\n", "import pydantic\nclass A(pydantic.BaseModel):\n    x: int\n    y: list[int] = []\n    _new: int = 6\n", lambda m: m.A(x=1), lambda s, m: s == m.A(x=1) and (s.y, s._new, s.model_fields_set) == ([], 6, {"x"})),
    Kind("NamedTuple with a field more", "class A(typing.NamedTuple):\n    x: int\n", "class A(typing.NamedTuple):\n    x: int\n    y: int = 2\n", lambda m: {"k": (m.A(1),)}, lambda s, m: s == {"k": (m.A(1, 2),)} and type(s["k"][0]) is m.A),
    Kind("NamedTuple with a field less", "class A(typing.NamedTuple):\n    x: int\n    y: int\n", "class A(typing.NamedTuple):\n    y: int\n", lambda m: [m.A(n, 2) for n in range(50)], lambda s, m: s == [m.A(2)] * 50),
    Kind("exception", "class A(Exception):\n    def __init__(self, x):\n        self.x = x\n", "class A(Exception):\n    def __init__(self, x):\n        self.x = x\n        self.n = 0\n", lambda m: m.A(1), lambda s, _: (s.args, s.x, s.n) == ((1,), 1, 0)),
    Kind("list subclass", "class A(list):\n    def __init__(self):\n        self.x = 1\n", "class A(list):\n    def __init__(self):\n        self.x = 1\n        self.n = 0\n", lambda m: _appended(m.A()), lambda s, m: s == [5] and s.n == 0),
    Kind("field renamed", "@dataclass\nclass A:\n    euros: int\n", "import otpy\n@otpy.renamed(fields={'euros': 'amount'})\n@dataclass\nclass A:\n    amount: int\n", lambda m: [m.A(n) for n in range(50)], lambda s, m: s == [m.A(n) for n in range(50)] and attributes(s[3]) == {"amount": 3}),
]  # fmt: skip


def _at_home(thing: Any) -> Any:
    thing.me = thing
    return thing


def _with(thing: Any, **more: object) -> Any:
    vars(thing).update(more)
    return thing


def _appended(thing: Any) -> Any:
    thing.append(5)
    return thing


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_reshaped_kind_is_migrated(kind: Kind) -> None:
    """The instances have the new fields; the originals still have the old ones, object by object."""
    live, state, migration = edited(kind.old, kind.new, kind.make)
    before = picture(state)

    migrated = migration.migrate(state)

    assert kind.check(migrated.value, live)
    assert migrated.report.migrated_count > 0
    assert picture(state) == before


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_has_the_new_shape_is_left_as_it_is(kind: Kind) -> None:
    """A second run, or a code_change that has done it already, finds nothing to do: no step is taken twice."""
    live, state, migration = edited(kind.old, kind.new, kind.make)
    migrated = migration.migrate(state).value
    again = migration.migrate(migrated)
    assert again.value is migrated
    assert again.report == Report()
    assert kind.check(again.value, live)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_copy_has_the_old_shape(kind: Kind) -> None:
    """What code_change is handed shows the state as it was, and only what it leaves is migrated."""
    _, state, migration = edited(kind.old, kind.new, kind.make)
    copied = copy_state(state).value
    assert [_fields(a) for a in _instances(copied)] == [_fields(a) for a in _instances(state)]
    assert migration.migrate(copied).value is not copied


def _instances(state: object) -> list[Any]:
    return [thing for thing in everything(state) if type(thing).__module__ == "kinds"]


def _fields(thing: Any) -> object:
    return tuple(thing) if isinstance(thing, tuple) else sorted(vars(thing))


def test_dropped_filled_and_renamed_fields_are_reported() -> None:
    """An operator reads what was lost and what was made up."""
    _, state, migration = edited(
        "@dataclass\nclass A:\n    euros: int\n    gone: int = 0\n",
        "import otpy\n@otpy.renamed(fields={'euros': 'amount'})\n@dataclass\nclass A:\n    amount: int\n    unit: str = 'EUR'\n",
        lambda m: [m.A(n) for n in range(40)],
    )
    assert str(migration.migrate(state).report).splitlines() == [
        "kinds.A: 40 migrated",
        "kinds.A: dropped gone",
        "kinds.A: filled unit",
        "kinds.A: renamed euros → amount",
    ]


REQUIRED = {
    "dataclass": ("@dataclass\nclass A:\n    pass\n", "@dataclass\nclass A:\n    region: str\n"),
    "attrs": ("@attrs.define(slots=False)\nclass A:\n    pass\n", "@attrs.define(slots=False)\nclass A:\n    region: str\n"),
    "NamedTuple": ("class A(typing.NamedTuple):\n    pass\n", "class A(typing.NamedTuple):\n    region: str\n"),
    "plain": ("class A:\n    def __init__(self): pass\n", "class A:\n    def __init__(self, region):\n        self.region = region\n"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), REQUIRED.values(), ids=REQUIRED)
def test_required_field_is_refused(old: str, new: str) -> None:
    """Nobody can make up a value that has no default; the class and the field are named."""
    _, state, migration = edited(old, new, lambda m: [m.A()])
    with pytest.raises(MigrationFailed, match=r"kinds\.A has a new field 'region'"):
        migration.migrate(state)


def test_class_whose_shape_stays_is_left_alone() -> None:
    """An edited method changes no instance: the state stays the same object."""
    _, state, migration = edited(DATA, DATA + "    def f(self): pass\n", lambda m: [m.A()])
    assert migration.migrate(state).value is state


def test_only_the_way_to_what_changes_is_copied() -> None:
    """What a state shares with a module, or with another process, it goes on sharing, unless it has to change."""
    cache: dict[str, list[int]] = {"k": [1]}
    _, state, migration = edited(DATA, DATA_NEW, lambda m: {"cache": cache, "rows": [m.A()], "both": [cache, m.A()]})
    made = migration.migrate(state).value
    assert made["cache"] is made["both"][0] is cache
    assert made["rows"] is not state["rows"]
    assert made["both"] is not state["both"]


def test_states_go_on_sharing_what_has_changed() -> None:
    """Two processes that had one object have one successor of it."""
    _, (first, second), migration = edited(DATA, DATA_NEW, lambda m: _sharing(m.A()))
    one, two = migration.migrate(first).value, migration.migrate(second).value
    assert one["mine"] is two[0][0]
    assert one["all"] is two[0]


def _sharing(thing: Any) -> tuple[dict[str, Any], list[Any]]:
    items = [thing]
    return {"mine": thing, "all": items}, [items]


ASSIGNED = {
    "literal": ("self.new = []", []),
    "parameter": ("self.new = final", False),
    "keyword": ("self.new: int = only", 4),
    "or": ("self.new = tags or []", []),
    "if": ("self.new = {} if tags is None else tags", {}),
    "negative": ("self.new = -1", -1),
}


@pytest.mark.parametrize(("line", "value"), ASSIGNED.values(), ids=ASSIGNED)
def test_default_that_init_of_a_plain_class_tells(line: str, value: object) -> None:
    """What `__init__` sets without calling anything, an instance from before gets too, each its own."""
    text = "class A:\n    def __init__(self, final=False, tags=None, *, only=4):\n        "
    _, (one, two), migration = edited(text + "pass\n", text + line + "\n", lambda m: (m.A(), m.A()))
    first, second = migration.migrate(one).value, migration.migrate(two).value
    assert first.new == second.new == value
    assert first.new is not second.new or not isinstance(value, (list, dict))


UNTOLD = [
    "self.new = x",
    "self.new = list(tags)",
    "tags = 1; self.new = tags",
    "self.new = OTHER",
    "self.new = self.old",
]


@pytest.mark.parametrize("line", UNTOLD)
def test_default_that_cannot_be_told_is_asked_for(line: str) -> None:
    """A call may do anything, and a parameter without default is what nobody knows."""
    text = "OTHER = 1\nclass A:\n    def __init__(self, x, tags=()):\n        "
    _, state, migration = edited(text + "pass\n", text + line + "\n", lambda m: m.A(1))
    with pytest.raises(MigrationFailed, match="'new'"):
        migration.migrate(state)


DIFFERENCES = {
    "same": (DATA, DATA, "same shape"),
    "fields": (DATA, DATA_NEW, "field added added, field made added, field gone dropped"),
    "required": ("@dataclass\nclass A:\n    pass\n", "@dataclass\nclass A:\n    region: str\n", "field region added, without a default"),
    "renamed": ("@dataclass\nclass A:\n    euros: int\n", "import otpy\n@otpy.renamed(fields={'euros': 'amount'})\n@dataclass\nclass A:\n    amount: int\n", "field euros renamed amount"),
    "struct": ("class A(msgspec.Struct):\n    x: int\n", "class A(msgspec.Struct):\n    x: int\n    y: int = 1\n", "field y added"),
    "slots": ("class A:\n    __slots__ = ('x',)\n    def __init__(self): self.x = 1\n", "class A:\n    __slots__ = ('x', 'y')\n    def __init__(self):\n        self.x = 1\n        self.y = 2\n", "field y added"),
    "enum": ("class A(enum.Enum):\n    RED = 1\n", "class A(enum.Enum):\n    BLUE = 1\n", "field BLUE added, field RED dropped"),
    "value": ("class A(enum.Enum):\n    RED = 1\n", "class A(enum.Enum):\n    RED = 2\n", "member RED has another value"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_difference_of_shapes_in_words(old: str, new: str, words: str) -> None:
    """A plan says what instances will go through, before anything is touched."""
    assert str(difference(shape_of(module_of(old).A), shape_of(module_of(new).A))) == words


def test_copy_as_another_class_has_all_that_it_had() -> None:
    """So the code of a version can be tried on states before any class is edited: the old shape, the new class."""
    live, ghosts = module_of(DATA), module_of(DATA_NEW)
    state = {"one": live.A(3), "kind": live.A}
    copied = copy_state(state, counterparts={live.A: ghosts.A}).value
    assert type(copied["one"]) is copied["kind"] is ghosts.A
    assert vars(copied["one"]) == {"x": 3, "gone": "g"}
    before = {ghosts.A: shape_of(live.A)}
    assert vars(Migration({}, before).migrate(copied).value["one"]) == {"x": 3, "added": 7, "made": []}


@pytest.mark.parametrize(
    "text", ["@dataclass(slots=True)\nclass A:\n    {}: int = 1\n", "class A(msgspec.Struct):\n    {}: int = 1\n"]
)
def test_copy_as_another_class_without_the_place_stays(text: str) -> None:
    """A class with other slots cannot hold what the instance has: the old class stays, as it would when installed."""
    live, ghosts = module_of(text.format("x")), module_of(text.format("y"))
    assert type(copy_state([live.A(3)], counterparts={live.A: ghosts.A}).value[0]) is live.A


STILL_NAMED = [
    ("in a method", INIT_ONE + "    def f(self): self.gone = 1\n"),
    ("in a property", INIT_ONE + "    p = property(lambda self: self.gone)\n"),
    ("in a static method's inner function", INIT_ONE + "    @staticmethod\n    def f(a): return lambda: a.gone\n"),
    (
        "in a wrapped method",
        "def d(f): return lambda self: f(self)\n" + INIT_ONE + "    @d\n    def f(self): self.gone = 1\n",
    ),
    ("as a string", INIT_ONE + "    def f(self): return getattr(self, 'gone')\n"),
    ("as a keyword", INIT_ONE + "    def f(self): vars(self).update(gone=1)\n"),
    ("as a value of the class", INIT_ONE + "    gone = None\n"),
    ("as an annotation", INIT_ONE + "    gone: list\n"),
]


@pytest.mark.parametrize("new", [new for _, new in STILL_NAMED], ids=[name for name, _ in STILL_NAMED])
def test_what_the_class_still_speaks_of_stays(new: str) -> None:
    """An attribute that is set somewhere else by now, or read, is data that somebody needs."""
    _, state, migration = edited(INIT_TWO, new, lambda m: m.A(1))
    assert attributes(migration.migrate(state).value)["gone"] == [1]


def test_a_dropped_attribute_of_a_plain_class_is_reported() -> None:
    """Who upgrades is told which data go."""
    live, state, migration = edited(INIT_TWO, INIT_ONE, lambda m: [m.A(1), m.A(2)])
    assert migration.migrate(state).report.dropped == {"kinds.A": ("gone",)}
    assert not hasattr(live.A(1), "gone")
