"""What came of a preparation: a value to read (what will change, for whom), and the one way to install it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import final

from otpy.code.caches import Caches
from otpy.code.conform import Conformed
from otpy.code.history import histories
from otpy.code.journal import Journal
from otpy.code.loaded import LoadedVersion
from otpy.code.verdicts import DefinitionChange
from otpy.errors import LoadFailed


@final
@dataclass
class Prepared:
    """Versions that have been run and wait to be installed. Use it once: `install`, or `discard`."""

    changes: tuple[DefinitionChange, ...]
    """What becomes of each definition, of dependents only what changes."""
    loaded: tuple[LoadedVersion, ...] = ()
    """The new versions, in the order that was asked for; none when something is refused."""
    dependents: tuple[LoadedVersion, ...] = ()
    """Modules whose text stays and whose values are made anew."""
    refusals: tuple[DefinitionChange, ...] = ()
    """What cannot be done, each with advice. Then nothing may be installed."""
    in_place: bool = True
    kept_members: Mapping[type, Collection[str]] = field(default_factory=dict, repr=False)
    """For live classes that are edited, the members that stay as they are: what the program has made of them."""
    conformed: Conformed = field(default_factory=Conformed, repr=False)
    caches: Caches = field(default_factory=Caches, repr=False)
    preparation: Journal = field(default_factory=Journal, repr=False)
    more_warnings: tuple[str, ...] = ()

    @cached_property
    def bodies_only(self) -> bool:
        """Whether `install` only replaces code objects, lines and docstrings; nothing was executed."""
        return not self.refusals and not self.dependents and all(each.is_bodies_only for each in self.loaded)

    @cached_property
    def touched(self) -> frozenset[str]:
        """The modules in which anything but bodies, docstrings and lines changes, dependents included."""
        every = (*self.loaded, *self.dependents)
        holders = {holder.dependent.__name__ for each in every for holder in each.importers}
        return frozenset(each.name for each in every if each.is_touched) | holders

    @cached_property
    def ghosts(self) -> Mapping[type, type]:
        """The live classes that were defined anew, each with what came of that, whether that takes its place or not."""
        return MappingProxyType({old: new for old, new in self._classes.items() if new is not None})

    @cached_property
    def replaced(self) -> Mapping[type, type | None]:
        """The live classes that another object takes the place of; None for those that are gone."""
        stay = {id(new) for new in self._classes.values() if new is not None and self._stays(new)}
        table = {old: new for old, new in self._classes.items() if new is None or id(new) not in stay}
        return MappingProxyType({**table, **self.conformed.replaced})

    @cached_property
    def reshaped(self) -> Mapping[type, type]:
        """The live classes that stay and whose instances have other fields; each with a class that has the new ones."""
        found = dict(self.conformed.reshaped)
        shapes = {(c.module, c.name) for c in self.changes if c.verdict == "shape" and " sets self." in c.detail}
        for old, new in self.ghosts.items():
            if (old.__module__, old.__qualname__) in shapes and old not in self.replaced:
                found.setdefault(old, new)
        return MappingProxyType(found)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should know before this is installed."""
        return tuple(self._find_warnings())

    @cached_property
    def _classes(self) -> dict[type, type | None]:
        table: dict[type, type | None] = {}
        for each in (*self.loaded, *self.dependents):
            table.update(each.classes())
        return table

    def _stays(self, ghost: type) -> bool:
        return self.conformed.live.get(id(ghost), ghost) is not ghost

    def _find_warnings(self) -> Iterator[str]:
        yield from self.more_warnings
        for each in (*self.loaded, *self.dependents):
            yield from each.find_warnings()
        # A class that is made anew itself needs no telling that its base is.
        anew = {f"{cls.__module__}.{cls.__qualname__}" for cls in self.replaced}
        notes = [n for n in self.conformed.notes if n.kind != "replaced" and (n.kind != "stray" or n.name not in anew)]
        yield from dict.fromkeys(map(str, notes))

    # -- doing it ------------------------------------------------------------------------------------

    def install(self, journal: Journal) -> None:
        """Make these the current versions. Every step is in *journal*, its inverse first.

        Raises: LoadFailed, if something is refused; then nothing has been done. What a class raises that is edited
        (pydantic builds models again); undo the journal then.
        """
        if self.refusals:
            first = self.refusals[0]
            raise LoadFailed(first.module, ImportError(str(first)))
        _ = self.bodies_only, self.touched, self.ghosts, self.replaced, self.reshaped, self.warnings  # as they were
        every = (*self.loaded, *self.dependents)
        journal.absorb(self.preparation)
        self.caches.clear_at_undo(journal)
        codes = [[function.__code__ for function in each.alive] for each in self.loaded]
        self.conformed.apply(journal)
        for each in every:
            each.install(journal)
        for each in every:
            each.patches.refile_the_rest(journal)
        for each, before in zip(self.loaded, codes, strict=True):
            each.note_superseded(before, journal)
        self.caches.clear()

    def discard(self) -> None:
        """Give it up: modules that were imported only to prepare it are forgotten."""
        self.preparation.undo()
        for each in self.loaded:
            histories.retire(each.version)
