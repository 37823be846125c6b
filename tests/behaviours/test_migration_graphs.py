"""Random graphs of containers and objects, with sharing and cycles: the migrated copy has the same shape."""

import collections
from collections.abc import Hashable, Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.behaviours.migrations import copy_state, migrate
from tests.behaviours.migration_kit import Versions, forget_kinds, leftovers, picture, versions

OLD = """
class Plain:
    pass
@dataclass(eq=False)
class Data:
    part: object = None
    gone: object = None
@dataclass(slots=True, eq=False)
class Slotted:
    part: object = None
class Record(msgspec.Struct, eq=False):
    part: object = None
@attrs.define(eq=False)
class Attrs:
    part: object = None
class Box(list):
    pass
"""
NEW = OLD.replace("    part: object = None\n", "    added: int = 7\n    part: object = None\n").replace(
    "    gone: object = None\n", ""
)

Plan = list[tuple[str, list[int]]]
"""A graph: for each node its kind, and the nodes that it is to hold."""

OBJECTS = ("Plain", "Data", "Slotted", "Record", "Attrs")
KINDS = ("list", "tuple", "dict", "keyed", "deque", "defaultdict", "Box", "text", "number", *OBJECTS)

plans = st.lists(st.tuples(st.sampled_from(KINDS), st.lists(st.integers(0, 30), max_size=4)), min_size=1, max_size=25)


@pytest.fixture(scope="module")
def both() -> Iterator[Versions]:
    """Two versions of some classes."""
    yield versions(OLD, NEW)
    forget_kinds()


def build(plan: Plan, module: ModuleType) -> list[Any]:
    """Make the nodes of *plan*: first those that can be filled later, then their contents."""
    nodes: list[Any] = [_make(kind, index, module) for index, (kind, _) in enumerate(plan)]
    for index, (kind, wanted) in enumerate(plan):
        parts = [nodes[number % len(nodes)] for number in wanted]
        # A tuple cannot be filled later: it stands for what has been made before it.
        nodes[index] = tuple(parts) if kind == "tuple" else nodes[index]
        _fill(kind, nodes[index], parts)
    return nodes


def _make(kind: str, index: int, module: ModuleType) -> Any:
    match kind:
        case "list" | "tuple":
            return []
        case "dict" | "keyed":
            return {}
        case "deque":
            return collections.deque(maxlen=3)
        case "defaultdict":
            return collections.defaultdict(list)
        case "text":
            return f"text {index}"
        case "number":
            return index * 1000.5
        case _:
            return getattr(module, kind)()


def _fill(kind: str, node: Any, parts: list[Any]) -> None:
    match kind:
        case "list" | "deque" | "Box":
            node.extend(parts)
        case "dict" | "defaultdict":
            node.update(enumerate(parts))
        case "keyed":
            node.update({part: part for part in parts if isinstance(part, Hashable) and not isinstance(part, tuple)})
        case _ if kind in OBJECTS:
            node.part = parts
        case _:
            pass


def shape(root: Any) -> list[object]:
    """Return the graph as a list: kinds in the order of a walk, and where a node is met again."""
    found: list[object] = []
    places: dict[int, int] = {}
    todo = [root]
    while todo:
        thing = todo.pop()
        if id(thing) in places and not isinstance(thing, (str, float, int, type(None))):
            found.append(places[id(thing)])
            continue
        places[id(thing)] = len(places)
        match thing:
            case dict():
                parts: list[Any] = [part for pair in thing.items() for part in pair]
            case list() | tuple() | collections.deque():
                parts = list(thing)
            case str() | float() | int() | None:
                parts = []
            case _:
                parts = [getattr(thing, "part", None)]
        leaf = thing if isinstance(thing, (str, float, int)) else None
        found.append((type(thing).__name__, len(parts), leaf))
        todo += parts
    return found


@given(plan=plans)
def test_migrated_graph_has_the_same_shape(plan: Plan, both: Versions) -> None:
    """Sharing stays sharing and cycles stay cycles; nothing old is left, and the original is untouched."""
    nodes = build(plan, both.old)
    before, form = picture(nodes), shape(nodes)

    made = migrate(nodes, both.replaced).value

    assert shape(made) == form
    assert leftovers(made, both.replaced) == []
    assert picture(nodes) == before


@given(plan=plans)
def test_copied_graph_has_the_same_shape(plan: Plan, both: Versions) -> None:
    """The same of a copy with nothing replaced: it shares no container with the original."""
    nodes = build(plan, both.old)
    before, form = picture(nodes), shape(nodes)

    made = copy_state(nodes).value

    assert shape(made) == form
    assert picture(nodes) == before
    originals = {id(node) for node in nodes if not isinstance(node, (str, float, tuple))}
    assert not any(id(node) in originals for node in made)


@given(plan=plans)
def test_there_and_back_gives_the_original(plan: Plan, both: Versions) -> None:
    """What the new version added is dropped on the way back, what it dropped gets its default again."""
    nodes = build(plan, both.old)
    back = {new: old for old, new in both.replaced.items()}
    made = migrate(migrate(nodes, both.replaced).value, back).value
    assert shape(made) == shape(nodes)
    assert leftovers(made, back) == []
