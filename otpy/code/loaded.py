"""One module of a preparation: its new version, what that takes the place of, and what is done with the namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType, ModuleType
from typing import Any, final

from otpy.code.agenda import Agenda
from otpy.code.baseline import home_of
from otpy.code.bodies import Patch, Patches, Successors, fits, plan_patches
from otpy.code.conform import Conformed
from otpy.code.definitions import ANNOTATION_NAMES, Definition
from otpy.code.dependents import Binding
from otpy.code.describing import describe
from otpy.code.differences import outer_differs
from otpy.code.finding import references, sweep
from otpy.code.functions import twin
from otpy.code.history import histories
from otpy.code.imports import from_imports, imported_modules
from otpy.code.journal import Journal, reorder
from otpy.code.keeping import class_called, kept_members
from otpy.code.runner import Runner, Together
from otpy.code.scratch import Scratch, blank_module, is_from_text
from otpy.code.sources import pin, refiled, show, version_filename
from otpy.code.tracebacks import supersede
from otpy.code.verdicts import HARMLESS, DefinitionChange
from otpy.code.version import Version
from otpy.code.visibility import attach
from otpy.errors import LoadFailed


@final
@dataclass(slots=True)
class LoadedVersion:
    """A version that waits to be installed, or a dependent whose values are made anew."""

    version: Version
    previous: Version | None
    """What it takes the place of; None for a new module, or when the text of what runs is not known."""
    live: ModuleType | None
    changes: tuple[DefinitionChange, ...]
    agenda: Agenda = field(repr=False)
    is_dependent: bool = False
    """Its text stays as it is."""
    is_bodies_only: bool = False
    """Nothing has to run: every definition is as before, but for bodies and docstrings."""
    rebound: tuple[str, ...] = ()
    """After `install`: globals of other modules that were given new values."""
    kept: tuple[str, ...] = ()
    """Definitions whose value stays although what it was made from has changed: state of the running program."""
    scratch: Scratch = field(init=False, repr=False)
    runner: Runner | None = field(default=None, repr=False)
    bodies: dict[int, Definition] = field(default_factory=dict, repr=False)
    """By index, the definitions in which nothing but bodies differs, each with its predecessor."""
    patches: Patches = field(default_factory=Patches, repr=False)
    bindings: dict[str, Any] = field(default_factory=dict, repr=False)
    """What names of the live module will stand for, if not for what they do."""
    removed: dict[str, Any] = field(default_factory=dict, repr=False)
    """Names that will be gone, with what they are now."""
    importers: list[Binding] = field(default_factory=list, repr=False)
    alive: list[FunctionType] = field(default_factory=list, repr=False)
    """The functions of the live module."""
    successors: Successors | None = field(default=None, init=False, repr=False)
    """What their code becomes; None when the text of what runs is not known."""
    held: int = 0
    """How often the live namespace was held when `alive` were all functions that there were."""
    home: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.home = home_of(self.live) or self.version.path
        self.scratch = Scratch(blank_module(self.version, self.live), self.live)

    @property
    def name(self) -> str:
        """The name of the module."""
        return self.version.name

    @property
    def package(self) -> str:
        """Where its relative imports start from."""
        return self.scratch.module.__package__ or ""

    def imported_modules(self) -> set[str]:
        """What it imports while it loads."""
        nodes = (n for d in self.version.definitions if d.kind in ("import", "statement") for n in d.nodes)
        return imported_modules(nodes, self.package)

    # -- bodies ----------------------------------------------------------------------------------------

    def find_bodies(self) -> None:
        """Note the definitions that need not be run, since the live functions can take their new bodies."""
        assert self.previous is not None
        edited = self._edited_bodies()
        harmless = not self.agenda.rewired and all(change.verdict in HARMLESS for change in self.changes)
        old, new = self.previous.parsed.codes, self.version.parsed.codes
        for index, definition in enumerate(self.version.definitions):
            was = self.agenda.edited_from(index) if definition.name in edited else None
            if was is not None and was.kind == definition.kind and fits(was, definition, old, new):
                self.bodies[index] = was
        self.is_bodies_only = harmless and len(self.bodies) == len(edited)

    def _edited_bodies(self) -> set[str]:
        """The names of the definitions with verdicts on bodies, and no others."""
        told: dict[str, set[str]] = {}
        names = {d.name for d in self.version.definitions}
        for change in self.changes:
            top = change.name if change.name in names else change.name.partition(".")[0]
            told.setdefault(top, set()).add(change.verdict)
        return {name for name, every in told.items() if every <= HARMLESS and "body" in every}

    @property
    def outer(self) -> set[int]:
        """Which of `bodies` are functions that do something else themselves, and not only what they return."""
        definitions = self.version.definitions
        return {i for i, was in self.bodies.items() if outer_differs(was.nodes[0], definitions[i].nodes[0])}

    # -- running ---------------------------------------------------------------------------------------

    def run(self, together: Together) -> None:
        """Run what has to run. Raises: LoadFailed, whose cause is what the code raised."""
        self.runner = Runner(
            self.version,
            self.agenda,
            self.scratch,
            together,
            bodies=self.bodies,
            outer=self.outer,
            is_dependent=self.is_dependent,
        )
        try:
            self.runner.run()
        except LoadFailed:
            raise  # it had to run another module first
        except (Exception, SystemExit) as error:
            raise LoadFailed(self.name, error) from error

    def run_again(self) -> bool:
        """As a member of a ring. Whether anything ran. Raises: as `run`."""
        assert self.runner is not None
        try:
            return self.runner.run_again()
        except (Exception, SystemExit) as error:
            raise LoadFailed(self.name, error) from error

    @property
    def has_run(self) -> bool:
        """Whether any of its code was executed, or its names are other than before."""
        return self.runner is not None and bool(self.runner.ran or self.scratch.changed)

    # -- settling --------------------------------------------------------------------------------------

    def pairs(self) -> Iterator[tuple[str, object, object]]:
        """The live objects that were defined anew, each with what came of that."""
        yield from ((name, live, ghost) for name, (live, ghost) in self.scratch.ghosts.items())

    def notes_on_ghosts(self) -> Iterator[object]:
        """The holders of ghosts that are the preparation's own."""
        yield from self.scratch.ghosts.values()
        if self.runner is not None:
            yield from self.runner.together.places.values()

    def twins_of(self, made: list[FunctionType]) -> list[tuple[object, object]]:
        """The functions *made* in the scratch, each with the same one in the live module, under its file name."""
        if self.live is None:
            self.patches = Patches.moving((f, f.__code__, self.at_home(f.__code__)) for f in made)
            return []
        namespace = vars(self.live)
        return [(function, twin(function, namespace, self.at_home(function.__code__))) for function in made]

    def kept_members(self) -> dict[type, set[str]]:
        """Which members of edited classes stay as they are."""
        found: dict[type, set[str]] = {}
        if self.runner is None or self.previous is None:
            return found
        before, after = self.agenda.old_binders, self.agenda.binders
        edits = self.runner.edits
        for name, (live, ghost) in self.scratch.ghosts.items():
            was, now = (class_called(name, table[name][-1].nodes[0]) for table in (before, after))
            if was is not None and now is not None and isinstance(live, type) and isinstance(ghost, type):
                for cls, member in kept_members(live, ghost, (was, now), edits.replaced | edits.edited):
                    found.setdefault(cls, set()).add(member)
        return found

    def settle(self, conformed: Conformed, alive: list[FunctionType]) -> None:
        """Decide what names will stand for, and which functions get other code; *alive*: those of the live module."""
        self.kept = tuple(self.scratch.kept)
        if self.live is None:
            return
        old, new = vars(self.live), self.scratch.namespace
        for name in sorted(self.scratch.changed):
            if name not in new:
                if name in old:
                    self.removed[name] = old[name]
            elif (value := conformed.live.get(id(new[name]), new[name])) is not old.get(name, self):
                self.bindings[name] = value
        if not self.is_dependent:
            self.patches = self._patches(alive)
            self.alive = alive
        self._refine()

    def replaced(self) -> dict[str, object]:
        """The values of the live module that others take the place of."""
        return {name: vars(self.live)[name] for name in self.bindings if name in vars(self.live)} if self.live else {}

    def _patches(self, alive: list[FunctionType]) -> Patches:
        if self.previous is not None:
            self.successors = Successors(self._patched(), self.previous, self.version)
            return plan_patches(alive, self.successors, self.previous, self.version, self.home)
        if self.home is None:
            return Patches()
        # No text is better than that of another version.
        unknown = version_filename(self.name, 0)
        home = self.home
        return Patches(
            left=[Patch(f, f.__code__, refiled(f.__code__, unknown, only=home), is_edit=False) for f in alive]
        )

    def _patched(self) -> Iterator[tuple[Definition, Definition]]:
        """The definitions that were not run, with their predecessors."""
        assert self.previous is not None
        ran = self.runner.ran if self.runner is not None else set()
        for index, (definition, partner) in enumerate(zip(self.version.definitions, self.agenda.partners, strict=True)):
            if index not in ran and index in self.bodies:
                yield self.bodies[index], definition
            elif index not in ran and partner is not None:
                yield self.previous.definitions[partner], definition

    def _refine(self) -> None:
        """Tell what was seen when it ran: that a value came out as before, that state is kept."""
        if self.runner is None:
            return
        definitions = {d.name: (index, d) for index, d in enumerate(self.version.definitions)}
        self.changes = tuple(
            self._refined(change, *definitions[change.name]) if change.name in definitions else change
            for change in self.changes
        )

    def _refined(self, change: DefinitionChange, index: int, definition: Definition) -> DefinitionChange:
        assert self.runner is not None
        edited = self.runner.edits.edited if definition.kind in ("function", "class") else ()
        is_other = any(n in self.bindings or n in self.removed or n in edited for n in definition.binds)
        if change.name in self.kept:
            return replace(change, verdict="kept", detail="it is state of the running program")
        if change.verdict == "derived" and not is_other:
            return replace(change, verdict="unchanged", detail="")
        if change.verdict == "unchanged" and is_other and index in self.runner.ran:
            return replace(change, verdict="derived", detail="uses what other modules define")
        return change

    @property
    def is_touched(self) -> bool:
        """Whether anything but bodies, docstrings and lines changes in it."""
        return bool(self.live is None or self.bindings or self.removed) or any(
            change.verdict not in (*HARMLESS, "kept") for change in self.changes
        )

    def classes(self) -> dict[type, type | None]:
        """The live classes that were defined anew, nested ones too, each with what came of that; None if it is gone."""
        table: dict[type, type | None] = {}
        for live, ghost in self.scratch.ghosts.values():
            if isinstance(live, type) and live.__module__ == self.name:
                pair_classes(live, ghost if isinstance(ghost, type) else None, table)
        for name in self.scratch.changed & vars(self.live or self.scratch.module).keys() if self.live else ():
            live, made = vars(self.live)[name], self.scratch.namespace.get(name)
            if isinstance(live, type) and live.__module__ == self.name and live.__qualname__ == name:
                pair_classes(live, made if isinstance(made, type) else None, table)
        return table

    def names_gone(self) -> dict[str, int]:
        """Names that the old text binds and the new one does not, as far as one can see, with their lines."""
        if self.previous is None:
            return {}
        now = self.agenda.binders
        nodes = [n for d in self.version.definitions if d.kind in ("import", "statement") for n in d.nodes]
        if "__getattr__" in now or any(alias.name == "*" for n in nodes for _, alias in from_imports(n, self.package)):
            return {}
        return {
            n: d.line for d in self.previous.definitions for n in d.binds if n not in now and n not in ANNOTATION_NAMES
        }

    def find_warnings(self) -> Iterator[str]:
        """What an operator should know before this is installed."""
        if self.live is not None and self.previous is None:
            yield f"the source of {self.name} is not known (edited since it was imported?): all of it is loaded anew"
        for name in self.kept:
            yield f"{self._in_words(name)} keeps its value, although what it was made from has changed"
        for function in self.patches.stuck:
            yield f"{self.name}.{function}, made before, goes on with its old body: its free variables have changed"

    def _in_words(self, name: str) -> str:
        return f"{self.name}.{name}" if self.is_dependent else name

    # -- doing it --------------------------------------------------------------------------------------

    def note_superseded(self, before: Iterable[CodeType], journal: Journal) -> None:
        """The codes that the functions had *before*, and have no longer, show the text of the previous version."""
        if self.previous is not None and self.home is not None:
            now = {id(function.__code__) for function in self.alive}
            codes = [code for code in before if id(code) not in now and code.co_filename == self.home]
            supersede(codes, self.previous.filename, journal)
        self.alive = []

    def install(self, journal: Journal) -> None:
        """Make this the current version of its module. Every step is in *journal*."""
        if not self.is_dependent:
            show(self.version.filename, self.version.parsed.lines)
        self.patches.apply(journal)
        self._patch_latecomers(journal)
        if self.live is None:
            attach(self.scratch.module, self.name, journal)
        else:
            self._install_into(self.live, journal)
        if self.is_dependent:
            return
        if self.previous is not None and histories.current(self.name) is None:
            histories.push(self.previous, journal)
        histories.push(self.version, journal)
        if self.home is not None:
            pin(self.home, self.version.parsed.lines, journal)

    def _patch_latecomers(self, journal: Journal) -> None:
        """Closures that functions of the module have made since the preparation get their new bodies, too.

        The functions that make them have their new code by now, so no more come, but from calls that go on.
        """
        if self.successors is None or self.live is None or references(self.live) <= self.held:
            return
        known = set(map(id, self.alive))
        late = [function for function in sweep(vars(self.live))[0] if id(function) not in known]
        assert self.previous is not None
        found = plan_patches(late, self.successors, self.previous, self.version, self.home)
        found.apply(journal)
        self.patches.left += found.left
        self.alive += late

    def _install_into(self, live: ModuleType, journal: Journal) -> None:
        """Change the namespace of *live*, and what others have imported from it."""
        namespace = vars(live)
        if self.bindings or self.removed:
            order = list(namespace)
            journal.write(f"order of {self.name}", lambda: reorder(namespace, order))
            put_all(namespace, self.bindings, journal)
            for name in self.removed:
                journal.delete_item(namespace, name, f"{self.name}.{name}")
        if not self.is_dependent:
            if is_from_text(live):
                for name in ("__file__", "__loader__", "__spec__"):
                    journal.set_item(namespace, name, self.scratch.namespace[name], f"{self.name}.{name}")
            describe(live, self.previous, self.version, journal)
        for holder in self.importers:
            value = self.bindings[holder.exported]
            journal.set_item(vars(holder.dependent), holder.name, value, str(holder))
        self.rebound = tuple(map(str, self.importers))

    def at_home(self, code: CodeType) -> CodeType:
        """*code* under the name that it has once installed."""
        return code if self.home is None else refiled(code, self.home, only=self.version.filename)


def put_all(namespace: dict[str, Any], new: Mapping[str, Any], journal: Journal) -> None:
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
