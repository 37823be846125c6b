"""What the instances of a class have, as a value: taken before a class is edited in place, compared afterwards.

An edited class is the same object, so nothing but its shape before the edit tells which instances were made before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, TypeAlias

import msgspec

from otpy.behaviours.migrations.fields import Field, Fields, declared_fields, init_attributes, initial_attributes
from otpy.behaviours.migrations.layout import Layout
from otpy.behaviours.migrations.members import is_member_now
from otpy.behaviours.migrations.mentions import mentioned
from otpy.behaviours.migrations.renames import renamed_fields, renames_between
from otpy.behaviours.migrations.report import class_name

Kind: TypeAlias = Literal["declared", "named tuple", "enum", "plain"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the instances of one class have."""

    name: str
    """Of the class: "shop.cart.Item"."""
    kind: Kind
    """How its fields are known: declared (dataclass, attrs, pydantic, Struct), of tuples, members, or in `__init__`."""
    fields: Fields
    """By name, in order, with their defaults; the members of an enumeration."""
    private: frozenset[str] = frozenset()
    """Private attributes of a pydantic model."""
    slots: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    """Names that a property or another descriptor answers for: an instance has no place for them."""
    initial: frozenset[str] = frozenset()
    """All that `__init__` of a plain class sets, always or not."""
    mentioned: frozenset[str] = frozenset()
    """The names that the code of a plain class uses: see mentions.py."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """Fields that had another name: the old one → the new one; see `otpy.renamed`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What instances of one shape need to have another."""

    added: tuple[str, ...] = ()
    """Fields that they get, with their defaults."""
    required: tuple[str, ...] = ()
    """Fields among *added* that have no default: instances cannot be converted without help."""
    dropped: tuple[str, ...] = ()
    """Fields that they lose."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Fields that have another name: the old one → the new one."""
    hidden: tuple[str, ...] = ()
    """Names that a property answers for now: an instance that has such an attribute loses it."""
    revalued: tuple[str, ...] = ()
    """Members of an enumeration that have another value."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.added or self.dropped or self.renamed or self.hidden or self.revalued)

    def __str__(self) -> str:
        """Return it in words, such as "field currency added"."""
        words = [
            *(f"field {name} added{', without a default' if name in self.required else ''}" for name in self.added),
            *(f"field {name} dropped" for name in self.dropped),
            *(f"field {old} renamed {new}" for old, new in self.renamed.items()),
            *(f"member {name} has another value" for name in self.revalued),
        ]
        return ", ".join(words) or "same shape"


def shape_of(cls: type) -> Shape:
    """What instances of *cls* have, as the class is now."""
    layout = Layout(cls)
    kind, fields = _fields_of(cls)
    return Shape(
        name=class_name(cls),
        kind=kind,
        fields=fields,
        private=frozenset(getattr(cls, "__private_attributes__", ())),
        slots=frozenset(layout.slots),
        hidden=layout.hidden,
        initial=initial_attributes(cls) if kind == "plain" else frozenset(),
        mentioned=mentioned(cls) if kind == "plain" else frozenset(),
        renames=renamed_fields(cls),
    )


def shapes_of(classes: Iterable[type]) -> dict[type, Shape]:
    """The shapes of *classes* and of all their subclasses, which may inherit what changes."""
    found: dict[type, Shape] = {}
    todo = list(classes)
    while todo:
        cls = todo.pop()
        if cls not in found:
            found[cls] = shape_of(cls)
            todo += type.__subclasses__(cls)
    return found


def _fields_of(cls: type) -> tuple[Kind, Fields]:
    if issubclass(cls, Enum):
        return "enum", {name: Field(name, None, member.value) for name, member in cls.__members__.items()}
    declared = declared_fields(cls)
    if declared is None:
        return "plain", {name: each for name, each in init_attributes(cls).items() if not has_default(cls, name)}
    is_tuple = issubclass(cls, tuple)
    return ("named tuple" if is_tuple else "declared"), declared


def has_default(cls: type, name: str) -> bool:
    """Whether the class itself answers for *name*: by a value, not by the descriptor of a slot."""
    return hasattr(cls, name) and name not in Layout(cls).slots


def renames_of(old: Shape, new: Shape) -> dict[str, str]:
    """The attributes that have another name in the shape *new*, see `renames_between`."""
    return renames_between(old.renames, new.renames, old.fields, new.fields)


def difference(old: Shape, new: Shape) -> Difference:
    """What instances of the shape *old* need to have the shape *new*."""
    renamed = {was: now for was, now in renames_of(old, new).items() if was in old.fields}
    added = tuple(name for name in new.fields if name not in old.fields and name not in renamed.values())
    private = tuple(sorted(new.private - old.private))
    had = (*old.fields, *sorted(old.initial - old.fields.keys()))
    return Difference(
        added=added + private,
        required=tuple(name for name in added if new.fields[name].make is None) if new.kind != "enum" else (),
        dropped=tuple(name for name in had if name not in renamed and is_dropped(name, old, new)),
        renamed=renamed,
        hidden=tuple(sorted(new.hidden - old.hidden - old.slots)),
        revalued=tuple(name for name in new.fields if new.kind == "enum" and _has_another_value(name, old, new)),
    )


def _has_another_value(name: str, old: Shape, new: Shape) -> bool:
    return name in old.fields and bool(old.fields[name].constant != new.fields[name].constant)


def is_dropped(name: str, old: Shape, new: Shape) -> bool:
    """Whether *name* was a field and is none now, or `__init__` set it and the class does not know it any more.

    Or a property stands in its place. What was set by nobody's `__init__` is no field, and stays.
    """
    if name in old.fields and new.kind != "plain":
        return name not in new.fields
    if new.kind == "plain" and name not in new.mentioned and (name in old.fields or name in old.initial):
        return True
    return name in new.hidden and name not in old.hidden


# -- which instances have it already -----------------------------------------------------------------


def current_test(cls: type, *, old: Shape, new: Shape) -> Callable[[Any], bool]:
    """The question whether an instance of *cls*, which had the shape *old*, has the shape *new* already.

    Such an instance was made after the edit, or `code_change` has brought it there: it is left as it is.
    """
    if new.kind == "enum":
        return is_member_now(cls)
    if new.kind == "named tuple":
        # A tuple has no names: only its length tells.
        length = len(new.fields)
        return lambda instance: len(instance) == length and length != len(old.fields)
    if issubclass(cls, msgspec.Struct):
        return lambda _instance: True
    change = difference(old, new)
    wanted = {*change.added, *change.renamed.values()} - new.private
    unwanted = {*change.dropped, *change.renamed, *change.hidden}
    private = new.private
    layout = Layout(cls)
    attributes: Callable[[Any], dict[str, Any]] = layout.attributes if layout.slots else vars

    def is_current(instance: Any) -> bool:
        has = attributes(instance).keys()
        if not has >= wanted or not has.isdisjoint(unwanted):
            return False
        return not private or (getattr(instance, "__pydantic_private__", None) or {}).keys() >= private

    return is_current
