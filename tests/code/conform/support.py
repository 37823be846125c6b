"""What the tests of live edits share: a module, an edit of it, and a listing of all that an undo has to restore."""

from __future__ import annotations

import gc
import sys
import textwrap
import weakref
from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from types import CellType, FunctionType, MappingProxyType, ModuleType
from typing import Any

from otpy.code.conform import conform
from otpy.code.functions import twin
from otpy.code.journal import Journal
from otpy.code.visibility import visible

_numbers = count(1)
NOT_COMPARED = frozenset({"__builtins__", "__spec__", "__loader__"})
MISSING = object()


@contextmanager
def module(source: str) -> Generator[ModuleType]:
    """A module made of *source*, known under a name that nobody has; gone afterwards."""
    live = ModuleType(f"edited_in_place_{next(_numbers)}")
    sys.modules[live.__name__] = live
    try:
        exec(compile(textwrap.dedent(source), f"<{live.__name__}>", "exec", dont_inherit=True), vars(live))  # noqa: S102
        yield live
    finally:
        del sys.modules[live.__name__]


class Edit:
    """A new version of a module, made in a scratch namespace: `apply` edits the live one in place."""

    def __init__(self, live: ModuleType, source: str) -> None:
        self.live = live
        self.journal = Journal()
        self.conformed = conform(())
        scratch = ModuleType(live.__name__)
        self.scratch = vars(scratch)
        with visible(scratch, live) as self.view:
            code = compile(textwrap.dedent(source), f"<{live.__name__}>", "exec", dont_inherit=True)
            exec(code, self.scratch)  # noqa: S102

    def decide(self, kept: Mapping[type, Collection[str]] = MappingProxyType({}), *, not_in: object = None) -> Edit:
        """Decide how to do it; returns self. *not_in*: a list of the test, which is to stay as it is."""
        made = functions_in(self.scratch)
        twins: list[tuple[object, object]] = [(self.view, self.live)]
        twins += [(function, twin(function, vars(self.live), function.__code__)) for function in made]
        self.conformed = conform(self._pairs(), twins=twins, kept=kept, not_in=[made, not_in])
        return self

    def _pairs(self) -> Iterator[tuple[str, object, object]]:
        """Definitions of both versions, as their names tell."""
        for name, ghost in self.scratch.items():
            was = vars(self.live).get(name, ghost)
            if was is not ghost and (isinstance(ghost, type) or callable(ghost) or hasattr(ghost, "__dict__")):
                yield name, was, ghost

    def apply(self) -> Edit:
        """Edit the live module; returns self."""
        journal, namespace = self.journal, vars(self.live)
        order = list(namespace)
        journal.write("order", lambda: reorder_to(namespace, order))
        self.conformed.apply(journal)
        for name, value in self.scratch.items():
            if name not in NOT_COMPARED and namespace.get(name, MISSING) is not value:
                journal.set_item(namespace, name, value)
        for name in [name for name in namespace if name not in self.scratch]:
            journal.delete_item(namespace, name)
        return self

    def commit(self) -> None:
        """Forget the way back, and the ghosts with it."""
        self.journal.commit()
        del self.scratch, self.conformed
        gc.collect()


def functions_in(namespace: dict[str, Any]) -> list[FunctionType]:
    """All functions alive whose globals are *namespace*."""
    return [f for f in gc.get_objects() if type(f) is FunctionType and f.__globals__ is namespace]


def reorder_to(namespace: dict[str, Any], order: list[str]) -> None:
    """Put a namespace in the order that it had."""
    items = {name: namespace[name] for name in order if name in namespace}
    namespace.clear()
    namespace.update(items)


# -- listings --------------------------------------------------------------------------------------


def everything_in(*modules: ModuleType) -> list[object]:
    """All that an edit of *modules* may change: namespaces, classes, functions, what they hold."""
    found: dict[int, object] = {}
    names = {each.__name__ for each in modules}
    todo: list[object] = [vars(each) for each in modules]
    while todo:
        thing = todo.pop()
        if id(thing) in found or not is_listed(thing, names):
            continue
        found[id(thing)] = thing
        todo += parts_of(thing)
    return list(found.values())


def is_listed(thing: object, names: set[str]) -> bool:
    """Whether *thing* is code of the modules, or a container."""
    if isinstance(thing, type):
        return thing.__module__ in names
    return type(thing) not in {int, str, bytes, float, bool, type(None)} and not isinstance(thing, ModuleType)


def parts_of(thing: Any) -> list[object]:
    """What *thing* holds directly."""
    match thing:
        case dict():
            return [*thing.keys(), *(v for k, v in thing.items() if k not in NOT_COMPARED)]
        case list() | tuple() | set() | frozenset() | deque():
            return list(thing)
        case type():
            return [*vars(thing).values(), *thing.__bases__]
        case FunctionType():
            return [*facts_of_function(thing).values(), *(thing.__closure__ or ())]
        case CellType():
            return list(gc.get_referents(thing))
        case property():
            return [thing.fget, thing.fset, thing.fdel]
        case staticmethod() | classmethod():
            return [thing.__func__]
        case _ if hasattr(thing, "__dict__") and type(thing.__dict__) is dict:
            return [thing.__dict__]
        case _:
            return []


def facts_of_function(function: FunctionType) -> dict[str, Any]:
    """All of a function that can be set."""
    names = ("__code__", "__defaults__", "__kwdefaults__", "__doc__", "__name__", "__qualname__", "__module__")
    return {
        name: getattr(function, name)
        for name in (*names, "__annotations__", "__type_params__", "__dict__")
        if hasattr(function, name)
    }


def listing(things: Iterable[object]) -> list[tuple[str, object]]:
    """What each of *things* is made of, by identity and in order."""
    return [(describe(thing), tuple(facts(thing))) for thing in things]


def describe(thing: object) -> str:
    """For messages."""
    name = getattr(thing, "__qualname__", "") if isinstance(thing, (type, FunctionType)) else ""
    return f"{type(thing).__qualname__} {name} {id(thing):x}"


def facts(thing: Any) -> Iterator[object]:
    """What *thing* is made of: identities and orders, one level deep."""
    match thing:
        case dict():
            yield from ((keyed(key), id(value)) for key, value in thing.items() if key not in NOT_COMPARED)
        case list() | tuple() | deque():
            yield from map(id, thing)
        case set() | frozenset():
            yield sorted(map(keyed, thing), key=str)
        case type():
            yield from ((name, identity(value)) for name, value in vars(thing).items())
            yield [id(base) for base in thing.__bases__], [id(base) for base in thing.__mro__], id(type(thing))
            yield "__abstractmethods__" in vars(thing) and bool(thing.__flags__ & 1 << 20)
        case FunctionType():
            yield from ((name, identity(value)) for name, value in facts_of_function(thing).items())
        case CellType():
            yield list(map(id, gc.get_referents(thing)))
        case property():
            yield id(thing.fget), id(thing.fset), id(thing.fdel), thing.__doc__
        case staticmethod() | classmethod():
            yield id(thing.__func__)
        case _:
            yield id(type(thing))


def keyed(key: object) -> object:
    """A key by its own value if it is plain, else by identity; weak references by what they refer to."""
    if isinstance(key, weakref.ref):
        return id(key())
    return key if type(key) in {str, int} else id(key)


def identity(value: object) -> object:
    """By identity, but for what Python makes anew each time it is asked."""
    return dict(value) if isinstance(value, MappingProxyType) else id(value)


def ghosts_held(ghosts: Iterable[weakref.ref[Any]]) -> list[object]:
    """Those of *ghosts* that somebody still holds."""
    gc.collect()
    return [ghost() for ghost in ghosts if ghost() is not None]
