"""What a module depends on, as values: which other module, for what, and where its text says so.

`reading.uses` reads one module by itself; whom it means in a program, `resolved` says, which knows all modules
(and the names that they register). So the text of a module has to be read once only, whatever comes and goes beside it.

The kinds, from those that matter when a module is *loaded* to those that matter while processes *run*:

| kind | the text says | changed there means here |
| --- | --- | --- |
| import | `import`, `from … import`, `import_module("…")` at module level, in `if` and `try` too | names are rebound |
| base | a base class, a protocol, a metaclass | the class is made on another one |
| decorator | `@decorator` | the definition is decorated anew |
| value | what is looked up when a definition is made: defaults, class bodies, right-hand sides | derived again |
| declared | `depends_on = (…)` in a module or class | its author says so |
| late_import | an import inside a function | found at the next call |
| start | `Cart.start_link`, `Cart.child_spec`, `MFA("cart", …)` | the child of a supervisor |
| call | `otpy.call("cart", …)`, `cast`, `send`, … | processes that talk to each other |

Imports under `if TYPE_CHECKING:` are none: they do not happen.

Source: EDITS.md, algorithm; OTP appup's `DepMods` say by hand what is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["import", "base", "decorator", "value", "declared", "late_import", "start", "call"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

LOADING: Final[frozenset[Kind]] = frozenset({"import", "base", "decorator", "value", "declared"})
"""The kinds that decide in which order modules are loaded."""

RUNNING: Final[frozenset[Kind]] = frozenset({"late_import", "start", "call"})
"""The kinds that matter only while processes run."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """Module *source* depends on module *target*, for *name* there (empty: the module itself, "*": all of it).

    *line* is where *source* says so, from 1; *inside* the definition that says it ("Cart.handle_call"), empty at module
    level. Before it is resolved, a call to a registered name has an empty *target* and that name as *name*.
    """

    source: str
    target: str
    kind: Kind
    name: str = ""
    line: int = 0
    inside: str = ""

    def __str__(self) -> str:
        if self.kind == "call":
            what = repr(self.name) + (f" of {self.target}" if self.target else "")
        else:
            what = f"{self.target}.{self.name}" if self.name else self.target
        where = f" in {self.inside}" if self.inside else ""
        return f"{self.source}:{self.line}{where} {_VERBS[self.kind]} {what}"


_VERBS: Final[Mapping[Kind, str]] = {
    "import": "imports",
    "base": "derives from",
    "decorator": "decorates with",
    "value": "uses when it is loaded",
    "declared": "declares that it depends on",
    "late_import": "imports when it runs",
    "start": "starts",
    "call": "calls",
}


@dataclass(frozen=True, slots=True)
class Registration:
    """The text of *module* gives processes of *owner* ("Cart", in module *owner_module*) the registered *name*."""

    name: str
    owner_module: str
    owner: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Uses:
    """What the text of one module says: *dependencies* as written, not yet resolved, and the names it registers."""

    module: str
    is_package: bool = False
    dependencies: tuple[Dependency, ...] = ()
    registrations: tuple[Registration, ...] = ()
    invocations: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    """Which function calls which at run time: (inside, module, name), as written."""
    statics: frozenset[str] = field(default=frozenset(), repr=False)
    """Methods that are not run by processes of their class as such: static and class methods."""
    paths: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    """Every dotted path that could turn out to be a module, to know whom a module that comes or goes concerns."""


def uses_of(module: str, dependencies: Collection[Dependency], *, is_package: bool = False) -> Uses:
    """Return the uses of *module* that somebody else has found, or wants to try out."""
    own = tuple(dependencies)
    for dependency in own:
        if dependency.source != module:
            msg = f"{dependency} is given as a dependency of {module}; its source has to be {module!r}"
            raise ValueError(msg)
    return Uses(module, is_package, own, paths=paths_of(own))


def paths_of(dependencies: Iterable[Dependency], registrations: Iterable[Registration] = ()) -> frozenset[str]:
    """Return every dotted path in them that could be a module."""
    found: set[str] = set()
    for dependency in dependencies:
        if dependency.kind == "declared":
            found.update(_cuts(dependency.target, ""))
        elif dependency.target:
            found.update(_cuts(dependency.name, dependency.target))
    for registration in registrations:
        found.update(_cuts(registration.owner, registration.owner_module))
    return frozenset(found)


def _cuts(dotted: str, module: str) -> Iterator[str]:
    """Yield *module* and each longer beginning of *dotted* in it."""
    path = module
    if path:
        yield path
    for part in dotted.split(".") if dotted not in ("", "*") else ():
        path = f"{path}.{part}" if path else part
        yield path


def resolved(
    use: Uses, is_module: Callable[[str], bool], registered: Callable[[str], Collection[str]]
) -> Iterator[Dependency]:
    """Yield the dependencies of *use* with the modules that they mean; those on itself are left out.

    *is_module* says which names are modules of the program; *registered* gives the modules whose processes have a
    registered name. What is not of the program (the standard library) keeps the module that the text names.
    """
    for dependency in use.dependencies:
        for found in _resolve(dependency, is_module, registered):
            if found.target != use.module:
                yield found


def _resolve(
    dependency: Dependency, is_module: Callable[[str], bool], registered: Callable[[str], Collection[str]]
) -> Iterator[Dependency]:
    if not dependency.target:
        for target in sorted(registered(dependency.name)):
            yield replace(dependency, target=target)
    elif dependency.kind == "declared":
        yield from _declared(dependency, is_module, registered)
    else:
        yield _submodule(dependency, is_module)


def _submodule(dependency: Dependency, is_module: Callable[[str], bool]) -> Dependency:
    target, name = resolve_path(dependency.target, dependency.name, is_module)
    return dependency if target == dependency.target else replace(dependency, target=target, name=name)


def resolve_path(module: str, name: str, is_module: Callable[[str], bool]) -> tuple[str, str]:
    """Return module and name that *name* in *module* is: `cart` in `shop` is module `shop.cart`, if there is one."""
    found = (module, name)
    path, rest = module, "" if name == "*" else name
    while rest:
        first, _, rest = rest.partition(".")
        path = f"{path}.{first}"
        if is_module(path):
            found = (path, rest)
    return found


def _declared(
    dependency: Dependency, is_module: Callable[[str], bool], registered: Callable[[str], Collection[str]]
) -> Iterator[Dependency]:
    """What an author declares is a module, a definition in one, or a registered name."""
    target, name = dependency.target, ""
    while target:
        if is_module(target):
            yield replace(dependency, target=target, name=name)
            return
        target, _, last = target.rpartition(".")
        name = f"{last}.{name}" if name else last
    owners = sorted(registered(dependency.target))
    yield from (replace(dependency, target=owner, name=dependency.target) for owner in owners)
    if not owners:
        yield dependency
