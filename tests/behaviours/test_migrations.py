"""Every kind of object that a state may have, migrated: the copy is new throughout, the original as it was."""

# ruff: noqa: E501 - a case is easiest to read on one line

import collections
import enum
import functools
import gc
import importlib
import io
import itertools
import logging
import socket
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from otpy.behaviours.migrations import Migration, Report, copy_state, migrate, reaches
from otpy.errors import MigrationFailed
from otpy.kernel.pid import Ref
from tests.behaviours.migration_kit import everything, forget_kinds, leftovers, module_of, picture, versions

Check = Callable[[Any, Any], object]
"""Takes the migrated state and the new module; returns whether all is well."""


@dataclass
class Kind:
    """One kind of object: two versions of the source, a state of the old one, and what must hold of the new."""

    name: str
    old: str
    new: str
    make: Callable[[Any], Any]
    check: Check


PLAIN = "class A:\n    def __init__(self, x): self.x = x\n"
PLAIN_NEW = "class A:\n    extra = 0\n    def __init__(self, x): self.x = x\n"
DATA = "@dataclass\nclass A:\n    x: int = 1\n    gone: str = 'g'\n"
DATA_NEW = "@dataclass\nclass A:\n    x: int = 1\n    added: int = 7\n    made: list = field(default_factory=list)\n"


def same_class(source: str, more: str = "") -> tuple[str, str]:
    """Return a source twice: the classes are others although their text is the same."""
    return source + more, source + more


KINDS: list[Kind] = [
    Kind("plain object", PLAIN, PLAIN_NEW, lambda m: m.A([1]), lambda s, _: s.x == [1] and s.extra == 0),
    Kind(
        "plain object with a new attribute that __init__ sets to a literal",
        PLAIN,
        "class A:\n    def __init__(self, x):\n        self.x = x\n        self.log = []\n",
        lambda m: [m.A(1), m.A(2)],
        lambda s, _: s[0].log == [] and s[0].log is not s[1].log,
    ),
    Kind(
        "attribute that has become a property",
        "class A:\n    def __init__(self): self.x, self.twice = 2, 4\n",
        "class A:\n    @property\n    def twice(self): return self.x * 2\n",
        lambda m: m.A(),
        lambda s, _: (s.twice, dict(vars(s))) == (4, {"x": 2}),
    ),
    Kind(
        "slots, one added with a default, one dropped",
        "class A:\n    __slots__ = ('x', 'gone')\n    def __init__(self): self.x, self.gone = 1, 2\n",
        "class A:\n    __slots__ = ('x', 'y')\n    def __init__(self):\n        self.x = 1\n        self.y = 5\n",
        lambda m: m.A(),
        lambda s, _: (s.x, s.y) == (1, 5),
    ),
    Kind(
        "slots in a base class, names with two underscores, and one that was never set",
        *same_class(
            "class B:\n    __slots__ = ('__p', 'unset')\n    def __init__(self): self.__p = [3]\n    def p(self): return self.__p\n"
            "class A(B):\n    __slots__ = ('q',)\n    def __init__(self): super().__init__(); self.q = 4\n"
        ),
        lambda m: m.A(),
        lambda s, _: s.p() == [3] and s.q == 4 and not hasattr(s, "unset"),
    ),
    Kind(
        "slots and __dict__ together",
        *same_class("class A:\n    __slots__ = ('x', '__dict__', '__weakref__')\n"),
        lambda m: _filled(m.A(), x=1, y=[2]),
        lambda s, _: s.x == 1 and s.y == [2] and list(vars(s)) == ["y"],
    ),
    Kind("empty slots", *same_class("class A:\n    __slots__ = ()\n"), lambda m: {"a": (m.A(),)}, lambda s, _: True),
    Kind("dataclass", DATA, DATA_NEW, lambda m: m.A(3), lambda s, m: s == m.A(3, 7, [])),
    Kind(
        "frozen dataclass",
        DATA.replace("@dataclass", "@dataclass(frozen=True)"),
        DATA_NEW.replace("@dataclass", "@dataclass(frozen=True)"),
        lambda m: m.A(3),
        lambda s, m: s == m.A(3, 7, []),
    ),
    Kind(
        "slotted dataclass",
        DATA.replace("@dataclass", "@dataclass(slots=True)"),
        DATA_NEW.replace("@dataclass", "@dataclass(slots=True)"),
        lambda m: m.A(3),
        lambda s, m: s == m.A(3, 7, []),
    ),
    Kind(
        "frozen slotted dataclass",
        DATA.replace("@dataclass", "@dataclass(slots=True, frozen=True)"),
        DATA_NEW.replace("@dataclass", "@dataclass(slots=True, frozen=True)"),
        lambda m: m.A(3),
        lambda s, m: s == m.A(3, 7, []),
    ),
    Kind(
        "dataclass that holds itself",
        "@dataclass\nclass A:\n    me: object = None\n",
        "@dataclass\nclass A:\n    me: object = None\n    n: int = 1\n",
        lambda m: _filled(a := m.A(), me=a),
        lambda s, _: s.me is s and s.n == 1,
    ),
    Kind(
        "dataclass whose __post_init__ must not run",
        "@dataclass\nclass A:\n    x: int\n",
        "@dataclass\nclass A:\n    x: int\n    def __post_init__(self): raise AssertionError\n",
        lambda m: m.A(5),
        lambda s, _: s.x == 5,
    ),
    Kind(
        "dataclass with an attribute beside its fields",
        DATA,
        DATA_NEW,
        lambda m: _filled(m.A(3), note=[1]),
        lambda s, _: s.note == [1] and not hasattr(s, "gone"),
    ),
    Kind(
        "nested class",
        *same_class("class A:\n    class B:\n        pass\n    def __init__(self): self.b = self.B()\n"),
        lambda m: m.A(),
        lambda s, m: type(s) is m.A,
    ),
    Kind(
        "attrs",
        "@attrs.define\nclass A:\n    x: int\n    gone: int = 0\n",
        "@attrs.define\nclass A:\n    x: int\n    y: list = attrs.Factory(list)\n    z: int = attrs.Factory(lambda s: s.x * 2, takes_self=True)\n",
        lambda m: m.A(4),
        lambda s, m: s == m.A(4, [], 8),
    ),
    Kind(
        "attrs, frozen, as a key, with a cached hash",
        "@attr.s(frozen=True, cache_hash=True, auto_attribs=True)\nclass A:\n    x: int\n",
        "@attr.s(frozen=True, cache_hash=True, auto_attribs=True)\nclass A:\n    x: int\n    y: int = 1\n",
        lambda m: {m.A(4): "v"},
        lambda s, m: s[m.A(4, 1)] == "v",
    ),
    Kind(
        "msgspec.Struct",
        "class A(msgspec.Struct):\n    x: int\n    gone: int = 0\n",
        "class A(msgspec.Struct):\n    x: int\n    y: list = []\n",
        lambda m: m.A(4),
        lambda s, m: s == m.A(4, []),
    ),
    Kind(
        "msgspec.Struct, frozen, that holds itself, keyword only",
        "class A(msgspec.Struct, frozen=True, kw_only=True):\n    x: list\n",
        "class A(msgspec.Struct, frozen=True, kw_only=True):\n    x: list\n    y: int = 3\n",
        lambda m: _holding_itself(m.A(x=[])),
        lambda s, _: s.x[0] is s and s.y == 3,
    ),
    Kind(
        "msgspec.Struct with __post_init__, which sees it whole",
        "class A(msgspec.Struct):\n    x: int\n",
        "class A(msgspec.Struct):\n    x: int\n    y: int = 2\n    def __post_init__(self): assert (self.x, self.y) == (9, 2)\n",
        lambda m: m.A(9),
        lambda s, _: (s.x, s.y) == (9, 2),
    ),
    Kind(
        "NamedTuple with a field more",
        "class A(typing.NamedTuple):\n    x: int\n    y: list\n",
        "class A(typing.NamedTuple):\n    y: list\n    x: int\n    z: int = 3\n",
        lambda m: m.A(1, [2]),
        lambda s, m: s == m.A([2], 1, 3),
    ),
    Kind(
        "Enum member, also as key, with another value now",
        "class A(enum.Enum):\n    RED = 1\n    BLUE = 2\n",
        "class A(enum.Enum):\n    RED = 'r'\n    GREEN = 'g'\n",
        lambda m: {m.A.RED: [m.A.RED]},
        lambda s, m: s == {m.A.RED: [m.A.RED]},
    ),
    Kind(
        "Flag, alone, combined and empty",
        "class A(enum.Flag):\n    R = 1\n    W = 2\n",
        "class A(enum.Flag):\n    X = 1\n    R = 2\n    W = 4\n",
        lambda m: [m.A.R, m.A.R | m.A.W, m.A(0)],
        lambda s, m: s == [m.A.R, m.A.R | m.A.W, m.A(0)],
    ),
    Kind(
        "IntEnum and StrEnum",
        *same_class("class A(enum.IntEnum):\n    ONE = 1\nclass B(enum.StrEnum):\n    X = 'x'\n"),
        lambda m: (m.A.ONE, m.B.X),
        lambda s, m: s == (m.A.ONE, m.B.X) and type(s[0]) is m.A,
    ),
    Kind("list subclass", *same_class("class A(list):\n    pass\n"), lambda m: _filled(m.A([1, m.A()]), n=1), lambda s, _: s == [1, []] and s.n == 1),
    Kind("dict subclass", *same_class("class A(dict):\n    def __setitem__(self, k, v): raise AssertionError\n"), lambda m: m.A(k=[1]), lambda s, _: s == {"k": [1]}),
    Kind("set subclass", *same_class("class A(set):\n    pass\n"), lambda m: m.A([1, 2]), lambda s, _: s == {1, 2}),
    Kind("frozenset subclass", *same_class("class A(frozenset):\n    pass\n"), lambda m: m.A([1, 2]), lambda s, _: s == {1, 2}),
    Kind("tuple subclass", *same_class("class A(tuple):\n    pass\n"), lambda m: _filled(m.A([1, [2]]), n=1), lambda s, _: s == (1, [2]) and s.n == 1),
    Kind("int subclass", *same_class("class A(int):\n    pass\n"), lambda m: _filled(m.A(5), unit="m"), lambda s, _: (s + 0, s.unit) == (5, "m")),
    Kind("int subclass with empty slots", *same_class("class A(int):\n    __slots__ = ()\n"), lambda m: [m.A(5)], lambda s, _: s == [5]),
    Kind("str subclass", *same_class("class A(str):\n    pass\n"), lambda m: {m.A("k"): m.A("v")}, lambda s, _: s == {"k": "v"}),
    Kind("float and bytes subclasses", *same_class("class A(float):\n    pass\nclass B(bytes):\n    pass\n"), lambda m: [m.A(1.5), m.B(b"x")], lambda s, _: s == [1.5, b"x"]),
    Kind("deque subclass", *same_class("class A(collections.deque):\n    pass\n"), lambda m: m.A([1], 4), lambda s, _: list(s) == [1] and s.maxlen == 4),
    Kind("OrderedDict subclass", *same_class("class A(collections.OrderedDict):\n    pass\n"), lambda m: m.A(b=1, a=2), lambda s, _: list(s) == ["b", "a"]),
    Kind(
        "exception with arguments, attributes and a chain",
        *same_class("class A(Exception):\n    pass\nclass B(OSError):\n    pass\n"),
        lambda m: _chained(_filled(m.A(1, [2]), why="so"), m.B(2, "no", "file")),
        lambda s, _: s.args == (1, [2]) and s.why == "so" and (s.__cause__.errno, s.__cause__.filename) == (2, "file"),
    ),
    Kind(
        "exception group",
        *same_class("class A(Exception):\n    pass\n"),
        lambda m: ExceptionGroup("all", [m.A(1), ValueError([2])]),
        lambda s, _: (s.message, s.exceptions[0].args, s.exceptions[1].args) == ("all", (1,), ([2],)),
    ),
    Kind("metaclass", *same_class("class M(type):\n    pass\nclass A(metaclass=M):\n    pass\n"), lambda m: _filled(m.A(), cls=m.A), lambda s, m: s.cls is m.A),
    Kind("generic class", *same_class("T = typing.TypeVar('T')\nclass A(typing.Generic[T]):\n    pass\n"), lambda m: m.A[int](), lambda s, m: type(s) is m.A),
    Kind("dict values and keys", *same_class("@dataclass(frozen=True)\nclass A:\n    x: object = 1\n"), lambda m: {m.A(): m.A((m.A(2),))}, lambda s, m: s == {m.A(): m.A((m.A(2),))}),
    Kind("sets", *same_class("@dataclass(frozen=True)\nclass A:\n    x: object = 1\n"), lambda m: [{m.A()}, frozenset([m.A()])], lambda s, m: s == [{m.A()}, frozenset([m.A()])]),
    Kind(
        "key that holds the dictionary it is a key of",
        *same_class("@dataclass(eq=False)\nclass A:\n    x: int = 1\n    home: object = None\n    def __hash__(self): return hash(self.x)\n    def __eq__(self, o): return self.x == o.x\n"),
        lambda m: _key_at_home(m.A()),
        lambda s, m: next(iter(s)).home is s and s[m.A()] == 1,
    ),
    Kind("deque", *same_class("class A:\n    pass\n"), lambda m: collections.deque([m.A()], maxlen=3), lambda s, _: s.maxlen == 3 and len(s) == 1),
    Kind("defaultdict", *same_class("class A:\n    pass\n"), lambda m: collections.defaultdict(m.A, k=m.A()), lambda s, m: type(s["new"]) is m.A and type(s["k"]) is m.A),
    Kind("OrderedDict", *same_class("class A:\n    pass\n"), lambda m: collections.OrderedDict([("b", m.A()), ("a", m.A())]), lambda s, _: list(s) == ["b", "a"]),
    Kind("Counter", *same_class("class A(enum.Enum):\n    X = 1\n"), lambda m: collections.Counter([m.A.X] * 3), lambda s, m: s == collections.Counter({m.A.X: 3})),
    Kind("ChainMap, UserDict", *same_class("class A:\n    pass\n"), lambda m: [collections.ChainMap({"k": m.A()}), collections.UserDict(k=m.A())], lambda s, m: type(s[0]["k"]) is m.A),
    Kind("mapping proxy", *same_class("class A:\n    pass\n"), lambda m: types.MappingProxyType({"k": m.A()}), lambda s, m: type(s["k"]) is m.A),
    Kind("SimpleNamespace", *same_class("class A:\n    pass\n"), lambda m: types.SimpleNamespace(k=m.A()), lambda s, m: type(s.k) is m.A),
    Kind("tuple that holds itself", *same_class("class A:\n    pass\n"), lambda m: _tuple_at_home(m.A()), lambda s, _: s[0].home is s),
    Kind("class reference", *same_class("class A:\n    pass\n"), lambda m: [m.A, {m.A: 1}], lambda s, m: s == [m.A, {m.A: 1}]),
    Kind("function of the module", "def f(): return 1\n", "def f(): return 2\n", lambda m: {"call": m.f}, lambda s, _: s["call"]() == 2),
    Kind("lru_cache of a function that is replaced", *same_class("def f(): return 1\n"), lambda m: functools.lru_cache(maxsize=3)(m.f), lambda s, m: s.__wrapped__ is m.f and s.cache_info().maxsize == 3),
    Kind("bound method", "class A:\n    def f(self): return 1\n", "class A:\n    def f(self): return 2\n", lambda m: _own_method(m.A()), lambda s, _: s.callback() == 2 and s.callback.__self__ is s),
    Kind("bound class method", *same_class("class A:\n    @classmethod\n    def f(cls): return cls\n"), lambda m: [m.A.f], lambda s, m: s[0]() is m.A),
    Kind("function of a class", "class A:\n    def f(self): return 1\n", "class A:\n    def f(self): return 2\n", lambda m: [m.A(), m.A.f, functools.partial(m.A.f, None)], lambda s, m: s[1] is m.A.f and s[2]() == 2),
    Kind("method of a container", *same_class("class A:\n    pass\n"), lambda m: _appending([m.A()]), lambda s, _: s[1].__self__ is s[0]),
    Kind("partial", *same_class("class A:\n    pass\ndef f(*a, **k): return a, k\n"), lambda m: functools.partial(m.f, m.A(), k=m.A()), lambda s, m: type(s()[0][0]) is m.A and s.func is m.f),
    Kind("partial that holds itself", *same_class("class A:\n    pass\n"), lambda m: _partial_at_home(m.A()), lambda s, _: s.args[0][0] is s),
    Kind("closure", *same_class("class A:\n    pass\ndef outer(a):\n    def inner(): return a\n    return inner\n"), lambda m: m.outer(m.A()), lambda s, m: type(s()) is m.A),
    Kind("closure that holds itself", *same_class("class A:\n    pass\ndef outer(a):\n    def inner(): return inner, a\n    return inner\n"), lambda m: m.outer(m.A()), lambda s, _: s()[0] is s),
    Kind("weak reference into the state", *same_class("class A:\n    pass\n"), lambda m: _weakly(m.A()), lambda s, _: s["weak"]() is s["strong"]),
    Kind("weak dictionaries and sets", *same_class("class A:\n    pass\n"), lambda m: _weak_containers(m.A()), lambda s, _: s[1]["k"] is s[0] and s[2][s[0]] == 1 and s[0] in s[3]),
    Kind("shared twice", *same_class("class A:\n    pass\n"), lambda m: [a := m.A(), [a], {"k": a}], lambda s, _: s[0] is s[1][0] is s[2]["k"]),
]  # fmt: skip


def _filled(thing: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(thing, name, value)
    return thing


def _holding_itself(thing: Any) -> Any:
    thing.x.append(thing)
    return thing


def _chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def _key_at_home(key: Any) -> dict[Any, int]:
    home = {key: 1}
    key.home = home
    return home


def _tuple_at_home(thing: Any) -> tuple[Any, ...]:
    home = (thing,)
    thing.home = home
    return home


def _own_method(thing: Any) -> Any:
    thing.callback = thing.f
    return thing


def _appending(items: list[Any]) -> list[Any]:
    return [items, items.append]


def _partial_at_home(thing: Any) -> Any:
    items: list[Any] = []
    made = functools.partial(print, items, thing)
    items.append(made)
    return made


def _weakly(thing: Any) -> dict[str, Any]:
    return {"weak": weakref.ref(thing), "strong": thing}


def _weak_containers(thing: Any) -> list[Any]:
    return [
        thing,
        weakref.WeakValueDictionary({"k": thing}),
        weakref.WeakKeyDictionary({thing: 1}),
        weakref.WeakSet([thing]),
    ]


@pytest.fixture(autouse=True)
def kinds_module() -> Iterator[None]:
    """Leave no module `kinds` behind."""
    yield
    forget_kinds()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_kind_is_migrated(kind: Kind) -> None:
    """The copy is of the new version throughout; the original is untouched, object by object."""
    both = versions(kind.old, kind.new)
    state = kind.make(both.old)
    before = picture(state)
    assert reaches(state, both.replaced)

    migrated = migrate(state, both.replaced)

    assert kind.check(migrated.value, both.new)
    assert leftovers(migrated.value, both.replaced) == []
    assert picture(state) == before


STATES = [kind for kind in KINDS if not kind.name.startswith(("closure", "lru_cache"))]
"""Those that are not code: functions are shared, with their closures."""


@pytest.mark.parametrize("kind", STATES, ids=lambda kind: kind.name)
def test_kind_is_copied(kind: Kind) -> None:
    """With nothing replaced, the copy shares no mutable object with the original and holds what it holds."""
    module = module_of(kind.old)
    state = kind.make(module)
    before = picture(state)

    copied = copy_state(state).value

    assert picture(state) == before
    assert type(copied) is type(state)
    originals = {id(part): part for part in everything(state)}
    shared = [part for part in everything(copied) if id(part) in originals and is_mutable(part)]
    assert shared == []


def is_mutable(thing: object) -> bool:
    """Whether two copies of *thing* must be two: code and enumerations are shared."""
    return isinstance(thing, (list, dict, set, collections.deque)) or (
        getattr(type(thing), "__module__", "") == "kinds" and not isinstance(thing, (enum.Enum, type))
    )


# -- what is kept ----------------------------------------------------------------------------------


def _running_generator() -> Iterator[int]:
    yield 1


KEPT: list[tuple[str, Callable[[], Any]]] = [
    ("lock", threading.Lock),
    ("reentrant lock", threading.RLock),
    ("condition", threading.Condition),
    ("event", threading.Event),
    ("thread", threading.Thread),
    ("thread local", threading.local),
    ("socket", socket.socket),
    ("file", io.StringIO),
    ("logger", lambda: logging.getLogger("kept")),
    ("generator", _running_generator),
    ("iterator", lambda: iter([1])),
    ("counting iterator", itertools.count),
    ("frame", sys._getframe),
    ("reference of otpy", Ref),
    ("greenlet", lambda: importlib.import_module("greenlet").greenlet()),
    ("view of memory", lambda: memoryview(b"x")),
]


@pytest.mark.parametrize("make", [make for _, make in KEPT], ids=[name for name, _ in KEPT])
def test_resource_is_kept_by_reference(make: Callable[[], Any]) -> None:
    """A copy of a lock would be another lock: it is the same one in both, and the report says so."""
    thing = make()
    state = {"thing": thing, "list": [thing]}

    copied = copy_state(state)

    assert copied.value["thing"] is thing
    assert copied.value["list"][0] is thing
    assert copied.value["list"] is not state["list"]
    assert sum(copied.report.kept.values()) == 1
    if hasattr(thing, "close"):
        thing.close()


def test_module_function_and_class_are_shared_silently() -> None:
    """They are code, not state: nobody wants to read about them."""
    copied = copy_state([sys, len, print, int, test_module_function_and_class_are_shared_silently])
    assert copied.value == [sys, len, print, int, test_module_function_and_class_are_shared_silently]
    assert copied.report == Report()


def test_object_with_finalizer_is_kept() -> None:
    """Two of them would give the same thing back twice."""
    module = module_of("class A:\n    def __del__(self): pass\n")
    state = [module.A()]
    copied = copy_state(state)
    assert copied.value[0] is state[0]
    assert copied.report.kept == {"kinds.A": 1}


def test_object_that_is_its_own_deep_copy_is_kept() -> None:
    """That is how a class says that it wants no copies."""
    module = module_of(
        "class A:\n    def __deepcopy__(self, memo): return self\nclass B:\n    def __deepcopy__(self, memo): return 1\n"
    )
    state = [module.A(), module.A(), module.B()]
    copied = copy_state(state)
    assert copied.value[:2] == state[:2]
    assert type(copied.value[2]) is module.B
    assert copied.report.kept == {"kinds.A": 2}


def test_weak_reference_to_the_outside_stays() -> None:
    """What lives elsewhere has no copy to point to."""
    both = versions("class A:\n    pass\n", "class A:\n    pass\n")
    elsewhere = module_of("class C:\n    pass\n").C()
    state = [weakref.ref(elsewhere), both.old.A()]
    assert migrate(state, both.replaced).value[0]() is elsewhere


# -- the report ------------------------------------------------------------------------------------


def test_report_names_counts_dropped_and_filled_fields() -> None:
    """An operator reads what was lost and what was made up."""
    both = versions(DATA, DATA_NEW)
    report = migrate([both.old.A(), both.old.A(), threading.Lock()], both.replaced).report
    assert report.migrated == {"kinds.A": 2}
    assert report.migrated_count == 2
    assert report.dropped == {"kinds.A": ("gone",)}
    assert report.filled == {"kinds.A": ("added", "made")}
    assert str(report).splitlines() == [
        "kinds.A: 2 migrated",
        "kinds.A: dropped gone",
        "kinds.A: filled added, made",
    ]


def test_state_without_old_objects_is_given_back() -> None:
    """The quick scan saves the copy; the report says that there was nothing to do."""
    both = versions(DATA, DATA_NEW)
    state = {"a": [1, 2], "b": both.new.A()}
    migrated = migrate(state, both.replaced)
    assert migrated.value is state
    assert str(migrated.report) == "nothing to migrate"


def test_one_transaction_keeps_sharing_between_states() -> None:
    """Two processes that shared an object go on sharing it."""
    both = versions(DATA, DATA_NEW)
    shared = both.old.A()
    migration = Migration(both.replaced)
    first = migration.migrate({"x": shared})
    second = migration.migrate([shared])
    assert first.value["x"] is second.value[0]
    assert second.report.migrated_count == 0


def test_fields_filled_by_a_factory_are_not_shared() -> None:
    """Each object gets a list of its own."""
    both = versions(DATA, DATA_NEW)
    one, two = migrate([both.old.A(), both.old.A()], both.replaced).value
    assert one.made is not two.made


# -- failures --------------------------------------------------------------------------------------

FAILURES: list[tuple[str, str, str, Callable[[Any], Any], list[str]]] = [
    ("required field", DATA, "@dataclass\nclass A:\n    x: int\n    region: str\n", lambda m: m.A(), ["kinds.A", "'region'", "default", "code_change"]),
    ("required struct field", "class A(msgspec.Struct):\n    x: int\n", "class A(msgspec.Struct):\n    x: int\n    region: str\n", lambda m: m.A(1), ["'region'"]),
    ("required attrs field", "@attrs.define\nclass A:\n    pass\n", "@attrs.define\nclass A:\n    region: str\n", lambda m: m.A(), ["'region'"]),
    ("required tuple field", "class A(typing.NamedTuple):\n    x: int\n", "class A(typing.NamedTuple):\n    x: int\n    region: str\n", lambda m: m.A(1), ["'region'"]),
    ("attribute set from an argument", PLAIN, "class A:\n    def __init__(self, x, region):\n        self.x = x\n        self.region = region\n", lambda m: m.A(1), ["'region'"]),
    ("class gone", PLAIN, "", lambda m: m.A(1), ["kinds.A", "renamed"]),
    ("class reference gone", PLAIN, "", lambda m: [m.A], ["kinds.A"]),
    ("function gone", "def f(): pass\n", "", lambda m: [m.f], ["kinds.f"]),
    ("enum member gone", "class A(enum.Enum):\n    RED = 1\n", "class A(enum.Enum):\n    BLUE = 1\n", lambda m: m.A.RED, ["RED", "kinds.A"]),
    ("enumeration no more", "class A(enum.Enum):\n    RED = 1\n", "class A:\n    pass\n", lambda m: m.A.RED, ["kinds.A"]),
    ("method gone", "class A:\n    def f(self): pass\n", "class A:\n    pass\n", lambda m: [m.A().f], ["kinds.A.f"]),
    ("base changed to a builtin", "class A:\n    pass\n", "class A(dict):\n    pass\n", lambda m: m.A(), ["layouts"]),
    ("keys that are equal now", "@dataclass(frozen=True)\nclass A:\n    x: int\n    y: int\n", "@dataclass(frozen=True)\nclass A:\n    x: int\n", lambda m: {m.A(1, 1): 1, m.A(1, 2): 2}, ["keys"]),
    ("default that raises", "@dataclass\nclass A:\n    pass\n", "@dataclass\nclass A:\n    x: int = field(default_factory=lambda: 1 / 0)\n", lambda m: m.A(), ["kinds.A.x", "ZeroDivisionError"]),
    ("old class with a finalizer", "class A:\n    def __del__(self): pass\n", "class A:\n    def __del__(self): pass\n", lambda m: m.A(), ["__del__"]),
    ("old class that is a thread", "class A(threading.Thread):\n    pass\n", "class A(threading.Thread):\n    pass\n", lambda m: m.A(), ["resource"]),
    ("hash that raises", "class A:\n    def __hash__(self): return 1\n", "class A:\n    def __hash__(self): raise OSError('no')\n", lambda m: {m.A(): 1}, ["OSError"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "make", "words"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
def test_failure_names_what_is_wrong(old: str, new: str, make: Callable[[Any], Any], words: list[str]) -> None:
    """A state that cannot be converted is refused, with the class and field, and is as it was."""
    both = versions(old, new)
    state = make(both.old)
    before = picture(state)
    with pytest.raises(MigrationFailed) as caught:
        migrate(state, both.replaced)
    for word in words:
        assert word in str(caught.value)
    assert picture(state) == before


# -- depth, and what the scan sees -----------------------------------------------------------------


def test_deep_list_needs_no_recursion() -> None:
    """A linked list of 50,000 nodes: copy.deepcopy raises RecursionError long before."""
    both = versions(
        "@dataclass(slots=True)\nclass A:\n    next: object = None\n",
        "@dataclass(slots=True)\nclass A:\n    next: object = None\n    n: int = 0\n",
    )
    head = None
    for _ in range(50_000):
        head = both.old.A(head)
    node, length = migrate(head, both.replaced).value, 0
    while node is not None:
        assert type(node) is both.new.A
        node, length = node.next, length + 1
    assert length == 50_000


WRAPS: dict[str, Callable[[Any], Any]] = {
    "list": lambda x: [x],
    "tuple": lambda x: (x,),
    "dict": lambda x: {"k": x},
    "keyed dict": lambda x: {("k",): x},
    "frozenset": lambda x: frozenset([x]),
    "deque": lambda x: collections.deque([x]),
    "partial": lambda x: functools.partial(print, x),
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_deep_containers_need_no_recursion(wrap: Callable[[Any], Any]) -> None:
    """Every kind of container may be nested deeper than Python's own stack goes."""
    both = versions("class A:\n    pass\n", "class A:\n    pass\n")
    state: Any = both.old.A()
    for _ in range(500 if wrap(1) == frozenset([1]) else 5000):
        state = wrap(state)
    assert leftovers(migrate(state, both.replaced).value, both.replaced) == []


def test_scan_does_not_leave_the_state() -> None:
    """Modules, classes and the globals of functions lead to the whole program, where old objects may well be."""
    both = versions(PLAIN + "def f(): pass\n", PLAIN)
    vars(both.old)["somewhere"] = both.old.A(1)
    assert not reaches([sys, int, both.new.A(1)], {both.old.A: None})
    assert not reaches([both.old.f], {both.old.A: None})


@pytest.mark.parametrize("kind", ["list", "dict", "tuple"])
def test_scan_says_yes_to_what_the_collector_cannot_see(kind: str) -> None:
    """A Struct of numbers is not tracked: then the answer is yes without looking."""
    both = versions("class A(msgspec.Struct):\n    x: int\n", "class A(msgspec.Struct):\n    x: int\n")
    inside = both.old.A(1)
    gc.collect()
    assert not gc.is_tracked(inside)
    assert migrate(WRAPS[kind](inside), both.replaced).report.migrated_count == 1


def test_libraries_are_not_imported_for_their_kinds() -> None:
    """A program that does not use attrs or pydantic does not pay for them."""
    script = "import sys, otpy.behaviours.migrations as m; m.copy_state([1]); print({'attr', 'attrs', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "set()"
