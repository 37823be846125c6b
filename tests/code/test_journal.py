"""What was done can be taken back."""

import functools
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.code.journal import Journal, reorder


def test_steps_are_taken_back_newest_first() -> None:
    """Later steps stand on earlier ones."""
    journal, seen = Journal(), list[str]()
    for step in "abc":
        journal.write(step, functools.partial(seen.append, step))
    assert list(journal.steps) == ["a", "b", "c"]
    journal.undo()
    assert seen == ["c", "b", "a"]
    assert list(journal.steps) == []


def test_one_inverse_that_fails_does_not_keep_the_others_from_running() -> None:
    """And what failed is told, with the step that it belongs to."""
    journal, seen = Journal(), list[str]()
    journal.write("first", lambda: seen.append("first"))
    journal.write("second", lambda: 1 / 0)
    journal.write("third", lambda: seen.append("third"))
    with pytest.raises(ExceptionGroup) as caught:
        journal.undo()
    assert seen == ["third", "first"]
    (error,) = caught.value.exceptions
    assert error.__notes__ == ["while taking back: second"]


def test_committed_steps_stay() -> None:
    """After the commit there is nothing to take back."""
    journal, table = Journal(), {"a": 1}
    journal.set_item(table, "a", 2)
    journal.commit()
    journal.undo()
    assert table == {"a": 2}


def test_items_and_attributes_come_back_as_they_were() -> None:
    """Changed ones get their values, added ones go, deleted ones return."""
    journal, table, thing = Journal(), {"changed": 1, "deleted": 2}, SimpleNamespace(changed=1)
    journal.set_item(table, "changed", 10)
    journal.set_item(table, "added", 20)
    journal.delete_item(table, "deleted")
    journal.delete_item(table, "never there")
    journal.set_attribute(thing, "changed", 10)
    journal.set_attribute(thing, "added", 20)
    assert table == {"changed": 10, "added": 20}
    journal.undo()
    assert table == {"changed": 1, "deleted": 2}
    assert vars(thing) == {"changed": 1}


def test_one_journal_takes_over_the_steps_of_another() -> None:
    """What was prepared on its own becomes part of the transaction."""
    journal, other, seen = Journal(), Journal(), list[str]()
    journal.write("a", lambda: seen.append("a"))
    other.write("b", lambda: seen.append("b"))
    journal.absorb(other)
    other.undo()
    journal.undo()
    assert seen == ["b", "a"]


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.permutations("abcdef"))
def test_reorder_changes_the_order_and_nothing_else(keys: list[str], given_order: list[str]) -> None:
    """Named items first, in their order; the others behind them in theirs."""
    namespace: dict[str, Any] = {key: object() for key in given_order}
    before = dict(namespace)
    reorder(namespace, keys)
    assert namespace == before
    assert list(namespace) == keys + [key for key in given_order if key not in keys]


def test_what_is_written_last_is_taken_back_last() -> None:
    """Whenever it was written: its inverse needs all else as it was."""
    journal, undone = Journal(), list[str]()
    journal.write("first", lambda: undone.append("first"))
    journal.write_last("last", lambda: undone.append("last"))
    journal.write("second", lambda: undone.append("second"))
    journal.undo()
    assert undone == ["second", "first", "last"]
