"""How an upgrade is done, as far as a plan says it: plain data, checked when it is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec

from otpy.errors import BadPlan

Strategy: TypeAlias = Literal["atomic", "rolling", "canary"]
"""All processes together; one group after the other; a few first, watched, then the rest."""


class PlanOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of an upgrade that are data. Times are seconds.

    - `strategy`: all together, groups of `group_size`, or `canaries` of each behaviour first.
    - `state`: "auto", "preserve", "reset", or a function by name, "shop.steps:convert".
    - `extra`: what code_change gets; plain JSON data.
    - `retries`: how often to try again when somebody does not come to rest.
    - `rehearse`: whether it is first tried on copies.
    - `allow_dangerous`: whether what the safety policy forbids is a warning only.

    Raises: BadPlan, with all that is wrong.
    """

    strategy: Strategy = "atomic"
    state: str = "auto"
    extra: Any = None
    suspend_timeout: float = 5.0
    code_change_timeout: float = 5.0
    timeout: float = 30.0
    retries: int = 0
    group_size: int = 1
    canaries: int = 1
    rehearse: bool = True
    allow_dangerous: bool = False

    def __post_init__(self) -> None:
        problems = tuple(_problems(self))
        if problems:
            raise BadPlan(problems)


def _problems(options: PlanOptions) -> Iterator[str]:
    for name in ("suspend_timeout", "code_change_timeout", "timeout"):
        seconds = getattr(options, name)
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < float("inf"):
            yield f"options.{name} is {seconds!r}; give seconds, more than 0"
    for name, least in (("group_size", 1), ("canaries", 1), ("retries", 0)):
        if getattr(options, name) < least:
            yield f"options.{name} is {getattr(options, name)}; give a whole number, {least} or more"
    module, colon, function = options.state.partition(":")
    named = bool(colon) and all(part.isidentifier() for part in f"{module}.{function}".split("."))
    if options.state not in ("auto", "preserve", "reset") and not named:
        yield f'options.state is {options.state!r}; give "auto", "preserve", "reset" or a function, "module:name"'
    if not is_plain(options.extra):
        yield f"options.extra is {options.extra!r}; a plan keeps only what JSON has: text, numbers, lists, dicts, null"


def is_plain(value: object) -> bool:
    """Whether *value* comes back the same from JSON."""
    match value:
        case None | bool() | str():
            return True
        case int():
            return -(2**63) <= value < 2**64
        case float():
            return value == value and value not in (float("inf"), float("-inf"))  # noqa: PLR0124 - NaN
        case list():
            return all(is_plain(item) for item in value)
        case dict():
            return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
        case _:
            return False
