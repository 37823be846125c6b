"""Load new versions of modules: prepare them beside the live ones, then install them, as steps that can be taken back.

`prepare_all` compiles, compares, and runs what has to run in scratch namespaces: nothing that a program can see is
touched, and whatever is wrong with the new sources shows here. `Prepared.install` puts the outcome into the live
modules, which stay the same objects, and writes the inverse of every step to a journal first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from types import FunctionType, ModuleType
from typing import Final, final

from otpy.code.baseline import baseline
from otpy.code.caches import Caches
from otpy.code.conform import Conformed, conform
from otpy.code.dependents import NOT_LOOKED_AT, bindings, importers, is_installed
from otpy.code.finding import functions_of, references
from otpy.code.history import histories
from otpy.code.imports import import_order
from otpy.code.journal import Journal
from otpy.code.loaded import LoadedVersion
from otpy.code.prepared import Prepared
from otpy.code.registries import Registries
from otpy.code.runner import Together
from otpy.code.sources import show
from otpy.code.verdicts import DefinitionChange, compare
from otpy.code.version import Version, read_version
from otpy.code.visibility import noting_imports
from otpy.errors import LoadFailed

MAX_ROUNDS: Final = 10
"""How often the modules of a ring of imports are gone through until nothing changes any more."""


def prepare(name: str, source: str, *, path: str | None = None) -> Prepared:
    """Prepare *source* as the next version of module *name*, and nothing else; see `prepare_all`."""
    return prepare_all({name: source}, paths={name: path})


def prepare_all(
    sources: Mapping[str, str],
    *,
    paths: Mapping[str, str | None] | None = None,
    dependents: Iterable[str] = (),
    in_place: bool = True,
) -> Prepared:
    """Compile *sources* (by module name) as the next versions, and run what they change, beside the live modules.

    They are run in the order of their imports, and each sees the others in their new versions: what it imports from
    them, and what it makes of that, is made anew. A module that is not loaded yet is run as a whole.

    *paths*: the files that the texts come from, for messages. *dependents*: loaded modules whose text stays, and whose
    values that come from the new versions are to be made anew; see `dependents_of`. *in_place*: whether live functions
    and classes stay the same objects where their layout allows it; if not, every changed one becomes a new object, and
    the old ones live on beside them.

    Raises: CompilationFailed, with the place; LoadFailed, whose cause is what the new code raised, or that a module is
    not made of Python source. Then nothing has changed: no name and no module is left behind.
    """
    return prepare_versions(_read(sources, paths or {}), dependents=dependents, in_place=in_place)


def prepare_versions(versions: Iterable[Version], *, dependents: Iterable[str] = (), in_place: bool = True) -> Prepared:
    """As `prepare_all`, for versions that have been read."""
    preparation = Preparation(in_place=in_place)
    try:
        preparation.look_at(versions, dependents)
        return preparation.prepare()
    except BaseException:
        preparation.give_up()
        raise


def _read(sources: Mapping[str, str], paths: Mapping[str, str | None]) -> Iterator[Version]:
    for name, source in sources.items():
        live = sys.modules.get(name)
        if live is not None:
            baseline(name, live)  # what runs has its number before what is to come
        yield read_version(name, source, number=histories.next_number(name), path=paths.get(name))


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
class Preparation:
    """One preparation: look, run, settle."""

    def __init__(self, *, in_place: bool) -> None:
        self.in_place = in_place
        self.journal = Journal()
        self.loaded: list[LoadedVersion] = []
        self.dependents: list[LoadedVersion] = []
        self.warnings: list[str] = []

    def look_at(self, versions: Iterable[Version], dependents: Iterable[str]) -> None:
        """Compare each with what runs."""
        for version in versions:
            live = sys.modules.get(version.name)
            refuse_foreign(version.name, live)
            previous = baseline(version.name, live) if live is not None else None
            show(version.filename, version.parsed.lines)
            self.loaded.append(self._module(version, previous, live))
        given = {loaded.name for loaded in self.loaded}
        for name in dict.fromkeys(dependents):
            live = sys.modules.get(name)
            if live is not None and name not in given:
                running = baseline(name, live)
                if running is None:
                    self.warnings.append(f"the source of {name} is not known: what it has made of imports stays")
                else:
                    self.dependents.append(
                        LoadedVersion(running, running, live, *compare(running, running), is_dependent=True)
                    )

    def _module(self, version: Version, previous: Version | None, live: ModuleType | None) -> LoadedVersion:
        loaded = LoadedVersion(version, previous, live, *compare(previous, version))
        if self.in_place and previous is not None and live is not None:
            loaded.find_bodies()
        return loaded

    def prepare(self) -> Prepared:
        """Run what has to run, and decide on every step of the installation."""
        refusals = tuple(self._refusals())
        if refusals:
            self.give_up()
            changes = tuple(change for loaded in self.loaded for change in loaded.changes)
            return Prepared(changes=changes, refusals=refusals)
        if not all(loaded.is_bodies_only for loaded in self.loaded) or self.dependents:
            self._run()
        return self._settled()

    def give_up(self) -> None:
        """Forget the modules that were imported, and the versions."""
        self.journal.undo()
        for loaded in self.loaded:
            histories.retire(loaded.version)

    def _refusals(self) -> Iterator[DefinitionChange]:
        """Names that are gone while someone else still imports them."""
        together = {loaded.name for loaded in self.loaded}
        for loaded in self.loaded:
            gone = loaded.names_gone()
            for name, who in importers(loaded.name, gone.keys() - {"__annotations__"}) if gone else ():
                others = sorted(who - together)
                if others:
                    told = f"removed, but still imported by {', '.join(others)}"
                    advice = f"keep {name}, or change {', '.join(others)} in the same upgrade"
                    yield DefinitionChange(loaded.name, name, "cannot", gone[name], told, advice)

    # -- running -------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Run all, those first that others import; rings until nothing changes any more."""
        modules = {each.name: each for each in (*self.loaded, *self.dependents)}
        registries = Registries(self._concerned())
        try:
            with noting_imports(self.journal), ExitStack() as stack:
                together = Together(self.in_place, stack)
                for ring in import_order({name: m.imported_modules() for name, m in modules.items()}):
                    _run_ring([modules[name] for name in ring], together)
        finally:
            ran = [each.scratch for each in modules.values() if each.has_run]
            registries.note_additions(ran, self.journal)

    def _concerned(self) -> list[ModuleType]:
        """The modules that code which runs now may put things into: those that are edited, and what they import."""
        names = {name for each in self.loaded for name in (each.name, *each.imported_modules())}
        found = [sys.modules.get(name) for name in sorted(names)]
        return [
            m
            for m in found
            if m is not None and m.__name__.partition(".")[0] not in NOT_LOOKED_AT and not is_installed(m)
        ]

    # -- settling ------------------------------------------------------------------------------------

    def _settled(self) -> Prepared:
        """Find, in one search for all, what is to be exchanged when this is installed: here, where nobody waits."""
        every = [*self.loaded, *(each for each in self.dependents if each.has_run)]
        made, alive = self._functions(every)
        twins: list[tuple[object, object]] = [v for each in every for v in each.scratch.views if is_held(v)]
        for each, functions in zip(every, made, strict=True):
            twins += each.twins_of(functions)
        pairs = [pair for each in every for pair in each.pairs()] if self.in_place else []
        kept = {cls: names for each in every for cls, names in each.kept_members().items()} if pairs else {}
        notes = [note for each in every for note in each.notes_on_ghosts()]
        namespaces = [each.scratch.namespace for each in every]
        ours = [*made, *alive, *notes]
        conformed = Conformed()
        if pairs or twins:
            conformed = conform(pairs, twins=twins, kept=kept, not_in=ours, known=namespaces)
        for each, functions in zip(every, alive, strict=True):
            each.settle(conformed, functions)
        for each in self.loaded:
            each.held = references(each.live) if each.live is not None else 0
        holders = bindings({each.name: each.replaced() for each in every}, without={each.name for each in every})
        for each in every:
            each.importers = holders.get(each.name, [])
        edited: list[FunctionType] = [
            patch.function for each in every for patch in each.patches.patches if patch.is_edit
        ]
        return Prepared(
            changes=tuple(change for each in every for change in each.changes),
            loaded=tuple(self.loaded),
            dependents=tuple(each for each in self.dependents if each.has_run),
            conformed=conformed,
            kept_members=kept,
            caches=Caches(edited),
            preparation=self.journal,
            in_place=self.in_place,
            more_warnings=tuple(self.warnings),
        )

    def _functions(self, every: list[LoadedVersion]) -> tuple[list[list[FunctionType]], list[list[FunctionType]]]:
        """For each module the functions that were made in its scratch, and those that are alive in the live module."""
        ran = [each for each in every if each.has_run]
        lives = [each for each in self.loaded if each.live is not None]
        found = functions_of(*(each.scratch.module for each in ran), *(each.live for each in lives if each.live))
        made = {id(each): functions for each, functions in zip(ran, found, strict=False)}
        alive = {id(each): functions for each, functions in zip(lives, found[len(ran) :], strict=True)}
        return [made.get(id(each), []) for each in every], [alive.get(id(each), []) for each in every]


def is_held(view: tuple[object, object]) -> bool:
    """Whether anyone but the pair *view* holds the first of it."""
    return sys.getrefcount(view[0]) > HELD_BY_A_PAIR


HELD_BY_A_PAIR: Final = next(sys.getrefcount(pair[0]) for pair in [(object(), None)])


def _run_ring(ring: list[LoadedVersion], together: Together) -> None:
    """Run modules that import each other: one after the other, and again where the others have changed something."""
    together.waiting = {loaded.name: partial(loaded.run, together) for loaded in ring}
    for loaded in ring:
        together.begin(loaded.name)
    for _ in range(MAX_ROUNDS if len(ring) > 1 else 0):
        if not [loaded for loaded in ring if loaded.run_again()]:
            return
