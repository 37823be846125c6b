"""Bringing processes to rest: what goes on meanwhile, and what cannot."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.upgrade import engine, transaction
from tests.support import HandClock, eventually, inside, status
from tests.upgrade.conftest import Make
from tests.upgrade.sources import V1, V2, source

PING = source("""
    import otpy

    __vsn__ = "1"

    class Asker(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok((arg, 0))

        def handle_cast(self, request, state):
            server, number = state
            assert otpy.call(server, (otpy.self_pid(), number), timeout=20) == number
            otpy.cast(otpy.self_pid(), "again")
            return otpy.NoReply((server, number + 1))

        def handle_call(self, request, from_, state):
            return otpy.Reply(state[1], state)

    class Answerer(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok({})

        def handle_call(self, request, from_, state):
            if request == "all":
                return otpy.Reply(state, state)
            who, number = request
            assert state.get(who, -1) + 1 == number
            return otpy.Reply(number, {**state, who: number})
""")


BUSY = source("""
    import otpy

    __vsn__ = "1"

    class Busy(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(0)

        def handle_cast(self, request, state):
            otpy.receive(lambda message: message == "go on")
            return otpy.NoReply(state + 1)

        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)
""")


@inside
def test_who_is_busy_is_tried_again(module: Make) -> None:
    """As often as was asked for; in between, everybody goes on."""
    pid = module("m_busy", BUSY).Busy.start()
    otpy.cast(pid, "work")
    eventually(lambda: status(pid) == "waiting")
    handled: list[int] = []

    def let_go(**facts: object) -> None:
        if isinstance(facts["error"], otpy.SuspendTimeout):
            otpy.send(pid, "go on")
            handled.append(otpy.call(pid, "n"))

    detach = otpy.events.attach("upgrade.end", let_go)
    try:
        upgrade.reload_module("m_busy", BUSY + "X = 1\n", suspend_timeout=0.05, retries=3)
    finally:
        detach()
    assert handled == [1]
    assert [record.status for record in upgrade.history("m_busy")[-2:]] == ["rolled_back", "completed"]


def test_between_two_tries_everybody_goes_on_for_as_long_as_they_waited(
    module: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tries without a pause would be one long pause; and all together have no more time than one."""
    clock, pauses = HandClock(), list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        clock.advance(seconds, runtime)

    def too_busy(*_args: object, **_more: object) -> None:
        clock.advance(2.0, runtime)
        raise otpy.SuspendTimeout(otpy.self_pid(), 2.0)

    monkeypatch.setattr(engine, "sleep", pause)
    monkeypatch.setattr(transaction, "bring_to_rest", too_busy)
    with otpy.runtime(clock=clock) as runtime:
        module("m_busy", BUSY).Busy.start()
        with pytest.raises(otpy.SuspendTimeout):
            upgrade.reload_module("m_busy", BUSY + "X = 1\n", rehearse=False, suspend_timeout=2.0, retries=2)
        assert pauses == [2.0, 2.0]
        pauses.clear()
        with pytest.raises(otpy.SuspendTimeout):
            upgrade.reload_module(
                "m_busy", BUSY + "X = 1\n", rehearse=False, suspend_timeout=2.0, retries=9, timeout=7.0
            )
        assert pauses == [2.0]  # two tries, and no time for a third


@inside
def test_two_groups_that_call_each_other_all_the_time(module: Make) -> None:
    """They come to rest again and again, whichever way the calls go, and no call is lost or overtaken."""
    groups = [module(name, PING) for name in ("m_ping", "m_pong")]
    answerers = [[group.Answerer.start() for _ in range(4)] for group in groups]
    askers = [group.Asker.start(answerers[1 - side][n % 4]) for side, group in enumerate(groups) for n in range(12)]
    for pid in askers:
        otpy.cast(pid, "begin")
    for version in range(2, 12):
        new = PING.replace('__vsn__ = "1"', f'__vsn__ = "{version}"')
        upgrade.reload_modules({"m_ping": new, "m_pong": new})
        upgrade.reload_module("m_ping", new + "\nX = 1\n")
    for pid in askers:
        assert otpy.call(pid, "count", timeout=20) > 0


def test_a_handler_that_does_not_end_is_named_with_its_place(otp_runtime: object, module: Make) -> None:
    """The upgrade is given up, and everybody goes on."""
    text = source("""
        import otpy

        class Stuck(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok(arg)

            def handle_cast(self, request, state):
                wait_here(state)
                return otpy.NoReply(state)

            def handle_call(self, request, from_, state):
                return otpy.Reply(request, state)

        def wait_here(event):
            otpy.receive(lambda message: message == "go on")
    """)
    stuck = module("m_stuck", text)
    pid = stuck.Stuck.start(None)
    other = stuck.Stuck.start(None)
    otpy.cast(pid, "wait")
    eventually(lambda: _status(pid) == "waiting")
    with pytest.raises(otpy.SuspendTimeout, match="wait_here") as failed:
        upgrade.reload_module("m_stuck", text + "x = 1\n", suspend_timeout=0.1)
    assert failed.value.pid is pid
    assert otpy.call(other, "there?") == "there?"
    otpy.send(pid, "go on")
    assert otpy.call(pid, "there?") == "there?"


@inside
def test_a_stuck_coroutine_is_named_where_it_awaits(module: Make) -> None:
    """It stands nowhere on the thread of the event loop: what it awaits is followed instead."""
    text = source("""
        import asyncio, otpy

        class Stuck(otpy.GenServer):
            runs_on = "asyncio"

            async def init(self, arg):
                return otpy.Ok(asyncio.Event())

            async def handle_cast(self, request, state):
                await wait_here(state)
                return otpy.NoReply(state)

            async def handle_info(self, message, state):
                return otpy.NoReply(state)

        async def wait_here(event):
            await asyncio.wait_for(event.wait(), 3600.0)
    """)
    pid = module("m_stuck", text).Stuck.start(None)
    otpy.cast(pid, "wait")
    eventually(lambda: _status(pid) == "running")
    with pytest.raises(otpy.SuspendTimeout, match=r"m_stuck.*:18 in wait_here"):
        upgrade.reload_module("m_stuck", text + "x = 1\n", suspend_timeout=0.1, rehearse=False)
    otpy.exit(pid, otpy.Kill())


def _status(pid: otpy.Pid) -> str:
    info = otpy.process_info(pid)
    assert info is not None
    return info.status


@inside
def test_from_within_is_refused(module: Make) -> None:
    """A process cannot be suspended by an upgrade that it waits for."""
    source_text = source("""
        import otpy
        from otpy import upgrade

        class Inner(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok(arg)

            def handle_call(self, request, from_, state):
                try:
                    upgrade.reload_module("m_inner", request)
                except otpy.UpgradeFromWithin as error:
                    return otpy.Reply(str(error), state)
    """)
    pid = module("m_inner", source_text).Inner.start()
    assert "another process or thread" in otpy.call(pid, source_text + "\nX = 1\n", timeout=20)


class Asking(otpy.GenServer[None]):
    """Asks for an upgrade in the handler of a request, and answers what it was told."""

    def init(self, arg: Any) -> Any:  # noqa: D102
        return otpy.Ok(None)

    def handle_call(self, request: Any, from_: Any, state: None) -> Any:  # noqa: D102
        with pytest.raises(otpy.UpgradeFromWithin) as refused:
            upgrade.reload_module("m_counter", V2, suspend_timeout=0.05)
        return otpy.Reply((refused.value.pid, str(refused.value)), state)


@inside
def test_who_is_asked_by_a_process_that_waits_for_it_is_told(module: Make) -> None:
    """It would not come to rest the next time either."""
    asking = Asking.start()
    text = V1.replace('("v1", state["n"])', "otpy.call(request, 1, timeout=20)")
    pid = module("m_counter", text).Counter.start(5)
    asker, said = otpy.call(pid, asking, timeout=20)
    assert asker is asking
    assert repr(pid) in said


def test_only_one_upgrade_at_a_time(otp_runtime: object, module: Make) -> None:
    """The second is refused at once, and says so."""
    slow = V1 + source("""
        import threading
        ENTERED, GO_ON = threading.Event(), threading.Event()
    """)
    counter = module("m_counter", slow)
    counter.Counter.start(0)
    waiting = V2.replace("        match old_vsn:", "        ENTERED.set(); GO_ON.wait(20)\n        match old_vsn:")
    waiting += source("""
        import threading
        ENTERED, GO_ON = threading.Event(), threading.Event()
    """)
    first = otpy.spawn(lambda: upgrade.reload_module("m_counter", waiting, code_change_timeout=20))
    eventually(counter.ENTERED.is_set)
    with pytest.raises(otpy.UpgradeInProgress):
        upgrade.reload_module("m_counter", V2)
    counter.GO_ON.set()
    eventually(lambda: not otpy.is_alive(first))


@inside
def test_the_time_of_a_caller_stands_still(module: Make) -> None:
    """A call that a suspended server answers after the upgrade has not timed out meanwhile."""
    counter = module("m_counter", V1)
    pid = counter.Counter.start(5)
    sleeping = V2.replace("        match old_vsn:", "        otpy.sleep(0.4)\n        match old_vsn:")
    otpy.spawn(_call_and_tell, pid, otpy.self_pid(), 0.2)
    upgrade.reload_module("m_counter", sleeping, rehearse=False)
    assert otpy.receive(timeout=20) == ("v2", 5)


def _call_and_tell(pid: otpy.Pid, to: otpy.Pid, timeout: float) -> None:
    info = otpy.process_info(pid)
    while info is not None and info.status != "suspended":
        otpy.sleep(0)
        info = otpy.process_info(pid)
    otpy.send(to, otpy.call(pid, "n", timeout=timeout))


@inside
def test_a_process_that_dies_on_the_way_leaves_the_set(module: Make) -> None:
    """The death is normal business: the others are upgraded."""
    counter = module("m_counter", V1)
    pids = [counter.Counter.start(n) for n in range(3)]
    dying = V2.replace(
        "        match old_vsn:",
        '        if state["n"] == 1: otpy.exit(otpy.self_pid(), otpy.Kill())\n        match old_vsn:',
    )
    upgrade.reload_module("m_counter", dying, rehearse=False)
    assert not otpy.is_alive(pids[1])
    assert otpy.call(pids[0], "n") == ("v2", 0)
    assert otpy.call(pids[2], "n") == ("v2", 2)


def test_processes_on_threads_and_loops_come_to_rest_too(otp_runtime: object, module: Make) -> None:
    """Under load from other threads: each message is handled once, in order, before and after."""
    mixed = source("""
        import otpy

        __vsn__ = "1"

        class OnScheduler(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok([])

            def handle_cast(self, request, state):
                state.append(request)
                return otpy.NoReply(state)

            def handle_call(self, request, from_, state):
                return otpy.Reply(list(state), state)

        class OnThread(OnScheduler):
            runs_on = "thread"

        class OnLoop(OnScheduler):
            runs_on = "asyncio"

            async def handle_cast(self, request, state):
                state.append(request)
                return otpy.NoReply(state)
    """)
    made = module("m_mixed", mixed)
    pids = [kind.start() for kind in (made.OnScheduler, made.OnThread, made.OnLoop)]
    over = threading.Event()
    sent = [0, 0]

    def send(index: int) -> None:
        while not over.is_set():
            for pid in pids:
                otpy.cast(pid, (index, sent[index]))
            sent[index] += 1
            otpy.call(pids[0], "all", timeout=20)  # so that the load is no flood

    threads = [threading.Thread(target=send, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for version in range(2, 8):
        upgrade.reload_module("m_mixed", mixed.replace('__vsn__ = "1"', f'__vsn__ = "{version}"'))
    over.set()
    for thread in threads:
        thread.join()
    for pid in pids:
        seen = otpy.call(pid, "all", timeout=20)
        for index in range(2):
            assert [number for who, number in seen if who == index] == list(range(sent[index]))


@inside
def test_a_time_given_with_after_begins_anew(module: Make) -> None:
    """As after a resume in OTP: it does not run while suspended."""
    idle = source("""
        import otpy

        class Idle(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok(arg, then=otpy.After(0.05))

            def handle_info(self, message, state):
                otpy.send(state, ("idle", otpy.self_pid()))
                return otpy.NoReply(state)
    """)
    pid = module("m_idle", idle).Idle.start(otpy.self_pid())
    upgrade.reload_module("m_idle", idle + "\nX = 1\n")
    assert otpy.receive(timeout=20) == ("idle", pid)


def test_whose_conversion_fails_while_it_is_killed_leaves_the_set(otp_runtime: object, module: Make) -> None:
    """It is killed in the middle of its code, which then raises: that it has died is all that counts."""
    counter = module("m_counter", V1.replace("otpy.GenServer):", 'otpy.GenServer):\n    runs_on = "thread"'))
    pids = [counter.Counter.start(n) for n in range(2)]
    dying = V2.replace("otpy.GenServer):", 'otpy.GenServer):\n    runs_on = "thread"').replace(
        "        match old_vsn:",
        source("""
            if state["n"] == 1:
                ENTERED.set(); GO_ON.wait(20)
                raise ValueError(state)
        """).replace("\n", "\n        ")
        + "match old_vsn:",
    )
    dying += "\nimport threading\nENTERED, GO_ON = threading.Event(), threading.Event()\n"
    upgraded = otpy.spawn(lambda: upgrade.reload_module("m_counter", dying, rehearse=False))
    eventually(lambda: hasattr(counter, "ENTERED") and counter.ENTERED.is_set())
    otpy.exit(pids[1], otpy.Kill())
    counter.GO_ON.set()
    eventually(lambda: not otpy.is_alive(upgraded))
    assert not otpy.is_alive(pids[1])
    assert otpy.call(pids[0], "n") == ("v2", 0)
