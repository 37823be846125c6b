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

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from otpy.code.compiler import compile_statements
from otpy.code.definitions import ANNOTATION_NAMES, Definition, binders
from otpy.code.journal import MISSING, Journal
from otpy.code.values import holds_any, is_derived, is_literal_state, same_plain
from otpy.code.version import Version
from otpy.code.visibility import visible
from otpy.errors import LoadFailed

IDENTITY: Final = ("__name__", "__file__", "__package__", "__spec__", "__loader__", "__path__", "__cached__", "__builtins__")
MACHINERY: Final = frozenset({*IDENTITY, *ANNOTATION_NAMES, "__doc__"})


@dataclass(slots=True)
class Scratch:
    """What came of running a version: its namespace, and what is other than in the live module."""

    module: ModuleType
    changed: set[str]
    """Names that stand for another object now, or are gone."""
    kept: list[str] = field(default_factory=list)
    """Names whose value was kept although what it was made from has changed."""

    @property
    def namespace(self) -> dict[str, Any]:
        return vars(self.module)


def run(version: Version, previous: Version | None, live: ModuleType | None, journal: Journal) -> Scratch:
    """Run what *version* changes against *previous* and the module *live*, which are None for a new module.

    Modules that are imported on the way are written to *journal*.

    Raises: LoadFailed, whose cause is what the new code raised; then nothing has changed.
    """
    scratch = Scratch(blank_module(version, live), set())
    world = vars(live) if live is not None else {}
    runner = Runner(version, previous, world, scratch)
    try:
        with visible(scratch.module, live, journal):
            for definition in version.definitions:
                runner.take(definition)
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
    loader = SourceLoader(version.source)
    module.__loader__ = loader
    module.__spec__ = ModuleSpec(version.name, loader, origin=version.filename)
    module.__file__ = version.path or version.filename
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

    def __init__(self, version: Version, previous: Version | None, live: dict[str, Any], scratch: Scratch) -> None:
        self.version = version
        self.live = live
        self.scratch = scratch
        self.namespace = scratch.namespace
        old = previous.definitions if previous else ()
        old_binders = binders(old)
        self.old_values = {n: ds[0] for n, ds in old_binders.items() if len(ds) == 1 and ds[0].binds == (n,)}
        new_names = set(binders(version.definitions))
        old_names = set(old_binders)
        scratch.changed |= old_names - new_names - set(IDENTITY)
        # What no definition binds has been put there at run time: submodules, patches. It is part of the world.
        self.namespace.update({n: v for n, v in live.items() if n not in old_names | new_names | MACHINERY})
        self.edited = set(edited(version.definitions, old))
        self.forced = set(forced(version.definitions, self.edited))

    def take(self, definition: Definition) -> None:
        """Run *definition* if it has to, else take over what the live module has."""
        if definition.name in self.edited:
            keep = self.is_state(definition)
        elif definition.triggers & self.scratch.changed:
            keep = not self.may_run_again(definition)
        else:
            keep = definition.name not in self.forced
            if keep:
                self.take_over(definition)
                return
        if keep:
            self.take_over(definition)
            if definition.name in self.edited or definition.uses & self.scratch.changed:
                self.scratch.kept.append(definition.name)
        else:
            self.execute(definition)

    def execute(self, definition: Definition) -> None:
        """Run the statement, then see which names have become something else."""
        if definition.kind == "annotations":
            for name in ANNOTATION_NAMES:
                self.namespace.pop(name, None)
        before = dict(self.namespace)
        code = compile_statements(definition.nodes, self.version.filename, self.version.flags)
        exec(code, self.namespace)  # noqa: S102 - this is what loading a module means
        # Beside what it is seen to bind, a statement may bind more: `from x import *`, `globals()["y"] = 1`.
        more = {n for n, v in self.namespace.items() if n not in MACHINERY and before.get(n, MISSING) is not v}
        for name in more.union(definition.binds):
            new, old = self.namespace.get(name, MISSING), self.live.get(name, MISSING)
            if new is not old and same_plain(new, old):
                self.namespace[name] = old
            elif new is not old:
                self.scratch.changed.add(name)

    def take_over(self, definition: Definition) -> None:
        """What the live module has stays: the very same objects."""
        for name in definition.binds:
            if name in self.live:
                self.namespace[name] = self.live[name]

    def is_state(self, definition: Definition) -> bool:
        """Whether the value of an edited assignment is no longer what the old text gave it."""
        name = definition.binds[0] if len(definition.binds) == 1 else None
        old = self.old_values.get(name) if name is not None else None
        return old is not None and name in self.live and is_literal_state(old.nodes[0], self.live[name])

    def may_run_again(self, definition: Definition) -> bool:
        """Whether an unedited statement may be run again without losing what a program has made of its values."""
        if definition.kind != "assignment":
            return True
        replaced = {id(self.live[name]) for name in self.scratch.changed if name in self.live}
        values = [self.live[name] for name in definition.binds if name in self.live]
        return all(is_derived(value) or holds_any(value, replaced) for value in values)


def edited(new: tuple[Definition, ...], old: tuple[Definition, ...]) -> Iterator[str]:
    """The names of the definitions whose text is not in the old version."""
    known = Counter((d.own, d.binds) for d in old)
    for definition in new:
        key = (definition.own, definition.binds)
        known[key] -= 1
        if known[key] < 0:
            yield definition.name


def forced(found: tuple[Definition, ...], edited_names: set[str]) -> Iterator[str]:
    """Definitions to run because one that runs needs a value that a later statement has overwritten since.

    `X = []` has to run before an edited `X += [1]`: what the live module calls X is the outcome of both.
    """
    table = binders(found)
    place = {definition.name: index for index, definition in enumerate(found)}
    todo = [definition for definition in found if definition.name in edited_names]
    seen = set(edited_names)
    while todo:
        definition = todo.pop()
        for name in definition.uses:
            users = table.get(name, [])
            if users and place[users[-1].name] >= place[definition.name]:
                for earlier in users:
                    if place[earlier.name] < place[definition.name] and earlier.name not in seen:
                        seen.add(earlier.name)
                        todo.append(earlier)
                        yield earlier.name
