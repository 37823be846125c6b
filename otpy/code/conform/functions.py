"""Give a live function what its ghost has: code, defaults, annotations, attributes, and what is in its cells.

`__globals__` and `__closure__` of a function are fixed; all else can be set. So a function stays the same object as
long as its free variables are the same ones. One that gains or loses some (a decorator was added, a method calls
`super()` now) gets code that passes each call on to the new function: who has kept the old one, or a bound method of
it, runs the new code, too.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import CellType, CodeType, FunctionType
from typing import Any, Final

from otpy.code.conform.alike import Place, alike
from otpy.code.conform.steps import Step, exchange, refill

ATTRIBUTES: Final = ("__defaults__", "__kwdefaults__", "__doc__", "__name__", "__module__", "__type_params__")
ANNOTATIONS: Final = "__annotate__" if sys.version_info >= (3, 14) else "__annotations__"


KINDS: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""The flags of code that tell generators, coroutines and asynchronous generators from plain functions."""


def same_kind(one: CodeType, other: CodeType) -> bool:
    """Whether a function with the one code may be given the other.

    The cells are fixed, so the free variables must be the same ones. That a plain function becomes a generator, or a
    generator a plain function, Python 3.13 has deprecated.
    """
    return one.co_freevars == other.co_freevars and one.co_flags & KINDS == other.co_flags & KINDS


def function_steps(live: FunctionType, source: FunctionType, place: Place) -> Iterator[Step]:
    """The steps by which *live* takes over what *source* has; none, when it has all of it."""
    new = {name: value for name, value in contents_of(source).items() if not same(live, name, value, place)}
    code = source.__code__
    if live.__code__ != code or live.__code__.co_filename != code.co_filename:
        new["__code__"] = code
    if new:
        yield put_step(f"function {live.__qualname__}", live, {name: place(value) for name, value in new.items()})
    if not alike(live.__dict__, source.__dict__, place):
        attributes = {key: place(value) for key, value in source.__dict__.items()}
        yield refill(f"attributes of {live.__qualname__}", live.__dict__, attributes)


def contents_of(function: FunctionType) -> dict[str, Any]:
    """What makes up a function beside its code, its attributes and what is fixed."""
    names = (*ATTRIBUTES, ANNOTATIONS)
    return {name: getattr(function, name) for name in names if hasattr(function, name)}


def same(live: FunctionType, name: str, value: Any, place: Place) -> bool:
    """Whether *live* has that already."""
    return alike(getattr(live, name), value, place)


def with_cells(function: FunctionType, cells: Mapping[int, CellType]) -> FunctionType:
    """The same function with other cells, by the ids of those that it has."""
    closure = tuple(cells.get(id(cell), cell) for cell in function.__closure__ or ())
    made = FunctionType(function.__code__, function.__globals__, closure=closure)
    for name, value in contents_of(function).items():
        setattr(made, name, value)
    made.__qualname__ = function.__qualname__
    made.__dict__ = function.__dict__
    return made


def put_step(what: str, function: FunctionType, values: dict[str, Any]) -> Step:
    """The step that sets attributes of a function."""

    def read() -> dict[str, Any]:
        return {name: getattr(function, name) for name in values}

    def write(content: dict[str, Any]) -> None:
        for name, value in content.items():
            setattr(function, name, value)

    return exchange(what, read, write, values)


# -- passing calls on ------------------------------------------------------------------------------

TARGET: Final = "what calls are passed on to"
FORWARDING: Final = "<passed on by otpy>"


def forward_steps(live: FunctionType, target: Callable[..., Any]) -> Iterator[Step]:
    """The steps by which every call of *live* becomes a call of *target*, whatever the free variables of the two."""
    code = forwarding_code(live.__code__, target)
    new = {"__code__": code, "__defaults__": None, "__kwdefaults__": None, "__doc__": target.__doc__}
    yield put_step(f"calls of {live.__qualname__}", live, new)
    # inspect.signature looks for it
    attributes = {**live.__dict__, "__wrapped__": target}
    yield refill(f"attributes of {live.__qualname__}", live.__dict__, attributes)


def can_forward(code: CodeType) -> bool:
    """Whether a function with *code* can pass on its calls.

    Forwarding code is that of a plain function, which may return generators and coroutines that others make. What is
    a generator or a coroutine itself cannot get it; nor can free variables that have no name that one can write.
    """
    return not code.co_flags & KINDS and all(name.isidentifier() for name in code.co_freevars)


def forwarding_code(code: CodeType, target: Callable[..., Any]) -> CodeType:
    """Code that calls *target*, which is among its constants.

    It has the free variables of *code*, as setting `__code__` demands, and does nothing with them.
    """
    names = ", ".join(code.co_freevars)
    text = f"""
def outer({names}):
    def forward(*args, **kwargs):
        if False:
            {names or "pass"}
        return {TARGET!r}.__call__(*args, **kwargs)
"""
    outer = next(part for part in compile(text, FORWARDING, "exec").co_consts if isinstance(part, CodeType))
    forward = next(part for part in outer.co_consts if isinstance(part, CodeType))
    return forward.replace(
        co_consts=tuple(target if part == TARGET else part for part in forward.co_consts),
        co_name=code.co_name,
        co_qualname=code.co_qualname,
    )
