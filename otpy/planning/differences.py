"""The difference of two plans as a value that can be read, and applied. Pure; works on plain data.

Lists whose items have a name (modules, behaviours, supervisors, children) are compared item by item as long as the same
names stand in the same order; any other list that differs is exchanged as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import msgspec

from otpy.errors import BadPlan

Path: TypeAlias = tuple[str | int, ...]

_NAMES: Final = ("name", "behaviour", "supervisor", "id", "where")
_LONG: Final = 60


class Missing(msgspec.Struct, frozen=True, tag="missing"):
    """Stands for a key that one of the two does not have."""


class Difference(msgspec.Struct, frozen=True):
    """One place that differs, with what stands there in each of the two."""

    path: Path
    old: Any
    new: Any

    @property
    def place(self) -> str:
        """The place as people write it: `modules[0].source`."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return "".join(parts).lstrip(".")

    def __str__(self) -> str:
        if isinstance(self.old, Missing):
            return f"+ {self.place}: {_short(self.new)}"
        if isinstance(self.new, Missing):
            return f"- {self.place}: {_short(self.old)}"
        return f"~ {self.place}: {_short(self.old)} -> {_short(self.new)}"


class PlanDiff(msgspec.Struct, frozen=True):
    """What leads from one plan to another; false if they are the same."""

    differences: tuple[Difference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.differences)

    def __str__(self) -> str:
        return "\n".join(map(str, self.differences)) or "no difference"


def diff(old: Any, new: Any) -> PlanDiff:
    """Return what leads from *old* to *new*, both plain data."""
    return PlanDiff(tuple(_diff(old, new, ())))


def _diff(old: Any, new: Any, path: Path) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _diff(old.get(key, Missing()), new.get(key, Missing()), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and _names(old) is not None and _names(old) == _names(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _diff(one, other, (*path, index))
    elif type(old) is not type(new) or old != new:
        yield Difference(path, old, new)


def _names(items: list[Any]) -> list[Any] | None:
    """Return the names of *items*, if all have one."""
    if not all(isinstance(item, dict) for item in items):
        return None
    key = next((name for name in _NAMES if all(name in item for item in items)), None)
    return None if key is None else [item[key] for item in items]


def apply(data: Any, change: PlanDiff) -> Any:
    """Return *data* with *change* carried out; *data* itself is left as it is.

    Raises: BadPlan, if something else stands in one of the places.
    """
    for difference in change.differences:
        data = _put(data, difference, difference.path)
    return data


def _put(data: Any, difference: Difference, path: Path) -> Any:
    if not path:
        if data != difference.old:
            raise BadPlan([f"{difference.place} is {_short(data)} here and not {_short(difference.old)}"])
        return difference.new
    key, *rest = path
    if isinstance(data, list) and isinstance(key, int) and key < len(data):
        return [*data[:key], _put(data[key], difference, tuple(rest)), *data[key + 1 :]]
    if isinstance(data, dict):
        changed = dict(data)
        put = _put(data.get(key, Missing()), difference, tuple(rest))
        if isinstance(put, Missing):
            del changed[key]
        else:
            changed[key] = put
        return changed
    raise BadPlan([f"{difference.place} is not in this plan; the difference is that of another one"])


def _short(value: Any) -> str:
    if isinstance(value, list) and value and _names(value) is not None:
        return ", ".join(map(str, _names(value) or ()))
    text = repr(value)
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"
