"""Futures of otpy's actors: what pykka's can do, waited for by processes, threads and event loops."""

from __future__ import annotations

import asyncio
import functools
import gc
import operator
import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pykka
import pytest

import otpy
from tests.kernel.actors_kit import LoopEcho, Own, Plain, parked
from tests.support import DEADLINE, Echo, eventually, get, inside


def future() -> otpy.ActorFuture[Any]:
    """Return a future that nobody has set."""
    return otpy.ActorFuture()


@inside
def test_combinators() -> None:
    """get_all, map, filter, join and reduce, over answers of actors and servers."""
    own, server = Own.start(), Echo.start_link()
    numbers = [own.proxy().double(n) for n in range(4)]
    assert pykka.get_all(numbers, timeout=DEADLINE) == [0, 2, 4, 6]
    three: pykka.Future[Any] = server.ref.ask(3, block=False)
    assert three.map(lambda n: n + 1).get(timeout=DEADLINE) == 4
    both = three.join(own.ask(4, block=False))
    assert both.get(timeout=DEADLINE) == [3, 4]
    assert both.filter(lambda n: n > 3).get(timeout=DEADLINE) == [4]
    assert both.reduce(lambda a, b: a + b, 10).get(timeout=DEADLINE) == 17


def test_a_future_is_set_once() -> None:
    """A second value, an error after a value and a hook after either are refused, as by pykka."""
    made = future()
    made.set(1)
    with pytest.raises(queue.Full):
        made.set(2)
    with pytest.raises(queue.Full):
        made.set_exception((LookupError, LookupError(), None))
    with pytest.raises(queue.Full):
        made.set_get_hook(lambda _timeout: 3)
    hooked = future()
    hooked.set_get_hook(lambda _timeout: 4)
    with pytest.raises(queue.Full):
        hooked.set(5)
    assert (made.get(), hooked.get()) == (1, 4)


def test_of_many_threads_that_set_one_wins() -> None:
    """And what it has set is what all get."""
    made = future()
    won: list[int] = []
    start = threading.Barrier(8)

    def contend(number: int) -> None:
        start.wait()
        try:
            made.set(number)
        except queue.Full:
            return
        won.append(number)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [made.get()] == won


def test_an_error_keeps_its_traceback() -> None:
    """It is raised where it is got, each time, and shows where it came from."""
    made = future()
    try:
        raise LookupError("kept")  # noqa: TRY301 - the error is the case
    except LookupError:
        made.set_exception()
    for _ in range(2):
        with pytest.raises(LookupError, match="kept") as caught:
            made.get()
        assert caught.traceback[-1].name == "test_an_error_keeps_its_traceback"
    bare = future()
    bare.set_exception((LookupError, None, None))
    with pytest.raises(LookupError):
        bare.get()


@inside
def test_many_wait_for_one_future() -> None:
    """Processes on the scheduler and on threads, and threads that otpy did not make."""
    made, me = future(), otpy.self_pid()

    def wait() -> None:
        otpy.send(me, made.get(timeout=DEADLINE))

    pids = [otpy.spawn(wait) for _ in range(50)]
    threads = [threading.Thread(target=wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    eventually(lambda: all(parked(pid) for pid in pids) and len(made._tickets) == 55)
    made.set("now")
    assert [get() for _ in range(55)] == ["now"] * 55
    for thread in threads:
        thread.join()


@inside
def test_who_gives_up_leaves_nothing_in_the_future() -> None:
    """Looking again and again with a short timeout does not pile up; neither does a killed or cancelled waiter."""
    made = future()
    for timeout in (0, -1.0, 0.001):
        with pytest.raises(pykka.Timeout, match="seconds"):
            made.get(timeout=timeout)
    waits = otpy.spawn(made.get)
    eventually(lambda: parked(waits))
    otpy.exit(waits, otpy.Kill())

    async def cancel() -> None:
        task = asyncio.ensure_future(made)
        await asyncio.sleep(0)
        assert made._tickets
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    otpy.blocking(lambda: asyncio.run(cancel()))
    eventually(lambda: not made._tickets)
    made.set("late")
    assert made.get() == "late"


# -- event loops -----------------------------------------------------------------------------------


async def settled(made: pykka.Future[Any], work: Callable[[], object]) -> Any:
    """Await *made* in a task, do *work* when it waits, and return what comes of it."""

    async def wait() -> Any:
        return await made

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    work()
    return await asyncio.wait_for(task, DEADLINE)


def test_await_on_any_loop() -> None:
    """On several loops of several threads at once; one that is set already, one that is set later, one that fails."""
    with otpy.runtime():
        own = Own.start()
        results: dict[int, Any] = {}

        async def check() -> Any:
            ready, failing = future(), future()
            ready.set("ready")
            with pytest.raises(LookupError, match="on the loop"):
                await settled(failing, lambda: failing.set_exception((LookupError, LookupError("on the loop"), None)))
            later = future()
            return [
                await ready,
                await settled(later, lambda: later.set("later")),
                await own.ask("asked", block=False),
                await asyncio.gather(*[own.proxy().double(n) for n in range(20)]),
            ]

        def run(number: int) -> None:
            results[number] = asyncio.run(check())

        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(results.values()) == [["ready", "later", "asked", [2 * n for n in range(20)]]] * 4


def test_await_of_a_derived_future_does_not_block_the_loop() -> None:
    """`map`, `join` and a stop are computed at `get`, which may wait: so many of them wait for one that comes last."""
    with otpy.runtime():
        own = Own.start()

        async def check() -> Any:
            made = future()
            waiting = [asyncio.ensure_future(made.map(functools.partial(operator.add, n))) for n in range(50)]
            await asyncio.sleep(0)
            made.set(100)
            assert await asyncio.gather(*waiting) == [100 + n for n in range(50)]
            assert await made.join(own.ask(1, block=False)) == [100, 1]
            return await own.stop(block=False)

        assert asyncio.run(check()) is True


@inside
def test_get_is_refused_on_the_event_loop_of_the_processes() -> None:
    """It would hold up all of them; the advice is to await."""
    own = Own.start()

    async def ask() -> Any:
        with pytest.raises(otpy.BlockingRefused, match="await future"):
            own.ask(1)
        return await own.ask(2, block=False)

    assert otpy.call(LoopEcho.start_link(), ask) == 2


@inside
def test_an_await_of_a_plain_future_from_a_loop_of_ones_own() -> None:
    """pykka's own await, untouched."""
    plain = Plain.start()

    async def ask() -> Any:
        return await plain.ask("plain", block=False)

    assert otpy.blocking(lambda: asyncio.run(ask())) == "plain"
    plain.stop()


@inside
def test_an_answered_future_is_let_go() -> None:
    """It is gone when nobody holds it, without waiting for the collector of cycles."""
    own = Own.start()
    gc.disable()
    try:
        made = own.ask(1, block=False)
        made.get(timeout=DEADLINE)
        otpy.call(own.pid, 2)  # the actor has put the first request away
        gone = weakref.ref(made)
        del made
        assert gone() is None
    finally:
        gc.enable()
