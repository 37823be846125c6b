"""`await otpy.acall(…)` from any event loop of any thread."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
import weakref
from typing import Any

import pytest

import otpy
from otpy.kernel import aio
from tests.kernel.actors_kit import LoopEcho, never
from tests.support import DEADLINE, Echo, ThreadEcho, eventually, inside


class Later(otpy.GenServer[list[otpy.From]]):
    """Keeps every request, and answers them when it is told to."""

    def init(self, arg: object) -> otpy.Ok[list[otpy.From]]:
        """Start with no requests."""
        return otpy.Ok([])

    def handle_call(self, request: Any, from_: otpy.From, state: list[otpy.From]) -> Any:
        """Keep the request, forget it, count those that are kept, or end."""
        match request:
            case "how many":
                return otpy.Reply(len(state), state)
            case "forget":
                return otpy.NoReply(state)
            case "end":
                return otpy.Stop("asked to", state)
            case _:
                return otpy.NoReply([*state, from_])

    def handle_cast(self, request: Any, state: list[otpy.From]) -> Any:
        """Answer all."""
        for from_ in state:
            otpy.reply(from_, request)
        return otpy.NoReply([])


# -- answers and errors ----------------------------------------------------------------------------


@pytest.mark.parametrize("server", [Echo, ThreadEcho, LoopEcho])
def test_acall_reaches_every_kind_of_server(server: type[otpy.GenServer[Any]]) -> None:
    """One after the other and many at once, from a loop of one's own."""
    with otpy.runtime():
        pid = server.start()

        async def work() -> Any:
            assert await otpy.acall(pid, "one") == "one"
            return await asyncio.gather(*[otpy.acall(pid, number) for number in range(300)])

        assert asyncio.run(work()) == list(range(300))


@inside
def test_an_asyncio_server_awaits_others() -> None:
    """Servers on the loop, on threads and on the scheduler, from within a callback."""
    servers = [Echo.start_link(), ThreadEcho.start_link(), LoopEcho.start_link()]

    async def ask() -> Any:
        return await asyncio.gather(*[otpy.acall(pid, number) for number, pid in enumerate(servers)])

    assert otpy.call(LoopEcho.start_link(), ask) == [0, 1, 2]


def test_errors_are_those_of_call() -> None:
    """NoProcess, ServerExited with the reason, CallTimeout, CallingSelf."""
    with otpy.runtime():
        pid = Later.start()
        stopped = Later.start()
        otpy.stop(stopped)

        async def work() -> None:
            for dead in (stopped, "nobody"):
                with pytest.raises(otpy.NoProcess):
                    await otpy.acall(dead, 1)
            with pytest.raises(otpy.CallTimeout) as late:
                await otpy.acall(pid, "kept", timeout=0.001)
            assert late.value.timeout == 0.001
            with pytest.raises(otpy.CallTimeout):
                await otpy.acall(pid, "kept", timeout=0)
            with pytest.raises(otpy.CallingSelf):
                await otpy.acall(otpy.self_pid(), 1)
            waits = asyncio.ensure_future(otpy.acall(pid, "kept", timeout=None))
            await asyncio.sleep(0)
            with pytest.raises(otpy.ServerExited) as exited:
                await otpy.acall(pid, "end")
            assert exited.value.reason == "asked to"
            with pytest.raises(otpy.ServerExited):
                await waits

        asyncio.run(work())


def test_a_late_reply_is_dropped() -> None:
    """The next call on the same loop gets its own answer."""
    with otpy.runtime():
        pid = Later.start()

        async def work() -> None:
            with pytest.raises(otpy.CallTimeout):
                await otpy.acall(pid, "kept", timeout=0.001)
            otpy.cast(pid, "late")
            assert await otpy.acall(pid, "how many") == 0

        asyncio.run(work())


def test_asyncio_timeout_and_wait_for_work() -> None:
    """They cancel the call, like every await."""
    with otpy.runtime():
        pid = Later.start()

        async def work() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await otpy.acall(pid, "kept")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(otpy.acall(pid, "kept"), 0.001)
            assert await otpy.acall(pid, "how many") == 2

        asyncio.run(work())


# -- cancelling, closing, leaking ------------------------------------------------------------------


@pytest.mark.parametrize("request_", ["kept", "forget"])
def test_10_000_cancelled_calls_leave_nothing_behind(request_: str) -> None:
    """Neither in the server, whether it answers late or never, nor on the loop, nor anywhere else."""
    with otpy.runtime():
        pid: Any = Later.start()

        async def cancel(number: int) -> None:
            tasks = [asyncio.ensure_future(otpy.acall(pid, request_)) for _ in range(number)]
            await asyncio.sleep(0)  # they are under way
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert await otpy.acall(pid, "how many") == (number if request_ == "kept" else 0)
            otpy.cast(pid, "late")
            assert await otpy.acall(pid, "how many") == 0

        def measure() -> int:
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        async def work() -> int:
            for _ in range(3):
                await cancel(100)
            before = measure()
            for _ in range(100):
                await cancel(100)
            return measure() - before

        tracemalloc.start()
        try:
            grown = asyncio.run(work())
        finally:
            tracemalloc.stop()
        assert not pid.deferred
        assert grown < 100_000  # ten bytes a call


def test_a_call_cancelled_before_it_was_handled_is_handled_all_the_same() -> None:
    """It was sent; only its answer is dropped, as in OTP."""
    with otpy.runtime():
        pid = Echo.start()
        gate, handled = threading.Event(), threading.Event()
        otpy.cast(pid, lambda: otpy.blocking(gate.wait))

        async def work() -> None:
            task = asyncio.ensure_future(otpy.acall(pid, handled.set))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gate.set()

        asyncio.run(work())
        eventually(handled.is_set)


def test_a_loop_that_is_closed_meanwhile_gets_no_answers() -> None:
    """The server answers, nobody is there; it lives on, and the loop is let go."""
    with otpy.runtime():
        pid = Later.start()
        loop = asyncio.new_event_loop()
        call = otpy.acall(pid, "kept", timeout=None)
        task = loop.create_task(call)
        loop.run_until_complete(asyncio.sleep(0))
        setattr(task, "_log_destroy_pending", False)  # noqa: B010 - the case is a loop that nobody ended in order
        loop.close()
        otpy.cast(pid, "to nobody")
        assert otpy.call(pid, "how many") == 0
        gone = weakref.ref(loop)
        call.close()
        del loop, task, call
        gc.collect()
        asyncio.run(_one_call(pid))
        gc.collect()
        assert gone() is None


async def _one_call(pid: otpy.Pid) -> None:
    await otpy.acall(pid, "how many")


def test_loops_come_and_go_and_are_let_go() -> None:
    """A web server's worker, a test, a script: each has a loop, and none is kept."""
    with otpy.runtime():
        pid = Echo.start()
        loops: list[weakref.ref[Any]] = []

        async def work() -> None:
            loops.append(weakref.ref(asyncio.get_running_loop()))
            await asyncio.gather(*[otpy.acall(pid, number) for number in range(10)])

        for _ in range(20):
            asyncio.run(work())
        gc.collect()
        assert sum(loop() is not None for loop in loops) <= 1
        assert len(aio._wakeups) <= 2


def test_several_loops_at_once() -> None:
    """Threads with a loop each call the same servers; each gets its own answers, in the order of its requests."""
    with otpy.runtime():
        pids = [Echo.start(), LoopEcho.start()]
        answers: dict[int, list[Any]] = {}

        async def work(name: int) -> list[Any]:
            got = [await otpy.acall(pid, (name, n)) for n in range(50) for pid in pids]
            return got + list(await asyncio.gather(*[otpy.acall(pids[0], (name, n)) for n in range(50)]))

        def run(name: int) -> None:
            answers[name] = asyncio.run(work(name))

        threads = [threading.Thread(target=run, args=(name,)) for name in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        for name in range(6):
            one_by_one = [(name, n) for n in range(50) for _ in pids]
            assert answers[name] == one_by_one + [(name, n) for n in range(50)]


def test_a_loop_outlives_runtimes() -> None:
    """A long-lived thread with a loop, such as a web server's, calls into one runtime after the other."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    for number in range(3):
        with otpy.runtime():
            pid = Echo.start()
            assert asyncio.run_coroutine_threadsafe(otpy.acall(pid, number), loop).result(DEADLINE) == number
            later = Later.start()
            waits = asyncio.run_coroutine_threadsafe(otpy.acall(later, "kept", timeout=None), loop)
            while otpy.call(later, "how many") == 0:
                otpy.call(pid, "until it has come")
        with pytest.raises(otpy.ServerExited):
            waits.result(DEADLINE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(DEADLINE)
    loop.close()


# -- an async main ---------------------------------------------------------------------------------


def test_run_takes_an_async_main() -> None:
    """It runs with asyncio.run in a process: it starts and calls as everybody, and may await as well."""

    async def main(number: int) -> Any:
        pid = Echo.start_link()
        otpy.send(otpy.self_pid(), "to main")
        return otpy.call(pid, number), await otpy.acall(pid, number + 1), otpy.receive(timeout=DEADLINE), pid

    *answers, pid = otpy.run(main, 1)
    assert answers == [1, 2, "to main"]
    assert not otpy.is_alive(pid)


def test_an_async_main_may_fail() -> None:
    """Its error is raised by `run`, and what it has started ends."""
    pids: list[otpy.Pid] = []

    async def main() -> None:
        pids.append(Echo.start_link())
        raise LookupError("main")

    with pytest.raises(LookupError, match="main"):
        otpy.run(main)
    assert not otpy.is_alive(pids[0])


@inside
def test_an_async_main_inside_a_process_does_not_hold_the_scheduler() -> None:
    """It gets a thread of its own."""
    pid = Echo.start_link()

    async def main() -> Any:
        return await otpy.acall(pid, "from inside"), threading.get_ident()

    answer, thread = otpy.run(main)
    assert answer == "from inside"
    assert thread != otpy.call(pid, threading.get_ident)


@inside
def test_spawn_of_a_coroutine_function_is_refused_with_advice() -> None:
    """Nothing would run it; the message says what would."""

    async def wait() -> None:
        never(None)

    with pytest.raises(TypeError, match="asyncio"):
        otpy.spawn(wait)
