"""otpy, states migrated without a `code_change`: the field that is new has a default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.entries.otpy.upgrade import shape
from benchmarks.values import Contest

CONTESTS: Final[Mapping[str, Contest]] = {"upgrade-state": shape, "upgrade-state-many": shape}
