"""States as bytes, without pickle: what a snapshot in the store is made of.

A state is written as a list of its objects, each with what it holds; what an object holds is a plain value, or the
place of another object in the list. So sharing and cycles come back, and depth does not matter. Instances are written
by class name and attributes; nothing but names of classes is written of code, and nothing is run to read them.

What has a life of its own (locks, sockets, pids, functions) cannot be written. A state that holds any is not stored,
and `Stored.left_out` says where it is.

Reading it back is in plain_reading.py; which types there are, is in plain_types.py.
"""

from __future__ import annotations

from typing import Any, Final, final

import msgspec

from otpy.behaviours.migrations.plain_reading import read
from otpy.behaviours.migrations.plain_types import BIG, PLACE, PLAIN, Describe, describer_for, register

__all__ = ["Stored", "from_bytes", "register", "to_bytes"]

FORMAT: Final = 1
MANY: Final = 10
"""How many things that cannot be stored are named."""
LONGEST_INT: Final = 2**63
EACH: Final = 16
"""Bytes that a value counts besides its text: to look at it costs time."""
LONG: Final = frozenset({str, bytes, bytearray})


class Stored(msgspec.Struct, frozen=True):
    """A state as bytes; None if it cannot be stored, and *left_out* says what stands in the way, and where."""

    data: bytes | None
    left_out: tuple[str, ...] = ()


class NoRoomError(Exception):
    """What is to be written is too big."""


@final
class Room:
    """Room for a state of about *size* bytes. A walk ends where there is no more, so what it costs is known before."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._left = size

    def take(self, size: int) -> None:
        """Use *size* bytes of it. Raises NoRoomError."""
        self._left -= size
        if self._left < 0:
            msg = f"too big: only about {self.size} bytes are kept"
            raise NoRoomError(msg)


def to_bytes(state: Any, room: Room | None = None) -> Stored:
    """Return *state* as bytes, in msgpack, if there is *room* for it; None: there always is.

    It is read only; nothing of a user's code runs but what was registered.
    """
    writer = Writer(room)
    try:
        root = writer.value(state, "state")
        writer.write_all()
    except NoRoomError as error:
        return Stored(None, (f"state: {error}",))
    if writer.left_out:
        return Stored(None, tuple(writer.left_out))
    try:
        return Stored(msgspec.msgpack.encode([FORMAT, root, writer.objects]))
    except (UnicodeEncodeError, OverflowError) as error:
        return Stored(None, (f"state: {error}",))


def from_bytes(data: bytes) -> Any:
    """Return the state that `to_bytes` made *data* of.

    Its classes are looked up in the modules that are loaded, and are filled past their `__init__`; an attribute that a
    class does not declare any more is left out, and a field that it did not have gets its default.
    Raises: MigrationFailed, naming the class that is not there, or the field that has no default; ValueError, if *data*
    is of another format.
    """
    try:
        form, root, objects = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        msg = "this is no stored state: give what to_bytes has made"
        raise ValueError(msg) from error
    if form != FORMAT:
        msg = f"this state was stored in format {form}, and this version of otpy reads {FORMAT}"
        raise ValueError(msg)
    return read(root, objects)


@final
class Writer:
    """The list of objects, and where each of them stands."""

    def __init__(self, room: Room | None = None) -> None:
        self._room = room
        self.objects: list[Any] = []
        self.left_out: list[str] = []
        self._places: dict[int, int] = {}
        self._kept: list[Any] = []  # what is known by id has to live
        self._todo: list[tuple[int, Describe, Any, str]] = []
        self._describers: dict[type, Describe | None] = {}

    def value(self, value: Any, where: str) -> Any:
        """What stands for *value* in the object that holds it; *where* says which that is, for people."""
        kind = type(value)
        if self._room is not None:
            self._room.take(EACH + (len(value) if kind in LONG else 0))
        if kind in PLAIN:
            if kind is int and not -LONGEST_INT <= value < LONGEST_INT:
                return [BIG, str(value)]
            return value
        place = self._places.get(id(value))
        if place is None:
            describe = self._describers[kind] if kind in self._describers else self._describer(kind)
            if describe is None:
                if len(self.left_out) < MANY:
                    self.left_out.append(f"{where}: a {kind.__module__}.{kind.__qualname__}")
                return None
            place = self._places[id(value)] = len(self.objects)
            self._kept.append(value)
            self.objects.append(None)
            self._todo.append((place, describe, value, where))
        return [PLACE, place]

    def write_all(self) -> None:
        """Write the objects that are waiting, and those that they lead to."""
        while self._todo:
            place, describe, value, where = self._todo.pop()
            kind, fixed, parts = describe(value)
            self.objects[place] = [kind, fixed, [self.value(part, where + name) for name, part in parts]]

    def _describer(self, kind: type) -> Describe | None:
        found = self._describers[kind] = describer_for(kind)
        return found
