"""Who depends on whom, as a graph of modules that grows and shrinks with the program.

Modules that depend on each other in a ring are one *unit*: they are loaded one after the other, as Python itself would,
and stand in one level. Orders and levels look at what happens while modules are loaded (`LOADING`); calls between
processes and imports inside functions do not decide about an order, and make no rings.

Each text is read once, whatever graph it is in (`reading.uses`), and edges are drawn when somebody asks. So in a
graph of a hundred modules of which one has changed, only that one is read again.

Source: EDITS.md, algorithm, step 1; OTP systools_rc condenses rings and sorts in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import final

from otpy.analysis import drawing
from otpy.analysis.dependencies import KINDS, LOADING, Dependency, Kind, Uses, resolve_path, resolved, uses_of
from otpy.analysis.reading import uses
from otpy.analysis.units import Units
from otpy.errors import MissingDependency

Kinds = Collection[Kind]


@final
class DependencyGraph:
    """The modules of a program and what they depend on. Change it with `add` and `remove`."""

    def __init__(self) -> None:
        self._uses: dict[str, Uses] = {}
        self._given: dict[str, tuple[str | None, bool | None]] = {}  # the source and `package` of each
        self._mentions: dict[str, set[str]] = {}  # path → the modules whose text names it
        self._callers: dict[str, set[str]] = {}  # registered name → the modules that call it
        self._registering: dict[str, set[str]] = {}  # registered name → the modules whose text registers it
        self._edges: dict[str, dict[str, tuple[Dependency, ...]]] = {}  # drawn ones: source → target
        self._users: dict[str, list[str]] | None = None  # target → sources; None: not known yet

    @classmethod
    def of(cls, sources: Mapping[str, str], *, packages: Collection[str] = ()) -> DependencyGraph:
        """Return the graph of some modules (name → source). *packages* are those that have no module below them here.

        Raises: CompilationFailed.
        """
        graph = cls()
        for name in sorted(sources):  # packages before what is in them
            graph.add(name, sources[name], package=True if name in packages else None)
        return graph

    # -- changing it ---------------------------------------------------------------------------------

    def add(self, module: str, source: str | Iterable[Dependency], *, package: bool | None = None) -> None:
        """Add *module*, or replace what it depended on.

        *source* is its text, or dependencies that are already known. *package* says whether relative imports start
        from the module itself; None: if there are modules below it.

        Raises: CompilationFailed; then nothing has changed.
        """
        package_now = package if package is not None else self._has_below(module)
        if isinstance(source, str):
            found = uses(module, source, is_package=package_now)
        else:
            found = uses_of(module, tuple(source), is_package=package_now)
        self._forget(module)
        self._given[module] = (source if isinstance(source, str) else None, package)
        self._enter(found)
        self._read_parent_again(module)

    def remove(self, module: str) -> None:
        """Take *module* out. What depends on it goes on naming it, as it would any module from elsewhere.

        Raises: MissingDependency, if it is not there.
        """
        self._check(module, among=self._uses)
        self._forget(module)
        del self._given[module]
        self._read_parent_again(module)

    def _enter(self, found: Uses) -> None:
        module = found.module
        self._uses[module] = found
        for path in found.paths:
            self._mentions.setdefault(path, set()).add(module)
        for name in _asked(found):
            self._callers.setdefault(name, set()).add(module)
        for registration in found.registrations:
            self._registering.setdefault(registration.name, set()).add(module)
        self._redraw(module)

    def _forget(self, module: str) -> None:
        self._redraw(module)
        found = self._uses.pop(module, None)
        self._edges.pop(module, None)
        if found is None:
            return
        registered = (registration.name for registration in found.registrations)
        for index, keys in (
            (self._mentions, found.paths),
            (self._callers, _asked(found)),
            (self._registering, registered),
        ):
            for key in keys:
                index.get(key, set()).discard(module)
                if not index.get(key, True):
                    del index[key]

    def _redraw(self, module: str) -> None:
        """Forget the edges that may be others because *module* came, went or changed."""
        self._users = None
        concerned = {module, *self._mentions.get(module, ())}
        for each in tuple(concerned):
            if each in self._uses:
                for registration in self._uses[each].registrations:
                    concerned |= self._callers.get(registration.name, set())
        for each in concerned:
            self._edges.pop(each, None)

    def _read_parent_again(self, module: str) -> None:
        """A module becomes a package by what is below it, and its relative imports then mean something else."""
        parent = module.rpartition(".")[0]
        source, package = self._given.get(parent, (None, True))
        if source is None or package is not None:
            return
        if self._uses[parent].is_package != self._has_below(parent):
            self.add(parent, source)

    def _has_below(self, module: str) -> bool:
        return any(other.startswith(f"{module}.") for other in self._uses)

    # -- asking it -----------------------------------------------------------------------------------

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that were added, by name."""
        return tuple(sorted(self._uses))

    def __contains__(self, module: object) -> bool:
        return module in self._uses

    def __len__(self) -> int:
        return len(self._uses)

    def __iter__(self) -> Iterator[str]:
        return iter(self.modules)

    def all(self, *, kinds: Kinds | None = None) -> tuple[Dependency, ...]:
        """Return every dependency, by source, line and target."""
        found = (d for module in self._uses for each in self._out(module).values() for d in each)
        return tuple(sorted((d for d in found if kinds is None or d.kind in kinds), key=_place))

    def between(self, source: str, target: str, *, kinds: Kinds | None = None) -> tuple[Dependency, ...]:
        """Return for what *source* depends on *target* directly; the strongest kind first, then by line."""
        return tuple(d for d in self._out(source).get(target, ()) if kinds is None or d.kind in kinds)

    def dependencies(self, name: str, *, kinds: Kinds | None = None, transitive: bool = False) -> tuple[str, ...]:
        """Return the modules that *name* depends on, the nearest first; of some *kinds* only, if given.

        With *transitive*, what those depend on too. Modules that were never added (of the standard library) are there
        by name. Raises: MissingDependency, if nobody knows the module.
        """
        self._check(name)
        return _reach(name, lambda module: self._targets(module, kinds), transitive=transitive)

    def dependents(self, name: str, *, kinds: Kinds | None = None, transitive: bool = False) -> tuple[str, ...]:
        """Return the modules that depend on *name*, the nearest first; as `dependencies`."""
        self._check(name)
        return _reach(name, lambda module: self._sources(module, kinds), transitive=transitive)

    def reload_order(
        self, names: str | Iterable[str] | None = None, *, only: bool = False, kinds: Kinds = LOADING
    ) -> tuple[str, ...]:
        """Return in which order modules are loaded when *names* change: what a module depends on comes before it.

        With all that depends on them, unless *only* they are asked for; None: all modules. A ring is one unit: its
        modules follow each other, and whoever is named first comes last, as with Python's own import.
        Raises: MissingDependency.
        """
        chosen, units = self._chosen(names, only=only, kinds=kinds)
        return tuple(module for unit in units.in_order(chosen) for module in unit)

    def levels(
        self, names: str | Iterable[str] | None = None, *, only: bool = False, kinds: Kinds = LOADING
    ) -> tuple[tuple[str, ...], ...]:
        """Return the same modules as levels: those of one level need only those of the levels before it.

        So they may be done in parallel, but for the modules of a ring, which are one unit (`unit_of`) and follow each
        other. Raises: MissingDependency.
        """
        chosen, units = self._chosen(names, only=only, kinds=kinds)
        return units.in_levels(chosen)

    def cycles(
        self, names: str | Iterable[str] | None = None, *, kinds: Kinds = LOADING
    ) -> tuple[tuple[str, ...], ...]:
        """Return the rings: groups of modules that depend on each other, each in the order in which it is loaded.

        Those that *names* are in, or that depend on them; None: all. Raises: MissingDependency.
        """
        return self._chosen(names, only=False, kinds=kinds)[1].rings()

    def unit_of(self, name: str, *, kinds: Kinds = LOADING) -> tuple[str, ...]:
        """Return the ring that module *name* is in, or it alone. Raises: MissingDependency."""
        return self._chosen(name, only=False, kinds=kinds)[1].unit_of(name)

    def why(self, source: str, target: str, *, kinds: Kinds | None = None) -> tuple[Dependency, ...]:
        """Return a shortest way from *source* to *target*, one dependency for each step; empty if there is none.

        Raises: MissingDependency.
        """
        self._check(source)
        self._check(target)
        came_from: dict[str, str] = {source: source}
        todo = [source]
        for module in todo:
            for found in self._targets(module, kinds):
                if found not in came_from:
                    came_from[found] = module
                    todo.append(found)
        if target not in came_from:
            return ()
        way = [target]
        while way[-1] != source:
            way.append(came_from[way[-1]])
        way.reverse()
        return tuple(self.between(a, b, kinds=kinds)[0] for a, b in pairwise(way))

    def uses(self, module: str) -> Uses:
        """Return what the text of *module* says. Raises: MissingDependency."""
        self._check(module, among=self._uses)
        return self._uses[module]

    def owners(self, registered: str) -> tuple[tuple[str, str], ...]:
        """Return whose processes have the *registered* name, as far as texts say so: (module, "Cart")."""
        return tuple(sorted(self._owners(registered)))

    def __str__(self) -> str:
        return drawing.text(self)

    def mermaid(self) -> str:
        """Return the graph as a Mermaid flow chart; what matters only while processes run is dotted."""
        return drawing.mermaid(self)

    # -- drawing it ----------------------------------------------------------------------------------

    def _out(self, module: str) -> dict[str, tuple[Dependency, ...]]:
        """Return the dependencies of *module* by target, drawn now if they are not."""
        drawn = self._edges.get(module)
        if drawn is None:
            found: dict[str, list[Dependency]] = {}
            if module in self._uses:
                for dependency in resolved(self._uses[module], self._uses.__contains__, self._owning_modules):
                    found.setdefault(dependency.target, []).append(dependency)
            drawn = {target: tuple(sorted(each, key=_strength)) for target, each in found.items()}
            if module in self._uses:
                self._edges[module] = drawn
        return drawn

    def _owning_modules(self, registered: str) -> Collection[str]:
        return {module for module, _ in self._owners(registered)}

    def _owners(self, registered: str) -> Iterator[tuple[str, str]]:
        for module in self._registering.get(registered, ()):
            for each in self._uses[module].registrations:
                if each.name == registered:
                    yield resolve_path(each.owner_module, each.owner, self._uses.__contains__)

    def _targets(self, module: str, kinds: Kinds | None) -> list[str]:
        out = self._out(module)
        return sorted(t for t, each in out.items() if kinds is None or any(d.kind in kinds for d in each))

    def _sources(self, module: str, kinds: Kinds | None) -> list[str]:
        if self._users is None:
            self._users = {}
            for source in self.modules:
                for target in self._out(source):
                    self._users.setdefault(target, []).append(source)
        return [source for source in self._users.get(module, ()) if self.between(source, module, kinds=kinds)]

    def _chosen(
        self, names: str | Iterable[str] | None, *, only: bool, kinds: Kinds
    ) -> tuple[tuple[str, ...], Units[str]]:
        """Return the modules that are meant, and the part of the graph that decides about their order.

        A way from one of them to another leads only through modules that depend on the other: so the rest of the graph
        is left alone.
        """
        given = self.modules if names is None else tuple(dict.fromkeys([names] if isinstance(names, str) else names))
        for name in given:
            self._check(name, among=self._uses)
        reached = list(given)
        seen = set(given)
        for module in reached:
            fresh = [each for each in self._sources(module, kinds) if each not in seen]
            seen.update(fresh)
            reached += fresh
        units = Units({module: self._targets(module, kinds) for module in reached})
        return (given if only else tuple(reached)), units

    def _check(self, name: str, *, among: Collection[str] | None = None) -> None:
        if name not in self._uses and (among is not None or name not in self._mentions):
            message = f"{name} is not in the graph; add it, or look at `modules` for what is"
            raise MissingDependency(name, name, message)


def _asked(found: Uses) -> set[str]:
    """Return the registered names that *found* may mean."""
    return {d.target or d.name for d in found.dependencies if not d.target or d.kind == "declared"}


def _strength(dependency: Dependency) -> tuple[int, int, str]:
    return KINDS.index(dependency.kind), dependency.line, dependency.name


def _place(dependency: Dependency) -> tuple[str, int, str, int, str, str]:
    d = dependency
    return d.source, d.line, d.target, KINDS.index(d.kind), d.name, d.inside


def _reach(start: str, step: Callable[[str], Iterable[str]], *, transitive: bool) -> tuple[str, ...]:
    """Return what is reached from *start*, nearest first, without itself."""
    if not transitive:
        return tuple(step(start))
    found = [start]
    seen = {start}
    for module in found:
        fresh = [each for each in step(module) if each not in seen]
        seen.update(fresh)
        found += fresh
    return tuple(found[1:])
