"""Setting members of a live class, and putting back what was there, in the order in which it was there."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from otpy.code.journal import reorder

ABSENT: Final = object()
"""In a namespace: the name is not to be there."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """Members of a class, and the order of all of its members."""

    members: Mapping[str, Any]
    order: tuple[str, ...]


def read_namespace(cls: type, names: Iterable[str]) -> Namespace:
    """What *cls* has under these *names* now, and the order of all."""
    members = vars(cls)
    return Namespace({name: members.get(name, ABSENT) for name in names}, tuple(members))


def write_namespace(cls: type, namespace: Namespace) -> None:
    """Set and delete members of *cls*, and put all in order.

    By type's own methods: metaclasses may forbid it, and each lets CPython renew what it has derived from the member.
    """
    for name, value in namespace.members.items():
        if value is not ABSENT:
            type.__setattr__(cls, name, value)
        elif name in vars(cls):
            type.__delattr__(cls, name)
    reorder(namespace_of(cls), namespace.order)


def read_all(cls: type) -> Namespace:
    """All that *cls* has."""
    return Namespace(dict(vars(cls)), tuple(vars(cls)))


def restore_all(cls: type, namespace: Namespace) -> None:
    """Give *cls* what it had, and no more."""
    now = dict(vars(cls))
    changed = {name: value for name, value in namespace.members.items() if now.get(name, ABSENT) is not value}
    added = dict.fromkeys(now.keys() - namespace.members.keys(), ABSENT)
    write_namespace(cls, Namespace(changed | added, namespace.order))


def namespace_of(cls: type) -> dict[str, Any]:
    """The namespace of *cls* itself, not the view that `vars` gives: to be put in another order, nothing else.

    CPython's `mappingproxy` refers to the mapping that it shows; the interpreter keeps no copy of the order.
    """
    (namespace,) = gc.get_referents(vars(cls))
    return cast("dict[str, Any]", namespace)
