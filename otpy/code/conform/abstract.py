"""Abstract base classes: what `abc` has noted about them, and about the classes derived from them.

`abc` keeps with each class the names of its abstract methods, the classes registered with it, and which checks of
instances had which outcome. It has functions for all of them, though not all are public.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from weakref import ref

from otpy.code.conform.alike import Place
from otpy.code.conform.layout import descendants
from otpy.code.conform.steps import Step, renew

dump: Final[Callable[[type], tuple[set[ref[type]], ...]]] = vars(abc)["_get_dump"]
begin: Final[Callable[[type], None]] = vars(abc)["_abc_init"]
forget_registered: Final[Callable[[type], None]] = vars(abc)["_reset_registry"]
forget_checks: Final[Callable[[type], None]] = vars(abc)["_reset_caches"]


def abstract_steps(live: type) -> Iterator[Step]:
    """Which methods are abstract in the subclasses of *live*, wherever they are."""
    update: Any = abc.update_abstractmethods
    for subclass in filter(is_abc, descendants(live)):
        read = functools.partial(vars(subclass).get, "__abstractmethods__")
        restore = functools.partial(set_abstract, subclass)
        yield renew(f"abstract methods of {subclass.__qualname__}", read, functools.partial(update, subclass), restore)


def set_abstract(cls: type, names: frozenset[str] | None) -> None:
    """Give *cls* the set of abstract methods that it had."""
    if names is not None:
        type.__setattr__(cls, "__abstractmethods__", names)


def registered_steps(live: type, ghost: type, place: Place) -> Iterator[Step]:
    """What registered itself with *ghost* is registered with *live*; what was registered there stays."""
    if not (is_abc(live) and is_abc(ghost)):
        return
    known = set(registered(live))
    fresh = [cls for cls in map(place, registered(ghost)) if cls not in known]
    if fresh:
        read = functools.partial(registered, live)
        forth = functools.partial(register, live, fresh)
        yield renew(f"classes registered with {live.__qualname__}", read, forth, functools.partial(register_only, live))


def registered(cls: type) -> list[type]:
    """The classes that are registered with *cls*."""
    return [found for reference in dump(cls)[0] if (found := reference()) is not None]


def register(cls: Any, others: Iterable[type]) -> None:
    """Register *others* with *cls*."""
    for other in others:
        abc.ABCMeta.register(cls, other)


def register_only(cls: type, others: Iterable[type]) -> None:
    """Have these *others* registered with *cls*, and no more."""
    forget_registered(cls)
    register(cls, others)


def check_steps(live: type) -> Iterator[Step]:
    """Forget which checks of instances had which outcome, for *live*, its bases and its subclasses."""
    for cls in filter(is_abc, (*live.__mro__, *descendants(live))):
        forget = functools.partial(forget_checks, cls)
        yield Step(f"instance checks of {cls.__qualname__}", forget, forget)


def is_abc(cls: type) -> bool:
    """Whether `abc` keeps notes about *cls*."""
    return isinstance(cls, abc.ABCMeta)
