"""What an upgrade does before anybody is paused: compile, compare, ask the policy, run beside the live modules.

Nothing that a program sees is touched here, so whatever fails costs nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, final

from otpy.behaviours.migrations import with_renames
from otpy.code import compiler, versions
from otpy.code.dependents import dependents_of
from otpy.code.history import histories
from otpy.code.loader import prepare_versions
from otpy.code.prepared import Prepared
from otpy.code.verdicts import HARMLESS, DefinitionChange, verdicts
from otpy.code.version import Version, read_version
from otpy.errors import CallTimeout, EffectRefused, IncompatibleUpgrade, LoadFailed, ReloadTimeout, UnsafeCode
from otpy.kernel.rehearsal import rehearsing
from otpy.safety.checks import check_sources
from otpy.safety.effects import KINDS, watched
from otpy.safety.policy import Policy
from otpy.upgrade.attempts import Attempt
from otpy.upgrade.collector import FullCollections
from otpy.upgrade.members import Concerned, concerns, nobody
from otpy.upgrade.options import Options
from otpy.upgrade.raised import is_end
from otpy.upgrade.reaching import reaches_conversions
from otpy.upgrade.steps import Steps


@final
class Preparation:
    """The sources of one upgrade, and what becomes of them. The steps are called in the order in which they stand."""

    def __init__(self, sources: Mapping[str, str], options: Options) -> None:
        self.given = dict(sources)
        self.options = options
        self.running: dict[str, Version | None] = {}
        """What runs of each given module; None for a new one, or one whose source is not known."""
        self.new: dict[str, Version] = {}
        """The versions to come, without those that run already; importers after what they import."""
        self.changes: tuple[DefinitionChange, ...] = ()
        """The verdicts on all definitions that are not unchanged."""
        self.dependents: tuple[str, ...] = ()
        self.prepared: Prepared | None = None
        self.warnings: list[str] = []
        self._replaced: Mapping[type, type | None] | None = None

    # -- the steps -----------------------------------------------------------------------------------

    def compile(self) -> None:
        """Compile every source, leave out what is the same already, and compare the rest. Raises CompilationFailed."""
        with FullCollections():  # syntax trees are many objects, and none of them is garbage yet
            self._compile()

    def _compile(self) -> None:
        now = self.running = {name: (versions(name) or (None,))[-1] for name in self.given}  # known if it fails, too
        found = compiled(self.given, self.options.paths)
        self.running = {name: now[name] for name in load_order(self.given)}
        for name, running in self.running.items():
            if running is None or running.source != self.given[name] or self.options.identity:
                self.new[name] = found[name]
        self.changes = tuple(self._compare())

    def _compare(self) -> Iterator[DefinitionChange]:
        for name, version in self.new.items():
            yield from (c for c in verdicts(self.running[name], version) if c.verdict != "unchanged")

    def load(self, policy: Policy, steps: Steps) -> None:
        """Run what changed beside the live modules: most of what can go wrong shows while all still runs.

        It is given up when the time of *steps* is over: what a module does when it is imported may never end.
        Raises LoadFailed, MissingDependency, IncompatibleUpgrade and ReloadTimeout.
        """
        moved = {change.module for change in self.changes if change.verdict not in HARMLESS}
        self.dependents = dependents_of(moved) if moved else ()
        self.prepared = self._in_time(policy, steps) if moved else self._prepare(policy)  # bodies alone run nothing
        self.changes = tuple(c for c in self.prepared.changes if c.verdict != "unchanged")
        self.warnings += self.prepared.warnings
        self.warnings += filter(None, map(_of_hashes, self.changes))
        self._refuse()

    def _in_time(self, policy: Policy, steps: Steps) -> Prepared:
        attempt = Attempt(partial(self._prepare, policy), label="load", late=Prepared.discard)
        try:
            return attempt.outcome(steps.seconds_left())
        except CallTimeout:
            given_up, seconds = attempt.give_up(), self.options.timeout
            raise ReloadTimeout(seconds, "load", given_up.where, goes_on=not given_up.has_ended) from None

    def _prepare(self, policy: Policy) -> Prepared:
        # Where their texts come from is no matter for what is loaded: modules stay where they were imported from.
        news = [dataclasses.replace(version, path=None) for version in self.new.values()]
        in_place, prepared = self.options.strategy == "atomic", None
        try:
            with self._guarded(policy):
                prepared = prepare_versions(news, dependents=self.dependents, in_place=in_place)
        except BaseException as error:
            if prepared is not None:
                prepared.discard()
            if isinstance(error, Exception) or is_end(error):
                raise
            raise LoadFailed(", ".join(self.new), error) from error  # to end the upgrade's own process is not theirs
        return prepared

    @contextlib.contextmanager
    def _guarded(self, policy: Policy) -> Generator[None]:
        """While new code runs that should only define: stop what it does to otpy and to the world, or only tell of it.

        Raises EffectRefused for what the code has swallowed.
        """
        if self.options.allow_dangerous:
            with watched(allow=KINDS) as world:
                yield
            self.warnings += (f"side effect: {effect}" for effect in world.effects)
            return
        with watched(allow=policy.effects) as world, rehearsing(allow=policy.otpy_effects) as seen:
            yield
        if world.refused:
            raise EffectRefused(world.refused[0].what, world.refused[0].where, "changes the world")
        if seen.refused:
            raise EffectRefused(seen.refused[0].what, seen.refused[0].place)

    def _refuse(self) -> None:
        """Raise what cannot be done, all of it at once."""
        assert self.prepared is not None
        if self.prepared.refusals:
            message = "this cannot be done while it runs:\n" + "\n".join(f"  {each}" for each in self.prepared.refusals)
            raise IncompatibleUpgrade(message)
        if self.options.identity and (self.changes or self.prepared.replaced or self.prepared.reshaped):
            different = ", ".join(f"{c.module}.{c.name}" for c in self.changes)
            msg = f"identity=True is for the very sources that run; these have other definitions: {different}"
            raise IncompatibleUpgrade(msg)

    def allow(self, policy: Policy) -> list[str]:
        """Ask *policy* about the edit of the sources; returns what it warns of. Raises UnsafeCode."""
        if self.options.allow_dangerous:
            policy = dataclasses.replace(policy, allow_dangerous=True)
        running = {name: was.source for name, was in self.running.items() if was is not None}
        judged = check_sources(
            {name: version.source for name, version in self.new.items()},
            policy,
            running=running,
            trees={name: version.tree for name, version in self.new.items()},
        )
        if judged.refused:
            raise UnsafeCode(judged.refused)
        return [str(finding) for finding in judged.warned]

    # -- what came of it -----------------------------------------------------------------------------

    @property
    def touched(self) -> frozenset[str]:
        """The modules in which more changes than bodies: whose processes, and users, have to rest."""
        assert self.prepared is not None
        if self.options.identity or self.options.state not in ("auto", "preserve"):
            return frozenset(self.new)  # states are to be converted, whatever has changed
        return self.prepared.touched | {name for name in self.new if self._converts(name)}

    def _converts(self, name: str) -> bool:
        """Whether nothing but bodies of *name* changed, but among them what converts states."""
        edited = [c.name for c in self.changes if c.module == name and c.verdict == "body"]
        return bool(edited) and reaches_conversions(name, edited)

    @property
    def reached(self) -> frozenset[str]:
        """The modules that change, and those whose processes have to rest for it, or use what changes."""
        return frozenset({*self.new, *self.touched, *self.dependents})

    def concerned(self) -> Concerned:
        """Return whom it concerns, by class: processes of the touched modules and of those that use them."""
        touched = self.touched
        return concerns({*touched, *self.dependents}) if touched else nobody

    @property
    def replaced(self) -> Mapping[type, type | None]:
        """Classes that get a new class object, or that are gone; those that are renamed with their successors."""
        if self._replaced is None:
            assert self.prepared is not None
            live = {each.name: vars(each.live) for each in self.prepared.loaded if each.live is not None}
            self._replaced = with_renames(self.prepared.replaced, self.namespaces, live)
        return self._replaced

    @property
    def namespaces(self) -> dict[str, dict[str, Any]]:
        """The names of the new versions that have been run, before they are installed."""
        assert self.prepared is not None
        return {each.name: each.scratch.namespace for each in self.prepared.loaded if each.has_run}

    @property
    def changed_classes(self) -> frozenset[type]:
        """Classes whose instances have to be migrated, wherever they are."""
        assert self.prepared is not None
        return frozenset([*self.replaced, *self.prepared.reshaped])

    def vsns(self) -> dict[str, Any]:
        """Return the vsn of each module that changes, as it will be."""
        return {name: version.vsn for name, version in self.new.items()}

    def old_vsns(self) -> dict[str, Any]:
        """Return the vsn of each given module that is loaded, as it is."""
        return {n: None if was is None else was.vsn for n, was in self.running.items() if n in sys.modules}

    def discard(self) -> None:
        """Give it up."""
        if self.prepared is not None:
            self.prepared.discard()


def _of_hashes(change: DefinitionChange) -> str | None:
    """Return the warning that instances may not be found any more by what was filled with them before."""
    owner, _, name = change.name.rpartition(".")
    if not owner or name not in {"__hash__", "__eq__"} or change.verdict == "documented":
        return None
    return (
        f"{change.module}.{change.name} has changed: dicts and sets that have instances of {owner} already do not sort "
        "them anew, and may not find them; if states have such, fill these anew in code_change"
    )


def compiled(sources: Mapping[str, str], paths: Mapping[str, str]) -> dict[str, Version]:
    """Return the next version of each module; *paths* are the files that they are from. Raises CompilationFailed.

    No text depends on another, so they are compiled at once where threads run at once (see `compiler.threads`). Of
    several that fail, the error is that of the first.
    """

    def read(name: str) -> Version:
        return read_version(name, sources[name], number=histories.next_number(name), path=paths.get(name))

    workers = min(compiler.threads(), len(sources))
    if workers <= 1:
        return {name: read(name) for name in sources}
    with ThreadPoolExecutor(workers, thread_name_prefix="otpy-compile") as pool:
        return dict(zip(sources, pool.map(read, sources), strict=True))


def load_order(sources: Mapping[str, str]) -> tuple[str, ...]:
    """Return the modules in the order in which they are loaded: what others import comes before them."""
    if len(sources) == 1:
        return tuple(sources)
    from otpy.analysis.graph import DependencyGraph  # noqa: PLC0415 - with networkx, which one module does not need

    return DependencyGraph.of(sources).reload_order(list(sources), only=True)
