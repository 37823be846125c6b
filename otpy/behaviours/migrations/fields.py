"""The fields that a class declares, whatever library declares them, and how a missing one gets its value."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from otpy.behaviours.migrations.kinds import loaded


class Field(NamedTuple):
    """A field. *make* gives the default, from the object that it is for; None: the field is required."""

    name: str
    make: Callable[[Any], object] | None


Fields = Mapping[str, Field]


def declared_fields(cls: type) -> Fields | None:
    """The fields of *cls* by name; None for a class that declares none (a plain one)."""
    for reader in (_dataclass_fields, _attrs_fields, _pydantic_fields, _struct_fields, _named_tuple_fields):
        found = reader(cls)
        if found is not None:
            return {field.name: field for field in found}
    return None


def _constant(value: object) -> Callable[[Any], object]:
    """A default that is the same object each time."""
    return lambda _owner: value


def _calling(factory: Callable[[], object]) -> Callable[[Any], object]:
    return lambda _owner: factory()


def _dataclass_fields(cls: Any) -> list[Field] | None:
    if not dataclasses.is_dataclass(cls):
        return None
    found: list[Field] = []
    for field in dataclasses.fields(cls):
        if field.default is not dataclasses.MISSING:
            found.append(Field(field.name, _constant(field.default)))
        elif field.default_factory is not dataclasses.MISSING:
            found.append(Field(field.name, _calling(field.default_factory)))
        else:
            found.append(Field(field.name, None))
    return found


def _attrs_fields(cls: Any) -> list[Field] | None:
    attributes = getattr(cls, "__attrs_attrs__", None)
    if attributes is None:
        return None
    nothing, factory = loaded("attr", "NOTHING"), loaded("attr", "Factory")

    def default(given: Any) -> Callable[[Any], object] | None:
        if given is nothing:
            return None
        if isinstance(given, factory):
            return given.factory if given.takes_self else _calling(given.factory)
        return _constant(given)

    return [Field(attribute.name, default(attribute.default)) for attribute in attributes]


def _pydantic_fields(cls: Any) -> list[Field] | None:
    infos = vars(cls).get("__pydantic_fields__") or (
        getattr(cls, "model_fields", None) if hasattr(cls, "__pydantic_validator__") else None
    )
    if infos is None:
        return None

    def default(info: Any) -> Callable[[Any], object] | None:
        return None if info.is_required() else lambda _owner: info.get_default(call_default_factory=True)

    return [Field(name, default(info)) for name, info in infos.items()]


def _struct_fields(cls: Any) -> list[Field] | None:
    names = getattr(cls, "__struct_fields__", None)
    if names is None:
        return None
    # Not msgspec.structs.fields: it evaluates the annotations, and a name that is missing there is no fault of a state.
    defaults = cls.__struct_defaults__
    padded = (NO_DEFAULT,) * (len(names) - len(defaults)) + defaults
    return [Field(name, _struct_default(given)) for name, given in zip(names, padded, strict=True)]


NO_DEFAULT: Final = object()


def _struct_default(given: Any) -> Callable[[Any], object] | None:
    if given is NO_DEFAULT or given is loaded("msgspec", "NODEFAULT"):
        return None
    if type(given).__name__ == "Factory":
        return _calling(given.factory)
    return _constant(given)


def _named_tuple_fields(cls: Any) -> list[Field] | None:
    if not (issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_field_defaults")):
        return None
    named: Any = cls
    defaults = named._field_defaults
    return [Field(name, _constant(defaults[name]) if name in defaults else None) for name in named._fields]


# -- plain classes ---------------------------------------------------------------------------------


def init_attributes(cls: type) -> Fields:
    """The attributes that `__init__` of a plain class always sets, with a default where it sets a literal.

    Empty where the source cannot be found.
    """
    found: dict[str, Field] = {}
    for base in reversed(cls.__mro__):
        init = vars(base).get("__init__")
        if inspect.isfunction(init):
            found.update(_assigned_attributes(init))
    return found


def _assigned_attributes(init: Callable[..., object]) -> dict[str, Field]:
    try:
        function = ast.parse(textwrap.dedent(inspect.getsource(init))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return {}
    if not isinstance(function, ast.FunctionDef) or not function.args.args:
        return {}
    own = function.args.args[0].arg
    found: dict[str, Field] = {}
    for statement in function.body:
        target, value = _assignment(statement)
        match target:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name == own and value is not None:
                found[attribute] = Field(attribute, literal(value))
            case _:
                pass
    return found


def _assignment(statement: ast.stmt) -> tuple[ast.expr | None, ast.expr | None]:
    match statement:
        case ast.Assign(targets=[target], value=value):
            return target, value
        case ast.AnnAssign(target=target, value=value):
            return target, value
        case _:
            return None, None


def literal(value: ast.expr) -> Callable[[Any], object] | None:
    """A literal is evaluated each time: every object gets a list of its own."""
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError):
        return None
    return lambda _owner: ast.literal_eval(value)
