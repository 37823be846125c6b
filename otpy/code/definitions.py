"""The definitions of a module: its top-level statements, each with what it binds, what it uses and a fingerprint.

A syntax tree goes in, a tuple of `Definition` values comes out. Two kinds of names matter:

- `uses`: names that are looked up *when the statement runs* (decorators, bases, defaults, class bodies, right-hand
  sides). If one of them changes, the statement has to run again.
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

Kind: TypeAlias = Literal["function", "class", "assignment", "import", "statement", "annotations"]

ANNOTATION_NAMES: Final = ("__annotations__", "__annotate__", "__conditional_annotations__")
LABEL_WIDTH: Final = 60

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
ScopeNode: TypeAlias = FunctionNode | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Definition:
    """One top-level statement. `name` is unique in its module: a second `f` is called `f#2`."""

    name: str
    kind: Kind
    binds: tuple[str, ...]
    uses: frozenset[str]
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
    return with_fingerprints(with_unique_names(found))


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
        isinstance(node, ast.ImportFrom) and node.module == "__future__" and any(a.name == "annotations" for a in node.names)
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
    kind = kind_of(node)
    binds = tuple(names.binds)
    return Definition(
        name=label(node, kind, binds),
        kind=kind,
        binds=binds,
        uses=frozenset(names.uses),
        mentions=frozenset(names.uses | names.mentions),
        own=own,
        docs=docs,
        line=first_line(node),
        end_line=node.end_lineno or node.lineno,
        nodes=(node,),
    )


def define_annotations(annotated: Sequence[ast.AnnAssign], *, lazy: bool) -> Definition:
    """All annotations of module variables as one definition, which binds what Python keeps them in."""
    nodes = tuple(
        ast.copy_location(ast.AnnAssign(target=a.target, annotation=a.annotation, value=None, simple=a.simple), a) for a in annotated
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
        mentions=frozenset(names.uses | names.mentions),
        own=own,
        docs=docs,
        line=nodes[0].lineno,
        end_line=nodes[-1].end_lineno or nodes[-1].lineno,
        nodes=nodes,
    )


def kind_of(node: ast.stmt) -> Kind:
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


def first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, ScopeNode) else []
    return min([node.lineno, *(d.lineno for d in decorators)])


class Names(ast.NodeVisitor):
    """Collects what a statement binds in its module, uses while it runs, and only mentions."""

    def __init__(self, *, lazy_annotations: bool) -> None:
        self.binds: dict[str, None] = {}
        self.uses: set[str] = set()
        self.mentions: set[str] = set()
        self.lazy_annotations = lazy_annotations
        self.in_class = 0

    def bind(self, name: str) -> None:
        if not self.in_class:
            self.binds.setdefault(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.uses.add(node.id)
        else:
            self.bind(node.id)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.uses.add(node.target.id)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        self.uses.update(target.id for target in node.targets if isinstance(target, ast.Name))
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name != "*":
                self.bind(alias.asname or alias.name)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name is not None:
            self.bind(node.name)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name is not None:
            self.bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest is not None:
            self.bind(node.rest)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        self.annotation(node.annotation)
        if node.value is not None:
            self.visit(node.value)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bind(node.name)
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(part)
        self.in_class += 1
        for statement in node.body:
            self.visit(statement)
        self.in_class -= 1

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.arguments(node.args)
        self.mention([node.body])

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self.comprehension(node.generators, [node.elt])

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self.comprehension(node.generators, [node.elt])

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self.comprehension(node.generators, [node.elt])

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self.comprehension(node.generators, [node.key, node.value])

    def comprehension(self, generators: Sequence[ast.comprehension], results: Sequence[ast.expr]) -> None:
        """Its parts run at once; its loop variables are its own, but `:=` binds outside."""
        inner = Names(lazy_annotations=self.lazy_annotations)
        for part in [*generators, *results]:
            inner.visit(part)
        own = {name.id for g in generators for name in ast.walk(g.target) if isinstance(name, ast.Name)}
        self.uses |= inner.uses - own
        self.mentions |= inner.mentions
        for name in inner.binds:
            if name not in own:
                self.bind(name)

    def function(self, node: FunctionNode) -> None:
        self.bind(node.name)
        for decorator in node.decorator_list:
            self.visit(decorator)
        self.arguments(node.args)
        if node.returns is not None:
            self.annotation(node.returns)
        self.mention(node.body)

    def arguments(self, args: ast.arguments) -> None:
        for default in [*args.defaults, *(d for d in args.kw_defaults if d is not None)]:
            self.visit(default)
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        for argument in every:
            if argument is not None and argument.annotation is not None:
                self.annotation(argument.annotation)

    def annotation(self, node: ast.expr) -> None:
        if self.lazy_annotations:
            self.mention([node])
        else:
            self.visit(node)

    def mention(self, nodes: Iterable[ast.AST]) -> None:
        for root in nodes:
            self.mentions.update(n.id for n in ast.walk(root) if isinstance(n, ast.Name))


# -- hashes ----------------------------------------------------------------------------------------


def hashes(nodes: Iterable[ast.stmt]) -> tuple[str, str]:
    """The hash of statements without positions and docstrings, and the hash of their docstrings."""
    own, docs = sha256(), sha256()

    def feed(value: object) -> None:
        match value:
            case ast.AST():
                feed_node(value)
            case list():
                own.update(b"[")
                for item in value:
                    feed(item)
                own.update(b"]")
            case _:
                own.update(f"{type(value).__name__}:{value!r};".encode(errors="backslashreplace"))

    def feed_node(node: ast.AST) -> None:
        # Written here and not left to ast.dump: its text differs between Python versions, and with it every vsn.
        own.update(f"({type(node).__name__} ".encode())
        docstring = ast.get_docstring(node, clean=False) if isinstance(node, ScopeNode) else None
        for name, value in ast.iter_fields(node):
            if value is None or value == [] or name == "ctx":
                continue
            own.update(f"{name}=".encode())
            feed(value[1:] if name == "body" and docstring is not None else value)
        own.update(b")")
        if isinstance(node, ScopeNode):
            docs.update(f"{node.name}:{docstring!r};".encode(errors="backslashreplace"))

    for node in nodes:
        feed(node)
    return own.hexdigest(), docs.hexdigest()


def with_unique_names(found: Iterable[Definition]) -> list[Definition]:
    seen: dict[str, int] = {}
    unique: list[Definition] = []
    for definition in found:
        seen[definition.name] = nth = seen.get(definition.name, 0) + 1
        unique.append(definition if nth == 1 else replace(definition, name=f"{definition.name}#{nth}"))
    return unique


def with_fingerprints(found: Sequence[Definition]) -> tuple[Definition, ...]:
    table = binders(found)
    triggered = [replace(definition, triggers=triggers(definition, table)) for definition in found]
    table = binders(triggered)
    return tuple(replace(definition, fingerprint=fingerprint(definition, table)) for definition in triggered)


def triggers(definition: Definition, table: Mapping[str, Sequence[Definition]]) -> frozenset[str]:
    """What makes *definition* run again. A value may come out of calls, so for it bodies count too."""
    names = set(definition.uses)
    if definition.kind == "assignment":
        todo = list(names)
        while todo:
            for used in table.get(todo.pop(), ()):
                if used.kind in ("function", "class"):
                    more = used.mentions - names
                    names |= more
                    todo += more
    return frozenset(names)


def fingerprint(definition: Definition, table: Mapping[str, Sequence[Definition]]) -> str:
    names = set(definition.triggers)
    todo = list(names)
    while todo:
        for used in table.get(todo.pop(), ()):
            more = used.triggers - names
            names |= more
            todo += more
    digest = sha256(definition.own.encode())
    for name in sorted(names & table.keys()):
        digest.update(f";{name}=".encode())
        for used in table[name]:
            digest.update(used.own.encode())
    return digest.hexdigest()
