"""The shape of statements: what they say, wherever they stand and however they are laid out. Hashed and compared. Pure.

These walk every node of every edited definition on the way from a source to a running program, so they look into nodes
directly and not through `ast.iter_fields`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final, final

ScopeNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Fields(dict[type, "tuple[str, ...]"]):
    """The fields of nodes, by their type, without `ctx`, which follows from where a node stands."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        """Note them when they are asked for the first time."""
        self[kind] = found = tuple(name for name in kind._fields if name != "ctx")
        return found


FIELDS: Final = Fields()


def hashes(nodes: Iterable[ast.stmt]) -> tuple[str, str]:
    """The hash of statements without positions and docstrings, and the hash of their docstrings."""
    text = Text()
    for node in nodes:
        text.add(node)
    own = sha256("".join(text.own).encode(errors="backslashreplace")).hexdigest()
    docs = sha256("".join(text.docs).encode(errors="backslashreplace")).hexdigest()
    return own, docs


@final
class Text:
    """Statements as text. Not that of `ast.dump`: it differs between Python versions, and with it every vsn would."""

    def __init__(self) -> None:
        self.own: list[str] = []
        self.docs: list[str] = []

    def add(self, value: object) -> None:
        """Add a node, a list of nodes, or what else is in a field."""
        if isinstance(value, ast.AST):
            self._add_node(value)
        elif type(value) is list:
            self.own.append("[")
            for item in value:
                self.add(item)
            self.own.append("]")
        else:
            self.own.append(f"{type(value).__name__}:{value!r};")

    def _add_node(self, node: ast.AST) -> None:
        kind = type(node)
        self.own.append(f"({kind.__name__} ")
        docstring = None
        if kind in SCOPES:
            docstring = docstring_of(node)
            self.docs.append(f"{node.name}:{docstring!r};")  # type: ignore[attr-defined]
        values = node.__dict__
        for name in FIELDS[kind]:
            value = values.get(name)
            if value is None or value == []:
                continue
            self.own.append(f"{name}=")
            self.add(value[1:] if docstring is not None and name == "body" else value)
        self.own.append(")")


def docstring_of(node: ast.AST) -> str | None:
    """The docstring of a module, class or function, as it is written."""
    match node:
        case (
            ast.Module(body=[ast.Expr(value=ast.Constant(value=str() as text)), *_])
            | ast.ClassDef(body=[ast.Expr(value=ast.Constant(value=str() as text)), *_])
            | ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str() as text)), *_])
            | ast.AsyncFunctionDef(body=[ast.Expr(value=ast.Constant(value=str() as text)), *_])
        ):
            return text
        case _:
            return None


def same(one: object, other: object, *, outer: bool = False, docs: bool = True) -> bool:
    """Whether two nodes, or lists of nodes, say the same.

    *outer*: the bodies of functions inside them are not compared. *docs*: whether docstrings are.
    """
    kind = type(one)
    if kind is not type(other):
        return False
    if isinstance(one, ast.AST):
        mine, its = one.__dict__, other.__dict__
        for name in FIELDS[kind]:
            if outer and name == "body" and kind in FUNCTIONS:
                continue
            before, after = mine.get(name), its.get(name)
            if name == "body" and not docs:
                before, after = statements(one), statements(other)
            if before is not after and not same(before, after, outer=outer, docs=docs):
                return False
        return True
    if kind is list:
        assert isinstance(one, list)
        assert isinstance(other, list)
        return len(one) == len(other) and all(
            same(a, b, outer=outer, docs=docs) for a, b in zip(one, other, strict=True)
        )
    return one == other if kind in (str, int, bool, bytes) else repr(one) == repr(other)


def statements(node: object) -> object:
    """The body of a node, without its docstring."""
    body = node.__dict__["body"]
    return body[1:] if isinstance(node, ast.AST) and docstring_of(node) is not None else body


def parts(root: ast.AST) -> Iterator[ast.AST]:
    """*root* and all nodes in it that have nodes in them, or are names; in no particular order."""
    todo = [root]
    while todo:
        node = todo.pop()
        yield node
        for value in node.__dict__.values():
            kind = type(value)
            if kind is list:
                todo += [item for item in value if isinstance(item, ast.AST) and type(item) is not ast.Constant]
            elif kind not in LEAVES and isinstance(value, ast.AST):
                todo.append(value)


LEAVES: Final = frozenset({int, str, type(None), ast.Load, ast.Store, ast.Constant})
"""Types of what is in the fields of most nodes, and leads nowhere."""
