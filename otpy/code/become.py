"""Make every holder of an object hold another one instead.

Functions keep the namespace in which they were made (`__globals__` cannot be set). What was made in a scratch
namespace therefore has to be exchanged, at installation, for twins that live in the module. The holders are found
once, beforehand, by the garbage collector; the exchange itself is quick and goes through the journal.

Holders that are themselves immutable (tuples, bound methods, `lru_cache` wrappers) get a twin too, and so on.
A holder that cannot be changed is reported, not guessed at.
"""

from __future__ import annotations

import functools
import gc
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping, MutableSequence, MutableSet
from dataclasses import dataclass, field
from types import CellType, FrameType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, Final, cast, final

from otpy.code.journal import Journal

ROUNDS: Final = 10
"""How deep immutable holders may nest (a tuple in a partial in a tuple …) before one is given up."""

LRU_WRAPPER: Final = type(functools.lru_cache(lambda: None))
TRANSPARENT: Final = (FrameType, ModuleType, MappingProxyType)
"""Holders that need nothing: frames end by themselves, modules and proxies hold through a dictionary that is found."""

Exchange = Callable[[], None]


@dataclass(slots=True)
class Exchanges:
    """What `plan` found: how to exchange, how to take that back, and who cannot be changed."""

    steps: list[tuple[str, Exchange, Exchange]] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    def apply(self, journal: Journal) -> None:
        """Exchange, every step in *journal*; there is nothing left to do afterwards."""
        for what, forth, back in self.steps:
            journal.write(what, back)
            forth()
        self.steps = []


def plan(twins: Iterable[tuple[object, object]], *, not_in: Iterable[object] = ()) -> Exchanges:
    """How to exchange the first of each pair for the second in all that holds it.

    *not_in*: holders that are none of ours, such as the caller's own lists.
    """
    return Planner({id(old): (old, new) for old, new in twins}, not_in).plan()


@final
class Planner:
    """One search for holders."""

    def __init__(self, twins: dict[int, tuple[object, object]], not_in: Iterable[object]) -> None:
        self.twins = twins
        self.ignored = {id(twins), id(self), *map(id, not_in)}
        self.found = Exchanges()

    def plan(self) -> Exchanges:
        """Search, round by round: the holders, the holders of immutable holders, and so on."""
        fresh = [old for old, _ in self.twins.values()]
        for _ in range(ROUNDS):
            if not fresh:
                return self.found
            fresh = self._round(fresh)
        self.found.stuck += [f"a {type(old).__name__} nested too deep" for old in fresh]
        return self.found

    def _round(self, fresh: list[object]) -> list[object]:
        """Deal with the holders of *fresh*; returns the immutable ones, whose holders come next."""
        ids = {id(old) for old in fresh}
        pairs = {id(pair) for pair in self.twins.values()}
        # Calling makes tuples of the arguments, and they hold them too: the mark tells them apart.
        mark = object()
        holders = gc.get_referrers(*fresh, mark)
        skipped = self.ignored | pairs | {id(fresh)}
        holders = [h for h in holders if id(h) not in skipped and not isinstance(h, TRANSPARENT)]
        holders = [h for h in holders if type(h) is not tuple or all(part is not mark for part in h)]
        owners = classes_by_namespace(holders)
        more: list[object] = []
        for holder in holders:
            twin = None if id(holder) in self.twins else self._twin_of(holder)
            if twin is not None:
                self.twins[id(holder)] = (holder, twin)
                more.append(holder)
            elif id(holder) in owners:
                self._in_class(owners[id(holder)], ids)
            else:
                self._exchange_in(holder, ids)
        return more

    # -- immutable holders ---------------------------------------------------------------------------

    def _new(self, value: Any) -> Any:
        """The twin of *value*, or *value*."""
        pair = self.twins.get(id(value))
        return value if pair is None else pair[1]

    def _twin_of(self, holder: object) -> object | None:
        """A copy of an immutable *holder* that holds the twins, None for what can be changed in place."""
        match holder:
            case tuple() if type(holder) is tuple:
                return tuple(map(self._new, holder))
            case frozenset() if type(holder) is frozenset:
                return frozenset(map(self._new, holder))
            case MethodType():
                return MethodType(self._new(holder.__func__), self._new(holder.__self__))
            case _ if isinstance(holder, LRU_WRAPPER):
                wrapper = cast("Any", holder)
                remade = functools.lru_cache(**wrapper.cache_parameters())(self._new(wrapper.__wrapped__))
                remade.__dict__.update({k: self._new(v) for k, v in wrapper.__dict__.items()})
                return cast("object", remade)
            case _:
                return None

    # -- holders that can be changed -----------------------------------------------------------------

    def _exchange_in(self, holder: object, ids: set[int]) -> None:
        """Note the exchange in one holder of the objects with these *ids*."""
        match holder:
            case dict():
                self._in_mapping(holder, ids)
            case list() | deque():
                self._in_sequence(holder, ids)
            case set():
                self._in_set(holder, ids)
            case CellType():
                self._attribute(holder, "cell_contents")
            case FunctionType():
                self._in_function(holder, ids)
            case property():
                self._again(holder, property, lambda p: (p.fget, p.fset, p.fdel, p.__doc__))
            case staticmethod() | classmethod():
                self._again(holder, type(holder), lambda m: (m.__func__,))
            case functools.partial():
                self._in_partial(holder)
            case type():
                pass  # holds through its namespace, its bases and its method resolution order
            case _:
                self._in_object(holder, ids)

    def _add(self, what: str, forth: Exchange, back: Exchange) -> None:
        self.found.steps.append((what, forth, back))

    def _attribute(self, holder: Any, name: str) -> None:
        old = getattr(holder, name)
        new = self._new(old)
        self._add(name, lambda: setattr(holder, name, new), lambda: setattr(holder, name, old))

    def _in_mapping(self, holder: MutableMapping[Any, Any], ids: set[int]) -> None:
        for key, old in list(holder.items()):
            if id(key) in ids:
                self._in_keys(cast("dict[Any, Any]", holder))
                return
            if id(old) in ids:
                new = self._new(old)
                forth, back = (
                    functools.partial(put, holder, key, old, new),
                    functools.partial(put, holder, key, new, old),
                )
                self._add(f"item {key!r}", forth, back)

    def _in_keys(self, holder: dict[Any, Any]) -> None:
        """A dictionary with twins among its keys is filled anew, so that the order stays."""
        before = list(holder.items())
        after = [(self._new(key), self._new(value)) for key, value in before]
        self._add("keys", lambda: _refill(holder, after), lambda: _refill(holder, before))

    def _in_class(self, owner: type, ids: set[int]) -> None:
        for name, old in list(vars(owner).items()):
            if id(old) in ids:
                new = self._new(old)
                # By type's own method: metaclasses such as Enum's forbid what is meant here.
                forth, back = (
                    functools.partial(type.__setattr__, owner, name, new),
                    functools.partial(type.__setattr__, owner, name, old),
                )
                self._add(f"{owner.__qualname__}.{name}", forth, back)

    def _in_sequence(self, holder: MutableSequence[Any], ids: set[int]) -> None:
        for index, old in enumerate(list(holder)):
            if id(old) in ids:
                new = self._new(old)
                forth, back = (
                    functools.partial(_swap, holder, index, old, new),
                    functools.partial(_swap, holder, index, new, old),
                )
                self._add(f"item {index}", forth, back)

    def _in_set(self, holder: MutableSet[Any], ids: set[int]) -> None:
        for old in [item for item in holder if id(item) in ids]:
            new = self._new(old)
            forth, back = functools.partial(_trade, holder, old, new), functools.partial(_trade, holder, new, old)
            self._add("member", forth, back)

    def _in_function(self, holder: FunctionType, ids: set[int]) -> None:
        for name in ("__defaults__", "__doc__"):
            if id(getattr(holder, name)) in ids:
                self._attribute(holder, name)

    def _in_partial(self, holder: functools.partial[Any]) -> None:
        old = (holder.func, holder.args, holder.keywords, holder.__dict__)
        new = (self._new(holder.func), self._new(holder.args), holder.keywords, holder.__dict__)
        set_state: Any = vars(functools.partial)["__setstate__"]
        self._add("partial", lambda: set_state(holder, new), lambda: set_state(holder, old))

    def _again(self, holder: Any, kind: type, parts: Callable[[Any], tuple[Any, ...]]) -> None:
        """property, staticmethod and classmethod take new functions by being initialised again."""
        old = parts(holder)
        new = tuple(map(self._new, old))
        initialise: Any = vars(kind)["__init__"]
        self._add(kind.__name__, lambda: initialise(holder, *new), lambda: initialise(holder, *old))

    def _in_object(self, holder: object, ids: set[int]) -> None:
        """An instance: its attributes, in `__dict__` or slots."""
        names = {*getattr(holder, "__dict__", ()), *slots_of(type(holder))}
        held = [name for name in names if id(getattr(holder, name, None)) in ids]
        for name in held:
            old = getattr(holder, name)
            new = self._new(old)
            forth, back = (functools.partial(object.__setattr__, holder, name, value) for value in (new, old))
            self._add(f"attribute {name}", forth, back)
        if not held:
            self.found.stuck.append(f"a {type(holder).__module__}.{type(holder).__qualname__}")


# -- helpers ---------------------------------------------------------------------------------------


def classes_by_namespace(holders: Iterable[object]) -> dict[int, type]:
    """The classes whose own namespaces are among *holders*, by the id of the namespace."""
    namespaces = [holder for holder in holders if isinstance(holder, dict) and "__module__" in holder]
    ids = {id(namespace) for namespace in namespaces}
    if not ids:
        return {}
    # The only dictionary that a class refers to directly and that has a "__module__" is its namespace.
    classes = [holder for holder in gc.get_referrers(*namespaces) if isinstance(holder, type)]
    return {id(part): cls for cls in classes for part in gc.get_referents(cls) if id(part) in ids}


def slots_of(cls: type) -> list[str]:
    """The names of all slots of *cls* and its bases, as attributes."""
    names: list[str] = []
    for base in cls.__mro__:
        own = vars(base).get("__slots__", ())
        names += [own] if isinstance(own, str) else list(own)
    return names


def put(mapping: MutableMapping[Any, Any], key: object, expected: object, value: object) -> None:
    """Set an item, if it is still what it was."""
    if mapping.get(key) is expected:
        mapping[key] = value


def _swap(sequence: MutableSequence[Any], index: int, expected: object, value: object) -> None:
    if not (index < len(sequence) and sequence[index] is expected):
        index = next((i for i, item in enumerate(sequence) if item is expected), -1)
    if index >= 0:
        sequence[index] = value


def _trade(members: MutableSet[Any], old: object, new: object) -> None:
    if old in members:
        members.discard(old)
        members.add(new)


def _refill(mapping: dict[Any, Any], items: list[tuple[Any, Any]]) -> None:
    mapping.clear()
    deque(map(mapping.__setitem__, *zip(*items, strict=True)), maxlen=0)
