"""Run what changed of a new version, beside the live module and never in it.

A namespace of its own is filled in the order of the new source: what did not change is taken from the live module, as
the very same object, and what did is run. So a class that did not change is still the base of one that did, and
`cache = {}` is still the dictionary that has the entries. Nothing that did not change is run again.

A statement runs when its own text is new, or when a name that it uses at definition time has become another object.
The latter stops where the outcome is the same plain value as before. Two kinds of values are *kept* although their
statement would run:

- state that a program has made: `total = 0` became 57 at run time, and the source now says `total = 1`;
- objects with a life of their own (`pool = Pool()`), when only what they were made with has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from otpy.code.agenda import Agenda
from otpy.code.compiler import compile_statements
from otpy.code.definitions import ANNOTATION_NAMES, Definition, binders
from otpy.code.imports import from_imports
from otpy.code.journal import MISSING, Journal
from otpy.code.values import holds_any, is_derived, is_literal_state, same_plain
from otpy.code.version import Version
from otpy.code.visibility import noting_imports, visible
from otpy.errors import LoadFailed

IDENTITY: Final = (
    "__name__",
    "__file__",
    "__package__",
    "__spec__",
    "__loader__",
    "__path__",
    "__cached__",
    "__builtins__",
)
MACHINERY: Final = frozenset({*IDENTITY, *ANNOTATION_NAMES, "__doc__"})


@dataclass(slots=True)
class Scratch:
    """What came of running a version: its namespace, and what is other than in the live module."""

    module: ModuleType
    live: ModuleType | None
    changed: set[str] = field(default_factory=set)
    """Names that stand for another object now, or are gone."""
    kept: list[str] = field(default_factory=list)
    """Names whose value was kept although what it was made from has changed."""
    views: list[tuple[ModuleType, ModuleType]] = field(default_factory=list)
    """What stood for a live module while the code ran, and that module: whoever has the one is to have the other."""

    @property
    def namespace(self) -> dict[str, Any]:
        """The names and values."""
        return vars(self.module)


def run(
    version: Version,
    previous: Version | None,
    live: ModuleType | None,
    journal: Journal,
    beside: Sequence[Scratch] = (),
) -> Scratch:
    """Run what *version* changes against *previous* and the module *live*, which are None for a new module.

    It sees the new versions *beside*, which have been run before it and are not installed yet. Modules that are
    imported on the way are written to *journal*.

    Raises: LoadFailed, whose cause is what the new code raised; then nothing has changed.
    """
    scratch = Scratch(blank_module(version, live), live)
    runner = Runner(version, previous, scratch, beside)
    try:
        with noting_imports(journal), ExitStack() as stack:
            for each in (*beside, scratch):
                shown_as = stack.enter_context(visible(each.module, each.live))
                if each.live is not None:
                    scratch.views.append((shown_as, each.live))
            for index, definition in enumerate(version.definitions):
                runner.take(index, definition)
    except (Exception, SystemExit) as error:
        raise LoadFailed(version.name, error) from error
    return scratch


def blank_module(version: Version, live: ModuleType | None) -> ModuleType:
    """A module with the identity of *live*, or with one of its own."""
    module = ModuleType(version.name, version.doc)
    if live is not None:
        for name in IDENTITY:
            if name in vars(live):
                setattr(module, name, getattr(live, name))
        if not is_from_text(live):
            return module
    # It has what a loader needs; its base class would bring half the standard library along.
    loader: Any = SourceLoader(version.source)
    module.__loader__ = loader
    module.__spec__ = ModuleSpec(version.name, loader, origin=version.filename)
    module.__file__ = version.path or version.filename
    if live is None:
        module.__package__ = version.name.rpartition(".")[0]
    return module


def is_from_text(live: ModuleType) -> bool:
    """Whether *live* has no place of its own, so that each version brings its own file name and loader."""
    return isinstance(live.__loader__, SourceLoader) or getattr(live, "__file__", None) is None


class SourceLoader:
    """The loader of modules that were made from text: tools ask it for the source."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, fullname: str) -> str:
        """The text that the module was made from."""
        return self.source

    def create_module(self, spec: ModuleSpec) -> None:
        """None: an ordinary module will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the text in *module*; for `importlib.reload`."""
        exec(compile(self.source, str(module.__file__), "exec", dont_inherit=True), vars(module))  # noqa: S102


class Runner:
    """Takes the definitions of a version one after the other into the scratch namespace."""

    def __init__(self, version: Version, previous: Version | None, scratch: Scratch, beside: Sequence[Scratch]) -> None:
        self.version = version
        self.live: dict[str, Any] = vars(scratch.live) if scratch.live is not None else {}
        self.scratch = scratch
        self.beside = {each.module.__name__: each for each in beside}
        self.namespace = scratch.namespace
        old = previous.definitions if previous else ()
        self.agenda = Agenda(version.definitions, old)
        self.dirty: set[tuple[int | None, str]] = set()
        """Statement and name: it has given the name something else than before."""
        old_names, new_names = set(binders(old)), set(binders(version.definitions))
        scratch.changed |= old_names - new_names - set(IDENTITY)
        # What no definition binds has been put there at run time: submodules, patches. It is part of the world.
        self.namespace.update({n: v for n, v in self.live.items() if n not in old_names | new_names | MACHINERY})

    def take(self, index: int, definition: Definition) -> None:
        """Run *definition* if it has to, else take over what the live module has."""
        is_edited = index in self.agenda.edited
        if is_edited:
            keep = self.is_state(index, definition)
        elif self.is_triggered(index, definition):
            keep = not self.may_run_again(definition)
        elif index in self.agenda.needed:
            # It gives what it gave before, to someone else: that is no reason for others to run.
            self.execute(definition)
            return
        else:
            self.take_over(index, definition)
            return
        if keep:
            self.take_over(index, definition)
            if is_edited or definition.uses & self.scratch.changed:
                self.scratch.kept.append(definition.name)
        else:
            self.dirty.update((index, name) for name in self.execute(definition))

    def is_triggered(self, index: int, definition: Definition) -> bool:
        """Whether a name that *definition* looks up has become something else, or comes from another statement."""
        sources = self.agenda.flow[index]
        return (
            index in self.agenda.rewired
            or self.imports_from_beside(definition)
            or any((source, name) in self.dirty for name, source in sources.items())
            or not self.scratch.changed.isdisjoint(definition.triggers - sources.keys())
        )

    def imports_from_beside(self, definition: Definition) -> bool:
        """Whether *definition* imports a name that one of the versions beside has changed."""
        package = self.scratch.module.__package__ or ""
        return any(
            alias.name == "*" or alias.name in self.beside[source].changed
            for statement in definition.nodes
            for source, alias in from_imports(statement, package)
            if source in self.beside
        )

    def execute(self, definition: Definition) -> set[str]:
        """Run the statement; returns which of its names have become something else."""
        if definition.kind == "annotations":
            for name in ANNOTATION_NAMES:
                self.namespace.pop(name, None)
        before = dict(self.namespace)
        code = compile_statements(definition.nodes, self.version.filename, self.version.flags)
        exec(code, self.namespace)  # noqa: S102 - this is what loading a module means
        # Beside what it is seen to bind, a statement may bind more: `from x import *`, `globals()["y"] = 1`.
        more = {n for n, v in self.namespace.items() if n not in MACHINERY and before.get(n, MISSING) is not v}
        for name in more.union(definition.binds):
            if same_plain(self.namespace.get(name, MISSING), self.live.get(name, MISSING)):
                self.namespace[name] = self.live[name]
            self.note(name)
        return {
            name for name in definition.binds if name in self.scratch.changed or not self.agenda.binds_alone(definition)
        }

    def take_over(self, index: int, definition: Definition) -> None:
        """What the live module has stays: the very same objects."""
        for name in definition.binds:
            if name in self.live and self.agenda.live_value_is_of(index, name):
                self.namespace[name] = self.live[name]
                self.note(name)

    def note(self, name: str) -> None:
        """Whether *name* stands, at this point, for what the live module has."""
        if self.namespace.get(name, MISSING) is self.live.get(name, MISSING):
            self.scratch.changed.discard(name)
        else:
            self.scratch.changed.add(name)

    def is_state(self, index: int, definition: Definition) -> bool:
        """Whether the value of an edited assignment is no longer what the old text gave it."""
        old = self.agenda.sole_old_binder(index)
        return (
            old is not None
            and definition.binds[0] in self.live
            and is_literal_state(old.nodes[0], self.live[definition.binds[0]])
        )

    def may_run_again(self, definition: Definition) -> bool:
        """Whether an unedited statement may be run again without losing what a program has made of its values."""
        if definition.kind != "assignment" or not self.agenda.binds_alone(definition):
            return True
        replaced = {id(self.live[name]) for name in self.scratch.changed if name in self.live}
        values = [self.live[name] for name in definition.binds if name in self.live]
        return all(is_derived(value) or holds_any(value, replaced) for value in values)
