"""Strategies for random systems, edits and deeds."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from otpy.planning.steps import STEPS
from tests.properties.deeds import (
    Deed,
    Disturbed,
    Edit,
    Edits,
    Raced,
    Refused,
    Same,
    TakenBack,
    ThereAndBack,
    Upgraded,
)
from tests.properties.features import BREAKS, KINDS, Module

MOST_MODULES: Final = 3

_numbers = st.integers(0, 3)
_fields = st.frozensets(_numbers, max_size=3)
_children = st.lists(st.integers(0, 4), unique=True, max_size=4).map(tuple)

_FEATURES: Final[dict[str, st.SearchStrategy[Any]]] = {
    "body": _numbers,
    "default": _numbers,
    "decorated": st.booleans(),
    "helper": st.booleans(),
    "attribute": _numbers,
    "as_property": st.booleans(),
    "constant": _numbers,
    "members": st.integers(1, 3),
    "extra": _fields,
    "notes": _fields,
    "children": _children,
    "comment": _numbers,
}


@st.composite
def edits_of_one(draw: st.DrawFn) -> Edit:
    """New values of one to four features."""
    names = draw(st.lists(st.sampled_from(sorted(_FEATURES)), unique=True, min_size=1, max_size=4))
    return {name: draw(_FEATURES[name]) for name in names}


edits: st.SearchStrategy[Edits] = st.dictionaries(st.integers(0, MOST_MODULES - 1), edits_of_one(), min_size=1)

_steps = st.sampled_from(STEPS)

deeds: st.SearchStrategy[Deed] = st.one_of(
    st.builds(Upgraded, edits),
    st.builds(TakenBack, edits, _steps),
    st.builds(Refused, edits, st.sampled_from([None, *BREAKS]), st.integers(0, MOST_MODULES - 1)),
    st.builds(Disturbed, edits, _steps, st.integers(1, 3)),
    st.builds(Raced, edits),
    st.builds(ThereAndBack, edits),
    st.builds(Same),
)


@st.composite
def systems(draw: st.DrawFn) -> tuple[tuple[Module, ...], tuple[tuple[int, int], ...]]:
    """Modules whose states are of any kind, and servers of them on the scheduler, on threads and on the event loop."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=MOST_MODULES))
    modules = tuple(Module(index, kind, children=draw(_children)) for index, kind in enumerate(kinds))
    server = st.tuples(st.integers(0, len(modules) - 1), st.integers(0, 2))
    return modules, tuple(draw(st.lists(server, min_size=2, max_size=6)))
