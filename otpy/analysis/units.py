"""Orders and levels of a graph whose rings are condensed: each ring is one unit. Values in, values out; on networkx.

networkx takes its time to load, so it is asked only where there are edges: most edits touch one module that nobody
needs to be loaded after.

Source: Tarjan's strongly connected components, as networkx has them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, final

T = TypeVar("T")

Unit = tuple[T, ...]


class _Condensed(NamedTuple, Generic[T]):
    """The units in an order in which each comes after those that it needs, and the numbers of those."""

    members: list[list[T]]
    needs: list[set[int]]


@final
class Units(Generic[T]):
    """*needs*: each node with what it depends on. What is no key of it is left out."""

    def __init__(self, needs: Mapping[T, Iterable[T]]) -> None:
        self._needs = {node: [other for other in others if other in needs] for node, others in needs.items()}
        has_edges = any(other != node for node, others in self._needs.items() for other in others)
        found = _condensed(self._needs) if has_edges else _Condensed([[node] for node in needs], [set() for _ in needs])
        self._members, self._needed = found
        self._unit = {node: unit for unit, members in enumerate(self._members) for node in members}

    def in_order(self, chosen: Sequence[T]) -> tuple[Unit[T], ...]:
        """Return *chosen* as units, each after what it needs."""
        groups = self._groups(chosen)
        return tuple(self._inside(groups[unit]) for unit in sorted(groups))

    def in_levels(self, chosen: Sequence[T]) -> tuple[Unit[T], ...]:
        """Return *chosen* as levels: each needs only those before it, also by way of nodes that were not chosen."""
        groups = self._groups(chosen)
        depth: list[int] = []
        levels: dict[int, list[T]] = {}
        for unit, needed in enumerate(self._needed):
            depth.append(max((depth[other] + (other in groups) for other in needed), default=0))
            if unit in groups:
                levels.setdefault(depth[unit], []).extend(self._inside(groups[unit]))
        return tuple(tuple(levels[level]) for level in sorted(levels))

    def rings(self) -> tuple[Unit[T], ...]:
        """Return the units that have more than one member."""
        return tuple(self._inside(members) for members in self._members if len(members) > 1)

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
        if len(members) == 1:
            return tuple(members)
        within = set(members)
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
                stack += [(other, False) for other in reversed(self._needs[node]) if other in within - seen]
        return tuple(ordered)


def _condensed(needs: Mapping[T, Sequence[T]]) -> _Condensed[T]:
    """Return the units of *needs*; where the order is free, it is that of the nodes."""
    import networkx as nx  # noqa: PLC0415 - see the head of this file

    graph: Any = nx.DiGraph()
    graph.add_nodes_from(needs)
    graph.add_edges_from((other, node) for node, others in needs.items() for other in others)
    units: Any = nx.condensation(graph)
    first = {node: position for position, node in enumerate(needs)}
    members = {unit: sorted(data["members"], key=first.__getitem__) for unit, data in units.nodes(data=True)}
    leaders = {unit: first[nodes[0]] for unit, nodes in members.items()}
    order = list(nx.lexicographical_topological_sort(units, key=leaders.__getitem__))
    number = {unit: position for position, unit in enumerate(order)}
    needed = [{number[other] for other in units.predecessors(unit)} for unit in order]
    return _Condensed([members[unit] for unit in order], needed)
