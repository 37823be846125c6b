"""Is anything old reachable from here? The quick question before the slow work.

The garbage collector's own walk is several times faster than a rebuild. It does not see everything: a `msgspec.Struct`
that holds only numbers and text is not tracked, and a dictionary of such is not either. If one of the old classes may
have instances like that, the answer is yes without looking.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator
from enum import Enum
from types import FunctionType, ModuleType
from typing import Final

import msgspec

from otpy.behaviours.migrations.kinds import ATOMIC, HAVE_GC, is_kept

STOP: Final = (ModuleType, type, Enum)


def reaches(root: object, old: Collection[object]) -> bool:
    """Whether an instance of one of the classes in *old*, or an object in *old* itself, can be reached from *root*.

    Nothing is looked for beyond what is kept by reference, modules, classes and the globals of functions.
    """
    classes = {cls for cls in old if isinstance(cls, type)}
    if not all(map(is_always_tracked, classes)):
        return True
    ids = {id(thing) for thing in old}
    return bool(old) and any(
        not classes.isdisjoint(map(type, level)) or not ids.isdisjoint(map(id, level)) for level in levels(root)
    )


def reachable(root: object) -> set[int]:
    """The ids of all objects that can be reached from *root* as far as a copy goes."""
    return {id(thing) for level in levels(root) for thing in level}


def levels(root: object) -> Iterator[Collection[object]]:
    """All objects that can be reached from *root* as far as a copy goes, and that the collector sees, in batches."""
    seen: set[int] = {id(root)}
    onward: dict[type, bool] = {}
    level: list[object] = [root]
    # Nearly all of this is done by C code: a state may have a million objects, and its process is suspended.
    while level:
        yield level
        kinds = {*map(type, level)}
        onward.update({cls: leads_on(cls) for cls in kinds - onward.keys()})
        if not all(onward[cls] for cls in kinds):
            level = [thing for thing in level if onward[type(thing)]]
        if FunctionType in kinds:
            level = [part for thing in level for part in own_parts(thing)]
        found = list(filter(gc.is_tracked, gc.get_referents(*level)))
        by_id = dict(zip(map(id, found), found, strict=True))
        fresh = by_id.keys() - seen
        seen |= fresh
        level = [by_id[key] for key in fresh]


def own_parts(thing: object) -> Iterable[object]:
    """A function refers to its module's globals, and so to the whole program: only its cells are its own."""
    return thing.__closure__ or () if isinstance(thing, FunctionType) else (thing,)


def is_always_tracked(cls: type) -> bool:
    """Whether the collector knows every instance of *cls*."""
    return bool(cls.__flags__ & HAVE_GC) and not issubclass(cls, msgspec.Struct)


def leads_on(cls: type) -> bool:
    """Whether an instance of *cls* may hold anything that a copy goes into."""
    return cls not in ATOMIC and not issubclass(cls, STOP) and not is_kept(cls)
