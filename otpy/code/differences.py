"""What an edit did to one function or class, in words that people use. Pure: two syntax trees go in.

A class is told member by member. What the instances have decides between "attribute" and "shape".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from otpy.code.names import FunctionNode
from otpy.code.shapes import SCOPES, ScopeNode, parts, same, statements
from otpy.code.styles import Style, is_field, is_member, last_name, style_of

MAX_TEXT: Final = 60

PROPERTIES: Final = frozenset({"property", "cached_property", "setter", "getter", "deleter"})


class Difference(NamedTuple):
    """`name` is qualified; `line` is in the new source, for what was removed in the old."""

    name: str
    verdict: str
    line: int
    detail: str


# -- functions -------------------------------------------------------------------------------------


def function_difference(old: FunctionNode, new: FunctionNode) -> tuple[str, str]:
    """Verdict and detail for two functions of one name whose texts differ."""
    if same(old, new, docs=False):
        return "documented", ""
    if not same(old.decorator_list, new.decorator_list):
        before, after = _decorators(old), _decorators(new)
        verdict = "property" if _is_property(old) or _is_property(new) else "decorator"
        return verdict, f"decorated with {before} -> {after}"
    if type(old) is not type(new):
        return "signature", "is a coroutine function now" if isinstance(
            new, ast.AsyncFunctionDef
        ) else "is not async now"
    if not all(same(getattr(old, part, None), getattr(new, part, None)) for part in ("args", "returns", "type_params")):
        return "signature", f"signature {signature(old)} -> {signature(new)}"
    if is_generator(old) != is_generator(new):
        return "signature", "is a generator now" if is_generator(new) else "is no generator now"
    return "body", ""


def signature(node: FunctionNode) -> str:
    """As it is written, with annotations and type parameters."""
    parameters = ", ".join(map(ast.unparse, getattr(node, "type_params", ())))
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    return f"{f'[{parameters}]' if parameters else ''}({ast.unparse(node.args)}){returns}"


def is_generator(node: FunctionNode) -> bool:
    """Whether there is a `yield` in it, functions and classes inside it left out."""
    if not any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in parts(node)):
        return False
    todo: list[ast.AST] = list(node.body)
    while todo:
        part = todo.pop()
        if isinstance(part, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(part, (*SCOPES, ast.Lambda)):
            todo += ast.iter_child_nodes(part)
    return False


def outer_differs(old: ast.stmt, new: ast.stmt) -> bool:
    """Whether a function does something else when it is called, and not only the functions that it makes."""
    return (
        isinstance(old, FunctionNode)
        and isinstance(new, FunctionNode)
        and not same(statements(old), statements(new), outer=True)
    )


def _is_property(node: FunctionNode) -> bool:
    return any(last_name(d) in PROPERTIES for d in node.decorator_list)


def _decorators(node: ScopeNode) -> str:
    return ", ".join("@" + text(d) for d in node.decorator_list) or "nothing"


# -- classes ---------------------------------------------------------------------------------------


def class_differences(
    old: ast.ClassDef, new: ast.ClassDef, name: str, styles: tuple[Style, Style]
) -> Iterator[Difference]:
    """What differs between two classes of one name; *styles* of the old and of the new one."""
    line = first_line(new)
    header = ", ".join(_header_differences(old, new, styles))
    if header:
        yield Difference(name, "shape", line, header)
    elif not same(old.decorator_list, new.decorator_list):
        yield Difference(name, "decorator", line, f"decorated with {_decorators(old)} -> {_decorators(new)}")
    elif not same(_type_params(old), _type_params(new)):
        yield Difference(name, "signature", line, "other type parameters")
    if ast.get_docstring(old, clean=False) != ast.get_docstring(new, clean=False):
        yield Difference(name, "documented", line, "")
    before, after = members(old), members(new)
    fields = [key for key, node in after.items() if is_field(node, styles[1])]
    kept = [key for key, node in before.items() if key in fields and is_field(node, styles[0])]
    if [key for key in fields if key in kept] != kept:
        yield Difference(name, "shape", line, "fields in another order")
    for key, node in after.items():
        was = before.get(key)
        if was is None or not same(was, node):
            yield from _member_differences(was, node, f"{name}.{key}", styles)
    for key, was in before.items():
        if key not in after:
            yield _removed(was, name, key, styles[0])
    yield from _gone_attributes(before.get("__init__"), new, name, styles)


def _header_differences(old: ast.ClassDef, new: ast.ClassDef, styles: tuple[Style, Style]) -> Iterator[str]:
    if not same(old.bases, new.bases):
        plural = "s" if max(len(old.bases), len(new.bases)) > 1 else ""
        yield f"base{plural} {_list(old.bases)} -> {_list(new.bases)}"
    if not same(old.keywords, new.keywords):
        yield f"class arguments ({_list(old.keywords)}) -> ({_list(new.keywords)})"
    if not same(old.decorator_list, new.decorator_list) and "fields" in styles:
        yield f"decorated with {_decorators(old)} -> {_decorators(new)}"


def _member_differences(
    was: ast.stmt | None, node: ast.stmt, qualname: str, styles: tuple[Style, Style]
) -> Iterator[Difference]:
    """A member that is new or differs."""
    owner, _, key = qualname.rpartition(".")
    line = first_line(node)
    if key == "__slots__":
        yield Difference(owner, "shape", line, f"__slots__ {value_text(was)} -> {value_text(node)}")
    elif is_field(node, styles[1]) or (was is not None and is_field(was, styles[0])):
        yield Difference(owner, "shape", line, _field_detail(was, node, key))
    elif was is None:
        yield _added(node, qualname, line, styles[1])
    elif isinstance(node, FunctionNode) and isinstance(was, FunctionNode):
        yield Difference(qualname, *_with_line(function_difference(was, node), line))
        if key in ("__init__", "__post_init__") and styles[1] != "enum":
            yield from _new_attributes(was, node, owner, line)
    elif isinstance(node, ast.ClassDef) and isinstance(was, ast.ClassDef):
        yield from class_differences(was, node, qualname, (style_of(was, {}), style_of(node, {})))
    elif is_member(node, key, styles[1]):
        yield Difference(owner, "shape", line, f"member {key}: {value_text(was)} -> {value_text(node)}")
    elif is_lambda_edit(was, node):
        yield Difference(qualname, "body", line, "")
    else:
        yield Difference(qualname, _attribute(was, node), line, f"{value_text(was)} -> {value_text(node)}")


def _with_line(told: tuple[str, str], line: int) -> tuple[str, int, str]:
    return told[0], line, told[1]


def _attribute(was: ast.stmt, node: ast.stmt) -> str:
    """A property that is a method now, or the like, made by assignments, is an attribute as well."""
    return "property" if any(isinstance(n, FunctionNode) and _is_property(n) for n in (was, node)) else "attribute"


def is_lambda_edit(was: ast.stmt, node: ast.stmt) -> bool:
    """Whether two assignments of lambdas differ in nothing but the bodies of these."""
    before, after = value_of(was), value_of(node)
    if not isinstance(before, ast.Lambda) or not isinstance(after, ast.Lambda) or type(was) is not type(node):
        return False
    return _member_name(was) == _member_name(node) and same([before.args], [after.args])


def _added(node: ast.stmt, qualname: str, line: int, style: Style) -> Difference:
    owner, _, key = qualname.rpartition(".")
    if isinstance(node, SCOPES):
        return Difference(qualname, "added", line, "")
    if is_member(node, key, style):
        return Difference(owner, "attribute", line, f"member {key} added")
    return Difference(qualname, "attribute", line, f"added, {value_text(node)}")


def _removed(was: ast.stmt, owner: str, key: str, style: Style) -> Difference:
    line = first_line(was)
    if key == "__slots__":
        return Difference(owner, "shape", line, f"__slots__ {value_text(was)} removed")
    if is_field(was, style):
        return Difference(owner, "shape", line, f"field {key} removed")
    if is_member(was, key, style):
        return Difference(owner, "shape", line, f"member {key} removed")
    if isinstance(was, SCOPES):
        return Difference(f"{owner}.{key}", "removed", line, "")
    return Difference(f"{owner}.{key}", "attribute", line, "removed")


def _field_detail(was: ast.stmt | None, node: ast.stmt, key: str) -> str:
    default = value_of(node)
    if was is None:
        return f"field {key} added, " + ("no default" if default is None else f"default {text(default)}")
    if (
        isinstance(was, ast.AnnAssign)
        and isinstance(node, ast.AnnAssign)
        and not same([was.annotation], [node.annotation])
    ):
        return f"field {key}: {text(was.annotation)} -> {text(node.annotation)}"
    return f"field {key}: default {value_text(was)} -> {value_text(node)}"


def _new_attributes(was: FunctionNode, node: FunctionNode, owner: str, line: int) -> Iterator[Difference]:
    before = self_attributes(was)
    for attribute, value in self_attributes(node).items():
        if attribute not in before:
            given = f" = {text(value)}" if value is not None else ""
            yield Difference(owner, "shape", line, f"{node.name} sets self.{attribute}{given}")


def _gone_attributes(
    was: ast.stmt | None, new: ast.ClassDef, name: str, styles: tuple[Style, Style]
) -> Iterator[Difference]:
    """What `__init__` of a plain class set, and nothing in the *new* class speaks of: instances lose it."""
    if isinstance(was, FunctionNode) and not {"fields", "enum"} & {*styles}:
        known = _words(new)
        for attribute in self_attributes(was):
            if attribute not in known:
                yield Difference(name, "shape", first_line(new), f"__init__ no longer sets self.{attribute}")


def _words(node: ast.ClassDef) -> set[str]:
    """Every name that may be an attribute of an instance, as the members and the code of a class have it."""
    found = {*members(node)}
    for part in ast.walk(node):
        match part:
            case ast.Attribute(attr=word) | ast.keyword(arg=str(word)) | ast.Constant(value=str(word)):
                found.add(word)
            case _:
                pass
    return found


def self_attributes(node: FunctionNode) -> dict[str, ast.expr | None]:
    """The attributes that *node* sets on its first argument, each with the expression it is set to first."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    found: dict[str, ast.expr | None] = {}
    if not arguments:
        return found
    todo: list[ast.AST] = list(reversed(node.body))
    while todo:
        part = todo.pop()
        if isinstance(part, (*SCOPES, ast.Lambda)):
            continue
        if isinstance(part, (ast.Assign, ast.AnnAssign)):
            for target in part.targets if isinstance(part, ast.Assign) else [part.target]:
                for attribute in _attributes_in(target, arguments[0].arg):
                    found.setdefault(attribute, part.value if isinstance(target, ast.Attribute) else None)
        elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
            found.update(dict.fromkeys([a for a in _attributes_in(part, arguments[0].arg) if a not in found]))
        todo += reversed(list(ast.iter_child_nodes(part)))
    return found


def _attributes_in(target: ast.expr, self_name: str) -> list[str]:
    match target:
        case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if owner == self_name:
            return [attribute]
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return [a for part in parts for a in _attributes_in(part, self_name)]
        case _:
            return []


# -- helpers ---------------------------------------------------------------------------------------


def members(node: ast.ClassDef) -> dict[str, ast.stmt]:
    """The statements of a class by what they bind, the docstring left out; a second `x` is `x#2`."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    found: dict[str, ast.stmt] = {}
    for statement in body:
        if isinstance(statement, ast.Pass):
            continue
        key = nth = _member_name(statement)
        count = 1
        while nth in found:
            count += 1
            nth = f"{key}#{count}"
        found[nth] = statement
    return found


def _member_name(node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name
        case ast.Assign(targets=targets):
            return ", ".join(map(ast.unparse, targets))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return ast.unparse(target)
        case _:
            return text(node)


def value_of(node: ast.stmt) -> ast.expr | None:
    """The right-hand side of an assignment."""
    return node.value if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) else None


def value_text(node: ast.stmt | None) -> str:
    """The right-hand side of an assignment, for people."""
    value = None if node is None else value_of(node)
    return "none" if value is None else text(value)


def text(node: ast.AST) -> str:
    """The beginning of what is written there."""
    line = ast.unparse(node).partition("\n")[0]
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def first_line(node: ast.stmt) -> int:
    """The line of its first decorator, or its own."""
    return min([node.lineno, *(d.lineno for d in (node.decorator_list if isinstance(node, SCOPES) else ()))])


def _list(nodes: Sequence[ast.AST]) -> str:
    return ", ".join(map(ast.unparse, nodes)) or "none"


def _type_params(node: ast.ClassDef) -> Sequence[ast.AST]:
    parameters: Sequence[ast.AST] = getattr(node, "type_params", ())
    return parameters
