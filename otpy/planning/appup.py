"""Instructions as a TOML file beside the sources, `upgrade.toml`: text in, `Instructions` out, or all that is wrong.

```toml
from = ["1"]
to = "2"

[options]
strategy = "atomic"

[[update]]
module = "shop.cart"
after = ["shop.prices"]
extra = { currency = "EUR" }
suspend_timeout = 2.0

[[restart]]
supervisor = "shop"
child = "logger"

[[apply]]
function = "shop.steps:warm_up"
when = "after"
```

Source: OTP appup(4); `instructions.py` says what each of them means.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from otpy.errors import BadPlan
from otpy.planning.checks import place_of
from otpy.planning.instructions import Apply, Instructions, Restart, Update
from otpy.planning.options import PlanOptions

NAME: Final = "upgrade.toml"
"""How the file is called."""

_TABLES: Final[dict[str, type[msgspec.Struct]]] = {"update": Update, "restart": Restart, "apply": Apply}


def read_instructions(text: str, *, origin: str = NAME) -> Instructions:
    """Return the instructions in *text*, which is TOML; *origin* is the file's name, for messages.

    Raises: BadPlan, with each place that is wrong.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPlan([f"{origin}: this is no TOML: {error}"]) from None
    if isinstance(data.get("from"), str):
        data["from"] = [data["from"]]
    problems = tuple(_unknown_keys(data))
    if not problems:
        try:
            return msgspec.convert({**data, "origin": origin}, Instructions, strict=True)
        except msgspec.ValidationError as error:
            problems = (place_of(error),)
    raise BadPlan([f"{origin}: {problem}" for problem in problems])


def _unknown_keys(data: dict[str, Any]) -> Iterator[str]:
    """Yield what nobody would look at: misspelt keys above all."""
    yield from _unknown("", data, ["from", "to", "options", *_TABLES])
    options = data.get("options")
    if isinstance(options, dict):
        yield from _unknown("options.", options, PlanOptions.__struct_fields__)
    for table, kind in _TABLES.items():
        rows = data.get(table, [])
        if isinstance(rows, dict):
            yield f"{table} is a table; write it as [[{table}]], as there may be several"
        for number, row in enumerate(rows if isinstance(rows, list) else []):
            if isinstance(row, dict):
                yield from _unknown(f"{table}[{number}].", row, kind.__struct_fields__)


def _unknown(place: str, given: dict[str, Any], known: Any) -> Iterator[str]:
    for key in given:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            yield f"{place}{key} is not known; " + (
                f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            )
