"""The processes of a node as values: who runs what, under whom, and who waits for whom. A snapshot; nobody was asked.

`otpy/upgrade/world.py` takes the snapshot from the runtime's own table; tests write one by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Literal, TypeAlias

import msgspec

ProcessKind: TypeAlias = Literal["server", "supervisor", "actor", "process"]


class BehaviourFacts(msgspec.Struct, frozen=True):
    """A class that processes run. `mro` has it and its bases, nearest first, as "module:Qualified.Name"."""

    module: str
    qualname: str
    mro: tuple[str, ...] = ()
    kind: ProcessKind = "server"
    runs_on: str = "scheduler"

    @property
    def name(self) -> str:
        """Module and name, for people: `shop.cart.Cart`."""
        return f"{self.module}.{self.qualname}"

    @property
    def classes(self) -> tuple[tuple[str, str], ...]:
        """It and its bases as (module, qualified name), nearest first."""
        own = (self.module, self.qualname)
        bases = (each.partition(":") for each in self.mro)
        return tuple(dict.fromkeys([own, *((module, name) for module, _, name in bases)]))

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules whose code its processes run as their behaviour, nearest first."""
        return tuple(dict.fromkeys(module for module, _ in self.classes))


class ProcessFacts(msgspec.Struct, frozen=True):
    """One process. Others are named by their `number`, which no other process of the interpreter has."""

    number: int
    behaviour: BehaviourFacts
    name: str = ""
    """Its registered name."""
    label: str = ""
    supervisor: int | None = None
    child: str = ""
    """Its id in that supervisor, as text."""
    mailbox: int = 0
    """How many messages wait."""
    waits_on: int | None = None
    """The process whose answer it waits for."""
    started: bool = True
    """Whether it has a state already; not so while `init` runs."""
    vsn: str = ""
    """The version of its state, as text; empty if it has no explicit one."""
    handlers: tuple[BehaviourFacts, ...] = ()
    """Of an event manager: the classes of the handlers that it has."""

    @property
    def runs(self) -> tuple[BehaviourFacts, ...]:
        """The behaviours whose code it runs: its own, or those of its handlers."""
        return self.handlers or (self.behaviour,)

    def __str__(self) -> str:
        return f"<{self.number} {self.name or self.label or self.behaviour.qualname}>"


class World(msgspec.Struct, frozen=True):
    """What lives at one moment, in the order of start. `total` counts also those that nobody asked about."""

    processes: tuple[ProcessFacts, ...] = ()
    total: int = 0

    def __len__(self) -> int:
        return max(self.total, len(self.processes))

    def by_number(self) -> dict[int, ProcessFacts]:
        """Return the processes by their numbers."""
        return {process.number: process for process in self.processes}

    def of_modules(self, modules: Collection[str]) -> tuple[ProcessFacts, ...]:
        """Return the processes whose behaviour, or a base of it, is from one of *modules*, or that of a handler."""
        concerned: dict[tuple[BehaviourFacts, ...], bool] = {}
        found: list[ProcessFacts] = []
        for process in self.processes:
            runs = process.runs
            if runs not in concerned:
                concerned[runs] = any(not set(modules).isdisjoint(each.modules) for each in runs)
            if concerned[runs]:
                found.append(process)
        return tuple(found)

    def supervisors_of(self, processes: Iterable[ProcessFacts]) -> tuple[ProcessFacts, ...]:
        """Return the supervisors right above *processes*, and those among them, in the order of start."""
        given = tuple(processes)
        wanted = {process.supervisor for process in given}
        wanted |= {process.number for process in given if process.behaviour.kind == "supervisor"}
        return tuple(process for process in self.processes if process.number in wanted)


def by_behaviour(processes: Iterable[ProcessFacts]) -> dict[BehaviourFacts, list[ProcessFacts]]:
    """Return *processes* grouped by what they run, in the order in which they come; managers by their handlers."""
    groups: dict[BehaviourFacts, list[ProcessFacts]] = {}
    for process in processes:
        for behaviour in process.runs:
            groups.setdefault(behaviour, []).append(process)
    return groups


def observed_calls(processes: Iterable[ProcessFacts]) -> Iterator[tuple[int, int]]:
    """Yield caller and callee, by number, of the calls that were under way."""
    for process in processes:
        if process.waits_on is not None and process.waits_on != process.number:
            yield process.number, process.waits_on
