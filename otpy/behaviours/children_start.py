"""Start functions: how one is named, which function that is right now, and what came of calling it.

In comes what a child spec has as `start`; out comes a Pid, `(Pid, info)`, None for a child that is not wanted, or
`Failed(reason)`.

A start function is kept by name wherever it has one and looked up at each start. So a child that is restarted after
its module was reloaded runs the new code, as OTP's `apply(M, F, A)` does.

Source: OTP supervisor.erl, do_start_child_i/3.
"""

from __future__ import annotations

import functools
import importlib
import operator
import sys
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any, TypeAlias

import msgspec

from otpy.errors import AlreadyStarted, InitStopped, StartIgnored, StartTimeout
from otpy.kernel.here import current
from otpy.kernel.process import Process
from otpy.kernel.reasons import Crash, ExitProcess, Reason, reason_of


class MFA(msgspec.Struct, frozen=True):
    """A start function by *name*: it is looked up at each start, so a restart runs current code.

    `module` is imported if need be; `function` is a name in it, or a path such as "Logger.start_link".
    """

    module: str
    function: str
    args: Sequence[Any] = ()
    kwargs: dict[str, Any] = {}


class Fun(msgspec.Struct, frozen=True):
    """A start function by reference, for what has no name to look up: a lambda, or a class made inside a function.

    What does have a name is looked up nevertheless, so that a restart runs the current version.
    """

    function: Callable[..., Any]
    args: Sequence[Any] = ()
    kwargs: dict[str, Any] = {}


Start: TypeAlias = MFA | Fun | Callable[..., Any] | tuple[Any, ...]


_path = functools.lru_cache(operator.attrgetter)
"""`_path("Logger.start_link")(module)` follows the path; made once for each path, as the same is restarted often."""


class Failed(msgspec.Struct, frozen=True):
    """The child did not start. *reason* is that of its `init`, Crash(error) of its start function, or a junk result."""

    reason: Reason


Outcome: TypeAlias = Process | tuple[Process, Any] | Failed | None


# -- naming ----------------------------------------------------------------------------------------


def as_start(start: object) -> MFA | Fun | None:
    """Return the start function as an MFA or a Fun, or None for what is neither.

    A behaviour class stands for its `start_link`; tuples are taken as (module, function, args) or (function, args).
    """
    if type(start) is MFA and type(start.args) is tuple:
        return start if isinstance(start.module, str) and isinstance(start.function, str) else None
    match start:
        case MFA(module, function, list() | tuple() as args, dict() as kwargs):
            return _start(module, function, args, kwargs)
        case Fun(function, list() | tuple() as args, dict() as kwargs):
            return _start(None, function, args, kwargs)
        case (module, function, list() | tuple() as args):
            return _start(module, function, args, {})
        case (function, list() | tuple() as args):
            return _start(None, function, args, {})
        case _:
            function = getattr(start, "start_link", None) if isinstance(start, type) else start
            return _start(None, function, (), {})


def _start(module: object, function: object, args: Sequence[Any], kwargs: dict[str, Any]) -> MFA | Fun | None:
    if isinstance(module, str) and isinstance(function, str):
        return MFA(module, function, tuple(args), kwargs)
    if module is None and callable(function):
        return Fun(function, tuple(args), kwargs)
    return None


def start_by_name(
    function: Callable[..., Any], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
) -> MFA | Fun:
    """Return the start of *function* with these arguments: by name where it has one, else by reference."""
    name = name_of(function)
    return Fun(function, args, kwargs or {}) if name is None else MFA(*name, args, kwargs or {})


def name_of(function: Callable[..., Any]) -> tuple[str, str] | None:
    """Return the module and the path in it by which *function* is found, or None if it cannot be found."""
    holder = _holder(function)
    path: str = getattr(holder, "__qualname__", "")
    if not path or "<" in path or (holder is function and getattr(function, "__self__", None) is not None):
        return None  # <lambda>, <locals>, an object that can be called, a method bound to an object
    return module_of(function), path if holder is function else f"{path}.{function.__name__}"


def without_args(start: MFA | Fun) -> MFA | Fun:
    """Return *start* without its arguments."""
    return MFA(start.module, start.function) if isinstance(start, MFA) else Fun(start.function)


def module_of(function: Callable[..., Any]) -> str:
    """Return the name of the module that *function* is from; that of the class, for a class method."""
    return str(getattr(_holder(function), "__module__", "builtins"))


def _holder(function: Callable[..., Any]) -> Any:
    """Return what has the name that *function* is found by: itself, or its class if it is a class method."""
    owner = getattr(function, "__self__", None)
    return owner if isinstance(owner, type) else function


# -- comparing -------------------------------------------------------------------------------------


def same_start(was: MFA | Fun, now: MFA | Fun) -> bool:
    """Whether two start functions are one and the same, with equal arguments.

    Functions are if they have the same name: the younger one is its new version. A lambda is made anew each time its
    line runs: it is the same if its code is, wherever that stands in the file, and what it has closed over.
    """
    if isinstance(was, MFA) or isinstance(now, MFA):
        return _same_name(was, now) and _same_arguments(was, now)
    return _same_function(was.function, now.function) and _same_arguments(was, now)


def _same_name(was: MFA | Fun, now: MFA | Fun) -> bool:
    if isinstance(was, MFA) and isinstance(now, MFA):
        return (was.module, was.function) == (now.module, now.function)
    return False


def _same_arguments(was: MFA | Fun, now: MFA | Fun) -> bool:
    """Whether two starts give the same arguments: an agent, say, is given a function, which may be a lambda."""
    if len(was.args) != len(now.args) or was.kwargs.keys() != now.kwargs.keys():
        return False
    pairs = (*zip(was.args, now.args, strict=True), *((value, now.kwargs[name]) for name, value in was.kwargs.items()))
    return all(_same_function(*pair) if _are_functions(*pair) else _equal(*pair) for pair in pairs)


def _are_functions(was: object, now: object) -> bool:
    return isinstance(was, FunctionType | functools.partial) and isinstance(now, FunctionType | functools.partial)


def _same_function(was: Any, now: Any) -> bool:
    if was is now:
        return True
    if isinstance(was, functools.partial) and isinstance(now, functools.partial):
        return _same_function(was.func, now.func) and _equal((was.args, was.keywords), (now.args, now.keywords))
    name = name_of(was)
    if name is not None:
        return name == name_of(now)
    if isinstance(was, FunctionType) and isinstance(now, FunctionType):
        return _instructions(was.__code__) == _instructions(now.__code__) and _equal(_bound(was), _bound(now))
    return _equal(was, now)


def _instructions(code: CodeType) -> tuple[Any, ...]:
    """Return what *code* does, but for where it stands."""
    consts = tuple(_instructions(c) if isinstance(c, CodeType) else (type(c), c) for c in code.co_consts)
    return code.co_code, consts, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags


def _bound(function: FunctionType) -> tuple[Any, ...]:
    cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
    return function.__module__, function.__defaults__, function.__kwdefaults__, cells


def _equal(was: object, now: object) -> bool:
    """Whether two values are equal; what cannot be compared, such as instances of two versions of a class, is not."""
    try:
        return bool(was == now)
    except Exception:  # noqa: BLE001 - whatever an `__eq__` of the user raises
        return False


# -- calling ---------------------------------------------------------------------------------------


def run(start: MFA | Fun, args: Sequence[Any]) -> Outcome:
    """Call the start function with *args* (not with its own: the caller may have put others before or behind them)."""
    try:
        return _result(resolve(start)(*args, **start.kwargs))
    except StartIgnored:
        return None
    except InitStopped as error:
        reason = error.reason
    except (AlreadyStarted, StartTimeout) as error:
        reason = error
    except SystemExit as error:
        reason = Crash(error)
    except ExitProcess as error:
        current()  # raises if it is the supervisor itself that has to end
        reason = error.reason
    except Exception as error:  # noqa: BLE001 - whatever it raises is this child's failure
        reason = reason_of(error)
    return Failed(reason)


def _result(result: Any) -> Outcome:
    match result:
        case Process():
            return result
        case (Process() as pid, info):
            return pid, info
        case _:
            return Failed(result)


def resolve(start: MFA | Fun) -> Callable[..., Any]:
    """Return the current version of the start function."""
    if isinstance(start, MFA):
        module = sys.modules.get(start.module) or importlib.import_module(start.module)
        return _path(start.function)(module)  # type: ignore[no-any-return]
    return current_version(start.function)


def current_version(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what is now found under the name of *function*; itself where nothing of its kind is."""
    if isinstance(function, functools.partial):
        return functools.partial(current_version(function.func), *function.args, **function.keywords)
    name = name_of(function)
    module = None if name is None else sys.modules.get(name[0])
    if name is None or module is None:
        return function
    try:
        found: Any = _path(name[1])(module)
    except AttributeError:
        return function
    same_kind = callable(found) and isinstance(found, type) == isinstance(function, type)
    return found if same_kind else function
