"""Handlers for Python's own containers.

A container of nothing but atomic values is copied by C code in one go.
"""

from __future__ import annotations

import array
import functools
import gc
import operator
import types
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, cast

from otpy.behaviours.migrations.copier import LATER, Copier, Handler, Steps
from otpy.behaviours.migrations.kinds import ATOMIC
from otpy.errors import MigrationFailed

all_atomic = ATOMIC.issuperset


def _copy_list(c: Copier, old: list[Any]) -> Any:
    if all_atomic(map(type, old)):
        new = c.memo[id(old)] = old[:]
        c.originals.append(old)
        return new
    return extended(c, old, [])


def _copy_deque(c: Copier, old: deque[Any]) -> Any:
    return extended(c, old, deque(maxlen=old.maxlen))


def extended(c: Copier, old: Iterable[Any], new: list[Any] | deque[Any]) -> Any:
    """*new* with the copies of what is in *old*."""
    c.remember(old, new)
    items = iter(tuple(old))
    add = new.append
    for item in items:
        made = c.now(item)
        if made is LATER:
            return c.later(_extended_later(c, items, new))
        add(made)
    return new


def _extended_later(c: Copier, items: Iterator[Any], new: list[Any] | deque[Any]) -> Steps:
    new.append((yield))
    for item in items:
        made = c.now(item)
        new.append((yield) if made is LATER else made)
    return new


def _copy_tuple(c: Copier, old: tuple[Any, ...]) -> Any:
    if all_atomic(map(type, old)):
        return old
    parts: list[Any] = []
    for index, item in enumerate(old):
        made = c.now(item)
        if made is LATER:
            return c.later(_tuple_later(c, old, parts, index + 1))
        parts.append(made)
    return _tuple_of(c, old, parts)


def _tuple_later(c: Copier, old: tuple[Any, ...], parts: list[Any], index: int) -> Steps:
    parts.append((yield))
    parts += yield from copies(c, old[index:])
    return _tuple_of(c, old, parts)


def _tuple_of(c: Copier, old: tuple[Any, ...], parts: list[Any]) -> Any:
    # A cycle back to this tuple has made a copy of it meanwhile: there must be only one.
    if id(old) in c.memo:
        return c.memo[id(old)]
    same = all(map(operator.is_, parts, old))
    return c.remember(old, old if same else tuple(parts))


def _copy_set(c: Copier, old: set[Any]) -> Any:
    if all_atomic(map(type, old)):
        return c.remember(old, set(old))
    return c.later(_set_steps(c, old, set()))


def _set_steps(c: Copier, old: set[Any], new: set[Any]) -> Steps:
    c.remember(old, new)
    hits = c.open_hits
    parts = yield from copies(c, tuple(old))
    if c.open_hits == hits:
        fill_set(new, parts)
    else:
        c.waiting.append(functools.partial(fill_set, new, parts))
    return new


def fill_set(new: set[Any], parts: list[Any]) -> None:
    """Add the members; those that were different must not be equal now."""
    set.update(new, parts)
    _refuse_collisions(len(parts), len(new))


def _copy_frozenset(c: Copier, old: frozenset[Any]) -> Any:
    return old if all_atomic(map(type, old)) else c.later(_frozenset_steps(c, old))


def _frozenset_steps(c: Copier, old: frozenset[Any]) -> Steps:
    parts = yield from copies(c, tuple(old))
    if id(old) in c.memo:
        return c.memo[id(old)]
    new = frozenset(parts)
    _refuse_collisions(len(old), len(new))
    return c.remember(old, new)


def copies(c: Copier, items: Iterable[Any]) -> Steps:
    """The copies of all *items*, as a list."""
    made: list[Any] = []
    for item in items:
        part = c.now(item)
        made.append((yield) if part is LATER else part)
    return made


def _copy_dict(c: Copier, old: dict[Any, Any]) -> Any:
    if not all_atomic(map(type, old)):
        return c.later(keyed_steps(c, old, {}))
    if all_atomic(map(type, old.values())):
        new = c.memo[id(old)] = old.copy()
        c.originals.append(old)
        return new
    return filled(c, old, {})


def filled(c: Copier, old: dict[Any, Any], new: dict[Any, Any]) -> Any:
    """*new* with copies of the values of *old*, whose keys are atomic."""
    c.remember(old, new)
    put = setter(new)
    items = iter(tuple(dict.items(old)))
    for key, value in items:
        made = c.now(value)
        if made is LATER:
            return c.later(_filled_later(c, key, items, new))
        put(key, made)
    return new


def _filled_later(c: Copier, key: Any, items: Iterator[tuple[Any, Any]], new: dict[Any, Any]) -> Steps:
    put = setter(new)
    put(key, (yield))
    for key, value in items:  # noqa: PLR1704 - the first key is done
        made = c.now(value)
        put(key, (yield) if made is LATER else made)
    return new


def dict_steps(c: Copier, old: dict[Any, Any], new: dict[Any, Any]) -> Steps:
    """*new* with copies of the items of *old*, in their order."""
    if not all_atomic(map(type, dict.keys(old))):
        return (yield from keyed_steps(c, old, new))
    made = filled(c, old, new)
    return (yield) if made is LATER else made


def keyed_steps(c: Copier, old: dict[Any, Any], new: dict[Any, Any]) -> Steps:
    """Keys that are not complete yet cannot be hashed: then the filling waits."""
    c.remember(old, new)
    items = tuple(dict.items(old))
    hits = c.open_hits
    keys = yield from copies(c, [key for key, _ in items])
    wait = c.open_hits != hits
    values = yield from copies(c, [value for _, value in items])
    if wait:
        c.waiting.append(functools.partial(fill, new, keys, values))
    else:
        fill(new, keys, values)
    return new


def setter(mapping: dict[Any, Any]) -> Callable[[Any, Any], None]:
    """dict's own way to set an item: a subclass may do more then."""
    if type(mapping) is dict:
        return mapping.__setitem__
    kind: Any = OrderedDict if isinstance(mapping, OrderedDict) else dict
    return functools.partial(kind.__setitem__, mapping)


def fill(new: dict[Any, Any], keys: list[Any], values: list[Any]) -> None:
    """Set the items; keys that were different must not be equal now."""
    put = setter(new)
    for key, value in zip(keys, values, strict=True):
        put(key, value)
    _refuse_collisions(len(keys), len(new))


def _refuse_collisions(before: int, after: int) -> None:
    if after < before:
        message = (
            f"of {before} dictionary keys or set members, only {after} are still different after the migration: "
            "a field that told them apart is gone; write code_change(old_vsn, state, extra)"
        )
        raise MigrationFailed(message)


def _copy_ordered_dict(c: Copier, old: OrderedDict[Any, Any]) -> Any:
    return c.later(dict_steps(c, old, OrderedDict()))


def _copy_counter(c: Copier, old: Counter[Any]) -> Any:
    return c.later(dict_steps(c, old, Counter()))


def _copy_defaultdict(c: Copier, old: defaultdict[Any, Any]) -> Any:
    return c.later(_defaultdict_steps(c, old))


def _defaultdict_steps(c: Copier, old: defaultdict[Any, Any]) -> Steps:
    new: defaultdict[Any, Any] = c.remember(old, defaultdict())
    factory = c.now(old.default_factory)
    new.default_factory = (yield) if factory is LATER else factory
    return (yield from dict_steps(c, old, new))


def _copy_mapping_proxy(c: Copier, old: types.MappingProxyType[Any, Any]) -> Any:
    return c.later(_mapping_proxy_steps(c, old))


def _mapping_proxy_steps(c: Copier, old: types.MappingProxyType[Any, Any]) -> Steps:
    (inner,) = gc.get_referents(old)
    if isinstance(inner, type) or "__module__" in old:  # the namespace of a class
        return c.keep(old)
    made = c.now(inner)
    return c.remember(old, types.MappingProxyType((yield) if made is LATER else made))


def _copy_slice(c: Copier, old: slice) -> Any:
    return c.later(_slice_steps(c, old))


def _slice_steps(c: Copier, old: slice) -> Steps:
    start, stop, step = yield from copies(c, (old.start, old.stop, old.step))
    return c.remember(old, slice(start, stop, step))


def _copy_bytearray(c: Copier, old: bytearray) -> Any:
    return c.remember(old, old[:])


def _copy_array(c: Copier, old: array.array[Any]) -> Any:
    return c.remember(old, old[:])


# -- weak references -------------------------------------------------------------------------------


def copy_weakref(c: Copier, old: weakref.ref[Any]) -> Any:
    """To the copy, if the state holds the target itself; a target that lives elsewhere stays the target."""
    target = old()
    if target is None or not c.is_part_of_root(target):
        return c.keep(old)
    return c.later(_weakref_steps(c, old, target))


def _weakref_steps(c: Copier, old: weakref.ref[Any], target: Any) -> Steps:
    target, callback = yield from copies(c, (target, cast("Any", old.__callback__)))
    return c.remember(old, weakref.ref(target, callback))


def _copy_weak_values(c: Copier, old: weakref.WeakValueDictionary[Any, Any]) -> Any:
    return c.later(_weak_mapping_steps(c, old, weakref.WeakValueDictionary()))


def _copy_weak_keys(c: Copier, old: weakref.WeakKeyDictionary[Any, Any]) -> Any:
    return c.later(_weak_mapping_steps(c, old, weakref.WeakKeyDictionary()))


def _weak_mapping_steps(c: Copier, old: Any, new: Any) -> Steps:
    c.remember(old, new)
    for key, value in list(old.items()):
        pair = yield from weak_parts(c, (key, value), weak=1 if isinstance(old, weakref.WeakValueDictionary) else 0)
        new[pair[0]] = pair[1]
    return new


def weak_parts(c: Copier, parts: tuple[Any, ...], *, weak: int) -> Steps:
    """Copies, but of the weakly held one only if the state holds it elsewhere too."""
    made: list[Any] = []
    for index, part in enumerate(parts):
        if index == weak and type(part) not in ATOMIC and not c.is_part_of_root(part):
            made.append(part)
        else:
            made += yield from copies(c, (part,))
    return made


def _copy_weak_set(c: Copier, old: weakref.WeakSet[Any]) -> Any:
    return c.later(_weak_set_steps(c, old))


def _weak_set_steps(c: Copier, old: weakref.WeakSet[Any]) -> Steps:
    new: weakref.WeakSet[Any] = c.remember(old, weakref.WeakSet())
    for item in list(old):
        (made,) = yield from weak_parts(c, (item,), weak=0)
        new.add(made)
    return new


CONTAINER_HANDLERS: Final[dict[type, Handler]] = {
    list: _copy_list,
    tuple: _copy_tuple,
    dict: _copy_dict,
    set: _copy_set,
    frozenset: _copy_frozenset,
    deque: _copy_deque,
    OrderedDict: _copy_ordered_dict,
    Counter: _copy_counter,
    defaultdict: _copy_defaultdict,
    types.MappingProxyType: _copy_mapping_proxy,
    slice: _copy_slice,
    bytearray: _copy_bytearray,
    array.array: _copy_array,
    weakref.ref: copy_weakref,
    weakref.WeakValueDictionary: _copy_weak_values,
    weakref.WeakKeyDictionary: _copy_weak_keys,
    weakref.WeakSet: _copy_weak_set,
}
