"""The scopes of a source: every block with what its names may stand for (see names.py)."""

from __future__ import annotations

import ast
from typing import TypeAlias, final

from otpy.safety.names import Alias, Known, Scope

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def scopes_of(
    tree: ast.Module, module: str, *, package: bool = False, only: frozenset[int] | None = None
) -> dict[ast.AST, Scope]:
    """Return the scope of each node of *tree* that opens one, the tree itself included.

    *module* is its dotted name; *package* says that it is a package, for relative imports. With *only*, a
    function at the top level or in a class is gone into if its id is in it.
    """
    binder = _Binder(module, package=package, only=only)
    binder.open(tree, binder.scope)
    for statement in tree.body:
        binder.visit(statement)
    return binder.scopes


@final
class _Binder(ast.NodeVisitor):
    """Walks a tree once and notes what each statement binds."""

    def __init__(self, module: str, *, package: bool, only: frozenset[int] | None) -> None:
        self.module = module
        self.only = only
        self.home = module.split(".") if package else module.split(".")[:-1]
        self.scope = Scope(module, "module")
        self.scopes: dict[ast.AST, Scope] = {}

    def open(self, node: ast.AST, scope: Scope) -> None:
        """Note that *node* opens *scope*."""
        self.scopes[node] = scope

    # -- blocks

    def visit_FunctionDef(self, node: Function) -> None:
        """See `_function`."""
        self._function(node)

    def visit_AsyncFunctionDef(self, node: Function) -> None:
        """See `_function`."""
        self._function(node)

    def _function(self, node: Function) -> None:
        outer = self.scope
        qualname = outer.inner(node.name)
        outer.bind(node.name, Known(f"{self.module}.{qualname}"))
        if self.only is not None and outer.kind != "function" and id(node) not in self.only:
            return
        self._visit_all([*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)])
        scope = Scope(self.module, "function", qualname, outer)
        self._parameters(node, scope)
        self._block(node, scope, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """A function without a name."""
        self._visit_all([*node.args.defaults, *(d for d in node.args.kw_defaults if d)])
        scope = Scope(self.module, "function", self.scope.inner("<lambda>"), self.scope)
        for each in every_argument(node.args):
            scope.bind(each.arg, None)
        self._block(node, scope, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Its names are seen by its own statements, not by its methods."""
        qualname = self.scope.inner(node.name)
        self.scope.bind(node.name, Known(f"{self.module}.{qualname}"))
        self._visit_all([*node.decorator_list, *node.bases, *(k.value for k in node.keywords)])
        self._block(node, Scope(self.module, "class", qualname, self.scope), node.body)

    def _comprehension(self, node: Comprehension) -> None:
        scope = Scope(self.module, "function", self.scope.qualname, self.scope)
        self._block(node, scope, list(ast.iter_child_nodes(node)))

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815 - ast's own names

    def _block(self, node: ast.AST, scope: Scope, body: list[ast.stmt] | list[ast.expr] | list[ast.AST]) -> None:
        outer, self.scope = self.scope, scope
        self.open(node, scope)
        self._visit_all(body)
        self.scope = outer

    def _visit_all(self, nodes: list[ast.stmt] | list[ast.expr] | list[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _parameters(self, node: Function, scope: Scope) -> None:
        outer = self.scope
        for each in every_argument(node.args):
            made = Alias(each.annotation, outer, made=True) if each.annotation is not None else None
            scope.bind(each.arg, made)
        first = [*node.args.posonlyargs, *node.args.args][:1]
        if outer.kind == "class" and first and not _is_static(node):
            scope.bound[first[0].arg] = [Known(outer.full if _is_of_class(node) else f"{outer.full}()")]

    # -- statements that bind

    def visit_Import(self, node: ast.Import) -> None:
        """`import a.b` binds `a`, `import a.b as c` binds `c` to `a.b`."""
        for each in node.names:
            self.scope.bind(each.asname or each.name.partition(".")[0], Known(_bound_module(each)))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Relative ones count from the package of the module."""
        home = self.home[: len(self.home) - node.level + 1] if node.level else []
        origin = ".".join([*home, *([node.module] if node.module else [])])
        for each in node.names:
            if each.name == "*":
                self.scope.top.stars.append(origin)
            else:
                self.scope.bind(each.asname or each.name, Known(f"{origin}.{each.name}"))

    def visit_Global(self, node: ast.Global) -> None:
        """From here on these names are the module's."""
        self.scope.elsewhere.update(dict.fromkeys(node.names, self.scope.top))

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        """From here on these names are those of the function around."""
        for name in node.names:
            outer = self.scope.parent
            while outer is not None and not (outer.kind == "function" and name in outer.bound):
                outer = outer.parent
            if outer is not None:
                self.scope.elsewhere[name] = outer

    def visit_Assign(self, node: ast.Assign) -> None:
        """`name = value` is another name for the value."""
        self.visit(node.value)
        for target in node.targets:
            self._target(target, Alias(node.value, self.scope))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """The annotation says what it is, the value too."""
        if node.value is not None:
            self.visit(node.value)
            self._target(node.target, Alias(node.value, self.scope))
        self._target(node.target, Alias(node.annotation, self.scope, made=True))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """As an assignment."""
        self.visit(node.value)
        self._target(node.target, Alias(node.value, self.scope))

    def visit_withitem(self, node: ast.withitem) -> None:
        """Most context managers give themselves."""
        self.visit(node.context_expr)
        if node.optional_vars is not None:
            self._target(node.optional_vars, Alias(node.context_expr, self.scope))

    def visit_Name(self, node: ast.Name) -> None:
        """Whatever binds a name in another way: nothing is known of the value."""
        if isinstance(node.ctx, ast.Store):
            self.scope.bind(node.id, None)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """`except E as name`."""
        if node.name:
            self.scope.bind(node.name, None)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        """`case … as name`."""
        if node.name:
            self.scope.bind(node.name, None)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        """`case [*name]`."""
        if node.name:
            self.scope.bind(node.name, None)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        """`case {**name}`."""
        if node.rest:
            self.scope.bind(node.rest, None)
        self.generic_visit(node)

    def _target(self, target: ast.expr, value: Alias) -> None:
        if isinstance(target, ast.Name):
            self.scope.bind(target.id, value)
        else:
            self.visit(target)


def every_argument(arguments: ast.arguments) -> list[ast.arg]:
    """All parameters of a function."""
    extra = [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


def _bound_module(each: ast.alias) -> str:
    return each.name if each.asname else each.name.partition(".")[0]


def _decorators(node: Function) -> set[str]:
    return {d.id for d in node.decorator_list if isinstance(d, ast.Name)}


def _is_static(node: Function) -> bool:
    return "staticmethod" in _decorators(node)


def _is_of_class(node: Function) -> bool:
    return "classmethod" in _decorators(node) or node.name in ("__new__", "__init_subclass__", "__class_getitem__")
