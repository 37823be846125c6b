"""Load a new version of a module: prepare it beside the live one, then install it, as steps that can be taken back.

`prepare` compiles, compares, and runs what changed in a scratch namespace: nothing that a program can see is touched,
and whatever is wrong with the new source shows here. `LoadedVersion.install` puts the outcome into the live module,
which stays the same object, and writes the inverse of every step to a journal first.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any, final

from otpy.code.baseline import baseline, home_of
from otpy.code.become import Exchanges, plan
from otpy.code.changes import Changes, compare
from otpy.code.definitions import docstrings
from otpy.code.dependents import bindings, rebind
from otpy.code.functions import apply_moves, functions_of, moves, twin
from otpy.code.history import histories
from otpy.code.journal import Journal, reorder
from otpy.code.scratch import Scratch, is_from_text, run
from otpy.code.sources import pin, refiled, show, version_filename
from otpy.code.version import Version, read_version
from otpy.code.visibility import attach
from otpy.errors import LoadFailed


def prepare(name: str, source: str, *, path: str | None = None) -> LoadedVersion:
    """Compile *source* as the next version of module *name* and run what it changes, beside the live module.

    A module that is not loaded yet is run as a whole. *path* is the file that the text comes from, for messages.

    Raises: CompilationFailed, with the place; LoadFailed, whose cause is what the new code raised, or that the
    module is not made of Python source. Then nothing has changed: no name and no module is left behind.
    """
    return prepare_all({name: source}, paths={name: path})[0]


def prepare_all(sources: Mapping[str, str], *, paths: Mapping[str, str | None] | None = None) -> list[LoadedVersion]:
    """Prepare several modules, none of which is installed before all have run.

    They are run in the order of *sources*, and each sees those before it in their new versions: what it imports from
    them by name, and what it makes of that, is made anew. Install them in the same order, with one journal.

    Raises: as `prepare`.
    """
    ready: list[LoadedVersion] = []
    try:
        for name, source in sources.items():
            ready.append(_run_one(name, source, (paths or {}).get(name), [each.scratch for each in ready]))
        _settle(ready)
    except BaseException:
        for each in reversed(ready):
            each.discard()
        raise
    return ready


def _run_one(name: str, source: str, path: str | None, beside: list[Scratch]) -> LoadedVersion:
    live = sys.modules.get(name)
    refuse_foreign(name, live)
    previous = baseline(name, live) if live is not None else None
    version = read_version(name, source, number=histories.next_number(name), path=path)
    show(version.filename, source)
    preparation = Journal()
    try:
        scratch = run(version, previous, live, preparation, beside)
    except BaseException:
        preparation.undo()
        histories.retire(version)
        raise
    return LoadedVersion(version, previous, compare(previous, version), live, scratch, preparation)


def _settle(ready: list[LoadedVersion]) -> None:
    """Find, in one search for all, what is to be exchanged when they are installed: here, where nobody waits for it."""
    made = functions_of(*(each.scratch.namespace for each in ready))
    alive = functions_of(*(vars(each.live) for each in ready if each.live is not None))
    pairs: list[tuple[object, object]] = [view for each in ready for view in each.scratch.views]
    for each, new in zip(ready, made, strict=True):
        if each.live is None:
            each.code_moves = [(function, each.at_home(function.__code__)) for function in new]
            continue
        each.code_moves = each.moves_of(alive.pop(0))
        namespace = vars(each.live)
        pairs += [(function, twin(function, namespace, each.at_home(function.__code__))) for function in new]
    exchanges = plan(pairs, not_in=[pairs, *pairs, *made, *(each.scratch.views for each in ready)])
    for each in ready:
        each.exchanges = exchanges


def refuse_foreign(name: str, live: ModuleType | None) -> None:
    """A module that is built in, or compiled from another language, has no Python source to take the place of."""
    spec = getattr(live, "__spec__", None)
    if (
        live is not None
        and spec is not None
        and (spec.origin in ("built-in", "frozen") or str(spec.origin).endswith((".so", ".pyd")))
    ):
        raise LoadFailed(name, ImportError(f"{name} is not made of Python source; it cannot be replaced"))


@final
@dataclass(slots=True)
class LoadedVersion:
    """A version that has been run and waits to be installed. Use it once: `install`, or `discard`."""

    version: Version
    previous: Version | None
    """What it takes the place of; None for a new module, or when the text of what runs is not known."""
    changes: Changes
    live: ModuleType | None
    scratch: Scratch = field(repr=False)
    preparation: Journal = field(repr=False)
    rebound: tuple[str, ...] = ()
    """After `install`: globals of other modules that were given new values."""
    exchanges: Exchanges = field(default_factory=Exchanges, repr=False)
    """What has to be exchanged in the holders of new functions; shared by all that were prepared together."""
    code_moves: list[tuple[FunctionType, CodeType]] = field(default_factory=list, repr=False)
    home: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.home = home_of(self.live) or self.version.path

    # -- what it means -------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the module."""
        return self.version.name

    @property
    def kept(self) -> tuple[str, ...]:
        """Definitions whose value stays although what it was made from has changed: state of the running program."""
        return tuple(self.scratch.kept)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should know before this is installed."""
        return tuple(self._find_warnings())

    @property
    def replaced(self) -> dict[str, tuple[Any, Any]]:
        """Names that stand for another object: what they are now, and what they will be."""
        old = vars(self.live) if self.live is not None else {}
        new = self.scratch.namespace
        return {n: (old[n], new[n]) for n in sorted(self.scratch.changed) if n in old and n in new}

    @property
    def removed(self) -> dict[str, Any]:
        """Names that will be gone, with what they are now."""
        old = vars(self.live) if self.live is not None else {}
        return {n: old[n] for n in sorted(self.scratch.changed) if n in old and n not in self.scratch.namespace}

    @property
    def classes(self) -> dict[type, type | None]:
        """The classes of the live module that are replaced, nested ones too, each with its successor.

        A class that is gone has None. This is what a migration of states works from. After `install` it is empty:
        ask before.
        """
        table: dict[type, type | None] = {}
        for old, new in self.replaced.values():
            if isinstance(old, type) and old.__module__ == self.name:
                pair_classes(old, new if isinstance(new, type) else None, table)
        for old in self.removed.values():
            if isinstance(old, type) and old.__module__ == self.name:
                pair_classes(old, None, table)
        return table

    def _find_warnings(self) -> Iterator[str]:
        if self.live is not None and self.previous is None:
            yield f"the source of {self.name} is not known (edited since it was imported?): all of it is loaded anew"
        for name in self.kept:
            yield f"{name} keeps its value, although what it was made from has changed"
        for binding in bindings(self.name, self.removed):
            holder = f"{binding.dependent.__name__}.{binding.name}"
            yield f"{holder} was imported from {self.name}, where {binding.exported} is gone"
        for holder in sorted(set(self.exchanges.stuck)):
            yield f"{holder} holds new code of {self.name} and does not let it go: it will not see later changes"

    # -- doing it ------------------------------------------------------------------------------------

    def install(self, journal: Journal) -> ModuleType:
        """Make this the current version. Every step is in *journal*; returns the module, the same object as before."""
        journal.absorb(self.preparation)
        show(self.version.filename, self.version.source)
        if self.live is None:
            module = self.scratch.module
            apply_moves(self.code_moves, journal)
            attach(module, self.name, journal)
        else:
            module = self.live
            self._install_into(module, journal)
        if self.previous is not None and histories.current(self.name) is None:
            histories.push(self.previous, journal)
        histories.push(self.version, journal)
        if self.home is not None:
            pin(self.home, self.version.source, journal)
        return module

    def _install_into(self, live: ModuleType, journal: Journal) -> None:
        """Change the namespace of *live*, and what depends on it."""
        namespace = vars(live)
        old = {name: was for name, (was, _) in self.replaced.items()}
        order = list(namespace)
        journal.write(f"order of {self.name}", lambda: reorder(namespace, order))
        self.exchanges.apply(journal)
        apply_moves(self.code_moves, journal)
        new = {name: self.scratch.namespace[name] for name in self.scratch.changed if name in self.scratch.namespace}
        put_all(namespace, new, journal)
        for name in self.removed:
            journal.delete_item(namespace, name, f"{self.name}.{name}")
        if is_from_text(live):
            for name in ("__file__", "__loader__", "__spec__"):
                journal.set_item(namespace, name, self.scratch.namespace[name], f"{self.name}.{name}")
        if live.__doc__ != self.version.doc:
            journal.set_attribute(live, "__doc__", self.version.doc, f"docstring of {self.name}")
        describe(namespace, self.version, journal)
        self.rebound = rebind(self.name, old, new, journal)

    def discard(self) -> None:
        """Give it up: modules that were imported only to prepare it are forgotten."""
        self.preparation.undo()
        histories.retire(self.version)

    def at_home(self, code: CodeType) -> CodeType:
        """*code* under the name that it has once installed."""
        return code if self.home is None else refiled(code, self.home, only=self.version.filename)

    def moves_of(self, alive: list[FunctionType]) -> list[tuple[FunctionType, CodeType]]:
        """The code that the functions of the live module get: the same, on other lines or under another file name."""
        if self.previous is not None:
            return moves(alive, self.previous, self.version, self.home)
        if self.home is None:
            return []
        # No text is better than that of another version.
        unknown = version_filename(self.name, 0)
        return [(function, refiled(function.__code__, unknown, only=self.home)) for function in alive]


def put_all(namespace: dict[str, Any], new: dict[str, Any], journal: Journal) -> None:
    """Set many globals at once: no other thread sees some of them set and others not."""
    before = {name: namespace[name] for name in new if name in namespace}

    def restore() -> None:
        namespace.update(before)
        for name in new.keys() - before.keys():
            namespace.pop(name, None)

    journal.write(f"globals {', '.join(sorted(new))}", restore)
    namespace.update(new)


def pair_classes(old: type, new: type | None, table: dict[type, type | None]) -> None:
    """Note *old* and the classes defined inside it with their successors."""
    if old in table or old is new:
        return
    table[old] = new
    for name, inner in list(vars(old).items()):
        if isinstance(inner, type) and inner.__qualname__ == f"{old.__qualname__}.{name}":
            successor = vars(new).get(name) if new is not None else None
            pair_classes(inner, successor if isinstance(successor, type) else None, table)


def describe(namespace: dict[str, Any], version: Version, journal: Journal) -> None:
    """Give definitions that did not change the docstrings and lines that they have in *version*."""
    lines = class_lines(version.tree)
    for qualname, doc in docstrings(version.tree).items():
        found = definition_at(namespace, qualname)
        if found is None or found.__module__ != version.name:
            continue
        if doc is not None and found.__doc__ != doc:
            journal.set_attribute(found, "__doc__", doc, f"docstring of {qualname}")
        if isinstance(found, type) and vars(found).get("__firstlineno__", lines.get(qualname)) != lines.get(qualname):
            journal.set_attribute(found, "__firstlineno__", lines[qualname], f"line of {qualname}")


def class_lines(tree: ast.Module) -> dict[str, int]:
    """The first line of each class that stands at top level or in such a class, as Python 3.13 notes it."""
    found: dict[str, int] = {}

    def collect(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                found[prefix + node.name] = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                collect(node.body, f"{prefix}{node.name}.")

    collect(tree.body, "")
    return found


def definition_at(namespace: dict[str, Any], qualname: str) -> Any:
    """The function or class of that qualified name, if it is one and is called so."""
    first, *rest = qualname.split(".")
    found = namespace.get(first)
    for part in rest:
        found = vars(found).get(part) if isinstance(found, type) else None
    return found if isinstance(found, (type, FunctionType)) and found.__qualname__ == qualname else None
