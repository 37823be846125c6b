"""What a node tells of its processes: a row for each, what is below a supervisor, and all about one.

These are the values on the wire, for both ends. A row is a short array there: there may be many thousands.
"""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One process at one moment. *queue* is how many messages wait, *reductions* how many were handled so far."""

    pid: int
    name: str
    behaviour: str
    vsn: str
    status: str
    queue: int
    reductions: int
    links: int


class Upgrade(msgspec.Struct, frozen=True):
    """The upgrade under way: which modules, and in which step it is; what began before anybody looked is not known."""

    modules: list[str]
    step: str


class Batch(msgspec.Struct, frozen=True):
    """What has changed since the batch before: rows that are new or other than they were, and who has ended.

    *at* is the node's clock, in seconds; *upgrades* how many upgrades have ended since the conversation began.
    """

    at: float
    rows: list[Row]
    gone: list[int] = []
    upgrade: Upgrade | None = None
    upgrades: int = 0


class Child(msgspec.Struct, frozen=True, array_like=True):
    """A place in the tree: a process, or a child that has none (*pid* None, *status* restarting or stopped).

    *id* is its id in the supervisor, as text, empty for a root; *children* how many it has itself.
    """

    id: str
    pid: int | None
    name: str
    behaviour: str
    vsn: str
    status: str
    queue: int
    children: int


class Level(msgspec.Struct, frozen=True):
    """What is directly below the process with the number *pid*, 0 for the roots: the first of *count* children."""

    pid: int
    count: int
    children: list[Child]


class Details(msgspec.Struct, frozen=True):
    """All about one process. *waits_for* is whom it has called; *state* is text, and only there if it was asked for."""

    pid: str
    name: str | None
    label: str | None
    behaviour: str
    module: str
    vsn: str
    status: str
    queue: int
    reductions: int
    trap_exit: bool
    waits_for: str | None
    links: list[str]
    monitors: list[str]
    ancestors: list[str]
    state: str | None = None
