"""Handlers for functions, methods and what is made of them, and for references to classes.

Functions without old things in their closures are shared, like modules: they are code, not state.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Any, Final

from otpy.behaviours.migrations.containers import copies
from otpy.behaviours.migrations.copier import LATER, Copier, Handler, Steps
from otpy.behaviours.migrations.report import class_name
from otpy.errors import MigrationFailed

LRU_WRAPPER: Final[type] = type(functools.lru_cache(lambda: None))


def successor(replaced: Mapping[Any, Any], old: Any) -> Any:
    """What has taken the place of a class or function, *old* itself if nothing has."""
    if old not in replaced:
        return old
    new = replaced[old]
    if new is None:
        what = class_name(old) if isinstance(old, type) else f"{old.__module__}.{old.__qualname__}"
        raise MigrationFailed(
            f"the state refers to {what}, which the new version does not have; "
            f"if it was renamed, say so at its new place, @otpy.renamed({getattr(old, '__qualname__', '…')!r}); "
            "or write code_change(old_vsn, state, extra), which takes it out of the state"
        )
    return new


def functions_of(replaced: Mapping[Any, Any]) -> dict[Any, Any]:
    """The functions that classes of *replaced* define → those of their successors, which stand in states unbound."""
    found: dict[Any, Any] = {}
    for old, new in replaced.items():
        if not isinstance(old, type) or not isinstance(new, type):
            continue
        names = vars(new)
        for name, function in vars(old).items():
            successor = names.get(name)
            if _is_own(function, old) and _is_own(successor, new) and function is not successor:
                found[function] = successor
    return found


def _is_own(function: object, cls: type) -> bool:
    """Whether *function* is defined in the body of *cls*, and has not just got a place there."""
    if type(function) is not types.FunctionType:
        return False
    return function.__module__ == cls.__module__ and function.__qualname__.startswith(f"{cls.__qualname__}.")


def copy_class(c: Copier, old: type) -> Any:
    """A reference to a class: its successor, if it has one."""
    return c.plans.counterparts.get(old) or successor(c.plans.replaced, old)


def _copy_function(c: Copier, old: types.FunctionType) -> Any:
    if old in c.plans.replaced:
        return successor(c.plans.replaced, old)
    if c.changing is None:
        return c.plans.counterparts.get(old, old)
    if old.__closure__ is None:
        return old
    return c.later(function_steps(c, old))


def function_steps(c: Copier, old: types.FunctionType) -> Steps:
    """The same code over new cells: it is entered before its cells, since a closure may hold itself."""
    cells = tuple(types.CellType() for _ in old.__closure__ or ())
    new = types.FunctionType(old.__code__, old.__globals__, old.__name__, old.__defaults__, cells)
    c.begin(old, new)
    new.__kwdefaults__ = old.__kwdefaults__
    new.__qualname__ = old.__qualname__
    new.__doc__ = old.__doc__
    new.__dict__.update(old.__dict__)
    new.__module__ = old.__module__
    for was, cell in zip(old.__closure__ or (), cells, strict=True):
        yield from _cell_steps(c, was, cell)
    c.complete(old)
    return new


def _copy_cell(c: Copier, old: types.CellType) -> Any:
    return c.later(_cell_steps(c, old, types.CellType()))


def _cell_steps(c: Copier, old: types.CellType, new: types.CellType) -> Steps:
    c.remember(old, new)
    try:
        contents = old.cell_contents
    except ValueError:  # an empty cell
        return new
    made = c.now(contents)
    new.cell_contents = (yield) if made is LATER else made
    return new


def _copy_method(c: Copier, old: types.MethodType) -> Any:
    return c.later(_method_steps(c, old))


def _method_steps(c: Copier, old: types.MethodType) -> Steps:
    (owner,) = yield from copies(c, (old.__self__,))
    was: Any = old.__self__ if isinstance(old.__self__, type) else type(old.__self__)
    if not c.plans.is_old(was):
        (function,) = yield from copies(c, (old.__func__,))
        return c.remember(old, types.MethodType(function, owner))
    name = old.__func__.__name__
    function = getattr(successor(c.plans.replaced, was), name, None)
    if function is None:
        raise MigrationFailed(
            f"the state holds the bound method {class_name(was)}.{name}, which the new version does not have; "
            "keep the method, or take it out of the state in code_change(old_vsn, state, extra)"
        )
    bound = isinstance(function, types.MethodType)  # a classmethod comes bound
    return c.remember(old, function if bound else types.MethodType(function, owner))


def copy_builtin(c: Copier, old: types.BuiltinFunctionType) -> Any:
    """`len` is shared; `items.append` is the method of the copy of `items`."""
    if old.__self__ is None or isinstance(old.__self__, (types.ModuleType, type)):
        return old
    return c.later(_builtin_steps(c, old))


def _builtin_steps(c: Copier, old: types.BuiltinFunctionType) -> Steps:
    (owner,) = yield from copies(c, (old.__self__,))
    return c.remember(old, old if owner is old.__self__ else getattr(owner, old.__name__))


def _copy_partial(c: Copier, old: functools.partial[Any]) -> Any:
    return c.later(_partial_steps(c, old))


def _partial_steps(c: Copier, old: functools.partial[Any]) -> Steps:
    new: Any = c.begin(old, functools.partial(int))
    func, args, keywords, attributes = yield from copies(c, (old.func, old.args, old.keywords, old.__dict__))
    new.__setstate__((func, args, keywords, attributes))
    c.complete(old)
    return new


def copy_cached(c: Copier, old: Any) -> Any:
    """An `lru_cache` over a function that has been replaced is made anew, and empty; any other is shared."""
    if old.__wrapped__ not in c.plans.replaced:
        return c.plans.counterparts.get(old, old)
    new = functools.lru_cache(**old.cache_parameters())(successor(c.plans.replaced, old.__wrapped__))
    return c.remember(old, new)


CALLABLE_HANDLERS: Final[dict[type, Handler]] = {
    types.FunctionType: _copy_function,
    types.CellType: _copy_cell,
    types.MethodType: _copy_method,
    types.BuiltinFunctionType: copy_builtin,
    functools.partial: _copy_partial,
    LRU_WRAPPER: copy_cached,
}
