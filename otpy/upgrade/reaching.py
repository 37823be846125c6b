"""Whether an edit of bodies reaches what converts states: a `code_change`, or the `init` of a supervisor.

Where nothing but bodies changes, nobody has to rest, and nothing is converted. But if it is `code_change` itself that
was edited, or a function that it calls, the author means the states; and what a supervisor's `init` says of the
children is kept in its state. Who calls whom is told by names, so it may be told once too often, and not too rarely.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from types import CodeType, FunctionType
from typing import Any

from otpy.behaviours.behaviour import Behaviour, has_code_change


def reaches_conversions(module: str, edited: Collection[str]) -> bool:
    """Whether one of the functions *edited* (qualified names in *module*) may be run by a conversion."""
    names = {name.rpartition(".")[2] for name in edited}
    live = sys.modules.get(module)
    namespace = {} if live is None else vars(live)
    behaviours = [v for v in namespace.values() if isinstance(v, type) and issubclass(v, Behaviour)]
    reached = (_called_by(root, behaviour) for behaviour in behaviours for root in _roots(behaviour))
    return any(not names.isdisjoint(called) for called in reached)


def _roots(behaviour: type[Behaviour[Any]]) -> Iterator[str]:
    """Yield the names of the callbacks that convert states of *behaviour*."""
    if behaviour.supervises:
        yield "init"
    elif has_code_change(behaviour):
        yield "code_change"


def _called_by(root: str, behaviour: type) -> set[str]:
    """Return the names of all functions that the method *root* may call, and its own."""
    found: set[str] = set()
    todo = [root]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [called for function in _functions(name, behaviour) for called in names_in(function.__code__)]
    return found


def _functions(name: str, behaviour: type) -> Iterator[FunctionType]:
    """Yield the functions that *name* may stand for in the code of *behaviour*: methods, and those of its module."""
    for base in behaviour.__mro__:
        namespace = vars(sys.modules[base.__module__]) if base.__module__ in sys.modules else {}
        for value in (vars(base).get(name), namespace.get(name)):
            function = getattr(value, "__func__", value)
            if isinstance(function, FunctionType) and not function.__module__.startswith("otpy."):
                yield function


def names_in(code: CodeType) -> Iterator[str]:
    """Yield all names that *code*, and the functions in it, use as globals or attributes."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)
