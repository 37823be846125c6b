"""Who is suspended first: callers before those whom they call, so that no handler waits for somebody who is held.

The processes are taken in groups that call and are called alike, so the cost does not grow with their number: all
processes of a behaviour are one group, but for those whose registered name somebody calls, and those that wait or are
waited for right now. Groups that call each other in a ring are one level: it is drained as a whole.

Source: RUNTIME.md section 6 (levels against other orders, measured); OTP systools_rc suspends users first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from otpy.analysis.calls import Callee, declared_calls
from otpy.analysis.graph import DependencyGraph
from otpy.analysis.processes import BehaviourFacts, ProcessFacts, World, observed_calls
from otpy.analysis.units import Units

Group: TypeAlias = tuple[tuple[BehaviourFacts, ...], str, int]
"""What its processes run; the name that is called; the number of one that waits or is waited for, else 0."""


def levels_of(
    processes: Iterable[ProcessFacts], graph: DependencyGraph, world: World | None = None
) -> tuple[tuple[int, ...], ...]:
    """Return the numbers of *processes* as levels, callers first.

    *graph* says who calls whom by the text; *world* is everybody, so that calls by way of others are seen. None: the
    processes alone.
    """
    chosen = tuple(processes)
    everybody = world.processes if world is not None else chosen
    declared = declared_calls({each for p in everybody for each in p.runs}, graph)
    groups = _groups(everybody, {callee.registered for each in declared.values() for callee in each})
    needs = _needs(everybody, groups, declared)
    members: dict[Group, list[int]] = {}
    for process in chosen:
        members.setdefault(groups[process.number], []).append(process.number)
    levels = Units(needs).in_levels(tuple(members))
    return tuple(tuple(sorted(number for group in level for number in members[group])) for level in reversed(levels))


def _groups(everybody: Iterable[ProcessFacts], called: set[str]) -> dict[int, Group]:
    waiting = {number for pair in observed_calls(everybody) for number in pair}
    return {
        p.number: (p.runs, p.name if p.name in called else "", p.number if p.number in waiting else 0)
        for p in everybody
    }


def _needs(
    everybody: Iterable[ProcessFacts], groups: Mapping[int, Group], declared: Mapping[BehaviourFacts, Iterable[Callee]]
) -> dict[Group, list[Group]]:
    needs: dict[Group, dict[Group, None]] = {group: {} for group in groups.values()}
    for caller, target in observed_calls(everybody):
        if target in groups:
            needs[groups[caller]][groups[target]] = None
    meant = _meant(needs, {callee for each in declared.values() for callee in each})
    for group, needed in needs.items():
        for callee in (callee for behaviour in group[0] for callee in declared.get(behaviour, ())):
            needed.update(dict.fromkeys(meant[callee]))
    return {group: [other for other in needed if other != group] for group, needed in needs.items()}


def _meant(groups: Iterable[Group], callees: Iterable[Callee]) -> dict[Callee, list[Group]]:
    """Return the groups that each of *callees* means."""
    named: dict[str, list[Group]] = {}
    for group in groups:
        named.setdefault(group[1], []).append(group)
    return {
        callee: named.get(callee.registered, [])
        if callee.registered
        else [g for g in groups if any(map(callee.is_of, g[0]))]
        for callee in callees
    }
