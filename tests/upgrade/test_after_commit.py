"""The end of an upgrade that stands: from the commit on, nothing may keep it from being whole."""

from __future__ import annotations

import threading

import pytest

import otpy
from otpy import upgrade
from otpy.kernel.here import here
from otpy.upgrade import WatchPolicy
from otpy.upgrade.children import Succession
from otpy.upgrade.transaction import Transaction
from otpy.upgrade.watch import Watch
from tests.support import eventually
from tests.upgrade.conftest import Make
from tests.upgrade.test_ends import TREE, kill_coordinator
from tests.upgrade.test_watch import told

MOMENTS = {"hand over": (Succession, "hand_over"), "watch": (Watch, "listen"), "resume": (Transaction, "_resume")}


@pytest.mark.parametrize("moment", MOMENTS)
def test_its_process_is_killed_after_the_commit(
    otp_runtime: object, module: Make, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Everybody goes on, with the new code, who has to leave is ended, and who asked hears that it is done.

    An UpgradeError says that the upgrade did not happen; and this one did.
    """
    module("m_tree", TREE).Top.start()
    kind, name = MOMENTS[moment]
    real = getattr(kind, name)

    def killed(self: object) -> None:
        killer = threading.Thread(target=kill_coordinator)
        killer.start()
        killer.join()
        assert here.process is not None
        assert here.process.fenced
        real(self)

    monkeypatch.setattr(kind, name, killed)
    new = TREE.replace('("a", "b")', '("a",)').replace("otpy.Reply(state, state)", 'otpy.Reply((state, "new"), state)')
    with told("upgrade.watched") as well:
        report = upgrade.reload_module("m_tree", new, watch=WatchPolicy(window=0.01))
        eventually(lambda: well)
    assert report.status == "completed"
    assert "was ended with Killed" in report.warnings[-1]
    assert otpy.call("a", "?") == ("a", "new")
    eventually(lambda: otpy.whereis("b") is None)
    assert upgrade.history("m_tree")[-1].status == "completed"
