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
from typing import Final, Literal, TypeAlias

from otpy.code.names import Names
from otpy.code.shapes import ScopeNode, hashes

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
    nodes: tuple[ast.stmt, ...] = field(repr=False, compare=False)
    triggers: frozenset[str] = frozenset()
    """Names whose change means that this statement has to run again."""
    called: frozenset[str] = frozenset()
    """`reads`, and for an assignment what the functions and classes among them mention in turn."""
    fingerprint: str = ""
    """Hash of the statement and of all that its triggers stand for, followed to the end."""


def definitions(tree: ast.Module) -> tuple[Definition, ...]:
    """The definitions of *tree* in the order in which they stand; the module's docstring is none."""
    body = tree.body[1:] if ast.get_docstring(tree, clean=False) is not None else tree.body
    lazy = annotations_are_lazy(body)
    found = [define(node, lazy=lazy) for node in map(without_annotation, body) if node is not None]
    annotated = [node for node in body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    if annotated:
        found.append(define_annotations(annotated, lazy=lazy))
    return _with_fingerprints(_with_unique_names(found))


def binders(found: Iterable[Definition]) -> dict[str, list[Definition]]:
    """Which definitions bind a name, in their order."""
    table: dict[str, list[Definition]] = {}
    for definition in found:
        for name in definition.binds:
            table.setdefault(name, []).append(definition)
    return table


def docstrings(tree: ast.Module) -> dict[str, str | None]:
    """The docstring of every top-level function and class and of what stands in classes, by qualified name."""
    found: dict[str, str | None] = {}

    def collect(body: Sequence[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ScopeNode):
                found[prefix + node.name] = ast.get_docstring(node, clean=False)
                if isinstance(node, ast.ClassDef):
                    collect(node.body, f"{prefix}{node.name}.")

    collect(tree.body, "")
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


def define(node: ast.stmt, *, lazy: bool) -> Definition:
    """The definition that the statement *node* is."""
    names = Names(lazy_annotations=lazy)
    names.visit(node)
    own, docs = hashes([node])
    kind = _kind_of(node)
    binds = tuple(names.binds)
    return Definition(
        name=label(node, kind, binds),
        kind=kind,
        binds=binds,
        uses=frozenset(names.uses),
        reads=frozenset(names.reads),
        dotted=frozenset(names.dotted),
        mentions=frozenset(names.uses | names.mentions),
        own=own,
        docs=docs,
        line=_first_line(node),
        end_line=node.end_lineno or node.lineno,
        nodes=(node,),
    )


def define_annotations(annotated: Sequence[ast.AnnAssign], *, lazy: bool) -> Definition:
    """All annotations of module variables as one definition, which binds what Python keeps them in."""
    nodes = tuple(
        ast.copy_location(ast.AnnAssign(target=a.target, annotation=a.annotation, value=None, simple=a.simple), a)
        for a in annotated
    )
    names = Names(lazy_annotations=lazy)
    for node in nodes:
        names.visit(node)
    own, docs = hashes(nodes)
    return Definition(
        name="__annotations__",
        kind="annotations",
        binds=ANNOTATION_NAMES,
        uses=frozenset(names.uses),
        reads=frozenset(names.reads),
        dotted=frozenset(names.dotted),
        mentions=frozenset(names.uses | names.mentions),
        own=own,
        docs=docs,
        line=nodes[0].lineno,
        end_line=nodes[-1].end_lineno or nodes[-1].lineno,
        nodes=nodes,
    )


def _kind_of(node: ast.stmt) -> Kind:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return "function"
        case ast.ClassDef():
            return "class"
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


def _with_fingerprints(found: Sequence[Definition]) -> tuple[Definition, ...]:
    table = binders(found)
    triggered = [with_triggers(definition, table) for definition in found]
    flow = reaching(triggered)
    return tuple(replace(d, fingerprint=fingerprint(index, triggered, flow)) for index, d in enumerate(triggered))


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
    return replace(definition, called=frozenset(called), triggers=definition.uses.union(called, own))


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


def fingerprint(index: int, found: Sequence[Definition], flow: Sequence[Mapping[str, int | None]]) -> str:
    """The hash of a definition and, followed to the end, of those that give it its values."""
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
