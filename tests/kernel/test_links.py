"""Links, monitors and exit signals: what the recordings of Erlang (tests/oracle) cannot see."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

import otpy
from otpy.errors import BadReason
from otpy.kernel import signals
from tests.support import DEADLINE, down, eventually, get, idle_process, inside, reason_of


def die_with(reason: Any) -> None:
    """Wait for a message and end with *reason*."""
    otpy.receive()
    raise otpy.ExitProcess(reason)


@inside
def test_a_monitor_tells_the_reason_once() -> None:
    """One Down for each monitor, each with its own ref."""
    pid = otpy.spawn(die_with, "reason")
    refs = [otpy.monitor(pid) for _ in range(3)]
    otpy.send(pid, "go")
    downs = [get() for _ in refs]
    assert sorted(d.ref.id for d in downs) == [ref.id for ref in refs]
    assert {(d.pid, d.reason) for d in downs} == {(pid, "reason")}
    assert otpy.flush() == []


@inside
def test_monitoring_the_dead_tells_no_proc_at_once() -> None:
    """A pid and a name alike."""
    pid = otpy.spawn(lambda: None)
    reason_of(pid)
    ref = otpy.monitor(pid)
    assert otpy.flush() == [otpy.Down(ref, pid, otpy.NoProc())]
    ref = otpy.monitor("nobody")
    assert [(d.ref, d.reason) for d in otpy.flush()] == [(ref, otpy.NoProc())]


@inside
def test_demonitor_with_flush_leaves_no_down_behind() -> None:
    """Whether the Down came before or not, there is none afterwards, and all else stays."""
    pid = otpy.spawn(die_with, "x")
    ref = otpy.monitor(pid)
    otpy.send(otpy.self_pid(), "before")
    otpy.send(pid, "go")
    eventually(lambda: not otpy.is_alive(pid))
    otpy.send(otpy.self_pid(), "after")
    otpy.demonitor(ref, flush=True)
    otpy.demonitor(ref, flush=True)
    assert otpy.flush() == ["before", "after"]


@inside
def test_after_demonitor_no_down_comes_however_close_the_death() -> None:
    """The two race in two threads; whoever wins, flush takes it."""
    for _ in range(200):
        pid = otpy.spawn(otpy.receive)
        ref = otpy.monitor(pid)
        killer = threading.Thread(target=otpy.exit, args=(pid, otpy.Kill()))
        killer.start()
        otpy.demonitor(ref, flush=True)
        killer.join()
        assert otpy.flush() == []


@inside
def test_after_unlink_no_exit_comes_however_close_the_death() -> None:
    """As OTP promises: unlink, then look into the mailbox once."""
    otpy.trap_exit(True)
    for _ in range(200):
        pid = otpy.spawn_link(otpy.receive)
        killer = threading.Thread(target=otpy.exit, args=(pid, otpy.Kill()))
        killer.start()
        otpy.unlink(pid)
        otpy.flush()
        killer.join()
        assert otpy.flush() == []


@inside
def test_links_of_two_threads_are_whole() -> None:
    """Linking and unlinking from both ends at once leaves either both halves or none."""
    first, second = idle_process(), idle_process()
    barrier = threading.Barrier(2)

    def fiddle(pid: otpy.Pid, other: otpy.Pid, *, do_link: bool) -> None:
        barrier.wait()
        (_link if do_link else _unlink)(pid, other)

    for number in range(200):
        threads = [
            threading.Thread(target=fiddle, args=(first, second), kwargs={"do_link": True}),
            threading.Thread(target=fiddle, args=(second, first), kwargs={"do_link": number % 2 == 0}),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (second in _links(first)) == (first in _links(second))
        _unlink(first, second)


@inside
def test_a_tangle_of_links_and_monitors_is_whole_whoever_dies() -> None:
    """Many threads link, unlink, watch and kill at once; afterwards every tie has two living ends, or none."""
    pids: list[Any] = [otpy.spawn(_trap_and_wait) for _ in range(40)]
    eventually(lambda: all(_traps(pid) for pid in pids))

    threads = [threading.Thread(target=_tangle, args=(pids, random.Random(seed))) for seed in range(4)]  # noqa: S311
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for pid in pids:
        assert _is_whole(pid)
    for pid in pids:
        otpy.exit(pid, otpy.Kill())


def _tangle(pids: list[Any], dice: random.Random) -> None:
    for _ in range(400):
        one, other = dice.sample(pids, 2)
        deed = dice.randrange(20)
        if deed == 0:
            otpy.exit(one, otpy.Kill())
        elif deed < 8:
            signals.link(one, other)
        elif deed < 12:
            signals.unlink(one, other)
        else:
            ref = signals.monitor(one, other)
            if deed < 16:
                signals.demonitor(one, ref)


def _is_whole(pid: Any) -> bool:
    if not otpy.is_alive(pid):
        return (pid.links, pid.monitors, pid.watchers) == (None, None, None)
    return (
        all(pid in other.links for other in pid.links or ())
        and all(other.watchers[ref] is pid for ref, other in (pid.monitors or {}).items())
        and all(other.monitors[ref] is pid for ref, other in (pid.watchers or {}).items())
    )


def _trap_and_wait() -> None:
    otpy.trap_exit(True)
    otpy.receive(lambda message: message == "never")


def _traps(pid: otpy.Pid) -> bool:
    info = otpy.process_info(pid)
    return info is not None and info.trap_exit


def _link(pid: Any, other: Any) -> None:
    signals.link(pid, other)


def _unlink(pid: Any, other: Any) -> None:
    signals.unlink(pid, other)


def _links(pid: otpy.Pid) -> tuple[otpy.Pid, ...]:
    info = otpy.process_info(pid)
    assert info is not None
    return info.links


@inside
def test_a_crash_takes_linked_processes_along() -> None:
    """An abnormal reason ends everybody linked, with that reason."""
    partner = idle_process()

    def crash() -> None:
        otpy.link(partner)
        raise otpy.ExitProcess("boom")

    otpy.spawn(crash)
    assert reason_of(partner) in ("boom", otpy.NoProc())
    assert not otpy.is_alive(partner)


@inside
def test_a_normal_end_spares_linked_processes() -> None:
    """Normal() as an exit signal is ignored."""
    pid = otpy.spawn_link(lambda: None)
    assert reason_of(pid) in (otpy.Normal(), otpy.NoProc())
    assert otpy.is_alive(otpy.self_pid())


@inside
def test_a_trapped_signal_is_a_message() -> None:
    """With the pid it comes from and its reason."""
    assert otpy.trap_exit(True) is False
    pid = otpy.spawn_link(die_with, "why")
    otpy.send(pid, "go")
    assert get() == otpy.Exit(pid, "why")
    otpy.exit(otpy.self_pid(), "self")
    assert get() == otpy.Exit(otpy.self_pid(), "self")
    assert otpy.trap_exit(False) is True


@inside
def test_kill_cannot_be_trapped_and_its_echo_can() -> None:
    """The victim ends with Killed(); those linked with it get an ordinary signal."""

    def stubborn() -> None:
        otpy.trap_exit(True)
        while True:
            otpy.receive()

    otpy.trap_exit(True)
    pid = otpy.spawn_link(stubborn)
    otpy.exit(pid, otpy.Kill())
    assert get() == otpy.Exit(pid, otpy.Killed())


@inside
def test_linking_the_dead_ends_who_does_not_trap() -> None:
    """With NoProc(), and at once: the next line does not run."""
    dead = otpy.spawn(lambda: None)
    reason_of(dead)
    went_on: list[bool] = []

    def linker() -> None:
        otpy.link(dead)
        went_on.append(True)

    _, ref = otpy.spawn_monitor(linker)
    assert down(ref) == otpy.NoProc()
    assert went_on == []


@inside
def test_linking_the_dead_tells_who_traps() -> None:
    """As a message."""
    dead = otpy.spawn(lambda: None)
    reason_of(dead)
    otpy.trap_exit(True)
    otpy.link(dead)
    assert get() == otpy.Exit(dead, otpy.NoProc())


@inside
def test_exit_of_oneself_ends_at_once() -> None:
    """As in Erlang: what follows does not run."""
    went_on: list[bool] = []

    def suicidal(reason: Any) -> None:
        otpy.exit(otpy.self_pid(), reason)
        went_on.append(True)

    for reason in ("done for", otpy.Normal()):
        _, ref = otpy.spawn_monitor(suicidal, reason)
        assert down(ref) == reason
    assert went_on == []


@pytest.mark.parametrize("atom", ["normal", "shutdown", "kill", "killed", "noproc"])
@inside
def test_the_names_of_atoms_are_refused_as_reasons(atom: str) -> None:
    """Who writes "normal" means Normal(); silently it would be a crash."""
    with pytest.raises(BadReason, match=r"otpy\.\w+\(\)"):
        otpy.exit(otpy.self_pid(), atom)
    with pytest.raises(BadReason):
        otpy.ExitProcess(atom)
    with pytest.raises(BadReason):
        otpy.Stop(atom, None)


@inside
def test_none_is_no_reason() -> None:
    """A process whose reason were None could not be told from a living one; the error says what to give."""
    pid = idle_process()
    with pytest.raises(BadReason, match=r"Normal\(\)"):
        otpy.exit(pid, None)
    assert otpy.is_alive(pid)


@pytest.mark.parametrize("reason", ["own word", 42, ("tuple", 1), False])
@inside
def test_any_other_value_is_kept_as_given(reason: Any) -> None:
    """Reasons are values; also one that is false ends the process."""
    pid = idle_process()
    ref = otpy.monitor(pid)
    otpy.exit(pid, reason)
    got = down(ref)
    assert type(got) is type(reason)
    assert got == reason


@inside
def test_messages_sent_before_the_end_arrive_before_the_down() -> None:
    """Signals and messages of one sender keep their order."""
    me = otpy.self_pid()

    def talk() -> None:
        for number in range(100):
            otpy.send(me, number)

    _, ref = otpy.spawn_monitor(talk)
    assert [get() for _ in range(101)] == [*range(100), otpy.Down(ref, _, otpy.Normal())]


@inside
def test_spawn_monitor_and_spawn_link_miss_nothing() -> None:
    """However short the process lives."""
    otpy.trap_exit(True)
    for _ in range(300):
        pid = otpy.spawn_link(lambda: None)
        assert get() == otpy.Exit(pid, otpy.Normal())
        pid, ref = otpy.spawn_monitor(lambda: None)
        assert otpy.receive(timeout=DEADLINE) == otpy.Down(ref, pid, otpy.Normal())


@inside
def test_monitoring_oneself_is_harmless() -> None:
    """Nobody is left to read the Down."""

    def narcissus() -> None:
        otpy.monitor(otpy.self_pid())
        otpy.link(otpy.self_pid())

    _, ref = otpy.spawn_monitor(narcissus)
    assert down(ref) == otpy.Normal()


def test_a_thread_whose_process_was_ended_is_told_once_and_goes_on() -> None:
    """A REPL linked with a crashing process must not be lost: it is a new process afterwards."""
    with otpy.runtime():
        before = otpy.self_pid()
        pid = otpy.spawn_link(die_with, "boom")
        otpy.send(pid, "go")
        with pytest.raises(otpy.ExitProcess) as told:
            get()
        assert told.value.reason == "boom"
        after = otpy.self_pid()
        assert after is not before
        otpy.send(after, "hello")
        assert get() == "hello"
