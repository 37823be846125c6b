"""A policy from a TOML table.

So it is kept in `pyproject.toml`:

```toml
[tool.otpy.safety]
preset = "standard"
warn = ["files"]
protected_modules = ["shop.money", "shop.audit.*"]
max_pause_s = 0.5

[[tool.otpy.safety.allow]]
rule = "system"
what = "subprocess.run*"
modules = "shop.tools.*"
```

A rule that is named in `refuse`, `warn` or `off` leaves the list that the preset has it in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from otpy.analysis.risk import RISK_LEVELS
from otpy.safety.effects import KINDS
from otpy.safety.policy import PRESETS, VERDICTS, Allow, Policy
from otpy.safety.rules import RULES

TABLE: Final = "tool.otpy.safety"
"""Where a policy stands in a TOML file."""

_ANSWERS: Final = ("refuse", "warn", "off")
_KEYS: Final = ("preset", "off", *(field.name for field in fields(Policy)))
_ALLOW_KEYS: Final = tuple(field.name for field in fields(Allow))


def read_policy(path: str | Path) -> Policy:
    """The policy in the table `[tool.otpy.safety]` of the TOML file *path*; the default one, if it has none.

    Raises: ValueError, naming file and key, what is there and what may be; OSError, if there is no such file.
    """
    where = str(path)
    try:
        table: Any = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{where} is no TOML: {error}"
        raise ValueError(msg) from error
    for key in TABLE.split("."):
        table = table.get(key, {}) if isinstance(table, dict) else table
    return policy_from(table, where=f"{where} [{TABLE}]")


def policy_from(table: object, *, where: str = "policy", rules: Collection[str] | None = None) -> Policy:
    """The policy that *table* describes, as `tomllib` gives it; *where* begins what errors say.

    *rules* are the names that it may use; those of otpy, if none are given.

    Raises: ValueError.
    """
    rules = tuple(RULES) if rules is None else rules
    given = _mapping(table, where, _KEYS)
    preset = PRESETS[_one_of(given.get("preset", "standard"), tuple(PRESETS), f"{where}: preset")]
    answers = {key: _names(given.get(key, []), rules, f"{where}: {key}") for key in _ANSWERS}
    moved = {name for key in _ANSWERS for name in answers[key]}
    for name in moved:
        homes = [key for key in _ANSWERS if name in answers[key]]
        if len(homes) > 1:
            msg = f"{where}: {name!r} is in {' and in '.join(homes)}; a rule has one answer"
            raise ValueError(msg)
    refuse = (*(n for n in preset.refuse if n not in moved), *answers["refuse"])
    warn = (*(n for n in preset.warn if n not in moved), *answers["warn"])
    return replace(preset, refuse=refuse, warn=warn, **_others(given, where, rules))


def _others(given: Mapping[str, Any], where: str, rules: Collection[str]) -> dict[str, Any]:
    """The fields of a policy that *given* has, checked."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        place = f"{where}: {key}"
        match key:
            case "known":
                found[key] = _one_of(value, _ANSWERS, place)
            case "riskiest_verdict":
                found[key] = _one_of(value, VERDICTS, place)
            case "max_risk":
                found[key] = _one_of(value, RISK_LEVELS, place)
            case "effects":
                found[key] = _names(value, KINDS, place)
            case "protected_modules" | "otpy_effects":
                found[key] = _texts(value, place)
            case "allow":
                found[key] = tuple(_allow(each, f"{place}[{n}]", rules) for n, each in enumerate(_list(value, place)))
            case "allow_dangerous":
                found[key] = _of_type(value, bool, "true or false", place)
            case "max_pause_s":
                found[key] = _seconds(value, place)
            case _:
                pass
    return found


def _allow(table: object, where: str, rules: Collection[str]) -> Allow:
    given = _mapping(table, where, _ALLOW_KEYS)
    if "rule" not in given:
        msg = f"{where}: rule is missing; it is one of {', '.join(rules)}"
        raise ValueError(msg)
    _one_of(given["rule"], rules, f"{where}: rule")
    return Allow(**{key: _of_type(value, str, "a text", f"{where}: {key}") for key, value in given.items()})


# -- checking --------------------------------------------------------------------------------------


def _mapping(table: object, where: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        msg = f"{where}: a table is wanted, not {table!r}"
        raise ValueError(msg)  # noqa: TRY004 - one error for all that is wrong with a table
    for key in table:
        if key not in keys:
            close = get_close_matches(str(key), keys, 1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            msg = f"{where}: no key {key!r}{meant} There are {', '.join(keys)}"
            raise ValueError(msg)
    return table


def _one_of(value: Any, choices: Collection[str], where: str) -> str:
    if value not in choices:
        close = get_close_matches(str(value), choices, 1)
        meant = f"; did you mean {close[0]!r}?" if close else ";"
        msg = f"{where}: {value!r} is none of them{meant} There are {', '.join(choices)}"
        raise ValueError(msg)
    return str(value)


def _list(value: Any, where: str) -> list[Any]:
    return _of_type(value, list, "a list", where)  # type: ignore[no-any-return]


def _texts(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_of_type(each, str, "a text", f"{where}[{n}]") for n, each in enumerate(_list(value, where)))


def _names(value: Any, choices: Collection[str], where: str) -> tuple[str, ...]:
    return tuple(_one_of(each, choices, f"{where}[{n}]") for n, each in enumerate(_list(value, where)))


def _seconds(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        msg = f"{where}: seconds are wanted, 0 or more, not {value!r}"
        raise ValueError(msg)
    return float(value)


def _of_type(value: Any, kind: type, wanted: str, where: str) -> Any:
    if not isinstance(value, kind):
        msg = f"{where}: {wanted} is wanted, not {value!r}"
        raise ValueError(msg)  # noqa: TRY004 - as above
    return value
