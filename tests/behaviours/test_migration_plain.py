"""States as bytes and back: what a snapshot keeps, and what it says that it cannot."""

# ruff: noqa: E501 - a case is easiest to read on one line

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import pathlib
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.behaviours.migrations import plain
from otpy.behaviours.migrations.plain_types import registered
from otpy.errors import MigrationFailed
from tests.behaviours.migration_kit import forget_kinds, module_of
from tests.behaviours.test_migrations import KINDS


@pytest.fixture(autouse=True)
def kinds_module() -> Iterator[None]:
    """Leave no module `kinds` and no registered type behind."""
    before = dict(registered)
    yield
    forget_kinds()
    registered.clear()
    registered.update(before)


def there_and_back(state: Any) -> Any:
    """Return what comes back of *state*."""
    stored = plain.to_bytes(state)
    assert stored.left_out == ()
    assert isinstance(stored.data, bytes)
    return plain.from_bytes(stored.data)


VALUES: list[Any] = [
    *(None, True, 0, -(2**63), 2**63, 2**200, 1.5, "text", "", b"bytes", 1 + 2j, range(3), bytearray(b"x")),
    *([], [1, [2]], (), (1, (2,)), {}, {"k": [1]}, {(1, 2): "t", 3: None}, {1, 2}, frozenset([1, (2,)])),
    *(collections.deque([1, 2], maxlen=3), collections.Counter("aab"), collections.OrderedDict(b=1, a=2)),
    collections.defaultdict(list, k=[1]),
    *(datetime.date(2026, 1, 2), datetime.time(1, 2, 3, 4), datetime.timedelta(1, 2, 3)),
    *(datetime.datetime(2026, 1, 2, 3), datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC)),  # noqa: DTZ001 - both
    *(decimal.Decimal("1.20"), fractions.Fraction(1, 3), uuid.UUID(int=5), pathlib.Path("a/b")),
    *([["@", 1], ["#", "2"]], {"@": 1}, [int, collections.OrderedDict]),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plain_value_comes_back(value: Any) -> None:
    """Of the same type, and equal."""
    made = there_and_back(value)
    assert made == value
    assert type(made) is type(value)
    assert list(made) == list(value) if isinstance(value, dict) else True


STORED = [
    kind
    for kind in KINDS
    if not any(
        word in kind.name
        for word in ("subclass", "exception", "function", "method", "partial", "closure", "weak", "lru_cache", "proxy", "metaclass")
    )
]  # fmt: skip


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.name)
def test_object_comes_back_by_its_fields(kind: Any) -> None:
    """Every kind of instance, with sharing and cycles: what is stored of the copy is what was stored of the state."""
    state = kind.make(module_of(kind.old))
    stored = plain.to_bytes(state)
    assert stored.left_out == ()
    assert stored.data is not None
    made = plain.from_bytes(stored.data)
    assert type(made) is type(state)
    assert made is not state or not isinstance(state, list)
    assert plain.to_bytes(made) == stored


LEFT_OUT: list[tuple[str, Callable[[Any], Any], str]] = [
    ("lock", lambda m: {"rows": [1, threading.Lock()]}, "state['rows'][1]: a _thread.lock"),
    ("function", lambda m: [print], "state[0]: a builtins.builtin_function_or_method"),
    ("attribute", lambda m: m.A(threading.Event()), "state.x: a threading.Event"),
    ("key", lambda m: {print: 1}, "state[…]: a builtins.builtin_function_or_method"),
    ("dict subclass", lambda m: [m.D()], "state[0]: a kinds.D"),
    ("class of a function", lambda m: m.local(), "state: a kinds.local.<locals>.L"),
]


@pytest.mark.parametrize(("make", "words"), [case[1:] for case in LEFT_OUT], ids=[case[0] for case in LEFT_OUT])
def test_what_cannot_be_stored_is_named(make: Callable[[Any], Any], words: str) -> None:
    """Half a state is none: nothing is stored, and it is said what stands in the way, and where."""
    source = "@dataclass\nclass A:\n    x: object\nclass D(dict):\n    pass\ndef local():\n    class L:\n        pass\n    return L()\n"
    stored = plain.to_bytes(make(module_of(source)))
    assert stored.data is None
    assert stored.left_out == (words,)


def test_unpaired_surrogate_is_named() -> None:
    """msgpack holds UTF-8 only."""
    assert plain.to_bytes(["\ud800"]).data is None


def test_registered_type_is_stored_as_its_author_says() -> None:
    """A type that is not made of fields may be taught."""
    module = module_of("class D(dict):\n    pass\n")
    plain.register(module.D, write=dict, read=module.D)
    made = there_and_back([module.D(k=(1, 2))])
    assert type(made[0]) is module.D
    assert made == [{"k": (1, 2)}]


def test_stored_state_is_read_by_a_later_version() -> None:
    """A field that was renamed, one that was added and one that is gone: as the migration would have it."""
    old = module_of("@dataclass\nclass A:\n    euros: int\n    gone: int = 0\n")
    data = plain.to_bytes([old.A(5)]).data
    assert data is not None
    new = module_of(
        "import otpy\n@otpy.renamed(fields={'euros': 'amount'})\n@dataclass\nclass A:\n    amount: int\n    unit: str = 'EUR'\n"
    )
    made = plain.from_bytes(data)
    assert made == [new.A(5)]
    assert vars(made[0]) == {"amount": 5, "unit": "EUR"}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "kinds.A, which is not there"),
        ("@dataclass\nclass A:\n    x: int\n    region: str\n", "without 'region'"),
    ],
)
def test_state_that_cannot_be_read_says_why(source: str, words: str) -> None:
    """The class or the field is named."""
    data = plain.to_bytes(module_of("@dataclass\nclass A:\n    x: int\n").A(1)).data
    assert data is not None
    module_of(source)
    with pytest.raises(MigrationFailed, match=words):
        plain.from_bytes(data)


@pytest.mark.parametrize("data", [b"", b"junk", msgspec.msgpack.encode([99, None, []])])
def test_bytes_of_another_kind_are_refused(data: bytes) -> None:
    """Not what to_bytes has made, or by another version of otpy."""
    with pytest.raises(ValueError, match="stored"):
        plain.from_bytes(data)


def test_depth_does_not_matter() -> None:
    """A list in a list, 30,000 times."""
    state: list[Any] = []
    for _ in range(30_000):
        state = [state]
    made, depth = there_and_back(state), 0
    while made:
        (made,), depth = made, depth + 1
    assert depth == 30_000


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(state=trees)
def test_any_tree_comes_back(state: Any) -> None:
    """Whatever it is made of."""
    assert there_and_back(state) == state


# -- only so much of it ------------------------------------------------------------------------------

BIG = 10_000_000

ENORMOUS: dict[str, Callable[[], Any]] = {
    "list": lambda: [0] * BIG,
    "dict": lambda: dict.fromkeys(range(BIG // 10)),
    "nested": lambda: [[[0] * 100] * 100] * 100_000,
    "text": lambda: {"text": "x" * BIG},
    "long key": lambda: {"x" * BIG: 1},
    "bytearray": lambda: [bytearray(BIG)],
}


@pytest.mark.parametrize("make", ENORMOUS.values(), ids=ENORMOUS)
def test_what_is_too_big_is_not_walked_to_its_end(make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken down while processes rest: what it costs is bounded by the room, whatever the state is."""
    state, walked = make(), list[object]()
    value = plain.Writer.value

    def counted(self: plain.Writer, part: Any, where: str) -> Any:
        walked.append(part)
        return value(self, part, where)

    monkeypatch.setattr(plain.Writer, "value", counted)
    stored = plain.to_bytes(state, plain.Room(16_000))
    assert stored == plain.Stored(None, ("state: too big: only about 16000 bytes are kept",))
    assert len(walked) <= 1001


def test_what_there_is_room_for_is_stored_as_ever() -> None:
    """Up to the last byte that was given."""
    state = {"text": "x" * 900, "list": [1, 2]}
    whole = plain.to_bytes(state)
    assert plain.to_bytes(state, plain.Room(2000)) == whole
    assert plain.to_bytes(state, plain.Room(900)).data is None
