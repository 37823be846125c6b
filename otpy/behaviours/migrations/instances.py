"""Handlers for instances of classes: copied as they are, or rebuilt as instances of the class's successor.

A class that was edited in place has no successor: its instances are rebuilt as instances of itself, with other fields.
"""

from __future__ import annotations

import copy
import functools
from enum import Enum
from typing import Any, Final, final

import msgspec

from otpy.behaviours.migrations import members
from otpy.behaviours.migrations.callables import CALLABLE_HANDLERS, copy_class, successor
from otpy.behaviours.migrations.containers import CONTAINER_HANDLERS
from otpy.behaviours.migrations.copier import LATER, Copier, Handler, Plans, Steps
from otpy.behaviours.migrations.flat import flat
from otpy.behaviours.migrations.kinds import HEAPTYPE, is_kept
from otpy.behaviours.migrations.layout import Layout
from otpy.behaviours.migrations.report import class_name
from otpy.behaviours.migrations.scan import IsCurrent
from otpy.behaviours.migrations.shapes import Shape, current_test, shape_of
from otpy.behaviours.migrations.shells import exception_steps, struct_attributes
from otpy.behaviours.migrations.specialised import specialise
from otpy.behaviours.migrations.transfer import ADVICE, Transfer
from otpy.errors import MigrationFailed

OFTEN: Final = 20
"""How many instances of a class are met before code is written for it."""


def handler_for(plans: Plans, cls: type) -> Handler:
    """The handler for all instances of *cls*: the one place where kinds are told apart."""
    known = CONTAINER_HANDLERS.get(cls) or CALLABLE_HANDLERS.get(cls)
    if known is not None:
        return known
    if issubclass(cls, type):
        return copy_class
    if plans.is_old(cls):
        return rebuilding(cls, successor(plans.replaced, cls))
    if cls in plans.reshaped:
        return reshaping(cls, plans.reshaped[cls])
    return unchanged(cls, plans.counterparts.get(cls, cls))


def unchanged(cls: type, new: type) -> Handler:
    """The handler for instances that are copied as they are, as instances of *new* if that has a place for all."""
    if issubclass(cls, Enum):
        return functools.partial(counterpart, new)
    if is_kept(cls) or owns_resources(cls):
        return Copier.keep
    return copying(cls, new if has_same_layout(cls, new) else cls)


def counterpart(new: type, _: Copier, old: Any) -> Any:
    """A member of an enumeration belongs to the code: it is shared, or the member of the same name stands for it."""
    return getattr(new, "__members__", {}).get(old.name, old)


def owns_resources(cls: type) -> bool:
    """Whether instances give something back when they go: two of them would give it back twice."""
    return bool(cls.__flags__ & HEAPTYPE) and hasattr(cls, "__del__")


@final
class Adaptive:
    """Handles instances of *cls* in a general way; those of a class that is met often by code written for it.

    *general* is the general way. An instance of which *is_current* is true is no example for the others.
    """

    def __init__(self, cls: type, transfer: Transfer, general: Handler, *, is_current: IsCurrent | None = None) -> None:
        self.cls = cls
        self.transfer = transfer
        self.general = general
        self.is_current = is_current
        self.met = 0

    def __call__(self, c: Copier, old: Any) -> Any:
        """Handle *old*."""
        self.met += 1
        if self.met >= OFTEN and (self.is_current is None or not self.is_current(old)):
            c.handlers[self.cls] = specialise(self.transfer, old, self.general) or self.general
            quick = None if self.transfer.changes else flat(self.transfer, old)
            if quick is not None:
                c.plans.flat[self.cls] = quick
        return self.general(c, old)


# -- the same class --------------------------------------------------------------------------------


def has_same_layout(cls: type, new: type) -> bool:
    """Whether an instance of *new* can have whatever an instance of *cls* has."""
    if cls is new:
        return True
    was, layout = Layout(cls), Layout(new)
    same = (was.base, was.has_dict, was.slots.keys()) == (layout.base, layout.has_dict, layout.slots.keys())
    return same and not issubclass(cls, msgspec.Struct)


def copying(cls: type, new: type) -> Handler:
    """The handler that copies instances of a class with all that they have."""
    if issubclass(cls, BaseException):
        return functools.partial(_copy_exception, new)
    transfer = Transfer(cls, new)
    if issubclass(cls, msgspec.Struct):
        return Adaptive(cls, transfer, _copy_struct)
    if transfer.was.base is None:
        return copy_foreign
    handler = Adaptive(cls, transfer, transfer.instance)
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


def copy_foreign(c: Copier, old: Any) -> Any:
    """An object made by another language: it knows itself how to be copied, or is kept."""
    if hasattr(type(old), "__next__"):
        return c.keep(old)
    try:
        new = copy.deepcopy(old, {})
    except Exception:  # noqa: BLE001 - it cannot be copied, for whatever reason
        new = old
    if c.holds_old(new):
        raise MigrationFailed(
            f"a {class_name(type(old))} holds objects of the old version where they cannot be changed; {ADVICE}"
        )
    return c.keep(old) if new is old else c.remember(old, new)


def _copy_exception(cls: type, c: Copier, old: BaseException) -> Any:
    return c.later(exception_steps(cls, c, old))


# -- a class with a successor ----------------------------------------------------------------------


def rebuilding(cls: type, new: type) -> Handler:
    """The handler that turns instances of *cls* into instances of its successor."""
    if issubclass(cls, Enum):
        return functools.partial(rebuild_member, new)
    _refuse_resources(cls)
    transfer = Transfer(cls, new, before=shape_of(cls), after=shape_of(new))
    handler = _handler_of(transfer, cls, new)
    if handler is None:
        raise MigrationFailed(
            f"a {class_name(cls)} cannot become its new version: their layouts have nothing in common; {ADVICE}"
        )
    return handler if issubclass(cls, BaseException) else Adaptive(cls, transfer, handler)


def reshaping(cls: type, before: Shape) -> Handler:
    """The handler that gives instances of *cls*, which was edited in place, the fields that it has now."""
    if issubclass(cls, Enum):
        return functools.partial(rebuild_member, cls)
    _refuse_resources(cls)
    after = shape_of(cls)
    transfer = Transfer(cls, cls, before=before, after=after)
    handler = _handler_of(transfer, cls, cls)
    if handler is None:
        raise MigrationFailed(f"a {class_name(cls)} cannot be copied, it is not made of Python objects alone; {ADVICE}")
    is_current = current_test(cls, old=before, new=after)
    as_it_is = unchanged(cls, cls)

    def one(c: Copier, old: Any) -> Any:
        """An instance that has the new fields already is here because of what it holds."""
        return as_it_is(c, old) if is_current(old) else handler(c, old)

    if issubclass(cls, BaseException):
        return one
    return Adaptive(cls, transfer, one, is_current=is_current)


def _refuse_resources(cls: type) -> None:
    if is_kept(cls) or owns_resources(cls):
        why = (
            "releases something in __del__, which would run for the original"
            if owns_resources(cls)
            else "is a resource"
        )
        raise MigrationFailed(f"a {class_name(cls)} cannot be copied: it {why}; {ADVICE}")


def _handler_of(transfer: Transfer, cls: type, new: type) -> Handler | None:
    """The general way to make an instance of *new* from one of *cls*; None if there is none."""
    if issubclass(cls, msgspec.Struct) and issubclass(new, msgspec.Struct):
        return transfer.struct
    if issubclass(cls, BaseException) and issubclass(new, BaseException):
        return transfer.exception
    if transfer.was.base is None or transfer.was.base is not transfer.layout.base:
        return None
    return transfer.named_tuple if transfer.is_named_tuple else transfer.instance


def rebuild_member(new: Any, c: Copier, old: Any) -> Any:
    """The member of the same name; a combination of flags is put together again from its members."""
    if not issubclass(new, Enum):
        raise MigrationFailed(f"{old!r} was a member of an enumeration, and {class_name(new)} is none now; {ADVICE}")
    made = c.remember(old, members.counterpart(new, old))
    c.ledger.note("migrated", new)
    return made
