"""Enumerations: members are instances that everybody compares by identity, so they stay and take over what is new."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

CONTAINERS: Final = (
    "_member_names_",
    "_member_map_",
    "_value2member_map_",
    "_unhashable_values_",
    "_unhashable_values_map_",
    "_hashable_values_",
)
"""What an enumeration keeps its members in. `__members__` shows one of them to whoever has asked for it before."""


def same_members(live: type, ghost: type) -> Iterator[tuple[Any, Any]]:
    """Each live member with the member of *ghost* that it is to be: the one of its name, else the one of its value.

    By value: a combination of flags that had no name yet, and has one now.
    """
    if not (is_enum(live) and is_enum(ghost)):
        return
    mine, taken = named(live), set[int]()
    pairs = [(mine.get(name), new) for name, new in named(ghost).items()]
    pairs += [(by_value(live, new), new) for new in named(ghost).values()]
    for was, new in pairs:
        if was is not None and id(was) not in taken and id(new) not in taken:
            taken.update((id(was), id(new)))
            yield was, new


def by_value(live: type, member: Any) -> Any:
    """The nameless combination of flags of *live* that has the value of *member*, or None."""
    values: dict[Any, Any] = vars(live)["_value2member_map_"]
    try:
        found = values.get(member._value_)
    except TypeError:
        return None
    return None if found is None or any(found is other for other in named(live).values()) else found


def changed_value(live: type, ghost: type) -> str | None:
    """The name of a member whose value is the object itself (`IntEnum`) and is another one now."""
    if not (is_enum(live) and is_enum(ghost)) or vars(ghost)["_member_type_"] is object:
        return None
    for was, new in same_members(live, ghost):
        if type(was._value_) is not type(new._value_) or was._value_ != new._value_:
            return str(new._name_)
    return None


def combinations(container: dict[Any, Any], live: type, ghost: type) -> dict[Any, Any]:
    """The nameless combinations of flags in a *container* of *live* that *ghost* can have, too.

    There are some in the container of values alone: they have no names to be in the others.
    """
    mask: Any = vars(ghost).get("_flag_mask_")
    if mask is None or container is not vars(live)["_value2member_map_"]:
        return {}
    known = {id(member) for member in named(live).values()}
    taken: dict[Any, Any] = vars(ghost)["_value2member_map_"]
    return {
        value: member
        for value, member in container.items()
        if id(member) not in known and value not in taken and not value & ~mask
    }


def named(cls: type) -> dict[str, Any]:
    """The members by name, aliases too."""
    members: dict[str, Any] = vars(cls)["_member_map_"]
    return members


def is_enum(cls: type) -> bool:
    """Whether *cls* is an enumeration."""
    return Enum in cls.__mro__ and "_member_map_" in vars(cls)
