"""Is a state of the type that its behaviour declares? `class Counter(GenServer[State])` says it.

Classes, unions, None, Literal, TypedDict, Annotated, and list, dict, set, frozenset, deque and tuple with what they
hold, two levels deep. A form that is not known here is not checked: what cannot be told is no fault.
"""

from __future__ import annotations

import types
import typing
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

from otpy.behaviours.behaviour import Behaviour
from otpy.behaviours.migrations.report import class_name

Check: TypeAlias = Callable[[Any], str | None]
"""Says what of a value is not as it should be; None: nothing is wrong."""

DEPTH: Final = 2
SEQUENCES: Final[tuple[type, ...]] = (list, set, frozenset, deque)
MAPPINGS: Final[tuple[type, ...]] = (dict, defaultdict, OrderedDict, Mapping)


def declared_state(behaviour: type) -> Any:
    """The type that *behaviour*, or the nearest of its bases, declares its state to be; None if none does."""
    return _declared(behaviour, ())


def _declared(behaviour: type, arguments: tuple[Any, ...]) -> Any:
    """What *behaviour*, written with these type *arguments*, gives in the end for the state of Behaviour."""
    if behaviour is Behaviour:
        return None if not arguments or isinstance(arguments[0], TypeVar) else arguments[0]
    given = dict(zip(getattr(behaviour, "__parameters__", ()), arguments, strict=False))
    for written in vars(behaviour).get("__orig_bases__", behaviour.__bases__):
        base = get_origin(written) or written
        if isinstance(base, type) and issubclass(base, Behaviour):
            declared = _declared(base, get_args(_filled(written, given)))
            if declared is not None:
                return declared
    return None


def _filled(written: Any, given: Mapping[Any, Any]) -> Any:
    """*written*, `GenServer[dict[str, T]]`, with what is given for its type variables, if that is known of all."""
    wanted = get_args(written) and getattr(written, "__parameters__", ())
    return written[tuple(given[each] for each in wanted)] if wanted and given.keys() >= set(wanted) else written


def checker_of(behaviour: type, replaced: Mapping[Any, Any] | None = None) -> Check | None:
    """The check of states of *behaviour*; None if nothing can be told.

    *replaced*: old class → its successor, for a behaviour that was made before the class that it declares.
    """
    return check_for(declared_state(behaviour), replaced or {}, DEPTH)


def check_for(wanted: Any, replaced: Mapping[Any, Any], depth: int) -> Check | None:
    """The check whether a value is a *wanted*; None if that cannot be told."""
    if wanted is None or wanted is Any or isinstance(wanted, (str, TypeVar, typing.ForwardRef)):
        return None
    origin = get_origin(wanted)
    if origin is typing.Annotated:
        return check_for(get_args(wanted)[0], replaced, depth)
    if origin is Literal:
        return _one_of(get_args(wanted))
    if origin in (Union, types.UnionType):
        return _any_of([_member(part, replaced, depth) for part in get_args(wanted)], wanted)
    if typing.is_typeddict(wanted):
        return _typed_dict(wanted, replaced, depth)
    kind = origin if isinstance(origin, type) else wanted
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return None
    kind = replaced.get(kind) or kind
    return _instance(kind, _inside(kind, get_args(wanted), replaced, depth))


def _member(part: Any, replaced: Mapping[Any, Any], depth: int) -> Check | None:
    return _instance(types.NoneType, None) if part in (None, types.NoneType) else check_for(part, replaced, depth)


def _inside(kind: type, arguments: tuple[Any, ...], replaced: Mapping[Any, Any], depth: int) -> Check | None:
    """The check of what a container holds."""
    if depth <= 0 or not arguments or kind not in (*SEQUENCES, *MAPPINGS, tuple):
        return None
    checks = [_member(part, replaced, depth - 1) for part in arguments]
    if kind in SEQUENCES:
        return _each(checks[0])
    if kind in MAPPINGS and len(checks) > 1:
        return _items(checks[0], checks[1])
    if kind is tuple:
        return _each(checks[0]) if arguments[-1] is Ellipsis else _places(checks)
    return None


def _instance(kind: type, inside: Check | None) -> Check:
    # As type checkers have it: an int will do for a float, and both for a complex.
    allowed: Any = {float: (float, int), complex: (complex, float, int)}.get(kind, kind)

    def check(value: Any) -> str | None:
        if not isinstance(value, allowed):
            return f"expected {class_name(kind)}, found {_shown(value)}"
        return inside(value) if inside is not None else None

    return check


def _each(check: Check | None) -> Check | None:
    if check is None:
        return None

    def check_each(values: Any) -> str | None:
        for place, value in enumerate(values):
            wrong = check(value)
            if wrong is not None:
                return f"at {place}: {wrong}"
        return None

    return check_each


def _items(keys: Check | None, values: Check | None) -> Check:
    def check(mapping: Any) -> str | None:
        for key, value in mapping.items():
            wrong = (keys(key) if keys is not None else None) or (values(value) if values is not None else None)
            if wrong is not None:
                return f"at {key!r}: {wrong}"
        return None

    return check


def _places(checks: list[Check | None]) -> Check:
    def check(values: Any) -> str | None:
        if len(values) != len(checks):
            return f"expected a tuple of {len(checks)}, found one of {len(values)}"
        for place, (one, value) in enumerate(zip(checks, values, strict=True)):
            wrong = one(value) if one is not None else None
            if wrong is not None:
                return f"at {place}: {wrong}"
        return None

    return check


def _any_of(checks: list[Check | None], wanted: Any) -> Check | None:
    if any(check is None for check in checks):
        return None
    known = cast("list[Check]", checks)

    def check(value: Any) -> str | None:
        if any(one(value) is None for one in known):
            return None
        return f"expected {wanted}, found {_shown(value)}"

    return check


def _one_of(values: tuple[Any, ...]) -> Check:
    def check(value: Any) -> str | None:
        return None if value in values else f"expected one of {', '.join(map(repr, values))}, found {_shown(value)}"

    return check


def _typed_dict(wanted: Any, replaced: Mapping[Any, Any], depth: int) -> Check:
    parts, required = _keys_of(wanted)
    checks = {name: check_for(part, replaced, depth - 1) for name, part in parts.items()} if depth > 0 else {}

    def check(value: Any) -> str | None:
        if not isinstance(value, dict):
            return f"expected a dict ({wanted.__name__}), found {_shown(value)}"
        found: dict[Any, Any] = value
        missing = sorted(required - found.keys())
        if missing:
            return f"expected the keys of {wanted.__name__}, found none of the name {', '.join(missing)}"
        for name, one in checks.items():
            wrong = one(found[name]) if one is not None and name in found else None
            if wrong is not None:
                return f"at {name!r}: {wrong}"
        return None

    return check


def _keys_of(wanted: Any) -> tuple[dict[str, Any], set[str]]:
    """The keys of a TypedDict with their types, and those that must be there."""
    try:
        hints = typing.get_type_hints(wanted, include_extras=True)
    except Exception:  # noqa: BLE001 - a name in them is not there; what cannot be told is no fault
        return {}, set()
    # Where annotations are text, NotRequired is in the text, and the class itself has not seen it.
    free = {name for name, part in hints.items() if get_origin(part) is typing.NotRequired}
    marks = (typing.NotRequired, typing.Required)
    parts = {name: get_args(part)[0] if get_origin(part) in marks else part for name, part in hints.items()}
    return parts, set(wanted.__required_keys__) - free


def _shown(value: Any) -> str:
    return f"the class {class_name(value)}" if isinstance(value, type) else class_name(type(value))
