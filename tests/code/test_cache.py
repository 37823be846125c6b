"""What was compiled once is not compiled again, also after a restart; and nothing wrong is ever taken for it."""

import pytest

from otpy.code import cache as caching
from otpy.code.cache import Cache, key_of
from otpy.code.definitions import fingerprints
from otpy.code.parsed import Parsed, from_bytes, read_source, to_bytes
from otpy.errors import CompilationFailed

SOURCE = '''"""Doc."""
from __future__ import annotations
import os
__vsn__ = ("1", 2)
LIMIT: int = 3
def f(x=LIMIT):
    """F."""
    return os.path.join(x)
class A:
    def g(self): return lambda: f(1)
N = f("1")
'''


class Store:
    """A store in memory."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """What was put."""
        return self.values.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Keep it."""
        self.values[key] = value


def _equal(one: Parsed, other: Parsed) -> bool:
    return (one, one.code, fingerprints(one.definitions)) == (other, other.code, fingerprints(other.definitions))


def test_same_source_is_the_same_object() -> None:
    """The second time nothing is parsed."""
    cache = Cache()
    first = cache.read(SOURCE, shown="m")
    assert cache.read(SOURCE, shown="other") is first
    assert (cache.stats().hits, cache.stats().misses, cache.stats().entries, cache.stats().size) == (
        1,
        1,
        1,
        len(SOURCE),
    )


@pytest.mark.parametrize("source", [SOURCE, "", "x = 1\n", "__vsn__ = str(1)\n", "def f():\n    yield '\\ud800'\n"])
def test_what_is_read_back_is_what_was_written(source: str) -> None:
    """All of it: definitions, code, version, flags; the tree is parsed when it is asked for."""
    parsed = read_source(source, shown="m")
    data = to_bytes(parsed)
    assert data is not None
    back = from_bytes(data, source)
    assert back is not None
    assert _equal(parsed, back)
    assert [len(d.nodes) for d in back.definitions] == [len(d.nodes) for d in parsed.definitions]


def test_hits_survive_a_restart() -> None:
    """A new cache over the same store parses nothing."""
    store = Store()
    before, after = Cache(), Cache()
    before.store = after.store = store
    first = before.read(SOURCE, shown="m")
    second = after.read(SOURCE, shown="m")
    assert second is not first
    assert _equal(first, second)
    assert (after.stats().stored_hits, after.stats().misses) == (1, 0)


def test_damaged_bytes_are_not_read() -> None:
    """A bit that fell over in the store is a miss, and is written anew."""
    store = Store()
    cache = Cache()
    cache.store = store
    cache.read(SOURCE, shown="m")
    ((key, data),) = store.values.items()
    store.values[key] = data[:-1] + bytes([data[-1] ^ 1])
    cache.clear()
    cache.read(SOURCE, shown="m")
    assert cache.stats().misses == 2
    assert store.values[key] == data


def test_key_tells_policies_and_texts_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """And Python versions, and formats; no two of them run into each other."""
    keys = {key_of("x"), key_of("x", "strict"), key_of("strictx"), key_of("x", "s"), key_of("y")}
    monkeypatch.setattr(caching, "FORMAT", 2)
    keys.add(key_of("x"))
    monkeypatch.setattr(caching, "MAGIC_NUMBER", b"abcd")
    keys.add(key_of("x"))
    assert len(keys) == 7


def test_under_another_policy_nothing_is_known() -> None:
    """What was read under the old one is known again when that is in force again."""
    cache = Cache()
    first = cache.read("x = 1", shown="x.py")
    cache.policy = "strict"
    assert cache.read("x = 1", shown="x.py") is not first
    cache.policy = ""
    assert cache.read("x = 1", shown="x.py") is first


def test_size_and_age_are_limited() -> None:
    """What was used last stays."""
    now = [0.0]
    cache = Cache(max_size=20, max_age=10.0, clock=lambda: now[0])
    for number in range(4):
        cache.read(f"x = {number} # ..", shown="m")
        now[0] += 1.0
    assert cache.stats().entries == 2
    assert cache.stats().size <= 20
    cache.read("x = 2 # ..", shown="m")
    assert cache.stats().hits == 1
    now[0] += 11.0
    cache.read("x = 2 # ..", shown="m")
    assert (cache.stats().hits, cache.stats().entries) == (1, 1)


def test_error_is_not_kept_and_names_its_file() -> None:
    """Each time with the file that was asked for."""
    cache = Cache()
    for shown in ("one.py", "two.py"):
        with pytest.raises(CompilationFailed, match=shown):
            cache.read("x = = 1", shown=shown)
    assert cache.stats().entries == 0
