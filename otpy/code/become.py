"""Make every holder of an object hold another one instead.

Functions keep the namespace in which they were made (`__globals__` cannot be set), and a class that is edited in place
stays the object that it was. What was made in a scratch namespace therefore has to be exchanged, at installation, for
what takes its place in the module. The holders are found once, beforehand, by the garbage collector; the exchange
itself is quick and goes through the journal.

Holders that are themselves immutable (tuples, bound methods, `lru_cache` wrappers, `list[C]`) get a twin too, and so
on. A holder that cannot be changed is reported, not guessed at.
"""

from __future__ import annotations

import functools
import gc
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, MutableSequence
from dataclasses import dataclass
from types import CellType, FrameType, FunctionType, MappingProxyType, ModuleType
from typing import Any, Final, final

from otpy.code.counting import held_elsewhere
from otpy.code.exchanges import Exchange, Exchanges, Filling, drop, put, put_back, swap, trade
from otpy.code.holders import (
    LRU_WRAPPER,
    attributes_of,
    owners_of,
    set_bases,
    set_class,
    takes_class,
)
from otpy.code.twins import twin_of

ROUNDS: Final = 10
"""How deep immutable holders may nest (a tuple in a partial in a tuple …) before one is given up."""

OWN_DESCRIPTORS: Final = (types.MemberDescriptorType, types.GetSetDescriptorType)
"""What a class makes for its slots and its `__dict__`: it goes with the class and cannot serve another."""


class Unseen:
    """What notes the objects that are to be exchanged: the search does not take it for a holder."""

    __slots__ = ()


@final
@dataclass(slots=True, eq=False)
class Place(Unseen):
    """What was made, and what is to be held in its place."""

    made: Any
    new: Any


TRANSPARENT: Final = (FrameType, ModuleType, MappingProxyType, Unseen)
"""Holders that need nothing: frames end by themselves, modules and proxies hold through a dictionary that is found."""


@final
class Places:
    """For each object that was made in a scratch namespace, what takes its place."""

    def __init__(self, pairs: Iterable[tuple[object, object]] = ()) -> None:
        self._by_id: dict[int, Place] = {}
        for made, new in pairs:
            self.put(made, new)

    def put(self, made: object, new: object) -> None:
        """From now on *new* takes the place of *made*."""
        self._by_id[id(made)] = Place(made, new)

    def of(self, made: Any) -> Any:
        """What takes the place of *made*: itself, when nothing does."""
        place = self._by_id.get(id(made))
        return made if place is None else place.new

    def __contains__(self, made: object) -> bool:
        return id(made) in self._by_id

    def made(self) -> list[object]:
        """All that something takes the place of."""
        return [place.made for place in self._by_id.values()]

    def notes(self) -> list[Place]:
        """The values that hold what was made, and what takes its place."""
        return list(self._by_id.values())

    def by_id(self) -> dict[int, object]:
        """What takes the place of each, by the id of what was made."""
        return {key: place.new for key, place in self._by_id.items()}


def plan_places(places: Places, *, not_in: Iterable[object] = (), known: Iterable[dict[str, Any]] = ()) -> Exchanges:
    """How to exchange what is in *places* for what takes its place, in all that holds it.

    The twins that immutable holders get are added to *places*. *not_in*: holders that are none of ours, such as the
    caller's own lists. *known*: namespaces that hold it. Where these are all, the heap is not searched.
    """
    return Planner(places, not_in, known).plan()


@final
class Planner:
    """One search for holders."""

    def __init__(self, places: Places, not_in: Iterable[object], known: Iterable[dict[str, Any]]) -> None:
        self.places = places
        self.not_in = list(not_in)
        self.known = list(known)
        self.ignored = {id(self), id(self.not_in), *map(id, self.not_in)}
        self.found = Exchanges()
        self.derived: dict[int, type] = {}
        # By the types of holders and not by isinstance, which asks an object for its class: lazy objects answer that
        # by making what they stand for.
        self._by_kind: dict[type, Callable[[Any, set[int]], None]] = {
            dict: self._in_mapping,
            list: self._in_sequence,
            deque: self._in_sequence,
            set: self._in_set,
            CellType: self._in_cell,
            type: self._bases_of,
            FunctionType: self._in_function,
            property: self._in_property,
            staticmethod: self._in_wrapped_method,
            classmethod: self._in_wrapped_method,
            functools.partial: self._in_partial,
            **dict.fromkeys(OWN_DESCRIPTORS, self._in_nothing),
        }

    def plan(self) -> Exchanges:
        """Search, round by round: the holders, the holders of immutable holders, and so on."""
        fresh = self._held_elsewhere()
        for _ in range(ROUNDS):
            fresh = self._round(fresh) if fresh else fresh
        self.found.stuck += [f"a {type(old).__name__} nested too deep" for old in fresh]
        # First of all, and bases first: whether a class may have a base depends on what that is derived from.
        derived = sorted(self.derived.values(), key=lambda cls: len(cls.__mro__))
        self.found.steps[:0] = map(self._bases_step, derived)
        return self.found

    def _held_elsewhere(self) -> list[object]:
        """What was made, without that whose holders are all known; these are dealt with here."""
        made = self.places.made()
        found = held_elsewhere(made, [*self.not_in, *self.known, *self.places.notes()])
        searched = set(map(id, found))
        ids = {id(each) for each in made if id(each) not in searched}
        for namespace in self.known:
            self._in_mapping(namespace, ids)
        return found

    def _round(self, fresh: list[object]) -> list[object]:
        """Deal with the holders of *fresh*; returns the immutable ones, whose holders come next."""
        ids = {id(old) for old in fresh}
        # Calling makes tuples of the arguments, and they hold them too: the mark tells them apart.
        mark = object()
        holders = gc.get_referrers(*fresh, mark)
        skipped = self.ignored | {id(fresh)}
        holders = [h for h in holders if id(h) not in skipped and not issubclass(type(h), TRANSPARENT)]
        holders = [h for h in holders if type(h) is not tuple or all(part is not mark for part in h)]
        holders += [ref for old in fresh for ref in weakref.getweakrefs(old)]
        owners = owners_of(holders)
        more: list[object] = []
        for holder in holders:
            if holder in self.places:
                continue
            twin = twin_of(holder, self.places.of)
            owner = owners.get(id(holder))
            if twin is not None:
                self.places.put(holder, twin)
                more.append(holder)
            elif isinstance(owner, type):
                self._in_class(owner, ids)
            elif isinstance(owner, LRU_WRAPPER):
                self._forget_results(owner)
            else:
                self._exchange_in(holder, ids)
        return more

    # -- holders that can be changed -----------------------------------------------------------------

    def _exchange_in(self, holder: Any, ids: set[int]) -> None:
        """Note the exchange in one holder of the objects with these *ids*."""
        if id(type(holder)) in ids:
            self._class_of(holder)
        kinds = type(holder).__mro__
        exchange = next((self._by_kind[kind] for kind in kinds if kind in self._by_kind), self._in_object)
        exchange(holder, ids)

    def _add(self, what: str, forth: Exchange, back: Exchange) -> None:
        self.found.add(what, forth, back)

    def _attribute(self, holder: Any, name: str) -> None:
        old = getattr(holder, name)
        new = self.places.of(old)
        self._add(name, lambda: setattr(holder, name, new), lambda: setattr(holder, name, old))

    def _in_nothing(self, holder: object, ids: set[int]) -> None:
        """It goes with its class, or is held by something that is found as well."""

    def _in_cell(self, holder: CellType, ids: set[int]) -> None:
        self._attribute(holder, "cell_contents")

    def _class_of(self, instance: object) -> None:
        """An instance of what was made, or a class whose metaclass was."""
        old, new = type(instance), self.places.of(type(instance))
        if takes_class(instance, new):
            forth, back = (functools.partial(set_class, instance, each) for each in (new, old))
            self._add(f"class of a {old.__qualname__}", forth, back)
        else:
            self.found.stuck.append(f"a {old.__module__}.{old.__qualname__}, made while the new version was prepared,")

    def _bases_of(self, cls: type, ids: set[int]) -> None:
        """A class derived from what was made. Otherwise it holds through its namespace, which is found."""
        if any(id(base) in ids for base in cls.__bases__):
            self.derived[id(cls)] = cls

    def _bases_step(self, cls: type) -> tuple[str, Exchange, Exchange]:
        old, new = cls.__bases__, tuple(map(self.places.of, cls.__bases__))
        forth, back = (functools.partial(set_bases, cls, bases) for bases in (new, old))
        return f"bases of {cls.__qualname__}", forth, back

    def _forget_results(self, wrapper: Any) -> None:
        """A cache with results for arguments that were made: they are computed again. Nothing brings them back."""
        self._add(f"cache of {wrapper.__qualname__}", wrapper.cache_clear, wrapper.cache_clear)

    def _in_mapping(self, holder: dict[Any, Any], ids: set[int]) -> None:
        for key, old in dict.copy(holder).items():
            if id(key) in ids:
                if not _is_list_of_subclasses(key, old):
                    self._in_keys(holder)
                return
            if id(old) in ids and not _is_list_of_subclasses(key, old):
                new = self.places.of(old)
                forth, back = (
                    functools.partial(put, holder, key, old, new),
                    functools.partial(put, holder, key, new, old),
                )
                self._add(f"item {key!r}", forth, back)

    def _in_keys(self, holder: dict[Any, Any]) -> None:
        """A dictionary with twins among its keys is filled anew, so that the order stays."""
        filling = Filling(holder, self.places.of)
        self._add("keys", filling.forth, filling.back)

    def _in_class(self, owner: type, ids: set[int]) -> None:
        if owner in self.places:
            return  # what takes its place takes over its namespace, too
        for name, old in list(vars(owner).items()):
            if id(old) in ids:
                new = self.places.of(old)
                # By type's own method: metaclasses such as Enum's forbid what is meant here.
                forth, back = (
                    functools.partial(type.__setattr__, owner, name, new),
                    functools.partial(type.__setattr__, owner, name, old),
                )
                self._add(f"{owner.__qualname__}.{name}", forth, back)

    def _in_sequence(self, holder: MutableSequence[Any], ids: set[int]) -> None:
        """A registry that has both, since the definition registered itself again, goes on with one."""
        before = list(holder)
        held = {id(item) for item in before}
        for index, old in enumerate(before):
            if id(old) in ids:
                new = self.places.of(old)
                if id(new) in held or any(_same_entry(new, other) for other in before):
                    forth, back = (
                        functools.partial(drop, holder, old),
                        functools.partial(put_back, holder, index, old),
                    )
                    self._add(f"item {index}, there twice", forth, back)
                    continue
                forth, back = (
                    functools.partial(swap, holder, index, old, new),
                    functools.partial(swap, holder, index, new, old),
                )
                self._add(f"item {index}", forth, back)

    def _in_set(self, holder: set[Any], ids: set[int]) -> None:
        for old in [item for item in holder.copy() if id(item) in ids]:
            new = self.places.of(old)
            if new in holder:
                self._add("member", functools.partial(holder.discard, old), functools.partial(holder.add, old))
                continue
            forth, back = functools.partial(trade, holder, old, new), functools.partial(trade, holder, new, old)
            self._add("member", forth, back)

    def _in_function(self, holder: FunctionType, ids: set[int]) -> None:
        for name in ("__defaults__", "__doc__"):
            if id(getattr(holder, name)) in ids:
                self._attribute(holder, name)

    def _in_partial(self, holder: functools.partial[Any], ids: set[int]) -> None:
        new_of = self.places.of
        old = (holder.func, holder.args, holder.keywords, holder.__dict__)
        new = (new_of(holder.func), new_of(holder.args), holder.keywords, holder.__dict__)
        set_state: Any = vars(functools.partial)["__setstate__"]
        self._add("partial", lambda: set_state(holder, new), lambda: set_state(holder, old))

    def _in_property(self, holder: property, ids: set[int]) -> None:
        self._again(holder, property, (holder.fget, holder.fset, holder.fdel, holder.__doc__))

    def _in_wrapped_method(self, holder: Any, ids: set[int]) -> None:
        kind = staticmethod if isinstance(holder, staticmethod) else classmethod
        self._again(holder, kind, (holder.__func__,))

    def _again(self, holder: object, kind: type, old: tuple[Any, ...]) -> None:
        """property, staticmethod and classmethod take new functions by being initialised again."""
        new = tuple(map(self.places.of, old))
        initialise: Any = vars(kind)["__init__"]
        self._add(kind.__name__, lambda: initialise(holder, *new), lambda: initialise(holder, *old))

    def _in_object(self, holder: object, ids: set[int]) -> None:
        """An instance: its attributes, in `__dict__` or slots."""
        if type(holder).__name__ == "_lru_list_elem":
            return  # held by the dictionary of the cache, which is found as well
        held = {name: value for name, value in attributes_of(holder).items() if id(value) in ids}
        for name, old in held.items():
            new = self.places.of(old)
            forth, back = (functools.partial(object.__setattr__, holder, name, value) for value in (new, old))
            self._add(f"attribute {name}", forth, back)
        if not held and id(type(holder)) not in ids:
            self.found.stuck.append(f"a {type(holder).__module__}.{type(holder).__qualname__}")


# -- helpers ---------------------------------------------------------------------------------------


def _is_list_of_subclasses(key: object, value: object) -> bool:
    """Whether an item is CPython's own note, by address, of which subclass a class has: it keeps that itself."""
    return type(key) is int and type(value) is weakref.ref and key == id(value())


def _same_entry(one: object, other: object) -> bool:
    """Whether two entries of a registry are tuples of the very same parts."""
    if type(one) is not tuple or type(other) is not tuple or len(one) != len(other):
        return False
    return all(a is b or (type(a) is str and a == b) for a, b in zip(one, other, strict=True))
