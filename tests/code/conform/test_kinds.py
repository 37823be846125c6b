"""Classes that a decorator or a metaclass makes more of: each kind is edited in place, or says why it cannot be."""

# ruff: noqa: E501 - a case is easiest to read on one line

from tests.code.conform.cases import Case, check_again, check_edit, check_undo, each

DATACLASS = "import dataclasses, typing\nfrom dataclasses import dataclass, field\n"
ENUM = "import enum\n"

DATACLASSES = (
    Case(
        "dataclass: field added, another one gone, a method edited",
        DATACLASS
        + "@dataclass\nclass C:\n    x: int\n    y: list = field(default_factory=list)\n    def f(self): return 'old'\n",
        DATACLASS
        + "@dataclass\nclass C:\n    x: int\n    z: str = 'z'\n    w: dict = field(default_factory=dict)\n    def f(self, n=1): return 'new', self.x\n",
        held="import dataclasses\nC, c, d = m.C, m.C(1), m.C(1)",
        still=("repr(c) == 'C(x=1, y=[])' and c == d",),
        then=(
            "m.C is C and c.f() == ('new', 1)",
            "repr(C(2)) == \"C(x=2, z='z', w={})\" and C(2) == C(2, 'z') and C(2) != C(2, 'a')",
            "[f.name for f in dataclasses.fields(C)] == ['x', 'z', 'w'] and C.__match_args__ == ('x', 'z', 'w')",
            "dataclasses.replace(C(1), z='q').z == 'q' and dataclasses.asdict(C(1)) == {'x': 1, 'z': 'z', 'w': {}}",
            "C.__init__.__globals__ is vars(m)",
        ),
        reshaped=("C",),
    ),
    Case(
        "dataclass: frozen and ordered ones, keyword-only, with __post_init__",
        DATACLASS + "@dataclass(frozen=True, order=True)\nclass C:\n    x: int\n    def f(self): return 'old'\n",
        DATACLASS
        + "@dataclass(frozen=True, order=True, kw_only=True)\nclass C:\n    x: int\n    def __post_init__(self): object.__setattr__(self, 'made', 1)\n    def f(self, n=1): return 'new', super().__hash__\n",
        held="C, c, d = m.C, m.C(1), m.C(2)\ndef frozen():\n    try: c.x = 5\n    except Exception as e: return type(e).__name__\n",
        still=("c < d and hash(c) == hash(m.C(1)) and frozen() == 'FrozenInstanceError'",),
        then=(
            "m.C is C and c < d and hash(c) == hash(C(x=1)) and c == C(x=1)",
            "frozen() == 'FrozenInstanceError' and c.f()[0] == 'new' and C(x=1).made == 1",
        ),
    ),
    Case(
        "dataclass: becomes frozen, and no longer ordered",
        DATACLASS
        + "@dataclass(order=True)\nclass C:\n    x: int = 0\n@dataclass(frozen=True)\nclass D:\n    x: int = 0\n",
        DATACLASS + "@dataclass(frozen=True)\nclass C:\n    x: int = 0\n@dataclass\nclass D:\n    x: int = 0\n",
        held="c, d = m.C(), m.D()\ndef frozen(thing):\n    try: thing.x = 5\n    except Exception as e: return type(e).__name__\n",
        then=(
            "frozen(c) == 'FrozenInstanceError' and frozen(d) is None",
            "not hasattr(m.C, '__setattr__') or '__lt__' not in vars(m.C)",
            "hash(c) == hash(m.C()) and m.D.__hash__ is None",
        ),
    ),
    Case(
        "dataclass: slots, fields that stay",
        DATACLASS
        + "@dataclass(slots=True)\nclass C:\n    x: int = 1\n    def f(self): return 'old'\n@dataclass(slots=True, frozen=True)\nclass F:\n    x: int = 1\n",
        DATACLASS
        + "@dataclass(slots=True)\nclass C:\n    x: int = 2\n    def f(self, n=1): return 'new', __class__\n@dataclass(slots=True, frozen=True)\nclass F:\n    x: int = 2\n    def g(self): return self.x\n",
        held="C, c, f = m.C, m.C(), m.F()\ndef frozen(thing):\n    try: thing.x = 5\n    except Exception as e: return type(e).__name__\n",
        then=(
            "m.C is C and c.f() == ('new', C) and (c.x, C().x) == (1, 2)",
            "(f.g(), m.F().g(), frozen(f)) == (1, 2, 'FrozenInstanceError')",
            "repr(C()) == 'C(x=2)'",
        ),
    ),
    Case(
        "dataclass: slots, a field added",
        DATACLASS + "@dataclass(slots=True)\nclass C:\n    x: int = 1\n",
        DATACLASS + "@dataclass(slots=True)\nclass C:\n    x: int = 1\n    y: int = 2\n",
        held="C, c = m.C, m.C()",
        then=("m.C is not C and repr(m.C()) == 'C(x=1, y=2)' and repr(c) == 'C(x=1)'",),
        notes=("its slots are x, y and were x",),
        replaced=("C",),
        settles=False,
    ),
    Case(
        "dataclass: inherited, with ClassVar and InitVar",
        DATACLASS
        + "@dataclass\nclass B:\n    x: int = 1\n@dataclass\nclass C(B):\n    y: int = 2\n    n: typing.ClassVar[int] = 5\n    i: dataclasses.InitVar[int] = 0\n",
        DATACLASS
        + "@dataclass\nclass B:\n    x: int = 1\n    added: int = 7\n@dataclass\nclass C(B):\n    y: int = 2\n    n: typing.ClassVar[int] = 6\n    i: dataclasses.InitVar[int] = 0\n    def __post_init__(self, i): self.y += i\n",
        held="B, C, c = m.B, m.C, m.C()",
        then=(
            "(m.B, m.C, C.__bases__) == (B, C, (B,)) and repr(C(i=1)) == 'C(x=1, added=7, y=3)' and c.n == 6 and c.added == 7",
        ),
        reshaped=("B", "C"),
    ),
    Case(
        "dataclass: no longer one",
        DATACLASS + "@dataclass\nclass C:\n    x: int = 1\n",
        DATACLASS + "class C:\n    x = 1\n",
        held="import dataclasses\nC, c = m.C, m.C()",
        then=("not dataclasses.is_dataclass(C) and C() != C() and c == c and not hasattr(C, '__match_args__')",),
        reshaped=("C",),
    ),
)

ENUMS = (
    Case(
        "enum: unrelated edit, member added, another order",
        ENUM + "class E(enum.Enum):\n    A = 1\n    B = 'b'\n    def f(self): return 'old'\n",
        ENUM
        + "class E(enum.Enum):\n    NEW = []\n    B = 'b'\n    A = 1\n    ALIAS = 1\n    def f(self, x=1): return 'new', self.name\n    @classmethod\n    def first(cls): return list(cls)[0]\n",
        held="E, a, b, members = m.E, m.E.A, m.E.B, m.E.__members__\ntable = {a: 1}",
        then=(
            "m.E is E and E.A is a and E('b') is b and E(1) is a and E['A'] is a and E.ALIAS is a",
            "list(E) == [E.NEW, b, a] and E.first() is E.NEW and E([]) is E.NEW and type(E.NEW) is E and isinstance(E.NEW, E)",
            "a.f() == ('new', 'A') and E.NEW.f() == ('new', 'NEW') and table[E.A] == 1",
            "list(members) == ['NEW', 'B', 'A', 'ALIAS'] and repr(E.NEW) == '<E.NEW: []>'",
            "__import__('pickle').loads(__import__('pickle').dumps(a)) is a and __import__('copy').deepcopy(b) is b",
        ),
        reshaped=(),
    ),
    Case(
        "enum: value changed, member removed",
        ENUM + "class E(enum.Enum):\n    A = 1\n    B = 2\n    C = 3\n",
        ENUM + "class E(enum.Enum):\n    A = 10\n    C = 3\n",
        held="E, a, b = m.E, m.E.A, m.E.B\ndef lookup(x):\n    try: return E(x)\n    except ValueError: return None\n",
        still=("E(1) is a and E(2) is b",),
        then=(
            "E.A is a and a.value == 10 and E(10) is a and lookup(1) is None and lookup(2) is None",
            "not hasattr(E, 'B') and len(E) == 2 and 'B' not in E.__members__",
        ),
        reshaped=("E",),
    ),
    Case(
        "enum: members become aliases, aliases members",
        ENUM + "class E(enum.Enum):\n    A = 1\n    B = 2\n    C = 1\n",
        ENUM + "class E(enum.Enum):\n    A = 1\n    B = 1\n    C = 3\n",
        held="E, a, c = m.E, m.E.A, m.E.C",
        still=("c is a",),
        then=("E.A is a and E.B is a and E.C is not a and E(3) is E.C and E.C.value == 3 and list(E) == [a, E.C]",),
        reshaped=("E",),
    ),
    Case(
        "enum: members with attributes, functools and nested names",
        ENUM + "class E(enum.Enum):\n    A = (1, 'x')\n    def __init__(self, n, s): self.n = n\n",
        ENUM
        + "class E(enum.Enum):\n    A = (1, 'x')\n    B = (2, 'y')\n    def __init__(self, n, s): self.n = n; self.s = s\n    @property\n    def both(self): return self.n, self.s\n",
        held="E, a = m.E, m.E.A",
        then=("E.A is a and (a.s, a.both, E.B.both) == ('x', (1, 'x'), (2, 'y'))",),
        reshaped=("E",),
    ),
    Case(
        "flag: composed ones stay, a name for one of them",
        ENUM + "class F(enum.Flag):\n    R = 1\n    W = 2\n    X = 4\n    def f(self): return 'old'\n",
        ENUM
        + "class F(enum.Flag):\n    R = 1\n    W = 2\n    X = 4\n    RW = 3\n    S = 8\n    def f(self, x=1): return 'new'\n",
        held="F, rw, rx = m.F, m.F.R | m.F.W, m.F.R | m.F.X",
        still=("F(3) is rw and rw.name == 'R|W' or rw.name is None",),
        then=(
            "m.F is F and F.RW is rw and F(3) is rw and rw.name == 'RW' and rw.f() == 'new'",
            "F(5) is rx and F.R | F.X is rx and rx.f() == 'new' and rx in F.R | F.X | F.S",
            "(F.S | F.R).value == 9 and ~F.R == F.W | F.X | F.S",
        ),
    ),
    Case(
        "int enum, string enum, int flag: members added",
        ENUM
        + "class I(enum.IntEnum):\n    A = 1\nclass S(enum.StrEnum):\n    A = enum.auto()\nclass F(enum.IntFlag):\n    A = 1\n    B = 2\n",
        ENUM
        + "class I(enum.IntEnum):\n    A = 1\n    B = 2\n    def f(self): return self + 1\nclass S(enum.StrEnum):\n    A = enum.auto()\n    B = enum.auto()\nclass F(enum.IntFlag):\n    A = 1\n    B = 2\n    C = 4\n",
        held="I, S, F = m.I, m.S, m.F; i, s, f, ab = I.A, S.A, F.A, F.A | F.B",
        then=(
            "I.A is i and I(1) is i and i.f() == 2 and I.B == 2 and type(I.B) is I",
            "S.A is s and S('b') is S.B and s == 'a'",
            "F.A is f and F(3) is ab and int(F.C | F.A) == 5",
        ),
    ),
    Case(
        "int enum: value changed",
        ENUM + "class I(enum.IntEnum):\n    A = 1\n    B = 2\n",
        ENUM + "class I(enum.IntEnum):\n    A = 1\n    B = 3\n",
        held="I, b = m.I, m.I.B",
        then=("m.I is not I and m.I.B == 3 and b == 2 and m.I.A == 1",),
        notes=("the value of B, which is the member itself, changed",),
        replaced=("I",),
        settles=False,
    ),
    Case(
        "enum used in defaults, tables and other classes",
        ENUM + DATACLASS + "class E(enum.Enum):\n    A = 1\n@dataclass\nclass D:\n    e: E = E.A\n",
        ENUM
        + DATACLASS
        + "class E(enum.Enum):\n    A = 1\n    B = 2\n@dataclass\nclass D:\n    e: E = E.A\n    f: E = E.B\ntable = {E.A: E.B, E.B: (E.A,)}\ndef g(e=E.A, *, f=E.B): return e, f\n",
        held="E, a = m.E, m.E.A",
        then=(
            "m.D().e is a and m.D().f is E.B and m.table == {a: E.B, E.B: (a,)} and m.g() == (a, E.B) and m.D.e is a",
        ),
        reshaped=("D",),
        settles=False,
    ),
)

ABSTRACT = (
    Case(
        "abstract base class: method becomes abstract, and another one concrete",
        "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n    def g(self): return 1\n",
        "import abc\nclass A(abc.ABC):\n    def f(self): return 'new'\n    @abc.abstractmethod\n    def g(self): ...\n",
        held="A = m.A\nclass B(A):\n    def f(self): return 'own'\nclass D(A):\n    def g(self): return 2\ndef make(cls):\n    try: return cls()\n    except TypeError: return None\n",
        still=("make(B) and not make(D) and not make(A)",),
        then=(
            "m.A is A and not make(B) and make(D).f() == 'new' and not make(A)",
            "B.__abstractmethods__ == {'g'} and D.__abstractmethods__ == frozenset()",
        ),
    ),
    Case(
        "abstract base class: no longer abstract, registered classes stay",
        "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nclass Own: pass\nA.register(Own)\n",
        "import abc\nclass A(abc.ABC):\n    def f(self): return 'new'\nclass Own: pass\nA.register(Own)\nclass More: pass\nA.register(More)\n",
        held="A, own = m.A, m.Own()\nclass V: pass\nA.register(V)\nisinstance(V(), A), isinstance('', A)",
        still=("isinstance(V(), A) and isinstance(own, A) and not isinstance('', A)",),
        then=(
            "isinstance(V(), A) and isinstance(own, A) and not isinstance('', A) and isinstance(m.More(), A)",
            "A().f() == 'new'",
        ),
    ),
    Case(
        "abstract base class: __subclasshook__ edited",
        "import abc\nclass A(abc.ABC):\n    @classmethod\n    def __subclasshook__(cls, other): return hasattr(other, 'old')\n",
        "import abc\nclass A(abc.ABC):\n    @classmethod\n    def __subclasshook__(cls, other): return hasattr(other, 'new')\n",
        held="class O: old = 1\nclass N: new = 1\nisinstance(O(), m.A), isinstance(N(), m.A)",
        still=("isinstance(O(), m.A) and not isinstance(N(), m.A)",),
        then=("not isinstance(O(), m.A) and isinstance(N(), m.A)",),
    ),
    Case(
        "abstract property, and an abstract method of an enumeration's mixin",
        "import abc\nclass A(abc.ABC):\n    @property\n    @abc.abstractmethod\n    def p(self): ...\n",
        "import abc\nclass A(abc.ABC):\n    @property\n    def p(self): return 'new'\n",
        held="A = m.A",
        then=("A().p == 'new'",),
    ),
    Case(
        "protocol",
        "from typing import Protocol, runtime_checkable\n@runtime_checkable\nclass P(Protocol):\n    def f(self): ...\n",
        "from typing import Protocol, runtime_checkable\n@runtime_checkable\nclass P(Protocol):\n    def f(self): ...\n    def g(self): ...\n",
        held="P = m.P\nclass F:\n    def f(self): ...\nclass G(F):\n    def g(self): ...\nclass Sub(P): pass\nisinstance(F(), P)",
        still=("isinstance(F(), P) and isinstance(G(), P)",),
        then=(
            "m.P is P and not isinstance(F(), P) and isinstance(G(), P) and issubclass(G, P) and isinstance(Sub(), P)",
        ),
    ),
    Case(
        "generic",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass G(Generic[T]):\n    def f(self): return 'old'\n",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nU = TypeVar('U')\nclass G(Generic[T, U]):\n    def f(self, x=1): return 'new'\nclass Of(G[int, str]): pass\nalias = G[int, str]\n",
        held="G, g = m.G, m.G[int]()",
        still=("len(G.__parameters__) == 1",),
        then=(
            "m.G is G and g.f() == 'new' and G.__parameters__ == (m.T, m.U) and G[int, str]().f() == 'new'",
            "m.Of.__bases__ == (G,) and m.Of.__orig_bases__[0].__origin__ is G and m.alias.__origin__ is G",
        ),
        settles=False,
    ),
    Case(
        "TypedDict",
        "from typing import TypedDict\nclass D(TypedDict):\n    x: int\n",
        "from typing import TypedDict, NotRequired\nclass D(TypedDict):\n    x: int\n    y: NotRequired[str]\n",
        held="D = m.D",
        then=("m.D is D and D.__required_keys__ == {'x'} and D.__optional_keys__ == {'y'} and D(x=1) == {'x': 1}",),
    ),
    Case(
        "NamedTuple",
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    def f(self): return 'old'\n",
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 2\n    def f(self, n=1): return 'new', self.x\n",
        held="P, p = m.P, m.P(1); make = P._make",
        then=(
            "m.P is P and p.f() == ('new', 1) and P(5) == (5, 2) and P(5).y == 2 and repr(P(5)) == 'P(x=5, y=2)'",
            "P._fields == ('x', 'y') and P(1)._replace(y=9) == (1, 9) and P._make([3, 4]).y == 4 and P(1)._asdict() == {'x': 1, 'y': 2}",
            "__import__('pickle').loads(__import__('pickle').dumps(P(7))) == (7, 2)",
        ),
        reshaped=("P",),
        settles=False,
    ),
)

TUPLES = (
    Case(
        "NamedTuple: as many fields, but others",
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int\n",
        "from typing import NamedTuple\nclass P(NamedTuple):\n    y: int\n    z: int\n",
        held="P, p = m.P, m.P(1, 2)",
        then=("m.P is not P and m.P(1, 2).z == 2 and p.x == 1",),
        notes=("its fields are y, z and were x, y",),
        replaced=("P",),
        settles=False,
    ),
    Case(
        "enumeration of integers by a mixin",
        "import enum\nclass I(int, enum.Enum):\n    A = 1\n",
        "import enum\nclass I(int, enum.Enum):\n    A = 1\n    B = 2\n    def f(self): return self + 1\n",
        held="I, a = m.I, m.I.A",
        then=(
            "m.I is I and I.A is a and I(2) is I.B and type(I.B) is I and I.B == 2 and I.B.name == 'B' and I.B.f() == 3",
        ),
    ),
)

LIBRARIES = (
    Case(
        "attrs: define, fields that stay",
        "import attrs\n@attrs.define\nclass C:\n    x: int = 1\n    def f(self): return 'old'\n@attrs.frozen\nclass F:\n    x: int = 1\n",
        "import attrs\n@attrs.define\nclass C:\n    x: int = 2\n    def f(self, n=1): return 'new', super().__hash__, self.x\n@attrs.frozen\nclass F:\n    x: int = 2\n    def g(self): return self.x\n",
        held="import attrs\nC, c, f = m.C, m.C(), m.F()",
        then=(
            "m.C is C and c.f()[::2] == ('new', 1) and C().x == 2 and repr(C()) == 'C(x=2)' and C() == C(2)",
            "(f.g(), m.F().g()) == (1, 2) and hash(f) == hash(m.F(1)) and attrs.evolve(f, x=3).x == 3",
        ),
        settles=False,
    ),
    Case(
        "attrs: with slots, a field added",
        "import attrs\n@attrs.define\nclass C:\n    x: int = 1\n",
        "import attrs\n@attrs.define\nclass C:\n    x: int = 1\n    y: int = 2\n",
        held="C, c = m.C, m.C()",
        then=("m.C is not C and repr(m.C()) == 'C(x=1, y=2)' and repr(c) == 'C(x=1)'",),
        notes=("its slots are",),
        replaced=("C",),
        settles=False,
    ),
    Case(
        "attrs: without slots, a field added",
        "import attrs\n@attrs.define(slots=False)\nclass C:\n    x: int = 1\n    def f(self): return 'old'\n",
        "import attrs\n@attrs.define(slots=False)\nclass C:\n    x: int = 1\n    y: list = attrs.field(factory=list)\n    def f(self, n=1): return 'new', __class__\n",
        held="import attrs\nC, c = m.C, m.C()",
        then=(
            "m.C is C and repr(C(3)) == 'C(x=3, y=[])' and c.f() == ('new', C) and [a.name for a in attrs.fields(C)] == ['x', 'y']",
            "attrs.asdict(C(1)) == {'x': 1, 'y': []}",
        ),
        reshaped=("C",),
        settles=False,
    ),
    Case(
        "pydantic",
        "import pydantic\nclass M(pydantic.BaseModel):\n    x: int = 1\n    def f(self): return 'old'\nclass User(pydantic.BaseModel):\n    m: M\n",
        "import pydantic\nclass M(pydantic.BaseModel):\n    x: int = 1\n    y: str = 'y'\n    @pydantic.field_validator('x')\n    @classmethod\n    def double(cls, v): return v * 2\n    def f(self, n=1): return 'new', super().model_dump()\nclass User(pydantic.BaseModel):\n    m: M\n",
        held="import pydantic\nM, a = m.M, m.M(x=3)\nclass Elsewhere(pydantic.BaseModel):\n    m: M\n    many: list[M] = []\nElsewhere(m={'x': 1})",
        still=("M(x=5).x == 5 and type(Elsewhere(m={'x': 1}).m) is M",),
        then=(
            "m.M is M and M(x=5).x == 10 and M(x='5', y='z').model_dump() == {'x': 10, 'y': 'z'} and type(M(x=1)) is M and type(M.model_validate({})) is M",
            "M(x=1).f() == ('new', {'x': 2, 'y': 'y'}) and list(M.model_fields) == ['x', 'y'] and 'y' in M.model_json_schema()['properties']",
            "type(Elsewhere(m={'x': 1}).m) is M and Elsewhere(m={'x': 1}).m.y == 'y' and Elsewhere(m={}, many=[{'x': 4}]).many[0].x == 8",
            "type(m.User(m={'x': 1}).m) is M and m.User(m=M(x=1)).m.y == 'y'",
        ),
        reshaped=("M",),
        settles=False,
    ),
    Case(
        "pydantic: dataclasses, and who has them in a field",
        "import pydantic\nfrom pydantic.dataclasses import dataclass\n@dataclass\nclass D:\n    x: int = 1\n",
        "import pydantic\nfrom pydantic.dataclasses import dataclass\n@dataclass\nclass D:\n    x: int = 1\n    y: str = 'y'\n    @pydantic.field_validator('x')\n    @classmethod\n    def double(cls, v): return v * 2\n    def f(self): return 'new'\n",
        held="import dataclasses, pydantic\nD, a = m.D, m.D(3)\nOuter = pydantic.dataclasses.dataclass(dataclasses.make_dataclass('Outer', [('d', D)]))\nclass Elsewhere(pydantic.BaseModel):\n    d: D",
        still=("D('5').x == 5 and type(Elsewhere(d={'x': 1}).d) is D and type(Outer(d={'x': 1}).d) is D",),
        then=(
            "m.D is D and D('5') == D(5) and D('5').x == 10 and D(1, 'z').y == 'z' and isinstance(a, D) and a.f() == 'new'",
            "type(Elsewhere(d={'x': 1}).d) is D and Elsewhere(d={'x': 1}).d.y == 'y'",
            "type(Outer(d={'x': 2}).d) is D and (Outer(d={'x': 2}).d.x, Outer(d={}).d.y) == (4, 'y')",
        ),
        reshaped=("D",),
        settles=False,
    ),
    Case(
        "pydantic: models of models that have it in a field, and type adapters",
        "import pydantic\nclass M(pydantic.BaseModel):\n    x: int = 1\n",
        "import pydantic\nclass M(pydantic.BaseModel):\n    x: int = 1\n    y: str = 'y'\n",
        held="import pydantic\nM = m.M\nclass Outer(pydantic.BaseModel):\n    m: M\nclass Outermost(pydantic.BaseModel):\n    many: list[Outer]\nadapter = pydantic.TypeAdapter(dict[str, list[M]])\ndeep = pydantic.TypeAdapter(Outermost | None)",
        still=("adapter.validate_python({'a': [{'x': 2}]})['a'][0].model_dump() == {'x': 2}",),
        then=(
            "adapter.validate_python({'a': [{'x': 2}]})['a'][0].model_dump() == {'x': 2, 'y': 'y'}",
            "type(adapter.validate_json('{\"a\": [{}]}')['a'][0]) is M and 'y' in str(adapter.json_schema())",
            "Outermost(many=[{'m': {}}]).many[0].m.y == 'y' and deep.validate_python({'many': [{'m': {}}]}).many[0].m.y == 'y'",
        ),
        reshaped=("M",),
        settles=False,
    ),
    Case(
        "pydantic: a class that was made at run time of one that gets a field",
        "import pydantic, typing\nT = typing.TypeVar('T')\nclass G(pydantic.BaseModel, typing.Generic[T]):\n    x: T\n",
        "import pydantic, typing\nT = typing.TypeVar('T')\nclass G(pydantic.BaseModel, typing.Generic[T]):\n    x: T\n    y: int = 1\n    def f(self): return 'new'\n",
        held="G, of_int = m.G, m.G[int]",
        then=("m.G is G and G(x=1).y == 1 and of_int(x=1).f() == 'new' and list(of_int.model_fields) == ['x']",),
        notes=("G[int]: has copied the fields of G, and does not get its new ones",),
        reshaped=("G",),
        settles=False,
    ),
    Case(
        "msgspec: methods",
        "import msgspec\nclass S(msgspec.Struct):\n    x: int = 1\n    def f(self): return 'old'\n",
        "import msgspec\nclass S(msgspec.Struct):\n    x: int = 1\n    def f(self, n=1): return 'new', self.x\n    @property\n    def p(self): return self.x + 1\n",
        held="import msgspec\nS, s = m.S, m.S(5)",
        then=(
            "m.S is S and s.f() == ('new', 5) and s.p == 6 and msgspec.json.decode(msgspec.json.encode(s), type=S) == s",
        ),
    ),
    Case(
        "msgspec: fields",
        "import msgspec\nclass S(msgspec.Struct):\n    x: int = 1\n",
        "import msgspec\nclass S(msgspec.Struct):\n    x: int = 1\n    y: int = 2\n",
        held="import msgspec\nS, s = m.S, m.S(5)",
        then=("m.S is not S and m.S(5).y == 2",),
        notes=("S: is a new class",),
        replaced=("S",),
        settles=False,
    ),
    Case(
        "msgspec: options, types and defaults of fields",
        "import msgspec\nclass A(msgspec.Struct):\n    x: int = 1\nclass B(msgspec.Struct):\n    x: int = 1\nclass C(msgspec.Struct):\n    x: int = 1\n",
        "import msgspec\nclass A(msgspec.Struct, frozen=True):\n    x: int = 1\nclass B(msgspec.Struct):\n    x: str = 1\nclass C(msgspec.Struct):\n    x: int = 2\n",
        then=("m.C().x == 2 and m.A.__struct_config__.frozen",),
        notes=("the options of the struct", "the types of fields of the struct", "the defaults of the struct"),
        replaced=("A", "B", "C"),
        settles=False,
    ),
)

CASES = each(*DATACLASSES, *ENUMS, *ABSTRACT, *TUPLES, *LIBRARIES)


@CASES
def test_class_of_each_kind_is_edited_in_place_or_says_why_not(case: Case) -> None:
    """What its decorator or metaclass has made of it is new, too."""
    check_edit(case)


@CASES
def test_undone_at_any_step_the_class_of_each_kind_is_as_before(case: Case) -> None:
    """With its fields, its members, its abstract methods and its validators."""
    check_undo(case)


@CASES
def test_class_of_each_kind_edited_to_what_it_is_stays_as_it_is(case: Case) -> None:
    """Nothing is done twice."""
    check_again(case)
