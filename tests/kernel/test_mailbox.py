"""Mailbox: a coroutine of any event loop that is a process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import pykka
import pytest

import otpy
from tests.kernel.actors_kit import LoopEcho
from tests.support import DEADLINE, Echo, down, eventually, get, inside, status

Scene = Callable[[], Coroutine[Any, Any, Any]]


def in_a_thread(scene: Scene) -> Any:
    """Run a coroutine on a loop that otpy did not make."""
    return otpy.blocking(asyncio.run, scene())


def in_a_server(scene: Scene) -> Any:
    """Run it on the runtime's loop, in a server's handler."""
    return otpy.call(LoopEcho.start(), scene, timeout=DEADLINE)


everywhere = pytest.mark.parametrize("run", [in_a_thread, in_a_server])


# -- messages --------------------------------------------------------------------------------------


@everywhere
@inside
def test_messages_come_in_order_from_whomever_they_are(run: Callable[[Scene], Any]) -> None:
    """From processes, threads, timers and the coroutine itself."""

    async def scene() -> list[object]:
        async with otpy.Mailbox() as box:
            otpy.spawn(lambda: [otpy.send(box.pid, number) for number in range(100)])
            got = [await box.receive(timeout=DEADLINE) for _ in range(100)]
            thread = threading.Thread(target=otpy.send, args=(box.pid, "thread"))
            thread.start()
            got.append(await box.receive(timeout=DEADLINE))
            otpy.send_after(box.pid, "timer", 0.001)
            got.append(await box.receive(timeout=DEADLINE))
            otpy.send(box.pid, "own")
            return [*got, await box.receive(timeout=0)]

    assert run(scene) == [*range(100), "thread", "timer", "own"]


@everywhere
@inside
def test_the_loop_serves_others_while_it_waits(run: Callable[[Scene], Any]) -> None:
    """A thousand coroutines of one loop wait at once, and each gets its own."""

    async def waiting(number: int, pids: list[otpy.Pid], all_there: asyncio.Event) -> Any:
        async with otpy.Mailbox() as box:
            pids.append(box.pid)
            if len(pids) == 1000:
                all_there.set()
            await all_there.wait()
            otpy.send(pids[number - 1], number)
            return await box.receive(timeout=DEADLINE)

    async def scene() -> list[int]:
        pids: list[otpy.Pid] = []
        all_there = asyncio.Event()
        return list(await asyncio.gather(*[waiting(number, pids, all_there) for number in range(1000)]))

    assert sorted(run(scene)) == list(range(1000))


@everywhere
@inside
def test_select_takes_the_first_that_fits_and_leaves_the_others(run: Callable[[Scene], Any]) -> None:
    """As `otpy.receive`, also where what fits comes last."""

    async def scene() -> list[object]:
        async with otpy.Mailbox() as box:
            for number in range(5):
                otpy.send(box.pid, number)
            otpy.send_after(box.pid, "late", 0.001)
            taken = [await box.receive(lambda message: message == 3), await box.receive(lambda m: m == "late")]
            return [*taken, *[await box.receive(timeout=0) for _ in range(4)]]

    assert run(scene) == [3, "late", 0, 1, 2, 4]


@everywhere
@inside
def test_a_timeout_is_raised_and_nothing_is_lost(run: Callable[[Scene], Any]) -> None:
    """What did not fit is there afterwards; an error of `select` is its own, even a TimeoutError."""

    def failing(_message: object) -> bool:
        raise TimeoutError("of select")

    async def scene() -> object:
        async with otpy.Mailbox() as box:
            with pytest.raises(otpy.ReceiveTimeout):
                await box.receive(timeout=0)
            otpy.send(box.pid, "stays")
            with pytest.raises(otpy.ReceiveTimeout):
                await box.receive(lambda _: False, timeout=0.001)
            with pytest.raises(TimeoutError, match="of select"):
                await box.receive(failing, timeout=DEADLINE)
            return await box.receive()

    assert run(scene) == "stays"


@inside
def test_a_request_to_it_can_be_answered() -> None:
    """`call` reaches a coroutine as it reaches a process; it fails if the block ends first."""

    async def scene() -> None:
        async with otpy.Mailbox() as box:
            pids.append(box.pid)
            call = await box.receive()
            otpy.reply(call, ("answered", call.request))
            await box.receive()

    pids: list[otpy.Pid] = []
    thread = threading.Thread(target=lambda: asyncio.run(scene()))
    thread.start()
    eventually(lambda: pids)
    assert otpy.call(pids[0], "question") == ("answered", "question")
    with pytest.raises(otpy.ServerExited):
        otpy.call(pids[0], "not answered")
    otpy.blocking(thread.join)


# -- limits ----------------------------------------------------------------------------------------


@everywhere
@inside
def test_more_than_the_limit_is_said_once_and_it_goes_on(run: Callable[[Scene], Any]) -> None:
    """Up to the limit all is kept. Beyond, the mailbox stays bounded, and the gap does not go unnoticed."""

    async def scene() -> list[object]:
        async with otpy.Mailbox(limit=3) as box:
            for number in range(3):
                otpy.send(box.pid, number)
            kept = [await box.receive() for _ in range(3)]
            for number in range(100):
                otpy.send(box.pid, number)
            info = otpy.process_info(box.pid)
            assert info is not None
            with pytest.raises(otpy.MailboxOverflow, match="more than 3 messages"):
                await box.receive()
            otpy.send(box.pid, "after")
            return [kept, info.message_queue_len, await box.receive()]

    assert run(scene) == [[0, 1, 2], 4, "after"]


async def looked_at(box: otpy.Mailbox, waiting: asyncio.Task[Any]) -> None:
    """Return when *waiting*, which takes from *box*, has looked at all that is in it, or has ended."""
    while not waiting.done() and (info := otpy.process_info(box.pid)) and info.message_queue_len:  # noqa: ASYNC110
        await asyncio.sleep(0)


@everywhere
@inside
def test_what_a_selection_passes_over_counts_too(run: Callable[[Scene], Any]) -> None:
    """Else a coroutine that waits for one message only would keep all others, however many."""

    async def scene() -> list[object]:
        async with otpy.Mailbox(limit=3) as box:
            waiting = asyncio.create_task(box.receive(lambda message: message == "it"))
            for number in range(4):
                assert not waiting.done()
                otpy.send(box.pid, number)
                await looked_at(box, waiting)
            with pytest.raises(otpy.MailboxOverflow):
                await waiting
            otpy.send(box.pid, "after")
            return [await box.receive()]

    assert run(scene) == ["after"]


@inside
def test_without_a_limit_all_wait() -> None:
    """As in other mailboxes."""

    async def scene() -> int:
        async with otpy.Mailbox(limit=None) as box:
            for number in range(20_000):
                otpy.send(box.pid, number)
            info = otpy.process_info(box.pid)
            return info.message_queue_len if info is not None else 0

    assert in_a_server(scene) == 20_000


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "many"])
def test_a_limit_that_is_none_is_refused(limit: Any) -> None:
    """With what is accepted."""
    with pytest.raises(ValueError, match="1 or more, or None"):
        otpy.Mailbox(limit=limit)


@pytest.mark.parametrize(("timeout", "error"), [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError)])
@inside
def test_a_timeout_that_is_none_is_refused(timeout: Any, error: type[Exception]) -> None:
    """With what is accepted."""

    async def scene() -> None:
        async with otpy.Mailbox() as box:
            with pytest.raises(error, match="or None to wait for ever"):
                await box.receive(timeout=timeout)

    in_a_server(scene)


# -- the process -----------------------------------------------------------------------------------


@inside
def test_it_is_a_process_like_others() -> None:
    """It is listed with a label, an opener and a status, can be registered, and is gone after the block."""

    async def scene() -> list[otpy.Pid]:
        before = set(otpy.processes())
        async with otpy.Mailbox(label="stream 7") as box:
            assert set(otpy.processes()) - before == {box.pid}
            actors: set[Any] = {ref.actor_inbox for ref in pykka.ActorRegistry.get_all()}
            assert box.pid not in actors, "it cannot be asked to stop"
            otpy.register("stream", box.pid)
            otpy.send("stream", "by name")
            info = otpy.process_info(box.pid)
            assert info is not None
            assert (info.label, info.ancestors[0]) == ("stream 7", otpy.self_pid())
            assert await box.receive() == "by name"
            waits = asyncio.create_task(box.receive())
            await asyncio.sleep(0)
            assert status(box.pid) == "waiting"
            otpy.send(box.pid, None)
            await waits
        assert otpy.whereis("stream") is None
        return [box_pid for box_pid in otpy.processes() if box_pid not in before]

    assert in_a_server(scene) == []


ENDS: dict[str, tuple[Callable[[], Any], type[BaseException] | None, Any]] = {
    "return": (lambda: None, None, otpy.Normal()),
    "cancel": (lambda: _raise(asyncio.CancelledError()), asyncio.CancelledError, otpy.Shutdown("cancelled")),
    "exit": (lambda: _raise(otpy.ExitProcess("own")), otpy.ExitProcess, "own"),
}


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(("leave", "raised", "reason"), ENDS.values(), ids=ENDS)
@everywhere
@inside
def test_how_the_block_is_left_is_the_reason(
    run: Callable[[Scene], Any], leave: Callable[[], Any], raised: type[BaseException] | None, reason: Any
) -> None:
    """Those who monitor it are told, and what left the block is raised as if there were no mailbox."""
    me = otpy.self_pid()

    async def scene() -> str:
        try:
            async with otpy.Mailbox() as box:
                otpy.send(me, box.pid)
                await box.receive()
                leave()
        except BaseException as error:  # noqa: BLE001 - whatever it is
            assert raised is not None
            assert isinstance(error, raised)  # noqa: PT017 - not every case raises
        return "left"

    def watch() -> None:
        pid = get()
        ref = otpy.monitor(pid)
        otpy.send(pid, "go")
        otpy.send(me, ("reason", down(ref)))

    watcher = otpy.spawn(watch)
    otpy.spawn(lambda: otpy.send(me, run(scene)))
    otpy.send(watcher, otpy.receive(lambda message: isinstance(message, otpy.Pid)))
    got = [get(), get()]
    assert ("reason", reason) in got
    assert "left" in got


@inside
def test_an_error_that_leaves_the_block_is_a_crash() -> None:
    """Its links hear of it."""

    async def scene() -> otpy.Pid:
        victim = otpy.spawn(otpy.receive)
        with contextlib.suppress(LookupError):
            async with otpy.Mailbox() as box:
                box.link(victim)
                raise LookupError("crash")
        return victim

    assert not otpy.is_alive(in_a_server(scene))


@everywhere
@inside
def test_an_exit_signal_ends_the_coroutine_at_its_next_receive(run: Callable[[Scene], Any]) -> None:
    """`async for` ends quietly for a shutdown, and raises for what is none; one that waits is woken."""

    async def ended_with(reason: Any) -> str:
        async with otpy.Mailbox() as box:
            otpy.spawn(lambda: otpy.exit(box.pid, reason))
            try:
                async for _ in box:
                    pass
            except otpy.ExitProcess as error:
                return f"raised {error.reason!r}"
            return "ended"

    async def scene() -> list[str]:
        return [await ended_with(reason) for reason in (otpy.Shutdown(), "broken", otpy.Kill())]

    assert run(scene) == ["ended", "raised 'broken'", "raised Killed()"]


@inside
def test_it_monitors_and_links() -> None:
    """Down messages come to the mailbox; the end of a link ends it."""

    async def scene() -> list[object]:
        first, second = otpy.spawn(otpy.receive), otpy.spawn(otpy.receive)
        async with otpy.Mailbox() as box:
            ref = box.monitor(first)
            ignored = box.monitor(first)
            box.demonitor(ignored)
            otpy.exit(first, "gone")
            message = await box.receive(timeout=DEADLINE)
            assert message == otpy.Down(ref, first, "gone")
            box.link(second)
            otpy.exit(second, "linked")
            with pytest.raises(otpy.ExitProcess) as ended:
                await box.receive(timeout=DEADLINE)
            return [ended.value.reason]

    assert in_a_server(scene) == ["linked"]


@inside
def test_it_ends_with_the_process_that_opened_it() -> None:
    """Also where its coroutine goes on for a while; then there is nothing that anybody could send to."""
    pids: list[otpy.Pid] = []
    released = asyncio.Event()

    async def scene() -> None:
        async def stream() -> None:
            async with otpy.Mailbox() as box:
                pids.append(box.pid)
                opened.set()
                await released.wait()

        opened = asyncio.Event()
        tasks.append(asyncio.create_task(stream()))
        await opened.wait()

    async def release() -> None:
        released.set()

    tasks: list[asyncio.Task[None]] = []
    server = LoopEcho.start()
    otpy.call(server, scene)
    otpy.exit(server, otpy.Kill())
    eventually(lambda: not otpy.is_alive(pids[0]))
    otpy.call(LoopEcho.start(), release)
    eventually(tasks[0].done)
    assert tasks[0].exception() is None


def test_a_runtime_that_stops_ends_it() -> None:
    """Its coroutine hears of it; nothing is left."""
    outcome: list[object] = []
    opened = threading.Event()

    async def stream() -> None:
        async with otpy.Mailbox() as box:
            opened.set()
            outcome.extend([message async for message in box])
        outcome.append("ended")

    thread = threading.Thread(target=lambda: asyncio.run(stream()))
    with otpy.runtime():
        thread.start()
        assert opened.wait(DEADLINE)
    thread.join(DEADLINE)
    assert outcome == ["ended"]


@pytest.mark.usefixtures("otp_runtime")
def test_what_is_not_in_its_block_is_refused() -> None:
    """With what to do."""

    async def scene() -> None:
        box = otpy.Mailbox()
        with pytest.raises(RuntimeError, match="inside `async with"):
            str(box.pid)
        async with box:
            with pytest.raises(RuntimeError, match="one block at a time"):
                await box.__aenter__()
            first = asyncio.create_task(box.receive())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="give each a mailbox of its own"):
                await box.receive()
            otpy.send(box.pid, "for the first")
            assert await first == "for the first"
        with pytest.raises(RuntimeError, match="inside `async with"):
            await box.receive()
        async with box:  # a new process
            assert otpy.call(Echo.start(), "alive") == "alive"

    asyncio.run(scene())


@inside
def test_a_generator_that_is_closed_in_the_middle_ends_its_process() -> None:
    """As web frameworks do with streams whose client has gone."""

    async def scene() -> Any:
        async def stream() -> AsyncGenerator[Any]:
            async with otpy.Mailbox() as box:
                yield box.pid
                async for message in box:
                    yield message

        generator = stream()
        pid = await anext(generator)
        otpy.send(pid, 1)
        assert await anext(generator) == 1
        ref = otpy.monitor(pid)
        await generator.aclose()
        return otpy.is_alive(pid), ref

    alive, _ = in_a_server(scene)
    assert not alive
