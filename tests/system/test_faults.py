"""Faults at every step of an upgrade under load: it completes, or it never happened, and nothing is lost.

The system is one of those of tests/properties: three modules whose states are of different kinds, servers on the
scheduler, on threads and on the event loop that send each other messages whose classes change too, and supervisors
whose children are added, removed and put in another order.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

import otpy
from otpy.errors import ForcedRollback, UpgradeError, UpgradeInProgress
from otpy.planning.steps import STEPS
from tests.matrix.picture import assert_same
from tests.properties.deeds import at_step, reload
from tests.properties.features import Module
from tests.properties.world import PATIENCE, World, world

KINDS: Final = ("dataclass", "slots", "plain")
OLD: Final = tuple(Module(index, kind, children=(0, 1, 2)) for index, kind in enumerate(KINDS))  # type: ignore[arg-type]
NEW: Final = tuple(
    replace(
        module,
        body=1,
        default=2,
        decorated=True,
        helper=True,
        attribute=3,
        as_property=True,
        constant=1,
        members=2,
        extra=frozenset({1, 2}),
        notes=frozenset({3}),
        children=(3, 1, 0),
        comment=2,
    )
    for module in OLD
)
SERVERS: Final = tuple((module, kind) for module in range(3) for kind in range(3))


@pytest.fixture
def system(caplog: pytest.LogCaptureFixture) -> Iterator[World]:
    """A system in its old version, whose reports of crashes are not wanted: they are on purpose."""
    caplog.set_level(logging.CRITICAL)
    with world(OLD, SERVERS) as here:
        yield here


def other(here: World) -> tuple[Module, ...]:
    """The version that does not run."""
    return NEW if here.modules == OLD else OLD


@pytest.mark.timeout(200)
def test_an_upgrade_that_fails_at_any_step_leaves_everything_bit_for_bit(system: World) -> None:
    """Code, classes, states, children and their pids: the same objects with the same contents."""
    with system.load():
        pass
    system.check()
    failed = [step for step in STEPS if _leaves_no_trace(system, step)]
    system.check()
    assert {"load", "suspend", "install", "convert", "commit", "children"} <= set(failed)


def _leaves_no_trace(here: World, step: str) -> bool:
    """Whether the upgrade has *step*, so that it was failed there; one that completes is rolled back."""
    before = here.picture()
    if not _fails(here, step):
        return False
    assert_same(before, here.picture)
    return True


def _fails(here: World, step: str) -> bool:
    try:
        reload(here.sources(other(here)), force_rollback_at=step)
    except ForcedRollback:
        return True
    reload(here.sources(here.modules))
    return False


@pytest.mark.timeout(200)
def test_an_upgrade_that_fails_under_load_loses_nothing(system: World) -> None:
    """At whatever step: every message is handled once and in order, by code of its own version."""
    for step in STEPS:
        with system.load():
            pids = _children(system)
            if _fails(system, step):
                assert _children(system) == pids, step
        system.check()


def _children(here: World) -> dict[str, Any]:
    return {name: otpy.whereis(name) for module in here.modules for name in here.children(module)}


@pytest.mark.timeout(200)
@pytest.mark.parametrize("victims", [("child 0 0", "child 2 2", "lone"), ("top 1",)], ids=" and ".join)
def test_processes_that_are_killed_at_any_step_do_not_leave_half_an_upgrade(
    system: World, victims: tuple[str, ...]
) -> None:
    """A child that stays, one that is removed and a server of its own; then a supervisor with all its children."""
    for step in STEPS:
        _revive(system, victims)
        target = other(system)
        with system.load(drivers=1):
            try:
                with at_step(step, lambda: _kill(victims)):
                    reload(system.sources(target))
            except UpgradeError:
                pass
            else:
                system.modules = target
        _revive(system, victims)
        system.check()


def _kill(victims: tuple[str, ...]) -> None:
    for victim in victims:
        pid = otpy.whereis(victim)
        if pid is not None:
            otpy.exit(pid, otpy.Kill())


def _revive(here: World, victims: tuple[str, ...]) -> None:
    """Start those of *victims* that were killed and have no supervisor to do so."""
    if "lone" in victims and otpy.whereis("lone") is None:
        here.module_of("lone 0").Server.start("lone", name="lone")
    for top in victims:
        if top.startswith("top") and otpy.whereis(top) is None:
            here.module_of(top).Top.start(None, name=top)


@pytest.mark.timeout(200)
def test_a_second_upgrade_is_refused_at_any_step_of_the_first(system: World) -> None:
    """And it changes nothing: the first one completes as if nobody had asked."""
    for step in STEPS:
        target = other(system)
        refused: list[bool] = []
        with system.load(drivers=1), at_step(step, lambda: refused.append(_is_refused(system))):  # noqa: B023 - called inside
            reload(system.sources(target))
        system.modules = target
        system.check()
        assert all(refused), step


def _is_refused(here: World) -> bool:
    """Whether an upgrade that another thread asks for is refused because there is one under way."""
    outcomes: list[object] = []

    def ask() -> None:
        try:
            outcomes.append(reload(here.sources(OLD)))
        except UpgradeError as error:
            outcomes.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(PATIENCE)
    return len(outcomes) == 1 and isinstance(outcomes[0], UpgradeInProgress)


@pytest.mark.timeout(200)
def test_supervisors_restart_children_in_the_middle_of_upgrades(system: World) -> None:
    """Children are killed all the time, while the system goes up and down."""
    over = threading.Event()
    kills: list[str] = []

    def kill() -> None:
        while not over.is_set():
            for name in ("child 0 0", "child 1 1", "child 2 0"):
                pid = otpy.whereis(name)
                if pid is not None:
                    otpy.exit(pid, otpy.Kill())
                    kills.append(name)
            over.wait(0.001)

    killer = threading.Thread(target=kill)
    with system.load(drivers=1):
        killer.start()
        try:
            for _ in range(6):
                target = other(system)
                reload(system.sources(target))
                system.modules = target
        finally:
            over.set()
            killer.join(PATIENCE)
    system.check()
    assert kills


@pytest.mark.timeout(200)
def test_callers_across_the_window_are_answered_once_and_by_the_new_version(system: World) -> None:
    """Their time limit stands still while the server is suspended, however long that takes."""
    limit = 0.2
    answers: list[Any] = []
    asked = threading.Event()

    def ask() -> None:
        asked.set()
        answers.append(otpy.call("server 0 0", "signature", timeout=limit))

    def hold() -> None:
        callers = [threading.Thread(target=ask) for _ in range(3)]
        for caller in callers:
            caller.start()
        held.extend(callers)
        threading.Event().wait(2 * limit)  # the window: longer than the callers would wait

    held: list[threading.Thread] = []
    with at_step("install", hold):
        reload(system.sources(NEW))
    system.modules = NEW
    for caller in held:
        caller.join(PATIENCE)
    assert [answer[1] for answer in answers] == [(7, 1, 2)] * 3
    system.check()
