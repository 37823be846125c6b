"""Recording ETS: random scenarios, played by the Erlang/OTP that is installed.

python -m tests.oracle.tables.record SEED COUNT > FILE
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

from tests.oracle.erlang import record, term

SOURCE = Path(__file__).parent / "recorder" / "tables.erl"
KINDS = ("set", "ordered_set", "bag", "duplicate_bag")
WITH_KEY = ("delete", "take", "lookup", "lookup", "member")
WALKS = ("first", "last", "next", "previous")


def main(seed: int, count: int) -> None:
    """Print *count* recordings, made from *seed*."""
    record(SOURCE, seed, [_Maker(f"{seed}-{number}").scenario() for number in range(count)], _term_of)


class _Maker:
    """Makes one random scenario. Few keys and values, so that they meet."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing is kept secret with it
        self._kind = self._random.choice(KINDS)
        self._keypos = self._random.choice((0, 0, 1))

    def scenario(self) -> dict[str, Any]:
        table = {"kind": self._kind, "keypos": self._keypos}
        return {"table": table, "actions": [self._action() for _ in range(self._random.randint(10, 40))]}

    def _action(self) -> list[Any]:
        choose = self._random
        match choose.randrange(14):
            case 0 | 1 | 2 | 3:
                return ["insert", self._rows(choose.choice((1, 1, 1, 2, 4)))]
            case 4:
                return ["insert_new", self._rows(choose.choice((1, 1, 2)))]
            case 5 | 6:
                return [choose.choice(WITH_KEY), self._key()]
            case 7:
                return choose.choice(
                    (["delete_object", self._row()], ["delete_object", self._row()], ["delete_all"], ["size"])
                )
            case 8:
                return ["lookup_element", self._key(), self._place()]
            case 9:
                default = [self._row()] if choose.random() < 0.5 else []
                return ["update_counter", self._key(), self._place(), choose.randint(-2, 3), *default]
            case 10:
                others = [
                    place for place in range(3) if place != self._keypos
                ]  # the key's is refused first of all here
                places = choose.sample(others, choose.choice((1, 1, 2)))
                return ["update_element", self._key(), [[place, self._value()] for place in places]]
            case 11:
                return [choose.choice(("match", "match_object", "match_delete")), self._pattern()]
            case 12:
                return [
                    choose.choice(("select", "select_delete")),
                    ["_" if n != 1 else "$1" for n in range(3)],
                    choose.randrange(4),
                ]
            case _:
                walk = choose.choice(WALKS) if self._kind == "ordered_set" else "size"
                return [walk, self._key()] if walk in {"next", "previous"} else [walk]

    def _key(self) -> int:
        return self._random.randrange(5)

    def _value(self) -> Any:
        return self._random.choice((0, 1, 2, 3, 3, [1, 2], [1, [2, 3]]))

    def _rows(self, count: int) -> list[list[Any]]:
        """Rows of different keys: ETS does not say in which order those of one key go in."""
        return [self._row(key) for key in self._random.sample(range(5), count)]

    def _row(self, key: int | None = None) -> list[Any]:
        row = [self._value() for _ in range(self._random.choice((2, 3, 3)))]
        row[self._keypos] = self._key() if key is None else key
        return row

    def _place(self) -> int:
        return self._random.randrange(3)

    def _pattern(self) -> list[Any]:
        parts = ("_", "_", "$1", "$2", 0, 1, 2, 3, ["_", "$1"], [1, "$2"])
        pattern = [self._random.choice(parts) for _ in range(self._random.choice((2, 3, 3)))]
        pattern[self._keypos] = self._random.choice(("_", "$1", self._key(), self._key()))
        return pattern


def _term_of(scenario: dict[str, Any]) -> str:
    """Return *scenario* as an Erlang term: positions count from 1 there."""
    table = scenario["table"]
    actions = ",".join(_action_term(*action) for action in scenario["actions"])
    return f"{{{table['kind']},{table['keypos'] + 1},[{actions}]}}"


def _action_term(operation: str, *arguments: Any) -> str:
    match operation, arguments:
        case "insert" | "insert_new", (rows,):
            return f"{{{operation},[{','.join(map(term, rows))}]}}"
        case "update_element", (key, changes):
            shifted = ",".join(term([place + 1, value]) for place, value in changes)
            return f"{{update_element,{key},[{shifted}]}}"
        case "lookup_element" | "update_counter", (key, place, *others):
            return f"{{{','.join([operation, *map(term, (key, place + 1, *others))])}}}"
        case _:
            return f"{{{','.join([operation, *map(term, arguments)])}}}"


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
