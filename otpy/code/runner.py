"""Run what changed of a new version, beside the live module and never in it.

A namespace of its own is filled in the order of the new source: what did not change is taken from the live module, as
the very same object, and what did is run. So a class that did not change is still the base of one that did, and
`cache = {}` is still the dictionary that has the entries. Nothing that did not change is run again.

A statement runs when its own text is new, or when a name that it uses at definition time is other than before, in this
module or in one that is prepared with it. The latter stops where the outcome is the same plain value. Functions and
classes in which nothing but bodies differs are not run either: the live ones get new code. Two kinds of values are
*kept* although their statement would run:

- state that a program has made: `total = 0` became 57 at run time, and the source now says `total = 1`;
- objects with a life of their own (`pool = Pool()`), when only what they were made with has changed.

What is called meanwhile has to be new all the way down, and a function of the live module sees the live module only.
So before a statement runs, whatever it calls that has to do with the edit is run here too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any, Literal, TypeAlias, final

from otpy.code.agenda import Agenda
from otpy.code.conform.shapes import copies_fields
from otpy.code.definitions import ANNOTATION_NAMES, Definition
from otpy.code.edits import Edits
from otpy.code.imports import from_imports, imported_modules
from otpy.code.journal import MISSING
from otpy.code.repeating import only_binds
from otpy.code.scratch import IDENTITY, MACHINERY, Scratch
from otpy.code.stars import is_exported, names_left, star_sources
from otpy.code.staying import can_stay
from otpy.code.values import holds_any, is_derived, is_literal_state, is_wrapper, same_plain, wrapped_in
from otpy.code.version import Version
from otpy.code.visibility import visible

Grade: TypeAlias = Literal["", "bodies", "edited", "replaced"]
"""What has become of a name, as far as others are concerned; see `Edits`."""


@final
@dataclass(slots=True)
class Together:
    """The modules that are prepared together."""

    in_place: bool
    """Whether live functions and classes stay the same objects where that can be."""
    stack: ExitStack
    """Closed when all have run: until then this thread finds the new versions in `sys.modules`."""
    runners: dict[str, Runner] = field(default_factory=dict)
    places: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    """By the id of what was made: it, and the live object that will take its place."""
    waiting: dict[str, Callable[[], None]] = field(default_factory=dict)
    """How to run the modules of a ring of imports that have not begun yet."""

    def of(self, made: Any) -> Any:
        """What will take the place of *made*, as far as is known by now."""
        return self.places.get(id(made), (made, made))[1]

    def begin(self, name: str) -> None:
        """Run the module *name* now, and the packages that it is in before it, if they wait for that."""
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            run = self.waiting.pop(".".join(parts[:end]), None)
            if run is not None:
                run()


@final
class Runner:
    """Takes the definitions of one version, one after the other, into its scratch namespace.

    *bodies*: the indices of the definitions in which nothing but bodies differs.
    *outer*: those of them that do something else themselves when they are called, and not only what they return.
    *is_dependent*: nobody has edited it; only what gives names their values is made anew, nothing is done again.
    """

    def __init__(
        self,
        version: Version,
        agenda: Agenda,
        scratch: Scratch,
        together: Together,
        *,
        bodies: Iterable[int] = (),
        outer: Iterable[int] = (),
        is_dependent: bool = False,
    ) -> None:
        self.version = version
        self.scratch = scratch
        self.together = together
        self.bodies = frozenset(bodies)
        self.outer = frozenset(outer)
        self.is_dependent = is_dependent
        self.agenda = agenda
        self.edits = Edits()
        self.dirty: set[tuple[int | None, str]] = set()
        """Statement and name: it has given the name something else than before."""
        self.ran: set[int] = set()
        self.taken: dict[str, int] = {}
        """Which statement has bound each name, of those dealt with so far."""
        self.looked_up: dict[int, tuple[Any, ...]] = {}
        """What attributes of other modules were when a statement ran."""
        self.is_shown = False
        old_names, new_names = set(agenda.old_binders), set(self.agenda.binders)
        scratch.changed |= old_names - new_names - set(IDENTITY)
        # What no definition binds has been put there at run time: submodules, patches. It is part of the world.
        self.namespace.update({n: v for n, v in self.live.items() if n not in old_names | new_names | MACHINERY})

    @property
    def live(self) -> dict[str, Any]:
        """The namespace of the live module."""
        return vars(self.scratch.live) if self.scratch.live is not None else {}

    @property
    def namespace(self) -> dict[str, Any]:
        """The namespace that is filled."""
        return self.scratch.namespace

    # -- the two ways through a module ---------------------------------------------------------------

    def run(self) -> None:
        """Take every definition. Raises what the new code raises."""
        self.together.runners[self.version.name] = self
        if self.scratch.live is None:
            self._show()
        for index, definition in enumerate(self.version.definitions):
            for module in self._needs_first(definition) if self.together.waiting else ():
                self.together.begin(module)
            self._take(index, definition)
            self.taken.update(dict.fromkeys(definition.binds, index))

    def run_again(self) -> bool:
        """In a ring of imports: run what has to do with what the others changed since. Whether any name is other."""
        before, self.edits = self.edits, Edits()
        self.dirty.clear()
        is_other = False
        for index, definition in enumerate(self.version.definitions):
            self._inherit(definition)
            is_other_outside = self._finds_other(index, definition) or (
                definition.kind == "assignment" and self._is_reached_from_outside(definition)
            )
            if is_other_outside or self._is_reached(index, definition):
                had = [self.namespace.get(name, MISSING) for name in definition.binds]
                self._run_or_keep(index, definition)
                has = [self.namespace.get(name, MISSING) for name in definition.binds]
                is_other = is_other or not all(map(_same, had, has))
        self.edits = before.joined(self.edits)
        return is_other

    def _take(self, index: int, definition: Definition) -> None:
        """Run *definition* if it has to, else take over what the live module has."""
        if index in self.bodies and not self._is_triggered(index, definition):
            self._take_over(index, definition)
            self.edits.bodies.update(definition.binds)
            if index in self.outer:
                self.edits.edited.update(definition.binds)
        elif index in self.agenda.edited:
            if self._is_state(index, definition):
                self._keep(index, definition)
            else:
                self._run(index, definition)
        elif index in self.agenda.rewired or self._is_triggered(index, definition):
            self._run_or_keep(index, definition)
        elif index in self.agenda.needed:
            # It gives what it gave before, to someone else: that is no reason for others to run.
            self._execute(index, definition)
        else:
            self._take_over(index, definition)
            self._inherit(definition)

    def _run_or_keep(self, index: int, definition: Definition) -> None:
        if self._may_run_again(definition):
            self._run(index, definition)
        else:
            self._keep(index, definition, tell=self._would_be_other(definition))

    def _would_be_other(self, definition: Definition) -> bool:
        """Whether what *definition* was made from is other: not if it is only a class, which its objects still have."""
        called = {n for n in self.edits.read_by(definition) if not isinstance(self.live.get(n), type)}
        return bool(called) or any(self.grade(n) == "replaced" for n in definition.uses & self.scratch.changed)

    def _keep(self, index: int, definition: Definition, *, tell: bool = True) -> None:
        self._take_over(index, definition)
        if tell and definition.name not in self.scratch.kept:
            self.scratch.kept.append(definition.name)

    def _needs_first(self, definition: Definition) -> Iterator[str]:
        """Modules of the same ring that *definition* cannot do without: the live ones do not have what it imports."""
        package = self.scratch.module.__package__ or ""
        if definition.kind in ("import", "statement"):
            yield from (name for name in imported_modules(definition.nodes, package) if name not in sys.modules)
            for module, alias in (found for node in definition.nodes for found in from_imports(node, package)):
                if alias.name not in dir(sys.modules.get(module)):
                    yield module
        for module, name in lookups(definition.dotted, self.namespace):
            if name not in dir(sys.modules.get(module)):
                yield module

    # -- what has to run -----------------------------------------------------------------------------

    def _is_triggered(self, index: int, definition: Definition) -> bool:
        """Whether a name that *definition* looks up is other than before, here or in a module prepared before."""
        return self._is_reached(index, definition) or self._is_reached_from_outside(definition)

    def _is_reached(self, index: int, definition: Definition) -> bool:
        sources = self.agenda.flow[index]
        return (
            any((source, name) in self.dirty for name, source in sources.items())
            or not self.scratch.changed.isdisjoint(definition.triggers - sources.keys())
            or bool(self.edits.read_by(definition))
            or self._is_made_of_edited_base(definition)
        )

    def _is_made_of_edited_base(self, definition: Definition) -> bool:
        """Whether it is a class that has copied the fields of a base which stays and is edited."""
        if definition.kind != "class" or (definition.uses - definition.reads).isdisjoint(self.edits.edited):
            return False
        live = self.live.get(definition.binds[0])
        return isinstance(live, type) and copies_fields(live)

    def _is_reached_from_outside(self, definition: Definition) -> bool:
        if any(exported in runner.scratch.changed for runner, exported, _ in self._imported(definition)):
            return True
        if any("__all__" in runner.scratch.changed for runner in self._stars(definition)):
            return True
        grades = {runner.grade(name) for runner, name in self._attributes(definition.dotted)}
        return not grades.isdisjoint(
            {"edited", "replaced"} | ({"bodies"} if definition.kind == "assignment" else set())
        )

    def _finds_other(self, index: int, definition: Definition) -> bool:
        """Whether what *definition* gets from other modules is no longer what it has got."""
        for runner, exported, local in self._imported(definition):
            if not _same(runner.namespace.get(exported, MISSING), self.namespace.get(local, MISSING)):
                return True
        before = self.looked_up.get(index)
        if before is None:
            before = tuple(runner.live.get(name, MISSING) for runner, name in self._attributes(definition.dotted))
        now = self._looked_up(definition)
        return len(before) != len(now) or not all(map(_same, before, now))

    def _looked_up(self, definition: Definition) -> tuple[Any, ...]:
        return tuple(runner.namespace.get(name, MISSING) for runner, name in self._attributes(definition.dotted))

    def grade(self, name: str) -> Grade:
        """What has become of the global *name* of this module."""
        if name in self.scratch.changed and self.together.of(self.namespace.get(name)) is not self.live.get(name):
            return "replaced"
        if name in self.edits.edited:
            return "edited"
        return "bodies" if name in self.edits.bodies or self.is_touched(self.reach([name]), set()) else ""

    def _imported(self, definition: Definition) -> Iterator[tuple[Runner, str, str]]:
        """The names that *definition* imports from modules that are prepared with this: whence, what, as what."""
        if definition.kind not in ("import", "statement"):
            return
        for statement in definition.nodes:
            for source, alias in from_imports(statement, self.scratch.module.__package__ or ""):
                runner = self.together.runners.get(source)
                if runner is None or runner is self:
                    continue
                if alias.name != "*":
                    yield runner, alias.name, alias.asname or alias.name
                else:
                    names = sorted(runner.scratch.changed | runner.edits.edited | runner.edits.bodies)
                    yield from ((runner, name, name) for name in names if is_exported(runner.namespace, name))

    def _stars(self, definition: Definition) -> list[Runner]:
        """The modules prepared with this of which *definition* imports whatever they have."""
        found = star_sources(definition, self.scratch.module.__package__ or "")
        return [self.together.runners[source] for source in found if source in self.together.runners]

    def _drop_what_stars_left(self, definition: Definition) -> None:
        """The names that `from … import *` brought before, and that nobody brings now, are gone."""
        package = self.scratch.module.__package__ or ""
        for runner in self._stars(definition):
            others = (s for each in self.version.definitions for s in star_sources(each, package))
            now = [
                runner.namespace,
                *(vars(sys.modules[s]) for s in others if s != runner.version.name and s in sys.modules),
            ]
            for name in names_left(self.live, runner.live, own=self.agenda.old_binders, still=now):
                self.namespace.pop(name, None)
                self._note(name)

    def _attributes(self, chains: Iterable[str]) -> Iterator[tuple[Runner, str]]:
        """The names in other modules prepared with this that are looked up by `shop.RATE`, `pkg.shop.RATE`."""
        for module, name in lookups(chains, self.live):
            if module in self.together.runners:
                yield self.together.runners[module], name

    def _inherit(self, definition: Definition) -> None:
        """An import that gives the same object as before: what has become of that matters here too."""
        for runner, exported, local in self._imported(definition):
            grade = runner.grade(exported)
            if grade == "edited":
                self.edits.edited.add(local)
            if grade in ("edited", "bodies"):
                self.edits.bodies.add(local)

    def _is_state(self, index: int, definition: Definition) -> bool:
        """Whether the value of an edited assignment is no longer what the old text gave it."""
        old = self.agenda.sole_old_binder(index)
        return (
            old is not None
            and definition.binds[0] in self.live
            and is_literal_state(old.nodes[0], self.live[definition.binds[0]])
        )

    def _may_run_again(self, definition: Definition) -> bool:
        """Whether an unedited statement may be run again without losing what a program has made of its values."""
        if self.is_dependent and not only_binds(definition, is_script=self.version.name == "__main__"):
            return False
        if definition.kind != "assignment" or not self.agenda.binds_alone(definition):
            return True
        replaced = {id(self.live[n]) for n in self.scratch.changed if n in self.live and self.grade(n) == "replaced"}
        values = [self.live[name] for name in definition.binds if name in self.live]
        return all(is_derived(value) or holds_any(value, replaced) for value in values)

    # -- running -------------------------------------------------------------------------------------

    def _run(self, index: int, definition: Definition) -> None:
        """Run it, and note what has become of its names."""
        names = self._execute(index, definition)
        for name in names:
            new = self.namespace.get(name, MISSING)
            if new is not MISSING and self.together.of(new) is self.live.get(name, MISSING) and name in self.live:
                if new is not self.live[name]:
                    self.edits.edited.add(name)
                continue
            self.edits.replaced.add(name)
        alone = self.agenda.binds_alone(definition)
        self.dirty.update((index, n) for n in definition.binds if not alone or n in self.edits.replaced)
        self._inherit(definition)

    def _execute(self, index: int, definition: Definition) -> set[str]:
        """Run the statement; returns the names that it has bound."""
        self._show()
        self._renew(definition)
        if definition.kind == "annotations":
            for name in ANNOTATION_NAMES:
                self.namespace.pop(name, None)
        self._see_new_modules(definition)
        self.looked_up[index] = self._looked_up(definition)
        before = dict(self.namespace)
        self._drop_what_stars_left(definition)
        code = self.version.compiled(definition, self.version.filename)
        exec(code, self.namespace)  # noqa: S102 - this is what loading a module means
        self.ran.add(index)
        # Beside what it is seen to bind, a statement may bind more: `from x import *`, `globals()["y"] = 1`.
        more = {n for n, v in self.namespace.items() if n not in MACHINERY and before.get(n, MISSING) is not v}
        names = more.union(definition.binds)
        for name in names:
            if same_plain(self.namespace.get(name, MISSING), self.live.get(name, MISSING)):
                self.namespace[name] = self.live[name]
            self._note(name)
            self._pair(index, definition, name)
        return names

    def _show(self) -> None:
        """From now on, this thread finds the scratch module under its name."""
        if not self.is_shown:
            shown_as = self.together.stack.enter_context(visible(self.scratch.module, self.scratch.live))
            if self.scratch.live is not None:
                self.scratch.views.append((shown_as, self.scratch.live))
            self.is_shown = True

    def _see_new_modules(self, definition: Definition) -> None:
        """`import shop` was taken over as it is in the live module; what runs now is to find the new `shop` there."""
        for chain in (name for name in definition.mentions if "." in name):
            root = chain.partition(".")[0]
            value = self.namespace.get(root)
            if type(value) is ModuleType and sys.modules.get(value.__name__) is not value:
                runner = self.together.runners.get(value.__name__)
                if runner is not None and runner.scratch.live is value:
                    self.namespace[root] = sys.modules[value.__name__]

    def _take_over(self, index: int, definition: Definition) -> None:
        """What the live module has stays: the very same objects."""
        for name in definition.binds:
            if name in self.live and self.agenda.live_value_is_of(index, name):
                self.namespace[name] = self.live[name]
                self._note(name)

    def _note(self, name: str) -> None:
        """Whether *name* stands, at this point, for what the live module has."""
        if self.namespace.get(name, MISSING) is self.live.get(name, MISSING):
            self.scratch.changed.discard(name)
        else:
            self.scratch.changed.add(name)

    def _pair(self, index: int, definition: Definition, name: str) -> None:
        """Note which live object corresponds to what *definition* has just made under *name*."""
        self.scratch.ghosts.pop(name, None)
        new, live = self.namespace.get(name), self.live.get(name)
        if new is live or name not in self.live or self.agenda.binders.get(name, [None])[-1] is not definition:
            return
        if definition.kind == "statement":  # such as an `if` with definitions in it
            if not (self.agenda.only_binder_in_both(name) and _is_defined_here(live, self)):
                return
        else:
            was = self.agenda.predecessor(index, name)
            if was is None or was.kind != definition.kind or definition.kind not in ("function", "class", "assignment"):
                return
            if definition.kind == "assignment" and not (_is_namesake(live, new) and _is_defined_here(live, self)):
                return
        self.scratch.ghosts[name] = live, new
        if self.together.in_place and can_stay(live, new, self.together):
            self.together.places[id(new)] = new, live

    # -- what is called meanwhile --------------------------------------------------------------------

    def _renew(self, definition: Definition) -> None:
        """Have new, in this namespace, the functions and classes that *definition* calls, if the edit concerns them."""
        self.renew(definition.reads)
        for runner, name in self._attributes(definition.dotted):
            runner.renew([name])

    def renew(self, names: Iterable[str]) -> None:
        """The same for whatever is called through *names*."""
        reached = self.reach(names)
        if not self.is_touched(reached, set()):
            return
        for name in sorted(reached & self.taken.keys(), key=self.taken.__getitem__):
            index = self.taken[name]
            callee = self.version.definitions[index]
            if not self.is_touched(self.reach([name]), set()):
                continue
            if callee.kind == "import":
                self._renew_import(index, callee, name)
            elif callee.kind in ("function", "class") and index not in self.ran and self._has_all_for(index):
                self.ran.add(index)  # now, since it may lead back here
                self._execute(index, callee)

    def _has_all_for(self, index: int) -> bool:
        """Whether what a definition needs to run is here: names that are bound more than once may not be."""
        definition = self.version.definitions[index]
        return self.agenda.binds_alone(definition) and self.agenda.flow[index].keys() <= self.namespace.keys()

    def _renew_import(self, index: int, callee: Definition, name: str) -> None:
        for runner, exported, local in self._imported(callee):
            if local != name:
                continue
            runner.renew([exported])
            if runner.namespace.get(exported) is not self.namespace.get(local):
                self._execute(index, callee)
                return

    def reach(self, names: Iterable[str]) -> set[str]:
        """*names*, and all that the functions and classes among them mention, followed to the end."""
        found = set(names)
        todo = list(found)
        while todo:
            for used in self.agenda.binders.get(todo.pop(), ()):
                if used.kind in ("function", "class"):
                    more = used.mentions - found
                    found |= more
                    todo += more
        return found

    def is_touched(self, names: set[str], seen: set[str]) -> bool:
        """Whether one of *names* is other than before, also where it was imported from."""
        mine = self.scratch.changed | self.edits.edited | self.edits.bodies
        if not mine.isdisjoint(names):
            return True
        seen.add(self.version.name)
        sources = [
            (runner, exported)
            for name in names & self.taken.keys()
            for runner, exported, local in self._imported(self.version.definitions[self.taken[name]])
            if local == name
        ]
        sources += self._attributes(name for name in names if "." in name)
        return any(r.is_touched(r.reach([name]), seen) for r, name in sources if r.version.name not in seen)


def lookups(chains: Iterable[str], namespace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Module and name for each of the *chains* that look into a module: `shop.RATE`, `pkg.shop.RATE`."""
    for chain in sorted(chains):
        root, *parts = chain.split(".")
        found = namespace.get(root)
        if isinstance(found, ModuleType):
            module = found.__name__
            while len(parts) > 1 and f"{module}.{parts[0]}" in sys.modules:
                module += f".{parts.pop(0)}"
            yield module, parts[0]


def _same(one: object, other: object) -> bool:
    return one is other or same_plain(one, other)


def _is_defined_here(value: object, runner: Runner) -> bool:
    """Whether *value* is a function or a class of the live module, or a wrapper around such a function."""
    if type(value) is not FunctionType and is_wrapper(value):
        value = wrapped_in(value)
    return _is_made_here(value, runner) or (isinstance(value, type) and value.__module__ == runner.version.name)


def _is_namesake(one: object, other: object) -> bool:
    """Whether both are functions, or both are classes that were made in the same place, as by a function."""
    if isinstance(one, type) and isinstance(other, type):
        return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)
    return type(one) is FunctionType and type(other) is FunctionType


def _is_made_here(value: object, runner: Runner) -> bool:
    return type(value) is FunctionType and value.__globals__ is runner.live
