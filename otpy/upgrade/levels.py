"""In which order processes are brought to rest: who calls others comes before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from otpy.kernel.process import Process

MOST: Final = 20_000
"""Processes for which it is worth asking: beyond, the whole set is drained together."""


def levels_of_members(members: Sequence[Process], everybody: Sequence[Process]) -> Mapping[Process, int]:
    """Return the level of each of *members*, 0 first; empty where one level is as good as several.

    It is worked out before anybody is paused. Who is not in it belongs to the last level.
    """
    if len({type(process.actor) for process in members}) < 2 or len(members) > MOST:  # noqa: PLR2004 - two that may call
        return {}
    from otpy.upgrade.program import program_graph  # noqa: PLC0415 - with networkx, which a single class does not need
    from otpy.upgrade.world import levels_for  # noqa: PLC0415

    levels = levels_for(members, program_graph(), everybody=everybody)
    return {process: number for number, level in enumerate(levels) for process in level}
