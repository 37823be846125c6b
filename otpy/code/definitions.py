"""The definitions of a module: its top-level statements, each with what it binds, what it uses and a fingerprint.

A syntax tree goes in, a tuple of `Definition` values comes out. Two kinds of names matter:

- `uses`: names that are looked up *when the statement runs* (decorators, bases, defaults, class bodies, right-hand
  sides). If one of them changes, the statement has to run again.
- `reads`: those of them that are called or looked into. `table = [f]` only passes `f` on, and need not run when the
  body of `f` was edited; `n = f()` does.
- `mentions`: all names in it, function bodies included. They are looked up again at each call, so a change of one of
  them matters only to a statement that calls this definition while the module is loaded (`N = make()`).

Comments, blank lines and moved lines leave no trace in a fingerprint; docstrings have a hash of their own.
The annotations of module variables (`x: int = 3`) are one definition of their own, so that an edited annotation does
not make the value anew.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from types import CodeType
from typing import Final, Literal, TypeAlias, final

from otpy.code.compiler import compile_statements, never_importing, parse
from otpy.code.imports import imports_in
from otpy.code.names import Names
from otpy.code.shapes import ScopeNode, docstring_of, hashes

Kind: TypeAlias = Literal["function", "class", "assignment", "import", "statement", "annotations"]

ANNOTATION_NAMES: Final = ("__annotations__", "__annotate__", "__conditional_annotations__")
LABEL_WIDTH: Final = 60


@dataclass(frozen=True, slots=True)
class Definition:
    """One top-level statement. `name` is unique in its module: a second `f` is called `f#2`."""

    name: str
    kind: Kind
    binds: tuple[str, ...]
    uses: frozenset[str]
    reads: frozenset[str]
    """Those of `uses` that are called or looked into, so that an edit of what they stand for matters too."""
    dotted: frozenset[str]
    """Attributes that are looked up when it runs, such as `shop.RATE`."""
    mentions: frozenset[str]
    own: str
    """Hash of the statement itself, without positions and docstrings."""
    docs: str
    """Hash of its docstrings."""
    line: int
    end_line: int
    place: int
    """Which of `statements` it is."""
    statements: Statements = field(repr=False, compare=False)
    called: frozenset[str] = frozenset()
    """`reads`, and for an assignment what the functions and classes among them mention in turn."""
    triggers: frozenset[str] = frozenset()
    """Names whose change means that this statement has to run again."""

    @property
    def nodes(self) -> tuple[ast.stmt, ...]:
        """The syntax trees; not to be changed."""
        return self.statements.of(self.place)


@final
class Statements:
    """The top-level statements of a source. They are parsed when they are asked for, if they were not before."""

    def __init__(self, source: str, tree: ast.Module | None = None) -> None:
        self._source = source
        self._tree = tree
        self._split: list[tuple[ast.stmt, ...]] | None = None
        self._imported: tuple[ast.stmt, ...] | None = None
        self._codes: dict[tuple[int, str], CodeType] = {}

    @property
    def tree(self) -> ast.Module:
        """The syntax tree of the whole source."""
        if self._tree is None:
            self._tree = parse(self._source)
        return self._tree

    def compiled(self, place: int, filename: str, flags: int) -> CodeType:
        """The code of one statement; compiled when it is asked for first. *flags*: see `compile_statements`."""
        code = self._codes.get((place, filename))
        if code is None:
            code = compile_statements(self.of(place), filename, flags, self._import_notes())
            self._codes[place, filename] = code
        return code

    def _import_notes(self) -> tuple[ast.stmt, ...]:
        """What tells the compiler the names that import statements bind, outside functions and classes."""
        if self._imported is None:
            aliases = [alias for statement in imports_in(self.tree) for alias in statement.names]
            self._imported = never_importing({a.asname or a.name.partition(".")[0] for a in aliases if a.name != "*"})
        return self._imported

    def all(self) -> list[tuple[ast.stmt, ...]]:
        """The syntax trees of each; the annotations of all variables are one, and the last."""
        if self._split is None:
            self._split = split(self.tree)
        return self._split

    def of(self, place: int) -> tuple[ast.stmt, ...]:
        """The syntax trees of one."""
        return self.all()[place]


def definitions(tree: ast.Module, statements: Statements | None = None) -> tuple[Definition, ...]:
    """The definitions of *tree* in the order in which they stand; the module's docstring is none."""
    statements = statements or Statements("", tree)
    lazy = annotations_are_lazy(tree.body)
    found = [define(nodes, place, statements, lazy=lazy) for place, nodes in enumerate(statements.all())]
    unique = _with_unique_names(found)
    table = binders(unique)
    return tuple(with_triggers(definition, table) for definition in unique)


def split(tree: ast.Module) -> list[tuple[ast.stmt, ...]]:
    """The statements of a module, with the annotations of its variables taken out and put together at the end."""
    body = tree.body[1:] if docstring_of(tree) is not None else tree.body
    found = [(node,) for node in map(without_annotation, body) if node is not None]
    annotated = tuple(
        ast.copy_location(ast.AnnAssign(target=a.target, annotation=a.annotation, value=None, simple=a.simple), a)
        for a in body
        if isinstance(a, ast.AnnAssign) and isinstance(a.target, ast.Name)
    )
    return [*found, annotated] if annotated else [*found]


def binders(found: Iterable[Definition]) -> dict[str, list[Definition]]:
    """Which definitions bind a name, in their order."""
    table: dict[str, list[Definition]] = {}
    for definition in found:
        for name in definition.binds:
            table.setdefault(name, []).append(definition)
    return table


def docstrings(nodes: Sequence[ast.stmt]) -> dict[str, str | None]:
    """The docstring of every function and class in *nodes*, and of what stands in these classes, by qualified name."""
    found: dict[str, str | None] = {}

    def collect(body: Sequence[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ScopeNode):
                found[prefix + node.name] = ast.get_docstring(node, clean=False)
                if isinstance(node, ast.ClassDef):
                    collect(node.body, f"{prefix}{node.name}.")

    collect(nodes, "")
    return found


# -- one definition --------------------------------------------------------------------------------


def annotations_are_lazy(body: Sequence[ast.stmt]) -> bool:
    """Whether annotations are left alone while the module loads (PEP 563 by request, PEP 649 from 3.14 on)."""
    if sys.version_info >= (3, 14):
        return True
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(a.name == "annotations" for a in node.names)
        for node in body
    )


def without_annotation(node: ast.stmt) -> ast.stmt | None:
    """`x: int = 3` as `x = 3`, and `x: int` as nothing: see `define_annotations`."""
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
        return node
    if node.value is None:
        return None
    return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)


def define(nodes: tuple[ast.stmt, ...], place: int, statements: Statements, *, lazy: bool) -> Definition:
    """The definition that these statements are: one, or the annotations of all variables."""
    names = Names(lazy_annotations=lazy)
    for node in nodes:
        names.visit(node)
    own, docs = hashes(nodes)
    kind = _kind_of(nodes[0])
    binds = ANNOTATION_NAMES if kind == "annotations" else tuple(names.binds)
    return Definition(
        name="__annotations__" if kind == "annotations" else label(nodes[0], kind, binds),
        kind=kind,
        binds=binds,
        uses=frozenset(names.uses),
        reads=frozenset(names.reads),
        dotted=frozenset(names.dotted),
        mentions=frozenset(names.uses | names.dotted | names.mentions),
        own=own,
        docs=docs,
        line=_first_line(nodes[0]),
        end_line=nodes[-1].end_lineno or nodes[-1].lineno,
        place=place,
        statements=statements,
    )


def _kind_of(node: ast.stmt) -> Kind:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return "function"
        case ast.ClassDef():
            return "class"
        case ast.AnnAssign(value=None, target=ast.Name()):
            return "annotations"
        case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
            return "assignment"
        case ast.Import() | ast.ImportFrom():
            return "import"
        case _:
            return "statement"


def label(node: ast.stmt, kind: Kind, binds: Sequence[str]) -> str:
    """What people call it: the names that it binds, or the beginning of its text."""
    if binds and kind != "statement":
        return ", ".join(binds)
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= LABEL_WIDTH else text[: LABEL_WIDTH - 1] + "…"


def _first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, ScopeNode) else []
    return min([node.lineno, *(d.lineno for d in decorators)])


def _with_unique_names(found: Iterable[Definition]) -> list[Definition]:
    seen: dict[str, int] = {}
    unique: list[Definition] = []
    for definition in found:
        seen[definition.name] = nth = seen.get(definition.name, 0) + 1
        unique.append(definition if nth == 1 else replace(definition, name=f"{definition.name}#{nth}"))
    return unique


def with_triggers(definition: Definition, table: Mapping[str, Sequence[Definition]]) -> Definition:
    """Note what makes *definition* run again. A value may come out of calls, so for it bodies count too."""
    called = set(definition.reads)
    if definition.kind == "assignment":
        todo = list(called)
        while todo:
            for used in table.get(todo.pop(), ()):
                if used.kind in ("function", "class"):
                    more = used.mentions - called
                    called |= more
                    todo += more
    # A statement may leave a name as it was: `if …: x = 1`.
    own = definition.binds if definition.kind == "statement" else ()
    object.__setattr__(definition, "called", frozenset(called))  # it has just been made, and nobody has seen it yet
    object.__setattr__(definition, "triggers", definition.uses.union(called, own))
    return definition


def reaching(found: Sequence[Definition]) -> list[dict[str, int | None]]:
    """For each definition, which one has given each of its triggers its value: the last to bind it before.

    None: it is bound later only. A name that the module never binds is left out.
    """
    bound = {name for definition in found for name in definition.binds}
    last: dict[str, int] = {}
    flow: list[dict[str, int | None]] = []
    for index, definition in enumerate(found):
        flow.append({name: last.get(name) for name in definition.triggers & bound})
        last.update(dict.fromkeys(definition.binds, index))
    return flow


def fingerprints(found: Sequence[Definition]) -> dict[str, str]:
    """For each definition, by its name, the hash of it and, followed to the end, of those that give it its values."""
    flow = reaching(found)
    return {definition.name: _fingerprint(index, found, flow) for index, definition in enumerate(found)}


def _fingerprint(index: int, found: Sequence[Definition], flow: Sequence[Mapping[str, int | None]]) -> str:
    edges: set[tuple[str, str]] = set()
    todo, seen = [index], {index}
    while todo:
        for name, source in flow[todo.pop()].items():
            edges.add((name, "" if source is None else found[source].own))
            if source is not None and source not in seen:
                seen.add(source)
                todo.append(source)
    digest = sha256(found[index].own.encode())
    for name, own in sorted(edges):
        digest.update(f";{name}={own}".encode())
    return digest.hexdigest()
