"""The runtime as `analysis` sees it: its processes as values, read from the runtime's own table. Nobody is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from otpy.analysis.call_levels import levels_of
from otpy.analysis.graph import DependencyGraph
from otpy.analysis.processes import BehaviourFacts, ProcessFacts, ProcessKind, World
from otpy.behaviours.behaviour import Behaviour
from otpy.behaviours.children_state import Children, children_of
from otpy.kernel.actors import Actor
from otpy.kernel.process import Process
from otpy.upgrade.members import Concerned, kinds_of, processes_of

_NOT_OF_A_PROGRAM: Final = sys.stdlib_module_names | {"otpy", "pykka"}


def world_of(processes: Iterable[Process], *, concerned: Concerned | None = None) -> World:
    """Return a snapshot of *processes*, those that run.

    *concerned*: only processes of classes for which it is true, with their supervisors and those whom they wait for,
    and only such handlers of event managers; None: all. What is counted is all of them.
    """
    living = [process for process in processes if process.exit_reason is None]
    chosen = living if concerned is None else _with_neighbours(processes_of(concerned, living))
    known: dict[type, BehaviourFacts] = {}
    facts = tuple(_facts_of(process, known, concerned) for process in chosen if process.exit_reason is None)
    return World(facts, len(living))


def _with_neighbours(processes: Iterable[Process]) -> list[Process]:
    found: dict[Process, None] = {}
    for process in processes:
        if process.parent is not None and _child_id(process) is not None:
            found[process.parent] = None
        found[process] = None
        waits_on = process.wait_on
        while waits_on is not None and waits_on not in found:
            found[waits_on] = None
            waits_on = waits_on.wait_on
    return list(found)


def _facts_of(process: Process, known: dict[type, BehaviourFacts], concerned: Concerned | None) -> ProcessFacts:
    kind, *handlers = kinds_of(process) or (type(None),)
    for each in (kind, *handlers):
        if each not in known:
            known[each] = behaviour_facts(each)
    child = _child_id(process)
    waits_on = process.wait_on
    return ProcessFacts(
        number=process.id,
        behaviour=known[kind],
        name=process.names[0] if process.names else "",
        label=process.label or "",
        supervisor=process.parent.id if process.parent is not None and child is not None else None,
        child=child or "",
        mailbox=len(process.mailbox or ()),
        waits_on=waits_on.id if waits_on is not None else None,
        started=process.boot is None,
        vsn="" if process.vsn is None else str(process.vsn),
        handlers=tuple(known[each] for each in handlers if concerned is None or concerned(each)),
    )


def _child_id(process: Process) -> str | None:
    """Return the id of *process* in its supervisor, as text; None if it has no supervisor."""
    parent = process.parent
    state = parent.state if parent is not None else None
    child = state.running.get(process) if isinstance(state, Children) else None
    if child is None:
        return None
    ident = child.spec.id
    return ident if isinstance(ident, str) else repr(ident)


def behaviour_facts(kind: type) -> BehaviourFacts:
    """Return what is to be known of a class that processes run."""
    bases = [base for base in kind.__mro__ if base.__module__.partition(".")[0] not in _NOT_OF_A_PROGRAM]
    return BehaviourFacts(
        module=kind.__module__,
        qualname=kind.__qualname__,
        mro=tuple(f"{base.__module__}:{base.__qualname__}" for base in bases),
        kind=_kind_of(kind),
        runs_on=getattr(kind, "runs_on", "scheduler"),
    )


def _kind_of(kind: type) -> ProcessKind:
    if issubclass(kind, Behaviour):
        return "supervisor" if kind.supervises else "server"
    return "actor" if issubclass(kind, Actor) else "process"


def levels_for(
    processes: Sequence[Process], graph: DependencyGraph, *, everybody: Iterable[Process] = ()
) -> list[list[Process]]:
    """Return *processes* as levels for a Suspension, callers first. *everybody*: see through whom they call."""
    by_number = {process.id: process for process in processes}
    world = world_of(dict.fromkeys([*everybody, *processes]))
    members = (facts for facts in world.processes if facts.number in by_number)
    levels = levels_of(members, graph, world)
    return [[by_number[number] for number in level] for level in levels]


def children_fingerprint(supervisor: Process) -> str:
    """Return a hash of the child specs that *supervisor* has: a plan is stale when they are others."""
    specs = "\n".join(repr(row.spec) for row in children_of(supervisor))
    return sha256(specs.encode(errors="surrogatepass")).hexdigest()
