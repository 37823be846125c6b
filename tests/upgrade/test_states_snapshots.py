"""A process as it was, and back to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.behaviours.migrations.plain import from_bytes
from otpy.kernel.here import current
from otpy.upgrade.snapshots import Snapshot, restored, snapshot_of
from tests.support import inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import source

BOX = source("""
    import otpy
    __vsn__ = "1"

    class Box:
        def __init__(self, n):
            self.n = n

    class Keeper(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok([Box(arg)])
        def handle_call(self, request, from_, state):
            if request == "snapshot":
                return otpy.Reply(snapshot(), state)
            state[0].n += 1
            return otpy.Reply(state[0].n, state)
""")


def _snapshot() -> Snapshot:
    return snapshot_of(current())


@inside
def test_snapshot_is_a_copy_that_can_be_gone_back_to_twice(module: Make) -> None:
    """What the process does afterwards does not reach it."""
    box: Any = module("m_snapshot", BOX)
    box.snapshot = _snapshot
    pid: Any = box.Keeper.start(5)
    taken = otpy.call(pid, "snapshot")
    otpy.call(pid, "work")
    assert (taken.behaviour, taken.vsn, taken.state[0].n) == ("m_snapshot.Keeper", "1", 5)
    one, two = restored(pid, taken), restored(pid, taken)
    assert one.state[0].n == two.state[0].n == 5
    assert one.state[0] is not two.state[0]
    data = taken.stored().data
    assert data is not None
    assert from_bytes(data)[0].n == 5


@inside
def test_snapshot_of_another_version_is_refused(module: Make) -> None:
    """The message says what to do first."""
    box: Any = module("m_snapshot", BOX)
    box.snapshot = _snapshot
    pid: Any = box.Keeper.start(5)
    taken = otpy.call(pid, "snapshot")
    upgrade.reload_module(
        "m_snapshot", BOX.replace('"1"', '"2"').replace("self.n = n", "self.n = n\n        self.m = 1")
    )
    with pytest.raises(
        otpy.MigrationFailed, match=r"version '2', and the snapshot is of m_snapshot\.Keeper in version '1'"
    ):
        restored(pid, taken)


# -- what the history keeps of an upgrade ------------------------------------------------------------

STATE = source("""
    import otpy
    class Holder(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)
        def handle_call(self, request, from_, state):
            return otpy.Reply({shown}, state)
        def code_change(self, old_vsn, state, extra):
            return otpy.Ok(state)
""")


def _boxed(_vsn: object, state: Any) -> list[Any]:
    return [state]


@pytest.mark.parametrize(
    ("make", "why"),
    [(lambda: "x" * 1_000_000, "too big"), (lambda: 10**6000, "Exceeds the limit")],
    ids=["too big to be kept", "refuses to be text"],
)
@inside
def test_a_state_that_cannot_be_kept_for_the_history_is_upgraded(
    module: Make, make: Callable[[], Any], why: str
) -> None:
    """To show it later is a convenience; the upgrade goes on without it, and the history says why."""
    pid = module("m_holder", STATE.format(shown="'old'")).Holder.start(make())
    report = upgrade.reload_module("m_holder", STATE.format(shown="'new'") + "\nX = 1\n", state=_boxed)
    assert otpy.call(pid, "?") == "new"
    (change,) = upgrade.timeline(report.id).states
    assert why in change.before
    assert why in change.after
    assert any(why in warning for warning in report.warnings) == (why != "too big")
