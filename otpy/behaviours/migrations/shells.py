"""Copies of what instances have besides their attributes: the contents of a builtin base, the parts of an exception.

No `__init__` of a class runs.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from otpy.behaviours.migrations.containers import copies, dict_steps, fill_set
from otpy.behaviours.migrations.copier import Copier, Steps
from otpy.behaviours.migrations.kinds import HEAPTYPE
from otpy.behaviours.migrations.layout import WHOLE_BASES, Layout


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


def struct_attributes(c: Copier, old: msgspec.Struct, new: Any) -> Steps:
    """A `Struct(dict=True)` has attributes beside its fields."""
    for name, value in tuple(getattr(old, "__dict__", {}).items()):
        (made,) = yield from copies(c, (value,))
        new.__dict__[name] = made


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
