"""What one node has compiled, the next one does not compile again: the store keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from otpy import upgrade
from otpy.code.cache import cache
from otpy.safety import PRESETS
from tests.support import python

NODE = """
import json
import sys

import otpy
from otpy import code, upgrade
from otpy.code.cache import cache
from otpy.store import open_store

place, policy = sys.argv[1:]
old = "def answer(): return 1\\n"
code.load(old, name="shop")
with open_store(place) as store, otpy.runtime():
    upgrade.use_store(store)
    if policy:
        upgrade.set_safety_policy(otpy.safety.PRESETS[policy])
    upgrade.reload_modules({"shop": old.replace("1", "42")})
    stats = cache.stats()
    upgrade.use_store(None)
import shop
print(json.dumps({"answer": shop.answer(), "stored": stats.stored_hits}))
"""


def _node(place: Path, policy: str = "") -> Any:
    """Run a node with its store at *place*; returns what it found."""
    ended = python(NODE, str(place), policy)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_next_node_finds_what_was_compiled_unless_under_another_policy(tmp_path: Path) -> None:
    """One process after the other, with one file; hits are counted."""
    place = tmp_path / "node" / "otpy.db"
    assert _node(place) == {"answer": 42, "stored": 0}
    assert _node(place)["stored"] > 0
    assert _node(place, "strict")["stored"] == 0
    assert _node(place, "strict")["stored"] > 0


def test_policy_in_force_is_in_the_key() -> None:
    """Setting another one is enough."""
    before = cache.policy
    was = upgrade.set_safety_policy(PRESETS["strict"])
    try:
        assert cache.policy == repr(PRESETS["strict"])
    finally:
        upgrade.set_safety_policy(was)
        cache.policy = before
