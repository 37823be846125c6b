"""The same function in another namespace."""

from __future__ import annotations

from types import CellType, CodeType, FunctionType
from typing import Any, cast


def twin(
    function: FunctionType,
    namespace: dict[str, Any],
    code: CodeType,
    closure: tuple[CellType, ...] | None = None,
) -> FunctionType:
    """The same function in another namespace; defaults and attributes are shared, and the cells if none are given."""
    made = FunctionType(code, namespace, function.__name__, function.__defaults__, closure or function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    made.__doc__ = function.__doc__
    copy_annotations(function, made)
    was, generic = cast("Any", function), cast("Any", made)
    if hasattr(was, "__type_params__"):
        generic.__type_params__ = was.__type_params__
    made.__dict__ = function.__dict__
    return made


def copy_annotations(function: FunctionType, made: FunctionType) -> None:
    """Annotations are not evaluated by copying them, where Python is lazy about them (3.14)."""
    annotate: Any = getattr(function, "__annotate__", None)
    if annotate is not None:
        setattr(made, "__annotate__", annotate)  # noqa: B010 - an attribute that older type stubs lack
    else:
        made.__annotations__ = function.__annotations__
