"""Is anything old reachable from here, and which objects stand on the way to it?

The first is the quick question before the slow work: most states have nothing to do with an upgrade, and stay the very
objects that they are. The second says what of a state has to be another object: what is old, and what leads to it.
All else is left alone, so that a process that shares a part of its state with another, or with a module, goes on
sharing it.

What an object refers to says the garbage collector's own walk, `gc.get_referents`. Whether an object is tracked by the
collector does not matter: a `msgspec.Struct` of numbers is not, nor is a tuple of such.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any, Final, TypeAlias, cast, final

from otpy.behaviours.migrations.kinds import ATOMIC, is_kept

STOP: Final = (ModuleType, type, Enum)
NONE: Final[frozenset[int]] = frozenset()

IsCurrent: TypeAlias = Callable[[Any], bool]
"""Whether an instance of a reshaped class has the new shape already."""

referents = gc.get_referents


@final
class Scan:
    """What counts as old, and the search for it. One serves all states of an upgrade, on all threads.

    *replaced*: classes and functions that are to be exchanged for others. *reshaped*: classes whose instances get
    other fields, each with the question whether one has them already.
    """

    def __init__(self, replaced: Collection[object], reshaped: Mapping[type, IsCurrent] | None = None) -> None:
        self._reshaped = dict(reshaped or {})
        self.ids = frozenset(map(id, replaced))
        """The ids of what is replaced itself."""
        self._kinds_of_replaced = {*map(type, replaced)}
        self._classes = {thing for thing in replaced if isinstance(thing, type)} | self._reshaped.keys()
        # These only grow: which kinds are met is the same for all states.
        self._leaves = {*ATOMIC, type, ModuleType} - self._classes
        self._inner: set[type] = set()
        self._ends: set[type] = set()  # they lead nowhere, but count themselves

    def reaches(self, root: object) -> bool:
        """Whether anything old can be reached from *root*.

        Nothing is looked for beyond what is kept by reference, modules, classes and the globals of functions.
        """
        return any(self._has_old(found, kinds) for found, kinds in self.levels(root))

    def changing(self, root: object) -> Collection[int]:
        """The ids of all objects under *root* that have to become other objects; empty if nothing does.

        What is replaced, such as a class that *root* refers to, is not among them: see `ids`.
        """
        found = self._of_small(root)
        if found is None:
            return self._ways_to_old(root) if self.reaches(root) else NONE
        return found

    def is_old(self, thing: object) -> bool:
        """Whether *thing* itself has to be exchanged."""
        kind = type(thing)
        if kind not in self._classes:
            return id(thing) in self.ids
        is_current = self._reshaped.get(kind)
        return is_current is None or not is_current(thing)

    def levels(self, root: object) -> Iterator[tuple[Collection[object], set[type]]]:
        """All objects that can be reached from *root* as far as a copy goes, in batches, and of which kinds they are.

        Those that lead nowhere may come again.
        """
        seen: set[int] = set()
        found: list[Any] = [root]
        # Nearly all of this is done by C code: a state may have a million objects, and its process is suspended.
        while True:
            kinds = set(map(type, found))
            yield found, kinds
            if not self._lead_on(kinds):
                found = (
                    [] if kinds.isdisjoint(self._inner) else [thing for thing in found if type(thing) in self._inner]
                )
            if not found:
                return
            keys = set(map(id, found))
            if len(keys) < len(found) or not seen.isdisjoint(keys):
                by_id = dict(zip(map(id, found), found, strict=True))
                found = [by_id[key] for key in keys - seen]
            seen |= keys
            if FunctionType in kinds:
                found = [part for thing in found for part in own_parts(thing)]
            else:
                found = referents(*found)

    def _has_old(self, found: Iterable[object], kinds: set[type]) -> bool:
        for kind in self._classes & kinds:
            is_current = self._reshaped.get(kind)
            if is_current is None or not all(is_current(thing) for thing in found if type(thing) is kind):
                return True
        return self._has_replaced(found, kinds)

    def _has_replaced(self, found: Iterable[object], kinds: set[type]) -> bool:
        return not self._kinds_of_replaced.isdisjoint(kinds) and not self.ids.isdisjoint(map(id, found))

    def _of_small(self, root: object) -> Collection[int] | None:
        """As `changing`, for a state that is one object with some containers of plain values; else None."""
        found = own_parts(root) if type(root) is FunctionType else referents(root)
        kinds = set(map(type, found))
        if not self._leaves.issuperset(kinds):
            inner = kinds - self._leaves
            if not inner <= self._inner or FunctionType in kinds or not self._classes.isdisjoint(inner):
                return None
            below = referents(*[part for part in found if type(part) in inner])
            kinds_below = set(map(type, below))
            if not self._leaves.issuperset(kinds_below) or self._has_old(below, kinds_below):
                return None
        return {id(root)} if self.is_old(root) or self._has_replaced(found, kinds) else NONE

    def _ways_to_old(self, root: object) -> set[int]:
        """The ids of all objects under *root* that are old or lead to something old."""
        found: dict[int, object] = {id(root): root}
        holders: dict[int, list[int]] = {id(root): []}
        sources: set[int] = {id(root)} if self.is_old(root) else set()
        todo = [root]
        classes, reshaped = self._classes, self._reshaped
        for thing in todo:
            holder = id(thing)
            for part in self._inner_parts(thing, sources):
                key = id(part)
                if key in found:
                    holders[key].append(holder)
                    continue
                found[key] = part
                holders[key] = [holder]
                todo.append(part)
                kind = type(part)
                if kind in classes and (kind not in reshaped or self.is_old(part)):
                    sources.add(key)
        for thing in todo:
            if issubclass(type(thing), weakref.ref):  # and not what a proxy says that it is, which may raise
                target = cast("weakref.ref[Any]", thing)()
                if id(target) in found:  # the state itself holds it, so that there may be another one to point to
                    holders[id(target)].append(id(thing))
        return _upwards(sources, holders)

    def _inner_parts(self, thing: object, sources: set[int]) -> list[Any]:
        """What *thing* holds and a copy may go into; *thing* joins *sources* if it holds something replaced."""
        kind = type(thing)
        if kind not in self._inner and not self._lead_on({kind}):
            return []
        parts: Any = own_parts(thing) if kind is FunctionType else referents(thing)
        if id(thing) not in sources and not self.ids.isdisjoint(map(id, parts)):
            sources.add(id(thing))
        leaves = self._leaves
        if leaves.issuperset(map(type, parts)):
            return []
        return [part for part in parts if type(part) not in leaves]

    def _lead_on(self, kinds: set[type]) -> bool:
        """Whether instances of all *kinds* may hold anything that a copy goes into."""
        for kind in kinds - self._inner - self._leaves - self._ends:
            if leads_on(kind):
                self._inner.add(kind)
            elif kind in self._classes or issubclass(kind, weakref.ref):
                self._ends.add(kind)
            else:
                self._leaves.add(kind)
        return kinds <= self._inner


def _upwards(sources: set[int], holders: Mapping[int, list[int]]) -> set[int]:
    """The *sources*, their holders, the holders of those, and so on."""
    reached = set(sources)
    todo = list(sources)
    while todo:
        for holder in holders.get(todo.pop(), ()):
            if holder not in reached:
                reached.add(holder)
                todo.append(holder)
    return reached


def own_parts(thing: object) -> Iterable[object]:
    """A function refers to its module's globals, and so to the whole program: only its cells are its own."""
    return thing.__closure__ or () if isinstance(thing, FunctionType) else referents(thing)


def leads_on(cls: type) -> bool:
    """Whether an instance of *cls* may hold anything that a copy goes into."""
    return cls not in ATOMIC and not issubclass(cls, STOP) and not is_kept(cls)


def reaches(root: object, old: Collection[object]) -> bool:
    """Whether an instance of one of the classes in *old*, or an object in *old* itself, can be reached from *root*."""
    return bool(old) and Scan(old).reaches(root)


def reachable(root: object) -> set[int]:
    """The ids of all objects that can be reached from *root* as far as a copy goes."""
    return {id(thing) for found, _ in Scan(()).levels(root) for thing in found}
