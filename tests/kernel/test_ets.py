"""Tables: rows, counters, patterns, order, snapshots, names."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import otpy
from otpy import Table
from tests.kernel.ets_kit import KINDS, Clash, Kind, run_in_process
from tests.support import idle_process, inside

kinds = pytest.mark.parametrize("kind", KINDS)

# -- rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["set", "ordered_set"])
@inside
def test_a_set_has_one_row_of_each_key(kind: Kind) -> None:
    """The last one that was put in."""
    table = Table(kind=kind)
    table.insert(("a", 1), ("b", 2))
    table.insert(("a", 3, "longer"))
    assert table.lookup("a") == [("a", 3, "longer")]
    assert table.size() == 2
    assert sorted(table.to_list()) == [("a", 3, "longer"), ("b", 2)]


@inside
def test_a_bag_has_different_rows_of_a_key_in_their_order() -> None:
    """And no row twice."""
    table = Table(kind="bag")
    table.insert(("a", 2), ("a", 1), ("a", 2))
    table.insert(("a", 1))
    assert table.lookup("a") == [("a", 2), ("a", 1)]
    assert table.size() == 2
    table.delete_object(("a", 2))
    assert table.lookup("a") == [("a", 1)]


@inside
def test_a_duplicate_bag_has_equal_rows_too() -> None:
    """They go out together."""
    table = Table(kind="duplicate_bag")
    table.insert(("a", 2), ("a", 1), ("a", 2))
    table.insert(("a", 1))
    assert table.lookup("a") == [("a", 2), ("a", 1), ("a", 2), ("a", 1)]
    assert table.lookup_element("a", 1) == [2, 1, 2, 1]
    table.delete_object(("a", 2))
    assert table.lookup("a") == [("a", 1), ("a", 1)]
    with pytest.raises(otpy.TableError, match="bag"):
        table.update_counter("a")


@kinds
@inside
def test_looking_for_a_key(kind: Kind) -> None:
    """What is not there has no rows."""
    table = Table(kind=kind, keypos=1)
    table.insert((1, "a"))
    assert table.lookup("b") == []
    assert (table.member("a"), table.member("b")) == (True, False)
    assert table.lookup_element("a", 0) == ([1] if kind in {"bag", "duplicate_bag"} else 1)
    assert table.lookup_element("b", 0, default="none") == "none"
    with pytest.raises(otpy.NoSuchKey, match=r"no row of 'b'; look") as error:
        table.lookup_element("b", 0)
    assert isinstance(error.value, KeyError)


@kinds
@inside
def test_insert_new_puts_all_in_or_nothing(kind: Kind) -> None:
    """One key that is there is enough to refuse."""
    table = Table(kind=kind)
    assert table.insert_new(("a", 1), ("b", 1))
    assert not table.insert_new(("c", 1), ("a", 2))
    assert sorted(table.to_list()) == [("a", 1), ("b", 1)]


@kinds
@inside
def test_taking_out(kind: Kind) -> None:
    """By key, by row, everything; what is not there is no error."""
    table = Table(kind=kind)
    table.insert(*((number, "x") for number in range(5)))
    table.delete(0)
    table.delete(0)
    assert table.take(1) == [(1, "x")]
    assert table.take(1) == []
    table.delete_object((2, "other"))
    table.delete_object((2, "x"))
    assert sorted(table.to_list()) == [(3, "x"), (4, "x")]
    table.delete_all()
    assert (table.to_list(), table.size()) == ([], 0)


@kinds
@inside
def test_keys_of_one_hash_are_told_apart(kind: Kind) -> None:
    """By `==`."""
    table = Table(kind=kind)
    table.insert((Clash("a"), 1), (Clash("b"), 2))
    table.insert((Clash("c"), 3))
    table.delete(Clash("b"))
    assert table.lookup(Clash("a")) == [(Clash("a"), 1)]
    assert table.lookup(Clash("b")) == []
    assert sorted(row[1] for row in table.to_list()) == [1, 3]
    assert table.size() == 2
    table.delete_all()
    assert table.size() == 0


@pytest.mark.parametrize("row", [[], ["a", 1], "ab", (), ("only",), None])
@inside
def test_what_is_no_row_is_refused(row: Any) -> None:
    """The error says where the key stands, and nothing of the same insert is in."""
    table = Table(keypos=1)
    with pytest.raises(TypeError, match="key at 1"):
        table.insert((1, "a"), row)
    assert table.size() == 0


@inside
def test_a_key_must_have_a_hash() -> None:
    """As in a dict."""
    table = Table()
    with pytest.raises(TypeError, match="unhashable"):
        table.insert(("a", 1), (["list"], 1))
    assert table.size() == 0


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_table_does_as_a_dict(data: st.DataObject) -> None:
    """Any changes, one after the other, leave what a simple model has."""
    with otpy.runtime():
        table, model = Table(kind="ordered_set"), dict[int, tuple[int, int]]()
        for _ in range(data.draw(st.integers(1, 25))):
            key = data.draw(st.integers(-1, 4))
            match data.draw(st.sampled_from(["insert", "two", "new", "delete", "count", "all"])):
                case "insert":
                    table.insert((key, 0))
                    model[key] = (key, 0)
                case "two":
                    table.insert((key, 1), (key + 1, 2))
                    model |= {key: (key, 1), key + 1: (key + 1, 2)}
                case "new":
                    assert table.insert_new((key, 5)) == (key not in model)
                    model.setdefault(key, (key, 5))
                case "delete":
                    table.delete(key)
                    model.pop(key, None)
                case "count":
                    model[key] = (key, model.get(key, (key, 0))[1] + 3)
                    assert table.update_counter(key, 3, (key, 0)) == model[key][1]
                case _:
                    table.delete_all()
                    model.clear()
            assert table.to_list() == sorted(model.values())
            assert table.size() == len(model)
            assert table.first() == min(model, default=None)
            assert table.last() == max(model, default=None)
            assert table.next(key) == min((other for other in model if other > key), default=None)
            assert table.previous(key) == max((other for other in model if other < key), default=None)


# -- counters and elements -------------------------------------------------------------------------


@inside
def test_a_counter_counts() -> None:
    """The default is the row to begin with; its key is the one that was asked for."""
    table = Table()
    with pytest.raises(otpy.NoSuchKey):
        table.update_counter("hits")
    assert table.update_counter("hits", 2, ("any", 10)) == 12
    assert table.update_counter("hits") == 13
    assert table.update_counter("hits", -3, position=1) == 10
    assert table.to_list() == [("hits", 10)]


@inside
def test_a_counter_wraps_beyond_a_threshold() -> None:
    """Counts modulo a number, as OTP's four-tuples do: whose turn it is, say."""
    table = Table()
    counts = [table.update_counter("turn", 1, ("_", 0), wrap=(2, 0)) for _ in range(5)]
    assert counts == [1, 2, 0, 1, 2]
    assert [table.update_counter("turn", -1, wrap=(0, 7)) for _ in range(4)] == [1, 0, 7, 6]
    assert table.update_counter("turn", 0, wrap=(5, 9)) == 9
    for wrap in (5, (5,), (5, "0"), (True, 0), [5, 0]):
        with pytest.raises(TypeError, match=r"\(threshold, value\)"):
            table.update_counter("turn", wrap=wrap)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert table.lookup("turn") == [("turn", 9)]


@inside
def test_elements_are_replaced_at_once() -> None:
    """By their positions."""
    table = Table()
    table.insert(("a", 1, 2, 3))
    table.update_element("a", {1: "x", 3: "z"})
    table.update_element("b", {1: "y"}, ("_", 0))
    assert sorted(table.to_list()) == [("a", "x", 2, "z"), ("b", "y")]
    with pytest.raises(otpy.NoSuchKey):
        table.update_element("c", {1: 1})


@inside
def test_what_cannot_be_counted_or_replaced() -> None:
    """The key, what is no number, positions that are not there, and bags."""
    table = Table()
    table.insert(("a", "text", True))
    for position in (1, 2, 5):
        with pytest.raises(TypeError, match=f"no int at {position}"):
            table.update_counter("a", 1, position=position)
    for change in (lambda: table.update_counter("a", position=0), lambda: table.update_element("a", {0: "b"})):
        with pytest.raises(ValueError, match="not the key's"):
            change()
    with pytest.raises(IndexError, match="no position 3"):
        table.update_element("a", {1: "changed", 3: 0})
    for increment in ("1", True, 1.0):
        with pytest.raises(TypeError, match="increment"):
            table.update_counter("a", increment)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="position True"):
        table.update_element("a", {True: "changed"})
    with pytest.raises(TypeError, match="a dict by position"):
        table.update_element("a", [(1, "changed")])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(otpy.TableError, match="is a bag"):
        Table(kind="bag").update_counter("a")
    assert table.to_list() == [("a", "text", True)]


# -- patterns --------------------------------------------------------------------------------------

ANY, Var = Table.ANY, Table.Var

PATTERNS: dict[str, tuple[tuple[Any, ...], list[dict[str, Any]]]] = {
    "a wildcard": (("ada", ANY, ANY), [{}]),
    "variables": ((Var("who"), 36, Var("what")), [{"who": "ada", "what": ("math", 1)}]),
    "a variable twice": ((Var("x"), Var("x"), ANY), [{"x": 7}]),
    "inside a tuple": ((Var("who"), ANY, ("math", Var("n"))), [{"who": "ada", "n": 1}, {"who": "bob", "n": 2}]),
    "another length": (("ada", ANY), []),
    "a tuple of another length": ((ANY, ANY, (ANY, ANY, ANY)), []),
    "a fixed key": (("bob", Var("age"), ANY), [{"age": 50}]),
    "a fixed key that is not there": (("eve", ANY, ANY), []),
}


@pytest.mark.parametrize("name", PATTERNS)
@kinds
@inside
def test_a_pattern_matches(kind: Kind, name: str) -> None:
    """And gives what its variables are."""
    table = Table(kind=kind) if kind != "ordered_set" else Table(kind="set")
    table.insert(("ada", 36, ("math", 1)), ("bob", 50, ("math", 2)), (7, 7, None))
    pattern, bound = PATTERNS[name]
    found = table.match(pattern)
    assert len(found) == len(table.match_object(pattern)) == len(bound)
    assert all(each in found for each in bound)


@inside
def test_select_takes_a_function_that_may_do_what_it_likes() -> None:
    """It runs outside every lock: here it changes the table and waits for another process that does."""
    table = Table(access="public")
    table.insert(("a", 1), ("b", 2))

    def where(row: tuple[Any, ...]) -> bool:
        table.insert(("seen", row))
        run_in_process(lambda: table.insert(("other", row)))
        return bool(row[1] > 1)

    assert table.select(where) == [("b", 2)]
    assert table.size() == 4


@kinds
@inside
def test_a_guard_says_more_than_a_pattern(kind: Kind) -> None:
    """It gets what the variables are."""
    table = Table(kind=kind)
    table.insert((1, 1), (2, 5), (3, 7))
    assert table.match((ANY, Var("n")), guard=lambda found: found["n"] > 5) == [{"n": 7}]
    assert table.match_object((2, Var("n")), guard=lambda found: found["n"] > 5) == []
    assert table.match_object((2, Var("n")), guard=lambda found: found["n"] < 9) == [(2, 5)]
    assert table.select_count(lambda row: row[1] > 1) == 2


@kinds
@inside
def test_taking_out_what_matches(kind: Kind) -> None:
    """All at once, and how many rows that were."""
    table = Table(kind=kind)
    table.insert(*((number, number % 2, "x") for number in range(6)))
    assert table.match_delete((3, ANY, ANY)) == 1
    assert table.match_delete((3, ANY, ANY)) == table.match_delete((ANY, ANY)) == 0
    assert table.match_delete((ANY, 1, ANY)) == 2
    assert table.select_delete(lambda row: row[0] > 2) == 1
    assert sorted(table.to_list()) == [(0, 0, "x"), (2, 0, "x")]
    assert table.size() == 2
    with pytest.raises(ZeroDivisionError):
        table.select_delete(lambda row: row[0] / 0)
    assert table.select_delete(lambda _: True) == 2
    for bad in ("k", [ANY]):
        with pytest.raises(TypeError, match="a pattern is a tuple"):
            table.match_delete(bad)  # type: ignore[arg-type]


@inside
def test_what_is_taken_out_is_decided_anew_if_somebody_comes_in_between() -> None:
    """Else a row would go that does not match any more, or stay that does."""
    table = Table(access="public")
    table.insert(("a", 1), ("b", 2))
    seen: list[Any] = []

    def where(row: tuple[Any, ...]) -> bool:
        if not seen:
            run_in_process(lambda: table.insert(("a", 3), ("c", 1)))
        seen.append(row)
        return bool(row[1] == 1)

    assert table.select_delete(where) == 1
    assert sorted(table.to_list()) == [("a", 3), ("b", 2)]


@inside
def test_a_pattern_is_a_tuple() -> None:
    """The error shows one."""
    with pytest.raises(TypeError, match="a pattern is a tuple"):
        Table().match(ANY)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# -- order -----------------------------------------------------------------------------------------


@inside
def test_an_ordered_set_is_walked_in_the_order_of_its_keys() -> None:
    """Also from keys that are not there, and while keys come and go."""
    table = Table(kind="ordered_set")
    assert (table.first(), table.last(), table.next(1)) == (None, None, None)
    table.insert(*((key,) for key in (5, 1, 3)))
    assert [table.first(), table.next(1), table.next(2), table.next(5)] == [1, 3, 3, None]
    assert [table.last(), table.previous(5), table.previous(4), table.previous(1)] == [5, 3, 3, None]
    table.insert((4,))
    table.delete(3)
    assert (table.next(1), table.to_list()) == (4, [(1,), (4,), (5,)])


class Ranked:
    """A key with a rank: different ones of one rank have no order between them."""

    def __init__(self, name: int) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranked) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __lt__(self, other: Ranked) -> bool:
        return self.name // 4 < other.name // 4


def _above(limit: int) -> Callable[[tuple[Any, ...]], bool]:
    return lambda row: hash(row[0]) > limit


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["insert", "delete", "many", "sweep", "clear"]), st.integers(0, 40))))
@example([("insert", 1), ("insert", 2), ("delete", 2), ("insert", 2), ("delete", 1)])
@pytest.mark.parametrize("key", [int, Ranked])
def test_the_order_follows_every_change(key: Callable[[int], Any], steps: list[tuple[str, int]]) -> None:
    """It is kept from one question to the next; what has come and gone since is all that is looked at."""
    with otpy.runtime():
        table = Table(kind="ordered_set")
        assert table.first() is None
        for step, number in steps:
            match step:
                case "insert":
                    table.insert((key(number),))
                case "delete":
                    table.delete(key(number))
                case "many":
                    table.insert(*((key(each),) for each in range(number * 2)))
                case "sweep":
                    table.select_delete(_above(number))
                case _:
                    table.delete_all()
            assert table._keys() == sorted(row[0] for row in table.to_list()) or key is Ranked
            assert sorted(map(hash, table._keys())) == sorted(hash(row[0]) for row in table.to_list())


@inside
def test_a_walk_compares_few_keys_however_many_there_are() -> None:
    """A table that is a queue, from whose front one after the other is taken, does not sort for each."""
    compared = 0

    class Counting(Ranked):
        def __lt__(self, other: Ranked) -> bool:
            nonlocal compared
            compared += 1
            return self.name < other.name

    table = Table(kind="ordered_set")
    table.insert(*((Counting(number),) for number in range(1000)))
    first = table.first()
    compared = 0
    table.delete(first)
    assert table.first().name == 1
    assert compared < 30


@inside
def test_only_an_ordered_set_has_an_order() -> None:
    """The error says which kind has."""
    with pytest.raises(otpy.TableError, match="ordered_set"):
        Table().first()


@inside
def test_keys_without_an_order_between_them_are_refused_when_they_come() -> None:
    """Else the next walk would fail, far from who did it."""
    table = Table(kind="ordered_set")
    table.insert((1, "a"))
    with pytest.raises(TypeError, match="cannot be ordered beside 1"):
        table.insert(("text", "b"))
    assert table.to_list() == [(1, "a")]


@inside
def test_a_key_that_does_not_equal_itself_has_no_place_in_the_order() -> None:
    """NaN would be found nowhere, and leave the others in any order."""
    table = Table(kind="ordered_set")
    with pytest.raises(TypeError, match="does not equal itself"):
        table.insert((math.nan,))
    assert table.to_list() == []


# -- snapshots and facts ---------------------------------------------------------------------------


@kinds
@inside
def test_a_snapshot_does_not_change(kind: Kind) -> None:
    """And outlives the table."""
    table = Table(kind=kind)
    table.insert((1, "a"), (2, "b"))
    snapshot = table.snapshot()
    table.insert((1, "changed"), (3, "c"))
    table.drop()
    assert sorted(snapshot.to_list()) == [(1, "a"), (2, "b")]
    assert (snapshot.lookup(1), snapshot.size(), snapshot.member(3)) == ([(1, "a")], 2, False)
    assert snapshot.match((ANY, Var("x"))) == [{"x": "a"}, {"x": "b"}]
    assert "2 rows" in repr(snapshot)
    if kind == "ordered_set":
        assert (snapshot.first(), snapshot.next(1), snapshot.last()) == (1, 2, 2)


@inside
def test_what_is_known_of_a_table() -> None:
    """Whoever asks."""
    heir = idle_process()
    table = Table("users", kind="bag", access="private", heir=heir, keypos=1)
    table.insert((1, "a"))
    me = otpy.self_pid()
    info = run_in_process(table.info)
    assert (info.name, info.kind, info.access, info.owner) == ("users", "bag", "private", me)
    assert (info.heir, info.keypos, info.size) == (heir, 1, 1)


@pytest.mark.parametrize(
    "options",
    [{"kind": "list"}, {"access": "open"}, {"keypos": -1}, {"keypos": True}, {"keypos": "a"}],
)
@inside
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    """Where they are given, with what is accepted."""
    with pytest.raises(ValueError, match=rf"{next(iter(options))} is "):
        Table(**options)


@pytest.mark.parametrize("options", [{"name": ""}, {"name": 1}, {"heir": "name"}, {"heir": ("name", 1)}])
@inside
def test_wrong_types_are_refused(options: dict[str, Any]) -> None:
    """As above."""
    with pytest.raises(TypeError, match=r"non-empty str|no Pid"):
        Table(**options)


@inside
def test_a_table_is_never_copied() -> None:
    """A state that holds one is copied for an upgrade; the table is the same."""
    table = Table()
    assert copy.copy(table) is table
    assert copy.deepcopy([table])[0] is table
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(table)


# -- names -----------------------------------------------------------------------------------------


@inside
def test_a_table_is_found_by_its_name() -> None:
    """Until it is gone."""
    table = Table("users")
    assert Table.whereis("users") is table
    assert "users" in repr(table)
    with pytest.raises(otpy.TableExists) as error:
        Table("users")
    assert error.value.table is table
    table.rename("people")
    assert (Table.whereis("users"), Table.whereis("people"), table.name) == (None, table, "people")
    other = Table("users")
    with pytest.raises(otpy.TableExists):
        other.rename("people")
    table.drop()
    assert Table.whereis("people") is None


def test_each_runtime_has_its_own_tables() -> None:
    """Two systems in one interpreter do not get in each other's way."""
    with otpy.runtime():
        outer = Table("name")
        with otpy.runtime():
            assert Table.whereis("name") is None
            Table("name")
        assert Table.whereis("name") is outer
