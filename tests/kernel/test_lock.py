"""otpy.Lock: held across waits, by processes and threads, and never lost."""

from __future__ import annotations

import threading

import pytest

import otpy
from otpy.kernel.calls import Call
from tests.support import DEADLINE, Echo, down, eventually, eventually_waits, get, inside


@inside
def test_a_lock_is_held_across_a_call_and_parks_only_those_who_wait() -> None:
    """What no lock of the threading module can."""
    lock = otpy.Lock()
    server, me = Echo.start(), otpy.self_pid()

    def work(number: int) -> None:
        with lock:
            otpy.send(me, ("in", number))
            otpy.call(server, number)
            otpy.send(me, ("out", number))

    for number in range(20):
        otpy.spawn(work, number)
    for _ in range(20):
        _, number = get()
        assert get() == ("out", number)
    assert not lock.locked()


@inside
def test_waiters_get_it_in_the_order_they_came() -> None:
    """Nobody starves."""
    lock = otpy.Lock()
    lock.acquire()
    me = otpy.self_pid()

    def want(number: int) -> None:
        with lock:
            otpy.send(me, number)

    for number in range(10):
        pid = otpy.spawn(want, number)
        eventually_waits(pid)
    lock.release()
    assert [get() for _ in range(10)] == list(range(10))


@inside
def test_acquire_gives_up_in_time() -> None:
    """And says so; the lock stays with its holder."""
    lock = otpy.Lock()
    assert lock.acquire()
    result: list[bool] = []
    _, ref = otpy.spawn_monitor(lambda: result.append(lock.acquire(timeout=0.01)))
    assert down(ref) == otpy.Normal()
    assert result == [False]
    assert lock.locked()
    lock.release()
    assert lock.acquire(timeout=0)


@inside
def test_releasing_a_free_lock_is_an_error() -> None:
    """As with threading.Lock."""
    with pytest.raises(RuntimeError):
        otpy.Lock().release()


@inside
def test_a_killed_waiter_leaves_the_queue() -> None:
    """Who comes after it gets the lock."""
    lock = otpy.Lock()
    lock.acquire()
    waiter = otpy.spawn(lock.acquire)
    eventually_waits(waiter)
    otpy.exit(waiter, otpy.Kill())
    _, ref = otpy.spawn_monitor(lock.acquire)
    lock.release()
    assert down(ref) == otpy.Normal()


@inside
def test_a_killed_holder_gives_it_back() -> None:
    """Its `with` ends like every other, though the process is dead."""
    lock = otpy.Lock()

    def hold() -> None:
        with lock:
            otpy.receive()

    holder = otpy.spawn(hold)
    eventually(lock.locked)
    otpy.exit(holder, otpy.Kill())
    assert lock.acquire(timeout=DEADLINE)


@inside
def test_a_lock_is_not_lost_between_giving_and_giving_up() -> None:
    """Whoever times out at the moment it is given hands it on."""
    lock = otpy.Lock()
    runs = 150
    held = [0]

    def quarrel() -> None:
        for _ in range(runs):
            if lock.acquire(timeout=0.0002):
                held[0] += 1
                assert held[0] == 1
                otpy.sleep(0)
                held[0] -= 1
                lock.release()

    threads = [threading.Thread(target=quarrel) for _ in range(3)]
    for thread in threads:
        thread.start()
    refs = [otpy.spawn_monitor(quarrel)[1] for _ in range(3)]
    assert [down(ref, timeout=50) for ref in refs] == [otpy.Normal()] * 3
    for thread in threads:
        thread.join()
    assert lock.acquire(timeout=DEADLINE)


def test_given_before_it_is_told_is_given() -> None:
    """The very moment: the ticket has left the queue, its owner gives up, and is told only afterwards."""
    with otpy.runtime():
        lock = otpy.Lock()
        lock.acquire()

        class Slow(type(lock._queue)):  # type: ignore[misc]
            """Between taking a ticket and telling its owner, the owner's time is up."""

            def popleft(self) -> Call:
                ticket: Call = super().popleft()
                lock._give_up(ticket)
                return ticket

        queue = Slow()
        lock._queue = queue
        waiter = otpy.spawn(lock.acquire)
        eventually(lambda: len(queue))
        lock.release()
        eventually(lambda: not lock.locked())
        otpy.exit(waiter, otpy.Kill())
