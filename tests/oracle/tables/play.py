"""Playing an ETS scenario: the table is asked, and what it answers is told as Erlang would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

import otpy
from otpy import Table
from tests.oracle.recording import Step
from tests.oracle.tables.scenario import Action, TableScenario

VARIABLES: Final = {"_": Table.ANY, "$1": Table.Var("1"), "$2": Table.Var("2")}
REFUSED: Final = (TypeError, ValueError, LookupError, otpy.TableError)


def play(scenario: TableScenario) -> Iterator[Step]:
    """Play *scenario* in the running process, and yield what each action returned and left."""
    table = Table(kind=scenario.table.kind, keypos=scenario.table.keypos)
    for action in scenario.actions:
        try:
            result = _do(table, action)
        except REFUSED:
            result = "badarg"
        rows = sorted(table.to_list(), key=lambda row: row[table.keypos])
        yield msgspec.to_builtins({"result": result, "rows": rows})
    table.drop()


def _row(given: Any) -> Any:
    return tuple(_row(part) for part in given) if isinstance(given, list) else given


def _rows(given: Iterable[Any]) -> list[Any]:
    return [_row(row) for row in given]


def _pattern(given: Any) -> Any:
    if isinstance(given, list):
        return tuple(_pattern(part) for part in given)
    return VARIABLES.get(given, given) if isinstance(given, str) else given


def _ordered(table: Table, found: Iterable[Any]) -> list[Any]:
    """Return what was found as the recordings have it: only an ordered_set has an order of its own."""
    return list(found) if table.kind == "ordered_set" else sorted(found, key=_place)


def _place(term: Any) -> Any:
    """Where Erlang puts a term: numbers before tuples, and lists of variables as they are compared there."""
    if isinstance(term, tuple):
        return (1, len(term), [_place(part) for part in term])
    if isinstance(term, list):
        return (2, 0, [_place(part) for part in term])
    return (0, term, [])


def _bound(found: Mapping[str, Any]) -> list[Any]:
    return [found[name] for name in sorted(found)]


def _update_element(table: Table, key: Any, changes: list[Any]) -> bool:
    try:
        table.update_element(key, {place: _row(value) for place, value in changes})
    except otpy.NoSuchKey:
        return False
    return True


def _do(table: Table, action: Action) -> Any:
    """Do *action* and return what the recording has for it."""
    match action:
        case ["insert", rows]:
            table.insert(*_rows(rows))
            return "ok"
        case ["insert_new", rows]:
            return table.insert_new(*_rows(rows))
        case ["lookup_element", key, place]:
            return table.lookup_element(key, place)
        case ["update_counter", key, place, increment, *default]:
            return table.update_counter(key, increment, *_rows(default), position=place)
        case ["update_element", key, changes]:
            return _update_element(table, key, changes)
        case ["size" | "first" | "last" as operation]:
            return getattr(table, operation)()
        case ["lookup" | "member" | "take" | "next" | "previous" as operation, key]:
            return getattr(table, operation)(key)
        case _:
            return _do_by_content(table, action)


def _do_by_content(table: Table, action: Action) -> Any:
    match action:
        case ["delete", key]:
            table.delete(key)
            return "ok"
        case ["delete_object", row]:
            table.delete_object(_row(row))
            return "ok"
        case ["delete_all"]:
            table.delete_all()
            return "ok"
        case ["match", pattern]:
            return _ordered(table, map(_bound, table.match(_pattern(pattern))))
        case ["match_object", pattern]:
            return _ordered(table, table.match_object(_pattern(pattern)))
        case ["select", pattern, least]:
            return _ordered(table, table.match_object(_pattern(pattern), guard=lambda found: _is(found["1"], least)))
        case ["match_delete", pattern]:
            table.match_delete(_pattern(pattern))
            return "ok"
        case ["select_delete", pattern, least]:
            return table.select_delete(lambda row: len(row) == len(pattern) and _is(row[1], least))
        case _:
            raise ValueError(action)


def _is(value: Any, least: int) -> bool:
    """Whether *value* is a number, and at least that."""
    return isinstance(value, int) and value >= least
