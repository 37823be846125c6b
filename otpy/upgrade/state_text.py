"""A stored state as text: what it was, for people, without the classes that it is of and without running anything."""

from __future__ import annotations

from typing import Any, Final, final

import msgspec

from otpy.behaviours.migrations.plain_types import BIG, PLACE

LONGEST: Final = 400
"""Characters of a state that are shown."""

_BRACKETS: Final = {
    "list": ("[", "]"),
    "tuple": ("(", ")"),
    "set": ("{", "}"),
    "frozenset": ("{", "}"),
    "deque": ("[", "]"),
}
_MAPPINGS: Final = frozenset({"dict", "OrderedDict", "Counter"})


def state_text(data: bytes, *, longest: int = LONGEST) -> str:
    """Return what `to_bytes` made *data* of, as Python would write it, cut off after *longest* characters."""
    _format, root, objects = msgspec.msgpack.decode(data)
    shown = Shower(objects, longest).value(root)
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


@final
class Shower:
    """Writes values down, until there is enough."""

    def __init__(self, objects: list[Any], longest: int) -> None:
        self._objects = objects
        self._left = longest
        self._above: set[int] = set()

    def value(self, value: Any) -> str:
        """Return *value* as text; what stands in itself is an ellipsis, and so is what comes when there is enough."""
        if not isinstance(value, list):
            return self._counted(repr(value))
        mark, place = value
        if mark == BIG:
            return self._counted(place)
        assert mark == PLACE
        if place in self._above or self._left <= 0:
            return "…"
        self._above.add(place)
        try:
            return self._object(*self._objects[place])
        finally:
            self._above.remove(place)

    def _object(self, kind: str, fixed: Any, parts: list[Any]) -> str:
        if kind in _MAPPINGS:
            return self._items(parts)
        if kind == "defaultdict":
            return self._items(parts[1:])
        if kind in _BRACKETS:
            opening, closing = _BRACKETS[kind]
            comma = "," if kind == "tuple" and len(parts) == 1 else ""
            return f"{opening}{', '.join(self._some(parts))}{comma}{closing}"
        if kind in {"object", "struct", "named tuple"}:
            values = self._some(parts)
            return f"{_name(fixed[0])}({', '.join(f'{n}={v}' for n, v in zip(fixed[1], values, strict=False))})"
        if kind == "registered":
            return f"{_name(fixed)}({', '.join(self._some(parts))})"
        if kind == "member":
            return self._counted(f"{_name(fixed[0])}.{'|'.join(map(str, fixed[1]))}")
        if kind == "class":
            return self._counted(_name(fixed))
        return self._counted(f"{kind}({fixed!r})")

    def _items(self, parts: list[Any]) -> str:
        values = self._some(parts)
        pairs = [f"{key}: {value}" for key, value in zip(values[::2], values[1::2], strict=False)]
        return f"{{{', '.join(pairs)}}}"

    def _some(self, parts: list[Any]) -> list[str]:
        """Return *parts* as text, as many as there is room for."""
        found: list[str] = []
        for part in parts:
            if self._left <= 0:
                return [*found, "…"]
            found.append(self.value(part))
        return found

    def _counted(self, text: str) -> str:
        self._left -= len(text) + 2
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _name(path: str) -> str:
    return path.rpartition(":")[2].rpartition(".")[2]
