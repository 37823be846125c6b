"""Give a live class what its ghost has: its namespace, member by member, and its bases."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from typing import Any, Final

from otpy.code.become import OWN_DESCRIPTORS
from otpy.code.conform import enums
from otpy.code.conform.alike import Place, alike
from otpy.code.conform.namespaces import ABSENT, Namespace, read_namespace, write_namespace
from otpy.code.conform.steps import Step, exchange, fill, refill, refill_list
from otpy.code.holders import set_bases

OWN: Final = frozenset({"_abc_impl"})
"""What a class has for itself and cannot share: the registry of an abstract base class."""


def class_steps(live: type, ghost: type, place: Place, kept: Collection[str]) -> Iterator[Step]:
    """The steps by which *live* takes over what *ghost* has, but for the members *kept*; none, if it has it all."""
    bases = tuple(map(place, ghost.__bases__))
    if bases != live.__bases__:
        read = functools.partial(getattr, live, "__bases__")
        yield exchange(f"bases of {live.__qualname__}", read, functools.partial(set_bases, live), bases)
    if enums.is_enum(live):
        yield from container_steps(live, ghost, place)
    new, old = namespace_to_be(live, ghost, place, kept), dict(vars(live))
    members = {name: value for name, value in new.items() if old.get(name, ABSENT) is not value}
    members.update(dict.fromkeys(old.keys() - new.keys(), ABSENT))
    if members or list(new) != list(old):
        change = Namespace(members, tuple(new))
        read_names = functools.partial(read_namespace, live, members)
        yield exchange(f"class {live.__qualname__}", read_names, functools.partial(write_namespace, live), change)


def namespace_to_be(live: type, ghost: type, place: Place, kept: Collection[str]) -> dict[str, Any]:
    """All that *live* will have, in the order of *ghost*; what is alike stays the very same object."""
    mine = dict(vars(live))
    found: dict[str, Any] = {}
    for name, value in vars(ghost).items():
        if name in mine and (name in kept or stays(name, mine[name], value, place)):
            found[name] = mine[name]
        elif name not in OWN and not is_bound_to(value, ghost) and name not in kept:
            found[name] = place(value)
    found.update({name: mine[name] for name in kept if name in mine})
    return found


def stays(name: str, mine: object, value: object, place: Place) -> bool:
    """Whether the live class goes on with what it has under that name."""
    return name in OWN or name in enums.CONTAINERS or isinstance(value, OWN_DESCRIPTORS) or alike(mine, value, place)


def is_bound_to(value: object, cls: type) -> bool:
    """Whether *value* is what CPython makes for the layout of *cls*: the descriptors of slots and of `__dict__`."""
    return isinstance(value, OWN_DESCRIPTORS) and value.__objclass__ is cls


def container_steps(live: type, ghost: type, place: Place) -> Iterator[Step]:
    """What an enumeration keeps its members in gets the new ones; the containers stay, `__members__` shows one."""
    mine, other = vars(live), vars(ghost)
    for name in enums.CONTAINERS:
        was, new = mine.get(name), other.get(name)
        what = f"{live.__qualname__}.{name}"
        if isinstance(was, dict) and isinstance(new, dict):
            items = {place(key): place(value) for key, value in new.items()}
            write = functools.partial(write_members, was, live, ghost)
            if not alike(was, items | enums.combinations(was, live, ghost), place):
                yield exchange(what, was.copy, write, items)
        elif isinstance(was, list) and isinstance(new, list) and not alike(was, new, place):
            yield refill_list(what, was, [place(item) for item in new])


def write_members(container: dict[Any, Any], live: type, ghost: type, items: dict[Any, Any]) -> None:
    """Fill one of the containers; combinations of flags that had no name stay in that of values."""
    fill(container, items | enums.combinations(container, live, ghost))


def member_steps(member: Any, ghost: Any, place: Place) -> Iterator[Step]:
    """A member of an enumeration takes over the attributes of the new one: its value, what `__init__` has set."""
    attributes = {key: place(value) for key, value in ghost.__dict__.items()}
    if not alike(member.__dict__, attributes, place):
        yield refill(f"member {member._name_}", member.__dict__, attributes)
