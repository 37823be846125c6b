"""Random programs: orders are valid, rings condensed, and a graph that was edited is the graph of what it holds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from otpy.analysis.dependencies import LOADING
from otpy.analysis.graph import DependencyGraph
from otpy.analysis.units import Units

NAMES = ("a", "b", "c", "d", "p", "p.x", "p.y", "q.z")
LINES = (
    *(f"import {name}" for name in NAMES),
    *(f"from {name} import {other}" for name in ("p", "a", "q") for other in ("x", "z", "other")),
    "from . import x",
    "def f():\n    import a",
    "import otpy\ndef g(): otpy.call('a', 1)",
    "from a import A\ndef h(): A.start_link(name='a')",
    "from p import x\ndef i(): x.X.start_link(name='a')",
    "depends_on = ('a', 'p.x')",
)

texts = st.lists(st.sampled_from(LINES), max_size=4).map("\n".join)
programs = st.dictionaries(st.sampled_from(NAMES), texts, max_size=len(NAMES))
needs = st.dictionaries(st.integers(0, 12), st.lists(st.integers(0, 12), max_size=4), max_size=13)


def needed_by(graph: DependencyGraph, module: str) -> set[str]:
    """Return all that *module* needs to be loaded, directly or not, followed here edge by edge."""
    todo, seen = [module], set[str]()
    while todo:
        for dependency in graph.all(kinds=LOADING):
            if dependency.source == todo[-1] and dependency.target in graph and dependency.target not in seen:
                seen.add(dependency.target)
                todo.insert(0, dependency.target)
        todo.pop()
    return seen


@settings(deadline=None)
@given(programs)
def test_every_module_stands_after_what_it_needs(program: dict[str, str]) -> None:
    """Unless the two need each other; then they follow each other without a third between them."""
    graph = DependencyGraph.of(program)
    order = graph.reload_order()
    assert sorted(order) == sorted(program)
    closure = {module: needed_by(graph, module) for module in program}
    levels = {module: number for number, level in enumerate(graph.levels()) for module in level}
    for module in program:
        ring = {module} | {other for other in closure[module] if module in closure[other]}
        assert set(graph.unit_of(module)) == ring
        places = sorted(order.index(member) for member in ring)
        assert places == list(range(places[0], places[0] + len(ring)))
        assert {levels[member] for member in ring} == {levels[module]}
        for other in closure[module] - ring:
            assert order.index(other) < order.index(module)
            assert levels[other] < levels[module]
    assert sorted(map(sorted, graph.cycles())) == sorted(
        {
            tuple(sorted(graph.unit_of(m))): sorted(graph.unit_of(m)) for m in program if len(graph.unit_of(m)) > 1
        }.values()
    )


@settings(deadline=None)
@given(programs, st.lists(st.tuples(st.sampled_from(NAMES), st.none() | texts), max_size=8))
def test_a_graph_that_was_edited_is_the_graph_of_what_it_holds(
    program: dict[str, str], edits: list[tuple[str, str | None]]
) -> None:
    """Adding, replacing and removing leave nothing behind."""
    graph = DependencyGraph.of(program)
    for module, text in edits:
        graph.all()  # draw it now and then, so that stale edges would show
        if text is not None:
            graph.add(module, text)
            program[module] = text
        elif module in program:
            graph.remove(module)
            del program[module]
    rebuilt = DependencyGraph.of(program)
    assert graph.modules == rebuilt.modules
    assert graph.all() == rebuilt.all()
    assert graph.levels() == rebuilt.levels()
    assert graph.reload_order() == rebuilt.reload_order()
    for module in graph:
        assert graph.dependents(module) == rebuilt.dependents(module)


@settings(deadline=None)
@given(programs, st.sets(st.sampled_from(NAMES)))
def test_dependents_are_whose_needs_reach_the_module(program: dict[str, str], chosen: set[str]) -> None:
    """The order of some has them and all that need them, and no one else."""
    graph = DependencyGraph.of(program)
    given_ = sorted(chosen & program.keys())
    wanted = {module for module in program if module in given_ or needed_by(graph, module) & set(given_)}
    assert set(graph.reload_order(given_)) == wanted
    assert set(graph.reload_order(given_, only=True)) == set(given_)


@settings(deadline=None)
@given(programs)
def test_every_way_is_made_of_edges(program: dict[str, str]) -> None:
    """And there is one just where a module is reached."""
    graph = DependencyGraph.of(program)
    for source in program:
        reached = set(graph.dependencies(source, transitive=True))
        for target in program:
            way = graph.why(source, target)
            assert bool(way) == (target in reached and target != source)
            for step, following in pairwise(way):
                assert step.target == following.source
            if way:
                assert (way[0].source, way[-1].target) == (source, target)


@settings(deadline=None)
@given(needs)
def test_levels_of_anything_put_needs_first(graph: dict[int, list[int]]) -> None:
    """The same for processes as for modules."""
    units = Units(graph)
    level = {node: number for number, nodes in enumerate(units.in_levels(list(graph))) for node in nodes}
    assert sorted(level) == sorted(graph)
    for node, others in graph.items():
        for other in others:
            if other in graph and other not in units.unit_of(node):
                assert level[other] < level[node]
