"""A database answers as memory does, whatever was recorded: each is the proof of the other."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otpy.errors import StoreError
from otpy.store import Ending, Limits, MemoryStore, Planned, Recorder, Snapshot, Source, Step, open_store
from tests.store.conftest import DATABASES, new_place
from tests.store.kit import NOON

SMALL = Limits(upgrades=3, snapshots=2)

words = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=5)
seconds = st.floats(0, 1e6)
modules = st.sampled_from(["a", "b", "c"])
ids = st.integers(1, 6)


@st.composite
def sources(draw: st.DrawFn) -> Source:
    """Draw one of a few versions of one of a few modules."""
    number = draw(st.integers(1, 4))
    return Source(draw(modules), str(number), f"n = {number}\n" * number)


def of_different_modules(least: int) -> st.SearchStrategy[tuple[Source, ...]]:
    """Draw the versions of some modules, one of each."""
    return st.lists(sources(), min_size=least, unique_by=lambda source: source.module).map(tuple)


planned = st.builds(
    Planned,
    sources=of_different_modules(1),
    running=of_different_modules(0),
    trigger=words,
    strategy=words,
    asked_by=words,
    dependents=st.lists(words, max_size=3).map(tuple),
    processes=st.integers(0, 2**31 - 1),
    plan=st.binary(max_size=20),
)
steps = st.builds(
    Step,
    words,
    seconds,
    st.dictionaries(words, words, max_size=2),
    st.dictionaries(words, words, max_size=2),
)
endings = st.builds(
    Ending,
    state=st.sampled_from(["committed", "committed", "rolled_back"]),
    outcome=words,
    seconds=seconds,
    paused_s=st.dictionaries(words, seconds, max_size=3),
    migrated=st.integers(0, 2**31 - 1),
    error_class=st.none() | words,
    error=st.none() | words,
    warnings=st.lists(words, max_size=2).map(tuple),
)
snapshots = st.builds(
    Snapshot,
    process=words,
    behaviour=words,
    vsn=words,
    moment=st.sampled_from(["before", "after"]),
    state=st.none() | st.binary(max_size=20),
    not_stored=words,
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)

requests = st.one_of(
    st.tuples(st.just("begin"), planned),
    st.tuples(st.just("step"), ids, steps),
    st.tuples(st.just("end"), ids, endings),
    st.tuples(st.just("end"), ids, endings),
    st.tuples(st.just("snapshot"), ids, st.lists(snapshots, max_size=3)),
    st.tuples(st.just("event"), words, st.dictionaries(words, plain, max_size=3)),
    st.tuples(st.just("make_permanent"), st.none() | st.lists(modules, max_size=2)),
)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", DATABASES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(asked=st.lists(requests, max_size=25))
def test_a_database_answers_as_memory_does(kind: str, asked: list[tuple[Any, ...]]) -> None:
    """A node must not behave differently because it has a database; and every value comes back as it was given."""
    with (
        tempfile.TemporaryDirectory() as folder,
        new_place(kind, Path(folder)) as place,
        open_store(place, limits=SMALL, now=lambda: NOON) as store,
    ):
        memory = MemoryStore(limits=SMALL, now=lambda: NOON)
        for name, *arguments in asked:
            assert _answer(store, name, *arguments) == _answer(memory, name, *arguments), (name, arguments)
        assert _state(store) == _state(memory)


def _answer(recorder: Recorder, name: str, *arguments: Any) -> Any:
    ask: Callable[..., Any] = getattr(recorder, name)
    try:
        found = ask(*arguments)
    except StoreError as error:
        return str(error).replace(recorder.where, "WHERE")
    return sorted(found, key=lambda one: one.module) if name == "make_permanent" else found


def _state(recorder: Recorder) -> list[Any]:
    records = recorder.history()
    numbers = [record.id for record in records]
    return [
        records,
        [recorder.upgrade(number) for number in numbers],
        [recorder.plan(number) for number in numbers],
        [recorder.snapshots(number) for number in numbers],
        [set(recorder.versions(module)) for module in "abc"],
        recorder.permanent_versions(),
        recorder.latest_versions(),
        recorder.events(),
        recorder.history("a", limit=2),
    ]
