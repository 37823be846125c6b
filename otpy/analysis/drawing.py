"""How a dependency graph looks: as text for people, as a Mermaid flow chart for pages."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from otpy.analysis.dependencies import RUNNING, Dependency

if TYPE_CHECKING:
    from otpy.analysis.graph import DependencyGraph

_FEW = 4


def text(graph: DependencyGraph) -> str:
    """Return one line for each module, and below it one for each module of the graph that it depends on."""
    lines: list[str] = []
    for module in graph.modules:
        lines.append(module)
        known = (target for target in graph.dependencies(module) if target in graph)
        lines += [f"  → {target}: {_reasons(graph.between(module, target))}" for target in known]
    lines += [f"ring: {' ↔ '.join(ring)}" for ring in graph.cycles()]
    return "\n".join(lines) or "no modules"


def _reasons(found: tuple[Dependency, ...]) -> str:
    shown = [f"{d.kind.replace('_', ' ')}{f' {d.name}' if d.name else ''} (line {d.line})" for d in found[:_FEW]]
    more = len(found) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def way(dependencies: Iterable[Dependency]) -> str:
    """Return a way through the graph, one step a line."""
    return "\n".join(str(dependency) for dependency in dependencies) or "no way"


def mermaid(graph: DependencyGraph) -> str:
    """Return the modules of *graph* as a flow chart; rings are boxes, dotted arrows matter only at run time."""
    numbers = {module: f"m{number}" for number, module in enumerate(graph.modules)}
    in_rings = {module for ring in graph.cycles() for module in ring}
    lines = ["flowchart LR"]
    for number, ring in enumerate(graph.cycles()):
        lines.append(f'    subgraph r{number}["ring"]')
        lines += [f"        {_box(numbers[module], module)}" for module in ring]
        lines.append("    end")
    lines += [f"    {_box(number, module)}" for module, number in numbers.items() if module not in in_rings]
    lines += _arrows(graph, numbers)
    return "\n".join(lines)


def _arrows(graph: DependencyGraph, numbers: dict[str, str]) -> Iterator[str]:
    for module, number in numbers.items():
        for target in graph.dependencies(module):
            if target in numbers:
                kinds = list(dict.fromkeys(d.kind for d in graph.between(module, target)))
                arrow = "-.->" if RUNNING.issuperset(kinds) else "-->"
                yield f"    {number} {arrow}|{', '.join(k.replace('_', ' ') for k in kinds)}| {numbers[target]}"


def _box(number: str, module: str) -> str:
    return f'{number}["{html.escape(module)}"]'
