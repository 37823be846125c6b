"""Orders and levels of a graph whose rings are condensed: each ring is one unit. Values in, values out; on networkx.

Source: Tarjan's strongly connected components, as networkx has them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, final

import networkx as nx

T = TypeVar("T")

Unit = tuple[T, ...]


@final
class Units(Generic[T]):
    """*needs*: each node with what it depends on. What is no key of it is left out."""

    def __init__(self, needs: Mapping[T, Iterable[T]]) -> None:
        self._needs = {node: [other for other in others if other in needs] for node, others in needs.items()}
        graph: Any = nx.DiGraph()
        graph.add_nodes_from(self._needs)
        graph.add_edges_from((node, other) for node, others in self._needs.items() for other in others)
        first = {node: position for position, node in enumerate(self._needs)}
        condensed: Any = nx.condensation(graph)
        self._members: dict[int, list[T]] = {
            unit: sorted(data["members"], key=first.__getitem__) for unit, data in condensed.nodes(data=True)
        }
        self._unit: dict[T, int] = {node: unit for unit, members in self._members.items() for node in members}
        self._graph = condensed
        backwards = condensed.reverse(copy=False)
        leaders = {unit: first[members[0]] for unit, members in self._members.items()}
        self._order: list[int] = list(nx.lexicographical_topological_sort(backwards, key=leaders.__getitem__))

    def with_dependents(self, chosen: Iterable[T]) -> tuple[T, ...]:
        """Return *chosen* first, and all that depends on them after them."""
        given = list(chosen)
        units = {self._unit[node] for node in given}
        reached = set(units)
        for unit in units:
            reached |= nx.ancestors(self._graph, unit)
        more = (node for unit in self._order if unit in reached for node in self._members[unit])
        return tuple(dict.fromkeys([*given, *more]))

    def in_order(self, chosen: Sequence[T]) -> tuple[Unit[T], ...]:
        """Return *chosen* as units, each after what it needs."""
        groups = self._groups(chosen)
        return tuple(self._inside(groups[unit]) for unit in self._order if unit in groups)

    def in_levels(self, chosen: Sequence[T]) -> tuple[Unit[T], ...]:
        """Return *chosen* as levels: each needs only those before it, also by way of nodes that were not chosen."""
        groups = self._groups(chosen)
        depth: dict[int, int] = {}
        levels: dict[int, list[T]] = {}
        for unit in self._order:
            needed = self._graph.successors(unit)
            depth[unit] = max((depth[other] + (other in groups) for other in needed), default=0)
            if unit in groups:
                levels.setdefault(depth[unit], []).extend(self._inside(groups[unit]))
        return tuple(tuple(levels[level]) for level in sorted(levels))

    def rings(self) -> tuple[Unit[T], ...]:
        """Return the units that have more than one member."""
        rings = (self._members[unit] for unit in self._order if len(self._members[unit]) > 1)
        return tuple(self._inside(members) for members in rings)

    def unit_of(self, node: T) -> Unit[T]:
        """Return the unit that *node* is in."""
        return self._inside(self._members[self._unit[node]])

    def _groups(self, chosen: Iterable[T]) -> dict[int, list[T]]:
        groups: dict[int, list[T]] = {}
        for node in chosen:
            groups.setdefault(self._unit[node], []).append(node)
        return groups

    def _inside(self, members: Collection[T]) -> Unit[T]:
        """Return the members of a unit as Python would import them, beginning with the first: it comes last."""
        within = set(members)
        if len(within) == 1:
            return tuple(members)
        ordered: dict[T, None] = {}
        seen: set[T] = set()
        stack = [(node, False) for node in reversed(list(members))]
        while stack:
            node, needs_are_done = stack.pop()
            if needs_are_done:
                ordered[node] = None
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack += [
                    (other, False) for other in reversed(self._needs[node]) if other in within and other not in seen
                ]
        return tuple(ordered)
