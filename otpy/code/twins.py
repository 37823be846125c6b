"""Copies of immutable holders: what they hold is replaced by what takes its place."""

from __future__ import annotations

import functools
import operator
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from otpy.code.holders import LRU_WRAPPER, made_again, takes_class

New = Callable[[Any], Any]
"""What takes the place of an object: the object itself, when nothing does."""


def twin_of(holder: Any, new: New) -> object | None:
    """A copy of *holder* that holds what is *new*, None when it can be changed in place.

    By the types of holders and not by isinstance, which asks an object for its class: lazy objects answer that by
    making what they stand for.
    """
    cls = type(holder)
    copy = next((BY_KIND[kind] for kind in cls.__mro__ if kind in BY_KIND), None)
    made = copy(holder, new) if copy is not None else None
    if made is None and new(cls) is not cls and not takes_class(holder, new(cls)):
        # Python 3.11 does not let instances of classes derived from tuple, int or bytes have another class.
        made = made_again(holder, new(cls), new)
    return made


def of_items(holder: Any, new: New) -> object | None:
    """A tuple or a frozenset. One that holds nothing but its class may be given another class."""
    items = frozenset.__iter__(holder) if issubclass(type(holder), frozenset) else tuple.__iter__(holder)
    if all(new(item) is item for item in items):
        return None
    return made_again(holder, new(type(holder)), new)


def of_method(holder: types.MethodType, new: New) -> object:
    """A bound method."""
    return types.MethodType(new(holder.__func__), new(holder.__self__))


def of_builtin_method(holder: types.BuiltinMethodType, new: New) -> object | None:
    """A method of C code that is bound to what was made."""
    owner = new(holder.__self__)
    return None if owner is holder.__self__ else cast("object", getattr(owner, holder.__name__))


def of_alias(holder: types.GenericAlias, new: New) -> object:
    """`list[C]`."""
    return types.GenericAlias(new(holder.__origin__), tuple(map(new, holder.__args__)))


def of_union(holder: types.UnionType, new: New) -> object:
    """`C | None`."""
    return cast("object", functools.reduce(operator.or_, map(new, holder.__args__)))


def of_reference(holder: weakref.ref[Any], new: New) -> object:
    """A weak reference: an entry of a WeakSet, or a key of a WeakKeyDictionary."""
    return weakref.ref(new(holder()), cast("Any", holder).__callback__)


def of_keyed_reference(holder: Any, new: New) -> object:
    """An entry of a WeakValueDictionary."""
    keyed: Any = weakref.KeyedRef
    return cast("object", keyed(new(holder()), holder.__callback__, holder.key))


def of_cached(holder: Any, new: New) -> object:
    """What `lru_cache` has made. Its results were computed by the old function: the copy starts without any."""
    made = functools.lru_cache(**holder.cache_parameters())(new(holder.__wrapped__))
    made.__dict__.update({key: new(value) for key, value in holder.__dict__.items()})
    return cast("object", made)


BY_KIND: Final[Mapping[Any, Callable[[Any, New], object | None]]] = {
    tuple: of_items,
    frozenset: of_items,
    types.MethodType: of_method,
    types.BuiltinMethodType: of_builtin_method,
    types.GenericAlias: of_alias,
    types.UnionType: of_union,
    weakref.KeyedRef: of_keyed_reference,
    weakref.ref: of_reference,
    LRU_WRAPPER: of_cached,
}
