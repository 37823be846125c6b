"""Handlers for instances of classes: copied as they are, or rebuilt as instances of the class's successor.

No `__init__`, `__setattr__` or `__setstate__` of a class runs, and a `__post_init__` only where a `msgspec.Struct` has
one. What runs is the defaults of added fields.
"""

from __future__ import annotations

import copy
import functools
import operator
from collections import defaultdict, deque
from collections.abc import Iterator
from enum import Enum, Flag
from typing import Any, Final, cast, final

import msgspec

from otpy.behaviours.migrations.callables import CALLABLE_HANDLERS, copy_class, successor
from otpy.behaviours.migrations.containers import CONTAINER_HANDLERS, copies, dict_steps, fill_set
from otpy.behaviours.migrations.copier import LATER, Copier, Handler, Steps
from otpy.behaviours.migrations.fields import Fields, declared_fields, init_attributes
from otpy.behaviours.migrations.kinds import ATOMIC, HEAPTYPE, is_kept
from otpy.behaviours.migrations.layout import DROP, PLAIN, WHOLE_BASES, Layout, Way, put
from otpy.behaviours.migrations.report import class_name
from otpy.errors import MigrationFailed

all_atomic = ATOMIC.issuperset

ADVICE: Final = "write code_change(old_vsn, state, extra) for the behaviour that has it in its state"


def handler_for(c: Copier, cls: type) -> Handler:
    """The handler for all instances of *cls*: the one place where kinds are told apart."""
    known = CONTAINER_HANDLERS.get(cls) or CALLABLE_HANDLERS.get(cls)
    if known is not None:
        return known
    if issubclass(cls, type):
        return copy_class
    if c.is_old(cls):
        return rebuilding(c, cls)
    if issubclass(cls, Enum):
        return share
    if is_kept(cls) or owns_resources(cls):
        return Copier.keep
    return copying(cls)


def share(_: Copier, old: Any) -> Any:
    """An immutable thing that belongs to the code."""
    return old


def owns_resources(cls: type) -> bool:
    """Whether instances give something back when they go: two of them would give it back twice."""
    return bool(cls.__flags__ & HEAPTYPE) and hasattr(cls, "__del__")


# -- the same class --------------------------------------------------------------------------------


def copying(cls: type) -> Handler:
    """The handler that copies instances of a class that has no successor."""
    if issubclass(cls, msgspec.Struct):
        return _copy_struct
    if issubclass(cls, BaseException):
        return functools.partial(_copy_exception, cls)
    transfer = Transfer(cls, cls)
    if transfer.was.base is None:
        return copy_foreign
    handler: Handler = transfer.instance
    if hasattr(cls, "__deepcopy__") and not hasattr(cls, "__pydantic_validator__"):
        return functools.partial(ask_once, handler)
    return handler


def ask_once(handler: Handler, c: Copier, old: Any) -> Any:
    """A class whose deep copy is the object itself says: keep me. It is asked once."""
    try:
        kept = old.__deepcopy__({}) is old
    except Exception:  # noqa: BLE001 - whatever it is, it does not say "keep me"
        kept = False
    chosen = c.handlers[type(old)] = Copier.keep if kept else handler
    return chosen(c, old)


def shell_steps(was: Layout, layout: Layout, c: Copier, old: Any) -> Steps:
    """A begun copy of *old* with the contents that its builtin base has, without attributes."""
    base = was.base
    if base in WHOLE_BASES:
        contents = yield from whole_contents(cast("type", base), c, old)
        return c.begin(old, c.memo[id(old)] if id(old) in c.memo else layout.shell(*contents))
    new = c.begin(old, layout.shell())
    if issubclass(layout.cls, dict):
        if isinstance(new, defaultdict):
            (new.default_factory,) = yield from copies(c, (old.default_factory,))
        yield from dict_steps(c, old, new)
    elif issubclass(layout.cls, (list, deque)):
        if isinstance(new, deque):
            deque.__init__(new, (), old.maxlen)
        kind: Any = deque if isinstance(new, deque) else list
        for item in tuple(old):
            kind.extend(new, (yield from copies(c, (item,))))
    elif issubclass(layout.cls, set):
        fill_set(new, (yield from copies(c, tuple(old))))
    elif issubclass(layout.cls, bytearray):
        bytearray.extend(new, old)
    c.open.add(id(old))
    return new


def whole_contents(base: type, c: Copier, old: Any) -> Steps:
    """The argument of `base.__new__` that gives the contents of *old*."""
    if base in (tuple, frozenset):
        return (tuple((yield from copies(c, base.__iter__(old)))),)
    if base is complex:
        return (complex(old.real, old.imag),)
    plain: Any = {int: int.__int__, float: float.__float__, str: str.__str__, bytes: bytes.__bytes__, bool: bool}[base]
    return (plain(old),)


def _copy_struct(c: Copier, old: msgspec.Struct) -> Any:
    return c.later(_struct_steps(c, old))


def _struct_steps(c: Copier, old: msgspec.Struct) -> Steps:
    new = c.begin(old, copy.copy(old))
    for name in old.__struct_fields__:
        value = getattr(old, name)
        made = c.now(value)
        made = (yield) if made is LATER else made
        if made is not value:
            msgspec.structs.force_setattr(new, name, made)
    yield from struct_attributes(c, old, new)
    c.complete(old)
    return new


def struct_attributes(c: Copier, old: msgspec.Struct, new: Any) -> Steps:
    """A `Struct(dict=True)` has attributes beside its fields."""
    for name, value in tuple(getattr(old, "__dict__", {}).items()):
        (made,) = yield from copies(c, (value,))
        new.__dict__[name] = made


def copy_foreign(c: Copier, old: Any) -> Any:
    """An object made by another language: it knows itself how to be copied, or is kept."""
    if hasattr(type(old), "__next__"):
        return c.keep(old)
    try:
        new = copy.deepcopy(old, {})
    except Exception:  # noqa: BLE001 - it cannot be copied, for whatever reason
        new = old
    if c.replaced and c.holds_old(new):
        raise MigrationFailed(
            f"a {class_name(type(old))} holds objects of the old version where they cannot be changed; {ADVICE}"
        )
    return c.keep(old) if new is old else c.remember(old, new)


# -- exceptions ------------------------------------------------------------------------------------


def _copy_exception(cls: type, c: Copier, old: BaseException) -> Any:
    return c.later(exception_steps(cls, c, old))


def exception_steps(cls: Any, c: Copier, old: BaseException) -> Steps:
    """Arguments, attributes and the chain; the traceback is shared."""
    new = yield from exception_shell_steps(cls, c, old)
    for name, value in exception_attributes(old):
        (made,) = yield from copies(c, (value,))
        object.__setattr__(new, name, made)
    new.args, new.__cause__, new.__context__ = yield from copies(c, (old.args, old.__cause__, old.__context__))
    new.__suppress_context__ = old.__suppress_context__
    new.__traceback__ = old.__traceback__
    c.complete(old)
    return new


def exception_shell_steps(cls: Any, c: Copier, old: BaseException) -> Steps:
    """An exception without arguments; a group takes its members when it is made."""
    base: Any = next(base for base in cls.__mro__ if not base.__flags__ & HEAPTYPE)
    if not isinstance(old, BaseExceptionGroup):
        return c.begin(old, base.__new__(cls))
    (members,) = yield from copies(c, (old.exceptions,))
    return c.begin(old, base.__new__(cls, old.message, members))


def exception_attributes(old: BaseException) -> Iterator[tuple[str, Any]]:
    """The attributes of an exception, those that C code keeps (`errno`, `value`) too."""
    yield from Layout(type(old)).attributes(old).items()
    for base in type(old).__mro__:
        if not base.__flags__ & HEAPTYPE and base not in (BaseException, BaseExceptionGroup, ExceptionGroup, object):
            for name, descriptor in vars(base).items():
                if not name.startswith("__") and hasattr(type(descriptor), "__set__"):
                    value = getattr(old, name, None)
                    if value is not None:
                        yield name, value


# -- a class with a successor ----------------------------------------------------------------------


def rebuilding(c: Copier, cls: type) -> Handler:
    """The handler that turns instances of *cls* into instances of its successor."""
    new: type = successor(c, cls)
    if issubclass(cls, Enum):
        return functools.partial(rebuild_member, new)
    if is_kept(cls) or owns_resources(cls):
        why = (
            "releases something in __del__, which would run for the original"
            if owns_resources(cls)
            else "is a resource"
        )
        raise MigrationFailed(f"a {class_name(cls)} cannot be copied: it {why}; {ADVICE}")
    if issubclass(cls, msgspec.Struct) and issubclass(new, msgspec.Struct):
        return Transfer(cls, new).struct
    if issubclass(cls, BaseException) and issubclass(new, BaseException):
        return Transfer(cls, new).exception
    transfer = Transfer(cls, new)
    if transfer.was.base is None or transfer.was.base is not transfer.layout.base:
        raise MigrationFailed(
            f"a {class_name(cls)} cannot become its new version: their layouts have nothing in common; {ADVICE}"
        )
    return transfer.named_tuple if hasattr(cls, "_fields") and issubclass(cls, tuple) else transfer.instance


def rebuild_member(new: Any, c: Copier, old: Any) -> Any:
    """The member of the same name; a combination of flags is put together again from its members."""
    if not issubclass(new, Enum):
        raise MigrationFailed(f"{old!r} was a member of an enumeration, and {class_name(new)} is none now; {ADVICE}")
    is_one = not isinstance(old, Flag) or old.name in new.__members__
    names: list[Any] = [old.name] if is_one else [member.name for member in old]
    gone = [name for name in names if name not in new.__members__]
    if gone:
        raise MigrationFailed(
            f"{class_name(new)} has no member {', '.join(map(str, gone))} any more, and the state has it; {ADVICE}"
        )
    c.ledger.migrated(new)
    members: list[Any] = [new[name] for name in names]
    return c.remember(old, functools.reduce(operator.or_, members) if members else new(0))


@final
class Transfer:
    """How the attributes of instances of one class come into instances of another, or of the same."""

    def __init__(self, cls: type, new: type) -> None:
        self.new = new
        self.was = Layout(cls)
        self.layout = Layout(new)
        self.is_same = cls is new
        declared = None if self.is_same else declared_fields(new)
        self.declares = declared is not None
        self.old_fields: Fields = {} if self.is_same else declared_fields(cls) or {}
        self.fields: Fields = declared if declared is not None else {} if self.is_same else added_attributes(cls, new)
        self.is_pydantic = hasattr(new, "__pydantic_validator__")
        self.ways: dict[str, Way] = {}
        """How each attribute is set; filled as attributes are met."""

    def instance(self, c: Copier, old: Any) -> Any:
        """The handler for plain instances, and for those that are builtin containers too."""
        if self.was.base is not object:
            return c.later(self._instance_steps(c, old))
        new: Any = object.__new__(self.new)
        if self.layout.is_hashed_by_content:
            c.open.add(id(old))
        # `c.remember`, written out: this is the innermost loop of every migration.
        c.memo[id(old)] = new
        c.originals.append(old)
        return self.attributes(c, old, new)

    def _instance_steps(self, c: Copier, old: Any) -> Steps:
        new = yield from shell_steps(self.was, self.layout, c, old)
        made = self.attributes(c, old, new)
        return (yield) if made is LATER else made

    def attributes(self, c: Copier, old: Any, new: Any) -> Any:
        """Take over what has a place in the new class, and give defaults to the rest."""
        values = self.was.attributes(old)
        items = iter(values.items())
        ways, atomic, set_plain = self.ways, ATOMIC, object.__setattr__
        for name, value in items:
            way = ways[name] if name in ways else self.way(name)
            if way is DROP:
                c.ledger.dropped(self.new, name)
                continue
            made = value if type(value) in atomic else c.now(value)
            if made is LATER:
                return c.later(self._attributes_later(c, old, new, items, name))
            if way is PLAIN:
                set_plain(new, name, made)
            else:
                put(way, new, name, made)
        return self.finish(c, old, new, values)

    def _attributes_later(self, c: Copier, old: Any, new: Any, items: Iterator[tuple[str, Any]], name: str) -> Steps:
        """Go on with the attribute *name*, whose value is being made, and the *items* behind it."""
        put(self.ways[name], new, name, (yield))
        for following, value in items:
            way = self.ways[following] if following in self.ways else self.way(following)
            if way is DROP:
                c.ledger.dropped(self.new, following)
                continue
            made = c.now(value)
            put(way, new, following, (yield) if made is LATER else made)
        return self.finish(c, old, new, self.was.attributes(old))

    def way(self, name: str) -> Way:
        """How the attribute *name* is set in the new class."""
        way = DROP if self.is_dropped(name) else self.layout.way(name)
        self.ways[name] = way
        return way

    def is_dropped(self, name: str) -> bool:
        """Whether *name* was a declared field and is none now; or a property stands in its place."""
        if self.declares and name in self.old_fields:
            return name not in self.fields
        return name in self.layout.hidden and name not in self.was.hidden

    def finish(self, c: Copier, old: Any, new: Any, values: dict[str, Any]) -> Any:
        """Everything that the old object had is in its place."""
        if not self.is_same:
            if not values.keys() >= self.fields.keys():
                for name in self.fields:
                    if name not in values:
                        put(self.layout.way(name), new, name, self.default(c, new, name))
            if self.is_pydantic:
                complete_pydantic(self.new, new, self.fields)
            c.ledger.migrated(self.new)
        if self.layout.is_hashed_by_content:
            c.complete(old)
        return new

    # -- other kinds ---------------------------------------------------------------------------------

    def exception(self, c: Copier, old: Any) -> Any:
        """The handler for exceptions."""
        return c.later(self._exception_steps(c, old))

    def _exception_steps(self, c: Copier, old: Any) -> Steps:
        new = yield from exception_steps(self.new, c, old)
        for name in self.fields.keys() - vars(new).keys():
            object.__setattr__(new, name, self.default(c, new, name))
        c.ledger.migrated(self.new)
        return new

    def default(self, c: Copier, new: Any, name: str) -> object:
        """The default of the field *name*, for the object *new*."""
        make = self.fields[name].make
        if make is None:
            raise MigrationFailed(
                f"{class_name(self.new)} has a new field {name!r} without a default, "
                f"and the state has instances without it; give it a default, or {ADVICE}"
            )
        try:
            value = make(new)
        except Exception as error:
            raise MigrationFailed(f"the default of {class_name(self.new)}.{name} raised {error!r}") from error
        c.ledger.filled(self.new, name)
        return value

    def named_tuple(self, c: Copier, old: Any) -> Any:
        """The handler for named tuples, whose fields go by name."""
        return c.later(self._named_tuple_steps(c, old))

    def _named_tuple_steps(self, c: Copier, old: Any) -> Steps:
        values: dict[str, Any] = {}
        for name, value in zip(old._fields, old, strict=True):
            if name in self.fields:
                (values[name],) = yield from copies(c, (value,))
            else:
                c.ledger.dropped(self.new, name)
        if id(old) in c.memo:
            return c.memo[id(old)]
        for name in self.fields:
            if name not in values:
                values[name] = self.default(c, None, name)
        c.ledger.migrated(self.new)
        return c.remember(old, tuple.__new__(self.new, [values[name] for name in self.fields]))

    def struct(self, c: Copier, old: Any) -> Any:
        """The handler for `msgspec.Struct`s."""
        return c.later(self._struct_steps(c, old))

    def _struct_steps(self, c: Copier, old: Any) -> Steps:
        """A Struct is made by its class alone, so its `__post_init__` would run: then the parts come first."""
        new: Any = None
        make: Any = self.new
        if not hasattr(make, "__post_init__"):
            new = c.begin(old, make(**dict.fromkeys(self.fields)))
        elif id(old) in c.open:
            raise MigrationFailed(
                f"a {class_name(self.new)} holds itself, and its __post_init__ wants it whole; {ADVICE}"
            )
        c.open.add(id(old))
        values: dict[str, Any] = {}
        for name in old.__struct_fields__:
            if name in self.fields:
                (values[name],) = yield from copies(c, (getattr(old, name),))
            else:
                c.ledger.dropped(self.new, name)
        for name in self.fields:
            if name not in values:
                values[name] = self.default(c, new, name)
        if new is None:
            new = c.remember(old, make(**values))
        else:
            for name, value in values.items():
                msgspec.structs.force_setattr(new, name, value)
        yield from struct_attributes(c, old, new)
        c.complete(old)
        c.ledger.migrated(self.new)
        return new


def added_attributes(cls: type, new: type) -> Fields:
    """What `__init__` of a plain class sets now and did not before, as far as no class attribute stands in for it."""
    before = init_attributes(cls)
    return {
        name: field for name, field in init_attributes(new).items() if name not in before and not has_default(new, name)
    }


def has_default(cls: type, name: str) -> bool:
    """Whether the class itself answers for *name*: by a value, not by the descriptor of a slot."""
    return hasattr(cls, name) and name not in Layout(cls).slots


def complete_pydantic(cls: Any, new: Any, fields: Fields) -> None:
    """What pydantic keeps beside the fields: which were set, and private attributes with their defaults."""
    known: set[str] = getattr(new, "__pydantic_fields_set__", set())
    object.__setattr__(new, "__pydantic_fields_set__", {name for name in known if name in fields})
    declared = getattr(cls, "__private_attributes__", {})
    if declared:
        private = dict(getattr(new, "__pydantic_private__", None) or {})
        for name, attribute in declared.items():
            if name not in private:
                private[name] = attribute.get_default()
        object.__setattr__(new, "__pydantic_private__", private)
