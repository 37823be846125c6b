"""What a name in a source stands for: followed through imports, aliases and scopes, never guessed from the text.

A *name* here is what an expression leads to, spelled from the module that it comes from: `os.system`, whatever the
source calls it. A call is written with brackets, so `Path("a").parent` is `pathlib.Path().parent`. Since a name may be
bound in several places, an expression has several names; one that leads nowhere known has none.

Followed are `import`, `from … import`, star imports, assignments of one name, `with … as`, annotations (an instance of
what they name), `self` and `cls`; then `getattr`, `__import__`, `import_module`, `vars`, `sys.modules[…]`,
`__dict__[…]` and `operator.attrgetter`, where their text is a literal. The order of statements does not count: that a
name *may* be `os.system` is enough. Whoever wants to hide something can; that is the jail's business.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, final

Names: TypeAlias = tuple[str, ...]

_DEEPEST: Final = 24
_MOST_NAMES: Final = 8
_BUILTINS: Final = frozenset(dir(builtins))

SAME: Final = (
    ("posix.", "os."),
    ("nt.", "os."),
    ("io.open", "builtins.open"),
    ("_io.", "io."),
    ("_socket.", "socket."),
    ("_pickle.", "pickle."),
    ("__builtin__.", "builtins."),
    ("builtins.__builtins__", "builtins"),
    ("concurrent.futures.thread.", "concurrent.futures."),
    ("concurrent.futures.process.", "concurrent.futures."),
    ("os.path.os.", "os."),
)
"""Beginnings of names that are another way to the same thing."""


@dataclass(frozen=True, slots=True)
class Known:
    """A binding to something with a name of its own."""

    name: str


@dataclass(frozen=True, slots=True)
class Alias:
    """A binding to whatever *value* leads to in *scope*; with *made*, to an instance of it."""

    value: ast.expr
    scope: Scope
    made: bool = False


@final
@dataclass(slots=True, eq=False)
class Scope:
    """What the names of one block may stand for: a module, a class, a function, a comprehension."""

    module: str
    kind: Literal["module", "class", "function"]
    qualname: str = ""
    parent: Scope | None = None
    bound: dict[str, list[Known | Alias]] = field(default_factory=dict)
    elsewhere: dict[str, Scope] = field(default_factory=dict)
    """Names that are declared `global` or `nonlocal`, with the scope that has them."""
    stars: list[str] = field(default_factory=list)
    """Modules all of whose names were imported."""
    followed: dict[str, Names] = field(default_factory=dict)
    """What names of this block were found to stand for; while one is being followed, nothing (`x = x.next`)."""

    @property
    def top(self) -> Scope:
        """The scope of the module."""
        return self if self.parent is None else self.parent.top

    @property
    def full(self) -> str:
        """The name of the block, as others would import it."""
        return f"{self.module}.{self.qualname}" if self.qualname else self.module

    def inner(self, name: str) -> str:
        """The qualified name of what is called *name* in this block."""
        if not self.qualname:
            return name
        return f"{self.qualname}.<locals>.{name}" if self.kind == "function" else f"{self.qualname}.{name}"

    def bind(self, name: str, value: Known | Alias | None) -> None:
        """Note that *name* may stand for *value*; None: for something of which nothing is known."""
        kept = self.elsewhere.get(name, self).bound.setdefault(name, [])
        if value is not None:
            kept.append(value)

    def own(self, name: str, depth: int) -> Names:
        """The names of what *name*, which this block binds, may stand for. To be asked when all is bound."""
        known = self.followed.get(name)
        if known is None:
            self.followed[name] = ()
            known = self.followed[name] = _few(n for value in self.bound[name] for n in _follow(value, depth))
        return known

    def lookup(self, name: str, depth: int = 0) -> Names:
        """The names of what *name* may stand for here."""
        scope: Scope | None = self.elsewhere.get(name, self)
        while scope is not None:
            if name in scope.bound and (scope.kind != "class" or scope is self):
                return scope.own(name, depth)
            scope = scope.parent
        imported = tuple(f"{star}.{name}" for star in self.top.stars)
        return (*imported, f"builtins.{name}") if name in _BUILTINS or name == "__builtins__" else imported


def names_of(expression: ast.expr, scope: Scope, depth: int = 0) -> Names:
    """The names of what *expression* may lead to in *scope*."""
    if depth > _DEEPEST:
        return ()
    return _few(canonical(name) for name in _lead(expression, scope, depth + 1))


def canonical(name: str) -> str:
    """*name*, spelled the one way that the rules know."""
    for other, usual in SAME:
        if name.startswith(other):
            name = usual + name[len(other) :]
    parts = name.split(".")
    if parts[0] == "otpy" and len(parts) > 3 and parts[1] in ("kernel", "behaviours"):  # noqa: PLR2004 - a package's module
        return ".".join(["otpy", *parts[3:]])
    return name


def literal_text(expression: ast.expr) -> str | None:
    """The string that *expression* is, also if it was put together from literals; None if it is none."""
    match expression:
        case ast.Constant(value=str(text)):
            return text
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = literal_text(left), literal_text(right)
            return None if first is None or second is None else first + second
        case ast.JoinedStr(values=values):
            texts = [literal_text(v.value if isinstance(v, ast.FormattedValue) else v) for v in values]
            return None if None in texts else "".join(text for text in texts if text)
        case _:
            return None


def argument(call: ast.Call, position: int, keyword: str) -> ast.expr | None:
    """The argument of *call* at *position* (from 0) or called *keyword*; None if it is not given."""
    if len(call.args) > position and not any(isinstance(a, ast.Starred) for a in call.args[: position + 1]):
        return call.args[position]
    return next((k.value for k in call.keywords if k.arg == keyword), None)


# -- following -------------------------------------------------------------------------------------


def _few(names: Iterable[str]) -> Names:
    return tuple(dict.fromkeys(names))[:_MOST_NAMES]


def _follow(value: Known | Alias, depth: int) -> Names:
    if isinstance(value, Known):
        return (value.name,)
    found = names_of(value.value, value.scope, depth + 1)
    return tuple(f"{name}()" for name in found) if value.made else found


def _lead(expression: ast.expr, scope: Scope, depth: int) -> Iterator[str]:  # noqa: C901, PLR0912 - one case for each kind of expression
    match expression:
        case ast.Name(id=name):
            yield from scope.lookup(name, depth)
        case ast.Attribute(value=value, attr=attr):
            for owner in names_of(value, scope, depth):
                yield owner.removesuffix(".__dict__") if attr == "__getitem__" else f"{owner}.{attr}"
        case ast.Call():
            yield from _call(expression, scope, depth)
        case ast.Subscript(value=value, slice=index):
            for owner in names_of(value, scope, depth):
                yield from _item(owner, literal_text(index), scope, depth)
        case ast.BinOp(left=left, op=ast.Div()):
            yield from (name for name in names_of(left, scope, depth) if name.startswith("pathlib."))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from (*names_of(left, scope, depth), *names_of(right, scope, depth))
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*names_of(body, scope, depth), *names_of(orelse, scope, depth))
        case ast.BoolOp(values=values):
            for value in values:
                yield from names_of(value, scope, depth)
        case ast.NamedExpr(value=value) | ast.Await(value=value):
            yield from names_of(value, scope, depth)
        case _:
            return


def _call(call: ast.Call, scope: Scope, depth: int) -> Iterator[str]:
    """What a call leads to: what it looks up, for those that look something up, else `callee()`."""
    for callee in names_of(call.func, scope, depth):
        match callee:
            case "builtins.getattr" | "inspect.getattr_static" if len(call.args) > 1:
                attr = literal_text(call.args[1])
                yield from () if attr is None else (f"{o}.{attr}" for o in names_of(call.args[0], scope, depth))
            case "builtins.__import__" | "importlib.__import__" | "importlib.import_module":
                yield from _imported(callee, call)
            case "builtins.vars" if call.args:
                yield from (f"{owner}.__dict__" for owner in names_of(call.args[0], scope, depth))
            case "operator.attrgetter()" if call.args and isinstance(call.func, ast.Call) and call.func.args:
                attr = literal_text(call.func.args[0])
                yield from () if attr is None else (f"{o}.{attr}" for o in names_of(call.args[0], scope, depth))
            case _:
                yield f"{callee}()"


def _imported(callee: str, call: ast.Call) -> Iterator[str]:
    named = argument(call, 0, "name")
    module = literal_text(named) if named is not None else None
    if module:
        whole = callee == "importlib.import_module" or argument(call, 3, "fromlist") is not None
        yield module if whole else module.partition(".")[0]


def _item(owner: str, key: str | None, scope: Scope, depth: int) -> Iterator[str]:
    """What `owner[key]` leads to; for what is no table of names, the owner itself (`GenServer[State]`)."""
    if key is None:
        yield owner
    elif owner == "sys.modules":
        yield key
    elif owner == "builtins.globals()":
        yield from scope.top.lookup(key, depth)
    elif owner.endswith(".__dict__"):
        yield f"{owner.removesuffix('.__dict__')}.{key}"
    elif owner == "builtins":
        yield f"builtins.{key}"
    else:
        yield owner
