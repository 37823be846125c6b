"""After an upgrade: what is watched, when it goes back by itself, and what becomes of the work done meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.store.memory import MemoryStore
from otpy.upgrade import WatchPolicy
from otpy.upgrade.engine import engine
from otpy.upgrade.watch import Health, Sample, memory_in_use, verdict
from tests.support import eventually, inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import source

V1 = source("""
    import otpy

    __vsn__ = "1"

    class Counter(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok({"n": arg})

        def handle_call(self, request, from_, state):
            return otpy.Reply(("v1", state["n"]), state)

        def handle_cast(self, request, state):
            return otpy.NoReply({**state, "n": state["n"] + 1})

    class Top(otpy.Supervisor):
        def init(self, arg):
            flags = otpy.SupFlags(intensity=100)
            return flags, [Counter.child_spec(n, id=n, name=f"counter{n}") for n in range(3)]
""")
V2 = V1.replace('"1"', '"2"').replace('("v1", state["n"])', '("v2", state["n"])')
CRASHING = V2.replace('return otpy.Reply(("v2", state["n"]), state)', 'raise ValueError("v2 is bad")')

LIMITS: dict[str, tuple[WatchPolicy, Health, str | None]] = {
    "crashes": (WatchPolicy(max_crashes=1), Health(Sample(), Sample(), crashes=2), "crashes of upgraded processes: 2"),
    "as many as allowed": (WatchPolicy(max_crashes=2), Health(Sample(), Sample(), crashes=2), None),
    "share": (
        WatchPolicy(max_crashes=None, error_threshold=0.5),
        Health(Sample(processes=4), Sample(), crashes=3),
        "share of crashed processes: 0.75",
    ),
    "restarts": (WatchPolicy(max_restarts=0), Health(Sample(), Sample(), restarts=1), "restarts: 1"),
    "memory": (WatchPolicy(max_memory=10), Health(Sample(memory=5), Sample(memory=16)), "bytes of memory more: 11"),
    "mailbox": (WatchPolicy(max_mailbox=3), Health(Sample(waiting=1), Sample(waiting=5)), "messages more that wait: 4"),
    "handler": (WatchPolicy(max_handler_time=0.5), Health(Sample(), Sample(slowest=0.6)), "for one message: 0.6"),
    "no limit": (
        WatchPolicy(max_crashes=None),
        Health(Sample(), Sample(memory=10**9, waiting=10**6, slowest=100.0), crashes=50, restarts=50),
        None,
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_which_limit_was_passed(name: str) -> None:
    """It is said with what was found and what is allowed."""
    policy, health, said = LIMITS[name]
    why = verdict(health, policy)
    if said is None:
        assert why is None
    else:
        assert why is not None
        assert said in why


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no window": ({"window": 0}, "window is 0"),
    "negative": ({"max_crashes": -1}, "max_crashes is -1"),
    "share": ({"error_threshold": 2}, "from 0 to 1"),
    "text": ({"max_handler_time": "long"}, "max_handler_time is 'long'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_policy_that_makes_no_sense_is_refused(name: str) -> None:
    """Where it is made, with what is accepted."""
    given, said = BAD[name]
    with pytest.raises(ValueError, match=said):
        WatchPolicy(**given)


@contextmanager
def told(name: str) -> Generator[list[dict[str, Any]]]:
    """Collect the events called *name*."""
    found: list[dict[str, Any]] = []

    def hook(**facts: Any) -> None:
        found.append(facts)

    detach = otpy.events.attach(name, hook)
    try:
        yield found
    finally:
        detach()


def versions(names: tuple[str, ...] = ("counter0", "counter1", "counter2")) -> list[Any]:
    """Return what the counters answer."""
    return [otpy.call(name, "n") for name in names]


@inside
def test_crashes_take_the_upgrade_back_by_itself(module: Make) -> None:
    """The processes are on the old version again, and the history says why."""
    made = module("m_watched", V1)
    made.Top.start()
    with told("upgrade.rolled_back_by_watch") as gone_back:
        report = upgrade.reload_module("m_watched", CRASHING, watch=WatchPolicy(window=30, max_crashes=1))
        assert report.status == "completed"
        otpy.cast("counter2", "more")
        for _ in range(2):
            with pytest.raises(otpy.ServerExited):
                otpy.call("counter0", "n")
            eventually(lambda: otpy.whereis("counter0"))
        eventually(lambda: gone_back)
    assert "crashes of upgraded processes" in gone_back[0]["why"]
    assert sys.modules["m_watched"].__vsn__ == "1"
    assert versions() == [("v1", 0), ("v1", 1), ("v1", 3)]
    records = upgrade.history("m_watched")
    assert [(record.status, record.trigger) for record in records[-2:]] == [
        ("rolled_back_by_watch", "call"),
        ("completed", "watch"),
    ]


@inside
def test_the_kept_states_lose_the_work_and_say_so(module: Make) -> None:
    """`keep_work=False` is for states that the new version has spoilt."""
    made = module("m_watched", V1)
    made.Top.start()
    otpy.cast("counter2", "more")
    with told("upgrade.rolled_back_by_watch") as gone_back:
        policy = WatchPolicy(window=30, max_crashes=0, keep_work=False)
        upgrade.reload_module("m_watched", CRASHING, watch=policy)
        for _ in range(4):
            otpy.cast("counter2", "lost")
        with pytest.raises(otpy.ServerExited):
            otpy.call("counter0", "n")
        eventually(lambda: gone_back)
    assert otpy.call("counter2", "n") == ("v1", 3)
    assert any("what was done since is lost" in warning for warning in gone_back[0]["report"].warnings)


@pytest.mark.parametrize("numbers", ["range(3)", "(0, 2, 3)"], ids=["same children", "other children"])
@inside
def test_the_kept_states_are_not_those_of_supervisors(module: Make, numbers: str) -> None:
    """Who their children are is no work: who was started since is known to them, and who went is started again."""
    module("m_watched", V1).Top.start()
    with told("upgrade.rolled_back_by_watch") as gone_back:
        policy = WatchPolicy(window=30, max_crashes=0, keep_work=False)
        upgrade.reload_module("m_watched", CRASHING.replace("range(3)", numbers), watch=policy)
        with pytest.raises(otpy.ServerExited):
            otpy.call("counter0", "n")
        eventually(lambda: gone_back)
    assert versions() == [("v1", 0), ("v1", 1), ("v1", 2)]
    assert otpy.whereis("counter3") is None
    again: Any = otpy.whereis("counter0")
    otpy.exit(again, otpy.Kill())
    eventually(lambda: otpy.whereis("counter0") not in {None, again})


@inside
def test_a_process_that_cannot_be_saved_is_ended(module: Make) -> None:
    """Its supervisor starts it on the old code; the others keep what they have."""
    made = module("m_watched", V1)
    made.Top.start()
    stuck = CRASHING + source("""
        class Counter(Counter):
            def code_change(self, old_vsn, state, extra):
                if isinstance(old_vsn, otpy.DownTo) and state["n"] == 1:
                    raise ValueError("no way back")
                return otpy.Ok(state)
    """)
    before = otpy.whereis("counter1")
    with told("upgrade.rolled_back_by_watch") as gone_back:
        upgrade.reload_module("m_watched", stuck, watch=WatchPolicy(window=30, max_crashes=0))
        otpy.cast("counter2", "more")
        with pytest.raises(otpy.ServerExited):
            otpy.call("counter0", "n")
        eventually(lambda: gone_back)
    eventually(lambda: otpy.whereis("counter1") not in (None, before))
    assert versions() == [("v1", 0), ("v1", 1), ("v1", 3)]


@inside
def test_a_window_that_ends_well_is_told(module: Make) -> None:
    """And nothing goes back any more."""
    made = module("m_watched", V1)
    made.Top.start()
    with told("upgrade.watched") as well:
        upgrade.reload_module("m_watched", V2, watch=WatchPolicy(window=0.05, max_crashes=0))
        eventually(lambda: well)
    assert well[0]["health"].crashes == 0
    assert versions() == [("v2", 0), ("v2", 1), ("v2", 2)]


@inside
def test_the_next_upgrade_ends_the_watch(module: Make) -> None:
    """What was watched is no longer what runs."""
    made = module("m_watched", V1)
    made.Top.start()
    with told("upgrade.going_back") as going_back:
        upgrade.reload_module("m_watched", CRASHING, watch=WatchPolicy(window=30, max_crashes=0))
        upgrade.reload_module("m_watched", V2.replace('"2"', '"3"'))
        first = otpy.whereis("counter0")
        assert first is not None
        otpy.exit(first, ValueError("by hand"))
        eventually(lambda: otpy.whereis("counter0") not in (None, first))
        assert not engine.watches
        assert not going_back
    assert versions() == [("v2", 0), ("v2", 1), ("v2", 2)]


@inside
def test_an_upgrade_of_something_else_does_not_end_the_watch(module: Make) -> None:
    """Else a bad version would stay because a good one came after it."""
    module("m_watched", V1).Top.start()
    module("m_other", V1)
    with told("upgrade.rolled_back_by_watch") as gone_back:
        upgrade.reload_module("m_watched", CRASHING, watch=WatchPolicy(window=30, max_crashes=0))
        upgrade.reload_module("m_other", V2, watch=WatchPolicy(window=30, max_crashes=0))
        with pytest.raises(otpy.ServerExited):
            otpy.call("counter0", "n")
        eventually(lambda: gone_back)
    assert versions() == [("v1", 0), ("v1", 1), ("v1", 2)]
    assert list(engine.watches.values()) == [frozenset({"m_other"})]


@inside
def test_an_upgrade_of_what_is_used_ends_the_watch(module: Make) -> None:
    """What crashes from then on may do so for what it uses: going back with the wrong one would cure nothing."""
    module("m_prices", "TAX = 1\n")
    old = V1.replace("import otpy", "import otpy\nfrom m_prices import TAX")
    new = V2.replace("import otpy", "import otpy\nfrom m_prices import TAX")
    module("m_watched", old).Top.start()
    upgrade.reload_module("m_watched", new, watch=WatchPolicy(window=30, max_crashes=0))
    upgrade.reload_module("m_prices", "TAX = 2\n")
    assert not engine.watches


@inside
def test_going_back_is_told_to_the_store_that_knows_of_the_upgrade(module: Make) -> None:
    """Another one may be in use by then, with other upgrades under the same numbers."""
    module("m_watched", V1).Top.start()
    mine = upgrade.use_store(MemoryStore())
    try:
        with told("upgrade.rolled_back_by_watch") as gone_back:
            upgrade.reload_module("m_watched", CRASHING, watch=WatchPolicy(window=30, max_crashes=0))
            first = upgrade.use_store(MemoryStore())
            with pytest.raises(otpy.ServerExited):
                otpy.call("counter0", "n")
            eventually(lambda: gone_back)
        assert [record.outcome for record in first.history()] == ["rolled_back_by_watch"]
    finally:
        upgrade.use_store(mine)


SESSIONS = V1.replace("class Top(", "class Sessions(otpy.DynamicSupervisor):\n    pass\n\nclass Top(")


@inside
def test_children_that_are_started_are_no_restarts(module: Make) -> None:
    """A busy system starts sessions all the time; only what its supervisors start again counts."""
    made = module("m_watched", SESSIONS)
    sessions = made.Sessions.start_link()
    policy = WatchPolicy(window=30, max_crashes=None, max_restarts=0)
    with told("upgrade.rolled_back_by_watch") as gone_back:
        upgrade.reload_module("m_watched", SESSIONS.replace('("v1"', '("v2"'), watch=policy)
        (watch,) = engine.watches
        pids = [otpy.dynamic_supervisor.start_child(sessions, made.Counter.child_spec(n)) for n in range(5)]
        assert watch.health().restarts == 0
        otpy.exit(pids[0], ValueError("by hand"))
        eventually(lambda: gone_back)
    assert "restarts: 1" in gone_back[0]["why"]
    assert otpy.call(pids[1], "n") == ("v1", 1)


@inside
def test_an_attempt_that_fails_does_not_end_the_watch(module: Make) -> None:
    """What is watched is still what runs."""
    module("m_watched", V1).Top.start()
    with told("upgrade.rolled_back_by_watch") as gone_back:
        upgrade.reload_module("m_watched", CRASHING, watch=WatchPolicy(window=30, max_crashes=0))
        with pytest.raises(otpy.CompilationFailed):
            upgrade.reload_module("m_watched", "def :")
        with pytest.raises(otpy.ServerExited):
            otpy.call("counter0", "n")
        eventually(lambda: gone_back)
    assert versions() == [("v1", 0), ("v1", 1), ("v1", 2)]


@inside
def test_going_back_waits_for_what_is_under_way(module: Make) -> None:
    """A plan that is being made, or an upgrade that fails, does not keep a bad version in place."""
    module("m_watched", V1).Top.start()
    with told("upgrade.rolled_back_by_watch") as gone_back:
        upgrade.reload_module("m_watched", CRASHING, watch=WatchPolicy(window=30, max_crashes=0))
        with engine.alone():
            with pytest.raises(otpy.ServerExited):
                otpy.call("counter0", "n")
            eventually(lambda: any(info_of(pid) == "upgrade" for pid in otpy.processes()))
        eventually(lambda: gone_back)
    assert versions() == [("v1", 0), ("v1", 1), ("v1", 2)]


def info_of(pid: otpy.Pid) -> str | None:
    """Return the label of a process."""
    info = otpy.process_info(pid)
    return None if info is None else info.label


@inside
def test_a_process_that_is_stuck_on_the_new_version_is_ended(module: Make) -> None:
    """It would never come to rest, and all the others would stay on the bad version with it."""
    module("m_watched", V1).Top.start()
    stuck = CRASHING.replace('raise ValueError("v2 is bad")', "otpy.receive(lambda _: False)")
    with told("upgrade.rolled_back_by_watch") as gone_back:
        policy = WatchPolicy(window=30, max_handler_time=0.1)
        upgrade.reload_module("m_watched", stuck, suspend_timeout=0.1, watch=policy)
        asking = otpy.spawn(lambda: otpy.call("counter0", "n"))
        eventually(lambda: gone_back)
    eventually(lambda: not otpy.is_alive(asking) and otpy.whereis("counter0"))
    assert versions() == [("v1", 0), ("v1", 1), ("v1", 2)]


def answering(body: str) -> str:
    """Return version 2 with *body* in place of its answer."""
    return CRASHING.replace('raise ValueError("v2 is bad")', body)


LIVE: dict[str, tuple[WatchPolicy, str]] = {
    "restarts": (WatchPolicy(window=30, max_crashes=None, max_restarts=0), CRASHING),
    "messages more that wait": (WatchPolicy(window=30, max_mailbox=3), answering("otpy.receive(lambda _: False)")),
    "bytes of memory more": (
        WatchPolicy(window=30, max_memory=100_000_000),
        answering("return otpy.NoReply({**state, 'much': b'x' * 200_000_000})"),
    ),
}


@pytest.mark.parametrize("why", LIVE)
@inside
def test_what_is_measured_takes_the_upgrade_back_by_itself(module: Make, why: str) -> None:
    """As crashes do: a server that grows, one that others wait for in vain, and one that is started again and again."""
    policy, bad = LIVE[why]
    module("m_watched", V1).Top.start()
    with told("upgrade.rolled_back_by_watch") as gone_back:
        upgrade.reload_module("m_watched", bad, suspend_timeout=0.1, watch=policy)
        for _ in range(6):
            otpy.send_request("counter0", "n")
        eventually(lambda: gone_back)
    assert why in gone_back[0]["why"]
    eventually(lambda: otpy.whereis("counter0"))
    assert [answer for answer, _ in versions()] == ["v1"] * 3


@inside
def test_what_ran_before_may_run_again(module: Make) -> None:
    """The policy that a new version has to pass was never asked about what the program began with."""
    old = V1 + "\ndef clean():\n    import os\n    os.system('true')\n"
    module("m_watched", old).Top.start()
    with told("upgrade.rolled_back_by_watch") as gone_back:
        upgrade.reload_module("m_watched", CRASHING, watch=WatchPolicy(window=30, max_crashes=0))
        with pytest.raises(otpy.ServerExited):
            otpy.call("counter0", "n")
        eventually(lambda: gone_back)
    assert versions() == [("v1", 0), ("v1", 1), ("v1", 2)]


@inside
def test_kept_states_are_of_the_classes_that_there_are_now(module: Make) -> None:
    """A class that was replaced on the way there, and again on the way back, is another object by then."""
    old = source("""
        import otpy

        class Point:
            __slots__ = ("x",)

            def __init__(self, x):
                self.x = x

        class Holder(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok(Point(arg))

            def handle_call(self, request, from_, state):
                return otpy.Reply((type(state) is Point, state.x), state)

            def code_change(self, old_vsn, state, extra):
                return otpy.Ok(Point(state.x))
    """)
    new = old.replace('("x",)', '("x", "y")').replace("self.x = x", "self.x = self.y = x").replace("type(state)", "1/0")
    otpy.trap_exit(True)
    first, second = (module("m_point", old).Holder.start(n) for n in range(2))
    with told("upgrade.rolled_back_by_watch") as gone_back:
        upgrade.reload_module("m_point", new, watch=WatchPolicy(window=30, max_crashes=0, keep_work=False))
        with pytest.raises(otpy.ServerExited):
            otpy.call(first, "?")
        eventually(lambda: gone_back)
    assert otpy.call(second, "?") == (True, 1)


def test_memory_is_that_of_this_interpreter() -> None:
    """More than a megabyte, and it grows with what is kept."""
    before = memory_in_use()
    kept = bytearray(64 * 2**20)
    kept[::4096] = b"x" * len(kept[::4096])
    assert before > 2**20
    assert memory_in_use() - before > 32 * 2**20
    assert kept
