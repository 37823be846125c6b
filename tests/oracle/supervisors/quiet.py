"""When a step is over: nothing starts, stops or restarts any more.

Asking a supervisor for its children waits until it has done what it was doing. When everybody has been asked, nothing
has happened meanwhile, and lists and processes agree, the system is quiet. If they do not agree although nothing moves,
only time can bring more (a child that takes its time to end, say), and time is given in small steps.
"""

from __future__ import annotations

from typing import NamedTuple

import otpy
from tests.oracle.forms import Form
from tests.oracle.journal import Incarnation
from tests.oracle.stage import settle
from tests.oracle.supervisors import requests
from tests.oracle.supervisors.cast import ROOT, World

_STEP = 0.005  # seconds of the standing clock
_STEPS = 400  # more than the longest shutdown time of a recording


class Tree(NamedTuple):
    """What the supervisors say: the rows of the root (None if it is dead), and the names of all children listed."""

    rows: list[Form] | None
    listed: frozenset[str]


def wait_until_quiet(world: World) -> Tree:
    """Wait until the system is quiet, or until it has not become so in two seconds, and return what is seen then."""
    journal = world.journal
    steps = _STEPS
    while True:
        settle()
        events = len(journal)
        tree = _survey(world)
        settle()
        if tree is None or len(journal) != events:
            continue
        if not steps or _agrees(world, tree):
            return tree
        steps -= 1
        otpy.sleep(_STEP)


def _survey(world: World) -> Tree | None:
    """Ask every supervisor that lives, from the root down; None if one died meanwhile."""
    root = world.journal.latest(ROOT)
    listed: set[str] = set()
    if root is None or not root.alive:
        return Tree(None, frozenset())
    try:
        return Tree(_rows_below(world, root, listed), frozenset(listed))
    except otpy.CallError:
        return None


def _rows_below(world: World, supervisor: Incarnation, listed: set[str]) -> list[Form]:
    """Return the rows of *supervisor*; that of a living supervisor has the rows below it as its fourth element."""
    assert supervisor.pid is not None
    rows = requests.rows(world, supervisor.pid, world.flags[supervisor.label])
    for row in rows:
        listed.add(row[1])
        child = world.journal.named(row[1])
        if child is not None and child.alive and child.label in world.flags:
            row.append(_rows_below(world, child, listed))
    return rows


def _agrees(world: World, tree: Tree) -> bool:
    """Whether every living process is listed, and what is listed as running lives.

    A child that has unlinked itself may die unnoticed, or survive its supervisor: it proves nothing.
    """
    journal = world.journal
    if "restarting" in tree.listed:
        return False
    unlisted = [process for process in journal.alive() if process.label != ROOT and process.name not in tree.listed]
    dead = [process for name in tree.listed if (process := journal.named(name)) is not None and not process.alive]
    return all(process.unlinked for process in (*unlisted, *dead))
