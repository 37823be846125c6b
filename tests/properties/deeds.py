"""What may happen to a world: edits of all kinds, alone and together, with faults at every step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, final

import pytest

import otpy
from otpy import upgrade
from otpy.errors import ForcedRollback, UpgradeError, UpgradeInProgress
from otpy.kernel import events
from tests.matrix.picture import assert_same
from tests.properties.features import Break, Module, broken
from tests.properties.world import PATIENCE, World

Edit: TypeAlias = "dict[str, Any]"
"""New values of features of one module."""

Edits: TypeAlias = "dict[int, Edit]"
"""The edits of one upgrade, by the index of the module."""


def edited(world: World, edits: Edits) -> tuple[Module, ...]:
    """The modules of *world* as they are after *edits*; edits of modules that it has not are left out."""
    return tuple(replace(module, **edits.get(module.index, {})) for module in world.modules)


def sources(world: World, modules: tuple[Module, ...]) -> dict[str, str]:
    """The texts of those of *modules* that are not what they are in *world*, or of all if none is."""
    changed = [new for new, old in zip(modules, world.modules, strict=True) if new != old]
    return world.sources(changed or modules)


def reload(texts: dict[str, str], **options: Any) -> upgrade.UpgradeReport:
    """Upgrade, with patience: the machine may be busy."""
    return upgrade.reload_modules(texts, suspend_timeout=PATIENCE, timeout=PATIENCE, **options)


@contextmanager
def at_step(step: str, deed: Callable[[], object]) -> Generator[None]:
    """Do *deed* when an upgrade begins *step*, in the thread of the upgrade; raise what it raised afterwards."""
    errors: list[BaseException] = []

    def hook(step: str, wanted: str = step) -> None:
        if step == wanted:
            try:
                deed()
            except BaseException as error:  # noqa: BLE001 - a hook's error would only be logged
                errors.append(error)

    detach = events.attach("upgrade.step", hook)
    try:
        yield
    finally:
        detach()
    if errors:
        raise errors[0]


@final
@dataclass(frozen=True)
class Upgraded:
    """An upgrade that completes."""

    edits: Edits

    def do(self, world: World) -> None:
        """Do it."""
        modules = edited(world, self.edits)
        reload(sources(world, modules))
        world.modules = modules


@final
@dataclass(frozen=True)
class TakenBack:
    """An upgrade that is failed after a step; one that has not this step completes."""

    edits: Edits
    step: str

    def do(self, world: World) -> None:
        """Do it."""
        modules = edited(world, self.edits)
        try:
            reload(sources(world, modules), force_rollback_at=self.step)
        except ForcedRollback:
            return
        world.modules = modules


@final
@dataclass(frozen=True)
class Refused:
    """An upgrade that cannot be: one of its modules cannot be loaded, or has a state that cannot be migrated to."""

    edits: Edits
    how: Break | None
    which: int

    def do(self, world: World) -> None:
        """Do it."""
        index = self.which % len(world.modules)
        edits = {**self.edits, index: {**self.edits.get(index, {}), "required": self.how is None}}
        texts = sources(world, edited(world, edits))
        name = world.modules[index].name
        if self.how is not None:
            texts[name] = broken(texts.get(name) or world.sources([world.modules[index]])[name], self.how)
        elif not any(server.split()[1] == str(index) for server in world.names):
            return  # nobody has a state that would be lacking
        with pytest.raises(UpgradeError):
            reload(texts)


@final
@dataclass(frozen=True)
class Disturbed:
    """An upgrade in the middle of which children are killed; it completes, or it never happened."""

    edits: Edits
    step: str
    victims: int

    def do(self, world: World) -> None:
        """Do it."""
        modules = edited(world, self.edits)
        names = [name for module in world.modules for name in world.children(module)][: self.victims]

        def kill() -> None:
            for name in names:
                pid = otpy.whereis(name)
                if pid is not None:
                    otpy.exit(pid, otpy.Kill())

        try:
            with at_step(self.step, kill):
                reload(sources(world, modules))
        except UpgradeError:
            return
        world.modules = modules


@final
@dataclass(frozen=True)
class Raced:
    """Two upgrades to the same at the same time: one completes; the other does so after it, or is refused."""

    edits: Edits

    def do(self, world: World) -> None:
        """Do it."""
        modules = edited(world, self.edits)
        texts = sources(world, modules)
        outcomes: list[object] = []

        def run() -> None:
            try:
                outcomes.append(reload(texts).status)
            except BaseException as error:  # noqa: BLE001 - judged below
                outcomes.append(error)

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert "completed" in outcomes, outcomes
        assert all(outcome == "completed" or isinstance(outcome, UpgradeInProgress) for outcome in outcomes), outcomes
        world.modules = modules


@final
@dataclass(frozen=True)
class ThereAndBack:
    """An upgrade that is rolled back afterwards: the states are what they were."""

    edits: Edits

    def do(self, world: World) -> None:
        """Do it, with nobody busy, so that the states can be compared."""
        modules = edited(world, self.edits)
        if modules == world.modules:
            return
        before = world.states()
        reload(sources(world, modules))
        upgrade.rollback(suspend_timeout=PATIENCE, timeout=PATIENCE)
        after = world.states()
        assert after == before, (after, before)


@final
@dataclass(frozen=True)
class Same:
    """An upgrade to what runs already, through all steps: every object is the same afterwards."""

    def do(self, world: World) -> None:
        """Do it, with nobody busy, so that the objects can be compared."""
        before = world.picture(identity=True)
        report = reload(world.sources(world.modules), identity=True)
        assert (report.status, report.supervisor_changes) == ("completed", ())
        assert_same(before, lambda: world.picture(identity=True))


Deed: TypeAlias = Upgraded | TakenBack | Refused | Disturbed | Raced | ThereAndBack | Same

IN_PEACE: Final = (ThereAndBack, Same)
"""Deeds that need a world in which nobody is busy."""
