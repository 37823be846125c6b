"""States read back from plain data: see plain.py.

Objects that can be filled later are made empty first, which closes cycles; those that are made with their contents,
such as tuples, are made when their contents are. A stack of generators stands where Python's own stack would, as in
the copier.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import sys
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Generator
from typing import Any, Final, TypeAlias, final

import msgspec

from otpy.behaviours.migrations.containers import setter
from otpy.behaviours.migrations.fields import Fields, declared_fields
from otpy.behaviours.migrations.layout import DROP, Layout, put
from otpy.behaviours.migrations.members import member_named
from otpy.behaviours.migrations.plain_types import BIG, PLACE, registered
from otpy.behaviours.migrations.renames import renamed_fields
from otpy.behaviours.migrations.report import class_name
from otpy.errors import MigrationFailed

Made: TypeAlias = Generator[int, Any, Any]
Maker: TypeAlias = Callable[["Reader", int, Any, list[Any]], Made]


def read(root: Any, objects: list[Any]) -> Any:
    """The state whose *objects* these are. Raises MigrationFailed."""
    return Reader(objects).run(root)


@final
class Reader:
    """The objects that have been made, or begun."""

    def __init__(self, objects: list[Any]) -> None:
        self._objects = objects
        self.made: dict[int, Any] = {}

    def run(self, root: Any) -> Any:
        """Make *root* and all that it leads to. Whatever yields a place gets the object that stands there."""
        stack: list[Made] = [self.value(root)]
        answer: Any = None
        while True:
            try:
                place = stack[-1].send(answer)
            except StopIteration as done:
                stack.pop()
                answer = done.value
                if not stack:
                    return answer
            else:
                answer = None
                stack.append(self._object(place))

    def value(self, written: Any) -> Made:
        """What *written*, found in an object, stands for."""
        if not isinstance(written, list):
            return written
        mark, what = written
        if mark == BIG:
            return int(what)
        assert mark == PLACE
        return self.made[what] if what in self.made else (yield what)

    def values(self, written: list[Any]) -> Made:
        """What all of *written* stand for."""
        found: list[Any] = []
        for each in written:
            made = (yield from self.value(each)) if isinstance(each, list) else each
            found.append(made)
        return found

    def _object(self, place: int) -> Made:
        if place not in self.made:
            kind, fixed, parts = self._objects[place]
            made = SIMPLE[kind](fixed) if kind in SIMPLE else (yield from MAKERS[kind](self, place, fixed, parts))
            self.made[place] = made
        return self.made[place]


def class_named(path: str) -> Any:
    """The class that is called *path*, "shop.cart:Item", in the modules that are loaded. Raises MigrationFailed."""
    module, _, name = path.partition(":")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type):
        msg = f"the stored state has a {module}.{name}, which is not there; import {module} first, or keep the class"
        raise MigrationFailed(msg)
    return found


# -- makers ----------------------------------------------------------------------------------------


def _filling(make: Callable[[], Any], add: Callable[[Any, Any], object]) -> Maker:
    """A container that is made empty, and filled with its items."""

    def maker(reader: Reader, place: int, _fixed: Any, parts: list[Any]) -> Made:
        new = reader.made[place] = make()
        for part in parts:
            add(new, (yield from reader.value(part)))
        return new

    return maker


def _whole(make: Callable[[list[Any]], Any]) -> Maker:
    """A container that is made of its items."""

    def maker(reader: Reader, place: int, _fixed: Any, parts: list[Any]) -> Made:
        items = yield from reader.values(parts)
        # A cycle back to it has made it meanwhile: there must be only one.
        return reader.made[place] if place in reader.made else make(items)

    return maker


def _mapping(make: Callable[[], Any]) -> Maker:
    def maker(reader: Reader, place: int, _fixed: Any, parts: list[Any]) -> Made:
        new = reader.made[place] = make()
        yield from _fill(reader, new, parts)
        return new

    return maker


def _fill(reader: Reader, new: Any, parts: list[Any]) -> Made:
    put_item = setter(new)
    for key, value in zip(parts[::2], parts[1::2], strict=True):
        made = yield from reader.values([key, value])
        put_item(made[0], made[1])


def _deque(reader: Reader, place: int, fixed: Any, parts: list[Any]) -> Made:
    new: deque[Any] = deque(maxlen=fixed)
    reader.made[place] = new
    for part in parts:
        new.append((yield from reader.value(part)))
    return new


def _defaultdict(reader: Reader, place: int, _fixed: Any, parts: list[Any]) -> Made:
    new: defaultdict[Any, Any] = defaultdict()
    reader.made[place] = new
    new.default_factory = yield from reader.value(parts[0])
    yield from _fill(reader, new, parts[1:])
    return new


def _registered(reader: Reader, _place: int, fixed: Any, parts: list[Any]) -> Made:
    (written,) = yield from reader.values(parts)
    for known in registered.values():
        if known.name == fixed:
            return known.read(written)
    msg = f"the stored state has a {fixed}, which is not registered; register it with how it is read"
    raise MigrationFailed(msg)


def _object(reader: Reader, place: int, fixed: Any, parts: list[Any]) -> Made:
    path, names, was_declared = fixed
    cls = class_named(path)
    layout = Layout(cls)
    new = reader.made[place] = layout.shell()
    declared = declared_fields(cls) or {}
    values = _by_name(cls, names, (yield from reader.values(parts)))
    for name, value in values.items():
        way = layout.way(name)
        if way is not DROP and (name in declared or name not in was_declared):
            put(way, new, name, value)
    for name in [name for name in declared if name not in values]:
        put(layout.way(name), new, name, _default(cls, declared, name, new))
    return new


def _by_name(cls: type, names: list[str], values: list[Any]) -> dict[str, Any]:
    """*values* by the names that they have now."""
    now = renamed_fields(cls)
    return {now.get(name, name): value for name, value in zip(names, values, strict=True)}


def _struct(reader: Reader, place: int, fixed: Any, parts: list[Any]) -> Made:
    cls: Any = class_named(fixed[0])
    declared = declared_fields(cls) or {}
    begun = None
    if not hasattr(cls, "__post_init__"):
        begun = reader.made[place] = cls(**dict.fromkeys(declared))
    values = _by_name(cls, fixed[1], (yield from reader.values(parts)))
    wanted = {name: values[name] if name in values else _default(cls, declared, name, begun) for name in declared}
    if begun is None:
        return cls(**wanted)
    for name, value in wanted.items():
        msgspec.structs.force_setattr(begun, name, value)
    return begun


def _named_tuple(reader: Reader, place: int, fixed: Any, parts: list[Any]) -> Made:
    cls = class_named(fixed[0])
    declared = declared_fields(cls) or {}
    values = _by_name(cls, fixed[1], (yield from reader.values(parts)))
    if place in reader.made:
        return reader.made[place]
    return tuple.__new__(cls, [values[n] if n in values else _default(cls, declared, n, None) for n in declared])


def _default(cls: type, declared: Fields, name: str, new: Any) -> object:
    make = declared[name].make
    if make is None:
        msg = f"the stored state has a {class_name(cls)} without {name!r}, which has no default now; give it one"
        raise MigrationFailed(msg)
    return make(new)


MAKERS: Final[dict[str, Maker]] = {
    "list": _filling(list, list.append),
    "set": _filling(set, set.add),
    "tuple": _whole(tuple),
    "frozenset": _whole(frozenset),
    "deque": _deque,
    "dict": _mapping(dict),
    "OrderedDict": _mapping(OrderedDict),
    "Counter": _mapping(Counter),
    "defaultdict": _defaultdict,
    "registered": _registered,
    "object": _object,
    "struct": _struct,
    "named tuple": _named_tuple,
}

SIMPLE: Final[dict[str, Callable[[Any], Any]]] = {
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda parts: datetime.timedelta(*parts),
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "UUID": uuid.UUID,
    "complex": lambda parts: complex(*parts),
    "range": lambda parts: range(*parts),
    "bytearray": bytearray,
    "Path": pathlib.Path,
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
    "class": class_named,
    "member": lambda fixed: member_named(class_named(fixed[0]), fixed[1]),
}
"""Values that their description says wholly."""
