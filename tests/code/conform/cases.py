"""How a kind of definition is tested: a module, an edit of it, and what must hold; taken back after every step."""

from __future__ import annotations

import gc
import sys
import textwrap
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import CellType, FunctionType, ModuleType
from typing import Any, NoReturn

import pytest

from otpy.code.conform.steps import Step, take
from otpy.code.journal import Journal
from tests.code.conform.support import Edit, everything_in, listing, module


class Stop(Exception):
    """What a step raises that fails on purpose."""


@dataclass(frozen=True)
class Case:
    """One kind of definition and an edit of it.

    *held* is run before the edit and gives names to what the program holds; *then* has to be true after the edit,
    *still* before it and after it was taken back. In all of them `m` is the module, `lib` an unchanged one.
    """

    id: str
    old: str
    new: str
    then: tuple[str, ...]
    held: str = ""
    still: tuple[str, ...] = ()
    lib: str = ""
    notes: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    reshaped: tuple[str, ...] = ()
    kept: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settles: bool = True
    """Whether editing to the same text again finds nothing to do."""


def each(*cases: Case) -> pytest.MarkDecorator:
    """The parameters of a test that takes *cases* one by one."""
    return pytest.mark.parametrize("case", cases, ids=[case.id for case in cases])


@dataclass
class World:
    """The modules of a case, and what it holds."""

    case: Case
    m: ModuleType
    lib: ModuleType
    names: dict[str, Any]

    def make(self) -> Edit:
        """Make the new version, in a scratch namespace."""
        return Edit(self.m, self._text(self.case.new))

    def edit(self) -> Edit:
        """Make the new version, and decide what to do."""
        return self.make().decide(self.kept)

    @property
    def kept(self) -> dict[type, tuple[str, ...]]:
        """The members that stay as they are."""
        return {getattr(self.m, name): members for name, members in self.case.kept.items()}

    def assert_all(self, statements: tuple[str, ...]) -> None:
        """Each of the *statements* is true."""
        for statement in statements:
            assert eval(statement, self.names), statement  # noqa: S307 - the case's own text

    def _text(self, source: str) -> str:
        return source.replace("LIB", self.lib.__name__)


def world_of(case: Case, stack: ExitStack) -> World:
    """The modules of *case*, as they are before the edit."""
    lib = stack.enter_context(module(case.lib))
    m = stack.enter_context(module(case.old.replace("LIB", lib.__name__)))
    names: dict[str, Any] = {"m": m, "lib": lib, "sys": sys}
    exec(textwrap.dedent(case.held), names)  # noqa: S102 - the case's own text
    world = World(case, m, lib, names)
    world.assert_all(case.still)
    return world


def check_edit(case: Case) -> None:
    """After the edit, all that is held shows the new, notes say what does not, and nobody holds a ghost."""
    with ExitStack() as stack:
        world = world_of(case, stack)
        done = world.edit()
        ghosts = [weakref.ref(ghost) for ghost in ghosts_of(done)]
        notes = " ".join(map(str, done.conformed.notes))
        replaced = {cls.__qualname__ for cls in done.conformed.replaced}
        reshaped = {cls.__qualname__ for cls in done.conformed.reshaped}
        done.apply()
        world.assert_all(case.then)
        assert all(note in notes for note in case.notes), notes
        assert bool(notes) == bool(case.notes), notes
        assert (replaced, reshaped) == (set(case.replaced), set(case.reshaped))
        done.commit()
        gc.collect()
        assert [ghost() for ghost in ghosts if ghost() is not None] == []
        world.assert_all(case.then)


def check_undo(case: Case) -> None:
    """Whichever step fails: afterwards every object is made of the same objects, in the same order."""
    with ExitStack() as stack:
        world = world_of(case, stack)
        done = world.make()
        things = [*everything_in(world.m, world.lib), world.names, *world.names.values()]
        before = listing(things)
        done.decide(world.kept, not_in=things)
        assert_same(before, listing(things), "by deciding")
        steps = list(done.conformed.steps)
        assert steps
        for count in range(len(steps) + 1):
            journal = Journal()
            with pytest.raises(Stop):
                take([*steps[:count], Step("stop", stop, do_nothing)], journal)
            journal.undo()
            assert_same(before, listing(things), f"after {count} steps, up to {steps[count - 1].what}")
        done.apply().journal.undo()
        assert_same(before, listing(things), "after all")
        del done, steps
        gc.collect()
        world.assert_all(case.still)


def check_again(case: Case) -> None:
    """An edit to what is there already changes nothing."""
    with ExitStack() as stack:
        world = world_of(case, stack)
        world.edit().apply().commit()
        code = (type, FunctionType, CellType, property, staticmethod, classmethod)
        things = [thing for thing in everything_in(world.m) if isinstance(thing, code)]
        before = listing(things)
        again = world.edit()
        assert again.conformed.reshaped == {}
        if case.settles:
            again.apply()
            assert_same(before, listing(things), "again")
            again.commit()
            world.assert_all(case.then)


def ghosts_of(done: Edit) -> Iterator[Any]:
    """The functions and classes that were made in the scratch namespace and do not become live ones."""
    for name, ghost in done.scratch.items():
        was = vars(done.live).get(name, ghost)
        if was is ghost or not isinstance(ghost, (type, FunctionType)):
            continue
        if done.conformed.live.get(id(ghost), ghost) is not ghost:
            yield ghost


def assert_same(before: list[tuple[str, object]], after: list[tuple[str, object]], when: str) -> None:
    """Two listings are the same; says where they are not."""
    differences = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    for one, other in differences:
        print(when, *one, *other, sep="\n")  # noqa: T201 - where to look
    assert differences == [], when


def stop() -> NoReturn:
    """Fail."""
    raise Stop


def do_nothing() -> None:
    """There is nothing to take back."""
