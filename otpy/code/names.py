"""The names in a statement: those that it binds, those that it looks up when it runs, those that it only mentions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from otpy.code.shapes import parts

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Names(ast.NodeVisitor):
    """Collects what a statement binds in its module, uses while it runs, and only mentions."""

    def __init__(self, *, lazy_annotations: bool) -> None:
        self.binds: dict[str, None] = {}
        self.uses: set[str] = set()
        self.reads: set[str] = set()
        """Those of `uses` that are looked into or called; the others are only passed on: `table = [f]`, a base."""
        self.dotted: set[str] = set()
        """`a.b.c`, for attributes that are looked up while the statement runs."""
        self.mentions: set[str] = set()
        self.lazy_annotations = lazy_annotations
        self.in_class = 0

    def _bind(self, name: str) -> None:
        if not self.in_class:
            self.binds.setdefault(name)

    def visit_Name(self, node: ast.Name) -> None:
        """A plain name."""
        if isinstance(node.ctx, ast.Load):
            self.uses.add(node.id)
            self.reads.add(node.id)
        else:
            self._bind(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """`a.b.c` looks into `a`."""
        self.dotted.update(_chain(node))
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """`x = y` passes `y` on."""
        for target in node.targets:
            self.visit(target)
        self._pass_on(node.value)

    def _pass_on(self, node: ast.expr) -> None:
        """What stands in *node* by itself, or in a display of a container, is used but not looked into."""
        match node:
            case ast.Name():
                self.uses.add(node.id)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                for part in parts:
                    self._pass_on(part)
            case ast.Dict(keys=keys, values=values):
                for part in [*filter(None, keys), *values]:
                    self._pass_on(part)
            case _:
                self.visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """`x += 1` looks `x` up too."""
        if isinstance(node.target, ast.Name):
            self.uses.add(node.target.id)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        """`del x` looks `x` up too."""
        self.uses.update(target.id for target in node.targets if isinstance(target, ast.Name))
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        """`import a.b` binds `a`."""
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """What `*` binds cannot be seen."""
        for alias in node.names:
            if alias.name != "*":
                self._bind(alias.asname or alias.name)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        """`case x:` and `case … as x:`."""
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        """`case [*x]:`."""
        if node.name is not None:
            self._bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        """`case {**x}:`."""
        if node.rest is not None:
            self._bind(node.rest)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """`x: int = 1`."""
        self.visit(node.target)
        self._annotation(node.annotation)
        if node.value is not None:
            self._pass_on(node.value)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """The body runs at once, in a scope of its own."""
        self._bind(node.name)
        for part in [*node.decorator_list, *node.keywords]:
            self.visit(part)
        for base in node.bases:
            self._pass_on(base)
        self.in_class += 1
        for statement in node.body:
            self.visit(statement)
        self.in_class -= 1

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A function."""
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """The same with `async`."""
        self._function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Its defaults are used, its body is only mentioned."""
        self._arguments(node.args)
        self._mention([node.body])

    def visit_ListComp(self, node: ast.ListComp) -> None:
        """`[… for …]`."""
        self._comprehension(node.generators, [node.elt])

    def visit_SetComp(self, node: ast.SetComp) -> None:
        """`{… for …}`."""
        self._comprehension(node.generators, [node.elt])

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        """`(… for …)`, taken as run at once: it mostly is."""
        self._comprehension(node.generators, [node.elt])

    def visit_DictComp(self, node: ast.DictComp) -> None:
        """`{…: … for …}`."""
        self._comprehension(node.generators, [node.key, node.value])

    def _comprehension(self, generators: Sequence[ast.comprehension], results: Sequence[ast.expr]) -> None:
        """Its parts run at once; its loop variables are its own, but `:=` binds outside."""
        inner = Names(lazy_annotations=self.lazy_annotations)
        for part in [*generators, *results]:
            inner.visit(part)
        own = {name.id for g in generators for name in ast.walk(g.target) if isinstance(name, ast.Name)}
        self.uses |= inner.uses - own
        self.reads |= inner.reads - own
        self.dotted |= inner.dotted
        self.mentions |= inner.mentions
        for name in inner.binds:
            if name not in own:
                self._bind(name)

    def _function(self, node: FunctionNode) -> None:
        self._bind(node.name)
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._arguments(node.args)
        if node.returns is not None:
            self._annotation(node.returns)
        self._mention(node.body)

    def _arguments(self, args: ast.arguments) -> None:
        for default in [*args.defaults, *(d for d in args.kw_defaults if d is not None)]:
            self._pass_on(default)
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        for argument in every:
            if argument is not None and argument.annotation is not None:
                self._annotation(argument.annotation)

    def _annotation(self, node: ast.expr) -> None:
        if self.lazy_annotations:
            self._mention([node])
        else:
            self.visit(node)

    def _mention(self, nodes: Iterable[ast.AST]) -> None:
        for root in nodes:
            for node in parts(root):
                if isinstance(node, ast.Name):
                    self.mentions.add(node.id)
                elif isinstance(node, ast.Attribute):
                    self.mentions.update(_chain(node))


def _chain(node: ast.Attribute) -> list[str]:
    """`a.b.c` as text, if nothing but names is in it."""
    parts = [node.attr]
    inner = node.value
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    return [".".join([inner.id, *reversed(parts)])] if isinstance(inner, ast.Name) else []
