"""The fields that a class declares, whatever library declares them, and how a missing one gets its value."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import types
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from otpy.behaviours.migrations.kinds import ATOMIC, loaded
from otpy.code.differences import self_attributes

NO_DEFAULT: Final = object()


class Field(NamedTuple):
    """A field. *make* gives the default, from the object that it is for; None: the field is required."""

    name: str
    make: Callable[[Any], object] | None
    constant: object = NO_DEFAULT
    """The default, if it is the same object each time."""


Fields = Mapping[str, Field]


def declared_fields(cls: type) -> Fields | None:
    """The fields of *cls* by name; None for a class that declares none (a plain one)."""
    for reader in (_dataclass_fields, _attrs_fields, _pydantic_fields, _struct_fields, _named_tuple_fields):
        found = reader(cls)
        if found is not None:
            return {field.name: field for field in found}
    return None


def _constant(name: str, value: object) -> Field:
    def default(_owner: object) -> object:
        return value

    return Field(name, default, value)


def _calling(name: str, factory: Callable[[], object]) -> Field:
    def default(_owner: object) -> object:
        return factory()

    return Field(name, default)


def _dataclass_fields(cls: Any) -> list[Field] | None:
    if not dataclasses.is_dataclass(cls):
        return None
    found: list[Field] = []
    for field in dataclasses.fields(cls):
        if field.default is not dataclasses.MISSING:
            found.append(_constant(field.name, field.default))
        elif field.default_factory is not dataclasses.MISSING:
            found.append(_calling(field.name, field.default_factory))
        else:
            found.append(Field(field.name, None))
    return found


def _attrs_fields(cls: Any) -> list[Field] | None:
    attributes = getattr(cls, "__attrs_attrs__", None)
    if attributes is None:
        return None
    nothing, factory = loaded("attr", "NOTHING"), loaded("attr", "Factory")

    def field_of(name: str, given: Any) -> Field:
        if given is nothing:
            return Field(name, None)
        if isinstance(given, factory):
            return Field(name, given.factory) if given.takes_self else _calling(name, given.factory)
        return _constant(name, given)

    return [field_of(attribute.name, attribute.default) for attribute in attributes]


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
    return [_struct_field(name, given) for name, given in zip(names, padded, strict=True)]


def _struct_field(name: str, given: Any) -> Field:
    if given is NO_DEFAULT or given is loaded("msgspec", "NODEFAULT"):
        return Field(name, None)
    if type(given).__name__ == "Factory":
        return _calling(name, given.factory)
    return _constant(name, given)


def _named_tuple_fields(cls: Any) -> list[Field] | None:
    if not (issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_field_defaults")):
        return None
    named: Any = cls
    defaults = named._field_defaults
    return [_constant(name, defaults[name]) if name in defaults else Field(name, None) for name in named._fields]


# -- plain classes ---------------------------------------------------------------------------------


def init_attributes(cls: type) -> Fields:
    """The attributes that `__init__` of a plain class always sets, with a default where it can be told without calls.

    That is a literal (`self.log = []`), a parameter that has a default (`self.final = final`), or a choice between such
    (`self.tags = tags or []`). Empty where the source cannot be found.
    """
    found: dict[str, Field] = {}
    for base in reversed(cls.__mro__):
        init = vars(base).get("__init__")
        if isinstance(init, types.FunctionType):
            found.update(_assigned_attributes(init))
    return found


def initial_attributes(cls: type) -> frozenset[str]:
    """The attributes that `__init__` of a plain class sets, always or not, under the names that instances have."""
    found: set[str] = set()
    for base in cls.__mro__:
        init = vars(base).get("__init__")
        function = _tree_of(init) if isinstance(init, types.FunctionType) else None
        if function is not None:
            found.update(_mangled(base, name) for name in self_attributes(function))
    return frozenset(found)


def _mangled(owner: type, name: str) -> str:
    is_private = name.startswith("__") and not name.endswith("__")
    return f"_{owner.__name__.lstrip('_')}{name}" if is_private else name


def _tree_of(init: types.FunctionType) -> ast.FunctionDef | None:
    try:
        function = ast.parse(textwrap.dedent(inspect.getsource(init))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    return function if isinstance(function, ast.FunctionDef) and function.args.args else None


def _assigned_attributes(init: types.FunctionType) -> dict[str, Field]:
    function = _tree_of(init)
    if function is None:
        return {}
    own = function.args.args[0].arg
    defaults = _parameters(init, function)
    found: dict[str, Field] = {}
    for statement in function.body:
        target, value = _assignment(statement)
        match target:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name == own and value is not None:
                found[attribute] = derived(attribute, value, defaults)
            case _:
                pass
    return found


def _parameters(init: types.FunctionType, function: ast.FunctionDef) -> dict[str, object]:
    """The parameters that have a default and are what they were when they are read: nothing assigns them."""
    given = init.__defaults__ or ()
    positional = init.__code__.co_varnames[: init.__code__.co_argcount]
    defaults: dict[str, object] = dict(zip(positional[len(positional) - len(given) :], given, strict=True))
    defaults |= init.__kwdefaults__ or {}
    assigned = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return {name: value for name, value in defaults.items() if name not in assigned}


def _assignment(statement: ast.stmt) -> tuple[ast.expr | None, ast.expr | None]:
    match statement:
        case ast.Assign(targets=[target], value=value):
            return target, value
        case ast.AnnAssign(target=target, value=value):
            return target, value
        case _:
            return None, None


NO_CALLS: Final = (
    *(ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Name, ast.Load, ast.UnaryOp, ast.USub, ast.Not),
    *(ast.BoolOp, ast.Or, ast.And, ast.IfExp, ast.Compare, ast.Is, ast.IsNot, ast.Expression),
)
"""What an expression may be made of, for its value to be told without running any code of a user."""


def derived(name: str, value: ast.expr, defaults: Mapping[str, object]) -> Field:
    """The field that gets *value*, an expression of literals and *defaults*; a required one if it has more in it."""
    for node in ast.walk(value):
        if not isinstance(node, NO_CALLS) or (isinstance(node, ast.Name) and node.id not in defaults):
            return Field(name, None)
    code = compile(ast.Expression(value), "<default>", "eval")
    known = {"__builtins__": {}, **defaults}

    def evaluate() -> object:
        made: object = eval(code, known)  # noqa: S307 - nothing in it calls anything
        return made

    try:
        example = evaluate()
    except Exception:  # noqa: BLE001 - such as a list as a key; or a truth that raises
        return Field(name, None)
    return _constant(name, example) if type(example) in ATOMIC else _calling(name, evaluate)
