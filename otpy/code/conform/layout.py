"""Whether a live class can become what its ghost is and stay the same object. Decides; changes nothing.

CPython fixes the layout of instances when a class is made: slots, `__dict__`, what a C base has. What does not fit
needs a new class object.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from otpy.code.conform import enums
from otpy.code.conform.alike import alike
from otpy.code.holders import set_bases

SIZES: Final = ("__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__")


class HasPlaces(Protocol):
    """What takes the place of what; see `otpy.code.become.Places`."""

    def of(self, made: Any) -> Any:
        """What takes the place of *made*."""
        ...


def obstacle(live: type, ghost: type, places: HasPlaces) -> str | None:
    """Why *live* cannot become what *ghost* is, None if it can. *places* has what was decided of bases before."""
    bases = tuple(map(places.of, ghost.__bases__))
    if places.of(type(ghost)) is not type(live):
        return f"its metaclass is {type(ghost).__qualname__} and was {type(live).__qualname__}"
    if slots(live) != slots(ghost):
        return f"its slots are {listed(slots(ghost))} and were {listed(slots(live))}"
    if (struct := changed_struct(live, ghost, places)) is not None:
        return f"{struct} of the struct changed"
    if (member := enums.changed_value(live, ghost)) is not None:
        return f"the value of {member}, which is the member itself, changed"
    if (fields := rearranged(live, ghost)) is not None:
        return fields
    if allocates(live) != allocates(ghost) and plain_new(live if allocates(ghost) else ghost):
        return "CPython cannot take back that a class has a __new__ of its own"
    if bases != live.__bases__:
        return unfit_bases(live, ghost, bases)
    if sizes(live) != sizes(ghost):
        return "its instances have another layout"
    return None


def slots(cls: type) -> list[str]:
    """The slots that *cls* itself adds, in the order of its layout."""
    return [name for name, value in vars(cls).items() if is_own_slot(value, cls)]


def is_own_slot(value: object, cls: type) -> bool:
    """Whether *value* is the descriptor of a slot that *cls* adds to the layout."""
    return isinstance(value, types.MemberDescriptorType) and value.__objclass__ is cls


def sizes(cls: type) -> tuple[int, ...]:
    """The sizes and offsets that CPython lays instances out by."""
    return tuple(getattr(cls, name) for name in SIZES)


def changed_struct(live: type, ghost: type, places: HasPlaces) -> str | None:
    """What of a msgspec.Struct changed that its C code has noted for good: fields, their types, options."""
    if not hasattr(live, "__struct_config__"):
        return None
    mine, other = struct_facts(live), struct_facts(ghost)
    return next((name for name in mine if not alike(mine[name], other[name], places.of)), None)


def struct_facts(cls: Any) -> dict[str, Any]:
    """What is fixed when a msgspec.Struct is made."""
    config = cls.__struct_config__
    return {
        "the fields": cls.__struct_fields__,
        "the encoded names": cls.__struct_encode_fields__,
        # What makes a default is in an object that has no equality.
        "the defaults": [getattr(default, "factory", default) for default in cls.__struct_defaults__],
        "the options": {name: getattr(config, name) for name in dir(config) if not name.startswith("_")},
        "the types of fields": inspect.get_annotations(cls),
    }


def rearranged(live: type, ghost: type) -> str | None:
    """Whether the fields of a named tuple are others, but as many: then one cannot tell old tuples from new ones."""
    mine, other = (vars(cls).get("_fields") if tuple in cls.__mro__ else None for cls in (live, ghost))
    if mine is None or other is None or mine == other or len(mine) != len(other):
        return None
    return f"its fields are {listed(other)} and were {listed(mine)}: old tuples could not be told from new ones"


def allocates(cls: type) -> bool:
    """Whether *cls* has or inherits a `__new__` that is written in Python."""
    return isinstance(cls.__new__, types.FunctionType)


def plain_new(cls: type) -> bool:
    """Whether *cls* is made by `object.__new__`.

    Once a class has had a `__new__`, CPython never finds its way back there: `C(1)` then says "object.__new__() takes
    exactly one argument", although `C.__init__` would take it.
    """
    new: object = cls.__new__
    return new is object.__new__


def unfit_bases(live: type, ghost: type, bases: tuple[type, ...]) -> str | None:
    """Why *live* cannot get the *bases*, None if it can.

    CPython knows by rules of its own whether layouts agree, and they hold in both directions. So the ghost, which
    nobody uses yet, is given the bases of the live class, and then its own ones again.
    """
    own = ghost.__bases__
    try:
        set_bases(ghost, live.__bases__)
    except TypeError as error:
        return f"its bases are {listed(names(bases))} and were {listed(names(live.__bases__))}: {error}"
    finally:
        set_bases(ghost, own)
    if sizes(live) != sizes(ghost):
        return "its instances have another layout"
    for subclass in descendants(live):
        if not has_order(subclass, {live: bases}):
            return (
                f"with the bases {listed(names(bases))}, {subclass.__qualname__}, which is derived from it, has no mro"
            )
    return None


def descendants(cls: type) -> list[type]:
    """All classes derived from *cls* that are alive, each once, bases first."""
    found: dict[int, type] = {}
    todo = [cls]
    while todo:
        subclasses: list[type] = type.__subclasses__(todo.pop())
        for subclass in subclasses:
            if id(subclass) not in found:
                found[id(subclass)] = subclass
                todo.append(subclass)
    return list(found.values())


def has_order(cls: type, changed: dict[type, tuple[type, ...]]) -> bool:
    """Whether *cls* still has a method resolution order when the bases of other classes have *changed*."""
    return order(cls, changed) is not None


def order(cls: type, changed: dict[type, tuple[type, ...]]) -> list[type] | None:
    """The C3 linearisation, None if there is none.

    Source: docs.python.org, "The Python 2.3 Method Resolution Order".
    """
    bases = changed.get(cls, cls.__bases__)
    sequences: list[Sequence[type]] = []
    for base in bases:
        inner = order(base, changed)
        if inner is None:
            return None
        sequences.append(inner)
    return merge([*sequences, list(bases)], [cls])


def merge(sequences: list[Sequence[type]], found: list[type]) -> list[type] | None:
    """The classes of all *sequences* in an order that agrees with each, after those *found*."""
    left = [list(sequence) for sequence in sequences if sequence]
    while left:
        heads = (sequence[0] for sequence in left)
        head = next((h for h in heads if not any(h in sequence[1:] for sequence in left)), None)
        if head is None:
            return None
        found.append(head)
        left = [rest for sequence in left if (rest := [cls for cls in sequence if cls is not head])]
    return found


def names(classes: Iterable[type]) -> list[str]:
    """The qualified names."""
    return [cls.__qualname__ for cls in classes]


def listed(words: Sequence[str]) -> str:
    """For people: "a, b", or "none"."""
    return ", ".join(words) or "none"
