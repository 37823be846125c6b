"""A source as the rules see it: every use of a name, with where it stands and when it runs.

`read` walks a source once. What never runs in an upgrade is left out: `if TYPE_CHECKING:`, `if __name__ ==
"__main__":`, and annotations.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final, Literal, TypeAlias, final

from otpy.safety.classes import ClassFacts, class_facts
from otpy.safety.edits import Outline
from otpy.safety.finding import Finding
from otpy.safety.names import Names, Scope, names_of
from otpy.safety.scopes import Comprehension, Function, scopes_of

How: TypeAlias = Literal["call", "read", "write", "base", "decorate"]

HELPERS: Final = frozenset(
    ("otpy.blocking", "asyncio.to_thread", "asyncio.get_running_loop().run_in_executor", "asyncio.run_in_executor")
)
"""What runs its argument on a helper thread, while only the caller waits."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece of code stands. *function* is the outermost function around it, None if it runs at import."""

    qualname: str = ""
    function: str | None = None
    owner: ClassFacts | None = None
    on_helper: bool = False

    @property
    def at_import(self) -> bool:
        """Whether it runs when the module is imported."""
        return self.function is None


@dataclass(frozen=True, slots=True)
class Use:
    """One use of something: *names* is what it may be (names.py), *how* what is done with it.

    "call" calls it, "read" takes it to hand it on, "write" binds or deletes what is called so, "base" makes a class of
    it, "decorate" calls it with a definition. *node* is the expression, *call* the call if it is one, *attribute* the
    last part of what is called or read, also where nothing is known of its owner.
    """

    names: Names
    how: How
    node: ast.expr
    place: Place
    call: ast.Call | None = None
    attribute: str | None = None
    kept: bool = True
    """Whether something becomes of the result; an expression statement throws it away."""


@final
@dataclass(frozen=True, slots=True)
class Source:
    """A module, read for the rules; of one that is edited, what the edit concerns."""

    module: str
    path: str | None
    text: str = field(repr=False)
    classes: Mapping[str, ClassFacts] = field(repr=False)
    """The classes of the module by their full names."""
    uses: tuple[Use, ...] = field(repr=False)
    imported: frozenset[str] = field(repr=False)
    """Modules that the source names in `import` statements."""
    by_place: Mapping[str, tuple[Use, ...]] = field(repr=False)
    """The uses by the qualified names of the functions and classes that they stand in."""

    def finding(self, use: Use, rule: str, message: str, advice: str) -> Finding:
        """What *rule* says of *use*."""
        return Finding(
            module=self.module,
            line=use.node.lineno,
            column=use.node.col_offset + 1,
            rule=rule,
            message=message,
            advice=advice,
            path=self.path,
            where=use.place.qualname,
            code=ast.unparse(use.call or use.node),
        )

    def names_at(self, node: ast.expr) -> Names:
        """The names of an expression that is used by itself, such as an argument."""
        return next((use.names for use in self.uses if use.node is node), ())

    def within(self, function: str) -> tuple[Use, ...]:
        """The uses in the *function* of that full name; a class stands for what making an instance of it runs."""
        facts = self.classes.get(function)
        if facts is not None:
            makers = ("__new__", "__init__", "__post_init__")
            return tuple(use for m in makers for use in self.by_place.get(f"{facts.qualname}.{m}", ()))
        return self.by_place.get(function.removeprefix(f"{self.module}.").replace("().", "."), ())


def read(module: str, whole: Outline, *, path: str | None = None, only: frozenset[int] | None = None) -> Source:
    """Read *module*, whose outline is *whole*, and which is from the file *path* if it is from one.

    *only*: the ids of the nodes that are to be read, as an `Edit` has them; None: all of it.
    """
    package = path is not None and PurePath(path).name == "__init__.py"
    scopes = scopes_of(whole.tree, module, package=package, only=only)
    classes = class_facts(scopes)
    reader = _Reader(scopes, classes, only)
    reader.module(whole.tree)
    by_place: dict[str, list[Use]] = {}
    for use in reader.uses:
        by_place.setdefault(use.place.qualname, []).append(use)
    imported = frozenset(a.name for n in whole.tree.body if isinstance(n, ast.Import) for a in n.names)
    places = {place: tuple(uses) for place, uses in by_place.items()}
    return Source(module, path, whole.text, classes, tuple(reader.uses), imported, places)


@final
class _Reader:
    """Collects the uses, in the order of the text."""

    def __init__(
        self, scopes: Mapping[ast.AST, Scope], classes: Mapping[str, ClassFacts], only: frozenset[int] | None
    ) -> None:
        self.scopes = scopes
        self.classes = classes
        self.only = only
        self.uses: list[Use] = []

    def module(self, tree: ast.Module) -> None:
        """Read the whole module, or what is wanted of it."""
        scope = self.scopes[tree]
        for node in tree.body:
            if self._wanted(node) or isinstance(node, ast.ClassDef):
                self.any(node, scope, Place())

    def _wanted(self, node: ast.AST) -> bool:
        return self.only is None or id(node) in self.only

    def statements(self, body: Iterable[ast.AST], scope: Scope, place: Place) -> None:
        """Read some statements, or whatever else an AST holds."""
        for node in body:
            self.any(node, scope, place)

    def any(self, node: ast.AST, scope: Scope, place: Place) -> None:  # noqa: C901, PLR0912 - one case for each kind of node
        """Read *node* and what is in it."""
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, scope, place)
            case ast.ClassDef():
                self._class(node, scope, place)
            case ast.Lambda():
                self._defaults(node.args, scope, place)
                self.any(node.body, self.scopes[node], self._inside(place, self.scopes[node].qualname))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self.statements(_parts(node), self.scopes[node], place)
            case ast.If(test=test) if _never_runs(test):
                self.statements(node.orelse, scope, place)
            case ast.Expr(value=ast.Call() as call):
                self._call(call, scope, place, kept=False)
            case ast.Expr(value=ast.Await(value=ast.Call() as call)):
                self._call(call, scope, place, kept=False)
            case ast.AnnAssign():
                self._target(node.target, scope, place)
                if node.value is not None:
                    self.any(node.value, scope, place)
            case ast.Assign():
                self.any(node.value, scope, place)
                self.statements(node.targets, scope, place)
            case ast.Attribute() | ast.Subscript() if not isinstance(node.ctx, ast.Load):
                self._target(node, scope, place)
            case ast.Call():
                self._call(node, scope, place)
            case ast.Name() | ast.Attribute():
                self._reference(node, scope, place)
            case _:
                self.statements(ast.iter_child_nodes(node), scope, place)

    # -- definitions

    def _function(self, node: Function, scope: Scope, place: Place) -> None:
        self._decorators(node.decorator_list, scope, place)
        self._defaults(node.args, scope, place)
        inner = self.scopes[node]
        self.statements(node.body, inner, self._inside(place, inner.qualname))

    def _class(self, node: ast.ClassDef, scope: Scope, place: Place) -> None:
        outermost = scope.kind == "module"
        if not outermost or any(map(self._wanted, _head(node))):
            self._head(node, scope, place)
        inner = self.scopes[node]
        within = Place(inner.qualname, place.function, self.classes[inner.full], place.on_helper)
        self.statements((each for each in node.body if not outermost or self._wanted(each)), inner, within)

    def _head(self, node: ast.ClassDef, scope: Scope, place: Place) -> None:
        self._decorators(node.decorator_list, scope, place)
        for base in node.bases:
            self.uses.append(Use(names_of(base, scope), "base", base, place))
            if isinstance(base, ast.Call):
                self._call(base, scope, place)
        self.statements((k.value for k in node.keywords), scope, place)

    def _decorators(self, decorators: list[ast.expr], scope: Scope, place: Place) -> None:
        for each in decorators:
            self.uses.append(Use(names_of(each, scope), "decorate", each, place))
            if isinstance(each, ast.Call):
                self.uses.append(
                    Use(names_of(each.func, scope), "decorate", each.func, place, each, _attribute(each.func))
                )
                self._inside_call(each, scope, place)

    def _defaults(self, arguments: ast.arguments, scope: Scope, place: Place) -> None:
        self.statements([*arguments.defaults, *(d for d in arguments.kw_defaults if d)], scope, place)

    @staticmethod
    def _inside(place: Place, qualname: str) -> Place:
        return Place(qualname, place.function or qualname, place.owner, place.on_helper)

    # -- expressions

    def _call(self, call: ast.Call, scope: Scope, place: Place, *, kept: bool = True) -> None:
        names = names_of(call.func, scope)
        self.uses.append(Use(names, "call", call.func, place, call, _attribute(call.func), kept))
        found = tuple(name for name in names_of(call, scope) if not name.endswith("()"))
        if found and kept and not any(name.startswith("pathlib.") for name in found):
            self.uses.append(Use(found, "read", call, place, None, found[0].rpartition(".")[2]))
        if "functools.partial" in names and call.args:
            later = ast.copy_location(ast.Call(call.args[0], call.args[1:], call.keywords), call)
            self.uses.append(Use(names_of(later.func, scope), "call", later.func, place, later, _attribute(later.func)))
        self._inside_call(
            call, scope, place, helper=not HELPERS.isdisjoint(names) or _attribute(call.func) == "run_in_executor"
        )

    def _inside_call(self, call: ast.Call, scope: Scope, place: Place, *, helper: bool = False) -> None:
        """Read what the callee is looked up in, and the arguments."""
        root: ast.expr = call.func
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Call):
            before = len(self.uses)
            self._call(root, scope, place)
            if root is call.func:  # what it looks up is called here, and has been noted as that
                self.uses[before:] = [use for use in self.uses[before:] if use.node is not root]
        elif not isinstance(root, ast.Name):
            self.any(root, scope, place)
        inner = Place(place.qualname, place.function, place.owner, on_helper=True) if helper else place
        self.statements([*call.args, *(k.value for k in call.keywords)], scope, inner)

    def _reference(self, node: ast.Name | ast.Attribute, scope: Scope, place: Place) -> None:
        if isinstance(node.ctx, ast.Load):
            self.uses.append(Use(names_of(node, scope), "read", node, place, None, _attribute(node)))
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            self.any(root, scope, place)

    def _target(self, target: ast.expr, scope: Scope, place: Place) -> None:
        """What is bound or deleted: an attribute, or an item of something."""
        match target:
            case ast.Attribute(value=value):
                self.uses.append(Use(names_of(target, scope), "write", target, place, None, target.attr))
                self.any(value, scope, place)
            case ast.Subscript(value=value, slice=index):
                self.uses.append(Use(_written_item(target, scope), "write", target, place))
                self.statements((value, index), scope, place)
            case ast.Name():
                pass
            case _:
                self.statements(ast.iter_child_nodes(target), scope, place)


def _head(node: ast.ClassDef) -> tuple[ast.expr, ...]:
    return (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords))


def _written_item(target: ast.Subscript, scope: Scope) -> Names:
    """What is written by `owner[key] = …`: the table, or, in the `__dict__` of something, its attribute."""
    found: list[str] = []
    for owner in names_of(target.value, scope):
        table = owner.endswith(".__dict__") or owner == "builtins"
        found += [n for n in names_of(target, scope) if n != owner] if table else [f"{owner}[]"]
    return tuple(found)


def _attribute(node: ast.expr) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def _parts(node: Comprehension) -> Iterator[ast.AST]:
    yield from node.generators
    match node:
        case ast.DictComp(key=key, value=value):
            yield from (key, value)
        case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.GeneratorExp(elt=element):
            yield element
        case _:
            return


def _never_runs(test: ast.expr) -> bool:
    """Whether *test* is TYPE_CHECKING or `__name__ == "__main__"`."""
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
        case _:
            return False
