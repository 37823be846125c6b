"""How each kind of object is mirrored, but for functions, classes and modules, which mirror.py knows about.

The handlers are those of a Copier (see `behaviours.migrations.copier`). What leads to nothing mirrored stays itself,
as far as it is immutable: so what comes from libraries is left alone.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import inspect
import operator
import re
import types
import weakref
from collections import ChainMap, UserDict, UserList
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType, MemberDescriptorType
from typing import Any, Final, Generic, TypeVar

from otpy.behaviours.migrations.callables import CALLABLE_HANDLERS, LRU_WRAPPER
from otpy.behaviours.migrations.containers import CONTAINER_HANDLERS
from otpy.behaviours.migrations.copier import LATER, Copier, Handler, Steps
from otpy.code.conform.abstract import begin, is_abc, register, registered
from otpy.code.functions import twin
from otpy.upgrade.mirror_names import names_in

LOOKED_INTO: Final = frozenset({property, types.ModuleType, types.GenericAlias, types.UnionType})
"""A state has no copies of these, and a mirror has counterparts."""

HOLDERS: Final = frozenset({types.SimpleNamespace, ChainMap, UserDict, UserList})
"""Classes of the library whose instances a program fills with its own values, and changes."""


def parts(c: Copier, items: Iterable[Any]) -> Steps:
    """The counterparts of all *items*, as a list."""
    made: list[Any] = []
    for item in items:
        cls = type(item)
        if cls not in LOOKED_INTO:
            part = c.now(item)
        elif id(item) in c.memo:
            part = c.memo[id(item)]
        else:
            part = (c.handlers.get(cls) or c.plans.handler(cls))(c, item)
        made.append((yield) if part is LATER else part)
    return made


def all_same(ones: Iterable[object], others: Iterable[object]) -> bool:
    """Whether these are the very same objects."""
    return all(map(operator.is_, ones, others))


# -- functions and classes, as far as they can be made without knowing what is mirrored ----------------


def function_steps(c: Copier, old: FunctionType, code: CodeType, names: dict[str, Any]) -> Steps:
    """*old* with that code and those globals. It is entered before its cells, since a closure may hold itself."""
    closure = old.__closure__ or ()
    fresh = [(cell, c.remember(cell, types.CellType())) for cell in closure if id(cell) not in c.memo]
    new = c.remember(old, twin(old, names, code, tuple(c.memo[id(cell)] for cell in closure)))
    for was, cell in fresh:
        for contents in _contents(was):
            (cell.cell_contents,) = yield from parts(c, (contents,))
    held = (old.__defaults__, old.__kwdefaults__, old.__dict__)
    new.__defaults__, new.__kwdefaults__, new.__dict__ = yield from parts(c, held)
    return new


def _contents(cell: types.CellType) -> Iterator[Any]:
    try:
        yield cell.cell_contents
    except ValueError:  # an empty cell
        return


def class_steps(c: Copier, old: type) -> Steps:
    """A class of its own with the counterparts of the bases and members of *old*; *old* where Python refuses that."""
    meta, *bases = yield from parts(c, (type(old), *old.__bases__))
    if id(old) in c.memo:  # a cycle has led here meanwhile
        return c.memo[id(old)]
    members = dict(vars(old))
    own_slots = [n for n, v in members.items() if type(v) is MemberDescriptorType and v.__objclass__ is old]
    fixed = {n: v for n, v in members.items() if _is_about_the_class(n, v)}
    if "__slots__" in members:
        fixed["__slots__"] = (*own_slots, *(name for name in _MACHINE if name in members))
    try:
        made: Any = type.__new__(meta, old.__name__, (*_gate(old), *bases), fixed)
    except TypeError:
        return c.remember(old, old)
    _take_away_gate(made, bases)
    c.remember(old, made)
    done = {*fixed, *own_slots, *_MACHINE, *_OF_ABC, "__orig_bases__"}
    names = [name for name in members if name not in done]
    for name, value in zip(names, (yield from parts(c, [members[name] for name in names])), strict=True):
        type.__setattr__(made, name, value)
    if "__orig_bases__" in members:
        type.__setattr__(made, "__orig_bases__", tuple((yield from parts(c, members["__orig_bases__"]))))
    if is_abc(old):
        begin(made)
        register(made, (yield from parts(c, registered(old))))
    return made


_MACHINE: Final = ("__dict__", "__weakref__")
_OF_ABC: Final = ("_abc_impl", "__abstractmethods__")
_INSIDE: Final = ("__slots__", "__orig_bases__", "__dataclass_fields__")


def _is_about_the_class(name: str, value: object) -> bool:
    """Whether a member says something about the class, or of how its instances are to be hashed, and does nothing."""
    is_special = name.startswith("__") and name.endswith("__") and name not in (*_MACHINE, *_OF_ABC, *_INSIDE)
    return is_special and not hasattr(type(value), "__get__")


def _gate(cls: type) -> tuple[type, ...]:
    """What keeps the `__init_subclass__` of the bases of *cls* from running: it would register one more class."""
    told = next(vars(base)["__init_subclass__"] for base in cls.__mro__[1:] if "__init_subclass__" in vars(base))
    if told is vars(object)["__init_subclass__"]:
        return ()
    has_dict = any(base.__dictoffset__ for base in cls.__bases__)  # Python exchanges bases of the same layout only
    return (type("Gate", (), {"__init_subclass__": _ignore, **({} if has_dict else {"__slots__": ()})}),)


def _ignore(_cls: type, **_: Any) -> None:
    """Do nothing."""


def _take_away_gate(made: Any, bases: Iterable[type]) -> None:
    """Give *made* the bases that it should have, so that a trial finds these, and subclasses that it makes are told."""
    if made.__bases__ != (own := tuple(bases)):
        with contextlib.suppress(TypeError):  # another layout: the gate stays
            made.__bases__ = own


def worked_with(cls: type, names: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what the methods of *cls*, the types of its fields and its defaults work with, of the module's *names*."""
    for name in _mentioned(cls):
        if isinstance(names.get(name), (type, FunctionType)) and names[name] is not cls:
            yield names[name]
    for declared in (*getattr(cls, "__struct_defaults__", ()), *getattr(cls, "__pydantic_fields__", {}).values()):
        yield getattr(declared, "factory", None) or getattr(declared, "default_factory", None)


def _mentioned(cls: type) -> Iterator[str]:
    for member in vars(cls).values():
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(function, FunctionType):
            yield from names_in(function.__code__)
    with contextlib.suppress(NameError):  # Python 3.14 makes annotations when they are asked for
        for annotation in inspect.get_annotations(cls).values():
            text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation, cls.__module__)
            yield from _NAME.findall(text)


_NAME: Final = re.compile(r"\w+")


# -- what holds them -------------------------------------------------------------------------------


def _property(c: Copier, old: property) -> Any:
    return c.later(_again_steps(c, old, (old.fget, old.fset, old.fdel, old.__doc__)))


def _method(c: Copier, old: Any) -> Any:
    return c.later(_again_steps(c, old, (old.__func__,)))


def _again_steps(c: Copier, old: Any, arguments: tuple[Any, ...]) -> Steps:
    new = yield from parts(c, arguments)
    return c.remember(old, old if all_same(new, arguments) else type(old)(*new))


def _cached(c: Copier, old: Any) -> Any:
    """What `lru_cache` has made: the counterpart begins with an empty cache."""
    return c.later(_cached_steps(c, old))


def _cached_steps(c: Copier, old: Any) -> Steps:
    (wrapped,) = yield from parts(c, (old.__wrapped__,))
    if wrapped is old.__wrapped__:
        return c.remember(old, old)
    return c.remember(old, functools.lru_cache(**old.cache_parameters())(wrapped))


def _of_functools(c: Copier, old: Any) -> Any:
    """`cached_property` and the like: Python objects that hold functions."""
    return c.later(_attribute_steps(c, old))


def _attribute_steps(c: Copier, old: Any) -> Steps:
    values = list(vars(old).values())
    new = yield from parts(c, values)
    if all_same(new, values):
        return c.remember(old, old)
    made = c.remember(old, object.__new__(type(old)))
    vars(made).update(zip(vars(old), new, strict=True))
    return made


def _field(c: Copier, old: dataclasses.Field[Any]) -> Any:
    """A field of a dataclass, with its default."""
    return c.later(_field_steps(c, old))


def _field_steps(c: Copier, old: dataclasses.Field[Any]) -> Steps:
    made = c.remember(old, copy.copy(old))
    made.default, made.default_factory = yield from parts(c, (old.default, old.default_factory))
    return made


def _alias(c: Copier, old: Any) -> Any:
    """`list[C]`, `GenServer[State]`, `C | None`."""
    return c.later(_alias_steps(c, old))


def _alias_steps(c: Copier, old: Any) -> Steps:
    origin, *arguments = yield from parts(c, (old.__origin__, *old.__args__))
    if origin is old.__origin__ and all_same(arguments, old.__args__):
        return c.remember(old, old)
    if isinstance(old, types.GenericAlias):
        return c.remember(old, types.GenericAlias(origin, tuple(arguments)))
    made = old.copy_with(tuple(arguments))
    made.__origin__ = origin
    return c.remember(old, made)


def _union(c: Copier, old: Any) -> Any:
    return c.later(_union_steps(c, old))


def _union_steps(c: Copier, old: Any) -> Steps:
    return c.remember(old, functools.reduce(operator.or_, (yield from parts(c, old.__args__))))


def _weakly(c: Copier, old: Any) -> Any:
    return c.later(_weak_steps(c, old))


def _weak_steps(c: Copier, old: Any) -> Steps:
    new = c.remember(old, type(old)())
    for key, value in list(old.items()):
        key_now, new_value = yield from parts(c, (key, value))
        new[key_now] = new_value
    return new


def _weak_set(c: Copier, old: Any) -> Any:
    return c.later(_weak_set_steps(c, old))


def _weak_set_steps(c: Copier, old: Any) -> Steps:
    new = c.remember(old, type(old)())
    new.update((yield from parts(c, list(old))))
    return new


_T = TypeVar("_T")
_ALIAS: Final[type] = type(Generic[_T])  # type: ignore[index]

HANDLERS: Final[dict[Any, Handler]] = {
    **CONTAINER_HANDLERS,
    **CALLABLE_HANDLERS,
    property: _property,
    staticmethod: _method,
    classmethod: _method,
    LRU_WRAPPER: _cached,
    functools.cached_property: _of_functools,
    functools.partialmethod: _of_functools,
    functools.singledispatchmethod: _of_functools,
    dataclasses.Field: _field,
    types.GenericAlias: _alias,
    types.UnionType: _union,
    _ALIAS: _alias,
    weakref.WeakKeyDictionary: _weakly,
    weakref.WeakValueDictionary: _weakly,
    weakref.WeakSet: _weak_set,
    weakref.ref: Copier.keep,
}
