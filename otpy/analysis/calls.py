"""Which behaviours call which processes, as far as the text tells: followed from callbacks through helper functions.

A GenServer mostly is called through functions of its own (`Stock.reserve("tea")`, which does `otpy.call("stock", …)`).
So a callback is followed to the functions that it calls, in other modules too, until a verb of otpy with a literal name
is found. What an author declares with `depends_on` is added; what is called by pid only shows while it happens
(`processes.observed_calls`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, final

from otpy.analysis.dependencies import Uses, resolve_path
from otpy.analysis.graph import DependencyGraph
from otpy.analysis.processes import BehaviourFacts

Function: TypeAlias = tuple[str, str]
"""Module and qualified name."""


class Callee(NamedTuple):
    """Whom a text calls: who has the *registered* name, or else all processes of a class, or of a module."""

    registered: str = ""
    module: str = ""
    qualname: str = ""

    def is_of(self, behaviour: BehaviourFacts) -> bool:
        """Whether processes of *behaviour* are meant, as far as it is not a name that says so."""
        if self.registered:
            return False
        return any(m == self.module and self.qualname in ("", name) for m, name in behaviour.classes)


def declared_calls(behaviours: Collection[BehaviourFacts], graph: DependencyGraph) -> dict[BehaviourFacts, set[Callee]]:
    """Return whom the processes of each of *behaviours* call by the text of the modules in *graph*."""
    text = _Text(graph)
    return {behaviour: text.callees(behaviour) for behaviour in behaviours}


def reached(roots: Iterable[Function], graph: DependencyGraph) -> set[Function]:
    """Return *roots* and the functions that they call, directly or through others, as far as the text tells."""
    return _Text(graph).follow(roots)


@dataclass(slots=True)
class _Facts:
    """What one function does."""

    calls: set[Callee]
    invokes: set[Function]


@final
class _Text:
    """All functions of a program with what they call."""

    def __init__(self, graph: DependencyGraph) -> None:
        self._graph = graph
        self._facts: dict[Function, _Facts] = {}
        self._by_class: dict[Function, list[Function]] = {}
        for module in graph:
            self._read(graph.uses(module))
        for module, name in self._facts:
            owner = name.rpartition(".")[0]
            if owner and name not in graph.uses(module).statics:
                self._by_class.setdefault((module, owner), []).append((module, name))

    def _read(self, use: Uses) -> None:
        for dependency in use.dependencies:
            if dependency.kind == "call":
                self._of(use.module, dependency.inside).calls.add(Callee(registered=dependency.name))
            elif dependency.kind == "declared":
                self._of(use.module, dependency.inside).calls.add(self._declared(dependency.target))
        for inside, module, name in use.invocations:
            found = resolve_path(module, name, self._graph.__contains__)
            self._of(use.module, inside).invokes.add(found)

    def _of(self, module: str, inside: str) -> _Facts:
        return self._facts.setdefault((module, inside), _Facts(set(), set()))

    def _declared(self, path: str) -> Callee:
        module, name = path, ""
        while module:
            if module in self._graph:
                return Callee(module=module, qualname=name)
            module, _, last = module.rpartition(".")
            name = f"{last}.{name}" if name else last
        return Callee(registered=path)

    def callees(self, behaviour: BehaviourFacts) -> set[Callee]:
        """Return whom the callbacks of *behaviour* and of its bases call, directly or through functions."""
        found: set[Callee] = set()
        for function in self.follow(self._roots(behaviour.classes)):
            if function in self._facts:
                found |= self._facts[function].calls
        return found

    def follow(self, roots: Iterable[Function]) -> set[Function]:
        """Return *roots* and all that they call."""
        todo = list(roots)
        seen = set(todo)
        while todo:
            facts = self._facts.get(todo.pop())
            if facts is not None:
                fresh = facts.invokes - seen
                seen |= fresh
                todo += fresh
        return seen

    def _roots(self, classes: Iterable[Function]) -> Iterator[Function]:
        """Yield the methods of *classes*, and what the classes and their modules declare."""
        for module, name in classes:
            yield module, name
            yield module, ""
            yield from self._by_class.get((module, name), ())
