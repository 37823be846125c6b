"""What an edit means, definition by definition, told before anything runs."""

# ruff: noqa: E501 - a case is easiest to read on one line

import msgspec
import pytest

from otpy.code.verdicts import DefinitionChange, verdicts
from otpy.code.version import read_version

Told = list[tuple[str, str, str]]


def _told(old: str, new: str) -> Told:
    """Return name, verdict and detail of all that is not unchanged."""
    found = verdicts(read_version("m", old), read_version("m", new, number=2))
    return [(change.name, change.verdict, change.detail) for change in found if change.verdict != "unchanged"]


DATA = "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
ENUM = "import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\n"
INIT = "class A:\n    def __init__(self, a):\n        self.a = a\n"

CASES: list[tuple[str, str, str, Told]] = [
    ("nothing", "def f(): pass\nx = 1\n", "# comment\n\nx = 1\ndef f(): pass\n", []),
    ("docs", 'def f():\n    """A."""\n', 'def f():\n    """B."""\n', [("f", "documented", "")]),
    ("body", "def f(): return 1", "def f(): return 2", [("f", "body", "")]),
    ("body of a decorated function", "@d\ndef f(): return 1", "@d\ndef f(): return 2", [("f", "body", "")]),
    ("body of a nested function", "def f():\n    def g(): return 1\n    return g", "def f():\n    def g(): return 2\n    return g", [("f", "body", "")]),
    ("lambda", "f = lambda x: x", "f = lambda x: x + 1", [("f", "body", "")]),
    ("lambda with other arguments", "f = lambda x: x", "f = lambda y: y", [("f", "value", "lambda x: x -> lambda y: y")]),
    ("signature", "def f(a, b): pass", "def f(a, b, c=1): pass", [("f", "signature", "signature (a, b) -> (a, b, c=1)")]),
    ("return annotation", "def f(): pass", "def f() -> int: pass", [("f", "signature", "signature () -> () -> int")]),
    ("async", "def f(): pass", "async def f(): pass", [("f", "signature", "is a coroutine function now")]),
    ("generator", "def f(): return 1", "def f(): yield 1", [("f", "signature", "is a generator now")]),
    ("yield of an inner function", "def f(): return 1", "def f():\n    def g(): yield 1\n    return 1", [("f", "body", "")]),
    ("decorator", "def f(): pass", "@d\ndef f(): pass", [("f", "decorator", "decorated with nothing -> @d")]),
    ("added and removed", "def f(): pass", "def g(): pass", [("g", "added", ""), ("f", "removed", "")]),
    ("value", "x = 1", "x = 2", [("x", "value", "1 -> 2")]),
    ("function turned value", "def f(): pass", "f = 1", [("f", "value", "function -> assignment")]),
    ("statement gone", "register(1)", "", [("register(1)", "removed", "it is not run any more; what it did stays")]),
    ("import", "import a", "import a, b", [("a, b", "added", ""), ("a", "removed", "")]),
    ("method body", "class A:\n    def f(self): return 1", "class A:\n    def f(self): return 2", [("A.f", "body", "")]),
    ("method added", "class A: pass", "class A:\n    def f(self): pass", [("A.f", "added", "")]),
    ("method removed", "class A:\n    def f(self): pass", "class A: pass", [("A.f", "removed", "")]),
    ("method docs", "class A:\n    def f(self):\n        'a'", "class A:\n    def f(self):\n        'b'", [("A.f", "documented", "")]),
    ("class docs", "class A:\n    'a'\n    x = 1", "class A:\n    'b'\n    x = 1", [("A", "documented", "")]),
    ("class attribute", "class A:\n    x = 1", "class A:\n    x = 2", [("A.x", "attribute", "1 -> 2")]),
    ("class attribute added", "class A: pass", "class A:\n    x = 2", [("A.x", "attribute", "added, 2")]),
    ("class attribute removed", "class A:\n    x = 2", "class A: pass", [("A.x", "attribute", "removed")]),
    ("property turned method", "class A:\n    @property\n    def f(self): pass", "class A:\n    def f(self): pass", [("A.f", "property", "decorated with @property -> nothing")]),
    ("nested class", "class A:\n    class B:\n        def f(self): return 1", "class A:\n    class B:\n        def f(self): return 2", [("A.B.f", "body", "")]),
    ("setter body", "class A:\n    @property\n    def f(self): return 1\n    @f.setter\n    def f(self, x): pass", "class A:\n    @property\n    def f(self): return 1\n    @f.setter\n    def f(self, x): self.x = x", [("A.f#2", "body", "")]),
    ("base", "class A(B): pass", "class A(C): pass", [("A", "shape", "base B -> C")]),
    ("metaclass", "class A: pass", "class A(metaclass=M): pass", [("A", "shape", "class arguments (none) -> (metaclass=M)")]),
    ("slots", "class A: pass", "class A:\n    __slots__ = ('a',)", [("A", "shape", "__slots__ none -> ('a',)")]),
    ("field added", DATA, DATA + "    currency: str = 'EUR'\n", [("A", "shape", "field currency added, default 'EUR'")]),
    ("required field added", DATA, DATA + "    y: str\n", [("A", "shape", "field y added, no default")]),
    ("field removed", DATA + "    y: int = 1\n", DATA, [("A", "shape", "field y removed")]),
    ("field type", DATA, DATA.replace("int", "str"), [("A", "shape", "field x: int -> str")]),
    ("field default", DATA, DATA.replace("int", "int = 1"), [("A", "shape", "field x: default none -> 1")]),
    ("field order", DATA + "    y: int\n", DATA.replace("    x: int\n", "    y: int\n    x: int\n"), [("A", "shape", "fields in another order")]),
    ("dataclass arguments", DATA, DATA.replace("@dataclass", "@dataclass(frozen=True)"), [("A", "shape", "decorated with @dataclass -> @dataclass(frozen=True)")]),
    ("class variable of a dataclass", DATA, DATA + "    y: ClassVar[int] = 1\n", [("A.y", "attribute", "added, 1")]),
    ("struct field", "import msgspec as m\nclass S(m.Struct):\n    a: int", "import msgspec as m\nclass S(m.Struct):\n    a: int\n    b: int = 0", [("S", "shape", "field b added, default 0")]),
    ("field of a class with such a base", "from pydantic import BaseModel as M\nclass A(M): pass\nclass B(A):\n    x: int", "from pydantic import BaseModel as M\nclass A(M): pass\nclass B(A):\n    x: str", [("B", "shape", "field x: int -> str")]),
    ("annotation of a plain class", "class A:\n    x: int = 1", "class A:\n    x: str = 1", [("A.x", "attribute", "1 -> 1")]),
    ("annotation of a class with a foreign base", "from app import Base\nclass A(Base):\n    x: int = 1", "from app import Base\nclass A(Base):\n    x: str = 1", [("A", "shape", "field x: int -> str")]),
    ("enum member added", ENUM, ENUM + "    C = 3\n", [("E", "attribute", "member C added")]),
    ("enum member removed", ENUM, ENUM.replace("    B = 2\n", ""), [("E", "shape", "member B removed")]),
    ("enum member changed", ENUM, ENUM.replace("B = 2", "B = 4"), [("E", "shape", "member B: 2 -> 4")]),
    ("new attribute in __init__", INIT, INIT + "        self.b, self.c = a\n        self.d = []\n", [("A.__init__", "body", ""), ("A", "shape", "__init__ sets self.b"), ("A", "shape", "__init__ sets self.c"), ("A", "shape", "__init__ sets self.d = []")]),
    ("attribute gone from __init__", INIT + "        self.b = a\n", INIT, [("A.__init__", "body", ""), ("A", "shape", "__init__ no longer sets self.b")]),
    ("attribute gone from __init__ to another method", INIT + "        self.b = a\n", INIT + "    def f(self): self.b = 1\n", [("A.__init__", "body", ""), ("A.f", "added", "")]),
    ("attribute gone with __init__", "class A:\n    def __init__(self): self.b = 1\n", "class A: pass", [("A.__init__", "removed", ""), ("A", "shape", "__init__ no longer sets self.b")]),
    ("derived value", "x = 1\ny = x + 1", "x = 2\ny = x + 1", [("x", "value", "1 -> 2"), ("y", "derived", "uses x")]),
    ("derived by a call", "def mk(): return 1\nn = mk()", "def mk(): return 2\nn = mk()", [("mk", "body", ""), ("n", "derived", "uses mk")]),
    ("derived by a call of a call", "def h(): return 1\ndef mk(): return h()\nn = mk()", "def h(): return 2\ndef mk(): return h()\nn = mk()", [("h", "body", ""), ("n", "derived", "uses h")]),
    ("only passed on", "def f(): return 1\nt = [f]", "def f(): return 2\nt = [f]", [("f", "body", "")]),
    ("derived through a class", "class A:\n    x = 1\ny = A.x\nz = A", "class A:\n    x = 2\ny = A.x\nz = A", [("A.x", "attribute", "1 -> 2"), ("y", "derived", "uses A")]),
    ("subclass of a reshaped class", DATA + "class B(A): pass", DATA + "    y: int = 1\nclass B(A): pass", [("A", "shape", "field y added, default 1"), ("B", "derived", "uses A")]),
    ("subclass of an edited class", "class A:\n    def f(self): pass\nclass B(A): pass", "class A:\n    def g(self): pass\nclass B(A): pass", [("A.g", "added", ""), ("A.f", "removed", "")]),
    ("wrapper of a decorator", "def d(f):\n    def w(): return f()\n    return w\n@d\ndef g(): pass", "def d(f):\n    def w(): return f() + 1\n    return w\n@d\ndef g(): pass", [("d", "body", "")]),
    ("decorator itself", "def d(f):\n    return f\n@d\ndef g(): pass", "def d(f):\n    return None\n@d\ndef g(): pass", [("d", "body", ""), ("g", "derived", "uses d")]),
    ("name that is gone", "x = 1\ny = [x]", "y = [x]", [("y", "derived", "uses x"), ("x", "removed", "")]),
    ("class removed", "class A: pass", "", [("A", "removed", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_verdict(old: str, new: str, told: Told) -> None:
    """Each definition, and each edited member of a class, by what has to be done with it."""
    assert _told(old, new) == told


def test_everything_is_added_to_nothing() -> None:
    """A module that is loaded for the first time."""
    found = verdicts(None, read_version("m", "x = 1\nclass A: pass"))
    assert [(change.name, change.verdict) for change in found] == [("x", "added"), ("A", "added")]


def test_lines_are_those_of_the_new_source() -> None:
    """Of what was removed, those of the old one; a decorated function begins at its decorator."""
    old = read_version("m", "def gone(): pass\nclass A:\n    @d\n    def f(self): return 1\n")
    new = read_version("m", "\n\nclass A:\n    @d\n    def f(self): return 2\n")
    assert [(change.name, change.line) for change in verdicts(old, new)] == [("A.f", 4), ("gone", 1)]


def test_change_is_a_value_that_can_be_stored_and_read() -> None:
    """Plans keep them; people read them."""
    (change,) = verdicts(read_version("m", "def f(a): pass"), read_version("m", "def f(b): pass"))
    assert msgspec.json.decode(msgspec.json.encode(change), type=DefinitionChange) == change
    assert str(change) == "m.f: signature (a) -> (b)"
    assert str(DefinitionChange("m", "f", "cannot", 1, "no", "do this")) == "m.f: cannot no (do this)"
