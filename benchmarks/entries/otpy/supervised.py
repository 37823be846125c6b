"""Idle servers again, as children of a supervisor: with their child records, specs and links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import otpy
from benchmarks.entries.otpy.servers import Counter
from benchmarks.entries.shape import idle, resident
from benchmarks.values import Contest, Figure


def memory(size: int) -> Figure:
    """Idle children of a dynamic supervisor."""

    def main() -> Figure:
        supervisor = otpy.DynamicSupervisor.start_link()
        before = resident()
        for index in range(size):
            otpy.dynamic_supervisor.start_child(supervisor, Counter.child_spec(index))
        return idle(size, before)

    return otpy.run(main)


CONTESTS: Final[Mapping[str, Contest]] = {"memory": memory}
