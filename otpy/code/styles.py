"""What the names in a class body are: attributes of the class, fields of its instances, or members. Pure.

An annotated name is a field where a decorator or a base makes it one (dataclasses, attrs, pydantic, msgspec,
NamedTuple, TypedDict), and where a base that comes from another module could.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

Style: TypeAlias = Literal["plain", "fields", "enum", "unknown"]
"""What a name in a class body is: an attribute of the class, a field of its instances, a member, or one cannot tell."""

FIELD_MAKERS: Final = frozenset({"dataclass", "define", "mutable", "frozen", "attrs", "attributes", "s"})
"""Decorators, by the last part of their name, that make fields of annotations."""
FIELD_BASES: Final = frozenset({"NamedTuple", "TypedDict", "BaseModel", "RootModel", "BaseSettings", "Struct"})
FIELD_VALUES: Final = frozenset({"attrib", "ib", "field", "Field"})
"""Calls that make a field without an annotation."""
ENUM_BASES: Final = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "ReprEnum"})
PLAIN_BASES: Final = frozenset({"ABC", "Protocol", "Generic"})
BUILTIN_NAMES: Final = frozenset(dir(builtins))


def is_field(node: ast.stmt, style: Style) -> bool:
    """Whether a member of a class of that *style* is a field of its instances."""
    if style not in ("fields", "unknown"):
        return False
    match node:
        case ast.AnnAssign(annotation=annotation, target=ast.Name()):
            return last_name(annotation) != "ClassVar" and not ast.unparse(annotation).strip("'\"").startswith(
                ("ClassVar", "typing.ClassVar", "t.ClassVar")
            )
        case ast.Assign(value=ast.Call(func=function)) if style == "fields":
            return last_name(function) in FIELD_VALUES
        case _:
            return False


def is_member(node: ast.stmt, key: str, style: Style) -> bool:
    """Whether it is a member of an enumeration."""
    return style == "enum" and isinstance(node, ast.Assign) and not key.startswith("_")


def style_of(
    node: ast.ClassDef, classes: Mapping[str, ast.ClassDef], origins: Mapping[str, str] | None = None
) -> Style:
    """What names in the body of *node* are.

    *classes* are those of the module, by name; *origins* says where imported names come from: `Model` → `app.Model`.
    """
    origins = origins or {}
    if any(_full_name(d, origins).rpartition(".")[2] in FIELD_MAKERS for d in node.decorator_list):
        return "fields"
    found: Style = "plain"
    for base in node.bases:
        style = _style_of_base(base, {k: v for k, v in classes.items() if v is not node}, origins)
        if style in ("fields", "enum"):
            return style
        found = "unknown" if style == "unknown" else found
    return found


def _style_of_base(base: ast.expr, classes: Mapping[str, ast.ClassDef], origins: Mapping[str, str]) -> Style:
    name = _full_name(base, origins)
    last = name.rpartition(".")[2]
    if isinstance(base, ast.Name) and base.id in classes:
        return style_of(classes[base.id], classes, origins)
    if last in FIELD_BASES:
        return "fields"
    if last in ENUM_BASES:
        return "enum"
    is_known = last in PLAIN_BASES or name.startswith("otpy.") or (name == last and name in BUILTIN_NAMES)
    return "plain" if is_known else "unknown"


def import_origins(statements: Iterable[ast.stmt]) -> dict[str, str]:
    """Where the names that *statements* import come from, with the module in front."""
    found: dict[str, str] = {}
    for node in statements:
        match node:
            case ast.Import(names=names):
                found.update({a.asname: a.name for a in names if a.asname})
            case ast.ImportFrom(names=names):
                found.update({a.asname or a.name: f"{node.module or ''}.{a.name}" for a in names})
            case _:
                pass
    return found


def _full_name(node: ast.expr, origins: Mapping[str, str]) -> str:
    """`a.b` for `a.b`, `a.b(…)` and `a.b[…]`, with what `a` was imported as."""
    while isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    root = node.id if isinstance(node, ast.Name) else "?"
    return ".".join([origins.get(root, root), *reversed(parts)])


def last_name(node: ast.expr) -> str:
    """`b` for `a.b`, `a.b(…)` and `a.b[…]`."""
    return _full_name(node, {}).rpartition(".")[2]
