"""Rolling and canary upgrades: two versions side by side, and all of one in the end."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.errors import ForcedRollback
from otpy.upgrade import WatchPolicy, watch
from otpy.upgrade.ahead import Ahead
from otpy.upgrade.steps import Steps
from tests.support import HandClock, eventually, inside, status
from tests.upgrade.conftest import Make
from tests.upgrade.sources import source
from tests.upgrade.test_ends import kill_coordinator, nothing_under_way

V1 = source("""
    from dataclasses import dataclass
    import otpy

    __vsn__ = "1"

    @dataclass
    class Purse:
        cents: int

    class Account(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(Purse(arg))

        def handle_call(self, request, from_, state):
            return otpy.Reply(("v1", state), state)

        def handle_cast(self, request, state):
            return otpy.NoReply(Purse(state.cents + request))
""")
V2 = V1.replace('"1"', '"2"').replace('"v1"', '"v2"').replace("cents: int", 'cents: int\n    currency: str = "EUR"')


def told(pids: list[otpy.Pid]) -> list[tuple[str, int]]:
    """Return version and cents of each account."""
    answers = [otpy.call(pid, "state") for pid in pids]
    return [(version, purse.cents) for version, purse in answers]


@inside
def test_rolling_brings_one_group_after_the_other(module: Make) -> None:
    """Each rests for itself alone, and in the end there is one version: that of the module."""
    made = module("m_account", V1)
    pids = [made.Account.start(n) for n in range(20)]
    seen: list[int] = []

    def look(step: str) -> None:
        seen.append(sum(otpy.process_info(pid).status == "suspended" for pid in pids))  # type: ignore[union-attr]

    detach = otpy.events.attach("upgrade.step", look)
    try:
        report = upgrade.reload_module("m_account", V2, strategy="rolling", group_size=3)
    finally:
        detach()
    assert report.strategy == "rolling"
    assert set(report.affected_processes) == set(pids)
    assert report.migrated == len(pids)
    assert max(seen) < len(pids)
    assert told(pids) == [("v2", n) for n in range(20)]
    assert type(otpy.call(pids[0], "state")[1]) is sys.modules["m_account"].Purse
    otpy.cast(pids[4], 7)
    assert told(pids[4:5]) == [("v2", 11)]
    assert otpy.process_info(pids[0]).vsn == "2"  # type: ignore[union-attr]


@inside
def test_a_group_that_fails_takes_all_back_with_their_work(module: Make) -> None:
    """Those that went ahead have done something on the new version, and go on with that on the old one."""
    made = module("m_account", V1)
    pids = [made.Account.start(n) for n in range(6)]
    bad = V2 + source("""
        class Account(Account):
            def code_change(self, old_vsn, state, extra):
                if isinstance(old_vsn, otpy.DownTo):
                    return otpy.Ok(Purse(state.cents))
                if state.cents == 4:
                    raise ValueError("not this one")
                return otpy.Ok(Purse(state.cents + 100))
    """)
    before = type(otpy.call(pids[0], "state")[1])
    with pytest.raises(otpy.MigrationFailed, match="not this one"):
        upgrade.reload_module("m_account", bad, strategy="rolling", rehearse=False)
    answers = [otpy.call(pid, "state") for pid in pids]
    assert {version for version, _ in answers} == {"v1"}
    assert {type(purse) for _, purse in answers} == {before}
    assert [purse.cents for _, purse in answers] == [100, 101, 102, 103, 4, 5]
    assert sys.modules["m_account"].__vsn__ == "1"


SHARED = {
    "a function": (V1 + "\ndef tax(): return 1\n", V2 + "\ndef tax(): return 2\n", "tax"),
    "a value": (V1 + "\nRATE = 1\n", V2 + "\nRATE = 2\n", "RATE"),
    "a module variable that is assigned": (
        V1,
        V2 + "\ndef count():\n    global N\n    N = 1\n",
        "assigns the module's N",
    ),
    "a request": (
        V1 + "\nclass Get(otpy.Request):\n    n = 1\n",
        V2 + "\nclass Get(otpy.Request):\n    n = 2\n",
        "is sent between processes",
    ),
    "a function that makes what changes": (
        V1 + "\ndef fresh():\n    return Purse(0)\n",
        V2 + "\ndef fresh():\n    return Purse(0)\n",
        "m_shared.fresh: names Purse",
    ),
    "a method that asks for what changes": (
        V1 + "\nclass Till:\n    def has(self, x):\n        return (lambda: isinstance(x, Purse))()\n",
        V2 + "\nclass Till:\n    def has(self, x):\n        return (lambda: isinstance(x, Purse))()\n",
        "m_shared.Till.has: names Purse",
    ),
}


@inside
def test_an_unchanged_function_may_speak_of_what_changes(module: Make) -> None:
    """An annotation does nothing, and a behaviour that did not change is run by those who stay."""
    more = "\ndef show(purse: Purse) -> str:\n    return str(purse.cents)\n"
    more += "\nclass Other(otpy.GenServer):\n    def init(self, arg):\n        return otpy.Ok(Purse(arg))\n"
    lazy = "from __future__ import annotations\n"
    pid = module("m_shared", lazy + V1 + more).Account.start(1)
    upgrade.reload_module("m_shared", lazy + V2 + more, strategy="rolling")
    assert told([pid]) == [("v2", 1)]


@pytest.mark.parametrize("name", SHARED)
@inside
def test_what_all_processes_share_is_refused_with_its_name(module: Make, name: str) -> None:
    """It would change for everybody at once."""
    old, new, named = SHARED[name]
    made = module("m_shared", old)
    pid = made.Account.start(1)
    with pytest.raises(otpy.IncompatibleUpgrade, match=named):
        upgrade.reload_module("m_shared", new, strategy="rolling")
    assert told([pid]) == [("v1", 1)]


@pytest.mark.parametrize("strategy", ["rolling", "canary"])
@inside
def test_that_nobody_can_go_ahead_is_said(module: Make, strategy: Any) -> None:
    """Where only a class of states changes, all go together; who asked for canaries must not believe in them."""
    made = module(
        "m_account", V1.replace("Ok(Purse(arg))", "Ok(arg)").replace("NoReply(Purse(", "NoReply(type(state)(")
    )
    pid = made.Account.start(made.Purse(3))
    changed = V1.replace("Ok(Purse(arg))", "Ok(arg)").replace("NoReply(Purse(", "NoReply(type(state)(")
    changed = changed.replace('"1"', '"2"').replace("cents: int", 'cents: int\n    currency: str = "EUR"')
    report = upgrade.reload_module("m_account", changed, strategy=strategy, watch=WatchPolicy(window=0.001))
    assert any("nobody went ahead" in warning for warning in report.warnings)
    assert otpy.call(pid, "state")[1] == made.Purse(3, "EUR")


@inside
def test_canaries_go_first_and_the_rest_follows(module: Make) -> None:
    """When they have done well for as long as was asked for."""
    made = module("m_account", V1)
    pids = [made.Account.start(n) for n in range(5)]
    upgrade.reload_module("m_account", V2, strategy="canary", canaries=2, watch=WatchPolicy(window=0.05))
    assert told(pids) == [("v2", n) for n in range(5)]


def test_the_window_of_the_canaries_is_not_the_time_of_the_upgrade(
    module: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for half an hour of watching does not mean that the upgrade has failed when it is over."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        pids = [module("m_account", V1).Account.start(n) for n in range(5)]

        def pause(_seconds: float) -> None:
            clock.advance(100.0, runtime)

        monkeypatch.setattr(watch, "_pause", pause)
        upgrade.reload_module("m_account", V2, strategy="canary", timeout=10.0, watch=WatchPolicy(window=1800.0))
        assert clock.now() >= 1800.0
        assert told(pids) == [("v2", n) for n in range(5)]


@inside
def test_canaries_that_crash_bring_the_upgrade_back(module: Make) -> None:
    """The others have never seen the new version."""
    made = module("m_account", V1)
    otpy.trap_exit(True)
    pids = [made.Account.start(n) for n in range(5)]
    bad = V2.replace('return otpy.Reply(("v2", state), state)', 'raise ValueError("v2 is bad")')
    stopped: list[Any] = []

    def hit() -> None:
        eventually(lambda: stopped or not all(map(otpy.is_alive, pids[:2])) or _ask(pids[0]) or _ask(pids[1]))

    asking = otpy.spawn(hit)
    with pytest.raises(otpy.CanaryFailed, match="crashes of upgraded processes"):
        upgrade.reload_module(
            "m_account", bad, strategy="canary", canaries=2, watch=WatchPolicy(window=20, max_crashes=0)
        )
    stopped.append(True)
    eventually(lambda: not otpy.is_alive(asking))
    living = [pid for pid in pids if otpy.is_alive(pid)]
    assert len(living) >= 4
    assert {version for version, _ in told(living)} == {"v1"}
    assert sys.modules["m_account"].__vsn__ == "1"


@inside
def test_the_way_back_has_its_own_time(module: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade whose time is over goes back like any other: nobody is ended for that."""
    pids = [module("m_account", V1).Account.start(n) for n in range(4)]
    in_time = Steps.in_time

    def late(self: Steps, now: str) -> None:
        if now == "ahead":
            self.until = self.clock.now() - 1
        in_time(self, now)

    monkeypatch.setattr(Steps, "in_time", late)
    with pytest.raises(otpy.ReloadTimeout):
        upgrade.reload_module("m_account", V2, strategy="rolling")
    assert told(pids) == [("v1", n) for n in range(4)]


@inside
def test_no_group_goes_when_the_time_is_over(module: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would only have to come back."""
    pids = [module("m_account", V1).Account.start(n) for n in range(4)]
    brought: list[object] = []
    bring = Ahead._bring

    def slow(self: Ahead, group: list[Any]) -> None:
        brought.extend(group)
        bring(self, group)
        self._transaction.steps.until = self._transaction.steps.clock.now() - 1

    monkeypatch.setattr(Ahead, "_bring", slow)
    with pytest.raises(otpy.ReloadTimeout):
        upgrade.reload_module("m_account", V2, strategy="rolling")
    assert brought == pids[:1]
    assert told(pids) == [("v1", n) for n in range(4)]


@inside
def test_a_busy_process_on_the_way_back_keeps_nobody_else_from_it(module: Make) -> None:
    """It cannot be taken back, so it is ended; the others go back."""
    old = V1.replace("return otpy.NoReply(Purse(state.cents + request))", "otpy.receive(lambda _: False)")
    new = V2.replace("return otpy.NoReply(Purse(state.cents + request))", "otpy.receive(lambda _: False)")
    pids = [module("m_account", old).Account.start(n) for n in range(4)]

    def keep_busy(step: str) -> None:
        if step == "suspend":
            otpy.cast(pids[2], "work")
            eventually(lambda: status(pids[2]) == "waiting")

    detach = otpy.events.attach("upgrade.step", keep_busy)
    try:
        with pytest.raises(ForcedRollback) as failed:
            upgrade.reload_module(
                "m_account", new, strategy="rolling", suspend_timeout=0.1, force_rollback_at="suspend"
            )
    finally:
        detach()
    (ended,) = failed.value.report.not_taken_back
    assert "was ended, since it could not go back" in ended
    assert ended in failed.value.recovery.action
    assert not otpy.is_alive(pids[2])
    assert told([*pids[:2], pids[3]]) == [("v1", 0), ("v1", 1), ("v1", 3)]


def test_who_carries_it_out_is_killed_when_some_went_ahead(
    otp_runtime: object, module: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes them back."""
    pids = [module("m_account", V1).Account.start(n) for n in range(4)]
    in_time = Steps.in_time

    def killed(self: Steps, now: str) -> None:
        if now == "ahead":
            kill_coordinator()
        in_time(self, now)

    monkeypatch.setattr(Steps, "in_time", killed)
    with pytest.raises(otpy.UpgradeError, match="was ended with Killed"):
        upgrade.reload_module("m_account", V2, strategy="rolling")
    eventually(nothing_under_way)
    assert told(pids) == [("v1", n) for n in range(4)]


def _ask(pid: otpy.Pid) -> bool:
    try:
        otpy.call(pid, "state", timeout=1)
    except otpy.CallError:
        return True
    return False


SLOW = source("""
    class Account(Account):
        def code_change(self, old_vsn, state, extra):
            otpy.send(extra, otpy.self_pid())
            otpy.receive(lambda message: message == "go on")
            return otpy.Ok(Purse(state.cents))
""")


@inside
def test_rolling_runs_code_change_inside_the_process(module: Make) -> None:
    """It may look at who it is, and wait, as in every upgrade; its callers wait as for one that is held."""
    made = module("m_account", V1)
    me = otpy.self_pid()
    pids = [made.Account.start(n) for n in range(2)]
    answers: list[str] = []
    seen: list[otpy.Pid] = []

    def ask(pid: otpy.Pid) -> None:
        answers.append(otpy.call(pid, "state", timeout=0.05)[0])

    def help_on() -> None:
        for _ in pids:
            pid = otpy.receive(lambda message: isinstance(message, otpy.Pid))
            seen.append(pid)
            otpy.spawn(ask, pid)
            otpy.sleep(0.2)  # longer than the caller would wait
            otpy.send(pid, "go on")

    helper = otpy.spawn(help_on)
    upgrade.reload_module("m_account", V2 + SLOW, strategy="rolling", extra=helper, rehearse=False)
    assert seen == pids
    assert me not in seen
    assert told(pids) == [("v2", 0), ("v2", 1)]
    eventually(lambda: answers == ["v2", "v2"])


@inside
def test_rolling_gives_up_a_code_change_that_does_not_end(module: Make) -> None:
    """What it comes to later is nobody's state: the process goes on with what it had."""
    made = module("m_account", V1)
    pids = [made.Account.start(n) for n in range(2)]
    helper = otpy.spawn(lambda: otpy.receive(lambda message: message == "never"))
    with pytest.raises(otpy.MigrationFailed, match=r"did not end within 0\.2 s"):
        upgrade.reload_module(
            "m_account", V2 + SLOW, strategy="rolling", extra=helper, rehearse=False, code_change_timeout=0.2
        )
    for pid in pids:
        otpy.send(pid, "go on")
    assert told(pids) == [("v1", 0), ("v1", 1)]


@inside
def test_rolling_waits_for_a_process_that_is_busy(module: Make) -> None:
    """It is brought to rest, and goes over then."""
    waits = V1.replace(
        "return otpy.NoReply(Purse", "otpy.receive(lambda m: m == 'go on')\n        return otpy.NoReply(Purse"
    )
    made = module("m_account", waits)
    pid = made.Account.start(1)
    otpy.cast(pid, 5)
    eventually(lambda: otpy.process_info(pid).status == "waiting")  # type: ignore[union-attr]

    def hook(step: str) -> None:
        if step == "ahead":
            otpy.send(pid, "go on")

    detach = otpy.events.attach("upgrade.step", hook)
    try:
        report = upgrade.reload_module("m_account", V2, strategy="rolling")
    finally:
        detach()
    assert report.affected_processes == (pid,)
    assert told([pid]) == [("v2", 6)]
