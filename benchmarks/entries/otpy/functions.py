"""The ring again, of plain processes: functions that wait in `receive`, each with a stack of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import otpy
from benchmarks.entries.otpy.servers import rate
from benchmarks.entries.shape import RING
from benchmarks.values import Contest, Figure


def member() -> None:
    """Receive the next member, then pass tokens on."""
    following: otpy.Pid = otpy.receive()
    while True:
        hops, boss = otpy.receive()
        if hops:
            otpy.send(following, (hops - 1, boss))
        else:
            otpy.send(boss, "done")


def ring(size: int) -> Figure:
    """One token round the ring."""

    def main() -> Figure:
        members = [otpy.spawn(member) for _ in range(RING)]
        for index, pid in enumerate(members):
            otpy.send(pid, members[(index + 1) % RING])

        def hops(count: int) -> None:
            otpy.send(members[0], (count, otpy.self_pid()))
            otpy.receive()

        return rate(hops, size)

    return otpy.run(main)


CONTESTS: Final[Mapping[str, Contest]] = {"ring": ring}
