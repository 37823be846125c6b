"""Read a syntax tree for what its module depends on. Pure: a tree goes in, `Uses` come out.

The tree is walked once. *Now* is what runs while the module is loaded; bodies of functions run *later*, and of them
only imports, calls and starts count. A name is followed to the import that has bound it, so aliases do not matter
(`import shop.cart as c`, `from otpy import call as ask`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib.util import resolve_name
from typing import Final, NamedTuple, TypeAlias, final

from otpy.analysis.dependencies import Dependency, Kind, Registration, Uses, paths_of
from otpy.code.compiler import parse
from otpy.code.definitions import annotations_are_lazy
from otpy.code.imports import absolute
from otpy.code.names import FunctionNode

CALLS: Final = frozenset(
    {
        "acall",
        "call",
        "cast",
        "exit",
        "is_alive",
        "link",
        "monitor",
        "process_info",
        "send",
        "send_after",
        "send_request",
        "stop",
        "whereis",
    }
)
"""Verbs of otpy whose first argument is a process, perhaps by its registered name."""

STARTS: Final = frozenset({"start_link", "child_spec", "start", "start_monitor"})
"""Methods of a behaviour class that start a process, or say how."""

_NOT_BOUND: Final = frozenset({"staticmethod", "classmethod"})
_DESTINATIONS: Final = ("server", "dest", "name", "pid")


class Ref(NamedTuple):
    """What a name stands for: *name* (empty: the module itself) in *module*."""

    module: str
    name: str

    def dot(self, attribute: str) -> Ref:
        """Return what `.attribute` of it is."""
        return Ref(self.module, f"{self.name}.{attribute}" if self.name else attribute)

    @property
    def last(self) -> str:
        """Return the last part of its name."""
        return self.name.rpartition(".")[2]


Scope: TypeAlias = dict[str, Ref | None]


@lru_cache(maxsize=4096)
def uses(module: str, source: str, *, is_package: bool = False) -> Uses:
    """Return what *module* uses by its *source*; each text is read once. *is_package*: for relative imports.

    Raises: CompilationFailed.
    """
    return read(module, parse(source, f"<{module}>"), is_package=is_package)


def read(module: str, tree: ast.Module, *, is_package: bool = False) -> Uses:
    """Return what *module*, whose syntax tree is *tree*, uses. *is_package*: where its relative imports start from."""
    reader = _Reader(module, module if is_package else module.rpartition(".")[0], tree)
    reader.visit_all(tree.body)
    found, registrations = tuple(reader.dependencies.values()), tuple(reader.registrations.values())
    return Uses(
        module,
        is_package,
        found,
        registrations,
        invocations=tuple(reader.invocations),
        statics=frozenset(reader.statics),
        paths=paths_of(found, registrations),
    )


def names_of(module: str, tree: ast.Module, *, is_package: bool = False) -> Callable[[ast.expr], Ref | None]:
    """Return the question what a name, dotted or not, stands for in *module*: what it imports, or defines itself."""
    return _Reader(module, module if is_package else module.rpartition(".")[0], tree).ref


@final
class _Reader:
    """Walks the tree and keeps what it finds, the first of each."""

    def __init__(self, module: str, package: str, tree: ast.Module) -> None:
        self.module = module
        self.package = package
        self.lazy_annotations = annotations_are_lazy(tree.body)
        self.dependencies: dict[tuple[str, str, str, str], Dependency] = {}
        self.registrations: dict[tuple[str, str, str], Registration] = {}
        self.invocations: dict[tuple[str, str, str], None] = {}
        self.statics: set[str] = set()
        self.own: set[str] = {""}  # what the module defines itself
        self.scopes: list[Scope] = [{}]
        self.within: list[str] = []
        self.classes: list[str] = []
        self.later = 0  # how many functions deep
        self.constants = _constants(tree.body)
        for statement in tree.body:
            self._bind_definitions(statement)

    # -- notes ---------------------------------------------------------------------------------------

    def note(self, ref: Ref, kind: Kind, line: int) -> None:
        """Keep that *ref* is used."""
        if (not ref.module and kind not in ("call", "declared")) or ref.module == "__future__":
            return
        if ref.module == self.module and ref.name.partition(".")[0] in self.own:
            return
        inside = ".".join(self.within)
        self.dependencies.setdefault(
            (ref.module, ref.name, kind, inside), Dependency(self.module, ref.module, kind, ref.name, line, inside)
        )

    def note_name(self, name: str, owner: Ref, line: int) -> None:
        """Keep that processes of *owner* are registered as *name*."""
        self.registrations.setdefault(
            (name, owner.module, owner.name), Registration(name, owner.module, owner.name, line)
        )

    # -- names ---------------------------------------------------------------------------------------

    def _bind_definitions(self, node: ast.stmt) -> None:
        """Know what the module itself defines, and what it imports, before functions are looked at."""
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.scopes[0][node.name] = Ref(self.module, node.name)
                self.own.add(node.name)
            case ast.Import() | ast.ImportFrom():
                self._bind_imports(node)
            case ast.If() if _is_type_checking(node.test):
                self._bind_each(node.orelse)
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While() | ast.TryStar():
                self._bind_each(ast.iter_child_nodes(node))
            case _:
                pass

    def _bind_each(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            if isinstance(node, ast.stmt):
                self._bind_definitions(node)
            elif isinstance(node, ast.ExceptHandler):
                self._bind_each(node.body)

    def _bind_imports(self, node: ast.Import | ast.ImportFrom) -> None:
        scope = self.scopes[-1]
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    scope[alias.asname] = Ref(alias.name, "")
                else:
                    first = alias.name.partition(".")[0]
                    scope[first] = Ref(first, "")
        elif module := absolute(node, self.package):
            for alias in node.names:
                if alias.name != "*":
                    scope[alias.asname or alias.name] = Ref(module, alias.name)

    def ref(self, node: ast.expr) -> Ref | None:
        """Return what the expression *node* refers to, if it is a name that an import or a definition has bound."""
        match node:
            case ast.Name(name):
                for scope in reversed(self.scopes):
                    if name in scope:
                        return scope[name]
                return None
            case ast.Attribute(value, attribute):
                found = self.ref(value)
                return None if found is None else found.dot(attribute)
            case ast.Subscript(value):
                return self.ref(value)
            case _:
                return None

    def text(self, node: ast.expr | None) -> str | None:
        """Return the string that *node* is: a literal, or a constant of the module."""
        match node:
            case ast.Constant(str(value)):
                return value
            case ast.Name(name):
                return self.constants.get(name)
            case _:
                return None

    # -- the walk ------------------------------------------------------------------------------------

    def visit_all(self, nodes: Iterable[ast.AST]) -> None:
        """Visit each of *nodes*."""
        for node in nodes:
            self.visit(node)

    def visit(self, node: ast.AST) -> None:  # noqa: C901 - one case for each kind of node
        """Note what *node* uses."""
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.If() if _is_type_checking(node.test):
                self.visit_all(node.orelse)
            case ast.If(ast.UnaryOp(ast.Not(), test)) if _is_type_checking(test):
                self.visit_all(node.body)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Lambda():
                self._arguments(node.args)
                self._body([node.body], node.args)
            case ast.AnnAssign():
                self._annotated(node)
            case ast.Assign():
                self._declares(node.targets, node.value)
                self.visit_all(ast.iter_child_nodes(node))
            case ast.Call():
                self._call(node)
                self.visit_all(ast.iter_child_nodes(node))
            case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()):
                self._name(node)
            case _:
                self.visit_all(ast.iter_child_nodes(node))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        kind: Kind = "late_import" if self.later else "import"
        if self.later or self.within:
            self._bind_imports(node)
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.note(Ref(alias.name, ""), kind, node.lineno)
        elif module := absolute(node, self.package):
            for alias in node.names:
                self.note(Ref(module, alias.name), kind, node.lineno)

    def _name(self, node: ast.Name | ast.Attribute) -> None:
        found = self.ref(node)
        if found is not None:
            if not self.later:
                self.note(found, "value", node.lineno)
        elif isinstance(node, ast.Attribute):
            self.visit(node.value)

    def _function(self, node: FunctionNode) -> None:
        self._decorators(node)
        self._arguments(node.args)
        if node.returns is not None:
            self._annotation(node.returns)
        if self.later:  # what an inner function does counts as done by the outer one
            self._body(node.body, node.args)
            return
        self.within.append(node.name)
        if self.classes and any(isinstance(d, ast.Name) and d.id in _NOT_BOUND for d in node.decorator_list):
            self.statics.add(".".join(self.within))
        self._body(node.body, node.args)
        self.within.pop()

    def _body(self, body: Iterable[ast.AST], arguments: ast.arguments) -> None:
        self.later += 1
        self.scopes.append(dict.fromkeys(a.arg for a in _every(arguments)))
        self.visit_all(body)
        self.scopes.pop()
        self.later -= 1

    def _arguments(self, arguments: ast.arguments) -> None:
        self.visit_all(d for d in [*arguments.defaults, *arguments.kw_defaults] if d is not None)
        for argument in _every(arguments):
            if argument.annotation is not None:
                self._annotation(argument.annotation)

    def _annotated(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        if node.value is not None:
            self._declares([node.target], node.value)
            self.visit(node.value)

    def _annotation(self, node: ast.expr) -> None:
        if not self.lazy_annotations:
            self.visit(node)

    def _decorators(self, node: FunctionNode | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call):
                self._used_as("decorator", decorator.func)
                self.visit_all([*decorator.args, *decorator.keywords])
            else:
                self._used_as("decorator", decorator)

    def _used_as(self, kind: Kind, node: ast.expr) -> None:
        """Note *node* as *kind*, and what stands in its brackets as values."""
        found = self.ref(node)
        if found is None:
            self.visit(node)
            return
        if not self.later:
            self.note(found, kind, node.lineno)
        if isinstance(node, ast.Subscript):
            self.visit(node.slice)

    def _class(self, node: ast.ClassDef) -> None:
        self._decorators(node)
        for base in node.bases:
            self._used_as("base", base)
        for keyword in node.keywords:
            self._used_as("base" if keyword.arg == "metaclass" else "value", keyword.value)
        if not self.later and not self.within:
            self.scopes[0].setdefault(node.name, Ref(self.module, node.name))
            self.own.add(node.name)
        if self.later:
            self.visit_all(node.body)
            return
        self.within.append(node.name)
        self.classes.append(node.name)
        self.visit_all(node.body)
        self.classes.pop()
        self.within.pop()

    # -- processes -----------------------------------------------------------------------------------

    def _declares(self, targets: Iterable[ast.expr], value: ast.expr) -> None:
        """`depends_on = ("shop.stock", Prices)`, in a module or class."""
        if self.later or not any(isinstance(t, ast.Name) and t.id == "depends_on" for t in targets):
            return
        each = value.elts if isinstance(value, (ast.Tuple, ast.List, ast.Set)) else [value]
        for item in each:
            named, found = self.text(item), self.ref(item)
            if named is not None:
                self.note(Ref(named, ""), "declared", item.lineno)
            elif found is not None:
                self.note(
                    Ref(f"{found.module}.{found.name}" if found.name else found.module, ""), "declared", item.lineno
                )

    def _call(self, node: ast.Call) -> None:
        found = self.ref(node.func)
        if found is None:
            match node.func:
                case ast.Name("__import__"):
                    self._import_module(node)
                case ast.Attribute(ast.Name("self" | "cls"), method) if self.classes:
                    self._invokes(Ref(self.module, ".".join([*self.classes, method])))
                case _:
                    pass
            return
        if found.module.partition(".")[0] == "otpy":
            self._verb(node, found.last)
        elif found == ("importlib", "import_module"):
            self._import_module(node)
        elif found.last in STARTS and found.name != found.last:
            self._starts(node, Ref(found.module, found.name.rpartition(".")[0]))
        else:
            self._invokes(found)

    def _invokes(self, function: Ref) -> None:
        if self.later:
            self.invocations.setdefault((".".join(self.within), function.module, function.name))

    def _verb(self, node: ast.Call, verb: str) -> None:
        if verb in CALLS:
            name = self.text(_argument(node, 0, *_DESTINATIONS))
            if name is not None:
                self.note(Ref("", name), "call", node.lineno)
        elif verb == "register":
            name = self.text(_argument(node, 0, "name"))
            if name is not None:
                self.note_name(name, Ref(self.module, ".".join(self.classes)), node.lineno)
        elif verb == "MFA":
            self._mfa(node)
        elif verb in ("ChildSpec", "start_monitor"):
            started = _argument(node, 1 if verb == "ChildSpec" else 0, "start", "behaviour")
            found = self.ref(started) if started is not None else None
            if found is not None:
                self._starts(node, found)

    def _mfa(self, node: ast.Call) -> None:
        module, function = self.text(_argument(node, 0, "module")), self.text(_argument(node, 1, "function"))
        if module is None or function is None:
            return
        owner = Ref(module, function)
        self.note(owner, "start", node.lineno)
        kwargs = _argument(node, 3, "kwargs")
        if isinstance(kwargs, ast.Dict):
            for key, value in zip(kwargs.keys, kwargs.values, strict=True):
                name = self.text(value)
                if key is not None and self.text(key) == "name" and name is not None:
                    self.note_name(name, Ref(module, function.rpartition(".")[0]), node.lineno)

    def _starts(self, node: ast.Call, owner: Ref) -> None:
        self.note(owner, "start", node.lineno)
        name = self.text(_argument(node, None, "name"))
        if name is not None:
            self.note_name(name, owner, node.lineno)

    def _import_module(self, node: ast.Call) -> None:
        name = self.text(_argument(node, 0, "name"))
        if name is None:
            return
        if name.startswith("."):
            try:
                name = resolve_name(name, self.package)
            except ImportError:
                return
        self.note(Ref(name, ""), "late_import" if self.later else "import", node.lineno)


def _argument(node: ast.Call, position: int | None, *names: str) -> ast.expr | None:
    """Return the argument of a call that stands at *position*, or is given by one of *names*."""
    for keyword in node.keywords:
        if keyword.arg in names:
            return keyword.value
    given = node.args
    if position is None or position >= len(given) or any(isinstance(a, ast.Starred) for a in given[: position + 1]):
        return None
    return given[position]


def _every(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from arguments.posonlyargs
    yield from arguments.args
    yield from arguments.kwonlyargs
    yield from (a for a in (arguments.vararg, arguments.kwarg) if a is not None)


def _is_type_checking(test: ast.expr) -> bool:
    match test:
        case ast.Name("TYPE_CHECKING") | ast.Attribute(_, "TYPE_CHECKING"):
            return True
        case _:
            return False


def _constants(body: Iterable[ast.stmt]) -> dict[str, str]:
    """Return the module's names that stand for one string, ever."""
    found: dict[str, str] = {}
    again: set[str] = set()
    for statement in body:
        match statement:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                if name in found:
                    again.add(name)
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[name] = value.value
                else:
                    again.add(name)
            case _:
                pass
    return {name: text for name, text in found.items() if name not in again}
